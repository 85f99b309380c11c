// One member: raft, log, state and peers tied together. Inputs come from the API, from peers and
// from the clock; the Ready loop does the work; answers leave through pending proposals and read
// rounds. Adapters are passed in; this file knows none.
import type { Clock, Timer } from "#base/clock.ts";
import { type ClusterId, formatId, type MemberId } from "#base/ids.ts";
import type { Log } from "#base/log.ts";
import { type EtcdError, etcdError } from "#proto/errors.ts";
import { AlarmRequest_AlarmAction as AlarmAction, AlarmType } from "#proto/gen/maintenance.ts";
import { type ConfChange, type Message, MessageType, type Snapshot } from "#proto/gen/raft.ts";
import type { Alarms } from "#server/apply/alarms.ts";
import { Applier } from "#server/apply/applier.ts";
import type { Lessor } from "#server/lease/lessor.ts";
import type { Capabilities } from "#server/membership/capabilities.ts";
import { allowedDowngrade, serverVersion } from "#server/membership/cluster-version.ts";
import { encodeConfState } from "#server/membership/conf-state-json.ts";
import { type Members, membershipError, membershipFaults } from "#server/membership/members.ts";
import type { Backend, WritableBatch } from "#server/mvcc/backend.ts";
import type { MvccStore } from "#server/mvcc/store.ts";
import type { WatchHub } from "#server/mvcc/watch-hub.ts";
import { ApplyTurn, confStateKey } from "#server/node/apply-turn.ts";
import { Leadership } from "#server/node/leadership.ts";
import { LeaseExpiry } from "#server/node/lease-expiry.ts";
import { LogDoubt } from "#server/node/log-doubt.ts";
import { PendingProposals } from "#server/node/pending-proposals.ts";
import { PromptReads } from "#server/node/prompt-reads.ts";
import { Proposer } from "#server/node/proposer.ts";
import { ReadRounds } from "#server/node/read-rounds.ts";
import { type LogWriter, ReadyLoop } from "#server/node/ready-loop.ts";
import type { RequestIds } from "#server/node/request-id.ts";
import type { MemoryLog } from "#server/raft/memory-log.ts";
import type { RawNode } from "#server/raft/raw-node.ts";
import type { SoftState } from "#server/raft/ready.ts";
import type { V2Store } from "#server/v2store/v2-store.ts";

/** The connections to peers; server/peer's transport is one. */
export interface Peers {
  send(messages: readonly Message[]): void;
  addPeer(id: MemberId, urls: readonly string[]): void;
  updatePeer(id: MemberId, urls: readonly string[]): void;
  removePeer(id: MemberId): void;
  activeSince(id: MemberId): number | undefined;
}

/** Sends and installs whole states; server/node/snapshots is one. */
export interface Snapshots {
  /** Takes a MsgSnap of raft: adds the state and sends both. */
  send(message: Message): void;
  install(snapshot: Snapshot): Promise<void>;
  /** Called after entries were applied: time to truncate the log? */
  applied(index: number): void;
  /** Entries up to the next call of `applied` shall be sent to nobody any more. */
  forgetLog(): void;
}

/** Counted for metrics; all optional work. */
export interface MemberMeters {
  logSynced(durationMs: number): void;
  applied(durationMs: number, entries: number): void;
  /** A copy of the state was made for a client and read to its end. */
  stateCopied(durationMs: number): void;
  /** A hash of all keys, or of the whole state, was computed for somebody who asked. */
  hashed?(what: "keys" | "state", durationMs: number): void;
}

export interface MemberTimings {
  readonly heartbeatMs: number;
  readonly electionTimeoutMs: number;
  readonly requestTimeoutMs: number;
}

export interface MemberParts {
  readonly clusterId: ClusterId;
  readonly memberId: MemberId;
  readonly timings: MemberTimings;
  readonly maxRequestBytes: number;
  /** Infinite for none. */
  readonly quotaBytes: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly requestIds: RequestIds;
  readonly raft: RawNode;
  readonly memoryLog: MemoryLog;
  readonly wal: LogWriter;
  backend(): Backend;
  readonly store: MvccStore;
  readonly hub: WatchHub;
  readonly lessor: Lessor;
  readonly alarms: Alarms;
  readonly members: Members;
  readonly capabilities: Capabilities;
  readonly v2: V2Store;
  readonly peers: Peers;
  snapshots(): Snapshots;
  readonly appliedIndex: number;
  readonly appliedTerm: number;
  readonly meters: MemberMeters;
  schedule(run: () => void): void;
  fatal(error: unknown): void;
  /** This member was removed from the cluster and has applied it. */
  onRemoved(): void;
}

const leaseRoundMs = 500;
/** How often a hand-over of leadership looks whether it is done. */
const handOverLookMs = 10;
/** How long a removed member goes on, as in etcd. */
const removedStayMs = 1000;
/** How long the others still talk to it: until it has stopped by itself. */
const removedTalkMs = 2000;
const doubtText = "a heartbeat counts on entries that this log does not hold; ignored for now";

export class Member {
  readonly parts: MemberParts;
  readonly pending: PendingProposals;
  readonly proposer: Proposer;
  readonly reads: ReadRounds;
  readonly leadership: Leadership;
  readonly applier: Applier;
  readonly applyTurn: ApplyTurn;
  readonly leaseExpiry: LeaseExpiry;
  /** Called on each term in which this member leads, once its first entry is applied. */
  onLeading: () => void = () => {};
  private readonly loop: ReadyLoop;
  private readonly promptReads: PromptReads;
  private readonly timers = new Set<Timer>();
  private term: number;
  private committed: number;
  private raisingNoSpace = false;
  private readonly logDoubt: LogDoubt;
  private stopped = false;

  constructor(parts: MemberParts) {
    this.parts = parts;
    const { clock, raft, timings, requestIds } = parts;
    const status = raft.status();
    this.term = status.term;
    this.committed = status.commit;
    this.promptReads = new PromptReads((run) => parts.schedule(run));
    this.pending = new PendingProposals(timings.requestTimeoutMs);
    this.logDoubt = new LogDoubt(timings.electionTimeoutMs);
    this.leadership = new Leadership({
      memberId: parts.memberId,
      electionTimeoutMs: timings.electionTimeoutMs,
      startedMs: clock.monotonicMs(),
      activeSince: (id) => parts.peers.activeSince(id),
    });
    this.reads = new ReadRounds(
      {
        readIndex: (context) => {
          raft.readIndex(context);
          this.loop.wake();
        },
        nextRequestId: () => requestIds.next(),
        appliedIndex: () => this.applyTurn.appliedIndex,
      },
      timings.requestTimeoutMs,
    );
    this.proposer = new Proposer({
      clock,
      pending: this.pending,
      maxRequestBytes: parts.maxRequestBytes,
      nextRequestId: () => requestIds.next(),
      hasLeader: () => this.leadership.hasLeader,
      committedIndex: () => this.committed,
      appliedIndex: () => this.applyTurn.appliedIndex,
      propose: (data) => {
        const result = raft.propose(data);
        this.loop.wake();
        return result;
      },
      proposeChange: (change) => {
        const result = raft.proposeConfChange(change);
        this.loop.wake();
        return result;
      },
    });
    this.applier = new Applier({
      store: parts.store,
      leases: parts.lessor,
      alarms: parts.alarms,
      members: parts.members,
      capabilities: parts.capabilities,
      v2: parts.v2,
      quotaBytes: parts.quotaBytes,
      sizeBytes: () => parts.backend().sizeBytes(),
      monotonicMs: () => clock.monotonicMs(),
    });
    this.applier.onOverQuota = () => this.raiseNoSpace();
    this.applier.onClusterVersion = (before, now) => this.clusterVersionSet(before, now);
    this.applyTurn = new ApplyTurn(
      {
        applier: this.applier,
        store: parts.store,
        hub: parts.hub,
        pending: this.pending,
        backend: () => parts.backend(),
        applyConfChange: (change, batch) => this.applyConfChange(change, batch),
        emptyEntry: (term) => this.emptyEntry(term),
        applied: (index) => {
          this.reads.applied();
          parts.snapshots().applied(index);
        },
        fatal: (error) => parts.fatal(error),
      },
      parts.appliedIndex,
      parts.appliedTerm,
    );
    this.leaseExpiry = new LeaseExpiry({
      isLeader: () => this.leadership.isLeader,
      linearize: () => this.linearize(),
      expired: (nowMs, max) => parts.lessor.expired(nowMs, max),
      hasExpired: (lease) => parts.lessor.hasExpired(lease, clock.monotonicMs()),
      revoke: (lease) => this.proposer.propose("leaseRevoke", { ID: lease }),
    });
    this.loop = new ReadyLoop({
      raft,
      log: parts.memoryLog,
      wal: parts.wal,
      clock,
      send: (messages) => this.send(messages),
      apply: (entries) => {
        this.committed = Math.max(this.committed, entries.at(-1)!.index);
        const start = clock.monotonicMs();
        const applying = this.applyTurn.apply(entries);
        if (applying === undefined) {
          parts.meters.applied(clock.monotonicMs() - start, entries.length);
        }
        return applying;
      },
      advanced: () => this.applyTurn.advanced(),
      install: (snapshot) => parts.snapshots().install(snapshot),
      onSoftState: (state) => this.softState(state),
      onReadState: (context, index) => {
        this.reads.answer(context, index);
        if (this.reads.wanted) this.beginReads();
      },
      onHardState: (hardState) => {
        this.term = hardState.term;
        this.committed = Math.max(this.committed, hardState.commit);
      },
      onSynced: (durationMs) => parts.meters.logSynced(durationMs),
      schedule: (run) => parts.schedule(run),
      fatal: (error) => parts.fatal(error),
    });
  }

  /** Begins to tick. */
  start(): void {
    const { clock, timings } = this.parts;
    this.timers.add(clock.every(timings.heartbeatMs, () => this.tick()));
    this.timers.add(
      clock.every(leaseRoundMs, () => void this.leaseExpiry.round(clock.monotonicMs())),
    );
    this.loop.wake();
  }

  /**
   * Before a stop: a leader hands over to the voter that has answered for the longest time, so that
   * the cluster need not first notice that it is gone. Resolves when it leads no more, at the latest
   * after an election timeout. Peers must still be connected.
   */
  async handOver(): Promise<void> {
    const { members, memberId, peers, timings } = this.parts;
    if (this.stopped || !this.leadership.isLeader) return;
    let heir: MemberId | undefined;
    let longest = Number.POSITIVE_INFINITY;
    for (const { id, isLearner } of members.list()) {
      const since = id === memberId || isLearner ? undefined : peers.activeSince(id);
      if (since === undefined || since >= longest) continue;
      heir = id;
      longest = since;
    }
    if (heir === undefined) return;
    await this.transfer(heir, timings.electionTimeoutMs, () => !this.leadership.isLeader);
  }

  /** Moves leadership to a voter; false if it does not lead after the request timeout. */
  moveLeader(to: MemberId): Promise<boolean> {
    const { requestTimeoutMs } = this.parts.timings;
    return this.transfer(to, requestTimeoutMs, () => this.leadership.leader === to);
  }

  private async transfer(to: MemberId, limitMs: number, isDone: () => boolean): Promise<boolean> {
    const { clock, log, memberId, raft } = this.parts;
    const ids = {
      "current-leader-member-id": formatId(memberId),
      "transferee-member-id": formatId(to),
    };
    log.info(ids, "leadership transfer starting");
    raft.transferLeader(to);
    this.loop.wake();
    const deadline = clock.monotonicMs() + limitMs;
    while (!isDone()) {
      if (this.stopped || clock.monotonicMs() >= deadline) {
        log.warn(ids, "leadership transfer given up");
        return false;
      }
      await new Promise<void>((resolve) => clock.after(handOverLookMs, resolve));
    }
    log.info(ids, "leadership transfer finished");
    return true;
  }

  /** Resolves once all that is committed now is applied. Rejects after `limitMs`. */
  async caughtUp(limitMs: number): Promise<void> {
    const { clock } = this.parts;
    const wanted = this.committed;
    const deadline = clock.monotonicMs() + limitMs;
    while (this.applyTurn.appliedIndex < wanted) {
      if (clock.monotonicMs() >= deadline) throw etcdError("timeoutWaitAppliedIndex");
      await new Promise<void>((resolve) => clock.after(5, resolve));
    }
  }

  /** Ends the loop after its turn; whoever waits is told that the server stopped. */
  async stop(): Promise<void> {
    if (this.stopped) return;
    this.stopped = true;
    for (const timer of this.timers) timer.cancel();
    this.proposer.stop();
    await this.loop.stop();
    const error = (): EtcdError => etcdError("stopped");
    this.pending.rejectAll(error);
    this.reads.rejectAll(error);
    await this.applyTurn.flushed();
  }

  get raftTerm(): number {
    return this.term;
  }

  get committedIndex(): number {
    return this.committed;
  }

  /** A message from a peer, already checked to be from a member and for this one. */
  step(message: Message): void {
    if (this.stopped) return;
    const { clock, log, raft } = this.parts;
    const result = raft.step(message);
    try {
      if (this.logDoubt.stepped(message, result, clock.monotonicMs()))
        log.error({ from: formatId(message.from), commit: message.commit }, doubtText);
    } catch (error) {
      this.parts.fatal(error);
    }
    this.loop.wake();
  }

  /** Wakes the loop after raft was given work from outside. */
  wake(): void {
    this.loop.wake();
  }

  /** Everything committed before the call is applied here when it resolves; undefined: it is now. */
  linearize(): Promise<void> | undefined {
    if (this.stopped) return Promise.reject(etcdError("stopped"));
    const index = this.parts.raft.readIndexNow();
    if (index !== undefined && this.applyTurn.appliedIndex >= index) return this.promptReads.read();
    const done = this.reads.read();
    // Reads that arrive in the same turn share the round, so it begins when the turn ends.
    if (this.reads.wanted && !this.readScheduled) {
      this.readScheduled = true;
      this.parts.schedule(this.beginReads);
    }
    return done;
  }

  private readScheduled = false;
  private readonly beginReads = (): void => {
    this.readScheduled = false;
    this.reads.begin(this.parts.clock.monotonicMs());
  };

  private tick(): void {
    const { clock, raft } = this.parts;
    const nowMs = clock.monotonicMs();
    // Ticks missed in a pause collapse into this one: a member that slept must not rush to elect.
    raft.tick();
    const timedOut = (startedMs: number): EtcdError =>
      this.leadership.timeoutError(nowMs, startedMs);
    this.pending.sweep(nowMs, timedOut);
    this.proposer.sweep();
    this.leadership.tick(nowMs);
    this.reads.tick(nowMs, timedOut, () => etcdError("timeoutWaitAppliedIndex"));
    this.loop.wake();
  }

  private softState(state: SoftState): void {
    const { clock, lessor, log, memberId } = this.parts;
    const led = this.leadership.isLeader;
    const { newLeader, lost } = this.leadership.update(state, clock.monotonicMs());
    if (newLeader) this.reads.leaderChanged(() => etcdError("leaderChanged"));
    if (led && !this.leadership.isLeader) lessor.demote();
    if (newLeader) {
      const term = this.parts.raft.status().term;
      this.term = Math.max(this.term, term);
      log.info(
        { leader: state.leader.toString(16), term },
        state.leader === memberId ? "became leader" : "follows a leader",
      );
      this.proposer.leaderKnown();
    } else if (lost) {
      log.warn({ term: this.term }, "lost the leader");
    }
    if (this.reads.wanted) this.beginReads();
  }

  /** The first entry of a term was applied: if it is this member's own, its leases count from now. */
  private emptyEntry(term: number): void {
    const { clock, lessor, timings } = this.parts;
    // A change of membership that raft refused is an empty entry too: its leases count already.
    if (lessor.isPrimary) return;
    if (!this.leadership.isLeader || this.parts.raft.status().term !== term) return;
    lessor.promote(clock.monotonicMs(), timings.electionTimeoutMs);
    this.onLeading();
  }

  private send(messages: readonly Message[]): void {
    if (messages.length === 0) return;
    const { peers } = this.parts;
    if (!messages.some((message) => message.type === MessageType.MsgSnap)) {
      peers.send(messages);
      return;
    }
    const others: Message[] = [];
    for (const message of messages) {
      if (message.type === MessageType.MsgSnap) this.parts.snapshots().send(message);
      else others.push(message);
    }
    peers.send(others);
  }

  private applyConfChange(change: ConfChange, batch: WritableBatch): object | EtcdError {
    const { log, members, memberId, peers, raft } = this.parts;
    const effect = members.apply(change, batch);
    if (effect.kind === "refused") {
      raft.applyConfChange({ ...change, nodeId: 0n });
      log.warn({ fault: membershipFaults[effect.fault][0] }, "refused a change of membership");
      return membershipError(effect.fault);
    }
    batch.put("meta", confStateKey, encodeConfState(raft.applyConfChange(change)));
    switch (effect.kind) {
      case "added":
      case "promoted":
        log.info({ member: effect.member.id.toString(16) }, "added member");
        if (effect.member.id !== memberId) peers.addPeer(effect.member.id, effect.member.peerUrls);
        break;
      case "updated":
        if (effect.member.id !== memberId) {
          peers.updatePeer(effect.member.id, effect.member.peerUrls);
        }
        break;
      case "removed":
        log.info({ member: effect.id.toString(16) }, "removed member");
        this.leaves(effect.id);
        break;
    }
    return members.list();
  }

  /**
   * A removed member goes on for a little, so that those who asked it are answered, and is talked to
   * for longer, so that it learns of its removal from the log and not from a refused connection.
   */
  private leaves(id: MemberId): void {
    const { clock, log, memberId, onRemoved, peers } = this.parts;
    const isSelf = id === memberId;
    if (this.stopped) return;
    if (isSelf) log.info({}, "this member was removed; it stops in a second");
    const stay = clock.after(isSelf ? removedStayMs : removedTalkMs, () => {
      this.timers.delete(stay);
      if (isSelf) onRemoved();
      else peers.removePeer(id);
    });
    this.timers.add(stay);
  }

  /** The storage version has changed with it, in the same batch. */
  private clusterVersionSet(before: string | undefined, now: string): void {
    const { log, members } = this.parts;
    if (before === now) return;
    log.info({ from: before, to: now }, "updated cluster version");
    // A member of the lower version may join now. It stops at the entry that raised the version, and
    // at whatever else it does not know.
    if (before !== undefined && allowedDowngrade(before) === now)
      this.parts.snapshots().forgetLog();
    const { enabled, targetVersion } = members.downgrade;
    if (!enabled || targetVersion !== now) return;
    const fields = { "target-version": targetVersion, "server-version": serverVersion };
    log.info(fields, "The server is ready to downgrade");
  }

  /** Any member whose state outgrew the quota raises the alarm, once. */
  raiseNoSpace(): void {
    if (this.raisingNoSpace) return;
    this.raisingNoSpace = true;
    const request = {
      action: AlarmAction.ACTIVATE,
      memberID: this.parts.memberId,
      alarm: AlarmType.NOSPACE,
    };
    const done = (): void => {
      this.raisingNoSpace = false;
    };
    this.proposer.propose("alarm", request).then(done, done);
  }
}
