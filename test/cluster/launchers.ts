// What is started as a member: our launcher or the reference's binary, both with etcd's own flags.
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { OperatingError } from "#base/errors.ts";
import type { ProcessCommand } from "./member-process.ts";

/** Whose servers a suite runs against. */
export type RunnerName = "ours" | "reference";

/** Makes the command line of one member. */
export interface Launcher {
  command(flags: readonly string[], env: NodeJS.ProcessEnv): ProcessCommand;
}

const root = join(import.meta.dirname, "..", "..");

/** Where the reference etcd's binaries were built. */
export function referenceFolder(): string {
  const cache = process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache");
  const folder = process.env["ETCD_PEER_DIR"] ?? join(cache, "etcd-peer", "v3.7.3");
  if (!existsSync(join(folder, "etcd"))) {
    throw new OperatingError(
      "NO_REFERENCE",
      `the reference etcd is not in ${folder}: build it with npm run test:toolchains`,
    );
  }
  return folder;
}

/** RUNNER=ours|reference, ours if unset. */
export function runnerFromEnvironment(): RunnerName {
  const name = process.env["RUNNER"] ?? "ours";
  if (name !== "ours" && name !== "reference") {
    throw new OperatingError("BAD_RUNNER", `RUNNER=${name}: it is ours or reference`);
  }
  return name;
}

/** The launcher of a runner. */
export function launcherOf(runner: RunnerName): Launcher {
  const file = runner === "ours" ? join(root, "bin", "etcd") : join(referenceFolder(), "etcd");
  return { command: (args, env) => ({ file, args, env }) };
}
