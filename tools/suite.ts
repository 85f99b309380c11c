// Runs files of tests that are no part of npm test: `node bin/run.js tools/suite.ts FILE...`. Prints every
// failure whole and ends with "N passed, N failed"; under CI=true a skipped test is a failure.
import { isGood, runFiles, suiteLimits, summary, type Tally } from "#tools/test.ts";

const isCi = process.env["CI"] === "true";
const tally: Tally = { passed: 0, failures: [], skips: new Map() };
await runFiles(process.argv.slice(2), 1, tally, (line) => console.log(line), suiteLimits);
console.log("");
for (const line of summary(tally, isCi)) console.log(line);
process.exitCode = isGood(tally, isCi) ? 0 : 1;
