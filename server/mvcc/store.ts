// STUB of the public surface; the implementation follows within minutes.
import type { StateBatch } from "#base/state-batch.ts";
import type { RangeRequest, RangeResponse } from "#proto/gen/kv.ts";
import type { Backend } from "#server/mvcc/backend.ts";
import type { LeaseAttachments } from "#server/mvcc/leases.ts";
import type { WriteTxn } from "#server/mvcc/write-txn.ts";

/** Rows pinned by a prefetch; release them once the commands have been applied. */
export interface Pins {
  release(): void;
}

export interface StoreOptions {
  /** CRC-32C of `data`, continuing from `seed`. */
  readonly crc32c: (data: Uint8Array, seed?: number) => number;
  /** Resolves in a later turn of the event loop; called between slices of long work. */
  readonly pause: () => Promise<void>;
  /** Bound of the cache of current records, in bytes. */
  readonly cacheBytes?: number;
  /** Bound of the newest records kept readable in memory beyond those not yet written, in bytes. */
  readonly recentBytes?: number;
}

export interface KvHash {
  readonly hash: number;
  readonly compactRevision: number;
  readonly hashRevision: number;
  readonly currentRevision: number;
}

export type CompactionProgress = "idle" | "more" | "blocked" | "finished";

export declare class MvccStore {
  private constructor();
  static load(
    backend: Backend,
    leases: LeaseAttachments,
    options: StoreOptions,
  ): Promise<MvccStore>;
  /** Takes over another state (an installed snapshot); then call hub.restore(). */
  reload(backend: Backend, leases: LeaseAttachments): Promise<void>;
  readonly currentRevision: number;
  /** The last compaction's revision, or -1. */
  readonly compactRevision: number;
  /** Bytes of records applied and not yet written to the backend. */
  readonly unwrittenBytes: number;
  /** Reads; a promise only if something is cold or the answer is long. Throws or rejects EtcdError. */
  range(request: RangeRequest): RangeResponse | Promise<RangeResponse>;
  /** The one write transaction of an apply; `end` it before the next begins. */
  begin(batch: StateBatch): WriteTxn;
  /** Everything up to `revision` has been written: call it with the currentRevision of the write call. */
  written(revision: number): void;
  /** A scheduled compaction has deletions left. */
  readonly compacting: boolean;
  /** One slice of physical compaction into `batch`. */
  compactStep(batch: StateBatch, maxRecords: number): CompactionProgress;
  /** Resolves once the physical compaction at `revision` is in a written batch. */
  compacted(revision: number): Promise<void>;
  hashKv(revision: number): Promise<KvHash>;
}
