import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32c } from "@node-rs/crc32";
import {
  CompactionRequest,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  type RangeResponse,
} from "#proto/gen/kv.ts";
import { MemoryBackend } from "#server/backend/memory-backend.ts";
import { MvccStore } from "#server/mvcc/store.ts";
import { type KvCommand, Rig, turns } from "#test/mvcc/rig.ts";

const b = (text: string): Buffer => Buffer.from(text, "latin1");
const put = (key: string, value = "v"): KvCommand => ({
  kind: "put",
  payload: PutRequest.fromPartial({ key: b(key), value: b(value) }),
});
const del = (key: string): KvCommand => ({
  kind: "deleteRange",
  payload: DeleteRangeRequest.fromPartial({ key: b(key) }),
});
const compact = (revision: number): KvCommand => ({
  kind: "compaction",
  payload: CompactionRequest.fromPartial({ revision }),
});
const cold = { cacheBytes: 300, recentBytes: 0 };
const noLeases = { exists: () => false, attach() {}, detach() {} };

async function records(backend: MemoryBackend): Promise<string[]> {
  const view = backend.scan("key", Buffer.alloc(0));
  const found = await view.next(1000);
  await view.close();
  return found.map(
    ([key, value]) => `${Buffer.from(key).toString("hex")} ${Buffer.from(value).toString("hex")}`,
  );
}

test("records are etcd's, to the byte", async () => {
  const rig = await Rig.open(cold);
  await rig.apply([...Array.from({ length: 7 }, () => put("x")), put("k8"), del("k8")]);
  await rig.flush();
  assert.deepEqual((await records(rig.backend)).slice(-2), [
    "00000000000000095f0000000000000000 0a026b381009180920012a0176",
    "000000000000000a5f000000000000000074 0a026b38",
  ]);
});

test("the current revision is at least what compactions say, whatever keys survive", async () => {
  const rows = [
    ["scheduledCompactRev", 12],
    ["finishedCompactRev", 12],
  ] as const;
  for (const [name, revision] of rows) {
    const backend = new MemoryBackend();
    const batch = backend.newBatch();
    const key = Buffer.from(`${revision.toString(16).padStart(16, "0")}5f${"0".repeat(16)}`, "hex");
    batch.put("meta", b(name), key);
    await backend.write(batch, { sync: false });
    const pause = (): Promise<void> => Promise.resolve();
    const store = await MvccStore.load(backend, noLeases, { crc32c, pause });
    assert.deepEqual(
      [store.currentRevision, store.compactRevision, store.compacting],
      [revision, revision, name === "scheduledCompactRev"],
    );
  }
});

test("a compaction waits for a read that still needs what it drops", async () => {
  const rig = await Rig.open(cold);
  await rig.apply([
    put("a", "old"),
    put("a", "new"),
    ...Array.from({ length: 50 }, () => put("b")),
  ]);
  await rig.flush();
  const reading = rig.store.range(RangeRequest.fromPartial({ key: b("a"), revision: 2 }));
  assert(reading instanceof Promise, "the old record must be cold");
  const batch = rig.backend.newBatch();
  rig.store.scheduleCompaction(40, batch);
  assert.equal(rig.store.compactStep(batch, 100), "blocked");
  const { kvs } = await reading;
  assert.equal(`${kvs[0]?.value}`, "old");
  assert.equal(rig.store.compactStep(batch, 100), "finished");
});

test("a compaction waits until what it drops has been written", async () => {
  const rig = await Rig.open(cold);
  await rig.apply([put("a"), put("a"), compact(3)]);
  const batch = rig.backend.newBatch();
  assert.equal(rig.store.compactStep(batch, 100), "blocked");
  await rig.flush();
  assert.equal(rig.store.compactStep(batch, 100), "finished");
});

test("physical compaction resolves when its last batch is written", async () => {
  const rig = await Rig.open(cold);
  await rig.apply([put("a"), put("a"), put("a"), compact(3)]);
  await rig.flush();
  let done = false;
  const waiting = rig.store.compacted(3).then(() => {
    done = true;
  });
  rig.compactStep(100);
  await turns(2);
  assert.equal(done, false);
  await rig.flush();
  await waiting;
  await rig.store.compacted(3);
});

test("an interrupted compaction is resumed after a restart", async () => {
  const rig = await Rig.open(cold);
  await rig.apply([put("a"), put("b"), put("a"), put("b"), del("b"), put("c"), compact(7)]);
  await rig.flush();
  rig.compactStep(1);
  await rig.flush();
  await rig.restart();
  assert.deepEqual([rig.store.compacting, rig.store.compactRevision], [true, 7]);
  while (rig.store.compacting) rig.compactStep(1);
  await rig.flush();
  const left = (await records(rig.backend)).map((one) => one.slice(0, 16));
  assert.deepEqual(left, ["0000000000000004", "0000000000000007"]);
  await rig.restart();
  assert.deepEqual([rig.store.compacting, rig.store.compactRevision], [false, 7]);
});

test("a tombstone exactly at the compaction survives it, and goes at the next", async () => {
  const rig = await Rig.open(cold);
  await rig.apply([put("a"), del("a"), put("b"), compact(3)]);
  await rig.flush();
  rig.compactStep(100);
  await rig.flush();
  assert.equal((await records(rig.backend)).length, 2);
  await rig.apply([compact(4)]);
  await rig.flush();
  rig.compactStep(100);
  await rig.flush();
  assert.deepEqual((await records(rig.backend)).length, 1);
});

test("what is not yet written counts for the hash, and only once", async () => {
  const rig = await Rig.open(cold);
  await rig.apply([put("a"), put("b")]);
  await rig.flush();
  await rig.apply([put("c"), del("a")]);
  const before = await rig.store.hashKv(0);
  const tell = await rig.writeUntold();
  assert.deepEqual(await rig.store.hashKv(0), before);
  tell();
  assert.deepEqual(await rig.store.hashKv(0), before);
  assert.notEqual((await rig.store.hashKv(4)).hash, before.hash);
});

test("a limited range behind deletions of its own transaction finds what they shifted in", async () => {
  const rig = await Rig.open(cold);
  const keys = Array.from({ length: 30 }, (_, i) => `k${String(i).padStart(2, "0")}`);
  await rig.apply(keys.map((key) => put(key, "x".repeat(40))));
  await rig.flush();
  const range = RangeRequest.fromPartial({ key: b("k"), rangeEnd: b("l"), limit: 2 });
  const doomed = DeleteRangeRequest.fromPartial({ key: b("k00"), rangeEnd: b("k05") });
  const [result] = await rig.apply([
    {
      kind: "txn",
      payload: {
        compare: [],
        success: [
          { request: { $case: "requestDeleteRange", value: doomed } },
          { request: { $case: "requestRange", value: range } },
        ],
        failure: [],
      },
    },
  ]);
  const { responses } = result as { responses: { response: { value: RangeResponse } }[] };
  const { kvs, more, count } = responses[1]!.response.value;
  assert.deepEqual([kvs.map(({ key }) => `${key}`), more, count], [["k05", "k06"], true, 25]);
});

test("a long read goes in slices, at its own revision", async () => {
  const rig = await Rig.open({ cacheBytes: 1 << 24, recentBytes: 0 });
  const keys = Array.from({ length: 10_000 }, (_, i) => `k${String(i).padStart(5, "0")}`);
  await rig.apply(keys.map((key) => put(key)));
  await rig.flush();
  const reading = rig.store.range(RangeRequest.fromPartial({ key: b("k"), rangeEnd: b("l") }));
  assert(reading instanceof Promise);
  await rig.apply([put("k00000", "late"), del("k09999"), put("k05000a")]);
  const { kvs, count, header } = await reading;
  assert.deepEqual([kvs.length, count, header?.revision], [10_000, 10_000, 10_001]);
  assert(kvs.every(({ value }) => `${value}` === "v"));
});
