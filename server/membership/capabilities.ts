// What this project's members can do beyond etcd's. An etcd member stops when it applies a command that
// it does not know, and so does an older one of ours. So each member announces to its peers, in every
// handshake, what it knows; a capability is latched by an entry that all of them survive, once every
// member has announced it; only then may its commands be proposed, and from then on no member without
// it is let in. A latch is never taken back. Pure; the latches are the same on every member.
import { text, utf8 } from "#base/bytes.ts";
import type { MemberId } from "#base/ids.ts";
import type { StateBatch } from "#base/state-batch.ts";
import type { CapabilityLatch } from "#proto/gen/extension.ts";

/** What a member may know beyond etcd: `v2`, commands of the v2 key space and their records. */
export type Capability = "v2";

/** What this version knows of them. */
export const ownCapabilities: readonly Capability[] = ["v2"];

/**
 * Announced too, and never latched, for nobody depends on it: this member takes a state as the files of a
 * store of that format.
 */
export const takesTables = "tables-1";

/** All that this version announces. */
export const announcement: string = [...ownCapabilities, takesTables].join(",");

/** Records of latches begin with this. */
export const latchRecordPrefix = "capability/";

/** Members that announcements are remembered of; senders that are no members count too. */
const maxAnnouncers = 256;

export class Capabilities {
  private latched = new Set<string>();
  private readonly announcements = new Map<MemberId, ReadonlySet<string>>();

  constructor(self: MemberId) {
    this.announcements.set(self, new Set(ownCapabilities));
  }

  /** Takes over stored records, by key; others than latches are left alone. */
  load(records: readonly (readonly [key: Uint8Array, value: Uint8Array])[]): void {
    this.latched = new Set();
    for (const [key] of records) {
      const name = text(key);
      if (name.startsWith(latchRecordPrefix))
        this.latched.add(name.slice(latchRecordPrefix.length));
    }
  }

  /** A peer said in a handshake what it knows; its last word counts. */
  announced(member: MemberId, capabilities: readonly string[]): void {
    if (!this.announcements.has(member) && this.announcements.size >= maxAnnouncers) return;
    this.announcements.set(member, new Set(capabilities));
  }

  /** Those of `members` that have not announced the capability to this member. */
  unaware(capability: Capability, members: readonly MemberId[]): MemberId[] {
    return members.filter((id) => this.announcements.get(id)?.has(capability) !== true);
  }

  /** True if `member` has announced `name` to this member. */
  hasAnnounced(member: MemberId, name: string): boolean {
    return this.announcements.get(member)?.has(name) === true;
  }

  isLatched(capability: Capability): boolean {
    return this.latched.has(capability);
  }

  /** A latched capability that is missing from what a peer announces, or undefined. */
  missing(announced: readonly string[]): string | undefined {
    for (const one of this.latched) if (!announced.includes(one)) return one;
    return undefined;
  }

  /** True if a peer has announced all that is latched. */
  admits(member: MemberId): boolean {
    if (this.latched.size === 0) return true;
    const announced = this.announcements.get(member);
    for (const one of this.latched) if (announced?.has(one) !== true) return false;
    return true;
  }

  /** Applies a latch: void, and false, if there are members now whom its proposer did not know. */
  latch(request: CapabilityLatch, members: readonly bigint[], batch: StateBatch): boolean {
    const { capability } = request;
    if (!members.every((id) => request.members.includes(id))) return false;
    this.latched.add(capability);
    batch.put("shared", utf8(latchRecordPrefix + capability), utf8("1"));
    return true;
  }
}
