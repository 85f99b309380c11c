// The replicated state machine: one command in, a response or an EtcdError out, all writes in the
// turn's batch. Every member computes the same: nothing here reads a clock, a random number or
// anything that only one member knows, but whether somebody here waits for a read's answer.
// Order of checks: alarms, permission, quota, then the state (facts: apply rules §1, §6, §7).
import { assert } from "#base/assert.ts";
import type { MemberId } from "#base/ids.ts";
import type { StateBatch } from "#base/state-batch.ts";
import { EtcdError, etcdError } from "#proto/errors.ts";
import type {
  LeaseCheckpointRequest,
  LeaseGrantRequest,
  LeaseGrantResponse,
  LeaseRevokeRequest,
  LeaseRevokeResponse,
} from "#proto/gen/lease.ts";
import {
  AlarmRequest_AlarmAction as AlarmAction,
  type AlarmRequest,
  type AlarmResponse,
  AlarmType,
} from "#proto/gen/maintenance.ts";
import type {
  ClusterMemberAttrSetRequest,
  ClusterVersionSetRequest,
} from "#proto/gen/membership.ts";
import type { Alarms } from "#server/apply/alarms.ts";
import { applyAuth, commandRefusal } from "#server/apply/auth.ts";
import type { Command } from "#server/apply/command.ts";
import {
  applyCompaction,
  applyDeleteKeys,
  applyDeleteRange,
  applyPut,
  applyRange,
  applyTxn,
  type KvContext,
} from "#server/apply/kv.ts";
import { commandCost } from "#server/apply/quota.ts";
import type { AuthStore } from "#server/auth/auth-store.ts";
import type { Lessor } from "#server/lease/lessor.ts";
import type { Capabilities } from "#server/membership/capabilities.ts";
import { checkClusterVersion, majorMinor } from "#server/membership/cluster-version.ts";
import type { Members } from "#server/membership/members.ts";
import type { MvccStore } from "#server/mvcc/store.ts";
import type { V2Store } from "#server/v2store/v2-store.ts";

export interface ApplierPorts {
  readonly store: MvccStore;
  readonly leases: Lessor;
  readonly alarms: Alarms;
  readonly auth: AuthStore;
  readonly members: Members;
  readonly capabilities: Capabilities;
  readonly v2: V2Store;
  /** Infinite for no quota. */
  readonly quotaBytes: number;
  /** Gate LeaseCheckpointPersist: the remaining TTL is kept below cluster version 3.6, too. */
  readonly persistCheckpoints: boolean;
  sizeBytes(): number;
  /** For the leader's count of lease time alone; no result depends on it. */
  monotonicMs(): number;
}

export type ApplyResult = object | EtcdError;

/** Commands applied, by kind. */
export interface AppliedCounts {
  put: number;
  deleteRange: number;
  txn: number;
}

export class Applier {
  readonly counts: AppliedCounts = { put: 0, deleteRange: 0, txn: 0 };
  private readonly ports: ApplierPorts;
  /** Called when a command did not fit and no alarm stands yet. */
  onOverQuota: () => void = () => {};
  /** Called when the cluster version was set, to the same one also. */
  onClusterVersion: (before: string | undefined, now: string) => void = () => {};

  constructor(ports: ApplierPorts) {
    this.ports = ports;
  }

  /**
   * Applies one command, behind what has been applied up to `appliedIndex`. `answers` is false if
   * nobody on this member waits for the result.
   */
  apply(command: Command, batch: StateBatch, answers: boolean, appliedIndex: number): ApplyResult {
    const { alarms, auth } = this.ports;
    if (!alarms.isEmpty) {
      const refused = this.refusedByAlarm(command);
      if (refused !== undefined) return refused;
    }
    if (auth.isEnabled) {
      const refused = commandRefusal(this.ports, command);
      if (refused !== undefined) return refused;
    }
    const cost = commandCost(command);
    const fits = cost === 0 || this.ports.sizeBytes() + cost < this.ports.quotaBytes;
    const result = this.dispatch(command, batch, answers, appliedIndex);
    if (fits) return result;
    // etcd applies what was committed and only tells that it did not fit.
    if (!alarms.has(AlarmType.NOSPACE)) this.onOverQuota();
    return result instanceof EtcdError ? result : etcdError("noSpace");
  }

  private refusedByAlarm(command: Command): EtcdError | undefined {
    const { alarms } = this.ports;
    const { kind } = command;
    if (alarms.has(AlarmType.CORRUPT)) {
      switch (kind) {
        case "put":
        case "range":
        case "deleteRange":
        case "txn":
        case "compaction":
        case "leaseGrant":
        case "leaseRevoke":
        case "v2":
          return etcdError("corrupt");
        default:
          return undefined;
      }
    }
    const grows = kind === "put" || kind === "leaseGrant" || kind === "txn" || kind === "v2";
    return grows && alarms.has(AlarmType.NOSPACE) && commandCost(command) > 0
      ? etcdError("noSpace")
      : undefined;
  }

  private dispatch(
    command: Command,
    batch: StateBatch,
    answers: boolean,
    appliedIndex: number,
  ): ApplyResult {
    const { store, leases } = this.ports;
    const context: KvContext = { store, leases, batch, answers };
    switch (command.kind) {
      case "put":
        this.counts.put++;
        return applyPut(context, command.payload);
      case "txn":
        this.counts.txn++;
        return applyTxn(context, command.payload);
      case "deleteRange":
        this.counts.deleteRange++;
        return applyDeleteRange(context, command.payload);
      case "range":
        return answers ? applyRange(context, command.payload) : nothing;
      case "compaction":
        return applyCompaction(context, command.payload);
      case "leaseGrant":
        return this.grant(command.payload, batch);
      case "leaseRevoke":
        return this.revoke(context, command.payload);
      case "leaseCheckpoint":
        return this.checkpoint(command.payload, batch);
      case "alarm":
        return this.alarm(command.payload, batch);
      case "clusterVersionSet":
        return this.setClusterVersion(command.payload, batch);
      case "clusterMemberAttrSet":
        return this.setAttributes(command.payload, batch);
      case "downgradeVersionTest":
        return nothing;
      case "downgradeInfoSet": {
        const { enabled, ver } = command.payload;
        this.ports.members.setDowngrade({ enabled, targetVersion: ver }, batch);
        return nothing;
      }
      case "capabilityLatch": {
        const { voters, learners } = this.ports.members.confState();
        const latched = this.ports.capabilities.latch(
          command.payload,
          [...voters, ...learners],
          batch,
        );
        return { latched };
      }
      case "v2":
        return this.ports.v2.apply(command.payload, batch);
      default: {
        const turn = { auth: this.ports.auth, batch, header: this.header(), answers, appliedIndex };
        const result = applyAuth(turn, command);
        assert(result !== undefined, `a command of kind ${command.kind} is applied by nobody`);
        return result;
      }
    }
  }

  private header(): { clusterId: bigint; memberId: bigint; revision: number; raftTerm: number } {
    return { clusterId: 0n, memberId: 0n, revision: this.ports.store.currentRevision, raftTerm: 0 };
  }

  private grant(request: LeaseGrantRequest, batch: StateBatch): LeaseGrantResponse | EtcdError {
    const { leases, monotonicMs } = this.ports;
    try {
      const ttl = leases.grant(batch, request.ID, request.TTL, monotonicMs());
      return { header: this.header(), ID: request.ID, TTL: ttl, error: "" };
    } catch (error) {
      if (error instanceof EtcdError) return error;
      throw error;
    }
  }

  private revoke(context: KvContext, request: LeaseRevokeRequest): LeaseRevokeResponse | EtcdError {
    const { leases } = this.ports;
    const keys = leases.keysOf(request.ID);
    if (keys === undefined) return etcdError("leaseNotFound");
    if (keys.length > 0) applyDeleteKeys(context, keys);
    leases.revoke(context.batch, request.ID);
    return { header: this.header() };
  }

  private checkpoint(request: LeaseCheckpointRequest, batch: StateBatch): ApplyResult {
    const { leases, members, monotonicMs, persistCheckpoints } = this.ports;
    // Below 3.6 a member may not know the field, and the record would hash differently there.
    const persist = persistCheckpoints || persistingVersion(members.clusterVersion);
    const nowMs = monotonicMs();
    for (const one of request.checkpoints) {
      leases.checkpoint(batch, one.ID, one.remainingTTL, persist, nowMs);
    }
    return nothing;
  }

  private alarm(request: AlarmRequest, batch: StateBatch): AlarmResponse {
    const { alarms } = this.ports;
    const header = this.header();
    const one = (alarm: AlarmResponse["alarms"][number] | undefined): AlarmResponse => ({
      header,
      alarms: alarm === undefined ? [] : [alarm],
    });
    switch (request.action) {
      case AlarmAction.ACTIVATE:
        return one(alarms.activate(request.memberID, request.alarm, batch));
      case AlarmAction.DEACTIVATE:
        return one(alarms.deactivate(request.memberID, request.alarm, batch));
      default:
        return { header, alarms: alarms.list(request.alarm) };
    }
  }

  private setClusterVersion(request: ClusterVersionSetRequest, batch: StateBatch): ApplyResult {
    checkClusterVersion(request.ver);
    const { members } = this.ports;
    const before = members.clusterVersion;
    members.setClusterVersion(request.ver, batch);
    this.onClusterVersion(before, request.ver);
    return nothing;
  }

  private setAttributes(request: ClusterMemberAttrSetRequest, batch: StateBatch): ApplyResult {
    const { name, clientUrls } = request.memberAttributes ?? { name: "", clientUrls: [] };
    this.ports.members.setAttributes(request.memberID as MemberId, { name, clientUrls }, batch);
    return nothing;
  }
}

function persistingVersion(clusterVersion: string | undefined): boolean {
  const [major, minor] = (majorMinor(clusterVersion ?? "") ?? "0.0").split(".").map(Number);
  return major! > 3 || (major === 3 && minor! >= 6);
}

const nothing: object = Object.freeze({});
