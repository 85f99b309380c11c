// Authentication for members in tests: tokens by the test's own clock and a count instead of chance, and
// passwords hashed at once, as cheaply as bcrypt can.
import { seededRandom } from "#base/random.ts";
import { EtcdError, grpcCode } from "#proto/errors.ts";
import type { ApiAuth } from "#server/api/member.ts";
import { type AuthPorts, AuthStore } from "#server/auth/auth-store.ts";
import { SimpleTokens } from "#server/auth/simple-tokens.ts";
import { hashPassword, isTooLong, passwordMatches } from "#server/credentials/bcrypt.ts";
import type { Passwords } from "#server/node/api-auth.ts";

const cheapestCost = 4;

/** What an AuthStore needs; tokens live for `ttlMs` of the clock. */
export function fakeAuthPorts(
  clock: { monotonicMs(): number } = { monotonicMs: () => 0 },
  seed = 1,
  ttlMs = 300_000,
): AuthPorts {
  const random = seededRandom(seed);
  return {
    tokens: new SimpleTokens({
      ttlMs,
      monotonicMs: () => clock.monotonicMs(),
      randomBelow: (bound) => random.below(bound),
    }),
    hashPassword: (password) => hashPassword(password, cheapestCost),
  };
}

/** A store without users. */
export function fakeAuthStore(): AuthStore {
  return new AuthStore(fakeAuthPorts());
}

/** Hashes on the spot. */
export const promptPasswords: Passwords = {
  async hash(password) {
    if (isTooLong(password)) {
      throw new EtcdError(grpcCode.unknown, "bcrypt: password length exceeds 72 bytes");
    }
    return hashPassword(password, cheapestCost);
  },
  matches: async (password, hash) => passwordMatches(password, hash),
};

/** Authentication that is off. */
export const authOff: ApiAuth = {
  isEnabled: false,
  revision: 1,
  identify: () => ({ username: "", revision: 0 }),
  adminRefusal: () => undefined,
  readRefusal: () => undefined,
  txnRefusal: () => undefined,
  renewalRefusal: () => undefined,
  leasesRefusal: () => undefined,
  tokenPrefix: () => "",
  checkPassword: async () => 1,
  hashPassword: async (password) => password,
};
