// Short ways to write transactions and to read their answers.
import type {
  Compare,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  ResponseOp,
  TxnRequest,
  TxnResponse,
} from "#proto/gen/kv.ts";
import { b, s } from "./setting.ts";

export const EQUAL = 0;
export const GREATER = 1;
export const LESS = 2;
export const NOT_EQUAL = 3;
export const VERSION = 0;
export const CREATE = 1;
export const MOD = 2;
export const VALUE = 3;
export const LEASE = 4;

type Union = Compare["targetUnion"];
/** A transaction of operations made below. */
export type PartialTxn = { [K in keyof TxnRequest]?: unknown[] };

/** A put, as an operation of a txn. */
export function put(key: string, value: string, more: Partial<PutRequest> = {}): unknown {
  return { request: { $case: "requestPut", value: { key: b(key), value: b(value), ...more } } };
}

/** A range, as an operation of a txn. */
export function get(key: string, more: Partial<RangeRequest> = {}): unknown {
  return { request: { $case: "requestRange", value: { key: b(key), ...more } } };
}

/** A delete, as an operation of a txn. */
export function del(
  key: string,
  rangeEnd?: Buffer,
  more: Partial<DeleteRangeRequest> = {},
): unknown {
  const value = { key: b(key), ...(rangeEnd === undefined ? {} : { rangeEnd }), ...more };
  return { request: { $case: "requestDeleteRange", value } };
}

/** A txn, as an operation of a txn. */
export function nested(value: PartialTxn): unknown {
  return { request: { $case: "requestTxn", value } };
}

/** One compare. */
export function compare(
  key: string,
  target: number,
  result: number,
  targetUnion: Union,
  rangeEnd?: Buffer,
): unknown {
  const end = rangeEnd === undefined ? {} : { rangeEnd };
  return {
    key: b(key),
    target,
    result,
    ...(targetUnion === undefined ? {} : { targetUnion }),
    ...end,
  };
}

/** A version to compare with. */
export const version = (value: number): Union => ({ $case: "version", value });
/** A creation revision to compare with. */
export const created = (value: number): Union => ({ $case: "createRevision", value });
/** A modification revision to compare with. */
export const modified = (value: number): Union => ({ $case: "modRevision", value });
/** A value to compare with. */
export const valued = (value: string): Union => ({ $case: "value", value: b(value) });
/** A lease to compare with. */
export const leased = (value: bigint): Union => ({ $case: "lease", value });

/** One word for an operation's answer, to compare whole responses by. */
function word(op: ResponseOp, prefix: string): string {
  const { response } = op;
  switch (response?.$case) {
    case "responseRange":
      return `get(${response.value.kvs.map((kv) => `${s(kv.key).slice(prefix.length)}=${s(kv.value)}`).join(" ")})`;
    case "responsePut":
      return response.value.prevKv === undefined
        ? "put"
        : `put(was ${s(response.value.prevKv.value)})`;
    case "responseDeleteRange":
      return `del(${response.value.deleted})`;
    case "responseTxn":
      return `${response.value.succeeded ? "then" : "else"}[${words(response.value, prefix)}]`;
    default:
      return "none";
  }
}

/** All answers of a txn in one line, keys without `prefix`. */
export function words(answer: TxnResponse, prefix: string): string {
  return answer.responses.map((op) => word(op, prefix)).join(" ");
}
