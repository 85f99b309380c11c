// When answers wait because connections come. libuv accepts one in a turn of the event loop, so turns must
// be short while many wait to be accepted: were each full of answers, whose clients then ask again,
// thousands of busy clients would keep newcomers out for a minute.

/** How long answers wait at most. */
const longestMs = 50;

export class Arrivals {
  private arrived = false;
  private endMs: number | undefined;
  /** When answers last left. */
  private answeredMs = Number.NEGATIVE_INFINITY;

  /** A connection was accepted: it may not be the last. */
  came(): void {
    this.arrived = true;
  }

  /**
   * Whether answers wait for another turn; asked at the end of a turn that has some. Those who come get
   * no more time than those who are here had since their last answers: a flood of them stops nobody.
   */
  hold(nowMs: number): boolean {
    const { arrived } = this;
    this.arrived = false;
    if (arrived) {
      this.endMs ??= nowMs + Math.min(longestMs, nowMs - this.answeredMs);
      if (nowMs < this.endMs) return true;
    }
    this.endMs = undefined;
    this.answeredMs = nowMs;
    return false;
  }
}
