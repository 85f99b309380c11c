import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { utf8 } from "#base/bytes.ts";
import { seededRandom } from "#base/random.ts";
import { backendContract } from "#server/backend/contract.ts";
import { openRocksBackend, type RocksBackend } from "#server/backend/rocks-backend.ts";
import { revisionKey } from "#server/mvcc/record.ts";

const root = await mkdtemp(path.join(tmpdir(), "etcd-ts-backend-"));
after(() => rm(root, { recursive: true, force: true }));

let made = 0;

backendContract("RocksDB", {
  open: () => openRocksBackend(path.join(root, `state-${made++}`), { create: true }),
  reopen: async (backend) => {
    const { dir } = backend as RocksBackend;
    await backend.close();
    return await openRocksBackend(dir, { create: false });
  },
});

test("lazy writes leave together: after a while, when they are many, or before one that is not lazy", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let writes = 0;
  const meter = { nowMs: () => 0, written: () => void writes++ };
  const backend = await openRocksBackend(path.join(root, `state-${made++}`), {
    create: true,
    meter,
  });
  const told: string[] = [];
  const write = (name: string, lazily: boolean, records = 1): Promise<void> => {
    const batch = backend.newBatch();
    for (let i = 0; i < records; i++) batch.put("meta", utf8(`${name}${i}`), utf8("1"));
    return backend.write(batch, { sync: false, lazily }).then(() => void told.push(name));
  };
  const lazy = [write("a", true), write("b", true)];
  assert.equal(backend.sizeBytes(), 0);
  t.mock.timers.tick(10);
  await Promise.all(lazy);
  assert.equal(writes, 1);
  assert.equal(backend.sizeBytes(), 6);
  await Promise.all([write("c", true), write("d", true), write("e", false)]);
  assert.equal(writes, 2);
  await write("f", true, 600);
  assert.equal(writes, 3);
  // Those that come while one is under way leave together behind it.
  await Promise.all([write("g", false), write("h", true), write("i", false)]);
  assert.equal(writes, 5);
  const last = write("j", true);
  await backend.close();
  await last;
  assert.deepEqual(told, ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]);
});

test("a bucket is visited whole right after the opening, and not once something was written", async () => {
  const dir = path.join(root, `state-${made++}`);
  let backend = await openRocksBackend(dir, { create: true });
  const batch = backend.newBatch();
  for (let i = 0; i < 300; i++) batch.put("key", revisionKey(i, 0, false), Buffer.alloc(200, i));
  batch.put("meta", utf8("other"), utf8("bucket"));
  await backend.write(batch, { sync: false });
  await backend.close();
  backend = await openRocksBackend(dir, { create: false });
  const scanned = await backend.scan("key", revisionKey(0, 0, false)).next(1000);
  const visited: (readonly [Uint8Array, Uint8Array])[] = [];
  const visit = (key: Uint8Array, value: Uint8Array): void =>
    void visited.push([Buffer.from(key), Buffer.from(value)]);
  assert.equal(await backend.visitUnwritten("key", visit), true);
  assert.equal(visited.length, 300);
  assert.deepEqual(visited, scanned);
  const refused = new Error("not this one");
  const refuse = (): void => {
    throw refused;
  };
  await assert.rejects(backend.visitUnwritten("key", refuse), refused);
  const more = backend.newBatch();
  more.put("meta", utf8("more"), utf8("x"));
  const writing = backend.write(more, { sync: false });
  assert.equal(await backend.visitUnwritten("key", refuse), false);
  await writing;
  assert.equal(await backend.visitUnwritten("key", refuse), false);
  await backend.close();
});

test("a damaged block of a table is told with what to do", async () => {
  const dir = path.join(root, `state-${made++}`);
  let backend = await openRocksBackend(dir, { create: true });
  const random = seededRandom(1);
  const batch = backend.newBatch();
  for (let i = 0; i < 300; i++) {
    // What cannot be compressed: the addon's own reads at the opening would find it otherwise.
    const value = Buffer.from(Array.from({ length: 200 }, () => random.below(256)));
    batch.put("key", revisionKey(i, 0, false), value);
  }
  await backend.write(batch, { sync: false });
  await backend.close();
  // The next opening puts what its log holds into a table.
  await (await openRocksBackend(dir, { create: false })).close();
  const table = (await readdir(dir)).find((name) => name.endsWith(".sst"))!;
  const bytes = await readFile(path.join(dir, table));
  bytes[20_000]! ^= 1;
  await writeFile(path.join(dir, table), bytes);
  backend = await openRocksBackend(dir, { create: false });
  await assert.rejects(
    backend.visitUnwritten("key", () => {}),
    { code: "DATA_DAMAGED", message: /wrong checksum; remove this member and add it again/ },
  );
  await backend.close();
});
