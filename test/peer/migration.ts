// A live migration from three members of real etcd to three of ours and back, under load: from etcd
// 3.7, 3.6 and 3.5. One line alone: `node bin/run.js test/peer/migration.ts --line reference-3.6`.
//
// The way back to 3.6 or 3.5 ends when the last old member is gone: from then on the cluster version
// is ours, and an older member may not join. So there the way back begins while one stays, and the
// migration is then made a second time, to its end.
import { test } from "node:test";
import { parseArgs } from "node:util";
import { type Line, Migration } from "./migration-steps.ts";

const { values } = parseArgs({ options: { line: { type: "string" } } });
const lines: readonly Line[] = ["reference-3.5", "reference-3.6", "reference"];
const wanted = lines.filter((line) => values.line === undefined || values.line === line);

for (const line of wanted) {
  test(`from three members of ${line} to three of ours and back, under load`, async (t) => {
    const tell = (text: string): void =>
      values.line === undefined ? t.diagnostic(text) : console.log(text);
    const migration = await Migration.start(line, 3, tell);
    try {
      if (line === "reference") {
        await migration.replace(line, "ours");
        await migration.replace("ours", line);
      } else {
        await migration.replace(line, "ours", { keep: 1 });
        await migration.replace("ours", line, { count: 2 });
        await migration.replace(line, "ours");
        await migration.expectVersion("3.7.0");
      }
      await migration.finish();
    } finally {
      await migration.stop();
    }
  });
}
