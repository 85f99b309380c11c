// Back-pressure of a stream of answers, as something to wait for.
import type { Clock } from "#base/clock.ts";
import type { Responder } from "#server/rpc/service-registry.ts";

/** Waits until the connection takes more, or the call is over. */
export class Room {
  private wake: (() => void) | undefined;

  constructor(responder: Responder) {
    const run = (): void => this.wake?.();
    responder.onDrain(run);
    responder.onEnded(run);
  }

  wait(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }

  /** As `wait`; false if neither has happened after `limitMs`. */
  waitAtMost(limitMs: number, clock: Clock): Promise<boolean> {
    return new Promise((resolve) => {
      const limit = clock.after(limitMs, () => resolve(false));
      this.wake = () => {
        limit.cancel();
        resolve(true);
      };
    });
  }
}
