// Simple tokens: random letters and the index of their Authenticate. Every member remembers them in
// memory, since every member applies that; they end after a time without use, when their user changes,
// and with the process (facts: apply rules §7). `#tokens` stands in the order of expiry, and so do those
// of each user, of which only the newest are remembered: who logs in without end pushes himself out.
import type { AppliedAuthentication, Identity, TokenProvider } from "./tokens.ts";

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const prefixLetters = 16;
/** Tokens of one user; one more takes the place of the one that would end first. */
export const maxTokensPerUser = 4096;

export interface SimpleTokenOptions {
  readonly ttlMs: number;
  monotonicMs(): number;
  /** An integer in [0, bound) that nobody can guess. */
  randomBelow(bound: number): number;
}

interface Token {
  readonly username: string;
  expiryMs: number;
}

export class SimpleTokens implements TokenProvider {
  readonly #options: SimpleTokenOptions;
  readonly #tokens = new Map<string, Token>();
  readonly #byUser = new Map<string, Set<string>>();
  #enabled = false;

  constructor(options: SimpleTokenOptions) {
    this.#options = options;
  }

  /** Tokens that are remembered now. */
  get count(): number {
    return this.#tokens.size;
  }

  prefix(): string {
    let text = "";
    for (let i = 0; i < prefixLetters; i++) {
      text += letters[this.#options.randomBelow(letters.length)];
    }
    return text;
  }

  assign({ username, prefix, index }: AppliedAuthentication): string {
    const token = `${prefix}.${index}`;
    if (!this.#enabled) return token;
    const nowMs = this.#options.monotonicMs();
    this.#forgetExpired(nowMs);
    this.#forget(token);
    const own = this.#byUser.get(username);
    if (own !== undefined && own.size >= maxTokensPerUser) {
      for (const oldest of own) {
        this.#forget(oldest);
        break;
      }
    }
    this.#remember(token, { username, expiryMs: nowMs + this.#options.ttlMs });
    return token;
  }

  identify(token: string, revision: number): Identity | undefined {
    const known = this.#tokens.get(token);
    if (known === undefined) return undefined;
    const nowMs = this.#options.monotonicMs();
    this.#forget(token);
    if (known.expiryMs <= nowMs) return undefined;
    known.expiryMs = nowMs + this.#options.ttlMs;
    this.#remember(token, known);
    return { username: known.username, revision };
  }

  awaitedIndex(token: string): number {
    const match = /^[^.]*\.(\d{1,20})$/.exec(token);
    return match === null ? 0 : Math.min(Number(match[1]), Number.MAX_SAFE_INTEGER);
  }

  enable(): void {
    this.#enabled = true;
  }

  disable(): void {
    this.#enabled = false;
    this.#tokens.clear();
    this.#byUser.clear();
  }

  invalidateUser(username: string): void {
    for (const token of this.#byUser.get(username) ?? []) this.#tokens.delete(token);
    this.#byUser.delete(username);
  }

  /** Behind all others: it is the last to end. */
  #remember(token: string, one: Token): void {
    this.#tokens.set(token, one);
    const own = this.#byUser.get(one.username);
    if (own === undefined) this.#byUser.set(one.username, new Set([token]));
    else own.add(token);
  }

  #forget(token: string): void {
    const known = this.#tokens.get(token);
    if (known === undefined) return;
    this.#tokens.delete(token);
    const own = this.#byUser.get(known.username);
    own?.delete(token);
    if (own?.size === 0) this.#byUser.delete(known.username);
  }

  #forgetExpired(nowMs: number): void {
    for (const [token, { expiryMs }] of this.#tokens) {
      if (expiryMs > nowMs) return;
      this.#forget(token);
    }
  }
}
