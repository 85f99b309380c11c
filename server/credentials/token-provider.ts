// The tokens that --auth-token asks for.
import { randomInt } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Clock } from "#base/clock.ts";
import { errorText, OperatingError } from "#base/errors.ts";
import { etcdError } from "#proto/errors.ts";
import { SimpleTokens } from "#server/auth/simple-tokens.ts";
import type { TokenProvider } from "#server/auth/tokens.ts";
import type { TokenSettings } from "#server/config/auth-token.ts";
import { JwtTokens } from "./jwt.ts";

/** Throws OperatingError BAD_TOKEN_KEY for key files that cannot be read or do not fit. */
export function tokenProvider(
  settings: TokenSettings,
  simpleTtlMs: number,
  clock: Clock,
): TokenProvider {
  switch (settings.kind) {
    case "simple":
      return new SimpleTokens({
        ttlMs: simpleTtlMs,
        monotonicMs: () => clock.monotonicMs(),
        randomBelow: (bound) => randomInt(bound),
      });
    case "jwt":
      return new JwtTokens({
        signMethod: settings.signMethod,
        ttlMs: settings.ttlMs,
        publicKey: contents("pub-key", settings.publicKeyFile),
        privateKey: contents("priv-key", settings.privateKeyFile),
        wallMs: () => clock.wallMs(),
      });
    case "none":
      return noTokens;
  }
}

function contents(option: string, path: string | undefined): Uint8Array | undefined {
  if (path === undefined) return undefined;
  try {
    return readFileSync(path);
  } catch (error) {
    const text = `--auth-token: ${option}: ${errorText(error)}`;
    throw new OperatingError("BAD_TOKEN_KEY", text, { cause: error });
  }
}

const noTokens: TokenProvider = {
  prefix: () => "",
  assign: () => {
    throw etcdError("authFailed");
  },
  identify: () => undefined,
  awaitedIndex: () => 0,
  enable() {},
  disable() {},
  invalidateUser() {},
};
