// Our members beside those of etcd 3.6 and 3.5, and all three lines in one cluster, as in the middle of
// a migration that was begun before an upgrade was done.
import assert from "node:assert/strict";
import { test } from "node:test";
import { describeCluster, describeFallenBehind } from "./mixed-cases.ts";
import { MixedCluster } from "./mixed-cluster.ts";

describeCluster(["ours", "reference-3.6", "reference-3.6"], "short");
describeCluster(["ours", "reference-3.5", "reference-3.6"], "short");
describeFallenBehind("reference-3.6");
describeFallenBehind("reference-3.5");

test("ours replays the whole log of a cluster that 3.5 began, names and version as v2 requests", async () => {
  const group = await MixedCluster.start(["reference-3.5", "reference-3.5", "reference-3.5"]);
  try {
    await group.fill("early", 100);
    const at = await group.grow("ours");
    const installed = group
      .member(at)
      .log()
      .filter((line) => line.includes("a received state"));
    assert.deepEqual(installed, [], "the log reached back to its first entry");
    await group.agree();
    const lists = await Promise.all(
      group.wires.map(async ({ cluster }) => {
        const { members } = await cluster.memberList({});
        return members.map((one) => `${one.name} ${one.clientURLs}`).sort();
      }),
    );
    assert.deepEqual(lists[at], lists[0]);
    assert.ok(
      lists[at]!.every((one) => /^m\d http/.test(one)),
      String(lists[at]),
    );
    // Started again, it has its members from its own state.
    await group.kill(at);
    await group.member(at).start();
    await group.lead(at);
    await group.agree();
  } finally {
    await group.stop();
  }
});
