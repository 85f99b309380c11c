// Processes of an earlier operator: whether one still runs, and is the member that it was.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { OperatingError } from "#base/errors.ts";
import type { LocalState } from "#operator/platform/local/state.ts";

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** The command line of a process; empty if it is gone. */
export function commandLine(pid: number): string {
  try {
    const file = `/proc/${pid}/cmdline`;
    if (existsSync("/proc/self/cmdline")) return readFileSync(file, "utf8").replaceAll("\0", " ");
    return execFileSync("ps", ["-ww", "-o", "command=", "-p", String(pid)], { encoding: "utf8" });
  } catch {
    return "";
  }
}

/** Whether `pid` runs with `argument` among its own: process IDs are used again. */
export function runsWith(pid: number, argument: string): boolean {
  return isAlive(pid) && commandLine(pid).split(/\s+/).includes(argument);
}

/** Throws if another operator has this cluster. */
export function requireNoOperator({ operator }: LocalState, name: string): void {
  if (operator === undefined || operator === process.pid) return;
  // Process IDs are used again.
  if (!isAlive(operator) || !/operator\/main\.ts/.test(commandLine(operator))) return;
  throw new OperatingError(
    "ALREADY_RUNNING",
    `${name} is run by process ${operator} already: stop that one with Ctrl-C or kill ${operator}, or edit its manifest, which it follows`,
  );
}
