import assert from "node:assert/strict";
import { test } from "node:test";
import { CompactionRequest, DeleteRangeRequest, PutRequest } from "#proto/gen/kv.ts";
import type { HashPace } from "#server/mvcc/kv-hash.ts";
import { type KvCommand, Rig } from "#test/mvcc/rig.ts";

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
const pace: HashPace = { pause: () => Promise.resolve(), isOver: () => false };
const options = { cacheBytes: 300, recentBytes: 0 };

async function compactWhole(rig: Rig, revision: number): Promise<void> {
  await rig.apply([compact(revision)]);
  await rig.flush();
  if (rig.store.compactionHash === "wanted") await rig.store.computeCompactionHash(pace);
  while (rig.store.compacting) rig.compactStep(100);
  await rig.flush();
}

test("a compaction's hash is what HashKV said before it, and answers HashKV from then on", async () => {
  const rig = await Rig.open(options);
  await rig.apply([put("a"), put("b"), put("a"), del("b"), put("c"), put("a", "w")]);
  await rig.flush();
  const before = await rig.store.hashKv(6);
  await compactWhole(rig, 6);
  const now = await rig.store.hashNow(6);
  assert.deepEqual([now.compactRevision, now.hash === before.hash], [6, false]);
  assert.deepEqual(await rig.store.hashKv(6), { ...before, compactRevision: -1 });
  await rig.apply([put("d"), del("a")]);
  assert.equal((await rig.store.hashKv(6)).currentRevision, 9);
  assert.equal((await rig.store.hashKv(0)).hashRevision, 9);

  const second = await rig.store.hashKv(8);
  await compactWhole(rig, 8);
  assert.deepEqual(
    rig.store
      .compactionHashes()
      .map(({ hash, hashRevision, compactRevision }) => [hash, hashRevision, compactRevision]),
    [
      [second.hash, 8, 6],
      [before.hash, 6, -1],
    ],
  );
  // Long compacted, and still remembered.
  assert.equal((await rig.store.hashKv(6)).hash, before.hash);
  await assert.rejects(rig.store.hashKv(7), { errorName: "compacted" });
});

test("the hashes of etcd 3.7.3 for the same history, with deletions at, before and after compactions", async () => {
  const rig = await Rig.open(options);
  await rig.apply([put("a", "1"), put("b", "1")]);
  await compactWhole(rig, 3);
  await rig.apply([del("a"), del("b")]);
  // Nothing lives at 5, but a deletion there is kept: so what the compaction at 3 left is left out.
  await compactWhole(rig, 5);
  await rig.apply([put("c", "1"), del("c")]);
  await compactWhole(rig, 6);
  await rig.apply([put("d", "1")]);
  await compactWhole(rig, 7);
  const hashes = [3, 5, 6, 7, 0].map((revision) => rig.store.hashKv(revision));
  assert.deepEqual(
    (await Promise.all(hashes)).map((one) => one.hash),
    [2143169314, 1579692566, 4012545367, 1873207985, 1251434647],
  );
});

test("the ten newest are remembered, until a restart", async () => {
  const rig = await Rig.open(options);
  await rig.apply(Array.from({ length: 13 }, () => put("a")));
  for (let revision = 2; revision <= 13; revision++) await compactWhole(rig, revision);
  const remembered = rig.store.compactionHashes().map((one) => one.hashRevision);
  assert.deepEqual(remembered, [13, 12, 11, 10, 9, 8, 7, 6, 5, 4]);
  await rig.restart();
  assert.deepEqual(rig.store.compactionHashes(), []);
  assert.equal((await rig.store.hashKv(13)).compactRevision, 13);
});

test("no hash of a compaction that was resumed, cut short, or scheduled behind another", async () => {
  const resumed = await Rig.open(options);
  await resumed.apply([put("a"), put("a"), put("a"), compact(3)]);
  await resumed.flush();
  await resumed.restart();
  assert.deepEqual([resumed.store.compacting, resumed.store.compactionHash], [true, "none"]);

  const cut = await Rig.open(options);
  await cut.apply([put("a"), put("a"), compact(3)]);
  assert.equal(cut.store.compactionHash, "blocked", "not all is written");
  await cut.flush();
  assert.equal(cut.store.compactionHash, "wanted");
  await cut.store.computeCompactionHash({ ...pace, isOver: () => true });
  assert.equal(cut.store.compactionHash, "none");
  while (cut.store.compacting) cut.compactStep(100);
  assert.deepEqual(cut.store.compactionHashes(), []);

  const second = await Rig.open(options);
  await second.apply([put("a"), put("a"), put("a"), compact(3), compact(4)]);
  await second.flush();
  await second.store.computeCompactionHash(pace);
  while (second.store.compacting) {
    assert.equal(second.store.compactionHash, "none");
    second.compactStep(100);
  }
  assert.deepEqual(
    second.store.compactionHashes().map((one) => one.hashRevision),
    [3],
  );
});

test("hashes of the same are computed once, many are computed one after the other, more are refused", async () => {
  const rig = await Rig.open(options);
  await rig.apply(Array.from({ length: 30 }, () => put("a")));
  const scans: string[] = [];
  const scan = rig.backend.scan.bind(rig.backend);
  rig.backend.scan = (...range) => {
    scans.push("opened");
    const view = scan(...range);
    return {
      next: (max) => view.next(max),
      close: () => {
        scans.push("closed");
        return view.close();
      },
    };
  };
  const same = await Promise.all([rig.store.hashKv(0), rig.store.hashKv(31), rig.store.hashKv(31)]);
  assert.equal(new Set(same.map((one) => one.hash)).size, 1);
  assert.deepEqual(scans.splice(0), ["opened", "closed"]);
  const many = Array.from({ length: 18 }, (_, i) => rig.store.hashKv(i + 5));
  const outcomes = await Promise.allSettled(many);
  const refused = outcomes.filter((one) => one.status === "rejected");
  assert.deepEqual(
    refused.map((one) => one.reason.errorName),
    ["tooManyRequests", "tooManyRequests"],
  );
  assert.deepEqual(scans, Array.from({ length: 16 }, () => ["opened", "closed"]).flat());
});

test("HashKV of revision 0 is that of now, also after a compaction at revision 0", async () => {
  const rig = await Rig.open(options);
  await rig.apply([put("a"), put("b")]);
  await rig.flush();
  await compactWhole(rig, 0);
  assert.equal((await rig.store.hashKv(0)).hashRevision, 3);
});
