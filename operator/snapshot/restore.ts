// Restores a snapshot into the data folder of a member that never ran: by etcdutl into a folder beside, which
// checks it, and by one rename into its place. A folder that has data is never touched.
import { execFile } from "node:child_process";
import { existsSync, readdirSync, rmSync } from "node:fs";
import { mkdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { OperatingError } from "#base/errors.ts";
import { syncFolder } from "#operator/snapshot/folder.ts";

const exec = promisify(execFile);
/**
 * Clients that saw revisions after the snapshot must not mistake new ones for them: all new ones are above, and
 * watches from before are told that theirs are compacted.
 */
const revisionBump = 1_000_000_000;

export interface RestoreOptions {
  /** The launcher of etcdutl. */
  readonly etcdutl: string;
  /** The snapshot. */
  readonly file: string;
  readonly dataFolder: string;
  readonly name: string;
  readonly peerUrl: string;
  readonly initialCluster: string;
  readonly token: string;
  /** Called at `restore:beside` and `restore:moved`, for tests that end the process there. */
  readonly failpoint: (name: string) => void;
}

const dataOf = (dataFolder: string): string => join(dataFolder, "member");

/** Whether there is data: restored, or of a member that ran. */
export const hasData = (dataFolder: string): boolean => existsSync(dataOf(dataFolder));

/** Can be done again after any end. Throws OperatingError RESTORE_FAILED with what etcdutl said. */
export async function restoreSnapshot(options: RestoreOptions): Promise<void> {
  const { etcdutl, file, dataFolder, name, peerUrl, initialCluster, token, failpoint } = options;
  if (hasData(dataFolder)) return tidyRestore(dataFolder);
  await mkdir(dataFolder, { recursive: true, mode: 0o700 });
  tidyRestore(dataFolder);
  // Its own: the etcdutl of somebody who was killed may still write into the last one.
  const beside = join(dataFolder, `restore.${process.pid}.part`);
  try {
    await exec(etcdutl, [
      ...["snapshot", "restore", file, `--data-dir=${beside}`, `--name=${name}`],
      ...[`--initial-cluster=${initialCluster}`, `--initial-cluster-token=${token}`],
      ...[`--initial-advertise-peer-urls=${peerUrl}`],
      ...[`--bump-revision=${revisionBump}`, "--mark-compacted"],
    ]);
  } catch (cause) {
    const { stderr = "" } = cause as { readonly stderr?: string };
    const why = stderr.trimEnd().split("\n").at(-1) || String(cause);
    throw new OperatingError("RESTORE_FAILED", `${file} cannot be restored: ${why}`, { cause });
  }
  failpoint("restore:beside");
  await rename(dataOf(beside), dataOf(dataFolder));
  await syncFolder(dataFolder);
  failpoint("restore:moved");
  tidyRestore(dataFolder);
}

/** Removes what restores that were cut off have left. */
export function tidyRestore(dataFolder: string): void {
  for (const name of readdirSync(dataFolder)) {
    if (!/^restore\.\d+\.part$/.test(name)) continue;
    rmSync(join(dataFolder, name), { recursive: true, force: true, maxRetries: 3 });
  }
}
