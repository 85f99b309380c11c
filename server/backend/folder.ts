// Folders and small files on the disk: made, replaced and synced, with errors that say what to do.
import type { Dirent } from "node:fs";
import { mkdir, open, readdir, readFile, rename, stat } from "node:fs/promises";
import path from "node:path";
import { errorText, OperatingError } from "#base/errors.ts";

/** The `code` of an error of the operating system, such as ENOENT; undefined for others. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string"
    ? error.code
    : undefined;
}

/** An error of the operating system about `file`, as one line for the person who runs the server. */
export function diskError(error: unknown, file: string): OperatingError {
  if (error instanceof OperatingError) return error;
  const options = { cause: error };
  switch (systemCode(error)) {
    case "ENOSPC":
    case "EDQUOT":
      return new OperatingError(
        "DISK_FULL",
        `no space left on the disk of ${file}: free some`,
        options,
      );
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return new OperatingError(
        "DIR_NOT_WRITABLE",
        `${file} cannot be read or written by this user: check owner, mode and mount`,
        options,
      );
    case "ENOTDIR":
    case "EEXIST":
      return new OperatingError(
        "DIR_INVALID",
        `${file} is not a folder: name another one`,
        options,
      );
    case "ENOENT":
      return new OperatingError("DIR_MISSING", `${file} does not exist`, options);
    default:
      return new OperatingError("DISK_FAILED", `${file}: ${errorText(error)}`, options);
  }
}

/** Makes a folder for this user alone, with its parents, unless it is there. */
export async function makeFolder(folder: string): Promise<void> {
  try {
    await makeWithParents(path.resolve(folder));
  } catch (error) {
    throw diskError(error, folder);
  }
}

/** Not mkdir's own `recursive`: below /proc, where nothing can be made, that tries for ever. */
async function makeWithParents(folder: string): Promise<void> {
  const make = (): Promise<unknown> => mkdir(folder, { mode: 0o700 });
  try {
    await make();
  } catch (error) {
    const parent = path.dirname(folder);
    if (systemCode(error) === "ENOENT" && parent !== folder) {
      await makeWithParents(parent);
      await make();
    } else if (systemCode(error) !== "EEXIST" || !(await stat(folder)).isDirectory()) {
      throw error;
    }
  }
}

/** Makes new and removed names of a folder durable. */
export async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw diskError(error, folder);
  }
}

/** What a folder holds; undefined if it does not exist. */
export async function listFolder(folder: string): Promise<Dirent[] | undefined> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw diskError(error, folder);
  }
}

/** The text of a file; undefined if it does not exist. */
export async function readSmallFile(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw diskError(error, file);
  }
}

/** Writes a small file so that after a crash the old or the new content is there, durably. */
export async function replaceFile(file: string, content: string): Promise<void> {
  const next = `${file}.next`;
  try {
    const handle = await open(next, "w", 0o600);
    try {
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(next, file);
  } catch (error) {
    throw diskError(error, file);
  }
  await syncFolder(path.dirname(file));
}
