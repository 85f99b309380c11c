// --force-new-cluster: a member whose cluster lost its quorum goes on alone with the data and the
// cluster's ID, also where the flag stays on, and takes members in again.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { EtcdClient } from "#client/client.ts";
import { startCluster } from "#test/cluster/cluster.ts";
import { clientOf } from "./one-cluster.ts";

const options = { timeoutMs: 15_000 };

async function asking<T>(endpoint: string, run: (client: EtcdClient) => Promise<T>): Promise<T> {
  const client = clientOf([endpoint]);
  try {
    return await run(client);
  } finally {
    client.close();
  }
}

test("a member goes on alone, and is joined by others again", async () => {
  let extra: readonly string[] = [];
  await using cluster = await startCluster({
    runner: "ours",
    size: 3,
    // Cut often, so that the configuration comes from a mark in the log and from entries behind it.
    flags: ["--snapshot-count=10", "--snapshot-catchup-entries=2"],
    wrap: (command) => ({ ...command, args: [...command.args, ...extra] }),
  });
  const [m1, m2, m3] = cluster.members;
  const listOn = (endpoint: string) =>
    asking(endpoint, (client) => client.cluster.list({}, options));
  const { header } = await listOn(m1!.endpoint);
  await asking(m1!.endpoint, async (client) => {
    for (let i = 0; i < 25; i++) await client.kv.put(`k${i}`, `v${i}`, {}, options);
  });
  for (const member of [m1, m2, m3]) await member!.kill();

  extra = ["--force-new-cluster"];
  await m1!.start();
  const alone = await listOn(m1!.endpoint);
  assert.equal(alone.header?.clusterId, header?.clusterId, "the cluster keeps its ID");
  assert.deepEqual(
    alone.members.map((one) => one.name),
    ["m1"],
  );
  await asking(m1!.endpoint, async (client) => {
    const { count } = await client.kv.range("k", { rangeEnd: Buffer.from("l") }, options);
    assert.equal(count, 25);
    await client.kv.put("after", "all", {}, options);
  });
  // The flag may stay on: nothing is left to be removed.
  await m1!.kill();
  await m1!.start();
  extra = [];
  assert.equal((await listOn(m1!.endpoint)).members.length, 1);

  await asking(m1!.endpoint, (client) =>
    client.cluster.add([m2!.peerUrl], { learner: true }, options),
  );
  cluster.replace(m2!, [m1!, m2!]);
  await m2!.start();
  const joined = await listOn(m1!.endpoint);
  assert.deepEqual(joined.members.map((one) => one.name).sort(), ["m1", "m2"]);
  const learner = joined.members.find((one) => one.isLearner);
  await asking(m1!.endpoint, (client) => client.cluster.promote(learner!.ID, options));
  const { kvs } = await asking(m2!.endpoint, (client) => client.kv.range("after", {}, options));
  assert.equal(String(kvs[0] && Buffer.from(kvs[0].value)), "all");
});
