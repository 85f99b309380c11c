// Durations counted in buckets that grow by a factor: what a histogram of Prometheus shows. Observing
// one touches a few numbers and allocates nothing, so that it may be done for every request.

export class DurationCounts {
  /** Upper bounds in seconds, ascending. */
  readonly bounds: readonly number[];
  /** Observations at most as long as each bound and longer than the one before; last, all beyond. */
  readonly counts: Float64Array;
  sumSeconds = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  observe(seconds: number): void {
    const { bounds } = this;
    let at = 0;
    while (at < bounds.length && seconds > bounds[at]!) at++;
    this.counts[at]!++;
    this.sumSeconds += seconds;
  }
}

/** `count` bounds that begin with `start` seconds and grow by `factor`. */
export function growingBounds(start: number, factor: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => start * factor ** index);
}

/** By success: how long what succeeded and what failed took. */
export class OutcomeDurations {
  readonly ok: DurationCounts;
  readonly failed: DurationCounts;

  constructor(bounds: readonly number[]) {
    this.ok = new DurationCounts(bounds);
    this.failed = new DurationCounts(bounds);
  }

  observe(seconds: number, ok: boolean): void {
    (ok ? this.ok : this.failed).observe(seconds);
  }
}
