// The port through which raft reads its log. Synchronous: the entries that raft may ask for lie in
// memory (memory-log.ts), the write-ahead log holds the same on disk.
import type { Entry, Snapshot } from "#proto/gen/raft.ts";

/** Why entries cannot be had: dropped behind a snapshot, or not written yet. */
export type LogGap = "compacted" | "unavailable";

/** Returned slices are the caller's; the entries in them are shared and never changed. */
export interface RaftStorage {
  /** The first index whose entry can be read; the one before it has a known term only. */
  firstIndex(): number;
  /** The last index, or the snapshot's if there is no entry. */
  lastIndex(): number;
  /** The term at `index`, for firstIndex − 1 ≤ index ≤ lastIndex. */
  term(index: number): number | LogGap;
  /** Entries of [low, high), at most `maxBytes` of encoded size but always at least one. */
  entries(low: number, high: number, maxBytes: number): Entry[] | LogGap;
  /** A snapshot to send to a follower that fell behind: metadata, and data as the sender wants it. */
  snapshot(): Snapshot | "temporarily-unavailable";
}
