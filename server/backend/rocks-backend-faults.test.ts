// States that a crash damaged, that must not be opened, and disks that fail.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { uint64Bytes, utf8 } from "#base/bytes.ts";
import type { Log } from "#base/log.ts";
import { silentLog } from "#base/log.ts";
import { Rocks } from "#server/backend/rocks.ts";
import { openRocksBackend, stateFormat } from "#server/backend/rocks-backend.ts";

const root = await mkdtemp(path.join(tmpdir(), "etcd-ts-state-"));
after(() => rm(root, { recursive: true, force: true }));

let made = 0;
const fresh = (): string => path.join(root, `state-${made++}`);

test("after a crash that lost one write of many, none behind it is there, and the size fits", async () => {
  const dir = fresh();
  const backend = await openRocksBackend(dir, { create: true });
  for (let i = 1; i <= 30; i++) {
    const batch = backend.newBatch();
    batch.put("key", uint64Bytes(i), Buffer.alloc(3000, i));
    batch.put("meta", utf8("consistent_index"), uint64Bytes(i));
    await backend.write(batch, { sync: false });
  }
  await backend.close();
  const log = (await readdir(dir))
    .filter((name) => name.endsWith(".log"))
    .sort()
    .at(-1);
  assert(log !== undefined);
  const bytes = await readFile(path.join(dir, log));
  await writeFile(path.join(dir, log), bytes.fill(0, 40_960, 45_056));

  const warnings: object[] = [];
  const listening: Log = { ...silentLog, warn: (fields) => warnings.push(fields) };
  const again = await openRocksBackend(dir, { create: false, log: listening });
  assert.equal(warnings.length, 1);
  const keys = Array.from({ length: 30 }, (_, i) => uint64Bytes(i + 1));
  const found = (await again.getMany("key", keys)).map((value) => value !== undefined);
  const count = found.indexOf(false);
  assert(count > 5 && count < 20, `${count} writes are left`);
  assert(!found.slice(count).includes(true));
  const [applied] = await again.getMany("meta", [utf8("consistent_index")]);
  assert.deepEqual(Buffer.from(applied ?? ""), Buffer.from(uint64Bytes(count)));
  assert.equal(again.sizeBytes(), count * 3008 + "consistent_index".length + 8);
  await again.close();
});

test("in use, missing, of a newer format", async () => {
  const dir = fresh();
  await assert.rejects(openRocksBackend(dir, { create: false }), { code: "DATA_DAMAGED" });
  const backend = await openRocksBackend(dir, { create: true });
  await assert.rejects(openRocksBackend(dir, { create: false }), { code: "DIR_LOCKED" });
  await backend.close();
  const rocks = await Rocks.open(dir, {
    create: false,
    writeBufferBytes: 1 << 20,
    cacheBytes: 0,
    compression: false,
    maxParallelReads: 1,
  });
  const batch = rocks.newBatch();
  batch.put(Uint8Array.from([0xff, 1]), Uint8Array.from([stateFormat + 1]));
  await rocks.write(batch, true);
  await rocks.close();
  await assert.rejects(openRocksBackend(dir, { create: false }), {
    code: "FORMAT_TOO_NEW",
    message: /has format 2, this version knows up to 1/,
  });
});

test("a full disk: the write rejects, and so does everything later", async (t) => {
  const disk = fresh();
  await mkdir(disk);
  if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=8m", "tmpfs", disk]).status !== 0) {
    t.skip("needs the right to mount a small tmpfs");
    return;
  }
  after(() => spawnSync("umount", ["-l", disk]));
  const backend = await openRocksBackend(path.join(disk, "state"), { create: true });
  let written = 0;
  const write = (i: number): Promise<void> => {
    const batch = backend.newBatch();
    batch.put("key", uint64Bytes(i), Buffer.alloc(100_000, i));
    return backend.write(batch, { sync: true });
  };
  await assert.rejects(
    async () => {
      for (let i = 1; i < 200; i++) {
        await write(i);
        written = i;
      }
    },
    { code: "DISK_FULL", message: /no space left on the disk of .*: free some$/ },
  );
  assert(written > 20);
  await assert.rejects(write(1000), { code: "DISK_FULL" });
  assert.equal(backend.sizeBytes(), written * 100_008);
  await backend.close();
});

test("a caller that never waits is stopped before the queue grows without bound", async () => {
  const backend = await openRocksBackend(fresh(), { create: true });
  const results = await Promise.allSettled(
    Array.from({ length: 5000 }, (_, i) => {
      const batch = backend.newBatch();
      batch.put("meta", utf8("n"), uint64Bytes(i));
      return backend.write(batch, { sync: false });
    }),
  );
  const refused = results.filter((one) => one.status === "rejected");
  assert.equal(refused.length, 5000 - 4097);
  await backend.close();
});
