import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { utf8 } from "#base/bytes.ts";
import { openSnapshotFile } from "#server/backend/bbolt/snapshot-file.ts";
import { MemoryBackend } from "#server/backend/memory-backend.ts";
import { type ExportedState, StateExports } from "#server/backend/state-exports.ts";
import type { AllBucketsView } from "#server/mvcc/backend.ts";

const root = mkdtempSync(join(tmpdir(), "etcd-ts-exports-"));
after(() => rmSync(root, { recursive: true }));
let made = 0;

/** A state that counts how often it is read whole, and holds a reading up while it is told to. */
class CountedBackend extends MemoryBackend {
  scans = 0;
  hold: Promise<void> = Promise.resolve();
  size: number | undefined;

  override scanAll(): AllBucketsView {
    this.scans++;
    const { hold } = this;
    const view = super.scanAll();
    return {
      next: async (max) => {
        await hold;
        return view.next(max);
      },
      close: () => view.close(),
    };
  }

  override sizeBytes(): number {
    return this.size ?? super.sizeBytes();
  }

  async put(key: string): Promise<void> {
    const batch = this.newBatch();
    batch.put("meta", utf8(key), utf8("value"));
    await this.write(batch, { sync: false });
  }
}

function rig() {
  const folder = mkdtempSync(join(root, `${made++}-`));
  return { folder, exports: new StateExports(folder), backend: new CountedBackend() };
}

const forPeer = { withShared: false };
const forClient = { withShared: false, forClient: true };

const keys = (state: ExportedState): string[] =>
  state.records.meta.map(([key]) => Buffer.from(key).toString());

test("whoever asks while one is written shares the next, which holds what was written before", async () => {
  const { exports, folder, backend } = rig();
  await backend.put("a");
  let release = (): void => {};
  backend.hold = new Promise((resolve) => (release = resolve));
  const first = exports.take(backend, forPeer);
  // Once the first is under way.
  while (backend.scans === 0) await new Promise(setImmediate);
  await backend.put("b");
  const later = [
    exports.take(backend, forPeer),
    exports.take(backend, forPeer),
    exports.take(backend, forPeer),
  ];
  release();
  assert.deepEqual(keys(await first), ["a"]);
  const shared = await Promise.all(later);
  for (const state of shared) assert.deepEqual(keys(state), ["a", "b"]);
  assert.equal(backend.scans, 2);
  assert.equal(readdirSync(folder).length, 2);
  await (await first).remove();
  for (const state of shared) {
    assert.equal(readdirSync(folder).length, 1, "until the last reader lets go");
    await state.remove();
    await state.remove();
  }
  assert.deepEqual(readdirSync(folder), []);
});

test("the body is the whole file, in blocks of 256 KiB", async () => {
  const { exports, folder, backend } = rig();
  const batch = backend.newBatch();
  for (let i = 0; i < 100; i++) {
    batch.put("key", utf8(`${i}`.padStart(17)), new Uint8Array(9000));
  }
  await backend.write(batch, { sync: false });
  const state = await exports.take(backend, forPeer);
  const sizes: number[] = [];
  for await (const block of state.body()) sizes.push(block.length);
  assert.ok(sizes.length > 2);
  assert.deepEqual(new Set(sizes.slice(0, -1)), new Set([256 * 1024]));
  assert.equal(
    sizes.reduce((a, b) => a + b, 0),
    state.bytes,
  );
  const [name] = readdirSync(folder);
  const file = await openSnapshotFile(join(folder, name!));
  assert.equal(file.bolt.meta.highWater * file.bolt.meta.pageBytes, state.bytes);
  await file.close();
  await state.remove();
});

test("no room, a failing state and too many readers are refused and leave nothing", async () => {
  const { exports, folder, backend } = rig();
  backend.size = Number.MAX_SAFE_INTEGER / 4;
  await assert.rejects(exports.take(backend, forPeer), { code: "DISK_FULL" });
  backend.size = undefined;
  backend.hold = Promise.reject(new Error("cannot be read"));
  backend.hold.catch(() => {});
  await assert.rejects(exports.take(backend, forPeer), /cannot be read/);
  assert.deepEqual(readdirSync(folder), []);
  backend.hold = Promise.resolve();
  const held: ExportedState[] = [];
  for (let i = 0; i < 4; i++) held.push(await exports.take(backend, forClient));
  await assert.rejects(exports.take(backend, forClient), { code: "TOO_MANY_COPIES" });
  for (let i = 4; i < 8; i++) held.push(await exports.take(backend, forPeer));
  await assert.rejects(exports.take(backend, forPeer), { code: "TOO_MANY_COPIES" });
  await held.pop()!.remove();
  held.push(await exports.take(backend, forPeer));
  for (const state of held) await state.remove();
  assert.deepEqual(readdirSync(folder), []);
});
