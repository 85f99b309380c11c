// What a store holds, as far as a version after the one that wrote it can be asked for it.
import type { EtcdClient } from "#client/client.ts";

export interface Held {
  readonly revision: number;
  readonly compactRevision: number;
  /** HashKV of all that is left, which stands for every byte of it. */
  readonly hash: number;
  readonly keys: number;
  readonly leases: readonly {
    readonly id: string;
    readonly grantedTtl: number;
    readonly keys: number;
  }[];
  readonly members: readonly { readonly id: string; readonly name: string }[];
  readonly clusterId: string;
}

export async function held(client: EtcdClient): Promise<Held> {
  const all = await client.kv.range("\0", { rangeEnd: Buffer.of(0), countOnly: true });
  const hash = await client.maintenance.hashKv();
  const { leases } = await client.lease.list();
  const { members } = await client.cluster.list();
  const details = leases.map(async ({ ID }) => {
    const { grantedTTL, keys } = await client.lease.timeToLive(ID, { keys: true });
    return { id: ID.toString(16), grantedTtl: grantedTTL, keys: keys.length };
  });
  return {
    revision: all.header!.revision,
    compactRevision: hash.compactRevision,
    hash: hash.hash,
    keys: all.count,
    leases: await Promise.all(details),
    members: members.map(({ ID, name }) => ({ id: ID.toString(16), name })),
    clusterId: all.header!.clusterId.toString(16),
  };
}
