// What the API refuses before anything is proposed or read (facts: apply rules §3, Validation).
import { Buffer } from "node:buffer";
import { IntervalUnion } from "#base/interval-union.ts";
import { type EtcdError, etcdError } from "#proto/errors.ts";
import type {
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
} from "#proto/gen/kv.ts";

const lastSortOrder = 2;
const lastSortTarget = 4;

/** The error of the request itself, or undefined if it may go on. */
export function checkRange(request: RangeRequest): EtcdError | undefined {
  if (request.key.length === 0) return etcdError("emptyKey");
  const { sortOrder, sortTarget } = request as { sortOrder: number; sortTarget: number };
  if (sortOrder < 0 || sortOrder > lastSortOrder || sortTarget < 0 || sortTarget > lastSortTarget) {
    return etcdError("invalidSortOption");
  }
  return undefined;
}

/** The error of the request itself, or undefined if it may go on. */
export function checkPut(request: PutRequest): EtcdError | undefined {
  if (request.key.length === 0) return etcdError("emptyKey");
  if (request.ignoreValue && request.value.length !== 0) return etcdError("valueProvided");
  if (request.ignoreLease && request.lease !== 0n) return etcdError("leaseProvided");
  return undefined;
}

/** The error of the request itself, or undefined if it may go on. */
export function checkDeleteRange(request: DeleteRangeRequest): EtcdError | undefined {
  return request.key.length === 0 ? etcdError("emptyKey") : undefined;
}

/**
 * The error of the request itself, or undefined if it may go on. A nested transaction gets what its
 * parent's largest list leaves of `maxTxnOps`.
 */
export function checkTxn(request: TxnRequest, maxTxnOps: number): EtcdError | undefined {
  const error = checkShape(request, maxTxnOps);
  if (error !== undefined) return error;
  const duplicate =
    collectWrites(request.success) === undefined || collectWrites(request.failure) === undefined;
  return duplicate ? etcdError("duplicateKey") : undefined;
}

function checkShape(request: TxnRequest, maxTxnOps: number): EtcdError | undefined {
  const { compare, success, failure } = request;
  const count = Math.max(compare.length, success.length, failure.length);
  if (count > maxTxnOps) return etcdError("tooManyOps");
  if (compare.some((one) => one.key.length === 0)) return etcdError("emptyKey");
  for (const ops of [success, failure]) {
    for (const op of ops) {
      const error = checkOp(op, maxTxnOps - count);
      if (error !== undefined) return error;
    }
  }
  return undefined;
}

function checkOp({ request }: RequestOp, maxTxnOps: number): EtcdError | undefined {
  switch (request?.$case) {
    case "requestRange":
      return checkRange(request.value);
    case "requestPut":
      return checkPut(request.value);
    case "requestDeleteRange":
      return checkDeleteRange(request.value);
    case "requestTxn":
      return checkShape(request.value, maxTxnOps);
    default:
      return etcdError("keyNotFound");
  }
}

interface Writes {
  readonly puts: Set<string>;
  readonly deletions: IntervalUnion;
}

/**
 * What one branch writes, or undefined if it puts a key twice or puts what it deletes. Deletions of
 * this level count against all puts; those of a nested transaction against later siblings and this
 * level's puts; the two branches of one nested transaction may put the same key.
 */
function collectWrites(ops: readonly RequestOp[]): Writes | undefined {
  const deletions = new IntervalUnion();
  const puts = new Set<string>();
  for (const { request } of ops) {
    if (request?.$case !== "requestDeleteRange") continue;
    const { key, rangeEnd } = request.value;
    const from = latin1(key);
    // A deletion of everything from a key on is, in this check, the interval up to "\0": empty.
    deletions.add(from, rangeEnd.length === 0 ? `${from}\0` : latin1(rangeEnd));
  }
  for (const { request } of ops) {
    if (request?.$case !== "requestTxn") continue;
    const success = collectWrites(request.value.success);
    const failure = success && collectWrites(request.value.failure);
    if (success === undefined || failure === undefined) return undefined;
    for (const key of success.puts) {
      if (puts.has(key) || deletions.contains(key)) return undefined;
    }
    for (const key of failure.puts) {
      if ((puts.has(key) && !success.puts.has(key)) || deletions.contains(key)) return undefined;
    }
    for (const key of success.puts) puts.add(key);
    for (const key of failure.puts) puts.add(key);
    deletions.addAll(success.deletions);
    deletions.addAll(failure.deletions);
  }
  for (const { request } of ops) {
    if (request?.$case !== "requestPut") continue;
    const key = latin1(request.value.key);
    if (puts.has(key) || deletions.contains(key)) return undefined;
    puts.add(key);
  }
  return { puts, deletions };
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

/** True if every operation of both branches is a range; a nested transaction counts as a write. */
export function isReadOnly(request: TxnRequest): boolean {
  const isRange = (op: RequestOp): boolean => op.request?.$case === "requestRange";
  return request.success.every(isRange) && request.failure.every(isRange);
}

/** True if it is read-only and every range is serializable: no read-index round is needed. */
export function isSerializable(request: TxnRequest): boolean {
  const isLocal = ({ request: op }: RequestOp): boolean =>
    op?.$case === "requestRange" && op.value.serializable;
  return request.success.every(isLocal) && request.failure.every(isLocal);
}
