import assert from "node:assert/strict";
import { test } from "node:test";
import type { EtcdBackupScheduleSpec, EtcdBackupSpec } from "#operator/api/etcd-backup.ts";
import { type BackupInput, planBackup, type SnapshotRun } from "#operator/plan/backup.ts";
import {
  dueTimes,
  planSchedule,
  type ScheduledBackup,
  type ScheduleInput,
  scheduleProblem,
} from "#operator/plan/backup-schedule.ts";

const ms = (text: string): number => Date.parse(text);

test("times that are due, by time zone and over changes of the clock", () => {
  const rows: readonly (readonly [string, string, string, string, string])[] = [
    ["0 * * * *", "UTC", "2026-11-30T08:00:00Z", "2026-11-30T08:00:00Z", "2026-11-30T09:00:00Z"],
    ["0 * * * *", "UTC", "2026-11-30T08:59:59Z", "2026-11-30T08:00:00Z", "2026-11-30T09:00:00Z"],
    ["@daily", "UTC", "2026-11-30T08:00:00Z", "2026-11-30T00:00:00Z", "2026-12-01T00:00:00Z"],
    // Vienna is an hour ahead in winter, two in summer.
    [
      "0 3 * * *",
      "Europe/Vienna",
      "2026-11-30T08:00:00Z",
      "2026-11-30T02:00:00Z",
      "2026-12-01T02:00:00Z",
    ],
    [
      "0 3 * * *",
      "Europe/Vienna",
      "2026-07-01T08:00:00Z",
      "2026-07-01T01:00:00Z",
      "2026-07-02T01:00:00Z",
    ],
  ];
  for (const [schedule, zone, now, last, next] of rows) {
    const due = dueTimes(schedule, zone, ms(now));
    assert.deepEqual(due, { lastMs: ms(last), nextMs: ms(next) }, `${schedule} ${zone} ${now}`);
  }
  assert.equal(scheduleProblem("0 3 * * 1-5", "Europe/Vienna"), undefined);
  for (const [schedule, zone] of [
    ["61 * * * *", "UTC"],
    ["* * * * x", "UTC"],
    ["0 3 * * *", "Europe/Nowhere"],
  ] as const) {
    assert(scheduleProblem(schedule, zone) !== undefined, `${schedule} ${zone}`);
  }
});

const spec: EtcdBackupScheduleSpec = {
  clusterName: "c",
  schedule: "0 * * * *",
  timeZone: "UTC",
  suspend: false,
  immediate: false,
  startingDeadlineSeconds: 600,
  retention: { count: 2 },
  target: { volume: { claimName: "v", path: "" } },
  deletionPolicy: "Delete",
  deadlineSeconds: 3600,
};
const nine = "2026-11-30T09:00:00Z";
const nineName = `s-${ms(nine) / 60_000}`;
const old: ScheduledBackup = {
  name: "s-1",
  phase: "Complete",
  createdMs: ms("2026-11-30T08:00:00Z"),
  completedMs: ms("2026-11-30T08:01:00Z"),
};
const running = { name: "s-1", phase: "Running", createdMs: ms("2026-11-30T08:00:00Z") } as const;

type Change = Partial<Omit<ScheduleInput, "spec">> & {
  readonly spec?: Partial<EtcdBackupScheduleSpec>;
};

/** What is wanted at one second past nine: the name that is made, what is latched as last, and what goes. */
const schedules: readonly (readonly [
  string,
  Change,
  string | undefined,
  string | undefined,
  readonly string[],
])[] = [
  ["one is due", {}, nineName, nine, []],
  ["it was made already", { status: { lastScheduledAt: nine } }, undefined, nine, []],
  ["made after it was due", { createdMs: ms(nine) + 1 }, undefined, undefined, []],
  [
    "a run of long ago counts for nothing",
    { nowMs: ms("2026-11-30T09:11:00Z") },
    undefined,
    nine,
    [],
  ],
  ["a missed run is made up for", { nowMs: ms("2026-11-30T09:09:00Z") }, nineName, nine, []],
  ["suspended", { spec: { suspend: true } }, undefined, undefined, []],
  ["the last one still runs", { backups: [running] }, undefined, undefined, []],
  ["the cluster sleeps: left out", { cluster: "hibernated" }, undefined, nine, []],
  ["the cluster is paused: left out", { cluster: "paused" }, undefined, nine, []],
  [
    "at once, when it is new",
    { spec: { immediate: true }, createdMs: ms(nine) + 1 },
    nineName,
    "2026-11-30T09:00:01.000Z",
    [],
  ],
  [
    "at once, but there is no cluster yet: it is waited for",
    { spec: { immediate: true }, createdMs: ms(nine) + 1, cluster: "absent" },
    undefined,
    undefined,
    [],
  ],
  [
    "too many: the oldest go",
    {
      status: { lastScheduledAt: nine },
      backups: [1, 2, 3, 4].map((n) => ({ ...old, name: `s-${n}`, completedMs: n })),
    },
    undefined,
    nine,
    ["s-2", "s-1"],
  ],
  [
    "too old, but the newest good one stays",
    {
      spec: { retention: { count: 7, age: "1h" } },
      status: { lastScheduledAt: nine },
      backups: [1, 2, 3].map((n) => ({ ...old, name: `s-${n}`, completedMs: n })),
    },
    undefined,
    nine,
    ["s-2", "s-1"],
  ],
  [
    "failed ones do not push good ones out",
    {
      status: { lastScheduledAt: nine },
      backups: [
        old,
        ...[5, 6, 7].map(
          (n): ScheduledBackup => ({ name: `s-${n}`, phase: "Failed", createdMs: n }),
        ),
      ],
    },
    undefined,
    nine,
    ["s-5"],
  ],
  [
    "suspended ones are pruned too",
    {
      spec: { suspend: true, retention: { count: 1 } },
      backups: [1, 2].map((n) => ({ ...old, name: `s-${n}`, completedMs: n })),
    },
    undefined,
    undefined,
    ["s-1"],
  ],
];

for (const [what, change, create, last, prune] of schedules) {
  test(`schedule: ${what}`, () => {
    const input: ScheduleInput = {
      name: "s",
      createdMs: ms("2026-11-01T00:00:00Z"),
      status: {},
      backups: [],
      cluster: "runs",
      nowMs: ms(nine) + 1000,
      ...change,
      spec: { ...spec, ...change.spec },
    };
    const decision = planSchedule(input);
    assert.equal(decision.create, create);
    assert.deepEqual(decision.prune, prune);
    const { lastScheduledAt } = decision.status;
    assert.equal(
      lastScheduledAt === undefined ? undefined : ms(lastScheduledAt),
      last === undefined ? undefined : ms(last),
    );
    // Seen again with what was latched, nothing is made twice.
    const again = planSchedule({ ...input, status: decision.status });
    assert.equal(again.create, undefined);
    assert.deepEqual(
      { ...again.status, active: undefined },
      { ...decision.status, active: undefined },
    );
  });
}

const backupSpec: EtcdBackupSpec = {
  clusterName: "c",
  target: { volume: { claimName: "v", path: "" } },
  deletionPolicy: "Delete",
  deadlineSeconds: 60,
};
const done: SnapshotRun = {
  kind: "done",
  location: "/v/b.db",
  clusterId: "abc",
  revision: 7,
  sizeBytes: 10,
  sha256: "00",
};
const started = { phase: "Running", startedAt: nine } as const;
const kept = { ...started, phase: "Complete", location: "/v/b.db" } as const;
const at = (seconds: number) => ms(nine) + seconds * 1000;

/** The step and the phase. */
const backups: readonly (readonly [string, Partial<BackupInput>, string, string | undefined])[] = [
  ["it is begun", {}, "take", "Running"],
  ["nobody serves: it waits", { from: undefined }, "wait", "Pending"],
  ["it runs", { status: started, run: { kind: "running" } }, "wait", "Running"],
  ["the operator was killed: it is begun again", { status: started }, "take", "Running"],
  ["it is done", { status: started, run: done }, "none", "Complete"],
  [
    "it failed: another try later",
    { status: started, nowMs: at(5), run: { kind: "failed", message: "disk full", atMs: at(4) } },
    "wait",
    "Running",
  ],
  [
    "it failed: another try",
    { status: started, nowMs: at(35), run: { kind: "failed", message: "disk full", atMs: at(4) } },
    "take",
    "Running",
  ],
  [
    "it failed, and its time is over",
    { status: started, nowMs: at(60), run: { kind: "failed", message: "disk full", atMs: at(59) } },
    "none",
    "Failed",
  ],
  [
    "it takes too long",
    { status: started, nowMs: at(60), run: { kind: "running" } },
    "stop",
    "Failed",
  ],
  [
    "it cannot begin",
    { status: started, nowMs: at(60), run: { kind: "running", trouble: "disk full" } },
    "stop",
    "Failed",
  ],
  ["a failed one stays so", { status: { phase: "Failed" } }, "none", "Failed"],
  [
    "a failed one stays so, done or not",
    { status: { phase: "Failed" }, run: done },
    "none",
    "Failed",
  ],
  [
    "the operator was killed before it stopped one that failed",
    { status: { phase: "Failed" }, run: { kind: "running" } },
    "stop",
    "Failed",
  ],
  ["a good one stays so", { status: { phase: "Complete" }, run: done }, "none", "Complete"],
  ["deleted while it runs", { deleting: true, run: { kind: "running" } }, "stop", undefined],
  ["deleted with its snapshot", { deleting: true, status: kept }, "delete-snapshot", "Complete"],
  [
    "deleted, its snapshot goes",
    { deleting: true, status: kept, removal: { kind: "running" } },
    "wait",
    "Complete",
  ],
  [
    "deleted, its snapshot is gone",
    { deleting: true, status: kept, removal: { kind: "done" } },
    "release",
    "Complete",
  ],
  [
    "deleted, its snapshot could not be: another try later",
    { deleting: true, status: kept, removal: { kind: "failed", message: "no", atMs: at(-29) } },
    "wait",
    "Complete",
  ],
  [
    "deleted, its snapshot could not be: another try",
    { deleting: true, status: kept, removal: { kind: "failed", message: "no", atMs: at(-30) } },
    "delete-snapshot",
    "Complete",
  ],
  [
    "deleted, it may have been taken",
    { deleting: true, status: started },
    "delete-snapshot",
    "Running",
  ],
  ["deleted, it was never begun", { deleting: true }, "release", undefined],
  [
    "deleted, its snapshot stays",
    {
      deleting: true,
      spec: { ...backupSpec, deletionPolicy: "Retain" },
      status: kept,
    },
    "release",
    "Complete",
  ],
];

for (const [what, change, step, phase] of backups) {
  test(`backup: ${what}`, () => {
    const decision = planBackup({
      spec: backupSpec,
      status: {},
      deleting: false,
      from: "http://c-1",
      run: { kind: "none" },
      removal: { kind: "none" },
      nowMs: at(0),
      ...change,
    });
    assert.deepEqual([decision.step.kind, decision.status.phase], [step, phase]);
    const condition = decision.status.conditions?.[0];
    if (phase === "Failed" && change.nowMs !== undefined) {
      assert.match(condition?.message ?? "", /not done within 60 s: (disk full|it takes longer)/);
    }
    if (step === "none" && change.run === done && change.status === started) {
      assert.deepEqual([decision.status.revision, condition?.status], [7, "True"]);
    }
  });
}
