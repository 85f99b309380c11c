// The lock that etcd holds on its database file while it runs (flock). Node cannot take one, so the
// system's own `flock` does, and holds it as long as its input is open: no etcd can start meanwhile.
// Where there is none, the kernel's list of locks is asked.
import { spawn } from "node:child_process";
import { readFile, stat } from "node:fs/promises";
import { OperatingError } from "#base/errors.ts";
import { diskError, systemCode } from "#server/backend/folder.ts";

export interface HeldFile {
  release(): void;
}

/** Rejects with ETCD_DIR_LOCKED if an etcd uses the file. */
export async function holdEtcdFile(file: string): Promise<HeldFile> {
  try {
    await stat(file);
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw diskError(error, file);
    throw new OperatingError("ETCD_DB_MISSING", `${file} is missing: name etcd's data folder`);
  }
  const held = await holdByProgram(file);
  if (held !== "no program") return held;
  if (await isListed(file)) throw inUse(file);
  return { release: () => {} };
}

function inUse(file: string): OperatingError {
  return new OperatingError("ETCD_DIR_LOCKED", `${file} is in use: stop the etcd that runs on it`);
}

/** Exit code of `flock` that means that another holds the lock. */
const lockedCode = 75;

function holdByProgram(file: string): Promise<HeldFile | "no program"> {
  return new Promise((resolve, reject) => {
    const args = ["-x", "-n", "-E", String(lockedCode), file, "-c", "echo held; cat"];
    const child = spawn("flock", args, { stdio: ["pipe", "pipe", "ignore"] });
    child.stdin.on("error", () => {});
    child.once("error", () => resolve("no program"));
    child.stdout.once("data", () => resolve({ release: () => child.stdin.end() }));
    child.once("close", (code) => {
      if (code === lockedCode) reject(inUse(file));
      else resolve("no program");
    });
  });
}

async function isListed(file: string): Promise<boolean> {
  const { dev, ino } = await stat(file, { bigint: true });
  let list: string;
  try {
    list = await readFile("/proc/locks", "utf8");
  } catch {
    return false;
  }
  const major = (dev >> 8n) & 0xfffn;
  const minor = (dev & 0xffn) | ((dev >> 12n) & 0xfff00n);
  const hex = (value: bigint): string => value.toString(16).padStart(2, "0");
  return list.includes(` ${hex(major)}:${hex(minor)}:${ino} `);
}
