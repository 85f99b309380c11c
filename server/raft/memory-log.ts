// The log that raft reads: the entries behind the last compaction, in memory. The write-ahead log
// holds the same on disk; the driver changes both in the same turn. Entries are shared with whoever
// reads them and never change; arrays are this log's own or the caller's own, never shared.
//
// Invariant: #entries[i].index = #base + 1 + i, where the entry at #base is known by its term only.
import { assert } from "#base/assert.ts";
import { emptyBytes } from "#base/bytes.ts";
import type { ConfState, Entry, HardState, Snapshot } from "#proto/gen/raft.ts";
import { countWithin } from "#server/raft/message.ts";
import type { LogGap, RaftStorage } from "#server/raft/storage.ts";

const emptyConfState: ConfState = {
  voters: [],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

export class MemoryLog implements RaftStorage {
  #entries: Entry[] = [];
  #base = 0;
  #baseTerm = 0;
  #hardState: HardState = { term: 0, vote: 0n, commit: 0 };
  #snapshot: Snapshot = emptySnapshot();

  firstIndex(): number {
    return this.#base + 1;
  }

  lastIndex(): number {
    return this.#base + this.#entries.length;
  }

  term(index: number): number | LogGap {
    if (index === this.#base) return this.#baseTerm;
    if (index < this.#base) return "compacted";
    return this.#entries[index - this.#base - 1]?.term ?? "unavailable";
  }

  entries(low: number, high: number, maxBytes: number): Entry[] | LogGap {
    if (low <= this.#base) return "compacted";
    if (high > this.lastIndex() + 1) return "unavailable";
    const from = low - this.#base - 1;
    const to = high - this.#base - 1;
    return this.#entries.slice(from, from + countWithin(this.#entries, { from, to }, maxBytes));
  }

  /** The last snapshot set here; none was ever set: nothing to send. */
  snapshot(): Snapshot | "temporarily-unavailable" {
    return this.snapshotIndex() === 0 ? "temporarily-unavailable" : this.#snapshot;
  }

  /** The index of what snapshot() gives; 0 if there is none. */
  snapshotIndex(): number {
    return this.#snapshot.metadata?.index ?? 0;
  }

  /** As last set; what raft starts with. */
  get hardState(): HardState {
    return this.#hardState;
  }

  /** The configuration of the snapshot. */
  get confState(): ConfState {
    return this.#snapshot.metadata?.confState ?? emptyConfState;
  }

  setHardState(hardState: HardState): void {
    this.#hardState = hardState;
  }

  /**
   * Appends entries with ascending indexes. What the log holds from the first of them on is dropped;
   * what lies before the first readable index is skipped, for it is already in a snapshot.
   */
  append(entries: readonly Entry[]): void {
    const firstEntry = entries[0];
    if (firstEntry === undefined) return;
    const first = Math.max(firstEntry.index, this.#base + 1);
    const skip = first - firstEntry.index;
    if (skip >= entries.length) return;
    assert(
      first <= this.lastIndex() + 1,
      `raft: append at ${first} leaves a gap behind ${this.lastIndex()}`,
    );
    this.#entries.length = first - this.#base - 1;
    for (let i = skip; i < entries.length; i++) {
      const entry = entries[i]!;
      assert(
        entry.index === first + i - skip,
        `raft: entry ${entry.index} appended in the place of ${first + i - skip}`,
      );
      this.#entries.push(entry);
    }
  }

  /** Drops entries up to and including `index`, whose term stays known. Older ones: nothing to do. */
  compact(index: number): void {
    if (index <= this.#base) return;
    const term = this.term(index);
    assert(
      typeof term === "number",
      `raft: compaction at ${index}, log ends at ${this.lastIndex()}`,
    );
    this.#entries = this.#entries.slice(index - this.#base);
    this.#base = index;
    this.#baseTerm = term;
  }

  /** Replaces everything by a received snapshot. An older one than ours is an error of the driver. */
  applySnapshot(snapshot: Snapshot): void {
    const { metadata } = snapshot;
    assert(metadata !== undefined, "raft: snapshot without metadata");
    assert(
      metadata.index >= this.snapshotIndex(),
      `raft: snapshot at ${metadata.index} would replace a newer one at ${this.snapshotIndex()}`,
    );
    this.#snapshot = snapshot;
    this.#entries = [];
    this.#base = metadata.index;
    this.#baseTerm = metadata.term;
  }

  /**
   * Makes what snapshot() gives: the state as of `index`, which is applied and still in the log. The
   * log itself stays; compact() shortens it. Returns the snapshot.
   */
  createSnapshot(index: number, confState: ConfState, data: Uint8Array): Snapshot {
    assert(
      index >= this.snapshotIndex(),
      `raft: snapshot at ${index} is older than ${this.snapshotIndex()}`,
    );
    const term = this.term(index);
    assert(typeof term === "number", `raft: snapshot at ${index}, which the log does not hold`);
    this.#snapshot = { data, metadata: { confState, index, term } };
    return this.#snapshot;
  }
}

function emptySnapshot(): Snapshot {
  return { data: emptyBytes, metadata: { confState: emptyConfState, index: 0, term: 0 } };
}
