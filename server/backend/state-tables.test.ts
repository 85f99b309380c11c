// States in tables between two folders on the disk, through TransferFiles as a member has it.
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { emptyBytes, text, uint64Bytes, utf8 } from "#base/bytes.ts";
import { MemoryBackend } from "#server/backend/memory-backend.ts";
import { openRocksBackend, type RocksBackend } from "#server/backend/rocks-backend.ts";
import { readTables, writeTables } from "#server/backend/table-stream.ts";
import { TransferFiles } from "#server/backend/transfer-files.ts";

const anything = (): void => {};

class Place {
  readonly dataDir = mkdtempSync(join(tmpdir(), "etcd-ts-tables-"));
  readonly transfer = join(this.dataDir, "member", "transfer");
  readonly files = new TransferFiles(this.dataDir);
  private readonly open: RocksBackend[] = [];

  static async make(): Promise<Place> {
    const place = new Place();
    await mkdir(join(place.dataDir, "member"));
    await place.files.clean();
    return place;
  }

  async backend(dir: string, create: boolean, writeBufferBytes = 64 * 1024): Promise<RocksBackend> {
    if (create) await mkdir(dir);
    const backend = await openRocksBackend(dir, { create, writeBufferBytes });
    this.open.push(backend);
    return backend;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const backend of this.open) await backend.close();
    rmSync(this.dataDir, { recursive: true });
  }
}

async function write(backend: RocksBackend, index: number, bytes = 500): Promise<void> {
  const batch = backend.newBatch();
  batch.put("key", utf8(String(index).padStart(17, "0")), Buffer.alloc(bytes, String(index)));
  batch.put("alarm", utf8(String(index % 50)), uint64Bytes(index));
  batch.put("meta", utf8("consistent_index"), uint64Bytes(index));
  await backend.write(batch, { sync: false });
}

async function recordsOf(backend: RocksBackend | MemoryBackend): Promise<string[]> {
  const view = backend.scanAll({ withShared: true });
  const records: string[] = [];
  for (let slice = await view.next(1000); slice.length > 0; slice = await view.next(1000)) {
    for (const [bucket, key, value] of slice) {
      records.push(`${bucket} ${text(key)} ${Buffer.from(value).toString("base64")}`);
    }
  }
  await view.close();
  return records;
}

async function bytesOf(state: { body(): AsyncIterable<Uint8Array> }): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of state.body()) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function indexOf(meta: readonly (readonly [Uint8Array, Uint8Array])[]): number {
  const [, value] = meta.find(([key]) => text(key) === "consistent_index")!;
  return Number(Buffer.from(value).readBigUInt64BE());
}

test("tables taken while the store is written, flushed and compacted are one state", async () => {
  await using place = await Place.make();
  const backend = await place.backend(join(place.dataDir, "member", "state-1"), true);
  let index = 0;
  let done = false;
  const writing = (async () => {
    while (!done) {
      // Some at a time: the store gathers them.
      const some = Array.from({ length: 5 }, () => write(backend, ++index));
      await Promise.all(some);
    }
  })();
  try {
    for (let round = 0; round < 5; round++) {
      const before = index;
      while (index < before + 200) await new Promise(setImmediate);
      const compacting = round % 3 === 2 ? backend.defragment() : undefined;
      const state = await place.files.exportTables(backend);
      await compacting;
      assert.ok(state !== undefined);
      const ends = indexOf(state.records.meta);
      // What came later has changed files by now, and is no part of it.
      await write(backend, ++index);
      const bytes = await bytesOf(state);
      await state.remove();
      const taken: string[] = [];
      const check = (bucket: string, key: Uint8Array): void => {
        if (bucket === "key") taken.push(text(key));
      };
      await place.files.receive(ends, once(bytes), check, "tables");
      assert.deepEqual(
        taken,
        Array.from({ length: ends }, (_, i) => String(i + 1).padStart(17, "0")),
        `round ${round}`,
      );
      const received = await place.backend(place.files.folderOf(ends)!, false);
      const [alarm] = await received.getMany("alarm", [utf8(String(ends % 50))]);
      assert.deepEqual(alarm, uint64Bytes(ends));
      await received.close();
      await place.files.drop(ends);
    }
  } finally {
    done = true;
    await writing;
  }
  assert.deepEqual(readdirSync(place.transfer), []);
});

test("a received store holds what was sent, its size too, and nothing private", async () => {
  await using place = await Place.make();
  const backend = await place.backend(join(place.dataDir, "member", "state-1"), true);
  for (let index = 1; index <= 300; index++) await write(backend, index);
  const own = backend.newBatch();
  own.put("private", utf8("identity"), utf8("the sender's"));
  own.put("shared", utf8("v2/a"), utf8("1"));
  await backend.write(own, { sync: false });
  const state = await place.files.exportTables(backend);
  await place.files.receive(300, once(await bytesOf(state!)), anything, "tables");
  await state!.remove();
  const received = await place.backend(place.files.folderOf(300)!, false);
  await place.files.fill(300, received);
  assert.deepEqual(await recordsOf(received), await recordsOf(backend));
  assert.equal(received.sizeBytes(), backend.sizeBytes() - 8 - 12);
  const view = received.scan("private", emptyBytes);
  assert.deepEqual(await view.next(10), []);
  await view.close();
});

test("what is no state of that index leaves nothing, and a second of one index the first", async () => {
  await using place = await Place.make();
  const backend = await place.backend(join(place.dataDir, "member", "state-1"), true, 16 << 20);
  for (let index = 1; index <= 100; index++) await write(backend, index);
  await backend.defragment();
  const state = await place.files.exportTables(backend);
  const bytes = await bytesOf(state!);
  await state!.remove();
  const { files, transfer } = place;
  const refused = (index: number, body: AsyncIterable<Uint8Array>, check = anything) =>
    assert.rejects(files.receive(index, body, check, "tables"), { code: "SNAPSHOT_DAMAGED" });
  await refused(101, once(bytes));
  await refused(100, once(bytes.subarray(0, bytes.length / 2)));
  await refused(100, once(Buffer.alloc(5000, 7)));
  await refused(100, once(bytes), () => {
    throw new Error("no member could load it");
  });
  const broken = async function* () {
    yield bytes.subarray(0, 20_000);
    assert.equal(readdirSync(transfer).length, 1);
    throw new Error("aborted");
  };
  await assert.rejects(files.receive(100, broken(), anything, "tables"), /aborted/);
  const small = new TransferFiles(place.dataDir, { freeBytes: async () => 1 << 20 });
  const room = small.receive(100, once(bytes), anything, "tables");
  await assert.rejects(room, { code: "DISK_FULL" });
  assert.deepEqual(readdirSync(transfer), []);
  assert.equal(files.folderOf(100), undefined);
  await files.receive(100, once(bytes), anything, "tables");
  await files.receive(100, once(bytes), anything, "tables");
  assert.deepEqual(readdirSync(transfer), ["0000000000000064.tables"]);
});

test("a sender's damaged table is found before the state counts", async () => {
  await using place = await Place.make();
  const backend = await place.backend(join(place.dataDir, "member", "state-1"), true, 16 << 20);
  for (let index = 1; index <= 100; index++) await write(backend, index);
  await backend.defragment();
  const state = await place.files.exportTables(backend);
  const sent = new Map<string, Buffer>();
  let name = "";
  await readTables(state!.body(), {
    begin: async (begun) => {
      name = begun;
      sent.set(name, Buffer.alloc(0));
    },
    part: async (bytes) => void sent.set(name, Buffer.concat([sent.get(name)!, bytes])),
    end: async () => {},
  });
  await state!.remove();
  const table = [...sent.keys()].find((one) => one.endsWith(".sst"))!;
  const damaged = sent.get(table)!;
  // In the list of the table's own blocks, right before its footer of 53 bytes.
  damaged[damaged.length - 70]! ^= 1;
  const list = [...sent].map(([one, { length }]) => ({ name: one, bytes: length }));
  const body = writeTables(list, {
    read: async (file, into, offset) => void sent.get(file.name)!.copy(into, 0, offset),
  });
  const received = place.files.receive(100, body, anything, "tables");
  await assert.rejects(received, { code: "SNAPSHOT_DAMAGED", message: /is damaged/ });
  assert.deepEqual(readdirSync(place.transfer), []);
});

test("a state in memory has no tables", async () => {
  await using place = await Place.make();
  assert.equal(await place.files.exportTables(new MemoryBackend()), undefined);
  assert.deepEqual(readdirSync(place.transfer), []);
});
