import assert from "node:assert/strict";
import { test } from "node:test";
import type { MemberId } from "#base/ids.ts";
import { type Log, silentLog } from "#base/log.ts";
import type { KvHash } from "#server/mvcc/store.ts";
import { CorruptionCheck } from "#server/node/corruption-check.ts";
import { type MemberHash, oddMembers } from "#server/node/hash-answers.ts";

test("who stands out is decided by a majority of all members, those without a vote included", () => {
  const rows: readonly [votes: number[], memberCount: number, odd: readonly bigint[] | string][] = [
    [[5, 5, 5], 3, "none"],
    [[5], 3, "none"],
    [[5, 5, 6], 3, [3n]],
    [[6, 5, 5], 3, [1n]],
    [[5, 6], 3, "unknown"],
    [[5, 6], 2, "unknown"],
    [[5, 6, 7], 3, "unknown"],
    [[5, 5, 5, 6, 7], 5, [4n, 5n]],
    [[5, 5, 6, 6], 4, "unknown"],
    [[5, 5, 5, 6], 4, [4n]],
    [[5, 5, 6], 5, "unknown"],
  ];
  for (const [hashes, memberCount, want] of rows) {
    const votes = hashes.map((hash, i) => ({ id: BigInt(i + 1) as MemberId, hash }));
    assert.deepEqual(oddMembers(votes, memberCount), want, `${hashes} of ${memberCount}`);
  }
});

const own: KvHash = { hash: 5, compactRevision: 10, hashRevision: 20, currentRevision: 20 };
const answer = (hash: number, parts: Partial<MemberHash> = {}): MemberHash => ({
  revision: 20,
  hash,
  compactRevision: 10,
  hashRevision: 20,
  ...parts,
});
const silent = new Error("connection refused");

interface Case {
  readonly name: string;
  readonly answers: readonly (MemberHash | Error)[];
  readonly raised: readonly bigint[];
  readonly says: string;
}

function rigOf(answers: Case["answers"], hashes: readonly KvHash[] = [own]) {
  const raised: bigint[] = [];
  const lines: string[] = [];
  const asked: string[] = [];
  const said = (fields: object, message: string): void =>
    void lines.push(`${message} ${JSON.stringify(fields)}`);
  const log: Log = { ...silentLog, info: said, warn: said, error: said };
  let isLeader = true;
  const check = new CorruptionCheck({
    clock: {
      monotonicMs: () => 0,
      wallMs: () => 0,
      every: () => assert.fail("no period"),
      after: (_delayMs, run) => {
        setImmediate(run);
        return { cancel() {} };
      },
    },
    log,
    memberId: 1n as MemberId,
    isLeader: () => isLeader,
    others: () =>
      answers.map((_, i) => ({
        id: BigInt(i + 2) as MemberId,
        peerUrls: [`${i}`],
        isLearner: false,
        name: "",
        clientUrls: [],
      })),
    ask: async (url, revision) => {
      asked.push(`${url} at ${revision}`);
      const one = answers[Number(url)]!;
      if (one instanceof Error) throw one;
      return one;
    },
    hashNow: async () => own,
    compactionHashes: () => hashes,
    revisions: () => ({ current: 21, compact: 10 }),
    linearize: () => undefined,
    raise: async (id) => void raised.push(id),
    everyMs: 0,
    compactionEveryMs: 0,
  });
  const demote = (): void => {
    isLeader = false;
  };
  return { check, raised, lines, asked, demote };
}

test("the comparison of everything", async () => {
  const cases: readonly Case[] = [
    { name: "equal", answers: [answer(5), answer(5)], raised: [], says: '-checked":2' },
    {
      name: "a follower",
      answers: [answer(5), answer(6)],
      raised: [3n],
      says: "found hash mismatch",
    },
    {
      name: "the leader",
      answers: [answer(6), answer(6)],
      raised: [1n],
      says: "found hash mismatch",
    },
    { name: "one of two", answers: [answer(6)], raised: [0n], says: "names member 0" },
    { name: "silent", answers: [answer(5), silent], raised: [], says: "connection refused" },
    { name: "a silent one is no majority", answers: [answer(6), silent], raised: [0n], says: "" },
    {
      name: "behind",
      answers: [answer(5), new Error("mvcc: required revision is a future revision")],
      raised: [],
      says: "was not compared",
    },
    {
      name: "another compaction",
      answers: [answer(5), answer(6, { compactRevision: 4, revision: 22 })],
      raised: [3n],
      says: "beyond the leader's",
    },
    {
      name: "an older compaction",
      answers: [answer(5), answer(6, { compactRevision: 4 })],
      raised: [],
      says: "since another compaction",
    },
    {
      name: "ahead",
      answers: [answer(5, { revision: 22 }), answer(5)],
      raised: [2n],
      says: "beyond the leader's",
    },
    {
      name: "a compaction that the leader has not",
      answers: [answer(5), answer(6, { compactRevision: 12 })],
      raised: [3n],
      says: "beyond the leader's",
    },
  ];
  for (const { name, answers, raised, says } of cases) {
    const rig = rigOf(answers);
    await rig.check.checkAll();
    assert.deepEqual(rig.raised, raised, name);
    assert(rig.lines.join("\n").includes(says), `${name}: ${rig.lines.join("\n")}`);
  }
});

test("the comparison of compactions: newest first, until one was compared with all", async () => {
  const older = { ...own, hashRevision: 10, compactRevision: 4 };
  const cases: readonly (Case & { readonly asks: number })[] = [
    { name: "equal", answers: [answer(5), answer(5)], raised: [], says: "successfully", asks: 2 },
    {
      name: "a follower",
      answers: [answer(5), answer(6)],
      raised: [3n],
      says: "mismatch",
      asks: 2,
    },
    {
      name: "the leader",
      answers: [answer(6), answer(6)],
      raised: [1n],
      says: "mismatch",
      asks: 2,
    },
    { name: "unknown", answers: [answer(6), silent], raised: [0n], says: "member 0", asks: 2 },
    { name: "silent", answers: [answer(5), silent], raised: [], says: "not compared", asks: 4 },
    {
      name: "another compaction",
      answers: [answer(5), answer(6, { compactRevision: -1 })],
      raised: [],
      says: "not the leader's",
      asks: 4,
    },
  ];
  for (const { name, answers, raised, says, asks } of cases) {
    const rig = rigOf(answers, [own, older]);
    await rig.check.checkCompactions();
    assert.deepEqual(rig.raised, raised, name);
    assert.equal(rig.asked.length, asks, name);
    assert(rig.lines.join("\n").includes(says), `${name}: ${rig.lines.join("\n")}`);
    // What all agreed on is not asked for again.
    await rig.check.checkCompactions();
    assert.equal(rig.asked.length, says === "successfully" ? asks : asks * 2, name);
  }
});

test("a leader that was deposed meanwhile names nobody", async () => {
  const rig = rigOf([answer(6), answer(6)]);
  const running = [rig.check.checkAll(), rig.check.checkCompactions()];
  rig.demote();
  await Promise.all(running);
  assert.deepEqual(rig.raised, []);
});
