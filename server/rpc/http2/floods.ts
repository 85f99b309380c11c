// Frames that cost us and bring a client nothing: bounded in rate. Whoever sends more than any real
// client does is cut off with ENHANCE_YOUR_CALM.
import { ConnectionFault, errorCode } from "./frame.ts";

/** So many at once, and so many a second on. */
const burst = 10_000;
const perMs = 1;

export class FloodGuard {
  private readonly nowMs: () => number;
  private left = burst;
  private atMs: number;

  constructor(nowMs: () => number) {
    this.nowMs = nowMs;
    this.atMs = nowMs();
  }

  /** Counts one; throws ConnectionFault beyond the bound. */
  count(what: string): void {
    if (this.left >= 1) {
      this.left--;
      return;
    }
    const now = this.nowMs();
    this.left = Math.min(burst, (now - this.atMs) * perMs);
    this.atMs = now;
    if (this.left < 1)
      throw new ConnectionFault(errorCode.enhanceYourCalm, `a flood of ${what}`, "flood");
    this.left--;
  }
}
