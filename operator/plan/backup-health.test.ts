import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type BackupOutcome,
  backupHealth,
  type ScheduleHealth,
} from "#operator/plan/backup-health.ts";

const outcome = (
  name: string,
  phase: "Complete" | "Failed",
  completedAt: string,
): BackupOutcome => ({
  name,
  status: {
    phase,
    completedAt,
    revision: 7,
    conditions: [
      {
        type: "Complete",
        status: phase === "Complete" ? "True" : "False",
        reason: "R",
        message: "disk full",
        lastTransitionTime: completedAt,
      },
    ],
  },
});
const old = "2026-11-30T08:00:00Z";
const young = "2026-11-30T09:00:00Z";
const { completedAt: _, ...trying } = outcome("b", "Failed", old).status;
const good: ScheduleHealth = { name: "s", problem: undefined };

type Row = readonly [
  string,
  readonly ScheduleHealth[],
  readonly BackupOutcome[],
  readonly [string, string] | undefined,
];
const rows: readonly Row[] = [
  ["nothing is wanted", [], [], undefined],
  ["none yet", [good], [], ["Unknown", "NoBackupYet"]],
  ["a good one", [good], [outcome("b", "Complete", old)], ["True", "BackupComplete"]],
  [
    "the newest one failed",
    [good],
    [outcome("b", "Failed", young), outcome("a", "Complete", old)],
    ["False", "BackupFailed"],
  ],
  [
    "one failed, the next one did not",
    [],
    [outcome("a", "Failed", old), outcome("b", "Complete", young)],
    ["True", "BackupComplete"],
  ],
  [
    "one is tried again and again",
    [],
    [outcome("a", "Complete", old), { name: "b", status: { ...trying, phase: "Running" } }],
    ["False", "BackupRetrying"],
  ],
  [
    "a schedule that never runs",
    [good, { name: "w", problem: "no such zone" }],
    [outcome("a", "Complete", old)],
    ["False", "InvalidSchedule"],
  ],
];

for (const [what, schedules, backups, want] of rows) {
  test(`backups: ${what}`, () => {
    const health = backupHealth(schedules, backups);
    assert.deepEqual(health && [health.status, health.reason], want);
    if (want?.[0] === "False") assert.match(health?.message ?? "", /disk full|no such zone/);
  });
}
