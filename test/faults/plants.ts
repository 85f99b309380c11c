// Builds of the server with one bug each, which the fault runs must reject or prove nothing. The bug
// is put into the source while a member loads it (plant-hook.ts, preloaded by PLANT=name); the text
// it replaces must occur exactly once, so that a bug cannot silently stop being planted.
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** One bug. */
export interface Plant {
  /** What goes wrong. */
  readonly about: string;
  /** From the root of the project. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export const plants = {
  "stale-reads": {
    about: "a linearizable read is answered from what this member happens to have applied",
    file: "server/node/member.ts",
    find: "const done = this.reads.read();",
    replace: "const done = Promise.resolve();",
  },
  "lost-writes": {
    about: "now and then a put is answered and not carried out, on every member alike",
    file: "server/node/apply-turn.ts",
    find: "const result = ports.applier.apply(command, batch, answers);",
    replace: `const lost = command.kind === "put" && entry.index % 97 === 0;
        const result = lost
          ? { header: { clusterId: 0n, memberId: 0n, revision: ports.store.currentRevision + 1, raftTerm: 0 } }
          : ports.applier.apply(command, batch, answers);`,
  },
} as const satisfies Record<string, Plant>;

export type PlantName = keyof typeof plants;

/** Environment of members that shall have the bug. */
export function plantEnvironment(name: PlantName): NodeJS.ProcessEnv {
  const hook = pathToFileURL(join(import.meta.dirname, "plant-hook.ts")).href;
  return { NODE_OPTIONS: `--import=${hook}`, PLANT: name };
}
