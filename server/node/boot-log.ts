// The log a member begins with or finds: the same entries for raft in memory as on the disk.
import { emptyBytes } from "#base/bytes.ts";
import { initialEntries } from "#server/membership/bootstrap-ids.ts";
import type { Member } from "#server/membership/member-json.ts";
import type { LogWriter } from "#server/node/ready-loop.ts";
import type { MemoryLog } from "#server/raft/memory-log.ts";
import type { WalContents } from "#server/wal/wal.ts";

/** True for a log that was made and never written to: the first start was cut short behind it. */
export function isUntouched(contents: WalContents): boolean {
  return contents.hardState.term === 0 && contents.entries.length === 0;
}

/** Writes the first log of a cluster of these members, synced, and loads it. */
export async function beginLog(
  wal: LogWriter,
  memoryLog: MemoryLog,
  members: readonly Member[],
): Promise<void> {
  const entries = initialEntries(members);
  const hardState = { term: 1, vote: 0n, commit: entries.length };
  await wal.save(hardState, entries, true);
  memoryLog.append(entries);
  memoryLog.setHardState(hardState);
}

/** Loads what a log held when it was opened. */
export function loadLog(memoryLog: MemoryLog, contents: WalContents): void {
  const { confState, index, term } = contents.snapshot;
  if (index > 0) {
    memoryLog.applySnapshot({ data: emptyBytes, metadata: { confState, index, term } });
  }
  memoryLog.append(contents.entries);
  memoryLog.setHardState(contents.hardState);
}
