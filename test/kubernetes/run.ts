// `npm run test:kubernetes`: Kubernetes' own API server and controller manager over three of our members.
// Usage: node test/kubernetes/run.ts
import { isGood, runFiles, summary, type Tally } from "#tools/test.ts";

const isCi = process.env["CI"] === "true";
const tally: Tally = { passed: 0, failures: [], skips: new Map() };
await runFiles(["test/kubernetes/kubernetes.ts"], 1, tally, (line) => console.log(line));
console.log("");
for (const line of summary(tally, isCi)) console.log(line);
process.exitCode = isGood(tally, isCi) ? 0 : 1;
