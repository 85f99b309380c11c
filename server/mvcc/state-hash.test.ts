import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32c } from "@node-rs/crc32";
import { utf8 } from "#base/bytes.ts";
import { type Bucket, etcdBuckets } from "#base/state-batch.ts";
import { MemoryBackend } from "#server/backend/memory-backend.ts";
import { hashState } from "#server/mvcc/state-hash.ts";

type Row = readonly [bucket: Bucket, key: string, value: string];

async function hashOf(rows: readonly Row[]): Promise<number> {
  const backend = new MemoryBackend();
  const batch = backend.newBatch();
  for (const [bucket, key, value] of rows) batch.put(bucket, utf8(key), utf8(value));
  await backend.write(batch, { sync: false });
  return hashState(backend, { crc32c, pause: () => Promise.resolve() });
}

test("names of all buckets count, and each record's key and value behind its bucket", async () => {
  assert.equal(await hashOf([]), crc32c(etcdBuckets.join("")));
  const rows: Row[] = [
    ["members", "m", "1"],
    ["key", "k", "2"],
    ["key", "l", "3"],
    ["meta", "confState", "4"],
  ];
  const fed =
    "alarm auth authRoles authUsers cluster key k2 l3 lease members m1 members_removed meta confState4";
  assert.equal(await hashOf(rows), crc32c(fed.replaceAll(" ", "")));
});

test("what is a member's own does not count", async () => {
  const before = await hashOf([["meta", "scheduledCompactRev", "x"]]);
  const own: Row[] = [
    ["meta", "consistent_index", "7"],
    ["meta", "term", "8"],
    ["meta", "storageVersion", "3.7.0"],
    ["private", "identity", "me"],
  ];
  assert.equal(await hashOf([["meta", "scheduledCompactRev", "x"], ...own]), before);
});
