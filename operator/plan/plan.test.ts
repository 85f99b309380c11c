import assert from "node:assert/strict";
import { test } from "node:test";
import { mirrorsOf } from "#operator/plan/adopt.ts";
import { conditionsOf } from "#operator/plan/conditions.ts";
import { plan } from "#operator/plan/plan.ts";
import { restartPatienceMs, skipsMinor } from "#operator/plan/rolling.ts";
import { type Answer, type Mirror, stepKinds } from "#operator/plan/types.ts";
import { type Case, decide, gone, judge, nowMs, silent, t2 } from "#test/operator/plan-case.ts";
import { simulate } from "#test/operator/plan-simulation.ts";

const pausedMs = 10 * 60_000;

const empty = { members: [], remnants: [] };

/** The fourth is about to join as t1 says it, and t2 is wanted. */
const joiner: Case = { size: 4, learners: [4], record: { 4: { deadlineMs: 2_000_000 } } };
const leaderless: Answer = {
  ...{ memberId: "m4", clusterId: "abc", leaderId: "", isLearner: true, term: 2 },
  ...{ index: 0, appliedIndex: 0, sizeBytes: 0, usedBytes: 0 },
};
const changedJoiner = (seen: NonNullable<Case["seen"]>[number], more: Case = {}): Case => ({
  ...joiner,
  wanted: { template: t2 },
  seen: { 4: seen },
  ...more,
});
const told = { record: { 4: { deadlineMs: 2_000_000, template: "t2" } } };
const refused = { state: { refusedTemplate: "t2" } };
const far = { wanted: { template: { ...t2, version: "0.9.0" } } };
const learnersWithOldSettings: readonly (readonly [string, Case, string])[] = [
  ["a learner that does not come up, and other settings", changedJoiner(silent), "note ScalingUp"],
  [
    "a learner that hears no leader, and other settings",
    changedJoiner({ answer: leaderless }),
    "note ScalingUp",
  ],
  ["it is restarted with them", changedJoiner(silent, told), "stop c-4 ScalingUp"],
  [
    "and started",
    changedJoiner({ runs: { kind: "absent" }, ...silent }, told),
    "start c-4 Starting",
  ],
  [
    "and waited for",
    changedJoiner({ runs: { kind: "running", template: "t2", forced: false }, ...silent }, told),
    "wait ScalingUp",
  ],
  ["one that follows gets its vote first", changedJoiner({}), "promote c-4 ScalingUp"],
  ["settings that were put back", changedJoiner(silent, refused), "wait ScalingUp"],
  ["a version that is too far away", changedJoiner(silent, far), "wait ScalingUp"],
];

/** Kind of step, its member if any, and the reason. */
const table: readonly (readonly [string, Case, string])[] = [
  ["all is well", {}, "wait Steady"],
  ["one more is wanted", { wanted: { replicas: 4 } }, "note ScalingUp"],
  [
    "a new one is not in the list",
    {
      size: 4,
      record: { 4: { phase: "joining", started: false } },
      unlisted: [4],
      seen: { 4: { volume: "absent", runs: { kind: "absent" }, ...silent } },
    },
    "add-learner c-4 ScalingUp",
  ],
  [
    "a learner without a volume",
    {
      size: 4,
      learners: [4],
      record: { 4: { started: false } },
      seen: { 4: { volume: "absent", runs: { kind: "absent" }, ...silent } },
    },
    "create-volume c-4 Creating",
  ],
  ["a learner that has caught up", { size: 4, learners: [4] }, "promote c-4 ScalingUp"],
  [
    "a learner that is behind",
    { size: 4, learners: [4], record: { 4: { deadlineMs: 2_000_000 } }, seen: { 4: silent } },
    "wait ScalingUp",
  ],
  [
    "a learner that comes to nothing",
    { size: 4, learners: [4], record: { 4: { deadlineMs: 1 } }, seen: { 4: silent } },
    "note JoinFailed",
  ],
  ...learnersWithOldSettings,
  ["one fewer is wanted", { wanted: { replicas: 2 } }, "note ScalingDown"],
  [
    "one fewer while another is away",
    { size: 5, wanted: { replicas: 4 }, seen: { 2: silent } },
    "note ScalingDown",
  ],
  [
    "a surplus member while another is away",
    {
      size: 5,
      record: { 5: { phase: "leaving", because: "surplus" } },
      wanted: { replicas: 4 },
      seen: { 2: silent },
    },
    "wait RemovalWaits",
  ],
  [
    "the leader is the last to go",
    { size: 2, wanted: { replicas: 1 }, record: { 1: { phase: "leaving", because: "surplus" } } },
    "move-leader c-1 MovingLeader",
  ],
  [
    "a surplus member",
    { record: { 3: { phase: "leaving", because: "surplus" } }, wanted: { replicas: 2 } },
    "remove c-3 Removing",
  ],
  [
    "its runs, once it is out",
    { record: { 3: { phase: "leaving", because: "surplus", isOut: true } }, unlisted: [3] },
    "stop c-3 Removing",
  ],
  [
    "its volume, once it is stopped",
    {
      record: { 3: { phase: "leaving", because: "surplus", isOut: true } },
      unlisted: [3],
      seen: { 3: { runs: { kind: "absent" }, ...silent } },
    },
    "delete-volume c-3 Removing",
  ],
  ["a volume is lost", { seen: { 2: gone } }, "note Replacing"],
  [
    "no volume where there was one",
    { seen: { 2: { volume: "absent", runs: { kind: "absent" }, ...silent } } },
    "note Replacing",
  ],
  ["a member is away, its volume is not", { seen: { 2: silent } }, "wait MembersAway"],
  [
    "a pod that ended",
    { seen: { 2: { runs: { kind: "ended" }, ...silent } } },
    "stop c-2 Restarting",
  ],
  [
    "a pod that is gone",
    { seen: { 2: { runs: { kind: "absent" }, ...silent } } },
    "start c-2 Starting",
  ],
  ["somebody removed a member by hand", { unlisted: [3] }, "note MembersChanged"],
  ["a stranger", { strangers: true, wanted: { replicas: 5 } }, "wait UnknownMembers"],
  ["corrupt data", { alarms: [{ memberId: "m2", kind: "corrupt" }] }, "note Replacing"],
  [
    "corrupt data while another is away",
    { alarms: [{ memberId: "m2", kind: "corrupt" }], seen: { 3: silent } },
    "wait Corrupt",
  ],
  ["an alarm of nobody", { alarms: [{ memberId: "m9", kind: "corrupt" }] }, "disarm ClearingAlarm"],
  ["full", { alarms: [{ memberId: "m2", kind: "nospace" }] }, "note MakingRoom"],
  ...(["compact", "compact-again"] as const).map((phase): readonly [string, Case, string] => [
    `full: history goes first (${phase})`,
    {
      alarms: [{ memberId: "m2", kind: "nospace" }],
      state: { space: { phase, done: [] } },
    },
    "compact MakingRoom",
  ]),
  [
    "full: the leader is defragmented last",
    {
      alarms: [{ memberId: "m2", kind: "nospace" }],
      state: { space: { phase: "defragment", done: ["c-2"] } },
    },
    "defragment c-3 MakingRoom",
  ],
  [
    "full: there is room now",
    {
      alarms: [{ memberId: "m2", kind: "nospace" }],
      state: { space: { phase: "disarm", done: [] } },
    },
    "disarm MakingRoom",
  ],
  [
    "full: the data is too large",
    {
      alarms: [{ memberId: "m2", kind: "nospace" }],
      state: { space: { phase: "rest", done: [], untilMs: 2_000_000 } },
    },
    "wait NoSpace",
  ],
  [
    "another template and more members: with one, those come first",
    { size: 1, wanted: { template: t2, replicas: 3 } },
    "note ScalingUp",
  ],
  [
    "another template and more members: with two, too",
    { size: 2, wanted: { template: t2, replicas: 3 } },
    "note ScalingUp",
  ],
  [
    "another template and more members: three bear a restart",
    { wanted: { template: t2, replicas: 5 } },
    "note Updating",
  ],
  [
    "another template that is further than a minor version: nobody joins with it",
    { size: 1, wanted: { template: { ...t2, version: "0.4.0" }, replicas: 3 } },
    "wait VersionSkipsMinor",
  ],
  ["another template: a follower first", { wanted: { template: t2 } }, "note Updating"],
  [
    "another template: the leader last",
    {
      wanted: { template: t2 },
      record: { 2: { template: "t2" }, 3: { template: "t2" } },
      seen: {
        2: { runs: { kind: "running", template: "t2", forced: false } },
        3: { runs: { kind: "running", template: "t2", forced: false } },
      },
    },
    "move-leader c-1 MovingLeader",
  ],
  [
    "another template while one is away",
    {
      wanted: { template: t2 },
      record: { 3: { template: "t2" } },
      seen: { 3: { ...silent, runs: { kind: "running", template: "t2", forced: false } } },
    },
    "wait MembersAway",
  ],
  [
    "another template, and one is ill",
    { wanted: { template: t2 }, seen: { 3: silent } },
    "note Updating",
  ],
  [
    "a version too far",
    { wanted: { template: { ...t2, version: "0.4.0" } } },
    "wait VersionSkipsMinor",
  ],
  [
    "a restart under way",
    {
      wanted: { template: t2 },
      record: { 2: { template: "t2" } },
      state: { restart: { name: "c-2", from: "t1", to: "t2", deadlineMs: 2_000_000 } },
    },
    "stop c-2 Updating",
  ],
  [
    "the first that does not come back",
    {
      wanted: { template: t2 },
      record: { 2: { template: "t2" } },
      seen: { 2: { ...silent, runs: { kind: "running", template: "t2", forced: false } } },
      state: { restart: { name: "c-2", from: "t1", to: "t2", deadlineMs: 1 } },
    },
    "note UpdateFailed",
  ],
  [
    "an update that was put back",
    { wanted: { template: t2 }, state: { refusedTemplate: "t2" } },
    "wait UpdateFailed",
  ],
  [
    "options that kept the first members from coming up were mended",
    {
      noQuorum: true,
      wanted: { template: t2 },
      record: { 1: { phase: "initial" }, 2: { phase: "initial" }, 3: { phase: "initial" } },
      seen: { 1: silent, 2: silent, 3: silent },
      state: { clusterId: undefined as never },
    },
    "stop c-1 Mending",
  ],
  ["to sleep", { wanted: { replicas: 0 } }, "note Hibernating"],
  ["asleep soon", { wanted: { replicas: 0 }, state: { asleep: true } }, "stop c-1 Hibernating"],
  ["awake", { state: { asleep: true } }, "note Waking"],
  ["paused", { wanted: { paused: true, replicas: 5 }, seen: { 2: gone } }, "wait Paused"],
  ["deleted while paused", { wanted: { paused: true, deleting: true } }, "stop c-1 Deleting"],
  ["of another cluster", { state: { uid: "v" } }, "wait OtherCluster"],
  ["another cluster answers", { state: { clusterId: "def" } }, "wait ClusterIdMismatch"],
  ["no quorum", { noQuorum: true, seen: { 2: silent, 3: silent } }, "note NoQuorum"],
  [
    "no quorum for a while",
    { noQuorum: true, seen: { 2: silent, 3: silent }, state: { noQuorumSinceMs: 999_999 } },
    "wait NoQuorum",
  ],
  [
    "no quorum for long",
    {
      noQuorum: true,
      seen: { 2: silent, 3: silent },
      state: { noQuorumSinceMs: 1_000_000 - pausedMs },
    },
    "note QuorumLost",
  ],
  [
    "two of three volumes lost",
    { noQuorum: true, seen: { 2: gone, 3: gone }, state: { noQuorumSinceMs: 999_999 } },
    "note QuorumLost",
  ],
  [
    "a loss that nobody confirmed",
    {
      noQuorum: true,
      seen: { 2: gone, 3: gone },
      state: { noQuorumSinceMs: 1, lost: true, lossGeneration: 2 },
      wanted: { confirm: "abc/1" },
    },
    "wait QuorumLost",
  ],
  [
    "a loss that was confirmed",
    {
      noQuorum: true,
      seen: { 2: gone, 3: gone },
      state: { noQuorumSinceMs: 1, lost: true, lossGeneration: 2 },
      wanted: { confirm: "abc/2" },
    },
    "note Recovering",
  ],
  [
    "a confirmation is used once",
    {
      noQuorum: true,
      seen: { 2: gone, 3: gone },
      state: { noQuorumSinceMs: 1, lost: true, lossGeneration: 2, usedConfirm: "abc/2" },
      wanted: { confirm: "abc/2" },
    },
    "wait QuorumLost",
  ],
  [
    "the survivor is stopped too",
    {
      noQuorum: true,
      seen: { 2: gone, 3: gone },
      state: { recovery: { generation: 1, survivor: "c-1", phase: "fencing" } },
    },
    "stop c-1 Recovering",
  ],
  [
    "all are stopped",
    {
      noQuorum: true,
      seen: { 1: { runs: { kind: "absent" }, ...silent }, 2: gone, 3: gone },
      state: { recovery: { generation: 1, survivor: "c-1", phase: "forcing" } },
    },
    "start c-1 Recovering",
  ],
  [
    "all are stopped, and the survivor has what was put back",
    {
      noQuorum: true,
      wanted: { template: t2 },
      record: { 1: { template: "t2" } },
      seen: { 1: { runs: { kind: "absent" }, ...silent }, 2: gone, 3: gone },
      state: {
        refusedTemplate: "t2",
        recovery: { generation: 1, survivor: "c-1", phase: "forcing" },
      },
    },
    "start c-1 Recovering",
  ],
  [
    "all are stopped, and nobody has anything but what was put back",
    {
      noQuorum: true,
      wanted: { template: t2 },
      record: { 1: { template: "t2" }, 2: { template: "t2" }, 3: { template: "t2" } },
      seen: { 1: { runs: { kind: "absent" }, ...silent }, 2: gone, 3: gone },
      state: {
        templates: { t2 },
        refusedTemplate: "t2",
        recovery: { generation: 1, survivor: "c-1", phase: "forcing" },
      },
    },
    "wait RecoveryWaits",
  ],
  [
    "a volume that is too small",
    { wanted: { volumeBytes: 20 }, seen: { 1: { volumeBytes: 20 }, 2: { volumeBytes: 10 } } },
    "grow-volume c-2 GrowingVolumes",
  ],
  [
    "a volume that grows: the next one waits",
    {
      wanted: { volumeBytes: 20 },
      seen: { 1: { volumeBytes: 20, resize: "resizing" }, 2: { volumeBytes: 10 } },
    },
    "wait GrowingVolumes",
  ],
  [
    "a volume that grows only while nobody uses it, the leader's",
    { wanted: { volumeBytes: 20 }, seen: { 1: { volumeBytes: 20, resize: "offline" } } },
    "move-leader c-1 MovingLeader",
  ],
  [
    "such a volume of a follower",
    { wanted: { volumeBytes: 20 }, seen: { 2: { volumeBytes: 20, resize: "offline" } } },
    "stop c-2 GrowingVolumes",
  ],
  [
    "such a volume while another is away",
    {
      wanted: { volumeBytes: 20 },
      seen: { 2: { volumeBytes: 20, resize: "offline" }, 3: silent },
    },
    "wait GrowingVolumes",
  ],
  ["a volume that is too large", { wanted: { volumeBytes: 5 } }, "wait Steady"],
  [
    "another template, without volumes",
    { wanted: { isEphemeral: true, template: t2 } },
    "note Updating",
  ],
  [
    "another template, without volumes, and the last one that was replaced is not there yet",
    { size: 2, wanted: { isEphemeral: true, template: t2, replicas: 3 } },
    "note ScalingUp",
  ],
  [
    "another template, without volumes and too few to outvote a loss",
    { size: 2, wanted: { isEphemeral: true, template: t2 } },
    "wait UpdateLosesData",
  ],
  [
    "hibernation without volumes",
    { wanted: { isEphemeral: true, replicas: 0 } },
    "wait SleepLosesData",
  ],
  [
    "a lost quorum without volumes has no way out",
    {
      wanted: { isEphemeral: true, confirm: "cc/1" },
      noQuorum: true,
      state: { lost: true, lossGeneration: 1, noQuorumSinceMs: 0 },
      seen: { 2: gone, 3: gone },
    },
    "wait QuorumLost",
  ],
  [
    "a volume that cannot grow",
    {
      wanted: { volumeBytes: 20 },
      seen: { 1: { volumeBytes: 20 }, 2: { volumeBytes: 10, resize: "refused" } },
    },
    "wait VolumeGrowthRefused",
  ],
  [
    "a volume that cannot grow keeps nothing else from being done",
    {
      wanted: { volumeBytes: 20, replicas: 5 },
      seen: { 2: { volumeBytes: 10, resize: "refused" }, 3: { volumeBytes: 10 } },
    },
    "grow-volume c-3 GrowingVolumes",
  ],
];

judge(table);

test("plan: how long a restart may take", () => {
  for (const [given, patience] of [
    [{}, restartPatienceMs],
    [{ restartPatienceMs: 30_000 }, 30_000],
  ] as const) {
    const { state } = decide({ wanted: { template: t2, ...given } }).decision;
    assert.equal(state?.restart?.deadlineMs, nowMs + patience);
  }
});

test("plan: the first members are frozen before anything is made, and remnants forbid it", () => {
  const { input } = decide({});
  const { state: _, ...rest } = input;
  const first = plan({ ...rest, state: undefined, observed: empty });
  assert.equal(first.step.kind, "note");
  assert.equal(first.state?.initialCluster, "c-1=http://p1,c-2=http://p2,c-3=http://p3");
  assert.equal(first.state?.token, "c/u");
  const refused = plan({ ...rest, state: undefined, observed: { members: [], remnants: ["c-1"] } });
  assert.deepEqual([refused.state, refused.reason.word], [undefined, "RemnantsFound"]);
});

test("plan: a state that got lost is made again from what was kept with the members", () => {
  const { input } = decide({});
  const { state, ...rest } = input;
  const mirrors = mirrorsOf({ ...state, serial: 7 });
  const adopt = (change: (mirror: Mirror, at: number) => Partial<Mirror>) =>
    plan({
      ...rest,
      state: undefined,
      observed: { ...empty, mirrors: mirrors.map((one, at) => ({ ...one, ...change(one, at) })) },
    });
  const good = adopt(() => ({}));
  assert.equal(good.reason.word, "Adopted");
  assert.deepEqual(good.state?.members, state.members);
  assert.deepEqual([good.state?.clusterId, good.state?.serial], ["abc", 7]);
  const other = adopt((_, at) => (at === 1 ? { clusterUid: "old" } : {}));
  assert.deepEqual([other.state, other.reason.word], [undefined, "RemnantsFound"]);
  const two = adopt((_, at) => (at === 1 ? { clusterId: "def" } : {}));
  assert.deepEqual([two.state, two.reason.word], [undefined, "AdoptionFailed"]);
});

test("conditions: an even size warns, and a lost quorum says the way out", () => {
  const even = decide({ size: 4 });
  const warn = conditionsOf(even.input, even.decision).find((one) => one.type === "EvenSize");
  assert.deepEqual([warn?.status, warn?.message.includes("3 or 5")], ["True", true]);
  const lost = decide({
    noQuorum: true,
    seen: { 2: gone, 3: gone },
    state: { noQuorumSinceMs: 1, lost: true, lossGeneration: 2 },
  });
  const [available] = conditionsOf(lost.input, lost.decision);
  assert.equal(available?.status, "False");
  assert.match(available?.message ?? "", /set spec\.recovery\.confirm: abc\/2\.$/);
});

test("versions", () => {
  const rows = [
    ["0.2.0", "0.3.9", false],
    ["0.3.9", "0.2.0", false],
    ["0.2.0", "0.4.0", true],
    ["0.9.0", "1.0.0", true],
    ["", "1.0.0", false],
  ] as const;
  for (const [from, to, want] of rows) assert.equal(skipsMinor(from, to), want, `${from} ${to}`);
});

test("a world with faults: the rules hold, and in the end everything is as wanted", () => {
  const taken = new Set<string>();
  let recoveries = 0;
  let attempts = 1;
  let adoptions = 0;
  for (let seed = 1; seed <= 60; seed++) {
    const run = simulate(seed);
    recoveries += run.recoveries;
    attempts = Math.max(attempts, run.attempts);
    adoptions += run.adoptions;
    for (const kind of run.steps.keys()) taken.add(kind);
  }
  // Every kind of step was taken, and so was cut off before and after it.
  assert.deepEqual([...taken].sort(), [...stepKinds].sort());
  assert(recoveries > 0 && attempts > 1 && adoptions > 0);
});
