// The replicated part of a member, wired: state, raft, the loop that drives it, and what works in the
// background: checkpoints, compaction, whole states sent and installed. Adapters are passed in, so
// that the process and the simulator run the very same thing.
import type { Clock } from "#base/clock.ts";
import type { ClusterId, MemberId } from "#base/ids.ts";
import type { Log } from "#base/log.ts";
import type { Random } from "#base/random.ts";
import { AlarmRequest_AlarmAction as AlarmAction, AlarmType } from "#proto/gen/maintenance.ts";
import type { Message } from "#proto/gen/raft.ts";
import { Alarms } from "#server/apply/alarms.ts";
import { type AuthPorts, AuthStore } from "#server/auth/auth-store.ts";
import { Lessor, minTtlSeconds } from "#server/lease/lessor.ts";
import { confStateOf } from "#server/membership/bootstrap-ids.ts";
import { Capabilities, takesTables } from "#server/membership/capabilities.ts";
import { checkClusterVersion } from "#server/membership/cluster-version.ts";
import type { Member as MemberRecord } from "#server/membership/member-json.ts";
import { Members } from "#server/membership/members.ts";
import type { Backend } from "#server/mvcc/backend.ts";
import { MvccStore, type StoreOptions } from "#server/mvcc/store.ts";
import type { RecordsLoading } from "#server/mvcc/store-loading.ts";
import { WatchHub, type WatchHubOptions } from "#server/mvcc/watch-hub.ts";
import { AutoCompaction, type AutoCompactionRule } from "#server/node/auto-compaction.ts";
import { AutoDisarm } from "#server/node/auto-disarm.ts";
import {
  loadSmallBuckets,
  readApplied,
  settleAuthRevision,
  settleStorageVersion,
} from "#server/node/boot-state.ts";
import { Checkpoints } from "#server/node/checkpoints.ts";
import { CompactionDriver } from "#server/node/compaction-driver.ts";
import { Member } from "#server/node/member.ts";
import type { MemberMeters, Peers } from "#server/node/member-parts.ts";
import { RequestIds } from "#server/node/request-id.ts";
import { SnapshotTransfer, type StateFiles } from "#server/node/snapshot-transfer.ts";
import { V2Expiry } from "#server/node/v2-expiry.ts";
import type { StateForm } from "#server/peer/ports.ts";
import { etcdLimits } from "#server/raft/config.ts";
import type { MemoryLog } from "#server/raft/memory-log.ts";
import { RawNode } from "#server/raft/raw-node.ts";
import { V2Store } from "#server/v2store/v2-store.ts";
import type { SnapshotMark, Wal } from "#server/wal/wal.ts";

/** The state, which can be replaced whole; server/backend/state-folder.ts is one. */
export interface ReplaceableState {
  /** The one that counts. */
  readonly backend: Backend;
  /** As StateFolder.replace: the old state can be read until `adopt` has resolved. */
  replace(
    mark: SnapshotMark,
    fill: (backend: Backend) => Promise<void>,
    resetLog: (mark: SnapshotMark) => Promise<void>,
    adopt: (backend: Backend) => Promise<void>,
    source?: string,
  ): Promise<unknown>;
}

/** The connections to peers, and the way of whole states. */
export interface ReplicaPeers extends Peers {
  sendSnapshot(
    message: Message,
    body: AsyncIterable<Uint8Array>,
    form: StateForm,
  ): Promise<boolean>;
}

/** The settings that the replicated part reads; server/config has them by these names. */
export interface ReplicaSettings {
  readonly electionTicks: number;
  readonly heartbeatMs: number;
  readonly electionTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly initialElectionTickAdvance: boolean;
  readonly preVote: boolean;
  readonly maxLearners: number;
  readonly maxRequestBytes: number;
  /** Undefined for no limit. */
  readonly quotaBytes: number | undefined;
  readonly autoDisarm?: boolean;
  readonly snapshotCount: number;
  readonly snapshotCatchupEntries: number;
  /** How long the log stays whole behind a state that was sent and has arrived. */
  readonly snapshotLogHoldMs: number;
  readonly autoCompaction?: AutoCompactionRule | undefined;
  readonly compactionBatchLimit: number;
  readonly compactionSleepMs: number;
  /** How often what is left of a long lease is noted, with gate LeaseCheckpoint; 5 minutes if left out. */
  readonly leaseCheckpointMs?: number | undefined;
  /** A command that takes longer to apply is logged; never if left out. */
  readonly warningApplyMs?: number;
  readonly featureGates?: ReadonlyMap<string, boolean>;
}

const defaultLeaseCheckpointMs = 300_000;

export interface ReplicaPorts {
  readonly clusterId: ClusterId;
  readonly memberId: MemberId;
  readonly settings: ReplicaSettings;
  readonly clock: Clock;
  readonly log: Log;
  readonly random: Random;
  readonly crc32c: StoreOptions["crc32c"];
  /** Bounds of the memory of store and watches; their own if left out. */
  readonly memory?: Pick<StoreOptions, "cacheBytes" | "recentBytes"> &
    Pick<WatchHubOptions, "sessionQueueBytes">;
  readonly state: ReplaceableState;
  readonly wal: Wal;
  /** Holds what `wal` held when it was opened. */
  readonly memoryLog: MemoryLog;
  /** The last mark in the log. */
  readonly markIndex: number;
  /** Members to know before the log or a snapshot tells them. */
  readonly expected: readonly MemberRecord[];
  readonly files: StateFiles;
  /** Tokens of users, and hashes of passwords that an old log holds. */
  readonly auth: AuthPorts;
  readonly peers: ReplicaPeers;
  readonly meters: MemberMeters;
  /** Puts what is private into a received state, before it counts. */
  markState(backend: Backend): Promise<void>;
  schedule(run: () => void): void;
  fatal(error: unknown): void;
  onRemoved(): void;
}

/** A wired replica; `start` makes it tick. */
export interface Replica {
  readonly member: Member;
  readonly transfer: SnapshotTransfer;
  start(): void;
  /** Ends the loop, then what works in the background, then all watches. Log and state stay open. */
  stop(): Promise<void>;
}

/** Loads the state and wires all that works on it. */
export async function openReplica(ports: ReplicaPorts): Promise<Replica> {
  const { clock, fatal, log, memberId, memoryLog, peers, settings, state, wal } = ports;
  const pause = (): Promise<void> => new Promise((resolve) => ports.schedule(resolve));
  const backend = (): Backend => state.backend;
  const members = new Members(settings.maxLearners);
  const alarms = new Alarms();
  const gate = (name: string): boolean => settings.featureGates?.get(name) === true;
  const lessor = new Lessor({
    minTtlSeconds: minTtlSeconds(settings.electionTicks, settings.heartbeatMs),
    expiredRetryMs: settings.requestTimeoutMs,
    checkpointMs: gate("LeaseCheckpoint")
      ? (settings.leaseCheckpointMs ?? defaultLeaseCheckpointMs)
      : undefined,
  });
  const capabilities = new Capabilities(memberId);
  const v2 = new V2Store();
  const auth = new AuthStore(ports.auth);
  const small = { members, alarms, auth, lessor, capabilities, v2 };
  const applied = await readApplied(state.backend);
  await loadSmallBuckets(state.backend, small);
  if (members.clusterVersion !== undefined) checkClusterVersion(members.clusterVersion);
  await settleStorageVersion(state.backend, members.clusterVersion);
  await settleAuthRevision(state.backend, auth);
  const store = await MvccStore.load(state.backend, lessor, {
    crc32c: ports.crc32c,
    pause,
    ...ports.memory,
  });
  const hub = new WatchHub(store, {
    pause,
    maxRequestBytes: settings.maxRequestBytes,
    fatal,
    ...ports.memory,
  });
  if (members.list().length === 0) members.expect(ports.expected);
  const { hardState } = memoryLog;
  const raft = new RawNode({
    id: memberId,
    electionTicks: settings.electionTicks,
    heartbeatTicks: 1,
    storage: memoryLog,
    applied: applied.index,
    // The commit index on the disk may be older than what was applied: it is not synced.
    hardState: { ...hardState, commit: Math.max(hardState.commit, applied.index) },
    confState: applied.index > 0 ? members.confState() : confStateOf([]),
    ...etcdLimits,
    checkQuorum: true,
    preVote: settings.preVote,
    random: ports.random,
  });

  const compaction = new CompactionDriver({
    clock,
    store,
    backend,
    isApplyWaiting: () => member.applyTurn.isWaiting,
    sliceRecords: settings.compactionBatchLimit,
    pauseMs: settings.compactionSleepMs,
    compacted: (durationMs) => ports.meters.compacted?.(durationMs),
    paused: (durationMs) => ports.meters.compactionPaused?.(durationMs),
    fatal,
  });
  const member: Member = new Member({
    clusterId: ports.clusterId,
    memberId,
    timings: settings,
    maxRequestBytes: settings.maxRequestBytes,
    warningApplyMs: settings.warningApplyMs ?? Number.POSITIVE_INFINITY,
    leasesFirst: gate("PriorityRequest"),
    checkpointLeases: gate("LeaseCheckpoint"),
    persistCheckpoints: gate("LeaseCheckpointPersist"),
    quotaBytes: settings.quotaBytes ?? Number.POSITIVE_INFINITY,
    clock,
    log,
    requestIds: new RequestIds(memberId, clock.wallMs()),
    raft,
    memoryLog,
    wal,
    backend,
    store,
    hub,
    ...small,
    peers,
    snapshots: () => ({
      send: (message) => transfer.send(message),
      install: (snapshot) => transfer.install(snapshot),
      applied: (index) => {
        checkpoints.applied(index);
        compaction.wake();
      },
      arrived: () => transfer.arrived(),
      forgetLog: () => checkpoints.forget(),
    }),
    appliedIndex: applied.index,
    appliedTerm: applied.term,
    meters: ports.meters,
    schedule: (run) => ports.schedule(run),
    fatal,
    onRemoved: () => ports.onRemoved(),
  });
  const checkpoints = new Checkpoints(
    {
      memoryLog,
      wal,
      backend,
      applied: () => ({
        index: member.applyTurn.appliedIndex,
        term: member.applyTurn.appliedTerm,
        confState: members.confState(),
      }),
      every: settings.snapshotCount,
      catchUp: settings.snapshotCatchupEntries,
      holdLog: () => transfer.wantsLog,
      saved: (index) => log.info({ index }, "saved snapshot to disk"),
      fatal,
    },
    ports.markIndex,
  );
  const v2Expiry = new V2Expiry({
    clock,
    isLeader: () => member.leadership.isLeader,
    nextExpiryMs: () => v2.nextExpiryMs(),
    propose: (request) => member.proposer.propose("v2", request),
  });
  const autoCompaction =
    settings.autoCompaction === undefined
      ? undefined
      : new AutoCompaction({
          rule: settings.autoCompaction,
          clock,
          log,
          isLeader: () => member.leadership.isLeader,
          currentRevision: () => store.currentRevision,
          compact: (revision) =>
            member.proposer.propose("compaction", { revision, physical: false }),
        });
  const autoDisarm =
    settings.autoDisarm === true
      ? new AutoDisarm({
          clock,
          log,
          quotaBytes: settings.quotaBytes ?? Number.POSITIVE_INFINITY,
          isLeader: () => member.leadership.isLeader,
          sizeBytes: () => backend().sizeBytes(),
          raised: () => alarms.list(AlarmType.NOSPACE).map((one) => one.memberID as MemberId),
          disarm: (memberID) =>
            member.proposer.propose("alarm", {
              action: AlarmAction.DEACTIVATE,
              memberID,
              alarm: AlarmType.NOSPACE,
            }),
        })
      : undefined;
  const meetPeers = (): void => {
    for (const one of members.list()) {
      if (one.id !== memberId) peers.addPeer(one.id, one.peerUrls);
    }
  };
  /** A received state may know others than the one before. */
  const meetOthers = (before: readonly MemberRecord[]): void => {
    for (const { id } of before) if (members.get(id) === undefined) peers.removePeer(id);
    for (const { id, peerUrls } of members.list()) {
      if (id !== memberId) peers.updatePeer(id, peerUrls);
    }
  };

  /** Everybody else's work on the old state has ended or waits; reads go on until it is closed. */
  const adopt = async (
    fresh: Backend,
    mark: SnapshotMark,
    loading: RecordsLoading | undefined,
  ): Promise<void> => {
    memoryLog.applySnapshot({ data: new Uint8Array(0), metadata: mark });
    await loadSmallBuckets(fresh, small);
    await settleStorageVersion(fresh, members.clusterVersion);
    await settleAuthRevision(fresh, auth);
    await store.reload(fresh, lessor, loading);
    hub.restore();
    checkpoints.reset(mark.index);
    member.applyTurn.reset(mark.index, mark.term);
  };
  const transfer = new SnapshotTransfer({
    monotonicMs: () => clock.monotonicMs(),
    logHoldMs: settings.snapshotLogHoldMs,
    log,
    files: ports.files,
    backend,
    appliedIndex: () => member.applyTurn.appliedIndex,
    sharesOwnRecords: () => capabilities.isLatched("v2"),
    takesTables: (to) => capabilities.hasAnnounced(to, takesTables),
    sendSnapshot: (message, body, form) => peers.sendSnapshot(message, body, form),
    reportFailure: (to) => {
      raft.reportSnapshot(to, "failure");
      member.wake();
    },
    beginLoading: () => store.beginLoading(),
    exchange: async (mark, { fill, folder, loading }) => {
      const before = members.list();
      await compaction.hold();
      await member.applyTurn.flushed();
      await state.replace(
        mark,
        async (fresh) => {
          await fill(fresh);
          await ports.markState(fresh);
        },
        (reached) => wal.reset(reached, undefined),
        (fresh) => adopt(fresh, mark, loading),
        folder,
      );
      meetOthers(before);
      compaction.release();
    },
  });

  return {
    member,
    transfer,
    start: () => {
      meetPeers();
      member.start();
      compaction.wake();
      v2Expiry.start();
      autoCompaction?.start();
      autoDisarm?.start();
    },
    stop: async () => {
      v2Expiry.stop();
      autoCompaction?.stop();
      autoDisarm?.stop();
      await member.stop();
      await checkpoints.stop();
      compaction.stop();
      hub.close();
      v2.close();
      store.close();
    },
  };
}
