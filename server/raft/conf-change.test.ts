import assert from "node:assert/strict";
import { test } from "node:test";
import { InvariantError } from "#base/assert.ts";
import { seededRandom } from "#base/random.ts";
import type { ConfChangeSingle, ConfState } from "#proto/gen/raft.ts";
import {
  applyChange,
  assertAccepted,
  asV2,
  type Configuration,
  confStateOf,
  enterJoint,
  leaveJoint,
  restoreConfiguration,
  simple,
} from "#server/raft/conf-change.ts";
import { describeConfState } from "#server/raft/testing/describe.ts";

const letters: Record<string, ConfChangeSingle["type"]> = { v: 0, r: 1, u: 2, l: 3 };

/** `v1 l2 r3`: make 1 a voter and 2 a learner, remove 3. */
function changes(text: string): ConfChangeSingle[] {
  return text
    .split(" ")
    .filter(Boolean)
    .map((word) => ({ type: letters[word.charAt(0)]!, nodeId: BigInt(word.slice(1)) }));
}

function configuration(voters: number[], learners: number[] = []): Configuration {
  return assertAccepted(
    restoreConfiguration({
      voters: voters.map(BigInt),
      learners: learners.map(BigInt),
      votersOutgoing: [],
      learnersNext: [],
      autoLeave: false,
    }),
  );
}

function outcome(result: ReturnType<typeof simple>): string {
  return "refused" in result
    ? `refused: ${result.refused}`
    : describeConfState(confStateOf(result));
}

const simpleCases: [voters: number[], learners: number[], change: string, expected: string][] = [
  [[1], [], "v2", "(1 2)"],
  [[1], [], "l2", "(1) learners=(2)"],
  [[1], [2], "v2", "(1 2)"],
  [[1, 2], [], "l2", "(1) learners=(2)"],
  [[1, 2], [], "r2", "(1)"],
  [[1, 2], [], "r9", "(1 2)"],
  [[1, 2], [], "u2", "(1 2)"],
  [[1, 2], [], "v2", "(1 2)"],
  [[1, 2], [], "r0", "(1 2)"],
  [[1], [], "l2 l3", "(1) learners=(2 3)"],
  [[1], [2], "l2", "(1) learners=(2)"],
  [[1], [2], "r2", "(1)"],
  [[1], [], "r1", "refused: the change removes all voters"],
  [[1], [], "l1", "refused: the change removes all voters"],
  [[1], [], "v2 v3", "refused: more than one voter changes without a joint configuration"],
  [[1, 2], [], "r1 v3", "refused: more than one voter changes without a joint configuration"],
];

for (const [voters, learners, change, expected] of simpleCases) {
  test(`simple change ${change} of voters ${voters} learners ${learners}`, () => {
    assert.equal(outcome(simple(configuration(voters, learners), changes(change))), expected);
  });
}

const jointCases: [
  voters: number[],
  learners: number[],
  change: string,
  joint: string,
  left: string,
][] = [
  [[1, 2, 3], [], "r1 v4", "(2 3 4)&&(1 2 3) auto-leave", "(2 3 4)"],
  [[1, 2], [], "l2 v3", "(1 3)&&(1 2) learners-next=(2) auto-leave", "(1 3) learners=(2)"],
  [[1, 2], [3], "l2 v3", "(1 3)&&(1 2) learners-next=(2) auto-leave", "(1 3) learners=(2)"],
  [[1, 2], [3], "r1 r2 v3", "(3)&&(1 2) auto-leave", "(3)"],
  [[1, 2], [], "l2 v2", "(1 2)&&(1 2) auto-leave", "(1 2)"],
  [[1, 2], [], "r2 l2", "(1)&&(1 2) learners-next=(2) auto-leave", "(1) learners=(2)"],
  [[1], [], "l2 l3", "(1)&&(1) learners=(2 3) auto-leave", "(1) learners=(2 3)"],
];

for (const [voters, learners, change, joint, left] of jointCases) {
  test(`joint change ${change} of voters ${voters} learners ${learners}`, () => {
    const entered = enterJoint(configuration(voters, learners), changes(change), true);
    assert.equal(outcome(entered), joint);
    assert.equal(outcome(leaveJoint(assertAccepted(entered))), left);
  });
}

test("changes that do not fit the state are refused", () => {
  const plain = configuration([1, 2]);
  const joint = assertAccepted(enterJoint(plain, changes("v3"), false));
  assert.match(outcome(leaveJoint(plain)), /not joint/);
  assert.match(outcome(simple(joint, changes("v4"))), /joint/);
  assert.match(outcome(enterJoint(joint, changes("v4"), false)), /already joint/);
  assert.match(outcome(simple(plain, [{ type: 7 as never, nodeId: 3n }])), /unknown kind/);
  assert.throws(() => assertAccepted(leaveJoint(plain)), InvariantError);
});

test("one change is simple, several are joint, none leaves", () => {
  const plain = configuration([1, 2]);
  const context = new Uint8Array(0);
  const apply = (config: Configuration, text: string, transition: 0 | 1 | 2) =>
    applyChange(config, { transition, changes: changes(text), context });
  assert.equal(outcome(apply(plain, "v3", 0)), "(1 2 3)");
  assert.equal(outcome(apply(plain, "v3 v4", 0)), "(1 2 3 4)&&(1 2) auto-leave");
  assert.equal(outcome(apply(plain, "v3", 1)), "(1 2 3)&&(1 2) auto-leave");
  const explicit = apply(plain, "v3", 2);
  assert.equal(outcome(explicit), "(1 2 3)&&(1 2)");
  assert.equal(outcome(apply(assertAccepted(explicit), "", 0)), "(1 2 3)");
  const single = asV2({ id: 5n, type: 3, nodeId: 3n, context });
  assert.equal(outcome(applyChange(plain, single)), "(1 2) learners=(3)");
});

const broken: [string, Partial<ConfState>][] = [
  ["a learner is a voter", { voters: [1n], learners: [1n] }],
  ["a learner is an outgoing voter", { voters: [1n], votersOutgoing: [2n], learners: [2n] }],
  ["a staged learner is no outgoing voter", { voters: [1n], learnersNext: [2n] }],
  ["auto-leave without being joint", { voters: [1n], autoLeave: true }],
];

for (const [name, part] of broken) {
  test(`a configuration is refused in which ${name}`, () => {
    const empty = { voters: [], learners: [], votersOutgoing: [], learnersNext: [] };
    const state: ConfState = { ...empty, autoLeave: false, ...part };
    assert.match(outcome(restoreConfiguration(state)), /^refused/);
  });
}

test("random changes keep every invariant, and each configuration can be restored", () => {
  const seed = Number(process.env["SEED"] ?? 20261122);
  const random = seededRandom(seed);
  let config = configuration([1, 2, 3]);
  let accepted = 0;
  for (let round = 0; round < 3000; round++) {
    const replay = `round ${round}; replay: SEED=${seed} node --test server/raft/conf-change.test.ts`;
    const some = Array.from({ length: random.below(4) }, () => ({
      type: random.below(4) as ConfChangeSingle["type"],
      nodeId: BigInt(random.below(7)),
    }));
    const transition = random.below(3) as 0 | 1 | 2;
    const next = applyChange(config, { transition, changes: some, context: new Uint8Array(0) });
    if ("refused" in next) continue;
    accepted++;
    const state = confStateOf(next);
    assert.deepEqual(confStateOf(assertAccepted(restoreConfiguration(state))), state, replay);
    assert.ok(state.voters.length > 0, replay);
    // Majorities before and after overlap, or old and new decide together (thesis §4.1, §4.3).
    const before = [...config.voters];
    const moved =
      before.filter((id) => !next.voters.has(id)).length +
      [...next.voters].filter((id) => !config.voters.has(id)).length;
    if (moved > 1) assert.deepEqual(new Set(state.votersOutgoing), new Set(before), replay);
    config = next;
  }
  assert.ok(accepted > 300, `only ${accepted} changes were accepted`);
});
