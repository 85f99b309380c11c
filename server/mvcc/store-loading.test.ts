import assert from "node:assert/strict";
import { test } from "node:test";
import { text, utf8 } from "#base/bytes.ts";
import type { LeaseId } from "#base/ids.ts";
import { MemoryBackend } from "#server/backend/memory-backend.ts";
import {
  type RecordFields,
  recordSize,
  revisionKey,
  tombstoneRecord,
  writeRecord,
} from "#server/mvcc/record.ts";
import { RecordsLoading } from "#server/mvcc/store-loading.ts";
import { StoreState } from "#server/mvcc/store-state.ts";

const noLeases = { exists: () => false, attach: () => {}, detach: () => {} };

function beginLoading(cacheBytes = 1 << 20): RecordsLoading {
  const options = { crc32c: () => 0, pause: () => Promise.resolve(), cacheBytes };
  return new RecordsLoading(new StoreState(new MemoryBackend(), noLeases, options));
}

function put(fields: Partial<RecordFields> & { readonly key: Uint8Array }): Buffer {
  const all: RecordFields = {
    ...{ createRevision: 2, modRevision: 2, version: 1, value: utf8("v"), lease: 0n as LeaseId },
    ...fields,
  };
  const record = Buffer.alloc(recordSize(all));
  writeRecord(record, 0, all);
  return record;
}

const none = new Uint8Array(0);
const refused: readonly (readonly [string, Uint8Array, Uint8Array, RegExp])[] = [
  ["a cut record", revisionKey(6, 0, false), Uint8Array.of(0x0a, 0x7f, 1), /beyond the end/],
  ["no revision", utf8("none of all"), none, /no revision: 6e6f6e65/],
  ["a sub revision", revisionKey(6, 2 ** 31, false), tombstoneRecord(utf8("k")), /beyond 2\^31/],
  ["a revision", Buffer.from(`${"ff".repeat(8)}5f${"00".repeat(8)}`, "hex"), none, /beyond 2\^53/],
  ["an older one", revisionKey(4, 0, false), put({ key: utf8("k") }), /follows 5/],
];

test("a record that no member could load is refused", () => {
  for (const [name, key, record, message] of refused) {
    const loading = beginLoading();
    loading.take(revisionKey(5, 0, false), put({ key: utf8("first") }));
    assert.throws(() => loading.take(key, record), { message }, name);
  }
});

test("keys of every length and fields in any order are taken as they are", () => {
  const loading = beginLoading();
  const keys = ["", "k", "x".repeat(255), "y".repeat(256), "z".repeat(257), "w".repeat(3000)];
  let revision = 2;
  for (const key of keys) {
    if (key === "") continue;
    loading.take(
      revisionKey(revision, 0, false),
      put({ key: utf8(key), createRevision: revision }),
    );
    revision++;
  }
  // Create revision before key; a lease behind it.
  const odd = Buffer.of(0x10, 9, 0x0a, 1, 0x6f, 0x20, 3);
  loading.take(revisionKey(9, 1, false), odd);
  loading.take(revisionKey(9, 2, false), put({ key: utf8("l"), lease: 7n as LeaseId }));
  loading.take(revisionKey(10, 0, true), tombstoneRecord(utf8("k")));
  const { index } = loading.state;
  for (const _ of index.finishLoading());
  const { table } = index;
  const found = ["k", ...keys.slice(2), "o", "l"].map((key) => {
    const slot = index.find(utf8(key));
    assert.equal(text(table.key(slot)), key);
    return [table.headMain(slot), table.headCreate(slot), table.alive(slot), table.lease(slot)];
  });
  assert.deepEqual(found, [
    [10, 0, false, 0n],
    ...[3, 4, 5, 6].map((main) => [main, main, true, 0n]),
    [9, 9, true, 0n],
    [9, 2, true, 7n],
  ]);
  assert.equal(index.live, 6);
});

test("of more records than the cache holds the last are in it, whole", () => {
  const loading = beginLoading(64 * 1024);
  const record = (i: number): Buffer =>
    put({ key: utf8(`key-${i}`), value: utf8(`${i} `.repeat(100)), createRevision: i });
  for (let i = 2; i < 2000; i++) loading.take(revisionKey(i, 0, false), record(i));
  const { state } = loading;
  state.cache.filled();
  const warm: number[] = [];
  for (let i = 2; i < 2000; i++) {
    const held = state.warmHead(state.index.find(utf8(`key-${i}`)));
    if (held === undefined) continue;
    warm.push(i);
    assert.ok(record(i).equals(held), `revision ${i}`);
  }
  assert.ok(warm.length > 100, `${warm.length} records`);
  assert.equal(warm.at(-1)! - warm[0]! + 1, warm.length, "no gap");
  assert.equal(warm.at(-1), 1999);
});
