import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Rocks } from "#server/backend/rocks.ts";

const options = {
  create: true,
  writeBufferBytes: 1 << 20,
  cacheBytes: 0,
  compression: true,
  maxParallelReads: 2,
};

/** Makes a store whose records lie in one table, and says which. */
async function makeStore(dir: string): Promise<string> {
  const rocks = await Rocks.open(dir, options);
  for (let key = 0; key < 50; key++) {
    const batch = rocks.newBatch();
    batch.put(Buffer.of(key), Buffer.alloc(100, key));
    await rocks.write(batch, true);
  }
  await rocks.compactRange(Buffer.of(0), Buffer.of(255));
  await rocks.close();
  const table = readdirSync(dir).find((name) => name.endsWith(".sst"));
  assert.ok(table !== undefined);
  return join(dir, table);
}

async function opens(dir: string): Promise<boolean> {
  const rocks = await Rocks.open(dir, options);
  const value = await rocks.get(Buffer.of(7));
  await rocks.close();
  return value?.length === 100;
}

test("damage that would end the process is found before RocksDB reads it", async () => {
  const top = mkdtempSync(join(tmpdir(), "tables-"));
  try {
    const dir = join(top, "store");
    const table = await makeStore(dir);
    assert.equal(await opens(dir), true);
    const whole = readFileSync(table);
    // Names that begin alike are written once.
    const inProperties = whole.indexOf("data.size");
    assert.ok(inProperties > 0);
    // In the properties, in the list of blocks, and in the footer's handle of that list.
    for (const at of [
      inProperties,
      whole.lastIndexOf("rocksdb.properties") + 2,
      whole.length - 53 + 1,
    ]) {
      const bytes = Buffer.from(whole);
      bytes[at]! ^= 4;
      writeFileSync(table, bytes);
      await assert.rejects(opens(dir), {
        code: "DATA_DAMAGED",
        message: /\d+\.sst is damaged: its /,
      });
    }
    writeFileSync(table, whole);
    assert.equal(await opens(dir), true);
    // Of a table that the manifest does not name RocksDB does not read anything.
    const damaged = Buffer.from(whole);
    damaged[inProperties]! ^= 4;
    writeFileSync(join(dir, "000900.sst"), damaged);
    assert.equal(await opens(dir), true);
  } finally {
    rmSync(top, { recursive: true, force: true });
  }
});
