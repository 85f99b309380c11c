// The port through which state records are read and written. server/backend implements it on
// RocksDB and in memory; both pass the suite in server/backend/contract.ts.
import type { Bucket, StateBatch } from "#base/state-batch.ts";

export type StateRecord = readonly [key: Uint8Array, value: Uint8Array];

/** Throws if no member could load a record of that bucket. */
export type CheckRecord = (bucket: Bucket, key: Uint8Array, value: Uint8Array) => void;

/** A batch that can be handed to Backend.write; it counts the bytes it holds. */
export interface WritableBatch extends StateBatch {
  readonly byteSize: number;
  readonly opCount: number;
}

/** One consistent view, taken when it was opened; must be closed. */
export interface StateView {
  /**
   * The next records of the interval in key order, at most `maxRecords`; empty at the end.
   * Calls must not overlap.
   */
  next(maxRecords: number): Promise<readonly StateRecord[]>;
  close(): Promise<void>;
}

export interface StateReader {
  /** The values of `keys`, in the same order; undefined for a key that is not there. */
  getMany(
    bucket: Bucket,
    keys: readonly Uint8Array[],
  ): Promise<readonly (Uint8Array | undefined)[]>;
  /** Opens a view of [from, to) of one bucket; without `to`, up to the bucket's end. */
  scan(bucket: Bucket, from: Uint8Array, to?: Uint8Array): StateView;
  /** Opens one view over all etcd buckets, in their order, and `shared` if asked for. */
  scanAll(options?: { readonly withShared: boolean }): AllBucketsView;
}

/** Like StateView over all buckets: each record carries its bucket. */
export interface AllBucketsView {
  next(
    maxRecords: number,
  ): Promise<readonly (readonly [bucket: Bucket, key: Uint8Array, value: Uint8Array])[]>;
  close(): Promise<void>;
}

export interface Backend extends StateReader {
  newBatch(): WritableBatch;
  /**
   * Writes the batch whole or not at all. Writes reach the store in the order of the calls; one that
   * has resolved is seen by every read that begins later, one under way may be. With `sync`, resolves
   * once this and all earlier writes are on the disk. Once a write has failed, that one and all
   * later ones reject with an OperatingError, and the process must end.
   * A write that may be done `lazily` can be held back for some milliseconds to share its way to the
   * disk with later ones; one that may not ends the wait.
   */
  write(
    batch: WritableBatch,
    options: { readonly sync: boolean; readonly lazily?: boolean },
  ): Promise<void>;
  /** Bytes of all records (keys and values) after the last resolved write: a counter, not file sizes. */
  sizeBytes(): number;
  /**
   * Visits all records of a bucket in order, at a fraction of what a view costs; `key` and `value` are only valid
   * within the call. False, with nothing visited, unless nothing was written since the opening; not every
   * backend can. Rejects with DATA_DAMAGED where the disk gives back what was not written.
   */
  visitUnwritten?(
    bucket: Bucket,
    visit: (key: Uint8Array, value: Uint8Array) => void,
  ): Promise<boolean>;
  /** Gives the disk space of deleted records back. Reads and writes go on meanwhile. */
  defragment(): Promise<void>;
  close(): Promise<void>;
}
