// Time as a port: whatever waits or measures gets a Clock passed in, so that the simulator owns time.

/** A running timer; `cancel` after it fired does nothing. */
export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Milliseconds since an arbitrary start; never goes back. */
  monotonicMs(): number;
  /** Milliseconds since 1970 as the machine tells it; may jump. */
  wallMs(): number;
  /** Calls `run` once after at least `delayMs`. */
  after(delayMs: number, run: () => void): Timer;
  /** Calls `run` each `periodMs`; periods missed in a pause collapse into one. */
  every(periodMs: number, run: () => void): Timer;
}
