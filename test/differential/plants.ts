// Planted bugs: small edits of the server, made in a copy of the tree, each of which the differential test
// must find. Run by `npm run test:differential -- --plants`.
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OperatingError } from "#base/errors.ts";

/** One edit. */
export interface Plant {
  readonly name: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** What is planted, one at a time. */
export const plants: readonly Plant[] = [
  {
    name: "a compaction at the last one's revision is let through",
    file: "server/mvcc/compaction.ts",
    from: "if (revision <= state.compactRevision)",
    to: "if (revision < state.compactRevision)",
  },
  {
    name: "a text of an error ends in a dot",
    file: "proto/errors.ts",
    from: '"lease already exists"',
    to: '"lease already exists."',
  },
  {
    name: "a code of an error is another one",
    file: "proto/errors.ts",
    from: "leaseNotFound: [g.notFound,",
    to: "leaseNotFound: [g.failedPrecondition,",
  },
  {
    name: "Proclaim takes no key for one",
    file: "server/api/election.ts",
    from: "if (key.length === 0)",
    to: "if (key.length > 99)",
  },
  {
    name: "HashKV below 0 is of now",
    file: "server/mvcc/hash-queue.ts",
    from: "revision === 0 ? currentRevision",
    to: "revision <= 0 ? currentRevision",
  },
  {
    name: "chunks of RangeStream begin with 11 keys",
    file: "server/api/range-stream.ts",
    from: "const firstChunkKeys = 10;",
    to: "const firstChunkKeys = 11;",
  },
  {
    name: "a fragment is not told as one",
    file: "server/mvcc/watch-session.ts",
    from: "fragment: to < sizes.length,",
    to: "fragment: false,",
  },
  {
    name: "the answer to a campaign names the key as the election",
    file: "server/api/election.ts",
    from: "leader: { name: request.name, key,",
    to: "leader: { name: key, key,",
  },
  {
    name: "the key of a lock is in upper case",
    file: "server/api/ordered-keys.ts",
    from: "lease.toString(16)",
    to: "lease.toString(16).toUpperCase()",
  },
  {
    name: "an error over JSON has another HTTP status",
    file: "server/api/gateway/call.ts",
    from: "[grpcCode.notFound]: 404",
    to: "[grpcCode.notFound]: 400",
  },
  {
    name: "an observer who may not read is left waiting",
    file: "server/api/election.ts",
    from: "            responder.end();\n",
    to: "",
  },
  {
    name: "a signed token of before a change is let through",
    file: "server/auth/auth-store.ts",
    from: "if (revision < this.#revision)",
    to: "if (revision > this.#revision)",
  },
  {
    name: "the newest key leads",
    file: "server/api/ordered-keys.ts",
    from: "sortOrder: RangeRequest_SortOrder.ASCEND",
    to: "sortOrder: RangeRequest_SortOrder.DESCEND",
  },
];

/**
 * Plants them one after the other and plays `sequences` on each; a line for each, and how many were
 * not found.
 */
export function playPlants(some: readonly Plant[], sequences: number, seed: number): number {
  let missed = 0;
  for (const plant of some) {
    using tree = planted(plant);
    const options = ["--sequences", sequences, "--seed", seed, "--findings", 1, "--shrink", 0];
    const run = join(tree.root, "test", "differential", "run.ts");
    const { status, stdout } = spawnSync(process.execPath, [run, ...options.map(String)], {
      cwd: tree.root,
      encoding: "utf8",
    });
    const found = /^seed (\d+) differs at (\S+);/m.exec(stdout);
    if (status !== 1 || found === null) missed++;
    const how = found === null ? `NOT FOUND (${status})` : `seed ${found[1]}, at ${found[2]}`;
    console.log(`${plant.name}: ${how}`);
  }
  return missed;
}

/** A copy of the tree with one plant in it; ends with `Symbol.dispose`. */
export function planted(plant: Plant): { readonly root: string } & Disposable {
  const here = join(import.meta.dirname, "..", "..");
  const root = mkdtempSync(join(tmpdir(), "etcd-ts-planted-"));
  for (const name of ["base", "bin", "client", "proto", "server", "test", "package.json"]) {
    cpSync(join(here, name), join(root, name), { recursive: true });
  }
  cpSync(join(here, "package-lock.json"), join(root, "package-lock.json"));
  symlinkSync(join(here, "node_modules"), join(root, "node_modules"));
  const file = join(root, plant.file);
  const source = readFileSync(file, "utf8");
  if (!source.includes(plant.from)) {
    throw new OperatingError("NO_PLACE", `${plant.file} has no ${plant.from}: mend the plant`);
  }
  writeFileSync(file, source.replace(plant.from, plant.to));
  return { root, [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }) };
}
