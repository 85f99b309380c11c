// Which runs of entries lie on the disk, so that those that must go are deleted by their keys and no
// others are. What a log held below its mark when it was opened was not looked at: there every index
// may begin a run.
import { runBase } from "#server/wal/record.ts";

export class Runs {
  /** From here on every index below `known` may begin a run. */
  private unknown: number;
  /** First entries of the runs from `known` on, in order, behind `head` that are gone. */
  private starts: number[];
  private head = 0;
  private known: number;

  /** `lowest`: where the disk begins; `starts`: of the runs from `known` on. */
  constructor(lowest: number, known: number, starts: readonly number[]) {
    this.unknown = lowest;
    this.known = known;
    this.starts = [...starts];
  }

  /** A run was written behind all others. */
  add(first: number): void {
    this.starts.push(first);
  }

  /** Forgets the runs that begin at `index` or behind it, and tells their first entries. */
  cut(index: number): number[] {
    const { starts } = this;
    let kept = starts.length;
    while (kept > this.head && starts[kept - 1]! >= index) kept--;
    return starts.splice(kept);
  }

  /**
   * Forgets the runs that hold nothing behind `index`, and tells under which indexes they lie, some of
   * which may hold nothing. `last` is the last entry there is.
   */
  drop(index: number, last: number): number[] {
    const gone: number[] = [];
    const end = Math.min(this.known, index >= last ? index + 1 : runBase(index + 1));
    for (; this.unknown < end; this.unknown++) gone.push(this.unknown);
    const { starts } = this;
    for (; this.head < starts.length; this.head++) {
      const next = starts[this.head + 1] ?? last + 1;
      if (next > index + 1) break;
      gone.push(starts[this.head]!);
    }
    if (this.head > 1024 && this.head * 2 > starts.length) {
      this.starts = starts.slice(this.head);
      this.head = 0;
    }
    return gone;
  }

  /** Forgets all, and tells under which indexes they lie; what comes begins behind `mark`. */
  clear(mark: number): number[] {
    const gone: number[] = [];
    for (; this.unknown < this.known; this.unknown++) gone.push(this.unknown);
    gone.push(...this.starts.slice(this.head));
    this.unknown = mark + 1;
    this.known = mark + 1;
    this.starts = [];
    this.head = 0;
    return gone;
  }
}
