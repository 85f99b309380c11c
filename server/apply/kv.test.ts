// The rules of revisions and responses, one row each. Before each row: a=1 at 2, b=2 at 3, a=3 at 4;
// lease 7 exists. Every row was compared with the reference (test/mvcc/reference.test.ts).
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  Compare,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  type RequestOp,
  type ResponseOp,
  type TxnRequest,
  type TxnResponse,
} from "#proto/gen/kv.ts";
import type { KeyValue } from "#proto/gen/mvcc.ts";
import { readOnlyTxn } from "#server/apply/kv.ts";
import { type KvCommand, Rig } from "#test/mvcc/rig.ts";

const b = (text: string): Buffer => Buffer.from(text, "latin1");
type PutParts = Parameters<typeof PutRequest.fromPartial>[0];
type RangeParts = Parameters<typeof RangeRequest.fromPartial>[0];
const put = (key: string, parts: PutParts = {}): RequestOp => ({
  request: {
    $case: "requestPut",
    value: PutRequest.fromPartial({ key: b(key), value: b("n"), ...parts }),
  },
});
const del = (key: string, end = "", prevKv = false): RequestOp => ({
  request: {
    $case: "requestDeleteRange",
    value: DeleteRangeRequest.fromPartial({ key: b(key), rangeEnd: b(end), prevKv }),
  },
});
const get = (key: string, parts: RangeParts = {}): RequestOp => ({
  request: { $case: "requestRange", value: RangeRequest.fromPartial({ key: b(key), ...parts }) },
});
const nest = (compare: Compare[], success: RequestOp[], failure: RequestOp[] = []): RequestOp => ({
  request: { $case: "requestTxn", value: { compare, success, failure } },
});
const version = (key: string, value: number, rangeEnd = ""): Compare =>
  Compare.fromPartial({
    key: b(key),
    rangeEnd: b(rangeEnd),
    target: 0,
    result: 0,
    targetUnion: { $case: "version", value },
  });
const value = (key: string, text: string, result: 0 | 1 | 2 | 3 = 0): Compare =>
  Compare.fromPartial({
    key: b(key),
    target: 3,
    result,
    targetUnion: { $case: "value", value: b(text) },
  });

const pair = (kv: KeyValue): string =>
  `${kv.key}=${kv.value} c${kv.createRevision} m${kv.modRevision} v${kv.version}${kv.lease ? ` l${kv.lease}` : ""}`;

function showOp({ response }: ResponseOp): string {
  switch (response?.$case) {
    case "responsePut": {
      const { header, prevKv } = response.value;
      return `put@${header?.revision}${prevKv ? ` was ${pair(prevKv)}` : ""}`;
    }
    case "responseDeleteRange": {
      const { header, deleted, prevKvs } = response.value;
      return `del@${header?.revision} ${deleted}${prevKvs.map((kv) => ` was ${pair(kv)}`).join("")}`;
    }
    case "responseRange": {
      const { header, count, kvs } = response.value;
      return `get@${header?.revision} ${count}${kvs.map((kv) => ` ${pair(kv)}`).join("")}`;
    }
    case "responseTxn":
      return show(response.value);
    default:
      return "empty";
  }
}

function show(response: TxnResponse): string {
  const { header, succeeded, responses } = response;
  return `txn@${header?.revision} ${succeeded} [${responses.map(showOp).join("; ")}]`;
}

const rows: readonly [name: string, compare: Compare[], success: RequestOp[], answer: string][] = [
  ["nothing to do makes no revision", [], [], "txn@4 true []"],
  ["a delete of nothing makes no revision", [], [del("z")], "txn@4 true [del@4 0]"],
  [
    "a delete of nothing behind a change shows it",
    [],
    [put("c"), del("z")],
    "txn@5 true [put@5; del@5 0]",
  ],
  [
    "a range before the first change",
    [],
    [get("a"), put("c")],
    "txn@5 true [get@4 1 a=3 c2 m4 v2; put@5]",
  ],
  [
    "a range behind a change sees it",
    [],
    [put("a"), get("a")],
    "txn@5 true [put@5; get@5 1 a=n c2 m5 v3]",
  ],
  [
    "a range at an explicit revision sees the past",
    [],
    [put("a"), get("a", { revision: 4 })],
    "txn@5 true [put@5; get@5 1 a=3 c2 m4 v2]",
  ],
  [
    "previous pairs",
    [],
    [put("a", { prevKv: true }), del("b", "", true)],
    "txn@5 true [put@5 was a=3 c2 m4 v2; del@5 1 was b=2 c3 m3 v1]",
  ],
  [
    "ignore_value keeps it",
    [],
    [put("a", { value: b(""), ignoreValue: true }), get("a")],
    "txn@5 true [put@5; get@5 1 a=3 c2 m5 v3]",
  ],
  [
    "a lease",
    [],
    [put("a", { lease: 7n }), get("a")],
    "txn@5 true [put@5; get@5 1 a=n c2 m5 v3 l7]",
  ],
  [
    "ignore_lease of none",
    [],
    [put("a", { ignoreLease: true }), get("a")],
    "txn@5 true [put@5; get@5 1 a=n c2 m5 v3]",
  ],
  [
    "ignore_value of a key made in the same transaction fails all",
    [],
    [put("c"), put("d", { value: b(""), ignoreValue: true })],
    "keyNotFound",
  ],
  ["an unknown lease fails all", [], [put("a"), put("c", { lease: 9n })], "leaseNotFound"],
  ["a future range fails all", [], [put("a"), get("a", { revision: 5 })], "futureRevision"],
  [
    "a nested failure fails all",
    [],
    [put("a"), nest([], [get("a", { revision: 9 })])],
    "futureRevision",
  ],
  [
    "what is not taken is not checked",
    [version("a", 9)],
    [get("a", { revision: 9 })],
    "txn@4 false []",
  ],
  [
    "a nested transaction has no revision, its parts have",
    [],
    [put("c"), nest([], [put("d")])],
    "txn@5 true [put@5; txn@0 true [put@5]]",
  ],
  [
    "nested compares see the state before",
    [],
    [put("a"), nest([version("a", 2)], [get("b")])],
    "txn@5 true [put@5; txn@0 true [get@5 1 b=2 c3 m3 v1]]",
  ],
  [
    "a missing key has version 0",
    [version("z", 0)],
    [get("b")],
    "txn@4 true [get@4 1 b=2 c3 m3 v1]",
  ],
  [
    "a value compare of a missing key never holds",
    [value("z", "", 3)],
    [get("b")],
    "txn@4 false []",
  ],
  ["an interval: every key must match", [version("a", 2, "c")], [get("b")], "txn@4 false []"],
  [
    "an empty interval is a missing key",
    [version("x", 0, "z")],
    [get("b")],
    "txn@4 true [get@4 1 b=2 c3 m3 v1]",
  ],
  [
    "delete in key order, then versions start anew",
    [],
    [del("a", "c"), put("zz")],
    "txn@5 true [del@5 2; put@5]",
  ],
];

for (const [name, compare, success, answer] of rows) {
  test(name, async () => {
    const rig = await Rig.open({ cacheBytes: 300, recentBytes: 0, leases: [7n] });
    const before: KvCommand[] = [
      ["a", "1"],
      ["b", "2"],
      ["a", "3"],
    ].map(([key, text]) => ({
      kind: "put",
      payload: PutRequest.fromPartial({ key: b(key!), value: b(text!) }),
    }));
    await rig.apply(before);
    await rig.flush();
    const payload: TxnRequest = { compare, success, failure: [] };
    const [result] = await rig.apply([{ kind: "txn", payload }]);
    assert.equal(typeof result === "string" ? result : show(result as TxnResponse), answer);
    if (typeof result === "string")
      assert.equal(rig.store.currentRevision, 4, "a failure left a trace");
  });
}

test("where nobody waits, ranges of a transaction are not read, and the state is the same", async () => {
  const states = await Promise.all(
    [true, false].map(async (answers) => {
      const rig = await Rig.open({ cacheBytes: 300, recentBytes: 0 });
      const payload: TxnRequest = {
        compare: [],
        success: [put("a"), get("a"), del("b")],
        failure: [],
      };
      await rig.apply([{ kind: "txn", payload }], answers);
      await rig.flush();
      return rig.store.hashKv(0);
    }),
  );
  assert.deepEqual(states[0], states[1]);
});

test("a read-only transaction reads one revision, cold or warm", async () => {
  const rig = await Rig.open({ cacheBytes: 300, recentBytes: 0 });
  const keys = Array.from({ length: 60 }, (_, i) => `k${i}`);
  await rig.apply(
    keys.map((key) => ({ kind: "put", payload: PutRequest.fromPartial({ key: b(key) }) })),
  );
  await rig.flush();
  const payload: TxnRequest = {
    compare: [value("k0", "")],
    success: [get("k0"), get("k1")],
    failure: [],
  };
  const reading = readOnlyTxn(rig.store, payload);
  assert(reading instanceof Promise, "it must be cold");
  assert.equal(show(await reading), "txn@61 true [get@61 1 k0= c2 m2 v1; get@61 1 k1= c3 m3 v1]");
});
