// What is started as a member: our launcher or the reference's binary, both with etcd's own flags.
import { join } from "node:path";
import { OperatingError } from "#base/errors.ts";
import { locateReference, locateReferenceV2 } from "#test/reference/reference.ts";
import type { ProcessCommand } from "./member-process.ts";

/** Whose servers a suite runs against. */
export type RunnerName = "ours" | "reference";

/** Whose server one member of a cluster is: also the reference of the release lines before. */
export type MemberKind = RunnerName | "reference-3.6" | "reference-3.5" | "reference-3.4";

/** The releases that those kinds stand for; the newest of each line. */
export const referenceReleases: Readonly<Partial<Record<MemberKind, string>>> = {
  "reference-3.6": "v3.6.16",
  "reference-3.5": "v3.5.35",
};

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

/** The launcher of a kind of member; builds the reference if it is not there yet. */
export async function launcherOf(kind: MemberKind): Promise<Launcher> {
  let file = join(root, "bin", "etcd");
  if (kind !== "ours") {
    const reference =
      kind === "reference-3.4"
        ? await locateReferenceV2()
        : await locateReference(referenceReleases[kind]);
    if (typeof reference === "string") throw new OperatingError("NO_REFERENCE", reference);
    file = reference.etcd;
  }
  return { command: (args, env) => ({ file, args, env }) };
}
