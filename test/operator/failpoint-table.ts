// Which test cuts off each kind of step: a kind without an entry does not compile, and each test fails if
// nobody was killed at one of its own.
import assert from "node:assert/strict";
import { type StepKind, stepKinds } from "#operator/plan/types.ts";
import { backupFailpoints } from "#operator/reconcile-backups.ts";

type Where = "local-plan" | "local-backup" | "not on one machine";

const cutOffBy: Readonly<Record<StepKind, Where>> = {
  note: "local-plan",
  wait: "local-plan",
  "create-volume": "local-plan",
  start: "local-plan",
  stop: "local-plan",
  "delete-volume": "local-plan",
  "add-learner": "local-plan",
  promote: "local-plan",
  "move-leader": "local-plan",
  remove: "local-plan",
  compact: "local-plan",
  defragment: "local-plan",
  disarm: "local-plan",
  release: "local-plan",
  // Folders have no size. Cut off in the simulated world alone, like every other kind.
  "grow-volume": "not on one machine",
  "open-registry": "not on one machine",
  restore: "local-backup",
  // Nor is there TLS.
  "update-peer-url": "not on one machine",
  "add-ca": "not on one machine",
  issue: "not on one machine",
  "drop-cas": "not on one machine",
};

/** The same of backups. */
export function judgeBackupFailpoints(killedAt: ReadonlySet<string>): void {
  // On one machine nothing outlives the operator that could be stopped, and no object goes without it.
  const cutOff = backupFailpoints.filter((name) => !/:backup-(stop|orphan)$/.test(name));
  const missing = cutOff.filter((name) => !killedAt.has(name));
  assert.deepEqual(missing, [], "failpoints of backups at which nobody was killed");
}

/** Every kind that `where` is to cut off was cut off at both its failpoints. */
export function judgeFailpoints(where: Where, killedAt: ReadonlySet<string>): void {
  const missing = stepKinds
    .filter((kind) => cutOffBy[kind] === where)
    .flatMap((kind) => [`latched:${kind}`, `acted:${kind}`])
    .filter((name) => !killedAt.has(name));
  assert.deepEqual(missing, [], "failpoints at which nobody was killed");
}
