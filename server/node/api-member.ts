// What the API sees of a member (server/api/member.ts): proposals, reads, watches, leases, members
// and status, each in the terms of its answer on the wire.
import { text } from "#base/bytes.ts";
import { growingBounds, OutcomeDurations } from "#base/duration-counts.ts";
import { errorText } from "#base/errors.ts";
import { formatGoDuration } from "#base/go-duration.ts";
import type { ClusterId, LeaseId, MemberId } from "#base/ids.ts";
import { EtcdError, etcdError, grpcCode } from "#proto/errors.ts";
import type { Member as MemberInfo } from "#proto/gen/cluster.ts";
import type { ResponseHeader } from "#proto/gen/header.ts";
import type { RangeRequest, RangeResponse, TxnRequest, TxnResponse } from "#proto/gen/kv.ts";
import type {
  LeaseGrantRequest,
  LeaseTimeToLiveRequest,
  LeaseTimeToLiveResponse,
} from "#proto/gen/lease.ts";
import {
  type AlarmResponse,
  AlarmType,
  type HashKVResponse,
  type HashResponse,
  type StatusResponse,
} from "#proto/gen/maintenance.ts";
import type {
  AnswerWaiter,
  ApiAuth,
  ApiMember,
  Proposals,
  StateCopy,
  WatchSession,
} from "#server/api/member.ts";
import { readOnlyTxn } from "#server/apply/kv.ts";
import { commandCost } from "#server/apply/quota.ts";
import type { Identity } from "#server/auth/tokens.ts";
import { serverVersion, storageVersionFor } from "#server/membership/cluster-version.ts";
import { NodeAuth, type Passwords } from "#server/node/api-auth.ts";
import { Downgrades } from "#server/node/downgrades.ts";
import type { Member } from "#server/node/member.ts";
import { toMemberInfo } from "#server/node/member-info.ts";
import type { Reconfiguration } from "#server/node/reconfiguration.ts";
import type { StateFiles } from "#server/node/snapshot-transfer.ts";

/** Asks the leader about leases over the peer wire; server/peer's client is one. */
export interface LeaseForwarder {
  /** The TTL in seconds, 0 for no such lease. Rejects with EtcdError when nobody answers in time. */
  renew(lease: LeaseId): Promise<number>;
  timeToLive(request: LeaseTimeToLiveRequest): Promise<LeaseTimeToLiveResponse>;
}

/** Copies of the state as files; server/backend/transfer-files makes them. */
export type StateCopies = Pick<StateFiles, "export">;

/** Leases that one turn lists. */
const leasesPerTurn = 10_000;

export class NodeApi implements ApiMember {
  /** Ranges that clients read, outside of what is applied. */
  rangeCount = 0;
  /** How long they took, without the proof that they are linearizable. */
  readonly rangeTimes = new OutcomeDurations(growingBounds(0.0001, 2, 20));
  readonly clusterId: ClusterId;
  readonly memberId: MemberId;
  private readonly member: Member;
  private readonly forwarder: LeaseForwarder;
  readonly reconfiguration: Reconfiguration;
  readonly downgrades: Downgrades;
  readonly auth: ApiAuth;
  private readonly copies: StateCopies;

  constructor(
    member: Member,
    forwarder: LeaseForwarder,
    reconfiguration: Reconfiguration,
    copies: StateCopies,
    passwords: Passwords,
  ) {
    this.auth = new NodeAuth(member, passwords);
    this.copies = copies;
    this.reconfiguration = reconfiguration;
    this.member = member;
    this.forwarder = forwarder;
    this.downgrades = new Downgrades(member);
    this.clusterId = member.parts.clusterId;
    this.memberId = member.parts.memberId;
  }

  header(revision: number): ResponseHeader {
    return {
      clusterId: this.clusterId,
      memberId: this.memberId,
      revision,
      raftTerm: this.member.raftTerm,
    };
  }

  currentRevision(): number {
    return this.member.parts.store.currentRevision;
  }

  raftTerm(): number {
    return this.member.raftTerm;
  }

  propose<K extends keyof Proposals>(
    kind: K,
    request: Proposals[K][0],
    who?: Identity,
  ): Promise<Proposals[K][1]> {
    const { parts, proposer } = this.member;
    if (kind === "leaseGrant") {
      const grant = request as LeaseGrantRequest;
      if (grant.ID === 0n) grant.ID = parts.requestIds.nextLease();
    }
    if (!this.fits(kind, request)) return Promise.reject(etcdError("noSpace"));
    return proposer.propose(kind, request as never, who) as Promise<Proposals[K][1]>;
  }

  proposeFor<K extends keyof Proposals>(
    waiter: AnswerWaiter<Proposals[K][1]>,
    kind: K,
    request: Proposals[K][0],
  ): void {
    if (!this.fits(kind, request)) waiter.failed(etcdError("noSpace"));
    else this.member.proposer.proposeFor(waiter, kind, request as never);
  }

  /** False if the state has no room for the request; the alarm is raised then. */
  private fits<K extends keyof Proposals>(kind: K, request: Proposals[K][0]): boolean {
    const { parts } = this.member;
    const cost = commandCost({ kind, payload: request as never });
    if (cost === 0 || parts.backend().sizeBytes() + cost < parts.quotaBytes) return true;
    this.member.raiseNoSpace();
    return false;
  }

  linearize(): Promise<void> | undefined {
    return this.member.linearize();
  }

  range(request: RangeRequest): RangeResponse | Promise<RangeResponse> {
    this.rangeCount++;
    const { clock, store } = this.member.parts;
    const startMs = clock.monotonicMs();
    let answer: RangeResponse | Promise<RangeResponse>;
    try {
      answer = store.range(request);
    } catch (error) {
      this.rangeTimes.observe((clock.monotonicMs() - startMs) / 1000, false);
      throw error;
    }
    if (answer instanceof Promise) return this.timed(answer, startMs);
    this.rangeTimes.observe((clock.monotonicMs() - startMs) / 1000, true);
    return answer;
  }

  private async timed(answer: Promise<RangeResponse>, startMs: number): Promise<RangeResponse> {
    const { clock } = this.member.parts;
    let ok = false;
    try {
      const response = await answer;
      ok = true;
      return response;
    } finally {
      this.rangeTimes.observe((clock.monotonicMs() - startMs) / 1000, ok);
    }
  }

  readOnlyTxn(request: TxnRequest): TxnResponse | Promise<TxnResponse> {
    return readOnlyTxn(this.member.parts.store, request);
  }

  physicalCompaction(revision: number): Promise<void> {
    return this.member.parts.store.compacted(revision);
  }

  openWatch(onReady: () => void): WatchSession {
    return this.member.parts.hub.openWatch(onReady);
  }

  async leaseRenew(lease: LeaseId): Promise<number> {
    const { lessor } = this.member.parts;
    return lessor.isPrimary
      ? ((await this.renewAsPrimary(lease)) ?? this.forwarder.renew(lease))
      : this.forwarder.renew(lease);
  }

  /**
   * Renews by this member's own count, once it has proved that it still leads: one that was paused
   * would otherwise promise life to leases that others have revoked. Undefined if it is not primary,
   * 0 if there is no such lease.
   */
  async renewAsPrimary(lease: LeaseId): Promise<number | undefined> {
    const { clock, lessor } = this.member.parts;
    for (;;) {
      if (!lessor.isPrimary) return undefined;
      try {
        await this.linearize();
      } catch (error) {
        if (lessor.isPrimary) throw error;
        return undefined;
      }
      const renewal = lessor.renew(lease, clock.monotonicMs());
      switch (renewal.kind) {
        case "renewed":
          if (renewal.clearCheckpoint) await this.clearCheckpoint(lease);
          return renewal.ttlSeconds;
        case "not-found":
          return 0;
        case "expired":
          await new Promise<void>((resolve) => lessor.onSettled(lease, resolve));
          break;
        case "not-primary":
          return undefined;
      }
    }
  }

  /**
   * A renewal is promised only once no member counts from the old checkpoint: the next leader would
   * end the lease before its time. Needed once an interval at most.
   */
  private async clearCheckpoint(lease: LeaseId): Promise<void> {
    const request = { checkpoints: [{ ID: lease, remainingTTL: 0 }] };
    await this.member.proposer.propose("leaseCheckpoint", request);
  }

  async leaseTimeToLive(request: LeaseTimeToLiveRequest): Promise<LeaseTimeToLiveResponse> {
    const { lessor } = this.member.parts;
    await this.linearize();
    if (!lessor.isPrimary) return this.forwarder.timeToLive(request);
    return this.localTimeToLive(request);
  }

  /** The answer of this member's own count; the caller has checked that it is primary. */
  localTimeToLive(request: LeaseTimeToLiveRequest): LeaseTimeToLiveResponse {
    const { clock, lessor, store } = this.member.parts;
    const view = lessor.view(request.ID, clock.monotonicMs());
    const header = this.header(store.currentRevision);
    if (view === undefined || view.remainingSeconds === undefined) {
      return { header, ID: request.ID, TTL: -1, grantedTTL: 0, keys: [] };
    }
    return {
      header,
      ID: request.ID,
      TTL: view.remainingSeconds,
      grantedTTL: view.grantedTtlSeconds,
      keys: request.keys ? [...(lessor.keysOf(request.ID) ?? [])] : [],
    };
  }

  async *leaseList(): AsyncGenerator<readonly LeaseId[], void> {
    const { lessor, schedule } = this.member.parts;
    const nextTurn = (): Promise<void> => new Promise((resolve) => schedule(resolve));
    const listing = lessor.listing();
    let step = listing.next();
    for (; step.done !== true; step = listing.next()) await nextTurn();
    const ids = step.value;
    for (let at = 0; at < ids.length; at += leasesPerTurn) {
      if (at > 0) await nextTurn();
      yield ids.slice(at, at + leasesPerTurn);
    }
  }

  members(): MemberInfo[] {
    return this.member.parts.members.list().map(toMemberInfo);
  }

  isLearner(): boolean {
    return this.member.parts.members.get(this.memberId)?.isLearner ?? false;
  }

  leader(): MemberId {
    return this.member.leadership.leader;
  }

  isLeader(): boolean {
    return this.member.leadership.isLeader;
  }

  async moveLeader(to: MemberId): Promise<void> {
    const { members } = this.member.parts;
    if (!this.isLeader()) throw etcdError("notLeader");
    if (members.get(to)?.isLearner !== false) throw etcdError("badLeaderTransferee");
    if (await this.member.moveLeader(to)) return;
    const reason = "etcdserver: request timed out, leader transfer took too long";
    throw new EtcdError(grpcCode.unknown, reason);
  }

  onLeaderLost(run: () => void): () => void {
    return this.member.leadership.onLost(run);
  }

  status(): StatusResponse {
    const { alarms, members, memberId, quotaBytes } = this.member.parts;
    const size = this.member.parts.backend().sizeBytes();
    const errors: string[] = [];
    if (!this.member.leadership.hasLeader) errors.push("etcdserver: no leader");
    for (const { memberID, alarm } of alarms.list(AlarmType.NONE)) {
      const name = alarm === AlarmType.NOSPACE ? "NOSPACE" : "CORRUPT";
      // An alarm of the whole cluster names no member.
      errors.push(memberID === 0n ? `alarm:${name}` : `memberID:${memberID} alarm:${name}`);
    }
    return {
      header: this.header(this.currentRevision()),
      version: serverVersion,
      dbSize: size,
      leader: this.leader(),
      raftIndex: this.member.committedIndex,
      raftTerm: this.member.raftTerm,
      raftAppliedIndex: this.member.applyTurn.appliedIndex,
      errors,
      dbSizeInUse: size,
      isLearner: members.get(memberId)?.isLearner ?? false,
      storageVersion: this.storageVersion() ?? "",
      dbSizeQuota: Number.isFinite(quotaBytes) ? quotaBytes : -1,
      downgradeInfo: members.downgrade,
    };
  }

  async defragment(): Promise<void> {
    const { backend, clock, log } = this.member.parts;
    const start = clock.monotonicMs();
    const { meters } = this.member.parts;
    log.info({}, "starting defragment");
    try {
      await backend().defragment();
    } catch (error) {
      log.warn({ error: errorText(error) }, "failed to defragment");
      throw error;
    }
    const tookMs = clock.monotonicMs() - start;
    meters.defragmented?.(tookMs);
    log.info({ took: formatGoDuration(tookMs) }, "finished defragment");
  }

  async hashKv(revision: number): Promise<HashKVResponse> {
    const { clock, meters, store } = this.member.parts;
    const start = clock.monotonicMs();
    const hash = await store.hashKv(revision);
    meters.hashed?.("keys", clock.monotonicMs() - start);
    return {
      header: this.header(hash.currentRevision),
      hash: hash.hash,
      compactRevision: hash.compactRevision,
      hashRevision: hash.hashRevision,
    };
  }

  async hash(): Promise<HashResponse> {
    const { clock, meters, store } = this.member.parts;
    await this.member.applyTurn.flushed();
    const header = this.header(store.currentRevision);
    const start = clock.monotonicMs();
    const hash = await store.hashState();
    meters.hashed?.("state", clock.monotonicMs() - start);
    return { header, hash };
  }

  async copyState(): Promise<StateCopy> {
    const { backend, clock, meters } = this.member.parts;
    const start = clock.monotonicMs();
    // What was applied has been answered, and may be on its way to the state still.
    await this.member.applyTurn.flushed();
    const copy = await this.copies.export(backend(), { withShared: false, forClient: true });
    const told = copy.records.meta.find(([key]) => text(key) === "storageVersion");
    return {
      bytes: copy.bytes,
      version: told === undefined ? "" : text(told[1]),
      body: () => copy.body(),
      remove: async () => {
        meters.stateCopied(clock.monotonicMs() - start);
        await copy.remove();
      },
    };
  }

  alarms(): AlarmResponse["alarms"] {
    return this.member.parts.alarms.list(AlarmType.NONE);
  }

  clusterVersion(): string | undefined {
    return this.member.parts.members.clusterVersion;
  }

  /** That of the cluster, as etcd's storage follows it; never above this program's own. */
  storageVersion(): string | undefined {
    const { clusterVersion } = this.member.parts.members;
    return clusterVersion === undefined ? undefined : storageVersionFor(clusterVersion);
  }
}
