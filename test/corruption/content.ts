// In a cluster of both kinds of members all are content, whoever leads: with deletions, overwritten
// keys and compactions in between, their leader finds ours in order and ours theirs.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { MemberKind } from "#test/cluster/launchers.ts";
import { referenceOrSkip } from "#test/reference/reference.ts";
import { bytes, clientOf, fill, idsOf, makeLeader, startFor } from "./setting.ts";

/** The two write the fields of a line in different orders. */
const comparedBoth = /^(?=.*"number-of-peers-checked":2).*finished peer corruption check/;

/** The flags of both checks, every second, as the release line calls them. */
export function checkFlags(other: MemberKind, everything: boolean): string[] {
  const prefix = other === "reference-3.5" ? "--experimental-" : "--";
  return [
    other === "reference-3.5"
      ? "--experimental-compact-hash-check-enabled"
      : "--feature-gates=CompactHashCheck=true,InitialCorruptCheck=false",
    `${prefix}compact-hash-check-time=1s`,
    `${prefix}corrupt-check-time=${everything ? 1 : 0}s`,
  ];
}

export function contentBeside(other: MemberKind): void {
  test(`beside ${other} all are content, whoever leads`, async (t) => {
    if (other === "reference" && (await referenceOrSkip(t)) === undefined) return;
    const cluster = await startFor(t, {
      runner: "ours",
      runners: ["ours", other, "ours"],
      flags: checkFlags(other, true),
    });
    const client = clientOf(t, cluster.members);
    const ids = await idsOf(client, cluster);
    for (const leads of [0, 1]) {
      await makeLeader(t, cluster, ids, leads);
      const leader = cluster.members[leads]!;
      const position = leader.logPosition();
      await client.kv.compact(await fill(client));
      await leader.waitForLog(/successfully checked hash on whole cluster/, position);
      await client.kv.put(bytes("after"), bytes("compaction"));
      await leader.waitForLog(comparedBoth, leader.logPosition());
    }
    assert.deepEqual((await client.maintenance.alarms()).alarms, []);
  });
}
