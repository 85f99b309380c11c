// One member: raft, log, state and peers tied together. Inputs come from the API, from peers and
// from the clock; the Ready loop does the work; answers leave through pending proposals and read
// rounds. Adapters are passed in; this file knows none.
import type { Timer } from "#base/clock.ts";
import { formatId, type MemberId } from "#base/ids.ts";
import { type EtcdError, etcdError } from "#proto/errors.ts";
import { AlarmRequest_AlarmAction as AlarmAction, AlarmType } from "#proto/gen/maintenance.ts";
import { type Message, MessageType } from "#proto/gen/raft.ts";
import { Applier } from "#server/apply/applier.ts";
import type { Identity } from "#server/auth/tokens.ts";
import { ApplyTurn } from "#server/node/apply-turn.ts";
import { Handover } from "#server/node/handover.ts";
import { Leadership } from "#server/node/leadership.ts";
import { LeaseCheckpoints } from "#server/node/lease-checkpoints.ts";
import { LeaseExpiry } from "#server/node/lease-expiry.ts";
import { LogDoubt } from "#server/node/log-doubt.ts";
import type { MemberParts } from "#server/node/member-parts.ts";
import { MembershipChanges } from "#server/node/membership-changes.ts";
import { PendingProposals } from "#server/node/pending-proposals.ts";
import { PromptReads } from "#server/node/prompt-reads.ts";
import { Proposer } from "#server/node/proposer.ts";
import { ReadRounds } from "#server/node/read-rounds.ts";
import { ReadyLoop } from "#server/node/ready-loop.ts";
import { SlowApplies } from "#server/node/slow-applies.ts";
import type { SoftState } from "#server/raft/ready.ts";

const leaseRoundMs = 500;
const doubtText = "a heartbeat counts on entries that this log does not hold; ignored for now";

export class Member {
  readonly parts: MemberParts;
  readonly pending: PendingProposals;
  readonly proposer: Proposer;
  readonly reads: ReadRounds;
  readonly leadership: Leadership;
  readonly applier: Applier;
  readonly applyTurn: ApplyTurn;
  readonly slowApplies: SlowApplies;
  readonly leaseExpiry: LeaseExpiry;
  /** Called on each term in which this member leads, once its first entry is applied. */
  onLeading: () => void = () => {};
  private readonly leaseCheckpoints: LeaseCheckpoints | undefined;
  private readonly loop: ReadyLoop;
  private readonly handover: Handover;
  private readonly changes: MembershipChanges;
  private readonly promptReads: PromptReads;
  private readonly timers: Timer[] = [];
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
    this.handover = new Handover({
      ...parts,
      leadership: this.leadership,
      activeSince: (id) => parts.peers.activeSince(id),
      transferLeader: (to) => {
        raft.transferLeader(to);
        this.loop.wake();
      },
      isStopped: () => this.stopped,
    });
    this.changes = new MembershipChanges({
      ...parts,
      forgetLog: () => parts.snapshots().forgetLog(),
      onRemoved: () => parts.onRemoved(),
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
      leasesFirst: parts.leasesFirst,
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
      auth: parts.auth,
      members: parts.members,
      capabilities: parts.capabilities,
      v2: parts.v2,
      quotaBytes: parts.quotaBytes,
      persistCheckpoints: parts.persistCheckpoints,
      sizeBytes: () => parts.backend().sizeBytes(),
      monotonicMs: () => clock.monotonicMs(),
    });
    this.applier.onOverQuota = () => this.raiseNoSpace();
    this.applier.onClusterVersion = (before, now) => this.changes.clusterVersionSet(before, now);
    this.slowApplies = new SlowApplies(parts.warningApplyMs, parts.log);
    this.applyTurn = new ApplyTurn(
      {
        applier: this.applier,
        store: parts.store,
        hub: parts.hub,
        pending: this.pending,
        backend: () => parts.backend(),
        applyConfChange: (change, batch) => this.changes.apply(change, batch),
        emptyEntry: (term) => this.emptyEntry(term),
        applied: (index) => {
          this.reads.applied();
          parts.snapshots().applied(index);
        },
        slow: this.slowApplies,
        timed: (command, result, tookMs) => parts.meters.commandApplied?.(command, result, tookMs),
        monotonicMs: () => clock.monotonicMs(),
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
      // As the user who may: the one that revokes is nobody.
      revoke: (lease) => this.proposer.propose("leaseRevoke", { ID: lease }, this.asRoot()),
    });
    this.leaseCheckpoints = parts.checkpointLeases
      ? new LeaseCheckpoints({
          isLeader: () => this.leadership.isLeader,
          linearize: () => this.linearize(),
          due: (max) => parts.lessor.dueCheckpoints(clock.monotonicMs(), max),
          propose: (checkpoints) => this.proposer.propose("leaseCheckpoint", { checkpoints }),
        })
      : undefined;
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
      onSynced: (durationMs, bytes) => parts.meters.logSynced(durationMs, bytes),
      schedule: (run) => parts.schedule(run),
      fatal: (error) => parts.fatal(error),
    });
  }

  /** Begins to tick. */
  start(): void {
    const { clock, timings } = this.parts;
    this.timers.push(clock.every(timings.heartbeatMs, () => this.tick()));
    this.timers.push(
      clock.every(leaseRoundMs, () => {
        void this.leaseExpiry.round(clock.monotonicMs());
        void this.leaseCheckpoints?.round();
      }),
    );
    this.loop.wake();
  }

  /**
   * Before a stop: a leader hands over to the voter that has answered for the longest time, so that
   * the cluster need not first notice that it is gone. Resolves when it leads no more, at the latest
   * after an election timeout. Peers must still be connected.
   */
  handOver(): Promise<void> {
    return this.handover.away(this.parts.timings.electionTimeoutMs);
  }

  /** Moves leadership to a voter; false if it does not lead after the request timeout. */
  moveLeader(to: MemberId): Promise<boolean> {
    return this.handover.to(to, this.parts.timings.requestTimeoutMs);
  }

  /** The user of what the member does by itself; undefined while authentication is off. */
  private asRoot(): Identity | undefined {
    const { auth } = this.parts;
    return auth.isEnabled ? { username: "root", revision: auth.revision } : undefined;
  }

  /** Resolves once all that is committed now is applied. Rejects after `limitMs`. */
  caughtUp(limitMs: number): Promise<void> {
    return this.appliedUpTo(this.committed, limitMs);
  }

  /** Resolves once the entry is applied. Rejects with EtcdError after `limitMs`. */
  async appliedUpTo(wanted: number, limitMs: number): Promise<void> {
    const { clock } = this.parts;
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
    this.changes.stop();
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
    // Whoever is alone has nobody to wait for, and no leader to disturb.
    if (this.parts.timings.initialElectionTickAdvance && !this.leadership.hasLeader) {
      if (raft.isOnlyVoter) raft.campaign();
    }
    const timedOut = (startedMs: number): EtcdError =>
      this.leadership.timeoutError(nowMs, startedMs);
    this.pending.sweep(nowMs, timedOut);
    this.proposer.sweep();
    this.leadership.tick(nowMs);
    this.loop.tick();
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
    // Very many leases take several turns: an election must not be followed by a leader that is silent.
    const steps = lessor.promoting(clock.monotonicMs(), timings.electionTimeoutMs);
    const goOn = (): void => {
      if (!this.stopped && !steps.next().done) this.parts.schedule(goOn);
    };
    goOn();
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
