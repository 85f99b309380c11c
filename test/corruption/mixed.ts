// Beside members of older release lines; and damage in one kind of member, found by a leader of the
// other. Part of `npm run test:peer`, for it needs those releases.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { AlarmType } from "#proto/gen/maintenance.ts";
import type { MemberKind } from "#test/cluster/launchers.ts";
import { alter } from "./alter.ts";
import { checkFlags, contentBeside } from "./content.ts";
import { alarmsOf, clientOf, fill, hex, idsOf, makeLeader, startFor } from "./setting.ts";

contentBeside("reference-3.6");
contentBeside("reference-3.5");

/** Changes a value in the file of a reference member that does not run: pages have no checksum. */
function alterReference(dataDir: string, from: string, to: string): void {
  const file = join(dataDir, "member", "snap", "db");
  const bytes = readFileSync(file);
  let found = 0;
  for (let at = bytes.indexOf(from); at >= 0; at = bytes.indexOf(from, at + 1)) {
    bytes.write(to, at);
    found++;
  }
  assert(found > 0, `${file} does not hold ${from}`);
  writeFileSync(file, bytes);
}

for (const [kinds, leads, damaged, everything] of [
  [["ours", "reference", "reference"], 1, 0, false],
  [["ours", "reference", "reference"], 1, 0, true],
  [["reference", "ours", "ours"], 1, 0, false],
  [["reference", "ours", "ours"], 1, 0, true],
  [["reference-3.5", "ours", "ours"], 1, 0, false],
] as const satisfies readonly (readonly [readonly MemberKind[], number, number, boolean])[]) {
  const what = everything ? "by everything" : "by compactions";
  test(`${kinds[leads]} leads and names ${kinds[damaged]}, which was altered, ${what}`, async (t) => {
    const cluster = await startFor(t, {
      runner: "ours",
      runners: kinds,
      flags: checkFlags(kinds[0], everything),
    });
    const client = clientOf(t, cluster.members);
    const ids = await idsOf(client, cluster);
    const revision = await fill(client);
    const member = cluster.members[damaged]!;
    await member.kill("SIGTERM");
    if (kinds[damaged] === "ours") await alter(member.dataDir, "key5", "change");
    else alterReference(member.dataDir, "value 25", "value X5");
    await member.start();
    await makeLeader(t, cluster, ids, leads);
    if (!everything) await client.kv.compact(revision);
    assert.deepEqual(await alarmsOf(client), [`${hex(ids[damaged]!)} ${AlarmType.CORRUPT}`]);
  });
}
