// The members of the cluster and those that were removed, as replicated: changed only by applied
// entries, and kept in the buckets `members`, `members_removed` and `cluster` (facts: peer protocol
// §9, storage format §3). Pure, and the same on every member.
//
// A member that boots knows its peers before the entries that add them are applied: those are
// `expected` members. They can be looked up and talked to, but count for no rule, and an applied
// entry or a stored record takes their place.
import { assert } from "#base/assert.ts";
import { text, utf8 } from "#base/bytes.ts";
import { formatId, type MemberId, parseId } from "#base/ids.ts";
import type { StateBatch } from "#base/state-batch.ts";
import { type EtcdError, type EtcdErrorName, etcdError } from "#proto/errors.ts";
import { type ConfChange, ConfChangeType, type ConfState } from "#proto/gen/raft.ts";
import { confStateOf } from "#server/membership/bootstrap-ids.ts";
import { storageVersionKey, storageVersionRecord } from "#server/membership/cluster-version.ts";
import {
  type Member,
  type MemberChange,
  memberJson,
  parseMember,
} from "#server/membership/member-json.ts";

/** Why a change of membership is refused. */
export type MembershipFault =
  | "idRemoved"
  | "idExists"
  | "idNotFound"
  | "peerUrlExists"
  | "notLearner"
  | "tooManyLearners";

/** Each fault: etcd's text in logs and between members, and the error that clients get. */
export const membershipFaults: Readonly<
  Record<MembershipFault, readonly [text: string, error: EtcdErrorName]>
> = {
  idRemoved: ["membership: ID removed", "memberNotFound"],
  idExists: ["membership: ID exists", "memberExists"],
  idNotFound: ["membership: ID not found", "memberNotFound"],
  peerUrlExists: ["membership: peerURL exists", "peerUrlExists"],
  notLearner: ["membership: can only promote a learner member", "memberNotLearner"],
  tooManyLearners: ["membership: too many learner members in cluster", "tooManyLearners"],
};

/** What an applied change did, for whoever keeps the connections to peers. */
export type MembershipEffect =
  | { readonly kind: "added" | "promoted" | "updated"; readonly member: Member }
  | { readonly kind: "removed"; readonly id: MemberId }
  | { readonly kind: "refused"; readonly fault: MembershipFault };

/** What bucket `cluster` says about a downgrade. */
export interface DowngradeInfo {
  readonly enabled: boolean;
  /** Such as `3.6.0`; empty if not enabled. */
  readonly targetVersion: string;
}

type Records = readonly (readonly [key: Uint8Array, value: Uint8Array])[];

/** The records of the three buckets. */
export interface MembershipRecords {
  readonly members: Records;
  readonly membersRemoved: Records;
  readonly cluster: Records;
}

const noDowngrade: DowngradeInfo = { enabled: false, targetVersion: "" };

export class Members {
  private stored = new Map<MemberId, Member>();
  private expected = new Map<MemberId, Member>();
  private removed = new Set<MemberId>();
  private sorted: readonly Member[] | undefined;
  private version: string | undefined;
  private downgradeInfo: DowngradeInfo = noDowngrade;
  private readonly maxLearners: number;

  /** `maxLearners`: --max-learners, the same on all members; 1 is etcd's. */
  constructor(maxLearners = 1) {
    this.maxLearners = maxLearners;
  }

  /** Takes over stored records in place of everything known so far but the expected members. */
  load(records: MembershipRecords): void {
    this.stored = new Map();
    this.removed = new Set();
    this.version = undefined;
    this.downgradeInfo = noDowngrade;
    for (const [key, value] of records.members) {
      const { isPromote: _, ...member } = parseMember(text(value));
      assert(parseId(text(key)) === member.id, "a stored member lies under another ID");
      this.stored.set(member.id, member);
    }
    for (const [key] of records.membersRemoved) {
      const id = parseId(text(key));
      assert(id !== undefined, "a removed member is stored without its ID");
      this.removed.add(id);
    }
    for (const [key, value] of records.cluster) {
      const name = text(key);
      if (name === "clusterVersion") this.version = text(value);
      else if (name === "downgrade") this.downgradeInfo = parseDowngrade(text(value));
    }
    // Once anything is stored, the log's past has been applied: what is not there is not a member.
    if (this.stored.size > 0) this.expected = new Map();
    this.sorted = undefined;
  }

  /** Makes the members of a bootstrap known before the entries that add them are applied. */
  expect(members: readonly Member[]): void {
    this.expected = new Map(members.map((one) => [one.id, one]));
    this.sorted = undefined;
  }

  /** All members by ascending ID, expected ones included. */
  list(): readonly Member[] {
    if (this.sorted === undefined) {
      const all = [...this.stored.values()];
      for (const member of this.expected.values()) {
        if (!this.stored.has(member.id) && !this.removed.has(member.id)) all.push(member);
      }
      this.sorted = all.sort((a, b) => (a.id < b.id ? -1 : 1));
    }
    return this.sorted;
  }

  get(id: MemberId): Member | undefined {
    return this.stored.get(id) ?? (this.removed.has(id) ? undefined : this.expected.get(id));
  }

  /** True if the member was removed for good: its ID never comes back. */
  isRemoved(id: MemberId): boolean {
    return this.removed.has(id);
  }

  /** Such as `3.7.0`, or undefined before it was decided. */
  get clusterVersion(): string | undefined {
    return this.version;
  }

  get downgrade(): DowngradeInfo {
    return this.downgradeInfo;
  }

  /** The configuration formed by what was applied so far. */
  confState(): ConfState {
    return confStateOf([...this.stored.values()]);
  }

  /**
   * Why the change cannot be applied, or undefined. A change that is refused goes to raft with
   * nodeId 0. Throws MemberJsonError if the context is malformed, as no member ever writes it.
   */
  fault(change: ConfChange): MembershipFault | undefined {
    return this.faultOf(change, contextOf(change));
  }

  private faultOf(
    change: ConfChange,
    member: MemberChange | undefined,
  ): MembershipFault | undefined {
    const id = change.nodeId as MemberId;
    if (this.removed.has(id)) return "idRemoved";
    const known = this.stored.get(id);
    switch (change.type) {
      case ConfChangeType.ConfChangeAddNode:
      case ConfChangeType.ConfChangeAddLearnerNode:
        if (member?.isPromote === true) {
          if (known === undefined) return "idNotFound";
          return known.isLearner ? undefined : "notLearner";
        }
        if (known !== undefined) return "idExists";
        if (this.usesUrl(member!, id)) return "peerUrlExists";
        if (member!.isLearner && this.learners() >= this.maxLearners) return "tooManyLearners";
        return undefined;
      case ConfChangeType.ConfChangeUpdateNode:
        if (known === undefined) return "idNotFound";
        return this.usesUrl(member!, id) ? "peerUrlExists" : undefined;
      case ConfChangeType.ConfChangeRemoveNode:
        return known === undefined ? "idNotFound" : undefined;
    }
  }

  private usesUrl(member: Member, except: MemberId): boolean {
    for (const other of this.stored.values()) {
      if (other.id === except) continue;
      if (other.peerUrls.some((url) => member.peerUrls.includes(url))) return true;
    }
    return false;
  }

  private learners(): number {
    let count = 0;
    for (const member of this.stored.values()) if (member.isLearner) count++;
    return count;
  }

  /** Applies a committed change, or says why not. Throws as `fault` does. */
  apply(change: ConfChange, batch: StateBatch): MembershipEffect {
    const member = contextOf(change);
    const fault = this.faultOf(change, member);
    if (fault !== undefined) return { kind: "refused", fault };
    const id = change.nodeId as MemberId;
    const known = this.stored.get(id);
    switch (change.type) {
      case ConfChangeType.ConfChangeAddNode:
      case ConfChangeType.ConfChangeAddLearnerNode: {
        if (member!.isPromote) {
          return { kind: "promoted", member: this.store({ ...known!, isLearner: false }, batch) };
        }
        const { isPromote: _, ...added } = member!;
        return { kind: "added", member: this.store(added, batch) };
      }
      case ConfChangeType.ConfChangeUpdateNode: {
        // Only the URLs: a learner stays a learner.
        const updated = { ...known!, peerUrls: member!.peerUrls };
        return { kind: "updated", member: this.store(updated, batch) };
      }
      case ConfChangeType.ConfChangeRemoveNode:
        this.stored.delete(id);
        this.removed.add(id);
        this.sorted = undefined;
        batch.delete("members", utf8(formatId(id)));
        batch.put("members_removed", utf8(formatId(id)), utf8("removed"));
        return { kind: "removed", id };
    }
  }

  /** A member has started and announces its name and client URLs; undefined if it is none. */
  setAttributes(
    id: MemberId,
    attributes: { readonly name: string; readonly clientUrls: readonly string[] },
    batch: StateBatch,
  ): Member | undefined {
    const known = this.stored.get(id);
    if (known === undefined) return undefined;
    const { name, clientUrls } = attributes;
    return this.store({ ...known, name, clientUrls: [...clientUrls] }, batch);
  }

  setClusterVersion(version: string, batch: StateBatch): void {
    this.version = version;
    batch.put("cluster", utf8("clusterVersion"), utf8(version));
    const storage = storageVersionRecord(version);
    if (storage === undefined) batch.delete("meta", storageVersionKey);
    else batch.put("meta", storageVersionKey, utf8(storage));
  }

  setDowngrade(info: DowngradeInfo, batch: StateBatch): void {
    this.downgradeInfo = info.enabled ? info : noDowngrade;
    const { enabled, targetVersion } = this.downgradeInfo;
    const json = JSON.stringify({ "target-version": targetVersion, enabled });
    batch.put("cluster", utf8("downgrade"), utf8(json));
  }

  private store(member: Member, batch: StateBatch): Member {
    this.stored.set(member.id, member);
    this.expected.delete(member.id);
    this.sorted = undefined;
    batch.put("members", utf8(formatId(member.id)), utf8(memberJson(member)));
    return member;
  }
}

/** The error that a client gets for a refused change. */
export function membershipError(fault: MembershipFault): EtcdError {
  return etcdError(membershipFaults[fault][1]);
}

/** The member a change speaks of; undefined for removals and for the no-op with node 0. */
function contextOf(change: ConfChange): MemberChange | undefined {
  if (change.type === ConfChangeType.ConfChangeRemoveNode) return undefined;
  const member = parseMember(text(change.context));
  assert(member.id === change.nodeId, "a configuration change names two different members");
  return member;
}

function parseDowngrade(json: string): DowngradeInfo {
  const parsed: unknown = JSON.parse(json);
  if (typeof parsed !== "object" || parsed === null) return noDowngrade;
  const fields = parsed as Readonly<Record<string, unknown>>;
  const targetVersion = fields["target-version"];
  return fields["enabled"] === true && typeof targetVersion === "string"
    ? { enabled: true, targetVersion }
    : noDowngrade;
}
