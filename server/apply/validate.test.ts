import assert from "node:assert/strict";
import { test } from "node:test";
import type { EtcdErrorName } from "#proto/errors.ts";
import {
  Compare,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  type RequestOp,
  type TxnRequest,
} from "#proto/gen/kv.ts";
import {
  checkDeleteRange,
  checkPut,
  checkRange,
  checkTxn,
  isReadOnly,
  isSerializable,
} from "#server/apply/validate.ts";

const b = (text: string): Buffer => Buffer.from(text, "latin1");
const put = (key: string): RequestOp => ({
  request: { $case: "requestPut", value: PutRequest.fromPartial({ key: b(key) }) },
});
const del = (key: string, end = ""): RequestOp => ({
  request: {
    $case: "requestDeleteRange",
    value: DeleteRangeRequest.fromPartial({ key: b(key), rangeEnd: b(end) }),
  },
});
const get = (key: string, end = "", serializable = false): RequestOp => ({
  request: {
    $case: "requestRange",
    value: RangeRequest.fromPartial({ key: b(key), rangeEnd: b(end), serializable }),
  },
});
const txn = (success: RequestOp[], failure: RequestOp[] = [], compares = 0): TxnRequest => ({
  compare: Array.from({ length: compares }, () => Compare.fromPartial({ key: b("k") })),
  success,
  failure,
});
const nest = (success: RequestOp[], failure: RequestOp[] = [], compares = 0): RequestOp => ({
  request: { $case: "requestTxn", value: txn(success, failure, compares) },
});
const puts = (count: number, prefix = "k"): RequestOp[] =>
  Array.from({ length: count }, (_, i) => put(`${prefix}${i}`));

type Row<T> = readonly [name: string, request: T, error: EtcdErrorName | undefined];

const ranges: readonly Row<Parameters<typeof RangeRequest.fromPartial>[0]>[] = [
  ["a range", { key: b("k") }, undefined],
  ["without a key", {}, "emptyKey"],
  ["sorted by value, descending", { key: b("k"), sortOrder: 2, sortTarget: 4 }, undefined],
  ["an unknown order", { key: b("k"), sortOrder: 3 as 0 }, "invalidSortOption"],
  ["a negative order", { key: b("k"), sortOrder: -1 as 0 }, "invalidSortOption"],
  ["an unknown target", { key: b("k"), sortTarget: 5 as 0 }, "invalidSortOption"],
];
for (const [name, request, error] of ranges) {
  test(`range: ${name}`, () => {
    assert.equal(checkRange(RangeRequest.fromPartial(request))?.errorName, error);
  });
}

const writes: readonly Row<Parameters<typeof PutRequest.fromPartial>[0]>[] = [
  ["a put", { key: b("k"), value: b("v"), lease: 1n }, undefined],
  ["without a key", { value: b("v") }, "emptyKey"],
  [
    "a value that is to be ignored",
    { key: b("k"), value: b("v"), ignoreValue: true },
    "valueProvided",
  ],
  ["an empty value that is to be ignored", { key: b("k"), ignoreValue: true }, undefined],
  ["a lease that is to be ignored", { key: b("k"), lease: 1n, ignoreLease: true }, "leaseProvided"],
];
for (const [name, request, error] of writes) {
  test(`put: ${name}`, () => {
    assert.equal(checkPut(PutRequest.fromPartial(request))?.errorName, error);
  });
}

test("delete: a key is needed", () => {
  assert.equal(checkDeleteRange(DeleteRangeRequest.fromPartial({}))?.errorName, "emptyKey");
  assert.equal(checkDeleteRange(DeleteRangeRequest.fromPartial({ key: b("k") })), undefined);
});

const shapes: readonly Row<TxnRequest>[] = [
  ["empty", txn([]), undefined],
  ["128 operations", txn(puts(128)), undefined],
  ["129 operations", txn(puts(129)), "tooManyOps"],
  ["129 in the other branch", txn([], puts(129)), "tooManyOps"],
  ["129 compares", txn([], [], 129), "tooManyOps"],
  ["branches are not added up", txn(puts(128), puts(128), 128), undefined],
  ["a nested one within what is left", txn([...puts(26), nest(puts(101, "n"))]), undefined],
  ["a nested one beyond what is left", txn([...puts(26), nest(puts(102, "n"))]), "tooManyOps"],
  ["what is left counts the longest list", txn([nest(puts(28))], [], 100), undefined],
  ["nested, the longest list", txn([nest(puts(29))], [], 100), "tooManyOps"],
  ["an empty operation", txn([{ request: undefined }]), "keyNotFound"],
  ["a put without key", txn([put("")]), "emptyKey"],
  ["a range without key, nested", txn([nest([], [get("")])]), "emptyKey"],
  ["a compare without key", { ...txn([]), compare: [Compare.fromPartial({})] }, "emptyKey"],
];

// Each row says what the reference does with it.
const duplicates: readonly Row<TxnRequest>[] = [
  ["two puts of one key", txn([put("a"), put("a")]), "duplicateKey"],
  ["the same in the other branch", txn([], [put("a"), put("a")]), "duplicateKey"],
  ["one key in both branches", txn([put("a")], [put("a")]), undefined],
  ["a put in a nested one and outside", txn([put("a"), nest([put("a")])]), "duplicateKey"],
  ["a put in a nested else and outside", txn([put("a"), nest([], [put("a")])]), "duplicateKey"],
  ["then and else of one nested", txn([nest([put("a")], [put("a")])]), undefined],
  ["two nested siblings", txn([nest([put("a")]), nest([put("a")])]), "duplicateKey"],
  ["siblings, then and else", txn([nest([put("a")]), nest([], [put("a")])]), "duplicateKey"],
  ["a put covered by a delete", txn([put("a"), del("a")]), "duplicateKey"],
  ["delete first", txn([del("a"), put("a")]), "duplicateKey"],
  ["covered by a deleted range", txn([put("b"), del("a", "c")]), "duplicateKey"],
  ["at the end of a deleted range", txn([put("c"), del("a", "c")]), undefined],
  ["before a deleted range", txn([put("a"), del("b", "c")]), undefined],
  ["just behind a deleted key", txn([put("a\0"), del("a")]), undefined],
  ["delete everything from a key on", txn([put("b"), del("a", "\0")]), undefined],
  ["delete everything", txn([put("b"), del("\0", "\0")]), undefined],
  ["a delete with its end before its key", txn([put("b"), del("c", "a")]), undefined],
  ["put nested, delete outside", txn([del("a"), nest([put("a")])]), "duplicateKey"],
  ["delete nested, put outside", txn([put("a"), nest([del("a")])]), "duplicateKey"],
  ["delete nested in else, put outside", txn([put("a"), nest([], [del("a")])]), "duplicateKey"],
  ["siblings: delete, then put", txn([nest([del("a")]), nest([put("a")])]), "duplicateKey"],
  ["siblings: put, then delete", txn([nest([put("a")]), nest([del("a")])]), undefined],
  ["siblings with an outer delete between", txn([nest([put("a")]), del("b")]), undefined],
  ["a nested then deletes what else puts", txn([nest([del("a")], [put("a")])]), undefined],
  ["two deletes overlap", txn([del("a", "c"), del("b", "d")]), undefined],
  ["a range overlaps all", txn([put("a"), get("a", "z"), del("b", "d")]), undefined],
  ["deep: put against put", txn([nest([nest([put("a")])]), put("a")]), "duplicateKey"],
  [
    "deep: delete against later put",
    txn([nest([nest([del("a", "c")])]), nest([put("b")])]),
    "duplicateKey",
  ],
  ["touching deletes merge rightly", txn([del("a", "c"), del("c", "e"), put("c")]), "duplicateKey"],
  ["between two deletes", txn([del("a", "b"), del("c", "d"), put("b")]), undefined],
];
for (const [name, request, error] of [...shapes, ...duplicates]) {
  test(`txn: ${name}`, () => {
    assert.equal(checkTxn(request, 128)?.errorName, error);
  });
}

test("100,000 nested writes are checked without quadratic work", () => {
  const leaf = (i: number): RequestOp =>
    nest(Array.from({ length: 40 }, (_, j) => (j % 2 ? put(`p${i}/${j}`) : del(`d${i}/${j}`))));
  const inner = (i: number): RequestOp =>
    nest(Array.from({ length: 40 }, (_, j) => leaf(i * 40 + j)));
  const wide = txn(Array.from({ length: 40 }, (_, i) => inner(i)));
  // Quadratic work would be 10^9 comparisons of strings: the test run's own limit would tell.
  assert.equal(checkTxn(wide, 128), undefined);
});

test("read-only: ranges in both branches, a nested transaction counts as a write", () => {
  assert(isReadOnly(txn([get("a")], [get("b")])));
  assert(!isReadOnly(txn([get("a")], [put("b")])));
  assert(!isReadOnly(txn([nest([get("a")])])));
  assert(isSerializable(txn([get("a", "", true)])));
  assert(!isSerializable(txn([get("a", "", true)], [get("a")])));
});
