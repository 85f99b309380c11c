// A member that registered and was killed before its cluster was complete begins again and registers
// no second time; one whose data is lost must not begin a second time.
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { test } from "node:test";
import { type ClusterMember, startCluster } from "#test/cluster/cluster.ts";
import { launcherOf } from "#test/cluster/launchers.ts";
import { MemberProcess } from "#test/cluster/member-process.ts";
import { referenceV2OrSkip } from "#test/reference/reference.ts";
import { assertOneCluster } from "./one-cluster.ts";
import { refusalOfOurs } from "./refused-start.ts";
import { makeV2Url, makeV3Token, startService, v3Flags } from "./ways.ts";

/** Starts a member, and kills it once it waits for the others. */
async function registerAndDie(member: ClusterMember, flags: readonly string[]): Promise<void> {
  const { command } = await launcherOf("ours");
  const own = [
    `--name=${member.name}`,
    `--data-dir=${member.dataDir}`,
    `--listen-client-urls=${member.clientUrl}`,
    `--advertise-client-urls=${member.clientUrl}`,
    `--listen-peer-urls=${member.peerUrl}`,
    `--initial-advertise-peer-urls=${member.peerUrl}`,
  ];
  const process_ = new MemberProcess(member.name, command([...own, ...flags], process.env));
  await process_.waitForLine(/waiting for peers from discovery service/);
  process_.signal("SIGKILL");
  await process_.exited;
}

async function beginsAgain(
  flags: readonly string[],
  token: string,
  lostData: RegExp,
): Promise<void> {
  await using cluster = await startCluster({
    runner: "ours",
    size: 2,
    bootstrap: { flags: () => flags, prepare: ([first]) => registerAndDie(first!, flags) },
  });
  const members = new Map(cluster.members.map((one) => [one.name, [one.peerUrl]]));
  await assertOneCluster(cluster.members, { members, token });
  // Behind the beginning nobody asks the registry any more.
  const [first] = cluster.members;
  await first!.kill();
  await first!.start();
  assert.ok(!first!.log().some((line) => line.includes("discovery service")));
  await first!.kill();
  rmSync(first!.dataDir, { recursive: true });
  assert.match(await refusalOfOurs({ flags, peerUrl: first!.peerUrl }), lostData);
}

test("by v3 discovery and by v2 discovery", async (t) => {
  if ((await referenceV2OrSkip(t)) === undefined) return;
  // It serves both.
  await using one = await startService("reference-3.4");
  await makeV3Token(one, "again", "2");
  await beginsAgain(v3Flags(one, "again"), "again", /^member \w+ has already been bootstrapped/);
  const url = await makeV2Url(one, "again", "2");
  await beginsAgain([`--discovery=${url}`], url, /discovery: found duplicate id/);
});
