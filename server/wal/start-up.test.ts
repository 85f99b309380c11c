import assert from "node:assert/strict";
import { test } from "node:test";
import { hardState, mark, testEntries, testIdentity } from "#server/wal/contract.ts";
import { MemoryWal } from "#server/wal/memory-wal.ts";
import { checkJoin, finishInstall } from "#server/wal/start-up.ts";
import type { SnapshotMark, WalContents } from "#server/wal/wal.ts";

/** A log of entries 1 to 30 of term 2, committed to 20, with its mark at 10. */
async function sampleLog(): Promise<MemoryWal> {
  const wal = MemoryWal.create(testIdentity);
  await wal.save(hardState(2, 20, 5n), testEntries(1, 30, 2), true);
  await wal.saveSnapshot(mark(10, 2));
  return wal.reopen();
}

async function settle(
  unfinished: SnapshotMark | undefined,
): Promise<{ settled: WalContents; found: WalContents; finished: number }> {
  const wal = await sampleLog();
  let finished = 0;
  const state = {
    unfinished,
    finish: () => {
      finished++;
      return Promise.resolve();
    },
  };
  const settled = await finishInstall(state, wal, wal.contents());
  return { settled, found: wal.crash().contents(), finished };
}

const installs: [string, SnapshotMark | undefined, number, number, number][] = [
  ["none was begun", undefined, 10, 20, 0],
  ["the log was reset already", mark(10, 2), 10, 20, 1],
  ["the log was reset already and went on", mark(9, 2), 10, 20, 1],
  ["the log ends before it", mark(70, 4), 70, 0, 1],
  ["the log holds entries that the leader does not have", mark(25, 4), 25, 0, 1],
];

for (const [title, unfinished, markIndex, entries, finishes] of installs) {
  test(`a half-done install is finished: ${title}`, async () => {
    const { settled, found, finished } = await settle(unfinished);
    assert.equal(settled.snapshot.index, markIndex);
    assert.equal(settled.entries.length, entries);
    assert.equal(finished, finishes);
    assert.equal(found.snapshot.index, settled.snapshot.index);
    assert.equal(found.entries.length, settled.entries.length);
    assert(settled.hardState.commit <= markIndex + entries);
    assert(settled.hardState.term >= settled.snapshot.term);
  });
}

const joins: [number, string | undefined][] = [
  [9, "STATE_BEHIND"],
  [10, undefined],
  [30, undefined],
  [31, "STATE_AHEAD"],
];

for (const [applied, code] of joins) {
  test(`a state at entry ${applied} ${code ?? "joins"} a log of (10, 30]`, async () => {
    const contents = (await sampleLog()).contents();
    if (code === undefined) checkJoin(applied, contents, "/data");
    else assert.throws(() => checkJoin(applied, contents, "/data"), { code });
  });
}
