import assert from "node:assert/strict";
import { test } from "node:test";
import { mirrorsOf } from "#operator/plan/adopt.ts";
import { conditionsOf } from "#operator/plan/conditions.ts";
import { plan } from "#operator/plan/plan.ts";
import { skipsMinor } from "#operator/plan/rolling.ts";
import {
  type Addresses,
  type Answer,
  type Bootstrap,
  type MemberRecord,
  type Membership,
  type Mirror,
  type Observed,
  type ObservedMember,
  type ObservedRegistry,
  type ObservedTrust,
  type PlanState,
  stepKinds,
  type Template,
  type Wanted,
} from "#operator/plan/types.ts";
import { simulate } from "#test/operator/plan-simulation.ts";

const addresses: Addresses = (serial) => ({
  peerUrl: `http://p${serial}`,
  clientUrl: `http://c${serial}`,
});
const t1: Template = { id: "t1", version: "0.2.0", content: {} };
const t2: Template = { id: "t2", version: "0.3.0", content: {} };

/** A cluster of `size` that serves, member 1 leading, and what is changed about it. */
interface Case {
  readonly size?: number;
  readonly wanted?: Partial<Wanted>;
  readonly state?: Partial<PlanState>;
  readonly record?: Readonly<Record<number, Partial<MemberRecord>>>;
  readonly seen?: Readonly<Record<number, Partial<ObservedMember> & { readonly silent?: true }>>;
  readonly alarms?: Membership["alarms"];
  readonly learners?: readonly number[];
  /** Serials that are not in the list. */
  readonly unlisted?: readonly number[];
  readonly noQuorum?: true;
  readonly strangers?: true;
  readonly registry?: ObservedRegistry;
  /** The operator makes them; good ones but for what is said here. */
  readonly certificates?: {
    readonly cas?: readonly string[];
    readonly ageMs?: number;
    readonly caEndsInMs?: number;
    readonly leafEndsInMs?: number;
    readonly by?: string;
    readonly leaves?: readonly number[];
    readonly request?: string;
    readonly unaware?: number;
    readonly stale?: number;
  };
}

const nowMs = 1_000_000;
const silent = { silent: true } as const;
const gone = { volume: "lost", runs: { kind: "absent" }, ...silent } as const;
const ended = { runs: { kind: "absent" }, silent: true } as const;

/** A cluster that was never started, or not all of it. */
function forming(bootstrap: Bootstrap, state: Partial<PlanState> = {}): Case {
  const record = { phase: "initial", started: false } as const;
  const started = { phase: "initial", started: true } as const;
  const others = state.abandoning ? started : record;
  return {
    wanted: { bootstrap },
    noQuorum: true,
    // Whoever has a process has been started; the first one has none.
    record: { 1: others, 2: started, 3: started },
    seen: { 1: ended, 2: silent, 3: silent },
    state: { clusterId: undefined, attempt: 1, ...state } as unknown as Partial<PlanState>,
  };
}

function certificatesOf(one: Case, serials: readonly number[]) {
  const { certificates } = one;
  if (certificates === undefined) return undefined;
  const { cas = ["a"], ageMs = 100_000, by = "a", leaves = serials } = certificates;
  const trust: ObservedTrust = {
    cas: cas.map((id) => ({
      id,
      sinceMs: nowMs - ageMs,
      notAfterMs: nowMs + (certificates.caEndsInMs ?? 10_000_000),
      request: "1",
    })),
    bundle: cas.join(),
    leaves: Object.fromEntries(
      leaves.map((serial) => [
        `c-${serial}`,
        {
          fingerprint: `leaf${serial}`,
          caId: by,
          notAfterMs: nowMs + (certificates.leafEndsInMs ?? 1_000_000),
        },
      ]),
    ),
  };
  const wanted = {
    validityMs: 1_000_000,
    renewBeforeMs: 1000,
    graceMs: 50_000,
    request: certificates.request ?? "1",
  };
  return { trust, wanted };
}

function decide(one: Case) {
  const { size = 3, learners = [], unlisted = [] } = one;
  const serials = Array.from({ length: size }, (_, at) => at + 1);
  const certified = certificatesOf(one, serials);
  const wanted: Wanted = {
    name: "c",
    uid: "u",
    replicas: size,
    template: t1,
    paused: false,
    deleting: false,
    deletionPolicy: "Retain",
    confirm: undefined,
    quotaBytes: 100,
    ...(certified === undefined ? {} : { certificates: certified.wanted }),
    ...one.wanted,
  };
  const members = serials.map(
    (serial): MemberRecord => ({
      name: `c-${serial}`,
      serial,
      ...addresses(serial, new Set()),
      phase: learners.includes(serial) ? "joining" : "voter",
      template: "t1",
      started: true,
      // One that is about to join has no ID yet.
      ...(unlisted.includes(serial) && one.record?.[serial]?.phase === "joining"
        ? {}
        : { memberId: `m${serial}` }),
      ...one.record?.[serial],
    }),
  );
  const state: PlanState = {
    format: 1,
    uid: "u",
    token: "c/u",
    initialCluster: "",
    clusterId: "abc",
    serial: size,
    members,
    templates: { t1, [wanted.template.id]: wanted.template },
    asleep: false,
    lossGeneration: 0,
    lost: false,
    ...one.state,
  };
  const seen = serials.map((serial): ObservedMember => {
    const { silent, ...change } = one.seen?.[serial] ?? {};
    const answer: Answer = {
      memberId: `m${serial}`,
      clusterId: "abc",
      leaderId: one.noQuorum ? "" : "m1",
      isLearner: learners.includes(serial),
      term: 2,
      index: 50_000,
      appliedIndex: 50_000,
      sizeBytes: 50,
      usedBytes: 50,
    };
    return {
      name: `c-${serial}`,
      volume: "present",
      runs: { kind: "running", template: "t1", forced: false },
      ...(silent ? {} : { answer }),
      ...(certified === undefined ? {} : { loaded: loadedBy(one, serial) }),
      ...change,
    };
  });
  const membership: Membership = {
    clusterId: "abc",
    members: [
      ...serials
        .filter((serial) => !unlisted.includes(serial))
        .map((serial) => ({
          memberId: `m${serial}`,
          peerUrls: [`http://p${serial}`],
          isLearner: learners.includes(serial),
        })),
      ...(one.strangers ? [{ memberId: "x", peerUrls: ["http://x"], isLearner: false }] : []),
    ],
    alarms: one.alarms ?? [],
  };
  const observed: Observed = {
    members: seen,
    remnants: [],
    ...(one.noQuorum ? {} : { membership }),
    ...(certified === undefined ? {} : { trust: certified.trust }),
    ...(one.registry === undefined ? {} : { registry: one.registry }),
  };
  const input = { wanted, state, observed, addresses, nowMs };
  const decision = plan(input);
  return { input, decision };
}

function loadedBy({ certificates }: Case, serial: number) {
  const cas = certificates?.unaware === serial ? ["a"] : (certificates?.cas ?? ["a"]);
  return { leaf: certificates?.stale === serial ? "old" : `leaf${serial}`, bundle: cas.join() };
}

const pausedMs = 10 * 60_000;

const empty = { members: [], remnants: [] };

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
  ["certificates that are good", { certificates: {} }, "wait Steady"],
  [
    "a member without a certificate is not started",
    { certificates: { leaves: [1, 2] }, seen: { 3: { runs: { kind: "absent" }, ...silent } } },
    "issue c-3 Certifying",
  ],
  [
    "no CA yet",
    { certificates: { cas: [] }, seen: { 3: { runs: { kind: "absent" }, ...silent } } },
    "add-ca Certifying",
  ],
  ["a CA that ends soon", { certificates: { caEndsInMs: 1000 } }, "add-ca RotatingCertificates"],
  ["another CA is asked for", { certificates: { request: "2" } }, "add-ca RotatingCertificates"],
  [
    "a member that does not know the newest CA",
    { certificates: { cas: ["a", "b"], unaware: 2 } },
    "wait RotatingCertificates",
  ],
  [
    "all know the newest CA",
    { certificates: { cas: ["a", "b"] } },
    "issue c-1 RotatingCertificates",
  ],
  [
    "a member that has not loaded its certificate",
    { certificates: { stale: 1 } },
    "wait RotatingCertificates",
  ],
  [
    "a certificate that ends soon",
    { certificates: { leafEndsInMs: 10 } },
    "issue c-1 RotatingCertificates",
  ],
  [
    "an old CA in its time of grace",
    { certificates: { cas: ["a", "b"], by: "b", ageMs: 10 } },
    "wait Steady",
  ],
  [
    "an old CA that nobody uses",
    { certificates: { cas: ["a", "b"], by: "b" } },
    "drop-cas RotatingCertificates",
  ],
  [
    "certificates that ended took the quorum along",
    { certificates: { leafEndsInMs: -10 }, noQuorum: true },
    "issue c-1 RotatingCertificates",
  ],
  [
    "a member that seeks the others: the service is away",
    { ...forming({ kind: "discovery", url: "http://d/" }) },
    "wait DiscoveryAway",
  ],
  [
    "its token is not there",
    { ...forming({ kind: "discovery", url: "http://d/" }), registry: { registered: 0 } },
    "open-registry OpeningDiscovery",
  ],
  [
    "its token is for others",
    { ...forming({ kind: "discovery", url: "http://d/" }), registry: { size: 5, registered: 1 } },
    "wait DiscoveryTaken",
  ],
  [
    "its token is there",
    { ...forming({ kind: "discovery", url: "http://d/" }), registry: { size: 3, registered: 0 } },
    "start c-1 Starting",
  ],
  [
    "a volume is lost before all have registered",
    {
      ...forming({ kind: "discovery", url: "http://d/" }),
      registry: { size: 3, registered: 2 },
      seen: { 1: silent, 2: silent, 3: gone },
    },
    "note Abandoning",
  ],
  [
    "a volume is lost when all had registered",
    {
      ...forming({ kind: "discovery", url: "http://d/" }),
      registry: { size: 3, registered: 3 },
      seen: { 1: silent, 2: silent, 3: gone },
    },
    "wait Forming",
  ],
  [
    "an attempt that is given up: all is stopped",
    {
      ...forming({ kind: "discovery", url: "http://d/" }, { abandoning: true }),
      registry: { size: 3, registered: 2 },
      seen: { 1: silent, 2: silent, 3: gone },
    },
    "stop c-1 Abandoning",
  ],
  [
    "the last one registered meanwhile",
    {
      ...forming({ kind: "discovery", url: "http://d/" }, { abandoning: true }),
      registry: { size: 3, registered: 3 },
      seen: { 1: silent, 2: silent, 3: gone },
    },
    "note Forming",
  ],
  [
    "an attempt that is given up: volumes go",
    {
      ...forming({ kind: "discovery", url: "http://d/" }, { abandoning: true }),
      registry: { size: 3, registered: 2 },
      seen: { 1: ended, 2: ended, 3: gone },
    },
    "delete-volume c-1 Abandoning",
  ],
  ["by DNS", { ...forming({ kind: "dns", domain: "d" }) }, "start c-1 Starting"],
  [
    "a seed without its snapshot",
    { size: 1, ...forming({ kind: "restore", source: {} }) },
    "restore c-1 Restoring",
  ],
  [
    "a snapshot that is being restored",
    {
      size: 1,
      ...forming({ kind: "restore", source: {} }),
      seen: { 1: { ...ended, restored: { kind: "running" } } },
    },
    "wait Restoring",
  ],
  [
    "a snapshot that cannot be restored",
    {
      size: 1,
      ...forming({ kind: "restore", source: {} }),
      seen: { 1: { ...ended, restored: { kind: "failed", message: "bad digest" } } },
    },
    "wait RestoreFailed",
  ],
  [
    "a snapshot that is restored",
    {
      size: 1,
      ...forming({ kind: "restore", source: {} }),
      seen: { 1: { ...ended, restored: { kind: "done" } } },
    },
    "start c-1 Starting",
  ],
];

for (const [what, one, want] of table) {
  test(`plan: ${what}`, () => {
    const { input, decision } = decide(one);
    const { step, reason } = decision;
    const member = "member" in step ? ` ${step.member}` : "";
    assert.equal(`${step.kind}${member} ${reason.word}`, want, reason.message);
    assert(reason.message.length > 5 || step.kind === "note");
    // What nothing was done about is left alone: no write while nothing changes.
    if (step.kind === "wait") assert.deepEqual(decision.state, input.state);
    if (reason.kind === "blocked") {
      const degraded = conditionsOf(input, decision).find((each) => each.type === "Degraded");
      assert.equal(degraded?.status, "True");
      assert.equal(degraded?.message, reason.message);
    }
  });
}

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

test("plan: the first members by a discovery service, and of a restored cluster", () => {
  const { input } = decide({});
  const { state: _, wanted, ...rest } = input;
  const begin = (bootstrap: Bootstrap) =>
    plan({ ...rest, wanted: { ...wanted, bootstrap }, state: undefined, observed: empty }).state;
  const found = begin({ kind: "discovery", url: "http://d" });
  assert.deepEqual([found?.members.length, found?.attempt], [3, 1]);
  const restored = begin({ kind: "restore", source: {} });
  assert.deepEqual([restored?.initialCluster, restored?.serial], ["c-1=http://p1", 1]);
  // The seed serves: the others join it.
  const next = decide({
    size: 1,
    wanted: { replicas: 3, bootstrap: { kind: "restore", source: {} } },
  });
  assert.equal(next.decision.reason.word, "ScalingUp");
});

test("plan: a start by a discovery service names no initial cluster", () => {
  const one = forming({ kind: "discovery", url: "http://d/x/" });
  const { step } = decide({ ...one, registry: { size: 3, registered: 0 } }).decision;
  assert(step.kind === "start");
  assert.deepEqual(step.join, {
    state: "new",
    initialCluster: "",
    token: "c/u",
    find: { kind: "discovery", url: "http://d/x/u-1" },
  });
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
