// Which indexes a log on disk holds, and what a save may do to them. Both logs share these rules, so
// that a driver that breaks one fails in the simulator as it would on a disk.
import { assert } from "#base/assert.ts";
import type { Entry } from "#proto/gen/raft.ts";

/** Entries of (below, last] are held; `mark` is the index of the last snapshot mark. */
export class LogWindow {
  below: number;
  last: number;
  mark: number;

  constructor(below: number, last: number, mark: number) {
    this.below = below;
    this.last = last;
    this.mark = mark;
  }

  /** Takes entries in; returns the last index held before. */
  append(entries: readonly Entry[]): number {
    const before = this.last;
    const first = entries[0];
    if (first === undefined) return before;
    assert(first.index > this.mark, "log: an entry is below the snapshot mark");
    assert(first.index <= before + 1, "log: entries leave a gap");
    for (let i = 1; i < entries.length; i++) {
      assert(entries[i]?.index === first.index + i, "log: entries do not follow each other");
    }
    this.last = first.index + entries.length - 1;
    return before;
  }

  markAt(index: number): void {
    assert(index >= this.mark, "log: the snapshot mark moves back");
    assert(index <= this.last, "log: the snapshot mark is beyond the last entry");
    this.mark = index;
  }

  /** Drops up to `index`; returns the first index to drop. */
  compact(index: number): number {
    assert(index <= this.mark, "log: compaction beyond the snapshot mark");
    const from = this.below + 1;
    this.below = Math.max(this.below, index);
    return from;
  }

  reset(index: number): void {
    this.below = index;
    this.last = index;
    this.mark = index;
  }
}
