// Runs seeds: `npm run sim -- --seeds 1000`, one alone with `--seed N`, as many as fit into a time
// with `--seconds N`; `--bug NAME` runs against raft with that fault planted (bugs.ts).
import { parseArgs } from "node:util";
import { type BugName, bugs, plant } from "./bugs.ts";
import { Counters } from "./counters.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    first: { type: "string", default: "1" },
    seeds: { type: "string" },
    seconds: { type: "string" },
    "storm-seconds": { type: "string", default: "60" },
    counters: { type: "boolean", default: false },
    bug: { type: "string" },
  },
});

if (values.bug !== undefined) {
  if (!(values.bug in bugs))
    throw new Error(`no bug ${values.bug}: ${Object.keys(bugs).join(", ")}`);
  plant(values.bug as BugName);
}
const { World } = await import("./world.ts");

function runSeed(seed: number, counters: Counters): void {
  const members = [3, 5, 3, 5, 1][seed % 5]!;
  const world = new World({ seed, members, stormMs: Number(values["storm-seconds"]) * 1000 });
  try {
    world.run();
  } catch (error) {
    process.stdout.write(
      `seed ${seed} failed: ${error instanceof Error ? error.stack : error}\nreplay: npm run sim -- --seed ${seed}\n`,
    );
    process.exit(1);
  }
  counters.merge(world.stage.counters);
}

const counters = new Counters();
const first = Number(values.seed ?? values.first);
const count = values.seed === undefined ? Number(values.seeds ?? (values.seconds ? 1e9 : 100)) : 1;
const endMs = Date.now() + Number(values.seconds ?? 1e9) * 1000;
let ran = 0;
while (ran < count && Date.now() < endMs) runSeed(first + ran++, counters);
process.stdout.write(`${ran} seeds passed\n`);
if (values.counters) {
  for (const [name, n] of counters.counts)
    process.stdout.write(`${String(n).padStart(10)}  ${name}\n`);
}
const missing = counters.missing();
if (ran >= 50 && missing.length > 0) {
  process.stdout.write(`never happened: ${missing.join(", ")}\n`);
  process.exit(1);
}
