// A member whose data was altered while it was stopped is found, and named: before it serves, by the
// comparison of everything, and by the comparison of compaction hashes. Beside members of the
// reference too, whoever leads: theirs check ours and ours check theirs, and all are content.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { seededRandom } from "#base/random.ts";
import { systemClock } from "#base/system-clock.ts";
import { EtcdClient } from "#client/client.ts";
import { AlarmType } from "#proto/gen/maintenance.ts";
import { type Cluster, type ClusterMember, startCluster } from "#test/cluster/cluster.ts";
import { referenceOrSkip } from "#test/reference/reference.ts";
import { alter } from "./alter.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text);
const hex = (id: bigint): string => id.toString(16);
/** The two write the fields of a line in different orders. */
const comparedBoth = /^(?=.*"number-of-peers-checked":2).*finished peer corruption check/;
const noInitialCheck = "--feature-gates=InitialCorruptCheck=false,CompactHashCheck=true";

function clientOf(t: TestContext, members: readonly ClusterMember[]): EtcdClient {
  const client = new EtcdClient({
    endpoints: members.map((one) => one.endpoint),
    clock: systemClock,
    random: seededRandom(1),
    callTimeoutMs: 20_000,
  });
  t.after(() => client.close());
  return client;
}

async function startFor(
  t: TestContext,
  options: Omit<Parameters<typeof startCluster>[0], "size">,
): Promise<Cluster> {
  const cluster = await startCluster({ ...options, size: 3 });
  t.after(() => cluster.stop());
  return cluster;
}

/** Puts, overwrites and deletes; the last is a deletion. Its revision. */
async function fill(client: EtcdClient): Promise<number> {
  for (let i = 0; i < 40; i++) await client.kv.put(bytes(`key${i % 20}`), bytes(`value ${i}`));
  const { header } = await client.kv.delete(bytes("key3"));
  return header!.revision;
}

async function idsOf(client: EtcdClient, cluster: Cluster): Promise<bigint[]> {
  const { members } = await client.cluster.list();
  return cluster.members.map(({ name }) => members.find((one) => one.name === name)!.ID);
}

async function leaderOf(client: EtcdClient, ids: readonly bigint[]): Promise<number> {
  return ids.indexOf((await client.maintenance.status()).leader);
}

/** Waits for an alarm, and answers all that there are. */
async function alarmsOf(client: EtcdClient): Promise<string[]> {
  for (let i = 0; i < 100; i++) {
    const { alarms } = await client.maintenance.alarms();
    if (alarms.length > 0) return alarms.map((one) => `${hex(one.memberID)} ${one.alarm}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return [];
}

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
    let leader = await leaderOf(client, ids);
    const at = (alters === "leader" ? leader : leader + 1) % 3;
    const altered = cluster.members[at]!;
    await altered.kill("SIGTERM");
    await alter(altered.dataDir, "key5", "change");
    await altered.start();
    if (alters === "leader") {
      leader = await leaderOf(client, ids);
      const one = clientOf(t, [cluster.members[leader]!]);
      if (leader !== at) await one.maintenance.moveLeader(ids[at]!);
    }
    if (compacts) await client.kv.compact(revision);
    assert.deepEqual(await alarmsOf(client), [`${hex(ids[at]!)} ${AlarmType.CORRUPT}`]);
    await assert.rejects(client.kv.put(bytes("a"), bytes("1")), { errorName: "corrupt" });
    assert.equal((await client.kv.range(bytes("key6"))).kvs.length, 1, "reads go on, as in etcd");
    const health = await fetch(`${cluster.members[at]!.clientUrl}/readyz`);
    assert.match(await health.text(), /\[-\]data_corruption failed: alarm activated: CORRUPT/);
  });
}

for (const other of ["reference", "reference-3.6", "reference-3.5"] as const) {
  test(`beside ${other} all are content, whoever leads`, async (t) => {
    if (other === "reference" && (await referenceOrSkip(t)) === undefined) return;
    const gates =
      other === "reference-3.5"
        ? ["--experimental-compact-hash-check-enabled", "--experimental-compact-hash-check-time=1s"]
        : ["--feature-gates=CompactHashCheck=true", "--compact-hash-check-time=1s"];
    const period =
      other === "reference-3.5"
        ? "--experimental-corrupt-check-time=1s"
        : "--corrupt-check-time=1s";
    const cluster = await startFor(t, {
      runner: "ours",
      runners: ["ours", other, "ours"],
      flags: [...gates, period],
    });
    const client = clientOf(t, cluster.members);
    const ids = await idsOf(client, cluster);
    for (const leads of [0, 1]) {
      const now = await leaderOf(client, ids);
      if (now !== leads) {
        await clientOf(t, [cluster.members[now]!]).maintenance.moveLeader(ids[leads]!);
      }
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
