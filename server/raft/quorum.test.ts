import assert from "node:assert/strict";
import { test } from "node:test";
import type { Random } from "#base/random.ts";
import { seededRandom } from "#base/random.ts";
import {
  type Acknowledgements,
  everyIndex,
  jointIndex,
  jointVote,
  majorityIndex,
  majorityVote,
  type VoteResult,
} from "#server/raft/quorum.ts";

function acks(byVoter: Record<number, number>): Acknowledgements {
  return { acknowledged: (voter) => byVoter[Number(voter)] ?? 0 };
}

const indexCases: { voters: bigint[]; acked: Record<number, number>; index: number }[] = [
  { voters: [], acked: {}, index: everyIndex },
  { voters: [1n], acked: {}, index: 0 },
  { voters: [1n], acked: { 1: 12 }, index: 12 },
  { voters: [1n, 2n], acked: { 1: 5 }, index: 0 },
  { voters: [1n, 2n], acked: { 1: 5, 2: 3 }, index: 3 },
  { voters: [1n, 2n, 3n], acked: { 1: 5, 2: 3, 3: 9 }, index: 5 },
  { voters: [1n, 2n, 3n, 4n], acked: { 1: 5, 2: 3, 3: 9, 4: 4 }, index: 4 },
  { voters: [1n, 2n, 3n, 4n, 5n], acked: { 1: 5, 2: 3, 3: 9, 4: 4, 5: 1 }, index: 4 },
];

for (const { voters, acked, index } of indexCases) {
  test(`a majority of ${voters} that acknowledged ${JSON.stringify(acked)} commits ${index}`, () => {
    assert.equal(majorityIndex(voters, acks(acked)), index);
  });
}

const voteCases: { voters: bigint[]; votes: [bigint, boolean][]; result: VoteResult }[] = [
  { voters: [], votes: [], result: "won" },
  { voters: [1n], votes: [], result: "pending" },
  { voters: [1n, 2n], votes: [[1n, true]], result: "pending" },
  { voters: [1n, 2n], votes: [[1n, false]], result: "lost" },
  {
    voters: [1n, 2n, 3n],
    votes: [
      [1n, true],
      [3n, true],
    ],
    result: "won",
  },
  {
    voters: [1n, 2n, 3n],
    votes: [
      [1n, false],
      [3n, true],
    ],
    result: "pending",
  },
  {
    voters: [1n, 2n, 3n],
    votes: [
      [9n, true],
      [8n, true],
    ],
    result: "pending",
  },
];

for (const { voters, votes, result } of voteCases) {
  test(`votes ${votes.join(" ")} of ${voters} are ${result}`, () => {
    assert.equal(majorityVote(voters, new Map(votes)), result);
  });
}

// The naive model: try every index; count heads.
function naiveIndex(sets: readonly (readonly bigint[])[], by: Acknowledgements, highest: number) {
  if (sets.every((set) => set.length === 0)) return everyIndex;
  let best = 0;
  for (let index = 1; index <= highest; index++) {
    const committed = sets.every(
      (set) =>
        set.length === 0 ||
        set.filter((voter) => by.acknowledged(voter) >= index).length * 2 > set.length,
    );
    if (committed) best = index;
  }
  return best;
}

function naiveVote(sets: readonly (readonly bigint[])[], votes: Map<bigint, boolean>): VoteResult {
  const wins = (assumed: boolean) =>
    sets.every(
      (set) =>
        set.length === 0 || set.filter((id) => votes.get(id) ?? assumed).length * 2 > set.length,
    );
  if (wins(false)) return "won";
  return wins(true) ? "pending" : "lost";
}

function someVoters(random: Random): bigint[] {
  return [1n, 2n, 3n, 4n, 5n, 6n, 7n].filter(() => random.chance(0.6));
}

test("joint quorums agree with the naive model", () => {
  const seed = Number(process.env["SEED"] ?? 20261122);
  const random = seededRandom(seed);
  for (let round = 0; round < 5000; round++) {
    const incoming = someVoters(random);
    const outgoing = random.chance(0.5) ? someVoters(random) : [];
    const acked: Record<number, number> = {};
    const votes = new Map<bigint, boolean>();
    for (let id = 1; id <= 7; id++) {
      if (random.chance(0.8)) acked[id] = 1 + random.below(9);
      if (random.chance(0.7)) votes.set(BigInt(id), random.chance(0.5));
    }
    const replay = `round ${round}; replay: SEED=${seed} node --test server/raft/quorum.test.ts`;
    const by = acks(acked);
    const sets = [incoming, outgoing];
    assert.equal(jointIndex({ incoming, outgoing }, by), naiveIndex(sets, by, 9), replay);
    assert.equal(jointVote({ incoming, outgoing }, votes), naiveVote(sets, votes), replay);
  }
});
