import assert from "node:assert/strict";
import { test } from "node:test";
import { InvariantError } from "#base/assert.ts";
import { emptyBytes } from "#base/bytes.ts";
import type { Entry } from "#proto/gen/raft.ts";
import { RaftLog } from "#server/raft/log.ts";
import { MemoryLog } from "#server/raft/memory-log.ts";
import { entryBytes } from "#server/raft/message.ts";

const noLimit = Number.MAX_SAFE_INTEGER;

/** Entries from `first` on, one of each term. */
function entriesOf(first: number, terms: readonly number[]): Entry[] {
  return terms.map((term, i) => ({ type: 0, term, index: first + i, data: emptyBytes }));
}

/** A log of these terms, from index 1 on: the first `stable` on disk, the rest not. */
function logOf(terms: readonly number[], stable: number, committed = 0): RaftLog {
  const storage = new MemoryLog();
  storage.append(entriesOf(1, terms.slice(0, stable)));
  const log = new RaftLog(storage, { committed: Math.min(committed, stable), applied: 0 });
  log.append(entriesOf(stable + 1, terms.slice(stable)));
  log.commitTo(committed);
  return log;
}

function termsOf(log: RaftLog): number[] {
  const entries = log.entriesFrom(log.firstIndex(), noLimit);
  assert.ok(entries !== "compacted");
  return entries.map((entry) => entry.term);
}

// Raft, Figure 7: what a follower may hold when a leader of term 8 comes to power.
const leaderTerms = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];
const figure7: [name: string, terms: number[], accepts: boolean][] = [
  ["a: misses one entry", [1, 1, 1, 4, 4, 5, 5, 6, 6], false],
  ["b: misses many", [1, 1, 1, 4], false],
  ["c: one more of the term before", [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6], true],
  ["d: entries of a later term", [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7], true],
  ["e: other entries", [1, 1, 1, 4, 4, 4, 4], false],
  ["f: entries of two other terms", [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3], false],
];

for (const stable of [0, 3, 7, 20]) {
  for (const [name, terms, accepts] of figure7) {
    test(`figure 7 ${name}; ${stable} entries on disk`, () => {
      const log = logOf(terms, Math.min(stable, terms.length));
      const entries = entriesOf(11, [8]);
      const accepted = log.tryAppend({ index: 10, logTerm: 6, entries, commit: 0 });
      assert.equal(accepted, accepts ? 11 : undefined);
      if (!accepts) {
        // Probing back by the hints of both sides ends where the logs really match.
        const leader = logOf(leaderTerms, 10);
        let prev = 10;
        for (let probes = 0; !log.matches(prev, leaderTerms[prev - 1] ?? 0); probes++) {
          assert.ok(probes < 4, "at most one probe a term");
          const asked = Math.min(prev, log.lastIndex());
          const hint = log.findConflictByTerm(asked, leaderTerms[prev - 1] ?? 0);
          prev = leader.findConflictByTerm(hint.index, hint.term).index;
        }
        const rest = [...entriesOf(1, leaderTerms).slice(prev), ...entries];
        const logTerm = leaderTerms[prev - 1] ?? 0;
        assert.equal(log.tryAppend({ index: prev, logTerm, entries: rest, commit: 0 }), 11);
      }
      assert.deepEqual(termsOf(log), [...leaderTerms, 8]);
    });
  }
}

const appends: [
  name: string,
  index: number,
  logTerm: number,
  terms: number[],
  commit: number,
  then: number[],
  committed: number,
][] = [
  ["commits no further than what it brought", 3, 3, [], 9, [1, 2, 3], 3],
  ["an old one shortens nothing", 1, 1, [2], 1, [1, 2, 3], 1],
  ["a repeated one shortens nothing", 0, 0, [1, 2], 2, [1, 2, 3], 2],
  ["a conflict cuts the tail", 1, 1, [4], 1, [1, 4], 1],
  ["a partial conflict keeps the head", 1, 1, [2, 4, 4], 4, [1, 2, 4, 4], 4],
  ["a commit index never goes back", 3, 3, [3], 0, [1, 2, 3, 3], 1],
];

for (const stable of [0, 2, 3]) {
  for (const [name, index, logTerm, terms, commit, expected, committed] of appends) {
    test(`§5.3 ${name}; ${stable} entries on disk`, () => {
      const log = logOf([1, 2, 3], stable, 1);
      log.tryAppend({ index, logTerm, entries: entriesOf(index + 1, terms), commit });
      assert.deepEqual(termsOf(log), expected);
      assert.equal(log.committed, committed);
    });
  }
}

test("a conflict with a committed entry, and a commit behind the log, stop the process", () => {
  const log = logOf([1, 2, 3], 3, 2);
  const entries = entriesOf(2, [4]);
  assert.throws(() => log.tryAppend({ index: 1, logTerm: 1, entries, commit: 0 }), InvariantError);
  assert.throws(() => log.commitTo(4), InvariantError);
  assert.throws(() => new RaftLog(new MemoryLog(), { committed: 1, applied: 0 }), InvariantError);
});

const upToDate: [index: number, term: number, yes: boolean][] = [
  [1, 4, true],
  [3, 3, true],
  [4, 3, true],
  [2, 3, false],
  [9, 2, false],
];

for (const [index, term, yes] of upToDate) {
  test(`§5.4.1 a log that ends at ${term}/${index} ${yes ? "gets" : "gets no"} vote from 3/3`, () => {
    assert.equal(logOf([1, 2, 3], 2).isUpToDate({ index, term }), yes);
  });
}

test("§5.4.2 only entries of the own term are committed by counting", () => {
  const log = logOf([1, 2, 3], 3);
  assert.equal(log.tryCommit(2, 3), false);
  assert.equal(log.tryCommit(3, 3), true);
  assert.equal(log.tryCommit(3, 3), false);
  assert.equal(log.committed, 3);
});

test("entries are handed out once, and again if they were replaced", () => {
  const log = logOf([1, 1], 1);
  const indexes = () => log.acceptUnstable().entries.map((entry) => [entry.term, entry.index]);
  assert.deepEqual(indexes(), [[1, 2]]);
  assert.deepEqual(indexes(), []);
  log.append(entriesOf(3, [1, 1]));
  assert.deepEqual(indexes(), [
    [1, 3],
    [1, 4],
  ]);
  log.tryAppend({ index: 2, logTerm: 1, entries: entriesOf(3, [2]), commit: 0 });
  log.stableTo(4, 1);
  assert.deepEqual(indexes(), [[2, 3]], "what was replaced meanwhile is not stable");
  assert.deepEqual(termsOf(log), [1, 1, 2]);
});

test("what is stable is read from the storage", () => {
  const storage = new MemoryLog();
  const log = new RaftLog(storage, { committed: 0, applied: 0 });
  log.append(entriesOf(1, [1, 1, 1]));
  storage.append(log.acceptUnstable().entries);
  log.append(entriesOf(4, [1]));
  log.stableTo(3, 1);
  assert.deepEqual(termsOf(log), [1, 1, 1, 1]);
  assert.deepEqual(log.acceptUnstable().entries.length, 1);
});

test("slices join what is on disk and what is not, within the limit", () => {
  const size = entryBytes(entriesOf(1, [1])[0]!);
  for (const stable of [0, 1, 2, 3, 4]) {
    const log = logOf([1, 1, 1, 1], stable);
    for (const [maxBytes, count] of [
      [0, 1],
      [size, 1],
      [2 * size + 1, 2],
      [3 * size, 3],
      [noLimit, 4],
    ] as const) {
      assert.equal(log.entriesFrom(1, maxBytes).length, count, `${stable} stable, ${maxBytes}`);
    }
  }
});

test("committed entries are handed out in order, page by page, not while a snapshot is pending", () => {
  const log = logOf([1, 1, 1, 1], 2, 3);
  const size = entryBytes(entriesOf(1, [1])[0]!);
  assert.deepEqual(
    log.acceptCommitted(2 * size).map((entry) => entry.index),
    [1, 2],
  );
  assert.deepEqual(
    log.acceptCommitted(2 * size).map((entry) => entry.index),
    [3],
  );
  assert.equal(log.hasCommittedToApply, false);
  log.appliedTo(2);
  log.appliedTo(3);
  assert.throws(() => log.appliedTo(2), InvariantError);
  assert.throws(() => log.appliedTo(4), InvariantError);

  const confState = {
    voters: [1n],
    learners: [],
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
  };
  const snapshot = { data: emptyBytes, metadata: { confState, index: 10, term: 2 } };
  log.restore(snapshot);
  log.append(entriesOf(11, [2]));
  log.commitTo(11);
  assert.equal(log.hasCommittedToApply, false);
  assert.deepEqual(
    [log.term(9), log.term(10), log.term(11), log.term(12)],
    ["compacted", 2, 2, "unavailable"],
  );
  assert.equal(log.acceptUnstable().snapshot, snapshot);
  assert.equal(log.acceptUnstable().snapshot, undefined);
});

test("a restart applies nothing twice, and trusts the applied index over an older commit index", () => {
  const storage = new MemoryLog();
  storage.append(entriesOf(1, [1, 1, 1]));
  const log = new RaftLog(storage, { committed: 1, applied: 2 });
  assert.deepEqual([log.committed, log.applying, log.applied], [2, 2, 2]);
});
