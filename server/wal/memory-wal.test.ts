import assert from "node:assert/strict";
import { test } from "node:test";
import { hardState, mark, testEntries, testIdentity, walContract } from "#server/wal/contract.ts";
import { MemoryWal } from "#server/wal/memory-wal.ts";

walContract("memory", {
  make: (identity) => Promise.resolve(MemoryWal.create(identity)),
  reopen: (wal) => {
    const again = (wal as MemoryWal).reopen();
    return Promise.resolve({ wal: again, contents: again.contents() });
  },
});

test("a crash loses exactly what no sync covered", async () => {
  let wal = MemoryWal.create(testIdentity);
  await wal.save(hardState(1, 0), testEntries(1, 3, 1), false);
  await wal.save(undefined, testEntries(4, 4, 1), true);
  await wal.save(hardState(2, 2), [], false);
  await wal.save(undefined, testEntries(4, 6, 2), false);
  assert.equal(wal.unsyncedCount, 2);
  const old = wal;
  wal = wal.crash();
  assert.deepEqual(wal.contents().hardState, hardState(1, 0));
  assert.deepEqual(
    wal.contents().entries.map(({ index, term }) => `${index}/${term}`),
    ["1/1", "2/1", "3/1", "4/1"],
  );
  await assert.rejects(old.save(hardState(2, 2), [], true), { code: "WAL_CLOSED" });
  await wal.save(hardState(2, 2), [], false);
  await wal.save(undefined, testEntries(4, 6, 2), false);
  assert.equal(wal.crash(1).contents().hardState.term, 2);
});

test("an installed snapshot survives a crash, a mark may not", async () => {
  let wal = MemoryWal.create(testIdentity);
  await wal.save(hardState(1, 3), testEntries(1, 3, 1), true);
  await wal.saveSnapshot(mark(2, 1));
  await wal.compact(2);
  wal = wal.crash();
  assert.equal(wal.contents().snapshot.index, 0);
  assert.equal(wal.contents().entries.length, 3);
  await wal.reset(mark(9, 1), undefined);
  assert.equal(wal.crash().contents().snapshot.index, 9);
});

test("once the disk has failed nothing is written any more", async () => {
  const wal = MemoryWal.create(testIdentity);
  wal.breakDisk();
  for (let i = 0; i < 2; i++) {
    await assert.rejects(wal.save(hardState(1, 0), [], true), { code: "WAL_WRITE_FAILED" });
  }
});
