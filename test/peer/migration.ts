// A live migration from three members of real etcd to three of ours and back, under load: from etcd
// 3.7, 3.6 and 3.5. One line alone: `node bin/run.js test/peer/migration.ts --line reference-3.6`.
//
// Once the last old member is gone, the cluster version is ours, and an older member may not join. The
// way back to 3.6 then begins with a downgrade of the cluster, which etcd allows by one minor. To 3.5
// there is none: it begins while one old member stays, and the migration is then made a second time,
// to its end.
import { test } from "node:test";
import { parseArgs } from "node:util";
import { type Line, Migration } from "./migration-steps.ts";

const routes: Readonly<Record<Line, (migration: Migration) => Promise<void>>> = {
  reference: async (migration) => {
    await migration.replace("reference", "ours");
    await migration.replace("ours", "reference");
  },
  "reference-3.6": async (migration) => {
    await migration.replace("reference-3.6", "ours");
    await migration.expectVersion("3.7.0");
    await migration.downgrade("3.6.0", "reference-3.6");
    await migration.replace("ours", "reference-3.6", { count: 2 });
  },
  "reference-3.5": async (migration) => {
    await migration.replace("reference-3.5", "ours", { keep: 1 });
    await migration.replace("ours", "reference-3.5", { count: 2 });
    await migration.replace("reference-3.5", "ours");
    await migration.expectVersion("3.7.0");
  },
};

const { values } = parseArgs({ options: { line: { type: "string" } } });
const lines: readonly Line[] = ["reference-3.5", "reference-3.6", "reference"];
const wanted = lines.filter((line) => values.line === undefined || values.line === line);

for (const line of wanted) {
  test(`from three members of ${line} to three of ours and back, under load`, async (t) => {
    const tell = (text: string): void =>
      values.line === undefined ? t.diagnostic(text) : console.log(text);
    const migration = await Migration.start(line, 3, tell);
    try {
      await routes[line](migration);
      await migration.finish();
    } finally {
      await migration.stop();
    }
  });
}
