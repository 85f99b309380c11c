// What server/storage.ts does with log and state at a start, over a disk in memory.
import type { Member } from "#server/membership/member-json.ts";
import { beginLog, isUntouched, loadLog } from "#server/node/boot-log.ts";
import { readApplied } from "#server/node/boot-state.ts";
import { MemoryLog } from "#server/raft/memory-log.ts";
import { checkJoin, finishInstall } from "#server/wal/start-up.ts";
import type { DiskImage, SlowDisk } from "./slow-disk.ts";

/**
 * Finishes a cut-short install, begins or loads the log, which is empty for a member that joins, told
 * no `first` members; `owner` names the member in errors.
 */
export async function openLog(
  image: DiskImage,
  disk: SlowDisk,
  member: { readonly first: readonly Member[] | undefined; readonly owner: string },
): Promise<{ readonly memoryLog: MemoryLog; readonly markIndex: number }> {
  const finish = async (): Promise<void> => {
    image.unfinished = undefined;
  };
  const found = image.wal.contents();
  const contents = await finishInstall({ unfinished: image.unfinished, finish }, disk, found);
  const memoryLog = new MemoryLog();
  if (isUntouched(contents)) {
    if (member.first !== undefined) await beginLog(disk, memoryLog, member.first);
    return { memoryLog, markIndex: 0 };
  }
  loadLog(memoryLog, contents);
  const applied = await readApplied(disk.backend);
  checkJoin(applied.index, contents, member.owner);
  return { memoryLog, markIndex: contents.snapshot.index };
}
