import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { appendFile, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { crc32c } from "@node-rs/crc32";
import { text, uint64Bytes, utf8 } from "#base/bytes.ts";
import { etcdBuckets } from "#base/state-batch.ts";
import { KeyValue } from "#proto/gen/mvcc.ts";
import {
  openSnapshotFile,
  snapshotDigests,
  writeSnapshotFile,
} from "#server/backend/bbolt/snapshot-file.ts";
import { MemoryBackend } from "#server/backend/memory-backend.ts";
import { referenceOrSkip, startReferenceCluster } from "#test/reference/reference.ts";

const run = promisify(execFile);
const root = await mkdtemp(path.join(tmpdir(), "etcd-ts-snapshot-"));
after(() => rm(root, { recursive: true, force: true }));

let made = 0;
const fresh = (): string => path.join(root, `snapshot-${made++}.db`);

function revisionKey(main: number, tombstone = false): Uint8Array {
  const parts = [uint64Bytes(main), utf8("_"), uint64Bytes(0), utf8(tombstone ? "t" : "")];
  return Buffer.concat(parts);
}

/** A state of `keys` keys, one of them deleted, with some records in other buckets. */
async function sampleState(keys: number): Promise<MemoryBackend> {
  const backend = new MemoryBackend();
  const batch = backend.newBatch();
  for (let i = 0; i < keys; i++) {
    const revision = i + 2;
    const record = KeyValue.encode({
      key: utf8(`key-${i}`),
      createRevision: revision,
      modRevision: revision,
      version: 1,
      value: Buffer.alloc(i === 7 ? 100_000 : 50, i),
      lease: 0n,
    }).finish();
    batch.put("key", revisionKey(revision), record);
  }
  const tombstone = { key: utf8("key-3") };
  batch.put(
    "key",
    revisionKey(keys + 2, true),
    KeyValue.encode(KeyValue.fromPartial(tombstone)).finish(),
  );
  batch.put("meta", utf8("consistent_index"), uint64Bytes(keys + 5));
  batch.put("meta", utf8("term"), uint64Bytes(2));
  batch.put("meta", utf8("storageVersion"), utf8("3.7.0"));
  batch.put("cluster", utf8("clusterVersion"), utf8("3.7.0"));
  batch.put("private", utf8("secret"), utf8("stays here"));
  await backend.write(batch, { sync: true });
  return backend;
}

/** A snapshot file as a client saves it: the digest lies behind the pages. */
async function saveSnapshot(backend: MemoryBackend, file: string): Promise<number> {
  const { boltBytes } = await writeSnapshotFile(backend.scanAll(), file);
  const digest = createHash("sha256").update(await readFile(file));
  await appendFile(file, digest.digest());
  return boltBytes;
}

/** The hash that `etcdutl snapshot status` prints, of all records of a file. */
async function statusHash(file: string): Promise<number> {
  const snapshot = await openSnapshotFile(file);
  let hash = 0;
  for (const bucket of await snapshot.bolt.buckets()) {
    hash = crc32c(bucket, hash);
    for await (const [key, value] of snapshot.bolt.records(bucket)) {
      hash = crc32c(value, crc32c(key, hash));
    }
  }
  await snapshot.close();
  return hash;
}

/** What the reference says of a file, after it has checked every page of it. */
async function snapshotStatus(
  etcdutl: string,
  file: string,
): Promise<{ hash: number; totalKey: number }> {
  const { stdout } = await run(etcdutl, ["snapshot", "status", file, "-w", "json"]);
  return JSON.parse(stdout) as { hash: number; totalKey: number };
}

test("a state is written with all of etcd's buckets and without ours", async () => {
  const file = fresh();
  const backend = await sampleState(200);
  const boltBytes = await saveSnapshot(backend, file);
  assert.equal((await stat(file)).size, boltBytes + 32);
  const bytes = await readFile(file);
  assert.equal(bytes.indexOf("stays here"), -1);
  const snapshot = await openSnapshotFile(file);
  const digests = await snapshotDigests(file);
  assert.deepEqual(digests?.stored, digests?.computed);
  assert.deepEqual((await snapshot.bolt.buckets()).map(text), [...etcdBuckets]);
  const view = backend.scanAll();
  const wanted = await view.next(10_000);
  let at = 0;
  for await (const [bucket, key, value] of snapshot.bolt.allRecords()) {
    const [wantedBucket, wantedKey, wantedValue] = wanted[at++] ?? [];
    assert.equal(text(bucket), wantedBucket);
    assert(Buffer.from(key).equals(wantedKey ?? Buffer.alloc(0)));
    assert(Buffer.from(value).equals(wantedValue ?? Buffer.alloc(0)));
  }
  assert.equal(at, wanted.length);
  await snapshot.close();
});

test("a digest that does not fit, a cut file, and one that is none are refused", async () => {
  const file = fresh();
  await saveSnapshot(await sampleState(50), file);
  const sound = await readFile(file);
  const spoilt: [RegExp, Buffer][] = [
    [/should have \d+ pages/, sound.subarray(0, 8192)],
    [/no sound meta page/, Buffer.from("hello")],
    [/no sound meta page/, Buffer.alloc(0)],
  ];
  for (const [message, bytes] of spoilt) {
    const other = fresh();
    await writeFile(other, bytes);
    await assert.rejects(openSnapshotFile(other), { code: "SNAPSHOT_DAMAGED", message });
  }
  const altered = fresh();
  await writeFile(altered, Buffer.from(sound).fill(1, 9000, 9001));
  const digests = await snapshotDigests(altered);
  assert.deepEqual(digests?.stored, sound.subarray(-32));
  assert.notDeepEqual(digests?.stored, digests?.computed);
  await assert.rejects(openSnapshotFile(fresh()), { code: "DIR_MISSING" });
});

for (const keys of [0, 5, 20_000]) {
  test(`the reference's etcdutl accepts and restores our file of ${keys} keys`, async (t) => {
    const reference = await referenceOrSkip(t);
    if (reference === undefined) return;
    const file = fresh();
    const backend = keys === 0 ? new MemoryBackend() : await sampleState(keys);
    const boltBytes = await saveSnapshot(backend, file);
    const status = await snapshotStatus(reference.etcdutl, file);
    assert.deepEqual(status, {
      hash: await statusHash(file),
      revision: keys === 0 ? 0 : keys + 2,
      totalKey: keys === 0 ? 0 : keys - 1,
      totalSize: boltBytes,
      version: keys === 0 ? "" : "3.7.0",
    });
    if (keys === 0) return;
    const dataDir = path.join(root, `restored-${keys}`);
    await run(reference.etcdutl, ["snapshot", "restore", file, "--data-dir", dataDir]);
    const restored = path.join(dataDir, "member", "snap", "db");
    assert.equal((await snapshotStatus(reference.etcdutl, restored)).totalKey, keys - 1);
    const snapshot = await openSnapshotFile(restored);
    let count = 0;
    for await (const _ of snapshot.bolt.records(utf8("key"))) count++;
    assert.equal(count, keys + 1);
    await snapshot.close();
  });
}

test("the reference's own files are read: a saved snapshot, and its data folder", async (t) => {
  const reference = await referenceOrSkip(t);
  if (reference === undefined) return;
  const cluster = await startReferenceCluster(reference, { ports: [13_000, 13_001] });
  const saved = fresh();
  try {
    const etcdctl = (...args: string[]): Promise<unknown> =>
      run(reference.etcdctl, ["--endpoints", cluster.endpoints, ...args]);
    for (let i = 0; i < 20; i++) await etcdctl("put", `/key/${i}`, "x".repeat(i * 300));
    await etcdctl("put", "/large", "y".repeat(90_000));
    await etcdctl("del", "/key/3");
    await etcdctl("role", "add", "reader");
    await etcdctl("snapshot", "save", saved);
    const [member] = cluster.members;
    assert(member !== undefined);
    await member.stop();
    const data = path.join(member.dataDir, "member", "snap", "db");
    for (const [file, hasDigest] of [
      [saved, true],
      [data, false],
    ] as const) {
      const snapshot = await openSnapshotFile(file);
      const digests = await snapshotDigests(file);
      assert.deepEqual(digests?.stored, digests?.computed);
      assert.equal(digests !== undefined, hasDigest);
      assert.deepEqual((await snapshot.bolt.buckets()).map(text), [...etcdBuckets]);
      const values = new Map<string, number>();
      for await (const [, value] of snapshot.bolt.records(utf8("key"))) {
        const record = KeyValue.decode(value);
        values.set(text(record.key), record.value.length);
      }
      assert.equal(values.size, 21);
      assert.equal(values.get("/large"), 90_000);
      assert.equal(values.get("/key/19"), 5700);
      const roles: string[] = [];
      for await (const [key] of snapshot.bolt.records(utf8("authRoles"))) roles.push(text(key));
      assert.deepEqual(roles, ["reader"]);
      await snapshot.close();
      const status = await snapshotStatus(reference.etcdutl, file);
      assert.equal(status.hash, await statusHash(file));
    }
  } finally {
    await cluster.stop();
  }
});
