// A copy of a stopped member's folder, state and log, v2 keys and all: what `etcdctl backup` makes. A new
// cluster begins from it with --force-new-cluster. It is whole or not there.
import { constants, type Dirent } from "node:fs";
import { copyFile, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { OperatingError } from "#base/errors.ts";
import { diskError, readSmallFile, syncFolder, systemCode } from "#server/backend/folder.ts";
import { lockFolder } from "#server/backend/process-lock.ts";
import { defaultWalDir } from "#server/backend/state-folder.ts";

export interface BackupFolders {
  readonly dataDir: string;
  /** Undefined where the log lies in the data folder. */
  readonly walDir: string | undefined;
  readonly backupDir: string;
  /** Undefined to put the log into the backup's folder. */
  readonly backupWalDir: string | undefined;
  /** This process, as a member that starts meanwhile is told. */
  readonly holder: string;
}

/** Held by processes, or copies of a moment: no part of what a member keeps. */
const leftOut = new Set(["lock", "transfer"]);

/** Rejects with OperatingError: no member's folder, in use, a target that is not empty, the disk. */
export async function backupFolder(folders: BackupFolders): Promise<void> {
  const { dataDir, backupDir, backupWalDir } = folders;
  const member = path.join(dataDir, "member");
  const format = await readSmallFile(path.join(member, "format")).catch(() => undefined);
  if (format === undefined || format.toString().includes("restoring")) {
    throw new OperatingError(
      "NO_MEMBER",
      `${dataDir} holds no member of etcd-ts: name its data folder`,
    );
  }
  const fromWal = path.resolve(folders.walDir ?? defaultWalDir(dataDir));
  const toWal = path.resolve(backupWalDir ?? defaultWalDir(backupDir));
  for (const target of [backupDir, toWal]) await checkEmpty(target);
  const lock = await lockFolder(member, folders.holder);
  const part = `${path.resolve(backupDir)}.part`;
  const inside = backupWalDir === undefined;
  const walPart = inside ? defaultWalDir(part) : `${toWal}.part`;
  try {
    await rm(part, { recursive: true, force: true });
    if (!inside) await rm(walPart, { recursive: true, force: true });
    await copyTree(path.resolve(member), path.join(part, "member"), fromWal);
    await copyTree(fromWal, walPart, undefined);
    if (!inside) await place(walPart, toWal);
    await place(part, path.resolve(backupDir));
  } catch (error) {
    await rm(part, { recursive: true, force: true }).catch(() => {});
    throw diskError(error, backupDir);
  } finally {
    await lock.release();
  }
}

async function checkEmpty(target: string): Promise<void> {
  let entries: string[];
  try {
    entries = await readdir(target);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return;
    throw diskError(error, target);
  }
  if (entries.length > 0) {
    throw new OperatingError("NOT_EMPTY", `${target} is not empty: name another folder`);
  }
}

/** An empty folder in the way is replaced. */
async function place(from: string, to: string): Promise<void> {
  await rename(from, to);
  await syncFolder(path.dirname(to));
}

async function copyTree(from: string, to: string, except: string | undefined): Promise<void> {
  await mkdir(to, { recursive: true, mode: 0o700 });
  const entries: Dirent[] = await readdir(from, { withFileTypes: true });
  const isTop = except !== undefined;
  for (const entry of entries) {
    const source = path.join(from, entry.name);
    if (source === except || (isTop && leftOut.has(entry.name))) continue;
    const target = path.join(to, entry.name);
    if (entry.isDirectory()) await copyTree(source, target, undefined);
    else await copySynced(source, target);
  }
  await syncFolder(to);
}

async function copySynced(source: string, target: string): Promise<void> {
  await copyFile(source, target, constants.COPYFILE_FICLONE);
  const file = await open(target, "r+");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  const [wanted, got] = await Promise.all([stat(source), stat(target)]);
  if (wanted.size !== got.size) throw new OperatingError("COPY_FAILED", `${source} changed`);
}
