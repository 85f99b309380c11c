import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { utf8 } from "#base/bytes.ts";
import { backendContract } from "#server/backend/contract.ts";
import { openRocksBackend, type RocksBackend } from "#server/backend/rocks-backend.ts";

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
