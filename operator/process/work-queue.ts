// Keys that are to be looked at: each at most once at a time, never twice in the queue, later again after a
// failure with a pause that doubles. A key that is asked for while it is being looked at is looked at once
// more afterwards. Bounded by the number of keys.
import type { Clock, Timer } from "#base/clock.ts";

const firstPauseMs = 200;
const maxPauseMs = 60_000;

/** Looks at a key; answers in how many milliseconds it wants to be called again at the latest. */
export type Work = (key: string) => Promise<{ readonly againMs: number } | undefined>;

interface Entry {
  state: "idle" | "waiting" | "running";
  /** Asked for while it ran. */
  isAsked: boolean;
  failures: number;
  timer: Timer | undefined;
}

export interface WorkQueueOptions {
  readonly clock: Clock;
  /** How many keys are looked at together. */
  readonly workers: number;
  readonly work: Work;
  onFailure(key: string, error: unknown, pauseMs: number): void;
}

/** The pause after so many failures in a row. */
export function pauseAfter(failures: number): number {
  return Math.min(firstPauseMs * 2 ** Math.max(0, failures - 1), maxPauseMs);
}

export class WorkQueue {
  readonly #options: WorkQueueOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #waiting: string[] = [];
  #running = 0;
  #isStopped = false;
  #onIdle: (() => void) | undefined;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
  }

  /** Keys that wait for a worker. */
  get depth(): number {
    return this.#waiting.length;
  }

  /** Keys that are known. */
  get size(): number {
    return this.#entries.size;
  }

  /** Looks at a key as soon as can be. A key that failed keeps its pause unless `isUrgent`. */
  ask(key: string, isUrgent = false): void {
    if (this.#isStopped) return;
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      entry = { state: "idle", isAsked: false, failures: 0, timer: undefined };
      this.#entries.set(key, entry);
    }
    if (entry.state === "running") {
      entry.isAsked = true;
      return;
    }
    if (entry.failures > 0 && !isUrgent && entry.timer !== undefined) return;
    this.#enqueue(key, entry);
  }

  /** Forgets a key, and what it wanted. */
  forget(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    entry.timer?.cancel();
    if (entry.state === "waiting") this.#waiting.splice(this.#waiting.indexOf(key), 1);
    this.#entries.delete(key);
  }

  /** Begins nothing any more; resolves when nothing runs. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const entry of this.#entries.values()) entry.timer?.cancel();
    this.#waiting.length = 0;
    if (this.#running === 0) return;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
  }

  #enqueue(key: string, entry: Entry): void {
    entry.timer?.cancel();
    entry.timer = undefined;
    if (entry.state === "idle") {
      entry.state = "waiting";
      this.#waiting.push(key);
    }
    this.#begin();
  }

  #begin(): void {
    while (!this.#isStopped && this.#running < this.#options.workers) {
      const key = this.#waiting.shift();
      if (key === undefined) return;
      const entry = this.#entries.get(key);
      if (entry === undefined) continue;
      entry.state = "running";
      entry.isAsked = false;
      this.#running++;
      void this.#run(key, entry);
    }
  }

  async #run(key: string, entry: Entry): Promise<void> {
    const { work, onFailure, clock } = this.#options;
    let againMs: number | undefined;
    try {
      againMs = (await work(key))?.againMs;
      entry.failures = 0;
    } catch (error) {
      entry.failures++;
      againMs = pauseAfter(entry.failures);
      onFailure(key, error, againMs);
    }
    this.#running--;
    entry.state = "idle";
    if (this.#isStopped) {
      if (this.#running === 0) this.#onIdle?.();
      return;
    }
    // Forgotten, or forgotten and made anew, while it ran.
    if (this.#entries.get(key) === entry) {
      if (againMs === undefined) this.forget(key);
      else if (entry.isAsked && entry.failures === 0) this.#enqueue(key, entry);
      else entry.timer = clock.after(againMs, () => this.#enqueue(key, entry));
    }
    this.#begin();
  }
}
