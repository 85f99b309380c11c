// What is read from tables against what the addon's iterator gives.
import assert from "node:assert/strict";
import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { utf8 } from "#base/bytes.ts";
import { seededRandom } from "#base/random.ts";
import type { Bucket } from "#base/state-batch.ts";
import { allBuckets } from "#server/backend/buckets.ts";
import { openRocksBackend, type RocksBackend } from "#server/backend/rocks-backend.ts";
import { visitTables } from "#server/backend/table-reader.ts";
import { revisionKey } from "#server/mvcc/record.ts";

const root = mkdtempSync(join(tmpdir(), "etcd-ts-reader-"));
after(() => rmSync(root, { recursive: true, force: true }));

function folder(): string {
  return mkdtempSync(join(root, "store-"));
}

async function scanned(backend: RocksBackend): Promise<string[]> {
  const rows: string[] = [];
  for (const [bucket, prefix] of allBuckets) {
    const view = backend.scan(bucket, new Uint8Array(0));
    for (let slice = await view.next(1000); slice.length > 0; slice = await view.next(1000)) {
      for (const [key, value] of slice) rows.push(rowOf(prefix, key, value));
    }
    await view.close();
  }
  return rows;
}

function rowOf(prefix: number, key: Uint8Array, value: Uint8Array): string {
  return `${prefix} ${Buffer.from(key).toString("hex")} ${Buffer.from(value).toString("base64")}`;
}

async function visited(dir: string): Promise<string[] | undefined> {
  const rows: string[] = [];
  const isRead = await visitTables(dir, (prefix, key, value) => {
    // The store's own bookkeeping is in no bucket.
    if (prefix < 0xff) rows.push(rowOf(prefix, key, value));
  });
  return isRead ? rows : undefined;
}

test("records that were written, overwritten and deleted, in many tables, are read as the addon reads them", async () => {
  for (const [seed, writeBufferBytes] of [
    [1, 64 << 10],
    [2, 300 << 10],
    [3, 16 << 20],
  ] as const) {
    const random = seededRandom(seed);
    const dir = folder();
    let backend = await openRocksBackend(dir, { create: true, writeBufferBytes });
    const kept: [Bucket, Buffer, number][] = [];
    for (let round = 0; round < 60; round++) {
      const batch = backend.newBatch();
      for (let i = 0; i < 30; i++) {
        const large = random.chance(0.01) ? 50_000 : 400;
        const value = Buffer.alloc(random.below(large), "some text ");
        // Some is compressed, some is not.
        if (random.chance(0.5))
          for (let at = 0; at < value.length; at++) value[at] = random.below(256);
        if (random.chance(0.7)) {
          const key = revisionKey(round * 30 + i, random.below(3), random.chance(0.2));
          batch.put("key", key, value);
          kept.push(["key", key, key.length + value.length]);
        } else {
          const bucket = random.chance(0.5) ? "lease" : "shared";
          const name = Buffer.from(String(random.below(40)).padStart(1 + random.below(400), "n"));
          batch.put(bucket, name, value);
          kept.push([bucket, name, 0]);
        }
      }
      batch.put("meta", utf8("consistent_index"), utf8(String(round)));
      await backend.write(batch, { sync: false });
      const old = backend.newBatch();
      while (kept.length > 300) {
        const [bucket, key, bytes] = kept.splice(random.below(kept.length), 1)[0]!;
        if (bucket === "key") old.delete(bucket, key, bytes - key.length);
        else old.delete(bucket, key);
      }
      await backend.write(old, { sync: false });
      if (round === 30 && seed === 2) await backend.defragment();
    }
    await backend.close();
    backend = await openRocksBackend(dir, { create: false });
    const rows = await scanned(backend);
    assert.ok(rows.length > 200);
    assert.deepEqual(await visited(dir), rows, `seed ${seed}`);
    await backend.close();
  }
});

test("an empty store, and one that was written to since it was opened", async () => {
  const dir = folder();
  await (await openRocksBackend(dir, { create: true })).close();
  const backend = await openRocksBackend(dir, { create: false });
  assert.deepEqual(await visited(dir), []);
  const batch = backend.newBatch();
  batch.put("meta", utf8("a"), utf8("b"));
  await backend.write(batch, { sync: false });
  assert.equal(await visited(dir), undefined, "its log holds something");
  await backend.close();
});

test("a damaged block is found, and a table of another kind left to the addon", async () => {
  const dir = folder();
  const backend = await openRocksBackend(dir, { create: true });
  const batch = backend.newBatch();
  for (let i = 0; i < 1000; i++) batch.put("key", revisionKey(i, 0, false), Buffer.alloc(100, i));
  await backend.write(batch, { sync: false });
  await backend.defragment();
  await backend.close();
  await (await openRocksBackend(dir, { create: false })).close();
  const [table] = readdirSync(dir).filter((name) => name.endsWith(".sst"));
  const file = join(dir, table!);
  assert.equal((await visited(dir))?.length, 1000);
  copyFileSync(file, `${file}.kept`);
  const bytes = readFileSync(file);
  for (const at of [10, 5000]) {
    const damaged = Buffer.from(bytes);
    damaged[at]! ^= 1;
    writeFileSync(file, damaged);
    await assert.rejects(visited(dir), { code: "DATA_DAMAGED", message: /wrong checksum/ });
  }
  const other = Buffer.from(bytes);
  other[other.length - 1]! ^= 1;
  writeFileSync(file, other);
  assert.equal(await visited(dir), undefined);
  rmSync(file);
  assert.equal(await visited(dir), undefined);
});
