// The write-ahead log as a port. rocks-wal.ts implements it on RocksDB, memory-wal.ts in memory for
// the simulator; both pass contract.ts. One save a turn is the hot path.
import type { ClusterId, MemberId } from "#base/ids.ts";
import type { ConfState, Entry, HardState } from "#proto/gen/raft.ts";

/** Whose log this is; written once, when the log is made. */
export interface WalIdentity {
  readonly memberId: MemberId;
  readonly clusterId: ClusterId;
}

/** The point behind which the state alone tells everything; index 0 in a log that was just made. */
export interface SnapshotMark {
  readonly index: number;
  readonly term: number;
  readonly confState: ConfState;
}

/** What a log held when it was opened. */
export interface WalContents extends WalIdentity {
  /** Never behind the snapshot: term and commit are at least the snapshot's. */
  readonly hardState: HardState;
  readonly snapshot: SnapshotMark;
  /** Without gaps, from snapshot.index + 1. */
  readonly entries: Entry[];
}

/**
 * Calls take effect in their order; each is one batch, found whole or not at all after a crash.
 * Entries and marks are read before the call returns: the caller keeps them.
 * Once one has failed, that one and all later ones reject with an OperatingError and nothing is
 * tried again: what the disk holds is then unknown, and the process must end.
 */
export interface Wal {
  /**
   * Appends `entries`, which follow each other; entries from the first one's index on are replaced,
   * in the same batch. With `sync`, resolves once it is all on the disk, with what earlier calls
   * wrote; without, once the operating system has it.
   */
  save(hardState: HardState | undefined, entries: readonly Entry[], sync: boolean): Promise<void>;
  /** Moves the mark up; unsynced. The state up to mark.index must have been synced before. */
  saveSnapshot(mark: SnapshotMark): Promise<void>;
  /** Drops entries of index and below; index is at most the last mark's. Unsynced. */
  compact(index: number): Promise<void>;
  /**
   * Drops all entries and sets mark and hard state, in one synced batch: a snapshot is installed.
   * The mark is not behind the last commit index saved. Without a hard state the one saved stays,
   * and is raised to the mark when the log is opened.
   */
  reset(mark: SnapshotMark, hardState: HardState | undefined): Promise<void>;
  /** Waits for what was called before. */
  close(): Promise<void>;
}

/** The mark of a log that was just made. */
export const zeroMark: SnapshotMark = {
  index: 0,
  term: 0,
  confState: { voters: [], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false },
};

/** The hard state of a log that was just made. */
export const zeroHardState: HardState = { term: 0, vote: 0n, commit: 0 };

/**
 * A snapshot proves that its term and index were committed, so a hard state saved before it was
 * installed is raised to it; no vote can have been given in a term newer than the one saved.
 */
export function raiseHardState(hardState: HardState, mark: SnapshotMark): HardState {
  const { term, vote, commit } = hardState;
  if (term >= mark.term && commit >= mark.index) return hardState;
  return {
    term: Math.max(term, mark.term),
    vote: term >= mark.term ? vote : 0n,
    commit: Math.max(commit, mark.index),
  };
}
