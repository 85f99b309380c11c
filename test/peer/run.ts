// `npm run test:peer`: beside the reference etcd. The contract's cases against the reference itself,
// which proves them right; then processes of both in one cluster, and both rafts in one group.
// Prints a line a file and ends with "N passed, N failed". Usage: node test/peer/run.ts [FILE ...]
import { isGood, runFiles, summary, type Tally } from "#tools/test.ts";

/** What a file is run with, in this order. They are not named .test.ts: npm test leaves them out. */
const files: readonly { readonly file: string; readonly runner: string }[] = [
  { file: "test/contract/contract.test.ts", runner: "reference" },
  { file: "test/peer/mixed.ts", runner: "ours" },
  { file: "test/peer/mixed-raft/seeds.ts", runner: "ours" },
];

const only = process.argv.slice(2);
const isCi = process.env["CI"] === "true";
const tally: Tally = { passed: 0, failures: [], skips: new Map() };
const write = (line: string) => console.log(line);
for (const { file, runner } of files) {
  if (only.length > 0 && !only.some((one) => file.startsWith(one))) continue;
  process.env["RUNNER"] = runner;
  await runFiles([file], 1, tally, write);
}
console.log("");
for (const line of summary(tally, isCi)) console.log(line);
process.exitCode = isGood(tally, isCi) ? 0 : 1;
