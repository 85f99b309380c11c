// By which operation of the cases operator-killed-* each failpoint of the operator is reached, or why it cannot be on
// Kubernetes: a step without an entry does not compile, and a case fails if nobody was killed at one that it is to
// reach, or somebody was at one that is never reached.
import assert from "node:assert/strict";
import { type StepKind, stepKinds } from "#operator/plan/types.ts";
import { type BackupFailpoint, backupFailpoints } from "#operator/reconcile-backups.ts";

export type Operation =
  | "create"
  | "scale up"
  | "update"
  | "replace"
  | "scale down"
  | "grow"
  | "sleep"
  | "wake"
  | "create with TLS"
  | "scale up with TLS"
  | "rotate"
  | "make room"
  | "TLS between members"
  | "back up"
  | "prune"
  | "restore"
  | "give up"
  | "delete a backup";

interface Never {
  readonly never: string;
}

const ofJobs: Never = { never: "Jobs take and restore snapshots, and have no failpoints" };

const steps: Readonly<Record<StepKind, Operation | Never>> = {
  note: "create",
  wait: "create",
  "open-registry": "create",
  "create-volume": "create",
  start: "create",
  "add-learner": "scale up",
  promote: "scale up",
  stop: "update",
  "move-leader": "update",
  remove: "scale down",
  "delete-volume": "scale down",
  "grow-volume": "grow",
  "add-ca": "create with TLS",
  issue: "create with TLS",
  "drop-cas": "rotate",
  compact: "make room",
  defragment: "make room",
  disarm: "make room",
  "update-peer-url": "TLS between members",
  restore: "restore",
  release: { never: "objects have owners: what belongs to a cluster goes by Kubernetes itself" },
};

const ofBackups: Readonly<Record<BackupFailpoint, Operation | Never>> = {
  "latched:backup-take": "back up",
  "acted:backup-take": "back up",
  "snapshot:checked": ofJobs,
  "snapshot:kept": ofJobs,
  "done:backup": "back up",
  "made:backup": "prune",
  "pruned:backup": "prune",
  "latched:backup-delete-snapshot": "prune",
  "acted:backup-delete-snapshot": "prune",
  "latched:backup-release": "prune",
  "acted:backup-release": "prune",
  "latched:backup-stop": "give up",
  "acted:backup-stop": "give up",
  "latched:backup-orphan": "delete a backup",
  "acted:backup-orphan": "delete a backup",
  "restore:beside": ofJobs,
  "restore:moved": ofJobs,
};

const table: ReadonlyMap<string, Operation | Never> = new Map([
  ...stepKinds.flatMap((kind) =>
    ["latched", "acted"].map((moment) => [`${moment}:${kind}`, steps[kind]] as const),
  ),
  ...backupFailpoints.map((point) => [point, ofBackups[point]] as const),
]);

/** Those that cannot be reached, and why. */
export const neverReached: ReadonlyMap<string, string> = new Map(
  [...table].flatMap(([point, by]) => (typeof by === "string" ? [] : [[point, by.never]])),
);

/** What each operation is to reach; some have nothing of their own. */
export const toReach: ReadonlyMap<Operation, readonly string[]> = (() => {
  const lists = new Map<Operation, string[]>();
  for (const [point, by] of table) {
    if (typeof by === "string") lists.set(by, [...(lists.get(by) ?? []), point]);
  }
  return lists;
})();

/** Throws if nobody was killed at a failpoint that one of the operations is to reach. */
export function judgeKilled(
  operations: readonly Operation[],
  passed: ReadonlyMap<Operation, readonly string[]>,
): void {
  const missing = operations.flatMap((operation) => {
    const there = passed.get(operation) ?? [];
    const points = toReach.get(operation) ?? [];
    return points.filter((one) => !there.includes(one)).map((one) => `${operation}: ${one}`);
  });
  assert.deepEqual(missing, [], "failpoints at which nobody was killed");
}
