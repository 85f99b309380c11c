// One process a folder. Node offers no lock that the kernel drops when a process is killed, RocksDB's
// LOCK file is one: the lock is an empty store, held open. The file `holder` beside it tells who
// holds it, for the message; it may be stale and decides nothing.
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { OperatingError } from "#base/errors.ts";
import { diskError, makeFolder } from "#server/backend/folder.ts";
import { Rocks } from "#server/backend/rocks.ts";

export interface ProcessLock {
  release(): Promise<void>;
}

/**
 * Takes the lock of `folder`, in `folder`/lock. `holder` names this process to others, such as
 * "process 12 on host-a". Fails with code DIR_LOCKED, naming the holder, if another has it.
 */
export async function lockFolder(folder: string, holder: string): Promise<ProcessLock> {
  const dir = path.join(folder, "lock");
  await makeFolder(dir);
  const note = path.join(dir, "holder");
  let rocks: Rocks;
  try {
    rocks = await Rocks.open(dir, {
      create: true,
      writeBufferBytes: 64 * 1024,
      cacheBytes: 0,
      compression: false,
      maxParallelReads: 1,
    });
  } catch (error) {
    if (!(error instanceof OperatingError) || error.code !== "DIR_LOCKED") throw error;
    throw new OperatingError(
      "DIR_LOCKED",
      `${folder} is in use by ${await readHolder(note)}: stop it, or name another folder`,
      { cause: error },
    );
  }
  try {
    await writeFile(note, `${holder}\n`, { mode: 0o600 });
  } catch (error) {
    await rocks.close();
    throw diskError(error, note);
  }
  return { release: () => rocks.close() };
}

async function readHolder(note: string): Promise<string> {
  try {
    const [line] = (await readFile(note, "utf8")).split("\n");
    return line !== undefined && /^[\x20-\x7e]{1,200}$/.test(line) ? line : "another process";
  } catch {
    return "another process";
  }
}
