// The differential test by hand:
//   npm run test:differential -- [--sequences N] [--steps N] [--seed N] [--lanes N] [--shrink SECONDS]
//     [--json]
//   npm run test:differential -- --plants [--plant NAME]
// Prints a line of progress every few seconds, what differs with the command that replays it, and at
// the end what was asked for.
import { parseArgs } from "node:util";
import { Coverage, leastCount } from "./coverage.ts";
import { plants, playPlants } from "./plants.ts";
import { findingText, playPlan } from "./play.ts";

const { values } = parseArgs({
  options: {
    sequences: { type: "string", default: "200" },
    steps: { type: "string", default: "200" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 2 ** 31)) },
    lanes: { type: "string", default: "3" },
    findings: { type: "string", default: "10" },
    shrink: { type: "string", default: "25" },
    json: { type: "boolean", default: false },
    coverage: { type: "boolean", default: false },
    plants: { type: "boolean", default: false },
    plant: { type: "string" },
  },
});

if (values.plants) {
  const { plant } = values;
  const some = plants.filter(({ name }) => plant === undefined || name.includes(plant));
  const missed = playPlants(some, 40, 1);
  console.log(`${some.length} planted, ${missed} not found`);
  process.exit(missed === 0 ? 0 : 1);
}

/** A run of so many sequences has to ask for everything. */
const completeSequences = 200;

const coverage = new Coverage();
const began = performance.now();
let told = began;
const sequences = Number(values.sequences);
const seconds = (): string => `${((performance.now() - began) / 1000).toFixed(1)} s`;
const findings = await playPlan(
  {
    sequences,
    steps: Number(values.steps),
    seed: Number(values.seed),
    lanes: Number(values.lanes),
    isJsonOnly: values.json,
    maxFindings: Number(values.findings),
    shrinkMs: Number(values.shrink) * 1000,
  },
  coverage,
  {
    played: (done) => {
      if (performance.now() - told < 10_000) return;
      told = performance.now();
      console.log(`${done} of ${sequences} sequences, ${coverage.requests} requests, ${seconds()}`);
    },
    found: (finding) => console.log(findingText(finding)),
    referenceEnded: (seed) => console.log(`seed ${seed}: the reference ended itself, twice`),
  },
);
for (const line of coverage.summary()) console.log(line);
// Fewer than these cannot ask for everything.
const missing = sequences < completeSequences ? [] : coverage.missing(leastCount);
if (missing.length > 0) console.log(`less often than ${leastCount}: ${missing.join(", ")}`);
if (values.coverage) {
  for (const [name, count] of [...coverage.counts].sort(([a], [b]) => (a < b ? -1 : 1))) {
    console.log(`${String(count).padStart(8)} ${name}`);
  }
}
console.log(
  `${sequences} sequences from seed ${values.seed}, ${findings.length} differed, ${seconds()}`,
);
const isComplete = missing.length === 0;
if (!isComplete) console.log("not everything was asked for often enough: the run fails");
process.exitCode = findings.length === 0 && isComplete ? 0 : 1;
