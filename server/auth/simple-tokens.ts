// Simple tokens: random letters and the index of their Authenticate. Every member remembers them in
// memory, since every member applies that; they end after a time without use, when their user changes,
// and with the process (facts: apply rules §7). `#tokens` stands in the order of expiry.
import type { AppliedAuthentication, Identity, TokenProvider } from "./tokens.ts";

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const prefixLetters = 16;

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
    this.#tokens.delete(token);
    this.#tokens.set(token, { username, expiryMs: nowMs + this.#options.ttlMs });
    return token;
  }

  identify(token: string, revision: number): Identity | undefined {
    const known = this.#tokens.get(token);
    if (known === undefined) return undefined;
    const nowMs = this.#options.monotonicMs();
    this.#tokens.delete(token);
    if (known.expiryMs <= nowMs) return undefined;
    known.expiryMs = nowMs + this.#options.ttlMs;
    this.#tokens.set(token, known);
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
  }

  invalidateUser(username: string): void {
    for (const [token, one] of this.#tokens) {
      if (one.username === username) this.#tokens.delete(token);
    }
  }

  #forgetExpired(nowMs: number): void {
    for (const [token, { expiryMs }] of this.#tokens) {
      if (expiryMs > nowMs) return;
      this.#tokens.delete(token);
    }
  }
}
