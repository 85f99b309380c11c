// What the tests of corruption share: clusters of three, some data, and who is named in the end.
import type { TestContext } from "node:test";
import { seededRandom } from "#base/random.ts";
import { systemClock } from "#base/system-clock.ts";
import { EtcdClient } from "#client/client.ts";
import { type Cluster, type ClusterMember, startCluster } from "#test/cluster/cluster.ts";

export const bytes = (text: string): Uint8Array => Buffer.from(text);
export const hex = (id: bigint): string => id.toString(16);
/** Lets an altered member in, for the leader to find. */
export const noInitialCheck = "--feature-gates=InitialCorruptCheck=false,CompactHashCheck=true";

/** A client of these members, closed at the end of the test. */
export function clientOf(t: TestContext, members: readonly ClusterMember[]): EtcdClient {
  const client = new EtcdClient({
    endpoints: members.map((one) => one.endpoint),
    clock: systemClock,
    random: seededRandom(1),
    callTimeoutMs: 20_000,
  });
  t.after(() => client.close());
  return client;
}

/** Three members, stopped at the end of the test. */
export async function startFor(
  t: TestContext,
  options: Omit<Parameters<typeof startCluster>[0], "size">,
): Promise<Cluster> {
  const cluster = await startCluster({ ...options, size: 3 });
  t.after(() => cluster.stop());
  return cluster;
}

/** Puts, overwrites and deletes; the last is a deletion. Its revision. */
export async function fill(client: EtcdClient): Promise<number> {
  for (let i = 0; i < 40; i++) await client.kv.put(bytes(`key${i % 20}`), bytes(`value ${i}`));
  const { header } = await client.kv.delete(bytes("key3"));
  return header!.revision;
}

/** IDs in the order of the members. */
export async function idsOf(client: EtcdClient, cluster: Cluster): Promise<bigint[]> {
  const { members } = await client.cluster.list();
  return cluster.members.map(({ name }) => members.find((one) => one.name === name)!.ID);
}

/** The place of the leader among `ids`. */
export async function leaderOf(client: EtcdClient, ids: readonly bigint[]): Promise<number> {
  return ids.indexOf((await client.maintenance.status()).leader);
}

/** Waits for an alarm, and answers all that there are. */
export async function alarmsOf(client: EtcdClient): Promise<string[]> {
  for (let i = 0; i < 100; i++) {
    const { alarms } = await client.maintenance.alarms();
    if (alarms.length > 0) return alarms.map((one) => `${hex(one.memberID)} ${one.alarm}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return [];
}

/** Makes the member at this place lead. */
export async function makeLeader(
  t: TestContext,
  cluster: Cluster,
  ids: readonly bigint[],
  at: number,
): Promise<void> {
  const client = clientOf(t, cluster.members);
  const now = await leaderOf(client, ids);
  if (now !== at) await clientOf(t, [cluster.members[now]!]).maintenance.moveLeader(ids[at]!);
}
