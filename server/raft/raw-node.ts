// The door to raft: inputs are method calls, all outputs leave in the Ready struct. Nothing here
// reads a clock, a socket or a disk. The driver's loop is: inputs, then while hasReady(): ready(),
// do what it says in the order that ready.ts states, advance(). Inputs may also arrive between
// ready() and advance(); their outputs are in the next Ready.
import { assert } from "#base/assert.ts";
import { type MemberId, noMember } from "#base/ids.ts";
import type { ConfState, HardState, Message } from "#proto/gen/raft.ts";
import { ConfChange, ConfChangeV2, EntryType, MessageType } from "#proto/gen/raft.ts";
import { asV2 } from "#server/raft/conf-change.ts";
import type { RaftConfig } from "#server/raft/config.ts";
import { countVote, startCampaign } from "#server/raft/election.ts";
import {
  handleAcknowledgement,
  propose,
  readIndex,
  snapshotReported,
  unreachable,
} from "#server/raft/leader.ts";
import {
  isLocalMessage,
  isResponse,
  mayLackTerm,
  newEntry,
  newMessage,
  payloadBytes,
} from "#server/raft/message.ts";
import { Raft } from "#server/raft/raft.ts";
import type { Ready, SoftState } from "#server/raft/ready.ts";
import { flush } from "#server/raft/replication.ts";
import type {
  ProgressStatus,
  ProposeResult,
  RaftStatus,
  ReadIndexResult,
  StepResult,
} from "#server/raft/status.ts";
import { step, tick } from "#server/raft/step.ts";

/** What advance() has to account for: the last Ready, as it was handed out. */
interface Outstanding {
  readonly term: number;
  /** The end of the log that is on disk now. */
  readonly lastIndex: number;
  readonly lastTerm: number;
  readonly selfVote: boolean;
  /** Index of the snapshot that is installed now; 0 if none. */
  readonly snapshotIndex: number;
  /** The last committed entry taken over; 0 if none. */
  readonly appliedIndex: number;
  readonly appliedBytes: number;
}

export class RawNode {
  readonly #raft: Raft;
  #softState: SoftState;
  #hardState: HardState;
  #outstanding: Outstanding | undefined;

  constructor(config: RaftConfig) {
    this.#raft = new Raft(config);
    this.#softState = { leader: this.#raft.leader, role: this.#raft.role };
    this.#hardState = config.hardState;
  }

  /** One tick of time has passed: elections, heartbeats and quorum checks hang on it. */
  tick(): void {
    tick(this.#raft);
  }

  /** Takes a message from another member. Keeps its entries and snapshot; they never change. */
  step(message: Message): StepResult {
    const { type } = message;
    if (isLocalMessage(type)) return "ignored-local-message";
    if (message.term === 0 && !mayLackTerm(type)) return "ignored-local-message";
    if (isResponse(type) && this.#raft.tracker.get(message.from) === undefined) {
      return "ignored-unknown-sender";
    }
    return step(this.#raft, message);
  }

  /** Proposes a normal entry. Keeps `data`, which must not change any more. */
  propose(data: Uint8Array): ProposeResult {
    return this.#propose(EntryType.EntryNormal, data);
  }

  /** Proposes a change of one member; becomes an empty entry while another one is unapplied. */
  proposeConfChange(change: ConfChange): ProposeResult {
    return this.#propose(EntryType.EntryConfChange, ConfChange.encode(change).finish());
  }

  /** Proposes a change of several members at once; etcd members cannot apply it. */
  proposeConfChangeV2(change: ConfChangeV2): ProposeResult {
    return this.#propose(EntryType.EntryConfChangeV2, ConfChangeV2.encode(change).finish());
  }

  /** Asks for a ReadState with `context`, which is unique and has no meaning here. */
  readIndex(context: Uint8Array): ReadIndexResult {
    const raft = this.#raft;
    if (raft.role === "leader") return readIndex(raft, { from: raft.id, context });
    if (raft.leader === noMember) return "dropped-no-leader";
    const message = newMessage(MessageType.MsgReadIndex, {
      from: raft.id,
      to: raft.leader,
      term: 0,
    });
    message.entries = [newEntry(EntryType.EntryNormal, context)];
    raft.messages.push(message);
    return "ok";
  }

  /**
   * The index that a read may be answered at with no message at all: a leader that is its cluster's
   * only voter has nobody to ask. Undefined for every other member: use readIndex.
   */
  readIndexNow(): number | undefined {
    const raft = this.#raft;
    if (raft.role !== "leader" || !this.isOnlyVoter) return undefined;
    return raft.committedInTerm ? raft.log.committed : undefined;
  }

  /** True if the configuration has this member for its one voter. */
  get isOnlyVoter(): boolean {
    const { id, tracker } = this.#raft;
    return tracker.isSingleton && tracker.isVoter(id);
  }

  /** Moves leadership to `id`; given up after an election timeout. */
  transferLeader(id: MemberId): void {
    const route = { from: id, to: noMember, term: 0 };
    step(this.#raft, newMessage(MessageType.MsgTransferLeader, route));
  }

  /** Starts an election now. */
  campaign(): void {
    startCampaign(this.#raft, this.#raft.config.preVote ? "pre-election" : "election");
  }

  /** Forgets the leader without a change of term, so that this follower may grant pre-votes. */
  forgetLeader(): void {
    if (this.#raft.role === "follower") this.#raft.leader = noMember;
  }

  /** The last message to `id` was not delivered. */
  reportUnreachable(id: MemberId): void {
    const member = this.#raft.tracker.get(id);
    if (member !== undefined && this.#raft.role === "leader") unreachable(member);
  }

  /** The snapshot sent to `id` has arrived, or not. Must follow every MsgSnap that was taken. */
  reportSnapshot(id: MemberId, outcome: "finish" | "failure"): void {
    const member = this.#raft.tracker.get(id);
    if (member !== undefined && this.#raft.role === "leader") snapshotReported(member, outcome);
  }

  /**
   * Switches to the configuration of a committed EntryConfChange, before advance() of the Ready
   * that held it. An entry that was refused is applied as a change with nodeId 0. Returns the new
   * configuration, for the next snapshot.
   */
  applyConfChange(change: ConfChange | ConfChangeV2): ConfState {
    return this.#raft.applyConfChange(asV2(change));
  }

  hasReady(): boolean {
    const raft = this.#raft;
    flush(raft);
    return (
      raft.messages.length > 0 ||
      raft.log.hasUnaccepted ||
      raft.log.hasCommittedToApply ||
      raft.readStates.length > 0 ||
      raft.selfVoteDue ||
      this.#softStateChanged() ||
      this.#hardStateChanged()
    );
  }

  /** What is to be done now. Not called again before advance(). */
  ready(): Ready {
    assert(this.#outstanding === undefined, "raft: ready() called twice without advance()");
    const raft = this.#raft;
    flush(raft);
    const { entries, snapshot } = raft.log.acceptUnstable();
    const committed = raft.log.acceptCommitted(raft.config.maxCommittedBytesPerReady);
    const { messages, readStates } = raft;
    raft.messages = [];
    raft.readStates = [];

    const votedOrNewTerm = raft.term !== this.#hardState.term || raft.vote !== this.#hardState.vote;
    let hardState: HardState | undefined;
    if (this.#hardStateChanged()) {
      hardState = { term: raft.term, vote: raft.vote, commit: raft.log.committed };
      this.#hardState = hardState;
    }
    let softState: SoftState | undefined;
    if (this.#softStateChanged()) {
      softState = { leader: raft.leader, role: raft.role };
      this.#softState = softState;
    }
    this.#outstanding = {
      term: raft.term,
      lastIndex: raft.log.lastIndex(),
      lastTerm: raft.log.lastTerm(),
      selfVote: raft.selfVoteDue,
      snapshotIndex: snapshot?.metadata?.index ?? 0,
      appliedIndex: committed.at(-1)?.index ?? 0,
      appliedBytes: payloadBytes(committed),
    };
    raft.selfVoteDue = false;
    const mustSync = entries.length > 0 || snapshot !== undefined || votedOrNewTerm;
    return { softState, hardState, readStates, entries, snapshot, committed, messages, mustSync };
  }

  /**
   * The last Ready was carried out: what it holds is on disk and in the storage, its messages were
   * handed to the transport, its committed entries were taken over for applying. Only now does this
   * member count its own log and its own vote.
   */
  advance(): void {
    const done = this.#outstanding;
    assert(done !== undefined, "raft: advance() without ready()");
    this.#outstanding = undefined;
    const raft = this.#raft;
    raft.log.stableTo(done.lastIndex, done.lastTerm);
    if (done.snapshotIndex > 0) raft.log.snapshotStable(done.snapshotIndex);
    if (!raft.log.hasPendingSnapshot) raft.configBeforeSnapshot = undefined;
    if (done.term === raft.term) this.#countSelf(done);
    if (done.appliedIndex > 0) {
      // A snapshot that came meanwhile cannot have overtaken it: it installs with the next advance.
      raft.log.appliedTo(done.appliedIndex);
      raft.uncommittedBytes = Math.max(0, raft.uncommittedBytes - done.appliedBytes);
    }
    this.#leaveJoint();
  }

  status(): RaftStatus {
    const raft = this.#raft;
    const progress = new Map<MemberId, ProgressStatus>();
    for (const member of raft.role === "leader" ? raft.tracker.members : []) {
      const { match, next, state, recentActive, isLearner, paused, pendingSnapshot } = member;
      const inflight = member.inflights.count;
      progress.set(member.id, {
        match,
        next,
        state,
        recentActive,
        isLearner,
        paused,
        inflight,
        pendingSnapshot,
      });
    }
    const { id, term, vote, leader, role, leadTransferee } = raft;
    const { committed: commit, applied } = raft.log;
    return { id, term, vote, commit, applied, leader, role, leadTransferee, progress };
  }

  #propose(type: EntryType, data: Uint8Array): ProposeResult {
    const raft = this.#raft;
    const entries = [newEntry(type, data)];
    if (raft.role === "leader") return propose(raft, entries);
    if (raft.role !== "follower" || raft.leader === noMember) return "dropped-no-leader";
    const message = newMessage(MessageType.MsgProp, { from: raft.id, to: raft.leader, term: 0 });
    message.entries = entries;
    raft.messages.push(message);
    return "ok";
  }

  /** The own disk has what the Ready held: the own vote, the own part of a quorum. */
  #countSelf(done: Outstanding): void {
    const raft = this.#raft;
    if (raft.role === "leader") {
      const own = raft.tracker.get(raft.id);
      if (own !== undefined) handleAcknowledgement(raft, own, done.lastIndex);
    } else if (done.selfVote && raft.role !== "follower") {
      countVote(raft, raft.id, true);
    }
  }

  /** A joint configuration that is applied and ends by itself: propose its end. */
  #leaveJoint(): void {
    const raft = this.#raft;
    if (raft.role !== "leader" || !raft.tracker.config.autoLeave) return;
    if (raft.log.applied < raft.pendingConfIndex) return;
    // Refused during a transfer of leadership: tried again at the next advance.
    propose(raft, [newEntry(EntryType.EntryConfChangeV2, new Uint8Array(0))]);
  }

  #softStateChanged(): boolean {
    return this.#raft.leader !== this.#softState.leader || this.#raft.role !== this.#softState.role;
  }

  #hardStateChanged(): boolean {
    const { term, vote, commit } = this.#hardState;
    const raft = this.#raft;
    return raft.term !== term || raft.vote !== vote || raft.log.committed !== commit;
  }
}
