// What of the v3 API differs from etcd and stays so. docs/compatibility.md is made from this table,
// mapping.ts and the makers of steps name its rows where they make room for them, and nothing else
// may differ.

/** One difference. */
export interface ApiDifference {
  /** The RPCs that it shows in. */
  readonly rpcs: readonly string[];
  /** The fields of requests that bring it about, if that can be said. */
  readonly options: readonly string[];
  readonly etcd: string;
  readonly ours: string;
  readonly why: string;
  /** How the test makes room for it. */
  readonly room: "mapped" | "not asked";
}

/** Every difference, by a name for the code. */
export const differences = {
  fileHash: {
    rpcs: ["Maintenance/Hash"],
    options: [],
    etcd: "a hash of its database file",
    ours: "a hash of the same records in another order of storage",
    why: "there is no such file here; HashKV is equal",
    room: "mapped",
  },
  hashAtZero: {
    rpcs: ["Maintenance/HashKV"],
    options: ["HashKVRequest.revision"],
    etcd: "revision 0 after a compaction at revision 0: the hash of that compaction",
    ours: "the hash of now, as always",
    why: "it would hide what differs",
    room: "not asked",
  },
  endedWatch: {
    rpcs: ["Watch/Watch"],
    options: ["WatchCancelRequest.watchId", "WatchRequest.progressRequest"],
    etcd: "a watch that a compaction ended keeps its ID: a cancel is answered once more, another watch cannot have the ID, and requests for progress on the stream get no answer any more",
    ours: "it is gone with its last response",
    why: "a stream must not fall silent for one watch",
    room: "not asked",
  },
  longHistory: {
    rpcs: ["Watch/Watch"],
    options: ["WatchCreateRequest.startRevision"],
    etcd: "a history comes in responses of up to 1,000 revisions, of any size, if fragments are not asked for",
    ours: "a response ends where some 512 KiB of history were read too, never within a revision",
    why: "every queue has a bound",
    room: "mapped",
  },
  tiedOrder: {
    rpcs: ["KV/Range", "KV/RangeStream", "KV/Txn"],
    options: ["RangeRequest.sortTarget"],
    etcd: "pairs that are equal in what is sorted by come in any order, if there are more than 12",
    ours: "they come in the order of their keys",
    why: "any order fits",
    room: "mapped",
  },
  keysOfLease: {
    rpcs: ["Lease/LeaseTimeToLive"],
    options: ["LeaseTimeToLiveRequest.keys"],
    etcd: "keys come in any order",
    ours: "keys come in an order of their own",
    why: "any order fits",
    room: "mapped",
  },
  badPeerUrls: {
    rpcs: ["Cluster/MemberUpdate"],
    options: ["MemberUpdateRequest.peerURLs"],
    etcd: "peer URLs that are none are taken; the other members end and cannot start again",
    ours: "`etcdserver: given member URLs are invalid`",
    why: "one request must not end a cluster",
    room: "not asked",
  },
  unknownAlarm: {
    rpcs: ["Maintenance/Alarm"],
    options: ["AlarmRequest.action"],
    etcd: "an unknown action ends the member",
    ours: "it does nothing",
    why: "one request must not end a member",
    room: "not asked",
  },
  emptyRange: {
    rpcs: ["KV/Range", "KV/RangeStream", "KV/DeleteRange", "KV/Txn"],
    options: ["RangeRequest.rangeEnd", "DeleteRangeRequest.rangeEnd"],
    etcd: "whether a user without the role root may ask for a range that ends below its key depends on the order of grants",
    ours: "it is judged by its key",
    why: "such a range is empty",
    room: "not asked",
  },
  keptThenDeleted: {
    rpcs: ["KV/Txn"],
    options: ["PutRequest.ignoreValue", "PutRequest.ignoreLease"],
    etcd: "a transaction that deletes a key and then puts it with `ignore_value` or `ignore_lease` ends every member, and each start after it",
    ours: "the put keeps nothing: the value is empty, the lease none",
    why: "one request must not end a cluster",
    room: "not asked",
  },
} as const satisfies Readonly<Record<string, ApiDifference>>;
