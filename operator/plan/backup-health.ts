// Whether a cluster's backups are well, for its condition BackupHealthy. Pure.
import type { EtcdBackupStatus } from "#operator/api/etcd-backup.ts";

export interface BackupHealth {
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
}

/** What of a schedule counts: what is wrong with it, if anything is. */
export interface ScheduleHealth {
  readonly name: string;
  readonly problem: string | undefined;
}

/** What of a backup counts. */
export interface BackupOutcome {
  readonly name: string;
  readonly status: EtcdBackupStatus;
}

const completeOf = (one: BackupOutcome) =>
  one.status.conditions?.find((each) => each.type === "Complete");

const endOf = (one: BackupOutcome): number => Date.parse(one.status.completedAt ?? "") || 0;

/** Undefined: there is nothing to be well. */
export function backupHealth(
  schedules: readonly ScheduleHealth[],
  backups: readonly BackupOutcome[],
): BackupHealth | undefined {
  if (schedules.length === 0 && backups.length === 0) return undefined;
  const wrong = schedules.find((one) => one.problem !== undefined);
  if (wrong !== undefined) {
    const message = `the schedule ${wrong.name} can never run: ${wrong.problem}`;
    return { status: "False", reason: "InvalidSchedule", message };
  }
  const trying = backups.find(
    (one) => one.status.completedAt === undefined && completeOf(one)?.status === "False",
  );
  if (trying !== undefined) {
    const message = `${trying.name} does not come about: ${completeOf(trying)?.message}`;
    return { status: "False", reason: "BackupRetrying", message };
  }
  const finished = backups.filter((one) => one.status.completedAt !== undefined);
  const [newest] = finished.sort((a, b) => endOf(b) - endOf(a));
  if (newest === undefined) {
    return { status: "Unknown", reason: "NoBackupYet", message: "none has been taken yet" };
  }
  const { phase, completedAt, revision } = newest.status;
  if (phase === "Failed") {
    const message = `the last one, ${newest.name}, failed: ${completeOf(newest)?.message}`;
    return { status: "False", reason: "BackupFailed", message };
  }
  const message = `${newest.name}, revision ${revision}, of ${completedAt}`;
  return { status: "True", reason: "BackupComplete", message };
}
