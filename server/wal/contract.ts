// What every Wal must do, run by the test of each.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { utf8 } from "#base/bytes.ts";
import type { ClusterId, MemberId } from "#base/ids.ts";
import { seededRandom } from "#base/random.ts";
import type { Entry, HardState } from "#proto/gen/raft.ts";
import type { SnapshotMark, Wal, WalContents, WalIdentity } from "#server/wal/wal.ts";

/** A log under test; `make` always gives a new one. */
export interface WalUnderTest {
  make(identity: WalIdentity): Promise<Wal>;
  /** Closes it and opens the same log again. */
  reopen(wal: Wal): Promise<{ wal: Wal; contents: WalContents }>;
}

export const testIdentity: WalIdentity = {
  memberId: 0xfedcba9876543210n as MemberId,
  clusterId: 0x8000000000000001n as ClusterId,
};

/** Entries of indexes first to last, each telling its index and term. */
export function testEntries(first: number, last: number, term: number): Entry[] {
  return Array.from({ length: last - first + 1 }, (_, i) => ({
    type: 0 as const,
    term,
    index: first + i,
    data: utf8(`entry ${first + i} of term ${term}`),
  }));
}

export function hardState(term: number, commit: number, vote = 0n): HardState {
  return { term, vote, commit };
}

export function mark(index: number, term: number): SnapshotMark {
  return {
    index,
    term,
    confState: {
      voters: [1n, testIdentity.memberId],
      learners: [3n],
      votersOutgoing: [],
      learnersNext: [],
      autoLeave: false,
    },
  };
}

/** Entries as "index/term", checking that each holds what testEntries gave it. */
function show(entries: readonly Entry[]): string[] {
  return entries.map(({ index, term, data }) => {
    assert.equal(Buffer.from(data).toString(), `entry ${index} of term ${term}`);
    return `${index}/${term}`;
  });
}

/** Registers the suite. */
export function walContract(name: string, under: WalUnderTest): void {
  describe(`log contract: ${name}`, () => {
    test("a new log holds its identity and nothing else", async () => {
      const { wal, contents } = await under.reopen(await under.make(testIdentity));
      assert.equal(contents.memberId, testIdentity.memberId);
      assert.equal(contents.clusterId, testIdentity.clusterId);
      assert.deepEqual(contents.hardState, hardState(0, 0));
      assert.equal(contents.snapshot.index, 0);
      assert.deepEqual(contents.entries, []);
      await wal.close();
    });

    test("entries of every type and size come back", async () => {
      const first = await under.make(testIdentity);
      const entries: Entry[] = [
        { type: 0, term: 1, index: 1, data: new Uint8Array(0) },
        { type: 1, term: 1, index: 2, data: Uint8Array.from([0, 255, 1]) },
        { type: 2, term: 1, index: 3, data: new Uint8Array(3 * 1024 * 1024).fill(7) },
        { type: 0, term: 2 ** 40, index: 4, data: utf8("x") },
      ];
      await first.save(hardState(2 ** 40, 3, 2n ** 64n - 1n), entries, true);
      const { wal, contents } = await under.reopen(first);
      assert.equal(contents.entries.length, 4);
      contents.entries.forEach((entry, i) => {
        const wanted = entries[i];
        assert(wanted !== undefined);
        assert.equal(entry.type, wanted.type);
        assert.equal(entry.term, wanted.term);
        assert(Buffer.from(entry.data).equals(wanted.data));
      });
      assert.deepEqual(contents.hardState, hardState(2 ** 40, 3, 2n ** 64n - 1n));
      await wal.close();
    });

    test("a hard state alone, and one that is left out, keep the rest", async () => {
      const first = await under.make(testIdentity);
      await first.save(hardState(1, 0, 5n), testEntries(1, 3, 1), true);
      await first.save(hardState(2, 2, 6n), [], false);
      await first.save(undefined, testEntries(4, 4, 2), true);
      await first.save(undefined, [], true);
      const { wal, contents } = await under.reopen(first);
      assert.deepEqual(contents.hardState, hardState(2, 2, 6n));
      assert.deepEqual(show(contents.entries), ["1/1", "2/1", "3/1", "4/2"]);
      await wal.close();
    });

    const suffixes: [string, Entry[], string[]][] = [
      ["shorter", testEntries(3, 3, 2), ["1/1", "2/1", "3/2"]],
      ["of equal length", testEntries(3, 5, 2), ["1/1", "2/1", "3/2", "4/2", "5/2"]],
      ["longer", testEntries(5, 7, 2), ["1/1", "2/1", "3/1", "4/1", "5/2", "6/2", "7/2"]],
      ["everything", testEntries(1, 1, 2), ["1/2"]],
    ];
    for (const [title, suffix, expected] of suffixes) {
      test(`a conflicting suffix is replaced: ${title}`, async () => {
        const first = await under.make(testIdentity);
        await first.save(hardState(1, 0), testEntries(1, 5, 1), true);
        await first.save(hardState(2, 0), suffix, true);
        const again = await under.reopen(first);
        assert.deepEqual(show(again.contents.entries), expected);
        const next = expected.length + 1;
        await again.wal.save(undefined, testEntries(next, next, 2), true);
        const { wal, contents } = await under.reopen(again.wal);
        assert.deepEqual(show(contents.entries), [...expected, `${next}/2`]);
        await wal.close();
      });
    }

    test("a mark within a suffix that replaced another", async () => {
      const first = await under.make(testIdentity);
      await first.save(hardState(1, 0), testEntries(1, 20, 1), true);
      await first.save(hardState(2, 17), testEntries(15, 18, 2), true);
      await first.saveSnapshot(mark(16, 2));
      const again = await under.reopen(first);
      assert.deepEqual(show(again.contents.entries), ["17/2", "18/2"]);
      await again.wal.compact(16);
      const { wal, contents } = await under.reopen(again.wal);
      assert.deepEqual(show(contents.entries), ["17/2", "18/2"]);
      await wal.close();
    });

    test("a mark hides what is below it, compaction drops it", async () => {
      const first = await under.make(testIdentity);
      await first.save(hardState(1, 10), testEntries(1, 20, 1), true);
      await first.saveSnapshot(mark(10, 1));
      await first.compact(5);
      let opened = await under.reopen(first);
      assert.deepEqual(opened.contents.snapshot, mark(10, 1));
      assert.equal(show(opened.contents.entries)[0], "11/1");
      await opened.wal.compact(10);
      await opened.wal.compact(3);
      opened = await under.reopen(opened.wal);
      assert.deepEqual(
        show(opened.contents.entries),
        testEntries(11, 20, 1).map(({ index }) => `${index}/1`),
      );
      await opened.wal.save(hardState(1, 21), testEntries(21, 21, 1), true);
      await opened.wal.close();
    });

    test("a mark on the last entry leaves an empty log that goes on", async () => {
      const first = await under.make(testIdentity);
      await first.save(hardState(3, 4), testEntries(1, 4, 3), true);
      await first.saveSnapshot(mark(4, 3));
      await first.compact(4);
      const again = await under.reopen(first);
      assert.deepEqual(again.contents.entries, []);
      await again.wal.save(hardState(3, 5), testEntries(5, 6, 3), true);
      const { wal, contents } = await under.reopen(again.wal);
      assert.deepEqual(show(contents.entries), ["5/3", "6/3"]);
      await wal.close();
    });

    test("a compaction of many entries leaves the rest", async () => {
      const first = await under.make(testIdentity);
      await first.save(hardState(1, 2500), testEntries(1, 2510, 1), true);
      await first.saveSnapshot(mark(2500, 1));
      await Promise.all([
        first.compact(2500),
        first.save(undefined, testEntries(2511, 2511, 1), true),
      ]);
      const { wal, contents } = await under.reopen(first);
      assert.equal(contents.entries.length, 11);
      await wal.close();
    });

    test("an installed snapshot replaces the log, ahead or behind, and raises the hard state", async () => {
      for (const [before, at] of [
        [20, 10],
        [5, 100],
      ] as const) {
        const first = await under.make(testIdentity);
        await first.save(hardState(2, 3, 7n), testEntries(1, before, 2), true);
        await first.reset(mark(at, 4), undefined);
        const again = await under.reopen(first);
        assert.deepEqual(again.contents.snapshot, mark(at, 4));
        assert.deepEqual(again.contents.entries, []);
        assert.deepEqual(again.contents.hardState, hardState(4, at, 0n));
        await again.wal.save(hardState(5, at), testEntries(at + 1, at + 1, 5), true);
        await again.wal.reset(mark(at + 50, 6), hardState(6, at + 50, 9n));
        const { wal, contents } = await under.reopen(again.wal);
        assert.deepEqual(contents.hardState, hardState(6, at + 50, 9n));
        assert.deepEqual(contents.entries, []);
        await wal.close();
      }
    });

    test("calls that are not waited for take effect in their order", async () => {
      const first = await under.make(testIdentity);
      const calls: Promise<void>[] = [first.save(hardState(1, 0), [], false)];
      for (let i = 1; i <= 200; i++) {
        calls.push(first.save(hardState(1, i - 1), testEntries(i, i, 1), i % 50 === 0));
      }
      await Promise.all(calls);
      const { wal, contents } = await under.reopen(first);
      assert.equal(contents.entries.length, 200);
      assert.equal(contents.hardState.commit, 199);
      await wal.close();
    });

    test("a driver's mistakes are refused before anything is written", async () => {
      const wal = await under.make(testIdentity);
      await wal.save(hardState(2, 2), testEntries(1, 3, 2), true);
      const mistakes: [RegExp, () => Promise<void>][] = [
        [/gap/, () => wal.save(undefined, testEntries(5, 5, 2), true)],
        [/committed entry is replaced/, () => wal.save(undefined, testEntries(2, 2, 2), true)],
        [
          /do not follow/,
          () => wal.save(undefined, [...testEntries(4, 4, 2), ...testEntries(6, 6, 2)], true),
        ],
        [/beyond the hard state/, () => wal.save(undefined, testEntries(4, 4, 3), true)],
        [/does not hold/, () => wal.save(hardState(2, 9), [], true)],
        [/beyond the last entry/, () => wal.saveSnapshot(mark(99, 2))],
        [/beyond the snapshot mark/, () => wal.compact(1)],
        [/behind the commit index/, () => wal.reset(mark(1, 2), undefined)],
      ];
      for (const [message, mistake] of mistakes) {
        await assert.rejects(async () => await mistake(), { code: "INVARIANT", message });
      }
    });

    test("a closed log refuses, after it wrote what came before", async () => {
      const first = await under.make(testIdentity);
      const saving = first.save(hardState(1, 0), testEntries(1, 1, 1), true);
      const closing = first.close();
      await assert.rejects(first.save(hardState(1, 1), [], true), { code: "WAL_CLOSED" });
      await Promise.all([saving, closing]);
      const { wal, contents } = await under.reopen(first);
      assert.equal(contents.entries.length, 1);
      await wal.close();
    });

    test("any history, reopened at any point, holds what a plain model holds", async () => {
      const seed = Date.now() % 1_000_000;
      const random = seededRandom(seed);
      let wal = await under.make(testIdentity);
      let entries: Entry[] = [];
      let at = mark(0, 0);
      let state = hardState(0, 0);
      for (let step = 0; step < 150; step++) {
        const last = at.index + entries.length;
        const kind = random.below(10);
        if (kind < 6) {
          const first = state.commit + 1 + random.below(last - state.commit + 1);
          const term = state.term + random.below(2);
          const more = random.below(random.chance(0.2) ? 300 : 4);
          const added = testEntries(first, first + more, term);
          entries = [...entries.slice(0, first - 1 - at.index), ...added];
          const end = at.index + entries.length;
          state = hardState(
            term,
            state.commit + random.below(end - state.commit + 1),
            BigInt(step),
          );
          await wal.save(state, added, random.chance(0.5));
        } else if (kind < 8 && state.commit > at.index) {
          const index = at.index + random.below(state.commit - at.index) + 1;
          const term = entries[index - at.index - 1]?.term ?? 0;
          entries = entries.slice(index - at.index);
          at = mark(index, term);
          await wal.saveSnapshot(at);
          await wal.compact(random.below(index + 1));
        } else if (kind === 8 && random.chance(0.3)) {
          at = mark(last + random.below(5), state.term + 1);
          entries = [];
          state = hardState(at.term, at.index, 1n);
          await wal.reset(at, state);
        } else {
          const opened = await under.reopen(wal);
          wal = opened.wal;
          const label = `seed ${seed}, step ${step}`;
          assert.deepEqual(show(opened.contents.entries), show(entries), label);
          assert.deepEqual(opened.contents.hardState, state, label);
          assert.equal(opened.contents.snapshot.index, at.index, label);
        }
      }
      await wal.close();
    });
  });
}
