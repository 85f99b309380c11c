import assert from "node:assert/strict";
import { test } from "node:test";
import { InvariantError } from "#base/assert.ts";
import { emptyBytes } from "#base/bytes.ts";
import type { ConfState, Entry } from "#proto/gen/raft.ts";
import { MemoryLog } from "#server/raft/memory-log.ts";
import { entryBytes } from "#server/raft/message.ts";

const confState: ConfState = {
  voters: [1n],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

function entry(index: number, term: number): Entry {
  return { type: 0, term, index, data: new Uint8Array(10) };
}

/** A log that was compacted at 3, term 3, and holds 4 and 5 of terms 4 and 5. */
function compacted(): MemoryLog {
  const log = new MemoryLog();
  log.applySnapshot({ data: emptyBytes, metadata: { confState, index: 3, term: 3 } });
  log.append([entry(4, 4), entry(5, 5)]);
  return log;
}

function terms(log: MemoryLog): number[] {
  const entries = log.entries(log.firstIndex(), log.lastIndex() + 1, Number.MAX_SAFE_INTEGER);
  assert.ok(typeof entries !== "string");
  return entries.map((one) => one.term);
}

test("terms are known from the entry before the first on", () => {
  const log = compacted();
  assert.deepEqual(
    [2, 3, 4, 5, 6].map((index) => log.term(index)),
    ["compacted", 3, 4, 5, "unavailable"],
  );
  assert.equal(new MemoryLog().term(0), 0);
  assert.equal(new MemoryLog().lastIndex(), 0);
});

test("entries are cut by size, but one always comes", () => {
  const log = compacted();
  const size = entryBytes(entry(4, 4));
  assert.equal(log.entries(3, 5, 1000), "compacted");
  assert.equal(log.entries(4, 7, 1000), "unavailable");
  for (const [maxBytes, count] of [
    [0, 1],
    [2 * size - 1, 1],
    [2 * size, 2],
  ] as const) {
    assert.equal(log.entries(4, 6, maxBytes).length, count);
  }
});

const appends: [name: string, entries: Entry[], terms: number[]][] = [
  ["what follows", [entry(6, 5)], [4, 5, 5]],
  ["a replaced tail", [entry(5, 6)], [4, 6]],
  ["a replaced tail that is shorter", [entry(4, 6)], [6]],
  ["what overlaps a snapshot", [entry(2, 3), entry(3, 3), entry(4, 7)], [7]],
  ["what lies in a snapshot", [entry(2, 3), entry(3, 3)], [4, 5]],
  ["nothing", [], [4, 5]],
];

for (const [name, entries, expected] of appends) {
  test(`append takes ${name}`, () => {
    const log = compacted();
    log.append(entries);
    assert.deepEqual(terms(log), expected);
  });
}

test("append refuses gaps", () => {
  assert.throws(() => compacted().append([entry(7, 5)]), InvariantError);
  assert.throws(() => compacted().append([entry(6, 5), entry(8, 5)]), InvariantError);
});

test("returned arrays are the caller's", () => {
  const log = compacted();
  const entries = log.entries(4, 6, 1000);
  assert.ok(typeof entries !== "string");
  entries.length = 0;
  assert.deepEqual(terms(log), [4, 5]);
});

test("compaction keeps the term of the last entry it drops", () => {
  const log = compacted();
  log.compact(2);
  assert.equal(log.firstIndex(), 4);
  log.compact(4);
  assert.deepEqual([log.term(3), log.term(4), terms(log)], ["compacted", 4, [5]]);
  log.compact(5);
  assert.deepEqual([log.firstIndex(), log.lastIndex(), log.term(5)], [6, 5, 5]);
  assert.throws(() => log.compact(9), InvariantError);
});

test("snapshots are made of what the log holds, and never go back", () => {
  const log = compacted();
  assert.equal(new MemoryLog().snapshot(), "temporarily-unavailable");
  const snapshot = log.createSnapshot(5, confState, new Uint8Array([1]));
  assert.deepEqual(snapshot.metadata, { confState, index: 5, term: 5 });
  assert.equal(log.snapshot(), snapshot);
  assert.throws(() => log.createSnapshot(4, confState, emptyBytes), InvariantError);
  assert.throws(() => log.createSnapshot(6, confState, emptyBytes), InvariantError);
  const older = { data: emptyBytes, metadata: { confState, index: 4, term: 4 } };
  assert.throws(() => log.applySnapshot(older), InvariantError);
});
