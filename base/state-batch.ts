// The port through which the replicated state machine writes: one batch per turn, applied whole or
// not at all. Pure parts (mvcc, lease, auth, membership) fill it; server/backend persists it.

/** etcd's buckets (facts: storage format §3), and one of ours that stays out of hashes and exports. */
export type Bucket =
  | "alarm"
  | "auth"
  | "authRoles"
  | "authUsers"
  | "cluster"
  | "key"
  | "lease"
  | "members"
  | "members_removed"
  | "meta"
  | "private";

/** All of etcd's buckets in bytewise order: the order of hashes and of exported files. */
export const etcdBuckets = [
  "alarm",
  "auth",
  "authRoles",
  "authUsers",
  "cluster",
  "key",
  "lease",
  "members",
  "members_removed",
  "meta",
] as const satisfies readonly Bucket[];

/** Collects the writes of one turn. Key and value are owned by the batch once handed over. */
export interface StateBatch {
  put(bucket: Bucket, key: Uint8Array, value: Uint8Array): void;
  delete(bucket: Bucket, key: Uint8Array): void;
}
