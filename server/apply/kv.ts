// STUB of the public surface; the implementation follows within minutes.
import type { StateBatch } from "#base/state-batch.ts";
import type { EtcdError } from "#proto/errors.ts";
import type {
  CompactionRequest,
  CompactionResponse,
  DeleteRangeRequest,
  DeleteRangeResponse,
  PutRequest,
  PutResponse,
  RangeRequest,
  RangeResponse,
  TxnRequest,
  TxnResponse,
} from "#proto/gen/kv.ts";
import type { Command } from "#server/apply/command.ts";
import type { LeaseAttachments } from "#server/mvcc/leases.ts";
import type { MvccStore, Pins } from "#server/mvcc/store.ts";

export interface KvContext {
  readonly store: MvccStore;
  readonly leases: LeaseAttachments;
  /** The turn's batch. */
  readonly batch: StateBatch;
  /** False if nobody here waits for the answer: ranges inside txns are then not read. */
  readonly answers: boolean;
}

/**
 * Fetches and pins what the commands will read; undefined if all is warm. Call it for the whole
 * batch, and again with each single command right before applying it: earlier commands of the batch
 * may have shifted what it reads (then, rarely, it is a promise once more; loop until undefined).
 */
export declare function prefetch(
  store: MvccStore,
  commands: readonly Pick<Command, "kind" | "payload">[],
): Promise<Pins> | undefined;
export declare function applyPut(context: KvContext, request: PutRequest): PutResponse | EtcdError;
export declare function applyDeleteRange(
  context: KvContext,
  request: DeleteRangeRequest,
): DeleteRangeResponse | EtcdError;
export declare function applyTxn(context: KvContext, request: TxnRequest): TxnResponse | EtcdError;
export declare function applyRange(
  context: KvContext,
  request: RangeRequest,
): RangeResponse | EtcdError;
export declare function applyCompaction(
  context: KvContext,
  request: CompactionRequest,
): CompactionResponse | EtcdError;
/** Deletes the keys of a revoked lease in ascending order, in one revision. */
export declare function applyDeleteKeys(context: KvContext, keys: readonly Uint8Array[]): void;
/** A txn of ranges only, on one revision; a promise only if something is cold. Rejects EtcdError. */
export declare function readOnlyTxn(
  store: MvccStore,
  request: TxnRequest,
): TxnResponse | Promise<TxnResponse>;
