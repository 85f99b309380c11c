// KV.Txn: order of operations, nesting, what is refused, the duplicate rule (facts: apply rules §3).
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { RequestOp, TxnResponse } from "#proto/gen/kv.ts";
import { b, freshPrefix, interval, names, refuses, revisionOf, type SettingOf } from "./setting.ts";
import {
  compare,
  del,
  EQUAL,
  GREATER,
  get,
  nested,
  type PartialTxn,
  put,
  VERSION,
  version,
  words,
} from "./txn-requests.ts";

interface DuplicateCase {
  readonly name: string;
  readonly success: readonly unknown[];
  readonly failure?: readonly unknown[];
  readonly allowed: boolean;
}

const D = "case-duplicates/";
const k = (name: string): string => D + name;
const wide = (): unknown => del(k("a"), b(k("z")));

const duplicateCases: readonly DuplicateCase[] = [
  { name: "two puts of one key", success: [put(k("a"), "1"), put(k("a"), "2")], allowed: false },
  {
    name: "two puts of one key in the other branch",
    success: [],
    failure: [put(k("a"), "1"), put(k("a"), "2")],
    allowed: false,
  },
  {
    name: "one key in both branches",
    success: [put(k("a"), "1")],
    failure: [put(k("a"), "2")],
    allowed: true,
  },
  {
    name: "a put and a delete of its key",
    success: [put(k("a"), "1"), del(k("a"))],
    allowed: false,
  },
  { name: "a put in a deleted interval", success: [wide(), put(k("b"), "1")], allowed: false },
  {
    name: "a put at the end of a deleted interval",
    success: [wide(), put(k("z"), "1")],
    allowed: true,
  },
  {
    name: "a put before a deleted interval that covers it",
    success: [put(k("b"), "1"), wide()],
    allowed: false,
  },
  { name: "two deletes that overlap", success: [wide(), del(k("b"))], allowed: true },
  {
    name: "a range over a put and a delete",
    success: [put(k("a"), "1"), get(k("a")), del(k("b")), get(k("b"))],
    allowed: true,
  },
  {
    name: "a put outside and one in a nested then",
    success: [put(k("a"), "1"), nested({ success: [put(k("a"), "2")] })],
    allowed: false,
  },
  {
    name: "a put outside and one in a nested else",
    success: [put(k("a"), "1"), nested({ failure: [put(k("a"), "2")] })],
    allowed: false,
  },
  {
    name: "a nested put before the outer one",
    success: [nested({ success: [put(k("a"), "2")] }), put(k("a"), "1")],
    allowed: false,
  },
  {
    name: "the same put in then and else of one nested txn",
    success: [nested({ success: [put(k("a"), "1")], failure: [put(k("a"), "2")] })],
    allowed: true,
  },
  {
    name: "the same put in two sibling nested txns",
    success: [nested({ success: [put(k("a"), "1")] }), nested({ success: [put(k("a"), "2")] })],
    allowed: false,
  },
  {
    name: "a put covered by a delete of a nested txn",
    success: [put(k("b"), "1"), nested({ failure: [wide()] })],
    allowed: false,
  },
  {
    name: "a nested put covered by an outer delete",
    success: [wide(), nested({ success: [put(k("b"), "1")] })],
    allowed: false,
  },
  {
    name: "siblings: a delete, then a put it covers",
    success: [nested({ success: [wide()] }), nested({ success: [put(k("b"), "1")] })],
    allowed: false,
  },
  {
    name: "siblings: a put, then a delete that covers it",
    success: [nested({ success: [put(k("b"), "1")] }), nested({ success: [wide()] })],
    allowed: true,
  },
  {
    name: "a put after a delete to one zero byte",
    success: [del(k("a"), Buffer.from([0])), put(k("b"), "1")],
    allowed: true,
  },
];

/** The cases of KV.Txn. */
export function txnSuite(setting: SettingOf): void {
  const txn = (request: PartialTxn): Promise<TxnResponse> =>
    setting().wire.kv.txn(request as { success?: RequestOp[] });

  describe("KV.Txn, operations", () => {
    test("all writes are one revision, reads see what came before them", async () => {
      const { kv } = setting().wire;
      const p = freshPrefix();
      const r = revisionOf(await kv.put({ key: b(`${p}a`), value: b("0") }));
      const answer = await txn({
        success: [
          get(`${p}a`),
          put(`${p}b`, "1"),
          get(p, interval(p)),
          del(`${p}a`),
          get(p, interval(p)),
          put(`${p}c`, "2"),
        ],
      });
      assert.equal(words(answer, p), "get(a=0) put get(a=0 b=1) del(1) get(b=1) put");
      assert.equal(revisionOf(answer), r + 1);
      const read = await kv.range(interval(p));
      assert.deepEqual(
        read.kvs.map((pair) => pair.modRevision),
        [r + 1, r + 1],
      );
      assert.equal(revisionOf(read), r + 1);
    });

    test("headers of operations have a revision and nothing else", async () => {
      const { kv } = setting().wire;
      const p = freshPrefix();
      const r = revisionOf(await kv.put({ key: b(`${p}a`), value: b("0") }));
      const answer = await txn({
        success: [get(`${p}a`), put(`${p}a`, "1"), get(`${p}a`), del(`${p}none`)],
      });
      const headers = answer.responses.map(({ response }) => response?.value.header);
      assert.deepEqual(
        headers.map((header) => (header?.revision ?? 0) - r),
        [0, 1, 1, 1],
        "before the first change the current revision, after it the new one",
      );
      for (const header of headers) {
        assert.equal(header?.clusterId, 0n);
        assert.equal(header?.memberId, 0n);
        assert.equal(header?.raftTerm, 0);
      }
      assert.notEqual(answer.header?.memberId, 0n);
    });

    test("no change, no revision", async () => {
      const { kv } = setting().wire;
      const p = freshPrefix();
      const r = revisionOf(await kv.range({ key: b(p) }));
      const read = await txn({ success: [get(`${p}a`)] });
      assert.equal(revisionOf(read), r);
      const nothing = await txn({ success: [del(p, interval(p).rangeEnd)] });
      assert.equal(words(nothing, p), "del(0)");
      assert.equal(revisionOf(nothing), r);
      assert.equal(revisionOf(await txn({})), r);
    });

    test("an empty txn succeeds, an empty branch answers nothing", async () => {
      const p = freshPrefix();
      const empty = await txn({});
      assert.equal(empty.succeeded, true);
      assert.deepEqual(empty.responses, []);
      const other = await txn({
        compare: [compare(`${p}a`, VERSION, GREATER, version(0))],
        success: [put(`${p}a`, "1")],
      });
      assert.equal(other.succeeded, false);
      assert.deepEqual(other.responses, []);
    });

    test("prev_kv of put and delete", async () => {
      const p = freshPrefix();
      await txn({ success: [put(`${p}a`, "1"), put(`${p}b`, "2")] });
      const answer = await txn({
        success: [put(`${p}a`, "3", { prevKv: true }), del(`${p}b`, undefined, { prevKv: true })],
      });
      assert.equal(words(answer, p), "put(was 1) del(1)");
      const last = answer.responses[1]?.response;
      assert.ok(last?.$case === "responseDeleteRange");
      assert.equal(names(last.value.prevKvs, p), "b");
    });

    test("a range in a txn takes options", async () => {
      const p = freshPrefix();
      await txn({ success: [put(`${p}a`, "3"), put(`${p}b`, "1"), put(`${p}c`, "2")] });
      const answer = await txn({
        success: [
          get(p, { ...interval(p), sortTarget: 4, sortOrder: 2, limit: 2 }),
          get(p, { ...interval(p), countOnly: true }),
        ],
      });
      assert.equal(words(answer, p), "get(a=3 c=2) get()");
      const [first, second] = answer.responses.map(({ response }) => response);
      assert.ok(first?.$case === "responseRange" && second?.$case === "responseRange");
      assert.equal(first.value.more, true);
      assert.equal(first.value.count, 3);
      assert.equal(second.value.count, 3);
    });

    test("a key is made once: create, version and lease within a txn", async () => {
      const { kv, lease } = setting().wire;
      const p = freshPrefix();
      const { ID } = await lease.leaseGrant({ TTL: 600 });
      const answer = await txn({ success: [put(`${p}a`, "1", { lease: ID }), get(`${p}a`)] });
      const inner = answer.responses[1]?.response;
      assert.ok(inner?.$case === "responseRange");
      const pair = inner.value.kvs[0];
      assert.equal(pair?.createRevision, revisionOf(answer));
      assert.equal(pair?.version, 1);
      assert.equal(pair?.lease, ID);
      await lease.leaseRevoke({ ID });
      assert.equal((await kv.range(interval(p))).count, 0);
    });

    test("a nested txn runs in place and in the same revision", async () => {
      const p = freshPrefix();
      const answer = await txn({
        success: [
          put(`${p}a`, "1"),
          nested({
            compare: [compare(`${p}none`, VERSION, EQUAL, version(0))],
            success: [get(p, interval(p)), put(`${p}b`, "2")],
          }),
          get(p, interval(p)),
        ],
      });
      assert.equal(words(answer, p), "put then[get(a=1) put] get(a=1 b=2)");
      const inner = answer.responses[1]?.response;
      assert.ok(inner?.$case === "responseTxn");
      assert.equal(inner.value.header?.revision ?? 0, 0, "a nested txn's header is empty");
      const put2 = inner.value.responses[1]?.response;
      assert.equal(put2?.value.header?.revision, revisionOf(answer));
    });

    test("nested compares see the state before the whole txn", async () => {
      const p = freshPrefix();
      const answer = await txn({
        success: [
          put(`${p}a`, "1"),
          nested({
            compare: [compare(`${p}a`, VERSION, GREATER, version(0))],
            success: [put(`${p}b`, "then")],
            failure: [put(`${p}b`, "else")],
          }),
        ],
      });
      assert.equal(words(answer, p), "put else[put]");
    });

    test("three levels", async () => {
      const p = freshPrefix();
      const missing = compare(`${p}x`, VERSION, EQUAL, version(0));
      const there = compare(`${p}x`, VERSION, GREATER, version(0));
      const answer = await txn({
        compare: [there],
        failure: [
          nested({
            compare: [missing],
            success: [nested({ compare: [there], failure: [put(`${p}a`, "1")] })],
          }),
        ],
      });
      assert.equal(answer.succeeded, false);
      assert.equal(words(answer, p), "then[else[put]]");
    });

    test("a compare and set: one of two wins", async () => {
      const p = freshPrefix();
      const attempt = (value: string): Promise<TxnResponse> =>
        txn({
          compare: [compare(`${p}a`, VERSION, EQUAL, version(0))],
          success: [put(`${p}a`, value)],
          failure: [get(`${p}a`)],
        });
      const answers = await Promise.all(["1", "2", "3", "4"].map(attempt));
      assert.equal(answers.filter((answer) => answer.succeeded).length, 1);
    });
  });

  describe("KV.Txn, refused whole", () => {
    const p = freshPrefix();
    const refused: readonly [string, () => PartialTxn, number, string][] = [
      [
        "an empty operation",
        () => ({ success: [put(`${p}a`, "1"), {}] }),
        3,
        "etcdserver: key not found",
      ],
      [
        "a put without a key",
        () => ({ success: [put("", "1")] }),
        3,
        "etcdserver: key is not provided",
      ],
      [
        "a range without a key, in the other branch",
        () => ({ success: [put(`${p}a`, "1")], failure: [get("")] }),
        3,
        "etcdserver: key is not provided",
      ],
      [
        "a delete without a key",
        () => ({ success: [del("")] }),
        3,
        "etcdserver: key is not provided",
      ],
      [
        "a compare without a key",
        () => ({
          compare: [compare("", VERSION, EQUAL, version(0))],
          success: [put(`${p}a`, "1")],
        }),
        3,
        "etcdserver: key is not provided",
      ],
      [
        "a nested put without a key",
        () => ({ success: [nested({ failure: [put("", "1")] })] }),
        3,
        "etcdserver: key is not provided",
      ],
      [
        "ignore_value with a value",
        () => ({ success: [put(`${p}a`, "1", { ignoreValue: true })] }),
        3,
        "etcdserver: value is provided",
      ],
      [
        "ignore_lease with a lease",
        () => ({ success: [put(`${p}a`, "1", { ignoreLease: true, lease: 5n })] }),
        3,
        "etcdserver: lease is provided",
      ],
      [
        "a range with an unknown order",
        () => ({ success: [get(`${p}a`, { sortOrder: 9 as never })] }),
        3,
        "etcdserver: invalid sort option",
      ],
      [
        "an unknown lease",
        () => ({ success: [put(`${p}a`, "1"), put(`${p}b`, "1", { lease: 0x7edcn })] }),
        5,
        "etcdserver: requested lease not found",
      ],
      [
        "ignore_value of a key made in the same txn",
        () => ({ success: [put(`${p}a`, "1"), put(`${p}b`, "", { ignoreValue: true })] }),
        3,
        "etcdserver: key not found",
      ],
      [
        "a future revision",
        () => ({ success: [put(`${p}a`, "1"), get(`${p}a`, { revision: 1_000_000_000 })] }),
        11,
        "etcdserver: mvcc: required revision is a future revision",
      ],
      [
        "a compacted revision",
        () => ({ success: [put(`${p}a`, "1"), get(`${p}a`, { revision: 1 })] }),
        11,
        "etcdserver: mvcc: required revision has been compacted",
      ],
      [
        "a future revision in a txn that only reads",
        () => ({ success: [get(`${p}a`, { revision: 1_000_000_000 })] }),
        11,
        "etcdserver: mvcc: required revision is a future revision",
      ],
      [
        "129 operations",
        () => ({ success: Array.from({ length: 129 }, (_, i) => put(`${p}${i}`, "1")) }),
        3,
        "etcdserver: too many operations in txn request",
      ],
      [
        "129 compares",
        () => ({
          compare: Array.from({ length: 129 }, () => compare(`${p}a`, VERSION, EQUAL, version(0))),
        }),
        3,
        "etcdserver: too many operations in txn request",
      ],
      [
        "129 operations in the other branch",
        () => ({ failure: Array.from({ length: 129 }, (_, i) => get(`${p}${i}`)) }),
        3,
        "etcdserver: too many operations in txn request",
      ],
      [
        "a nested txn has what the outer left",
        () => ({
          success: [
            ...Array.from({ length: 99 }, (_, i) => put(`${p}${i}`, "1")),
            nested({ success: Array.from({ length: 29 }, (_, i) => put(`${p}n${i}`, "1")) }),
          ],
        }),
        3,
        "etcdserver: too many operations in txn request",
      ],
    ];
    for (const [name, request, code, message] of refused) {
      test(name, async () => {
        const { kv } = setting().wire;
        const anchor = revisionOf(await kv.put({ key: b(`${freshPrefix()}x`), value: b("1") }));
        if (name === "a compacted revision") await kv.compact({ revision: anchor });
        await refuses(txn(request()), code, message);
        const read = await kv.range(interval(p));
        assert.equal(read.count, 0, "no operation was carried out");
        assert.equal(revisionOf(read), anchor);
      });
    }

    test("128 operations are allowed, a nested txn within the budget too", async () => {
      const q = freshPrefix();
      const most = await txn({
        success: Array.from({ length: 128 }, (_, i) => put(`${q}${i}`, "1")),
      });
      assert.equal(most.responses.length, 128);
      const some = await txn({
        success: [
          ...Array.from({ length: 99 }, (_, i) => put(`${q}${i}`, "2")),
          nested({ success: Array.from({ length: 28 }, (_, i) => put(`${q}n${i}`, "2")) }),
        ],
      });
      assert.equal(some.responses.length, 100);
    });
  });

  describe("KV.Txn, duplicates", () => {
    for (const entry of duplicateCases) {
      test(`${entry.allowed ? "allowed" : "refused"}: ${entry.name}`, async () => {
        const request = { success: [...entry.success], failure: [...(entry.failure ?? [])] };
        if (entry.allowed) {
          await txn(request);
        } else {
          await refuses(txn(request), 3, "etcdserver: duplicate key given in txn request");
        }
      });
    }
  });
}
