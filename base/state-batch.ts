// The port through which the replicated state machine writes: one batch per turn, applied whole or
// not at all. Pure parts (mvcc, lease, auth, membership) fill it; server/backend persists it.

/**
 * etcd's buckets (facts: storage format §3), and two of ours, out of all hashes and saved snapshots:
 * `shared`, the same on every member, which a member that fell behind is sent once all members are
 * ours, and `private`, of this member alone.
 */
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
  | "private"
  | "shared";

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

/**
 * Collects the writes of one turn. Key and value are owned by the batch once handed over.
 *
 * Records of bucket `key` are written once, never overwritten, so that the store can keep count of
 * its bytes without reading: whoever deletes one says how many bytes of value go with it.
 */
export interface StateBatch {
  put(bucket: Bucket, key: Uint8Array, value: Uint8Array): void;
  /** `valueBytes`: size of the value that the record holds; required in bucket `key`, unused elsewhere. */
  delete(bucket: Bucket, key: Uint8Array, valueBytes?: number): void;
}
