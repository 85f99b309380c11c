// What the commands tell of a cluster, wherever it runs, and the plain tables that say it. Pure. Columns are
// parted by two spaces or more, and nothing is cut, so that scripts can read them.
import type { Condition } from "#operator/plan/conditions.ts";
import { formatBytes } from "#operator/platform/local/table.ts";

export interface MemberReport {
  readonly name: string;
  readonly id: string | undefined;
  readonly role: string;
  readonly isReady: boolean;
  readonly version: string | undefined;
  readonly sizeBytes: number | undefined;
  /** Where clients reach it, if the one who asks can. */
  readonly clientUrl: string | undefined;
}

export interface BackupReport {
  readonly name: string;
  readonly phase: string;
  readonly revision: number | undefined;
  readonly sizeBytes: number | undefined;
  readonly completedAt: string | undefined;
  readonly location: string | undefined;
}

export interface ScheduleReport {
  readonly name: string;
  readonly schedule: string;
  readonly isSuspended: boolean;
  readonly lastSuccessAt: string | undefined;
  readonly nextAt: string | undefined;
}

export interface ClusterReport {
  /** Undefined where it runs as processes. */
  readonly namespace: string | undefined;
  readonly name: string;
  readonly wanted: number;
  readonly clusterId: string | undefined;
  readonly version: string | undefined;
  readonly conditions: readonly (Omit<Condition, "type"> & { readonly type: string })[];
  readonly step: string | undefined;
  readonly members: readonly MemberReport[];
  readonly schedules: readonly ScheduleReport[];
  readonly backups: readonly BackupReport[];
}

/** Lines of columns, each as wide as its widest cell. */
export function table(
  titles: readonly string[],
  rows: readonly (readonly string[])[],
): readonly string[] {
  const lines = [titles, ...rows];
  const widths = titles.map((_, at) => Math.max(...lines.map((line) => line[at]?.length ?? 0)));
  return lines.map((line) =>
    line
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

const none = "-";
const isTrue = (report: ClusterReport, type: string): string =>
  report.conditions.find((one) => one.type === type)?.status ?? "Unknown";

/** Whether clients are served. */
export const isAvailable = (report: ClusterReport): boolean =>
  isTrue(report, "Available") === "True";

/** One line for each cluster. */
export function clusterTable(reports: readonly ClusterReport[]): readonly string[] {
  const rows = reports.map((one) => [
    one.namespace ?? none,
    one.name,
    `${one.members.filter((member) => member.isReady).length}/${one.wanted}`,
    one.version ?? none,
    one.members.find((member) => member.role === "leader")?.name ?? none,
    isTrue(one, "Available"),
    isTrue(one, "Progressing"),
    isTrue(one, "Degraded"),
    isTrue(one, "BackupHealthy"),
  ]);
  return table(
    [
      "NAMESPACE",
      "CLUSTER",
      "READY",
      "VERSION",
      "LEADER",
      "AVAILABLE",
      "PROGRESSING",
      "DEGRADED",
      "BACKUP",
    ],
    rows,
  );
}

export function memberTable({ members }: ClusterReport): readonly string[] {
  const hasUrls = members.some((one) => one.clientUrl !== undefined);
  const rows = members.map((one) => [
    one.name,
    one.id ?? none,
    one.role,
    one.isReady ? "yes" : "no",
    one.version ?? none,
    one.sizeBytes === undefined ? none : formatBytes(one.sizeBytes),
    ...(hasUrls ? [one.clientUrl ?? none] : []),
  ]);
  const titles = ["MEMBER", "ID", "ROLE", "READY", "VERSION", "SIZE"];
  return table([...titles, ...(hasUrls ? ["ENDPOINT"] : [])], rows);
}

function scheduleTable(schedules: readonly ScheduleReport[]): readonly string[] {
  const rows = schedules.map((one) => [
    one.name,
    one.schedule,
    one.isSuspended ? "yes" : "no",
    one.lastSuccessAt ?? none,
    one.isSuspended ? none : (one.nextAt ?? none),
  ]);
  return table(["SCHEDULE", "WHEN", "SUSPENDED", "LAST GOOD ONE", "NEXT"], rows);
}

export function backupTable(backups: readonly BackupReport[]): readonly string[] {
  const rows = backups.map((one) => [
    one.name,
    one.phase,
    one.revision === undefined ? none : String(one.revision),
    one.sizeBytes === undefined ? none : formatBytes(one.sizeBytes),
    one.completedAt ?? none,
    one.location ?? none,
  ]);
  return table(["BACKUP", "PHASE", "REVISION", "SIZE", "COMPLETED", "LOCATION"], rows);
}

/** All of one cluster: what is so and why, its members, its backups. */
export function fullText(report: ClusterReport): readonly string[] {
  const where = report.namespace === undefined ? "" : ` in ${report.namespace}`;
  const id = report.clusterId === undefined ? "not formed yet" : `cluster ID ${report.clusterId}`;
  const conditions = report.conditions.map((one) => [
    one.type,
    one.status,
    one.reason || none,
    one.message || none,
  ]);
  return [
    `${report.name}${where}: ${report.wanted} members are wanted, ${id}`,
    ...(report.step === undefined ? [] : [`now: ${report.step}`]),
    "",
    ...table(["CONDITION", "IS", "REASON", "MESSAGE"], conditions),
    "",
    ...memberTable(report),
    ...(report.schedules.length === 0 ? [] : ["", ...scheduleTable(report.schedules)]),
    ...(report.backups.length === 0 ? [] : ["", ...backupTable(report.backups)]),
  ];
}
