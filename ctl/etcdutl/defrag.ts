// Gives the free space of a stopped member's state back, as `etcdctl defrag` does for one that runs.
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { errorText, OperatingError } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import { openStateFolder } from "#server/backend/state-folder.ts";

/** Rejects with OperatingError: no member's folder, in use, damaged. */
export async function defragmentFolder(dataDir: string, log: Log, holder: string): Promise<void> {
  try {
    // To open a folder would make it.
    await stat(join(dataDir, "member", "format"));
    const folder = await openStateFolder({ dataDir, log, holder });
    try {
      await folder.backend.defragment();
    } finally {
      await folder.close();
    }
  } catch (error) {
    throw new OperatingError(
      "DEFRAG_FAILED",
      `Failed to defragment etcd data[${dataDir}] (${errorText(error)})`,
      { cause: error },
    );
  }
}
