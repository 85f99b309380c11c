import assert from "node:assert/strict";
import { test } from "node:test";
import { PutRequest, type RequestOp, TxnRequest } from "#proto/gen/kv.ts";
import type { Command } from "#server/apply/command.ts";
import { commandCost } from "#server/apply/quota.ts";

const put = PutRequest.fromPartial({ key: Buffer.alloc(10), value: Buffer.alloc(100) });
const putOp: RequestOp = { request: { $case: "requestPut", value: put } };
const nest = (txn: TxnRequest): RequestOp => ({ request: { $case: "requestTxn", value: txn } });
const txn = (success: RequestOp[], failure: RequestOp[] = []): TxnRequest =>
  TxnRequest.fromPartial({ success, failure });

const rows: readonly [title: string, kind: string, payload: object, bytes: number][] = [
  ["a put", "put", put, 366],
  ["the larger branch counts", "txn", txn([putOp], [putOp, putOp]), 732],
  ["nested puts count", "txn", txn([putOp, nest(txn([], [putOp]))]), 732],
  [
    "what only deletes costs nothing",
    "txn",
    txn([
      {
        request: {
          $case: "requestDeleteRange",
          value: { key: Buffer.alloc(3), rangeEnd: Buffer.alloc(0), prevKv: false },
        },
      },
    ]),
    0,
  ],
  ["a lease", "leaseGrant", { ID: 1n, TTL: 1 }, 64],
  ["a compaction", "compaction", { revision: 1, physical: false }, 0],
];

for (const [title, kind, payload, bytes] of rows) {
  test(`cost: ${title}`, () => {
    assert.equal(commandCost({ kind, payload } as Command), bytes);
  });
}
