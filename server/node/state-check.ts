// Whether a member could load a received state, found record by record while it is read through and
// before anything is replaced: once raft has the state, a record that cannot be loaded stops the member.
// What is well formed and untrue is not looked for.
import { assert } from "#base/assert.ts";
import { text } from "#base/bytes.ts";
import type { Bucket } from "#base/state-batch.ts";
import { Role, User } from "#proto/gen/authdata.ts";
import { Lease } from "#proto/gen/leasestate.ts";
import { Alarms } from "#server/apply/alarms.ts";
import { checkClusterVersion } from "#server/membership/cluster-version.ts";
import { Members } from "#server/membership/members.ts";
import { finishedCompactKey, scheduledCompactKey } from "#server/mvcc/compaction.ts";
import { isTombstoneKey, mainOf } from "#server/mvcc/record.ts";
import { V2RecordCheck } from "#server/v2store/record-check.ts";

export class StateCheck {
  private readonly v2 = new V2RecordCheck();

  /**
   * Takes the next record of a bucket, in the order of keys; throws if no member could load it. Those of
   * bucket `key` are looked at by what takes them into the index (store-loading.ts).
   */
  take(bucket: Exclude<Bucket, "key">, key: Uint8Array, value: Uint8Array): void {
    switch (bucket) {
      case "lease":
        Lease.decode(value);
        return;
      case "members":
        new Members().load({ members: [[key, value]], membersRemoved: [], cluster: [] });
        return;
      case "members_removed":
        new Members().load({ members: [], membersRemoved: [[key, value]], cluster: [] });
        return;
      case "cluster":
        this.cluster(key, value);
        return;
      case "alarm":
        new Alarms().load([key]);
        return;
      case "authUsers":
        User.decode(value);
        return;
      case "authRoles":
        Role.decode(value);
        return;
      case "meta":
        this.meta(text(key), value);
        return;
      case "shared":
        this.v2.take(key, value);
        return;
      default:
        return;
    }
  }

  private cluster(key: Uint8Array, value: Uint8Array): void {
    new Members().load({ members: [], membersRemoved: [], cluster: [[key, value]] });
    if (text(key) === "clusterVersion") checkClusterVersion(text(value));
  }

  private meta(name: string, value: Uint8Array): void {
    if (name !== text(scheduledCompactKey) && name !== text(finishedCompactKey)) return;
    assert(!isTombstoneKey(value), "a compaction's revision is a deletion's");
    assert(mainOf(value) <= Number.MAX_SAFE_INTEGER, "a compaction's revision is beyond 2^53");
  }
}
