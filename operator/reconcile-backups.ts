// Runs the plans of backups and schedules on a platform: look, decide, write what was decided, act. The same
// on Kubernetes and on one machine. The status is written before the act, and an object is made before the
// schedule says so, so that this process can end anywhere and be started again.
import { isDeepStrictEqual } from "node:util";
import type {
  EtcdBackupScheduleSpec,
  EtcdBackupScheduleStatus,
  EtcdBackupSpec,
  EtcdBackupStatus,
} from "#operator/api/etcd-backup.ts";
import type { EtcdCluster } from "#operator/api/etcd-cluster.ts";
import {
  type BackupDecision,
  type BackupStep,
  planBackup,
  type SnapshotRemoval,
  type SnapshotRun,
} from "#operator/plan/backup.ts";
import {
  planSchedule,
  type ScheduleDecision,
  type ScheduledBackup,
  type ScheduleInput,
} from "#operator/plan/backup-schedule.ts";
import type { Turn } from "#operator/reconcile.ts";

/** An EtcdBackup as a platform has it. */
export interface KeptBackup {
  readonly name: string;
  /** That made it. */
  readonly schedule?: string;
  readonly createdMs: number;
  readonly deleting: boolean;
  readonly spec: EtcdBackupSpec;
  readonly status: EtcdBackupStatus;
}

/** An EtcdBackupSchedule as a platform has it. */
export interface KeptSchedule {
  readonly name: string;
  readonly createdMs: number;
  readonly spec: EtcdBackupScheduleSpec;
  readonly status: EtcdBackupScheduleStatus;
}

/** What a backup is taken of. */
export interface BackedUp {
  readonly state: ScheduleInput["cluster"];
  /** Client URL of a member that serves. */
  readonly from: string | undefined;
  /** Why nobody is asked, where that is known. */
  readonly why?: string;
}

/**
 * What a turn of a cluster says to its backups: a follower that serves is asked before the leader, for the leader
 * has more to do.
 */
export function backedUp({ spec }: EtcdCluster, { decision, observed }: Turn): BackedUp {
  const { state } = decision;
  const serving = observed.members.flatMap(({ name, answer }) => {
    const record = state?.members.find((one) => one.name === name);
    const serves =
      answer !== undefined &&
      answer.clusterId === state?.clusterId &&
      answer.leaderId !== "" &&
      !answer.isLearner;
    if (record === undefined || !serves || record.phase === "leaving") return [];
    return [{ url: record.clientUrl, leads: answer.leaderId === answer.memberId }];
  });
  const [from] = serving.sort((a, b) => Number(a.leads) - Number(b.leads));
  const isFormed = state?.clusterId !== undefined;
  return {
    state: spec.paused
      ? "paused"
      : spec.replicas === 0 || state?.asleep === true
        ? "hibernated"
        : isFormed
          ? "runs"
          : "absent",
    from: from?.url,
  };
}

export interface BackupPlatform {
  nowMs(): number;
  /** How far the snapshot is that was begun for it. */
  run(backup: KeptBackup): SnapshotRun | Promise<SnapshotRun>;
  /** The same of its deletion; only asked of one that is to go. */
  removal(backup: KeptBackup): SnapshotRemoval | Promise<SnapshotRemoval>;
  writeBackup(backup: KeptBackup, status: EtcdBackupStatus): void | Promise<void>;
  act(backup: KeptBackup, step: BackupStep): void | Promise<void>;
  /** One that is there already is none to be made. */
  makeBackup(schedule: KeptSchedule, name: string): void | Promise<void>;
  /** Marks it as one to be deleted. */
  deleteBackup(backup: KeptBackup): void | Promise<void>;
  writeSchedule(schedule: KeptSchedule, status: EtcdBackupScheduleStatus): void | Promise<void>;
}

/** Where tests end the process, in the order in which a backup passes them. */
export const backupFailpoints = [
  "made:backup",
  "latched:backup-take",
  "acted:backup-take",
  "snapshot:checked",
  "snapshot:kept",
  "done:backup",
  "pruned:backup",
  "latched:backup-stop",
  "acted:backup-stop",
  "latched:backup-delete-snapshot",
  "acted:backup-delete-snapshot",
  "latched:backup-release",
  "acted:backup-release",
  // The snapshot of one whose object is gone.
  "latched:backup-orphan",
  "acted:backup-orphan",
  "restore:beside",
  "restore:moved",
] as const;

/** A step without its failpoints does not compile. */
export type BackupFailpoint = (typeof backupFailpoints)[number];

/** One turn of one backup. Rejects with what writing or acting failed with. */
export async function reconcileBackup(
  platform: BackupPlatform,
  backup: KeptBackup,
  of: BackedUp,
  failpoint: (name: BackupFailpoint) => void,
): Promise<BackupDecision> {
  const { spec, status, deleting } = backup;
  const run = await platform.run(backup);
  const removal = deleting ? await platform.removal(backup) : ({ kind: "none" } as const);
  const nowMs = platform.nowMs();
  const decision = planBackup({
    spec,
    status,
    deleting,
    from: of.from,
    why: of.why,
    run,
    removal,
    nowMs,
  });
  const { step } = decision;
  if (!isDeepStrictEqual(decision.status, status)) {
    await platform.writeBackup(backup, decision.status);
    if (decision.status.phase === "Complete" && !deleting) failpoint("done:backup");
  }
  if (step.kind === "none" || step.kind === "wait") return decision;
  failpoint(`latched:backup-${step.kind}`);
  await platform.act(backup, step);
  failpoint(`acted:backup-${step.kind}`);
  return decision;
}

/** One turn of a schedule, whose backups are `own`. Rejects with what writing failed with. */
export async function reconcileSchedule(
  platform: BackupPlatform,
  schedule: KeptSchedule,
  own: readonly KeptBackup[],
  of: BackedUp,
  failpoint: (name: BackupFailpoint) => void,
): Promise<ScheduleDecision> {
  const nowMs = platform.nowMs();
  const staying = own.filter((one) => !one.deleting);
  const backups = staying.map(scheduled);
  const decision = planSchedule({ ...schedule, backups, cluster: of.state, nowMs });
  const { create, prune, status } = decision;
  if (create !== undefined && !own.some((one) => one.name === create)) {
    await platform.makeBackup(schedule, create);
    failpoint("made:backup");
  }
  if (!isDeepStrictEqual(status, schedule.status)) await platform.writeSchedule(schedule, status);
  for (const backup of staying) {
    if (!prune.includes(backup.name)) continue;
    await platform.deleteBackup(backup);
    failpoint("pruned:backup");
  }
  return decision;
}

function scheduled({ name, status, createdMs }: KeptBackup): ScheduledBackup {
  const { phase = "Pending", completedAt } = status;
  const done = completedAt === undefined ? {} : { completedMs: Date.parse(completedAt) };
  return { name, createdMs, phase, ...done };
}
