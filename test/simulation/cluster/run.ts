// Runs seeds of whole members: `npm run sim:cluster -- --seed N` replays one, `--seconds N` runs as
// many as fit, `--bug NAME` runs against a member with that fault planted (bugs.ts).
import { parseArgs } from "node:util";
import { type ClusterBugName, clusterBugs, plantInServer } from "./bugs.ts";
import { missing } from "./required.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    first: { type: "string", default: "1" },
    seeds: { type: "string" },
    seconds: { type: "string" },
    "storm-seconds": { type: "string", default: "40" },
    counters: { type: "boolean", default: false },
    bug: { type: "string" },
  },
});
if (values.bug !== undefined) {
  if (!(values.bug in clusterBugs)) {
    throw new Error(`no bug ${values.bug}: ${Object.keys(clusterBugs).join(", ")}`);
  }
  plantInServer(values.bug as ClusterBugName);
}
const { ClusterWorld } = await import("./cluster-world.ts");

let seed = 0;
function fail(error: unknown): never {
  process.stdout.write(
    `seed ${seed} failed: ${error instanceof Error ? error.stack : error}\nreplay: npm run sim:cluster -- --seed ${seed}\n`,
  );
  process.exit(1);
}
process.on("unhandledRejection", fail);
process.on("uncaughtException", fail);

const counts = new Map<string, number>();
const first = Number(values.seed ?? values.first);
const count = values.seed === undefined ? Number(values.seeds ?? (values.seconds ? 1e9 : 20)) : 1;
const endMs = Date.now() + Number(values.seconds ?? 1e9) * 1000;
let ran = 0;
while (ran < count && Date.now() < endMs) {
  seed = first + ran++;
  const world = new ClusterWorld({ seed, stormMs: Number(values["storm-seconds"]) * 1000 });
  await world.run().catch(fail);
  for (const [what, n] of world.stage.counts) counts.set(what, (counts.get(what) ?? 0) + n);
}
process.stdout.write(`${ran} seeds passed\n`);
if (values.counters) {
  for (const [what, n] of [...counts].sort())
    process.stdout.write(`${String(n).padStart(10)}  ${what}\n`);
}
const never = missing(counts);
if (ran >= 60 && never.length > 0) {
  process.stdout.write(`never happened: ${never.join(", ")}\n`);
  process.exit(1);
}
