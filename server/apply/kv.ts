// Puts, deletions, transactions and compactions, applied: request in, response or EtcdError out, all
// writes in the turn's batch (facts: apply rules §2, §3). Responses carry headers with only the
// revision; the API adds identity and term. Every member computes the same state; only what is read
// for an answer may be skipped where nobody waits for it.
import { compareBytes, emptyBytes } from "#base/bytes.ts";
import type { LeaseId } from "#base/ids.ts";
import type { StateBatch } from "#base/state-batch.ts";
import { EtcdError, etcdError } from "#proto/errors.ts";
import type { ResponseHeader } from "#proto/gen/header.ts";
import {
  type CompactionRequest,
  type CompactionResponse,
  type DeleteRangeRequest,
  type DeleteRangeResponse,
  type PutRequest,
  type PutResponse,
  RangeRequest,
  type RangeResponse,
  type ResponseOp,
  type TxnRequest,
  type TxnResponse,
} from "#proto/gen/kv.ts";
import { type Choice, choose } from "#server/apply/compare.ts";
import { wantTxn } from "#server/apply/prefetch.ts";
import type { LeaseAttachments } from "#server/mvcc/leases.ts";
import type { MvccStore } from "#server/mvcc/store.ts";
import type { WriteTxn } from "#server/mvcc/write-txn.ts";

export { prefetch } from "#server/apply/prefetch.ts";

export interface KvContext {
  readonly store: MvccStore;
  readonly leases: LeaseAttachments;
  /** The turn's batch. */
  readonly batch: StateBatch;
  /** False if nobody here waits for the answer: ranges inside transactions are then not read. */
  readonly answers: boolean;
}

const noLease = 0n as LeaseId;

function header(revision: number): ResponseHeader {
  return { clusterId: 0n, memberId: 0n, revision, raftTerm: 0 };
}

/** Runs `read`, whose EtcdError is a result and not a crash. */
function attempt<T>(read: () => T): T | EtcdError {
  try {
    return read();
  } catch (thrown) {
    if (thrown instanceof EtcdError) return thrown;
    throw thrown;
  }
}

/** leaseNotFound, or keyNotFound for ignore_value and ignore_lease of a key that does not exist. */
export function applyPut(context: KvContext, request: PutRequest): PutResponse | EtcdError {
  const error = checkPutState(context, request);
  if (error !== undefined) return error;
  const txn = context.store.begin(context.batch);
  const response = put(context.store, txn, request);
  txn.end();
  return response;
}

function checkPutState({ store, leases }: KvContext, request: PutRequest): EtcdError | undefined {
  if (request.lease !== 0n && !leases.exists(request.lease as LeaseId)) {
    return etcdError("leaseNotFound");
  }
  if (!request.ignoreValue && !request.ignoreLease) return undefined;
  return store.leaseOf(request.key) === undefined ? etcdError("keyNotFound") : undefined;
}

function put(store: MvccStore, txn: WriteTxn, request: PutRequest): PutResponse {
  const { key, ignoreValue, ignoreLease, prevKv } = request;
  if (!ignoreValue && !ignoreLease && !prevKv) {
    txn.put(key, request.value, request.lease as LeaseId);
    return { header: header(txn.main), prevKv: undefined };
  }
  const previous = ignoreValue || prevKv ? store.current(key) : undefined;
  // The key existed before the transaction, but "delete everything from a key on" (which the check
  // for duplicates does not see) may have deleted it since. etcd crashes there; we put afresh.
  const value = ignoreValue ? (previous?.value ?? emptyBytes) : request.value;
  const lease = ignoreLease ? (store.leaseOf(key) ?? noLease) : (request.lease as LeaseId);
  txn.put(key, value, lease);
  return { header: header(txn.main), prevKv: prevKv ? previous : undefined };
}

export function applyDeleteRange(
  context: KvContext,
  request: DeleteRangeRequest,
): DeleteRangeResponse {
  const txn = context.store.begin(context.batch);
  const response = deleteRange(txn, request);
  txn.end();
  return response;
}

function deleteRange(txn: WriteTxn, request: DeleteRangeRequest): DeleteRangeResponse {
  const { key, rangeEnd, prevKv } = request;
  const prevKvs = prevKv ? txn.range(RangeRequest.fromPartial({ key, rangeEnd })).kvs : [];
  const deleted = txn.deleteRange(key, rangeEnd);
  return { header: header(txn.revision), deleted, prevKvs };
}

/** Deletes the keys of a revoked lease, in ascending order and one revision, as far as they exist. */
export function applyDeleteKeys(context: KvContext, keys: readonly Uint8Array[]): void {
  const txn = context.store.begin(context.batch);
  txn.deleteKeys([...keys].sort((a, b) => compareBytes(a, b)));
  txn.end();
}

/** A range that came through the log, as members before 3.0 proposed them. Its records are prefetched. */
export function applyRange(context: KvContext, request: RangeRequest): RangeResponse | EtcdError {
  return attempt(() => context.store.rangeSync(request));
}

/** The first failing operation's error fails the whole transaction, without any change. */
export function applyTxn(context: KvContext, request: TxnRequest): TxnResponse | EtcdError {
  const { store, batch } = context;
  const choice = choose(store, request);
  const error = checkChoice(context, choice);
  if (error !== undefined) return error;
  const txn = store.begin(batch);
  if (readsAtRevision(choice)) txn.keepOverwritten();
  const response = execute(context, txn, choice);
  response.header = header(txn.revision);
  txn.end();
  return response;
}

function readsAtRevision(choice: Choice): boolean {
  return choice.ops.some(
    ({ request }, i) =>
      (request?.$case === "requestRange" && request.value.revision > 0) ||
      (request?.$case === "requestTxn" && readsAtRevision(choice.nested[i]!)),
  );
}

function checkChoice(context: KvContext, choice: Choice): EtcdError | undefined {
  for (let i = 0; i < choice.ops.length; i++) {
    const { request } = choice.ops[i]!;
    let error: EtcdError | undefined;
    if (request?.$case === "requestRange") error = checkRangeRevision(context.store, request.value);
    else if (request?.$case === "requestPut") error = checkPutState(context, request.value);
    else if (request?.$case === "requestTxn") error = checkChoice(context, choice.nested[i]!);
    if (error !== undefined) return error;
  }
  return undefined;
}

function checkRangeRevision(store: MvccStore, request: RangeRequest): EtcdError | undefined {
  if (request.revision === 0) return undefined;
  if (request.revision > store.currentRevision) return etcdError("futureRevision");
  return request.revision < store.compactRevision ? etcdError("compacted") : undefined;
}

function execute(context: KvContext, txn: WriteTxn, choice: Choice): TxnResponse {
  const responses: ResponseOp[] = [];
  for (let i = 0; i < choice.ops.length; i++) {
    const { request } = choice.ops[i]!;
    switch (request?.$case) {
      case "requestRange": {
        const value = context.answers
          ? txn.range(request.value)
          : { header: header(txn.revision), kvs: [], more: false, count: 0 };
        responses.push({ response: { $case: "responseRange", value } });
        break;
      }
      case "requestPut":
        responses.push({
          response: { $case: "responsePut", value: put(context.store, txn, request.value) },
        });
        break;
      case "requestDeleteRange":
        responses.push({
          response: { $case: "responseDeleteRange", value: deleteRange(txn, request.value) },
        });
        break;
      case "requestTxn": {
        const value = execute(context, txn, choice.nested[i]!);
        responses.push({ response: { $case: "responseTxn", value } });
        break;
      }
      default:
        responses.push({ response: undefined });
    }
  }
  // A nested transaction's own header stays empty.
  return { header: header(0), succeeded: choice.succeeded, responses };
}

/** A transaction of ranges only, on one revision. A promise only if something is cold. */
export function readOnlyTxn(
  store: MvccStore,
  request: TxnRequest,
): TxnResponse | Promise<TxnResponse> {
  wantTxn(store, request);
  const fetching = store.fetchWanted();
  return fetching === undefined ? readTxn(store, request) : readTxnCold(store, request, fetching);
}

async function readTxnCold(
  store: MvccStore,
  request: TxnRequest,
  first: ReturnType<MvccStore["fetchWanted"]>,
): Promise<TxnResponse> {
  const held = [];
  try {
    // While one fetch waits, changes may make other records matter.
    for (let fetching = first; fetching !== undefined; ) {
      held.push(await fetching);
      wantTxn(store, request);
      fetching = store.fetchWanted();
    }
    return readTxn(store, request);
  } finally {
    for (const pins of held) pins.release();
  }
}

/** Throws EtcdError. */
function readTxn(store: MvccStore, request: TxnRequest): TxnResponse {
  const choice = choose(store, request);
  const ranges: RangeRequest[] = [];
  for (const { request: op } of choice.ops) {
    if (op?.$case !== "requestRange") throw new Error("a read-only transaction holds a write");
    const error = checkRangeRevision(store, op.value);
    if (error !== undefined) throw error;
    ranges.push(op.value);
  }
  return {
    header: header(store.currentRevision),
    succeeded: choice.succeeded,
    responses: ranges.map((range) => ({
      response: { $case: "responseRange", value: store.rangeSync(range) },
    })),
  };
}

/** Schedules; the deletions follow in steps between turns. futureRevision or compacted. */
export function applyCompaction(
  context: KvContext,
  request: CompactionRequest,
): CompactionResponse | EtcdError {
  const { store, batch } = context;
  return attempt(() => {
    store.scheduleCompaction(request.revision, batch);
    return { header: header(store.currentRevision) };
  });
}
