// Runs the contract suite: `RUNNER=inprocess|ours|reference|proxy|reference-proxy npm run test:contract`,
// ours if unset; the last two are our members, each behind a grpc-proxy of ours or the reference's.
// Prints every failure whole and ends with "N passed, N failed". Options of `node --test`, such as
// `-- --test-name-pattern=Lease`, run what they choose, in that command's own words.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { isGood, runFiles, suiteLimits, summary, type Tally } from "#tools/test.ts";
import { contractRunner } from "./cluster.ts";

const file = `test/contract/${contractRunner() === "inprocess" ? "in-process" : "contract"}.test.ts`;
const options = process.argv.slice(2);
if (options.length > 0) {
  const path = join(import.meta.dirname, "..", "..", file);
  const { status } = spawnSync(process.execPath, ["--test", ...options, path], {
    stdio: "inherit",
  });
  process.exitCode = status ?? 1;
} else {
  const isCi = process.env["CI"] === "true";
  const tally: Tally = { passed: 0, failures: [], skips: new Map() };
  await runFiles([file], 1, tally, (line) => console.log(line), suiteLimits);
  console.log("");
  for (const line of summary(tally, isCi)) console.log(line);
  process.exitCode = isGood(tally, isCi) ? 0 : 1;
}
