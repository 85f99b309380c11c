// `npm run test:admission`: the CustomResourceDefinitions and the table of manifests on Kubernetes' own API
// server. `npm run test:operator`: the plan on real processes. Usage: node test/operator/run.ts NAME
import { join } from "node:path";
import { isGood, runFiles, suiteLimits, summary, type Tally } from "#tools/test.ts";

const isCi = process.env["CI"] === "true";
const tally: Tally = { passed: 0, failures: [], skips: new Map() };
const files = process.argv.slice(2).map((name) => join("test", "operator", `${name}.ts`));
// Many short lives of operators: how long they take is the budget's concern (.ci/run).
await runFiles(files, 2, tally, (line) => console.log(line), {
  ...suiteLimits,
  testMs: 20 * 60_000,
});
console.log("");
for (const line of summary(tally, isCi)) console.log(line);
process.exitCode = isGood(tally, isCi) && files.length > 0 ? 0 : 1;
