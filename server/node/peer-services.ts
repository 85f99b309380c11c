// What peers get from this member: raft messages stepped, and answers to what they ask beside raft.

import { OperatingError } from "#base/errors.ts";
import type { LeaseId, MemberId } from "#base/ids.ts";
import { etcdError } from "#proto/errors.ts";
import type { LeaseTimeToLiveRequest, LeaseTimeToLiveResponse } from "#proto/gen/lease.ts";
import type { HashKVResponse } from "#proto/gen/maintenance.ts";
import type { Message } from "#proto/gen/raft.ts";
import { serverVersion } from "#server/membership/cluster-version.ts";
import { membersJson } from "#server/membership/member-json.ts";
import type { NodeApi } from "#server/node/api-member.ts";
import type { Member } from "#server/node/member.ts";
import { messageFault } from "#server/node/message-check.ts";
import {
  notPrimaryLessorCode,
  type PeerApi,
  type PeerHandler,
  type StateForm,
} from "#server/peer/ports.ts";

/** How long a forwarded keep-alive may wait for this member to apply what is committed. */
const leaseCatchUpMs = 1000;

/** Receives a state that the leader sends. */
export interface SnapshotReceiver {
  receive(message: Message, body: AsyncIterable<Uint8Array>, form: StateForm): Promise<void>;
}

export class PeerServices implements PeerHandler, PeerApi {
  private readonly member: Member;
  private readonly api: NodeApi;
  private readonly snapshots: SnapshotReceiver;

  constructor(member: Member, api: NodeApi, snapshots: SnapshotReceiver) {
    this.member = member;
    this.api = api;
    this.snapshots = snapshots;
  }

  /** Throws BAD_RAFT_MESSAGE for what no honest member sends. */
  step(message: Message): void {
    this.check(message);
    this.member.step(message);
  }

  reportUnreachable(id: MemberId): void {
    this.member.parts.raft.reportUnreachable(id);
    this.member.wake();
  }

  reportSnapshot(id: MemberId, ok: boolean): void {
    if (ok) this.member.parts.snapshots().arrived();
    this.member.parts.raft.reportSnapshot(id, ok ? "finish" : "failure");
    this.member.wake();
  }

  isRemoved(id: MemberId): boolean {
    return this.member.parts.members.isRemoved(id);
  }

  removedFromCluster(): void {
    this.member.parts.onRemoved();
  }

  async receiveSnapshot(
    message: Message,
    body: AsyncIterable<Uint8Array>,
    form: StateForm,
  ): Promise<void> {
    this.check(message);
    return this.snapshots.receive(message, body, form);
  }

  membersJson(): string {
    return membersJson(this.member.parts.members.list());
  }

  async promote(id: MemberId, authorization: string | undefined): Promise<string> {
    const { auth } = this.api;
    if (auth.isEnabled) {
      const token = authorization?.replace(/^Bearer /, "");
      const who = token === undefined ? undefined : await auth.identify(token);
      const refused = auth.adminRefusal(who);
      if (refused !== undefined) throw refused;
    }
    return membersJson(await this.api.reconfiguration.promoteHere(id));
  }

  hashKv(revision: number): Promise<HashKVResponse> {
    return this.api.hashKv(revision);
  }

  async leaseRenew(lease: LeaseId): Promise<number> {
    this.assertPrimary();
    await this.member.caughtUp(leaseCatchUpMs);
    const ttl = await this.api.renewAsPrimary(lease);
    if (ttl === undefined) throw notPrimary();
    if (ttl === 0) throw etcdError("leaseNotFound");
    return ttl;
  }

  async leaseTimeToLive(request: LeaseTimeToLiveRequest): Promise<LeaseTimeToLiveResponse> {
    await this.member.caughtUp(leaseCatchUpMs);
    // In etcd's order: who asks for a lease that nobody has is told so by any member.
    if (!this.member.parts.lessor.exists(request.ID as LeaseId)) throw etcdError("leaseNotFound");
    this.assertPrimary();
    const answer = this.api.localTimeToLive(request);
    return { ...answer, header: undefined };
  }

  async downgradeEnabled(): Promise<boolean> {
    await this.member.linearize();
    return this.member.parts.members.downgrade.enabled;
  }

  versionJson(): string {
    return JSON.stringify({
      etcdserver: serverVersion,
      etcdcluster: this.api.clusterVersion() ?? "not_decided",
      storage: this.api.storageVersion() ?? "unknown",
    });
  }

  private check(message: Message): void {
    const fault = messageFault(message, this.member.parts.memberId);
    if (fault === undefined) return;
    throw new OperatingError("BAD_RAFT_MESSAGE", `refused a raft message: ${fault}`);
  }

  private assertPrimary(): void {
    if (!this.member.parts.lessor.isPrimary) throw notPrimary();
  }
}

function notPrimary(): OperatingError {
  return new OperatingError(notPrimaryLessorCode, "not a primary lessor");
}
