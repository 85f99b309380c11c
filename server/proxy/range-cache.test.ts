import assert from "node:assert/strict";
import { test } from "node:test";
import { intervalOf, RangeCache } from "./range-cache.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text);
const limits = { entries: 3, bytes: 100, entryBytes: 40, maxAgeMs: 1000 };

function remember(cache: RangeCache, key: string, end = "", atRevision = 0, size = 1): void {
  const reading = cache.begin(`${key}-${end}`, intervalOf(bytes(key), bytes(end)), atRevision);
  cache.finished(reading, { answer: new Uint8Array(size), revision: 7 }, 0);
}

test("a write forgets what it touches and nothing else", () => {
  const cases: readonly [string, string, readonly string[]][] = [
    ["b", "", ["a-", "c-d"]],
    ["c", "", ["a-", "b-"]],
    ["cz", "", ["a-", "b-"]],
    ["d", "", ["a-", "b-", "c-d"]],
    ["a", "c", ["c-d"]],
    ["b", "\0", ["a-"]],
    ["a", "", ["b-", "c-d"]],
  ];
  for (const [key, end, left] of cases) {
    const cache = new RangeCache(limits);
    remember(cache, "a");
    remember(cache, "b");
    remember(cache, "c", "d");
    cache.invalidate(intervalOf(bytes(key), bytes(end)));
    const found = ["a-", "b-", "c-d"].filter((name) => cache.get(name, 0) !== undefined);
    assert.deepEqual(found, left, `${key} ${end}`);
  }
});

test("a read that ran beside a write is not remembered", () => {
  const cache = new RangeCache(limits);
  const beside = cache.begin("a", intervalOf(bytes("a"), bytes("")), 0);
  const other = cache.begin("b", intervalOf(bytes("b"), bytes("")), 0);
  cache.invalidate(intervalOf(bytes("a"), bytes("")));
  for (const reading of [beside, other]) {
    cache.finished(reading, { answer: bytes("x"), revision: 1 }, 0);
  }
  assert.equal(cache.get("a", 0), undefined);
  assert.equal(cache.get("b", 0)?.revision, 1);
});

test("bounds: age, number, bytes, one answer, and a least revision", () => {
  const cache = new RangeCache(limits);
  remember(cache, "a");
  assert.ok(cache.get("a-", 1000));
  assert.equal(cache.get("a-", 1001), undefined);
  for (const key of ["a", "b", "c"]) remember(cache, key);
  assert.ok(cache.get("a-", 0), "used last");
  remember(cache, "d");
  assert.equal(cache.size, 3);
  assert.equal(cache.get("b-", 0), undefined);
  remember(cache, "e", "", 0, 41);
  assert.equal(cache.get("e-", 0), undefined);
  for (const key of ["f", "g", "h"]) remember(cache, key, "", 0, 40);
  assert.equal(cache.size, 2);
  assert.equal(cache.get("g-", 0, 8), undefined);
});

test("old revisions outlive writes and not a compaction", () => {
  const cache = new RangeCache(limits);
  remember(cache, "a", "", 5);
  remember(cache, "b", "", 6);
  cache.invalidate(intervalOf(bytes("a"), bytes("\0")));
  assert.equal(cache.size, 2);
  cache.compact(6);
  assert.deepEqual([cache.get("a-", 0), cache.get("b-", 0)?.revision], [undefined, 7]);
});
