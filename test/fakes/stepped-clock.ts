// A clock that a test moves: timers fire in the order in which they fall due, and all that one sets
// going is worked off before the next.
import type { Clock, Timer } from "#base/clock.ts";

interface Pending {
  readonly dueMs: number;
  readonly run: () => void;
}

export class SteppedClock implements Clock {
  private nowMs = 0;
  private pending: Pending[] = [];

  monotonicMs(): number {
    return this.nowMs;
  }

  wallMs(): number {
    return 1_700_000_000_000 + this.nowMs;
  }

  after(delayMs: number, run: () => void): Timer {
    const one = { dueMs: this.nowMs + delayMs, run };
    this.pending.push(one);
    return {
      cancel: () => {
        this.pending = this.pending.filter((other) => other !== one);
      },
    };
  }

  every(periodMs: number, run: () => void): Timer {
    let timer: Timer;
    const again = (): void => {
      timer = this.after(periodMs, again);
      run();
    };
    timer = this.after(periodMs, again);
    return { cancel: () => timer.cancel() };
  }

  /** How many timers wait. */
  get waiting(): number {
    return this.pending.length;
  }

  /** Lets so much time pass. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.nowMs + ms;
    for (;;) {
      const next = this.pending
        .filter(({ dueMs }) => dueMs <= untilMs)
        .reduce<Pending | undefined>(
          (first, one) => (first === undefined || one.dueMs < first.dueMs ? one : first),
          undefined,
        );
      if (next === undefined) break;
      this.pending = this.pending.filter((one) => one !== next);
      this.nowMs = Math.max(this.nowMs, next.dueMs);
      next.run();
      await settled();
    }
    this.nowMs = untilMs;
    await settled();
  }
}

/** Resolves once all promises that can be are worked off. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise(setImmediate);
}
