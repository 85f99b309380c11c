// Virtual time for whole members, which are full of promises: after each event everything that it set
// going is worked off before the next one, turns of the event loop included. One process of a member
// has a Life: what it began dies with it, and waits while it is paused.
import { setImmediate as realTurn } from "node:timers/promises";
import type { Clock, Timer } from "#base/clock.ts";
import { Timeline } from "../events.ts";
import { Violation } from "../violation.ts";

/** Turns of the event loop after one event; beyond it something goes round and round. */
const maxRounds = 20_000;

export class VirtualTime {
  readonly timeline = new Timeline();
  private turns: (() => void)[] = [];

  get nowMs(): number {
    return this.timeline.nowMs;
  }

  after(delayMs: number, run: () => void): void {
    this.timeline.after(delayMs, run);
  }

  /** Runs in a later turn of the event loop, at the same virtual time. */
  schedule(run: () => void): void {
    this.turns.push(run);
  }

  async runUntil(untilMs: number): Promise<void> {
    await this.settle();
    for (;;) {
      const run = this.timeline.take(untilMs);
      if (run === undefined) return;
      run();
      await this.settle();
    }
  }

  /** A real turn works off all promises that can be; what they scheduled comes next. */
  private async settle(): Promise<void> {
    await realTurn();
    for (let rounds = 0; this.turns.length > 0; rounds++) {
      if (rounds > maxRounds) throw new Violation("liveness", `no end at ${this.nowMs} ms`);
      const { turns } = this;
      this.turns = [];
      for (const run of turns) {
        run();
        await realTurn();
      }
    }
  }
}

/** Milliseconds since 1970 at which every simulation begins. */
const beginMs = 1_700_000_000_000;

export class Life implements Clock {
  private readonly time: VirtualTime;
  private dead = false;
  private pausedUntilMs = 0;
  private deferred: (() => void)[] = [];

  private readonly wallOffsetMs: () => number;

  /** `wallOffsetMs`: how far the wall clock is off; the other one only ever goes on. */
  constructor(time: VirtualTime, wallOffsetMs: () => number = () => 0) {
    this.time = time;
    this.wallOffsetMs = wallOffsetMs;
  }

  get isPaused(): boolean {
    return this.pausedUntilMs > this.time.nowMs;
  }

  get isDead(): boolean {
    return this.dead;
  }

  /** Nothing of this life happens any more. */
  end(): void {
    this.dead = true;
    this.deferred = [];
  }

  /** Nothing happens for so long; then all that should have, in its order. */
  pause(forMs: number): void {
    const untilMs = this.time.nowMs + forMs;
    if (untilMs <= this.pausedUntilMs) return;
    this.pausedUntilMs = untilMs;
    this.time.after(forMs, () => this.resume());
  }

  /** Ends a pause early. */
  wake(): void {
    this.pausedUntilMs = 0;
    this.resume();
  }

  private resume(): void {
    if (this.isPaused) return;
    const { deferred } = this;
    this.deferred = [];
    for (const run of deferred) this.time.after(0, () => this.enter(run));
  }

  /** Runs something in this life, now or when its pause is over. */
  enter(run: () => void): void {
    if (this.dead) return;
    if (this.isPaused) this.deferred.push(run);
    else run();
  }

  schedule(run: () => void): void {
    this.time.schedule(() => this.enter(run));
  }

  monotonicMs(): number {
    return this.time.nowMs;
  }

  wallMs(): number {
    return beginMs + this.time.nowMs + this.wallOffsetMs();
  }

  after(delayMs: number, run: () => void): Timer {
    let cancelled = false;
    this.time.after(delayMs, () =>
      this.enter(() => {
        if (!cancelled) run();
      }),
    );
    return {
      cancel: () => {
        cancelled = true;
      },
    };
  }

  every(periodMs: number, run: () => void): Timer {
    let timer: Timer;
    let cancelled = false;
    const again = (): void => {
      timer = this.after(periodMs, () => {
        run();
        if (!cancelled) again();
      });
    };
    again();
    return {
      cancel: () => {
        cancelled = true;
        timer.cancel();
      },
    };
  }

  /** Resolves after `delayMs`; never in a life that has ended. */
  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.after(delayMs, resolve));
  }
}
