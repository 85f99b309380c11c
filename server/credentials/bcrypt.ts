// bcrypt as Go's library writes it, so that etcd's members read our hashes and we theirs: version 2a,
// passwords of at most 72 bytes. All of it takes long by design: not for the main thread.
import { Buffer } from "node:buffer";
import { compareSync, genSaltSync, hashSync } from "bcryptjs";

/** bcrypt looks at no more, and Go refuses to hash more. */
export const maxPasswordBytes = 72;

/** The hash of a password, salted anew each time. */
export function hashPassword(password: string, cost: number): string {
  return hashSync(password, genSaltSync(cost).replace(/^\$2.\$/, "$2a$"));
}

/** False also for what is no hash. */
export function passwordMatches(password: string, hash: string): boolean {
  // Enough characters for all bytes that count, and a long password costs nothing.
  return compareSync(password.slice(0, maxPasswordBytes + 1), hash);
}

/** True if Go's library would refuse to hash it. */
export function isTooLong(password: string): boolean {
  return Buffer.byteLength(password) > maxPasswordBytes;
}
