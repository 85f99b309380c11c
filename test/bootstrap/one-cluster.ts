// Whether members form one cluster: all tell the same cluster ID and members, those that their flags
// lead to, and what is written on one is read on each.
import assert from "node:assert/strict";
import { seededRandom } from "#base/random.ts";
import { systemClock } from "#base/system-clock.ts";
import { EtcdClient } from "#client/client.ts";
import { initialCluster } from "#server/membership/bootstrap-ids.ts";
import { sha1 } from "#server/sha1.ts";
import type { ClusterMember } from "#test/cluster/cluster.ts";

const options = { timeoutMs: 15_000 };

/** A client of these endpoints; close it. */
export function clientOf(endpoints: readonly string[]): EtcdClient {
  return new EtcdClient({ endpoints, clock: systemClock, random: seededRandom(1) });
}

export interface Expected {
  /** What --initial-cluster would have said. */
  readonly members: ReadonlyMap<string, readonly string[]>;
  readonly token: string;
}

/** Fails unless `members` form the one cluster that is expected. */
export async function assertOneCluster(
  members: readonly ClusterMember[],
  expected: Expected,
): Promise<void> {
  const { clusterId, members: first } = initialCluster(expected.members, expected.token, sha1);
  const wanted = first.map((one) => `${one.id.toString(16)} ${one.peerUrls.join()}`);
  for (const member of members) {
    const client = clientOf([member.endpoint]);
    try {
      await client.kv.put(`from-${member.name}`, member.name, {}, options);
      const { header, members: listed } = await client.cluster.list({}, options);
      assert.equal(
        BigInt.asUintN(64, header?.clusterId ?? 0n),
        clusterId,
        `cluster of ${member.name}`,
      );
      const shown = listed
        .map((one) => ({ id: BigInt.asUintN(64, one.ID), urls: one.peerURLs.join() }))
        .sort((a, b) => (a.id < b.id ? -1 : 1))
        .map((one) => `${one.id.toString(16)} ${one.urls}`);
      assert.deepEqual(shown, wanted, `members that ${member.name} lists`);
    } finally {
      client.close();
    }
  }
  for (const member of members) {
    const client = clientOf([member.endpoint]);
    try {
      for (const { name } of members) {
        const { kvs } = await client.kv.range(`from-${name}`, {}, options);
        assert.equal(String(kvs[0] && Buffer.from(kvs[0].value)), name, `${member.name} reads`);
      }
    } finally {
      client.close();
    }
  }
}
