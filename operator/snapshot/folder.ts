// Snapshots as files of a folder: kept by one rename, found by name or as the newest, deleted.
import { existsSync, readdirSync, statSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { OperatingError } from "#base/errors.ts";
import type { SnapshotPlace } from "#operator/snapshot/take.ts";

/** `path` on a volume that is at `root`. Throws OperatingError BAD_PATH if it leads out of it. */
export function pathOnVolume(root: string, path: string): string {
  const full = resolve(root, path);
  const below = relative(root, full);
  if (below === ".." || below.startsWith("../")) {
    throw new OperatingError("BAD_PATH", `the path ${path} leads out of the volume`);
  }
  return full;
}

/** A snapshot under `file`. */
export function filePlace(file: string, location: string): SnapshotPlace {
  return {
    part: `${file}.part`,
    location,
    async keep() {
      await rename(`${file}.part`, file);
      await syncFolder(dirname(file));
    },
  };
}

/** Deletes one; that it is gone is durable when it resolves. */
export async function deleteFile(file: string): Promise<void> {
  await rm(file, { force: true });
  await rm(`${file}.part`, { force: true });
  if (existsSync(dirname(file))) await syncFolder(dirname(file));
}

/** `path` itself, or of a folder the newest .db file. Throws OperatingError NO_SNAPSHOT. */
export function newestSnapshot(path: string): string {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) throw new OperatingError("NO_SNAPSHOT", `there is no ${path}`);
  if (!stats.isDirectory()) return path;
  const [newest] = readdirSync(path)
    .filter((name) => name.endsWith(".db"))
    .map((name) => ({ file: join(path, name), ms: statSync(join(path, name)).mtimeMs }))
    .sort((a, b) => b.ms - a.ms);
  if (newest === undefined) throw new OperatingError("NO_SNAPSHOT", `no .db file is in ${path}`);
  return newest.file;
}

/** What was renamed or deleted in it is so for good. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
