// What a log holds, in numbers, and what a call may do to it. Both logs share these rules, so that a
// driver that breaks one fails in the simulator as it would on a disk, and before anything is written.
import { assert } from "#base/assert.ts";
import type { Entry, HardState } from "#proto/gen/raft.ts";
import type { SnapshotMark } from "#server/wal/wal.ts";

/** Where a log stands when it is opened. */
export interface WindowStart {
  readonly last: number;
  readonly mark: number;
  readonly hardState: HardState;
}

export class LogWindow {
  /** The last entry that is held. */
  last: number;
  /** Index of the last snapshot mark; mark ≤ last. */
  private mark: number;
  private term: number;
  private commit: number;

  constructor(start: WindowStart) {
    this.last = start.last;
    this.mark = start.mark;
    this.term = start.hardState.term;
    this.commit = start.hardState.commit;
  }

  /** Takes a save in. */
  save(hardState: HardState | undefined, entries: readonly Entry[]): void {
    const first = entries[0];
    if (first !== undefined) {
      assert(first.index > this.commit, "log: a committed entry is replaced");
      assert(first.index <= this.last + 1, "log: entries leave a gap");
      for (let i = 1; i < entries.length; i++) {
        assert(entries[i]?.index === first.index + i, "log: entries do not follow each other");
      }
      this.last = first.index + entries.length - 1;
    }
    if (hardState !== undefined) {
      assert(hardState.term >= this.term, "log: the term goes back");
      assert(hardState.commit >= this.commit, "log: the commit index goes back");
      this.term = hardState.term;
      this.commit = hardState.commit;
      assert(this.commit <= this.last, "log: an entry is committed that the log does not hold");
    }
    const last = entries[entries.length - 1];
    if (last !== undefined) {
      assert(last.term <= this.term, "log: an entry's term is beyond the hard state's");
    }
  }

  markAt(index: number): void {
    assert(index >= this.mark, "log: the snapshot mark moves back");
    assert(index <= this.last, "log: the snapshot mark is beyond the last entry");
    this.mark = index;
    this.commit = Math.max(this.commit, index);
  }

  /** Whether entries up to `index` may be dropped. */
  compact(index: number): void {
    assert(index <= this.mark, "log: compaction beyond the snapshot mark");
  }

  reset(mark: SnapshotMark, hardState: HardState | undefined): void {
    assert(mark.index >= this.commit, "log: an installed snapshot is behind the commit index");
    this.last = mark.index;
    this.mark = mark.index;
    this.term = Math.max(mark.term, hardState?.term ?? this.term);
    this.commit = mark.index;
    assert((hardState?.commit ?? 0) <= mark.index, "log: a commit index beyond an empty log");
  }
}
