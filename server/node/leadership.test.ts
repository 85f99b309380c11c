import assert from "node:assert/strict";
import { test } from "node:test";
import { type MemberId, noMember } from "#base/ids.ts";
import { Leadership } from "#server/node/leadership.ts";
import type { Role } from "#server/raft/ready.ts";

const self = 1n as MemberId;
const other = 2n as MemberId;

function made(activeSince?: number): Leadership {
  return new Leadership({
    memberId: self,
    electionTimeoutMs: 1000,
    startedMs: 0,
    activeSince: () => activeSince,
  });
}

const state = (leader: MemberId, role: Role = "follower") => ({ leader, role });

test("changes of the leader are told apart", () => {
  const leadership = made();
  const rows = [
    [state(other), { newLeader: true, lost: false }],
    [state(other), { newLeader: false, lost: false }],
    [state(noMember, "candidate"), { newLeader: false, lost: true }],
    [state(noMember, "pre-candidate"), { newLeader: false, lost: false }],
    [state(self, "leader"), { newLeader: true, lost: false }],
    [state(other), { newLeader: true, lost: false }],
  ] as const;
  for (const [next, told] of rows) assert.deepEqual(leadership.update(next, 0), told);
  assert.equal(leadership.changes, 3);
});

test("streams end once there has been no leader for three election timeouts", () => {
  const leadership = made();
  let told = 0;
  leadership.onLost(() => told++);
  const undo = leadership.onLost(() => assert.fail("it is gone"));
  undo();
  leadership.update(state(other), 0);
  leadership.tick(100_000);
  leadership.update(state(noMember), 100_000);
  leadership.tick(102_999);
  assert.equal(told, 0);
  leadership.tick(103_000);
  leadership.tick(104_000);
  assert.equal(told, 1);
  leadership.update(state(other), 105_000);
  leadership.update(state(noMember), 106_000);
  leadership.tick(109_000);
  assert.equal(told, 2, "each loss anew");
});

test("a member that never had a leader tells so as well", () => {
  const leadership = made();
  let told = 0;
  leadership.onLost(() => told++);
  leadership.tick(2999);
  assert.equal(told, 0);
  leadership.tick(3000);
  assert.equal(told, 1);
});

const timeouts: readonly [
  title: string,
  run: (one: Leadership) => void,
  since: number | undefined,
  text: RegExp,
][] = [
  ["no leader, none lost lately", () => {}, undefined, /request timed out$/],
  [
    "the leader was lost a moment ago",
    (one) => {
      one.update(state(other), 0);
      one.update(state(noMember), 9000);
    },
    undefined,
    /due to previous leader failure/,
  ],
  [
    "the request began before the present leader was elected",
    (one) => {
      one.update(state(other), 0);
      one.update(state(noMember), 4000);
      one.update(state(other), 4500);
    },
    0,
    /due to previous leader failure/,
  ],
  [
    "the leader does not answer",
    (one) => one.update(state(other), 0),
    undefined,
    /connection lost/,
  ],
  ["the leader answers", (one) => one.update(state(other), 0), 1, /request timed out$/],
  [
    "it leads itself",
    (one) => one.update(state(self, "leader"), 0),
    undefined,
    /request timed out$/,
  ],
];

for (const [title, run, since, text] of timeouts) {
  test(`a request from 3 s to 10 s times out: ${title}`, () => {
    const leadership = made(since);
    run(leadership);
    assert.match(leadership.timeoutError(10_000, 3000).message, text);
  });
}
