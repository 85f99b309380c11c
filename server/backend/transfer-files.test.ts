import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { text, uint64Bytes, utf8 } from "#base/bytes.ts";
import { MemoryBackend } from "#server/backend/memory-backend.ts";
import { TransferFiles } from "#server/backend/transfer-files.ts";

const anything = (): void => {};

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function stateOf(files: TransferFiles, index: number, more: string): Promise<Uint8Array> {
  const backend = new MemoryBackend();
  const batch = backend.newBatch();
  batch.put("meta", utf8("consistent_index"), uint64Bytes(index));
  batch.put("meta", utf8(more), new Uint8Array(1));
  await backend.write(batch, { sync: false });
  const state = await files.export(backend, { withShared: false });
  const chunks: Uint8Array[] = [];
  for await (const chunk of state.body()) chunks.push(chunk);
  await state.remove();
  return Buffer.concat(chunks);
}

test("what is received is read through before it counts", async () => {
  const folder = mkdtempSync(join(tmpdir(), "etcd-ts-transfer-"));
  try {
    await mkdir(join(folder, "member"));
    const files = new TransferFiles(folder);
    await files.clean();
    const backend = new MemoryBackend();
    const batch = backend.newBatch();
    batch.put("meta", utf8("consistent_index"), uint64Bytes(7));
    for (let i = 0; i < 500; i++) batch.put("key", utf8(`${i}`.padStart(17)), new Uint8Array(100));
    await backend.write(batch, { sync: false });
    const state = await files.export(backend, { withShared: false });
    const chunks: Uint8Array[] = [];
    for await (const chunk of state.body()) chunks.push(chunk);
    await state.remove();
    const whole = Buffer.concat(chunks);
    const refused: readonly (readonly [string, Uint8Array])[] = [
      ["nothing", new Uint8Array(0)],
      ["noise", Buffer.alloc(5000, 7)],
      ["a state cut in half", whole.subarray(0, Math.floor(whole.length / 8192) * 4096)],
      ["zeros behind the meta pages", Buffer.concat([whole.subarray(0, 8192)], whole.length)],
    ];
    for (const [name, bytes] of refused) {
      const received = files.receive(7, once(bytes), anything);
      await assert.rejects(received, { code: "SNAPSHOT_DAMAGED" }, name);
    }
    await assert.rejects(files.receive(8, once(whole), anything), {
      code: "SNAPSHOT_DAMAGED",
      message: /of entry 8 ends at entry 7/,
    });
    const taken: string[] = [];
    const check = (bucket: string, key: Uint8Array): void => {
      taken.push(bucket);
      if (text(key) === "meta-record") throw new Error("no member could load it");
    };
    const unusable = files.receive(7, once(await stateOf(files, 7, "meta-record")), check);
    await assert.rejects(unusable, {
      code: "SNAPSHOT_DAMAGED",
      message: /entry 7 holds a record that cannot be used: 6d65.* of bucket meta \(no member/,
    });
    assert.deepEqual(taken, ["meta", "meta"]);
    assert.deepEqual(readdirSync(join(folder, "member", "transfer")), []);
    await files.receive(7, once(whole), anything);
    const filled = new MemoryBackend();
    await files.fill(7, filled);
    assert.equal(filled.sizeBytes(), backend.sizeBytes());
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("a start removes what a crash left, and makes the folder where it is missing", async () => {
  const folder = mkdtempSync(join(tmpdir(), "etcd-ts-transfer-"));
  try {
    await mkdir(join(folder, "member"));
    const files = new TransferFiles(folder);
    const transfer = join(folder, "member", "transfer");
    await files.clean();
    assert.deepEqual(readdirSync(transfer), []);
    for (const name of ["receive-1.part", "send-1.db", "0000000000000007.db"]) {
      writeFileSync(join(transfer, name), "half of something");
    }
    await files.clean();
    assert.deepEqual(readdirSync(transfer), []);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("a sender that goes away, or sends more than there is room for, leaves nothing", async () => {
  const folder = mkdtempSync(join(tmpdir(), "etcd-ts-transfer-"));
  try {
    await mkdir(join(folder, "member"));
    const files = new TransferFiles(folder);
    await files.clean();
    const transfer = join(folder, "member", "transfer");
    const broken = async function* () {
      yield new Uint8Array(100_000);
      assert.equal(readdirSync(transfer).length, 1);
      throw new Error("aborted");
    };
    await assert.rejects(files.receive(7, broken(), anything), /aborted/);
    assert.deepEqual(readdirSync(transfer), []);
    const endless = async function* () {
      for (;;) yield new Uint8Array(1 << 20);
    };
    const small = new TransferFiles(folder, { freeBytes: async () => 130 << 20 });
    const room = small.receive(8, endless(), anything);
    await assert.rejects(room, { code: "DISK_FULL" });
    assert.deepEqual(readdirSync(transfer), []);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
