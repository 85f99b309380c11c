// The live table of members: what is shown of each, and how. Pure.
import { formatId } from "#base/ids.ts";

/** What one member answered when it was asked last, or that it did not. */
export type MemberStatus =
  | {
      readonly kind: "answers";
      readonly memberId: bigint;
      readonly leaderId: bigint;
      readonly isLearner: boolean;
      readonly term: number;
      readonly index: number;
      readonly sizeBytes: number;
    }
  | { readonly kind: "silent" };

export interface MemberRow {
  readonly name: string;
  readonly clientUrl: string;
  /** What its process does: running, "starts in 3 s", stopped. */
  readonly process: string;
  readonly status: MemberStatus;
}

const titles = ["MEMBER", "ENDPOINT", "PROCESS", "ROLE", "TERM", "INDEX", "SIZE"] as const;

/** Bytes for people: 512 B, 1.5 MiB. */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024;
  return unit === 0 ? `${value} B` : `${value.toFixed(1)} ${units[unit]}`;
}

function roleOf(status: MemberStatus): string {
  if (status.kind === "silent") return "-";
  if (status.isLearner) return "learner";
  if (status.leaderId === 0n) return "no leader";
  return status.leaderId === status.memberId ? "leader" : "follower";
}

function cells(row: MemberRow): readonly string[] {
  const { status } = row;
  const numbers =
    status.kind === "silent"
      ? ["-", "-", "-"]
      : [String(status.term), String(status.index), formatBytes(status.sizeBytes)];
  return [row.name, row.clientUrl, row.process, roleOf(status), ...numbers];
}

/** The lines of the table, without colours, numbers to the right. */
export function renderTable(rows: readonly MemberRow[]): readonly string[] {
  const lines = [titles, ...rows.map(cells)];
  const widths = titles.map((_, at) => Math.max(...lines.map((line) => line[at]?.length ?? 0)));
  return lines.map((line) =>
    line
      .map((cell, at) => (at >= 4 ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0)))
      .join("  ")
      .trimEnd(),
  );
}

/** What must differ before the table is printed again where it cannot be redrawn. */
export function tableEssence(rows: readonly MemberRow[]): string {
  return rows.map((row) => `${row.name} ${row.process} ${roleOf(row.status)}`).join("\n");
}

/** Who leads by the newest term that any member knows; undefined if nobody is known to. */
export function leaderOf(
  rows: readonly MemberRow[],
): { readonly name: string; readonly term: number } | undefined {
  let newest: { readonly leaderId: bigint; readonly term: number } | undefined;
  for (const { status } of rows) {
    if (status.kind === "silent" || status.leaderId === 0n) continue;
    if (newest === undefined || status.term > newest.term) newest = status;
  }
  if (newest === undefined) return undefined;
  const { leaderId, term } = newest;
  const row = rows.find((one) => one.status.kind === "answers" && one.status.memberId === leaderId);
  return { name: row?.name ?? formatId(leaderId), term };
}
