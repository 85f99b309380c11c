// Tokens as the replicated state knows them: who has one, and what must make them invalid. The kinds are
// simple-tokens.ts beside this file and, since signing needs more than pure code has, JWTs in
// server/credentials.

/** Who asks, and the auth revision that his permissions are those of. */
export interface Identity {
  readonly username: string;
  /** 0 for nobody. */
  readonly revision: number;
}

/** Stands for a request without a user. */
export const nobody: Identity = { username: "", revision: 0 };

/** One applied Authenticate, the same on every member. */
export interface AppliedAuthentication {
  readonly username: string;
  /** The auth revision at that time. */
  readonly revision: number;
  /** What the proposer drew by `prefix`. */
  readonly prefix: string;
  /** The index that had been applied before it. */
  readonly index: number;
  /** False if nobody on this member waits for the token. */
  readonly answers: boolean;
}

export interface TokenProvider {
  /** The random part of a token to be; empty if tokens are made elsewhere. */
  prefix(): string;
  /** The token of a user who showed his password. Throws EtcdError if this member can make none. */
  assign(authentication: AppliedAuthentication): string;
  /** Who has this token; undefined for nobody. `revision` is the current auth revision. */
  identify(token: string, revision: number): Identity | undefined;
  /** The index that must be applied before `identify` can know this token; 0 for none. */
  awaitedIndex(token: string): number;
  /** Authentication was switched on. */
  enable(): void;
  /** Authentication was switched off: no token is valid any more. */
  disable(): void;
  /** The user is gone or has another password. */
  invalidateUser(username: string): void;
}
