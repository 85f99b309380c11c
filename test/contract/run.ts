// Runs the contract suite: `RUNNER=ours|reference npm run test:contract`.
import { spawnSync } from "node:child_process";
import { join } from "node:path";

const suite = join(import.meta.dirname, "contract.test.ts");
const { status } = spawnSync(process.execPath, ["--test", ...process.argv.slice(2), suite], {
  stdio: "inherit",
});
process.exitCode = status ?? 1;
