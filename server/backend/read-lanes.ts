// Limits how many reads are in the thread pool at a time. Jobs take turns, a read each, so that a
// request for thousands of records does not hold up one for a single record.
import { assert } from "#base/assert.ts";
import { OperatingError } from "#base/errors.ts";

/** Starts one read, whose end must call `release`; returns whether there are more to start. */
export type ReadJob = (release: () => void) => boolean;

const maxWaitingJobs = 65_536;

export class ReadLanes {
  private free: number;
  private readonly total: number;
  private waiting: ReadJob[] = [];

  constructor(lanes: number) {
    assert(Number.isInteger(lanes) && lanes > 0, "reads: at least one lane");
    this.free = lanes;
    this.total = lanes;
  }

  /** Starts the job's reads as lanes become free; throws if too many jobs wait. */
  submit(job: ReadJob): void {
    if (this.waiting.length >= maxWaitingJobs) {
      throw new OperatingError("READS_OVERLOADED", `${maxWaitingJobs} reads wait for the disk`);
    }
    this.waiting.push(job);
    this.pump();
  }

  private pump(): void {
    while (this.free > 0) {
      const job = this.waiting.shift();
      if (job === undefined) return;
      this.free--;
      if (job(this.release)) this.waiting.push(job);
    }
  }

  private readonly release = (): void => {
    this.free++;
    assert(this.free <= this.total, "reads: a lane is released twice");
    this.pump();
  };
}
