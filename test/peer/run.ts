// `npm run test:peer`: beside the reference etcd. Processes of both in one cluster; the contract's
// cases against the reference itself, which proves them right; both rafts in one group.
// A live migration from each release line and back. Prints a line a file and ends with "N passed, N failed". Usage: node test/peer/run.ts [FILE ...]
import { isGood, runFiles, secondTry, suiteLimits, summary, type Tally } from "#tools/test.ts";

/** The longest first. Two at once: each of them waits more than it computes. */
const files = [
  "test/peer/migration.ts",
  "test/peer/mixed.ts",
  "test/peer/mixed-auth.ts",
  "test/contract/contract.test.ts",
  "test/corruption/mixed.ts",
  "test/peer/walk.ts",
  "test/peer/mixed-older.ts",
  "test/peer/mixed-raft/seeds.ts",
];
const concurrency = 2;

/** Only where they are named: they wait for minutes. */
const byHand = ["test/peer/lease-checkpoints.ts"];
const byHandMs = 10 * 60_000;

const only = process.argv.slice(2);
const isCi = process.env["CI"] === "true";
let tally: Tally = { passed: 0, failures: [], skips: new Map() };
// Only the contract asks whose servers it runs against.
process.env["RUNNER"] = "reference";
const wanted =
  only.length === 0
    ? files
    : [...files, ...byHand].filter((file) => only.some((one) => file.startsWith(one)));
const write = (line: string) => console.log(line);
const isByHand = wanted.some((file) => byHand.includes(file));
const limits = isByHand ? { ...suiteLimits, testMs: byHandMs } : suiteLimits;
await runFiles(wanted, concurrency, tally, write, limits);
if (isCi) tally = await secondTry(tally, write);
console.log("");
for (const line of summary(tally, isCi)) console.log(line);
process.exitCode = isGood(tally, isCi) ? 0 : 1;
