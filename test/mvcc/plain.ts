// Responses in a plain form that can be compared, whoever gave them.
import assert from "node:assert/strict";
import type { RangeRequest, RangeResponse, TxnRequest, TxnResponse } from "#proto/gen/kv.ts";
import type { KeyValue } from "#proto/gen/mvcc.ts";
import { latin1, type Pair } from "./model.ts";
import type { KvCommand } from "./rig.ts";

export const pairOf = (kv: KeyValue): Pair => ({
  key: latin1(kv.key),
  value: latin1(kv.value),
  create: kv.createRevision,
  mod: kv.modRevision,
  version: kv.version,
  lease: kv.lease,
});

export function plainRange(response: RangeResponse): object {
  return {
    rev: response.header?.revision,
    count: response.count,
    more: response.more,
    pairs: response.kvs.map(pairOf),
  };
}

export function plainTxn(response: TxnResponse): object {
  return {
    rev: response.header?.revision,
    succeeded: response.succeeded,
    responses: response.responses.map(({ response: one }) => {
      switch (one?.$case) {
        case "responseRange":
          return plainRange(one.value);
        case "responsePut":
          return plain(one.value);
        case "responseDeleteRange":
          return plain(one.value);
        case "responseTxn":
          return plainTxn(one.value);
        default:
          throw new Error("an empty response");
      }
    }),
  };
}

export function plain(result: object | string): object | string {
  if (typeof result === "string") return result;
  if ("responses" in result) return plainTxn(result as TxnResponse);
  const response = result as {
    header: { revision: number };
    prevKv?: KeyValue;
    deleted?: number;
    prevKvs?: KeyValue[];
  };
  const rev = response.header.revision;
  if (response.deleted !== undefined) {
    return { rev, deleted: response.deleted, prevs: response.prevKvs!.map(pairOf) };
  }
  return { rev, prev: response.prevKv === undefined ? undefined : pairOf(response.prevKv) };
}

/** Sorting is not stable in etcd: among equals any order is right, and any may be cut. */
export function sameRange(
  actual: object,
  expected: object,
  request: RangeRequest,
  note: string,
): void {
  const ordered = request.sortTarget === 0;
  if (ordered) {
    assert.deepEqual(actual, expected, note);
    return;
  }
  const a = actual as { pairs: Pair[]; count: number; more: boolean; rev: number };
  const b = expected as typeof a;
  const field = (["key", "version", "create", "mod", "value"] as const)[request.sortTarget]!;
  assert.deepEqual(
    [a.rev, a.count, a.more, a.pairs.map((pair) => pair[field])],
    [b.rev, b.count, b.more, b.pairs.map((pair) => pair[field])],
    note,
  );
}

/** Holds a response in plain form against the expected one. */
export function compareResults(
  actual: object | string,
  expected: object | string,
  { payload }: KvCommand,
): void {
  if (typeof actual === "object" && "succeeded" in actual) {
    compareTxn(actual as PlainTxn, expected as PlainTxn, payload as TxnRequest);
  } else assert.deepEqual(actual, expected, JSON.stringify(payload, printable));
}

export interface PlainTxn {
  readonly rev: number;
  readonly succeeded: boolean;
  readonly responses: readonly object[];
}

export function compareTxn(actual: PlainTxn, expected: PlainTxn, request: TxnRequest): void {
  const note = JSON.stringify(request, printable);
  assert.deepEqual(
    [actual.rev, actual.succeeded, actual.responses.length],
    [expected.rev, expected.succeeded, expected.responses.length],
    note,
  );
  (actual.succeeded ? request.success : request.failure).forEach(({ request: op }, i) => {
    const [one, other] = [actual.responses[i]!, expected.responses[i]!];
    if (op?.$case === "requestRange") sameRange(one, other, op.value, note);
    else if (op?.$case === "requestTxn") compareTxn(one as PlainTxn, other as PlainTxn, op.value);
    else assert.deepEqual(one, other, note);
  });
}

export const printable = (_: string, value: unknown): unknown =>
  typeof value === "bigint" ? `${value}` : value;
