// A member whose data was altered while it was stopped is found, and named: before it serves, by the
// comparison of everything, and by the comparison of compaction hashes. Beside a reference all are
// content; mixed.ts has more of those.
import assert from "node:assert/strict";
import { test } from "node:test";
import { AlarmType } from "#proto/gen/maintenance.ts";
import { alter } from "./alter.ts";
import { contentBeside } from "./content.ts";
import {
  alarmsOf,
  bytes,
  clientOf,
  fill,
  hex,
  idsOf,
  leaderOf,
  makeLeader,
  noInitialCheck,
  startFor,
} from "./setting.ts";

test("a member with altered data refuses to start, and names itself and its peers", async (t) => {
  const cluster = await startFor(t, { runner: "ours" });
  const client = clientOf(t, cluster.members.slice(0, 2));
  await fill(client);
  const ids = await idsOf(client, cluster);
  const altered = cluster.members[2]!;
  for (const [how, key] of [
    ["change", "key5"],
    ["delete", "key7"],
  ] as const) {
    await altered.kill("SIGTERM");
    if (how === "delete") await alter(altered.dataDir, "key5", "change");
    await alter(altered.dataDir, key, how);
    await assert.rejects(altered.start(), (error: Error) => {
      assert.match(error.message, /found data inconsistency with peers/, how);
      for (const id of ids) assert.match(error.message, new RegExp(hex(id)), how);
      return true;
    });
    // As it was, it may come back.
    if (how === "delete") break;
    await alter(altered.dataDir, key, how);
    await altered.start();
    assert.match(await altered.waitForLog(/initial corruption checking/), /passed/);
    await client.kv.put(bytes("between"), bytes("1"));
  }
  // All at once: the two that agree start, and name the third, which does not.
  await Promise.all(cluster.members.slice(0, 2).map((member) => member.kill()));
  const started = cluster.members.map((member) => member.start());
  const refused = assert.rejects(started[2]!, /found data inconsistency with peers/);
  await Promise.all(started.slice(0, 2));
  await refused;
  assert.equal((await client.kv.range(bytes("key5"))).kvs.length, 1);
  assert.deepEqual((await client.maintenance.alarms()).alarms, []);
});

for (const { name, flags, compacts, alters } of [
  {
    name: "of everything",
    flags: ["--corrupt-check-time=1s"],
    compacts: false,
    alters: "follower",
  },
  {
    name: "of compaction hashes",
    flags: ["--corrupt-check-time=0s", "--compact-hash-check-time=1s"],
    compacts: true,
    alters: "leader",
  },
] as const) {
  test(`a comparison ${name} names the member that differs`, async (t) => {
    const cluster = await startFor(t, { runner: "ours", flags: [noInitialCheck, ...flags] });
    const client = clientOf(t, cluster.members);
    const revision = await fill(client);
    const ids = await idsOf(client, cluster);
    const leader = await leaderOf(client, ids);
    const at = (alters === "leader" ? leader : leader + 1) % 3;
    const altered = cluster.members[at]!;
    await altered.kill("SIGTERM");
    await alter(altered.dataDir, "key5", "change");
    await altered.start();
    if (alters === "leader") await makeLeader(t, cluster, ids, at);
    if (compacts) await client.kv.compact(revision);
    assert.deepEqual(await alarmsOf(client), [`${hex(ids[at]!)} ${AlarmType.CORRUPT}`]);
    await assert.rejects(client.kv.put(bytes("a"), bytes("1")), { errorName: "corrupt" });
    assert.equal((await client.kv.range(bytes("key6"))).kvs.length, 1, "reads go on, as in etcd");
    const health = await fetch(`${cluster.members[at]!.clientUrl}/readyz`);
    assert.match(await health.text(), /\[-\]data_corruption failed: alarm activated: CORRUPT/);
  });
}

contentBeside("reference");
