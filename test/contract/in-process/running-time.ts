// Simulated time that runs by itself, because the clients of the contract are on real sockets and
// do not know of it.
//
// In each round it goes on by at most `stepMs`, works off what fell due, and then gives the event
// loop at least a real millisecond. So it runs up to `stepMs` times as fast as real time, and a lease
// of two seconds takes a fifth of one; but what goes fast is only waiting: when the process is busy,
// or the machine is, a round takes longer and time passes more slowly. An election timeout is a
// hundred rounds away, in each of which every socket was looked at, so a slow machine starves no
// request and unseats no leader. Nothing in here compares real with simulated time.
import type { Clock, Timer } from "#base/clock.ts";
import { Life, VirtualTime } from "#test/simulation/cluster/virtual-time.ts";

const stepMs = 10;

export class RunningTime {
  readonly time = new VirtualTime();
  private stopped = false;
  private ended: Promise<void> | undefined;

  start(): void {
    this.ended = this.run();
  }

  /** Time stands still from then on. Rejects with what an event threw. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.ended;
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      await this.time.runUntil(this.time.nowMs + stepMs);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
}

/** The time of one life of a member; knows the timers that are still set. */
export class LifeTimers implements Clock {
  readonly life: Life;
  private readonly set = new Set<string>();
  private made = 0;

  constructor(time: VirtualTime) {
    this.life = new Life(time);
  }

  /** What was asked for and has neither come nor been cancelled. */
  get pending(): readonly string[] {
    return [...this.set];
  }

  monotonicMs(): number {
    return this.life.monotonicMs();
  }

  wallMs(): number {
    return this.life.wallMs();
  }

  after(delayMs: number, run: () => void): Timer {
    const name = this.note(`after ${delayMs} ms`);
    const timer = this.life.after(delayMs, () => {
      this.set.delete(name);
      run();
    });
    return this.cancelled(timer, name);
  }

  every(periodMs: number, run: () => void): Timer {
    return this.cancelled(this.life.every(periodMs, run), this.note(`every ${periodMs} ms`));
  }

  private note(what: string): string {
    const name = `${what} (#${++this.made})`;
    this.set.add(name);
    return name;
  }

  private cancelled(timer: Timer, name: string): Timer {
    return {
      cancel: () => {
        timer.cancel();
        this.set.delete(name);
      },
    };
  }
}
