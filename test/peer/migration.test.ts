// The live migration of migration.ts in short: from one member of the reference to two of ours and
// back, with all its checks.
import { test } from "node:test";
import { referenceOrSkip } from "#test/reference/reference.ts";
import { Migration } from "./migration-steps.ts";

test("from etcd to ours and back, under load", async (t) => {
  if ((await referenceOrSkip(t)) === undefined) return;
  const migration = await Migration.start("reference", 1, (line) => t.diagnostic(line));
  try {
    await migration.replace("reference", "ours", { count: 2, restart: false });
    await migration.replace("ours", "reference", { count: 1, restart: false });
    await migration.finish();
  } finally {
    await migration.stop();
  }
});
