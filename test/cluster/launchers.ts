// What is started as a member: our launcher or the reference's binary, both with etcd's own flags.
import { join } from "node:path";
import { OperatingError } from "#base/errors.ts";
import { locateReference } from "#test/reference/reference.ts";
import type { ProcessCommand } from "./member-process.ts";

/** Whose servers a suite runs against. */
export type RunnerName = "ours" | "reference";

/** Makes the command line of one member. */
export interface Launcher {
  command(flags: readonly string[], env: NodeJS.ProcessEnv): ProcessCommand;
}

const root = join(import.meta.dirname, "..", "..");

/** RUNNER=ours|reference, ours if unset. */
export function runnerFromEnvironment(): RunnerName {
  const name = process.env["RUNNER"] ?? "ours";
  if (name !== "ours" && name !== "reference") {
    throw new OperatingError("BAD_RUNNER", `RUNNER=${name}: it is ours or reference`);
  }
  return name;
}

/** The launcher of a runner; builds the reference if it is not there yet. */
export async function launcherOf(runner: RunnerName): Promise<Launcher> {
  let file = join(root, "bin", "etcd");
  if (runner === "reference") {
    const reference = await locateReference();
    if (typeof reference === "string") throw new OperatingError("NO_REFERENCE", reference);
    file = reference.etcd;
  }
  return { command: (args, env) => ({ file, args, env }) };
}
