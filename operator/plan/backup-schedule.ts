// An EtcdBackupSchedule: which backup is due, which are to be pruned, and when to look again. Pure: the time
// is passed in. Of runs that were missed only the last counts, and that only for a while; one backup of a
// schedule runs at a time; none is made of a cluster that is paused or sleeps.
import { CronExpressionParser } from "cron-parser";
import type {
  EtcdBackupScheduleSpec,
  EtcdBackupScheduleStatus,
} from "#operator/api/etcd-backup.ts";
import { parseDuration } from "#operator/api/quantity.ts";

/** What of a backup that this schedule made its retention goes by. */
export interface ScheduledBackup {
  readonly name: string;
  readonly phase: "Pending" | "Running" | "Complete" | "Failed";
  readonly createdMs: number;
  readonly completedMs?: number;
}

export interface ScheduleInput {
  readonly name: string;
  readonly createdMs: number;
  readonly spec: EtcdBackupScheduleSpec;
  readonly status: EtcdBackupScheduleStatus;
  readonly backups: readonly ScheduledBackup[];
  readonly cluster: "runs" | "paused" | "hibernated" | "absent";
  readonly nowMs: number;
}

export interface ScheduleDecision {
  readonly status: EtcdBackupScheduleStatus;
  /** Name of the backup to make now; making it twice makes one. */
  readonly create?: string;
  /** Names of backups to delete. */
  readonly prune: readonly string[];
  /** Look again then; undefined while it is suspended. */
  readonly untilMs?: number;
}

const iso = (ms: number): string => new Date(ms).toISOString();
const timeOf = (text: string | undefined): number | undefined =>
  text === undefined ? undefined : Date.parse(text);

/** What is wrong with the schedule or its time zone; undefined: nothing. */
export function scheduleProblem(schedule: string, timeZone: string): string | undefined {
  try {
    CronExpressionParser.parse(schedule, { tz: timeZone, currentDate: 0 }).next();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** The last time that was due at or before `nowMs`, and the first one after it. */
export function dueTimes(
  schedule: string,
  timeZone: string,
  nowMs: number,
): { readonly lastMs: number; readonly nextMs: number } {
  const options = { tz: timeZone, currentDate: nowMs };
  const nextMs = CronExpressionParser.parse(schedule, options).next().getTime();
  // Strictly before the next millisecond: a time that is due right now counts.
  const later = { tz: timeZone, currentDate: nowMs + 1 };
  return { lastMs: CronExpressionParser.parse(schedule, later).prev().getTime(), nextMs };
}

/** `<schedule>-<unix minute>`: the same run has the same name, whoever makes it. */
export const backupName = (schedule: string, dueMs: number): string =>
  `${schedule}-${Math.floor(dueMs / 60_000)}`;

/** What to do now: make the backup, write `status`, prune. */
export function planSchedule(input: ScheduleInput): ScheduleDecision {
  const { spec, backups, nowMs } = input;
  const { nextScheduledAt: _, active: __, lastSuccessAt: ___, ...kept } = input.status;
  const active = backups.find((one) => one.phase === "Pending" || one.phase === "Running");
  const success = Math.max(...backups.map((one) => one.completedMs ?? 0));
  const before = timeOf(input.status.lastSuccessAt) ?? 0;
  const lastSuccessMs = Math.max(before, ...(success > 0 ? [success] : []));
  const status: EtcdBackupScheduleStatus = {
    ...kept,
    ...(lastSuccessMs > 0 ? { lastSuccessAt: iso(lastSuccessMs) } : {}),
    ...(active === undefined ? {} : { active: active.name }),
  };
  const prune = pruned(spec, backups, nowMs);
  if (spec.suspend) return { status, prune };
  const { lastMs, nextMs } = dueTimes(spec.schedule, spec.timeZone, nowMs);
  const next = { ...status, nextScheduledAt: iso(nextMs) };
  const doneMs = timeOf(status.lastScheduledAt);
  const isFirst = doneMs === undefined && spec.immediate;
  const dueMs = isFirst ? nowMs : lastMs;
  const isDue = isFirst || lastMs > (doneMs ?? input.createdMs);
  if (!isDue) return { status: next, prune, untilMs: nextMs };
  // The first one of a new schedule waits for its cluster.
  const isLate = !isFirst && nowMs - dueMs > spec.startingDeadlineSeconds * 1000;
  if (isLate || input.cluster !== "runs") {
    const told = isFirst ? next : { ...next, lastScheduledAt: iso(dueMs) };
    return { status: told, prune, untilMs: nextMs };
  }
  if (active !== undefined) return { status: next, prune, untilMs: nextMs };
  // Named after what does not change until the status is written.
  const create = backupName(input.name, isFirst ? input.createdMs : dueMs);
  const made = { ...next, lastScheduledAt: iso(dueMs), active: create };
  return { status: made, create, prune, untilMs: nextMs };
}

/** Names of those that either rule lets go; the newest good one always stays, and failed ones are counted apart. */
function pruned(
  spec: EtcdBackupScheduleSpec,
  backups: readonly ScheduledBackup[],
  nowMs: number,
): readonly string[] {
  const { count, age } = spec.retention;
  const maxAgeMs = age === undefined ? Number.POSITIVE_INFINITY : (parseDuration(age) ?? 0);
  const newest = (one: ScheduledBackup) => one.completedMs ?? one.createdMs;
  const sorted = (phase: ScheduledBackup["phase"]) =>
    backups.filter((one) => one.phase === phase).sort((a, b) => newest(b) - newest(a));
  const isOver = (one: ScheduledBackup, at: number) =>
    at >= count || nowMs - newest(one) > maxAgeMs;
  const good = sorted("Complete").filter((one, at) => at > 0 && isOver(one, at));
  return [...good, ...sorted("Failed").filter(isOver)].map((one) => one.name);
}
