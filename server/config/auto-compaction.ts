// What `--auto-compaction-mode` and `--auto-compaction-retention` ask for together. Pure.
import { formatGoDuration } from "#base/go-duration.ts";
import { parseGoDurationMs } from "./go-literals.ts";

export type AutoCompaction =
  /** Keep the history of this time. */
  | { readonly mode: "periodic"; readonly retentionMs: number }
  /** Keep so many revisions. */
  | { readonly mode: "revision"; readonly revisions: number };

/** A tenth of the retention is the time between looks; less than this would only spin. */
const leastRetentionMs = 10;

/**
 * Undefined if it is off (0), a text if it cannot be done. In periodic mode a bare number means
 * hours. Not etcd's: a duration in revision mode, and negative times, are refused; etcd takes the
 * first for a number of nanoseconds, and spins on the second.
 */
export function parseAutoCompaction(
  mode: string,
  retention: string,
): AutoCompaction | undefined | string {
  if (mode === "") return "undefined auto-compaction-mode";
  if (mode !== "periodic" && mode !== "revision") {
    return `unknown auto-compaction-mode ${JSON.stringify(mode)}`;
  }
  const count = /^\+?\d+$/.test(retention) ? Number(retention) : undefined;
  if (retention === "" || count === 0) return undefined;
  if (mode === "revision") {
    if (count === undefined || !Number.isSafeInteger(count)) {
      return `--auto-compaction-retention must be a number of revisions in mode revision (set to ${retention})`;
    }
    return { mode, revisions: count };
  }
  const retentionMs =
    count === undefined ? parseGoDurationMs(retention) : parseGoDurationMs(`${count}h`);
  if (retentionMs === undefined) {
    return `error parsing CompactionRetention: time: invalid duration ${JSON.stringify(retention)}`;
  }
  if (retentionMs === 0) return undefined;
  if (retentionMs < leastRetentionMs) {
    return `--auto-compaction-retention must be at least ${formatGoDuration(leastRetentionMs)} (set to ${retention})`;
  }
  return { mode, retentionMs };
}
