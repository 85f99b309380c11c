// The state of one raft node and its transitions between roles. What each role does with a message
// lies in follower.ts, election.ts and leader.ts; which messages are looked at at all in step.ts.
//
// Messages are collected and leave with the next Ready. Appends and heartbeats of a leader are only
// marked as due and made at the end of the turn (replication.ts), so that all proposals and all reads
// of one turn share them.
import { assert } from "#base/assert.ts";
import { type MemberId, noMember } from "#base/ids.ts";
import type { ConfChangeV2, ConfState, Entry, Message } from "#proto/gen/raft.ts";
import { EntryType, MessageType } from "#proto/gen/raft.ts";
import {
  applyChange,
  assertAccepted,
  type Configuration,
  confStateOf,
  restoreConfiguration,
} from "#server/raft/conf-change.ts";
import { assertConfig, type RaftConfig } from "#server/raft/config.ts";
import { RaftLog } from "#server/raft/log.ts";
import { newEntry, newMessage, payloadBytes } from "#server/raft/message.ts";
import type { AppendDue } from "#server/raft/progress.ts";
import { type PendingRead, ReadIndexQueue } from "#server/raft/read-index.ts";
import type { ReadState, Role } from "#server/raft/ready.ts";
import { Tracker } from "#server/raft/tracker.ts";

/** A wish to read that came before the leader's first commit of its term. */
export interface PostponedRead {
  readonly from: MemberId;
  readonly context: Uint8Array;
}

export class Raft {
  readonly config: RaftConfig;
  readonly id: MemberId;
  readonly log: RaftLog;
  readonly tracker: Tracker;
  readonly reads = new ReadIndexQueue();

  term: number;
  vote: MemberId;
  role: Role = "follower";
  leader: MemberId = noMember;
  /** To whom this leader hands over; no proposals are taken meanwhile (thesis §3.10). */
  leadTransferee: MemberId = noMember;

  electionElapsed = 0;
  heartbeatElapsed = 0;
  /** Ticks without a leader until a campaign; drawn anew in each term (Raft §5.2). */
  randomizedElectionTicks = 0;

  /** A configuration change at most this far in the log may be unapplied: no further one. */
  pendingConfIndex = 0;
  /** Payload of the entries that this leader took in and has not handed out for applying. */
  uncommittedBytes = 0;
  /**
   * While a received snapshot waits to be installed, the configuration of what is still being applied
   * before it; the tracker has the snapshot's own since it came.
   */
  configBeforeSnapshot: Configuration | undefined;
  /** Waiting for the first commit in this leader's term. */
  postponedReads: PostponedRead[] = [];

  messages: Message[] = [];
  readStates: ReadState[] = [];
  /** Some member's appendDue is set. */
  appendsDue = false;
  heartbeatsDue = false;
  /** This candidate's vote for itself counts once its disk has it: at the next advance. */
  selfVoteDue = false;

  constructor(config: RaftConfig) {
    assertConfig(config);
    this.config = config;
    this.id = config.id;
    this.term = config.hardState.term;
    this.vote = config.hardState.vote;
    this.log = new RaftLog(config.storage, {
      committed: config.hardState.commit,
      applied: config.applied,
    });
    this.tracker = new Tracker({
      count: config.maxInflightMessages,
      bytes: config.maxInflightBytes,
    });
    const configuration = assertAccepted(restoreConfiguration(config.confState));
    this.tracker.switchTo(configuration, this.log.lastIndex());
    this.becomeFollower(this.term, noMember);
  }

  // ── transitions ────────────────────────────────────────────────────────────────────────────────

  becomeFollower(term: number, leader: MemberId): void {
    this.#reset(term);
    this.role = "follower";
    this.leader = leader;
  }

  /** Neither term nor vote change: nothing was promised yet (thesis §9.6). */
  becomePreCandidate(): void {
    assert(this.role !== "leader", "raft: a leader cannot become a pre-candidate");
    this.tracker.resetVotes();
    this.leader = noMember;
    this.role = "pre-candidate";
  }

  becomeCandidate(): void {
    assert(this.role !== "leader", "raft: a leader cannot become a candidate");
    this.#reset(this.term + 1);
    this.vote = this.id;
    this.role = "candidate";
  }

  becomeLeader(): void {
    assert(this.role === "candidate", `raft: a ${this.role} cannot become the leader`);
    this.#reset(this.term);
    this.leader = this.id;
    this.role = "leader";
    const own = this.tracker.get(this.id);
    assert(own !== undefined, "raft: elected without being a member");
    own.becomeReplicate();
    own.recentActive = true;
    // There may be a change among the entries of earlier terms; waiting for them is simpler than
    // looking for it.
    this.pendingConfIndex = this.log.lastIndex();
    // Only by committing an entry of its own term does it learn what is committed (Raft §5.4.2, §8).
    const appended = this.appendEntries([newEntry(EntryType.EntryNormal, emptyData)]);
    assert(appended, "raft: the empty entry of a new term was refused");
    this.broadcastAppend();
  }

  #reset(term: number): void {
    if (this.term !== term) {
      assert(term > this.term, `raft: term would go back from ${this.term} to ${term}`);
      this.term = term;
      this.vote = noMember;
    }
    this.leader = noMember;
    this.electionElapsed = 0;
    this.heartbeatElapsed = 0;
    this.randomizedElectionTicks =
      this.config.electionTicks + this.config.random.below(this.config.electionTicks);
    this.leadTransferee = noMember;
    this.tracker.resetVotes();
    const last = this.log.lastIndex();
    for (const member of this.tracker.members) {
      member.reset(last + 1);
      if (member.id === this.id) member.match = last;
    }
    this.pendingConfIndex = 0;
    this.uncommittedBytes = 0;
    this.reads.clear();
    this.postponedReads = [];
    this.appendsDue = false;
    this.heartbeatsDue = false;
    this.selfVoteDue = false;
  }

  // ── output ─────────────────────────────────────────────────────────────────────────────────────

  /** A message of this member in its present term, for the caller to fill; it is on its way. */
  send(type: MessageType, to: MemberId): Message {
    return this.sendInTerm(type, to, this.term);
  }

  /** The same in another term: votes, and what carries none. */
  sendInTerm(type: MessageType, to: MemberId, term: number): Message {
    assert(to !== this.id, "raft: a message to itself");
    const message = newMessage(type, { from: this.id, to, term });
    this.messages.push(message);
    return message;
  }

  /** Passes another one's message on to the leader. */
  forward(message: Message): void {
    const from = message.from === noMember ? this.id : message.from;
    const copy = newMessage(message.type, { from, to: this.leader, term: 0 });
    copy.entries = message.entries;
    copy.context = message.context;
    if (message.type === MessageType.MsgTransferLeader) copy.term = this.term;
    this.messages.push(copy);
  }

  markAppend(member: { appendDue: AppendDue }, due: "entries" | "message"): void {
    if (member.appendDue !== "message") member.appendDue = due;
    this.appendsDue = true;
  }

  /** Every follower gets what is new, or at least the commit index. */
  broadcastAppend(): void {
    for (const member of this.tracker.members) {
      if (member.id !== this.id) this.markAppend(member, "message");
    }
  }

  // ── the leader's log ───────────────────────────────────────────────────────────────────────────

  /** Puts entries of this term at the end of the log; false if they exceed the uncommitted limit. */
  appendEntries(entries: Entry[]): boolean {
    const bytes = payloadBytes(entries);
    const limit = this.config.maxUncommittedBytes;
    // With nothing pending any size is taken, and what is empty always is: a new term's first entry
    // and the leaving of a joint configuration must get in.
    if (limit !== 0 && bytes > 0 && this.uncommittedBytes > 0) {
      if (this.uncommittedBytes + bytes > limit) return false;
    }
    this.uncommittedBytes += bytes;
    let index = this.log.lastIndex();
    for (const entry of entries) {
      index++;
      entry.index = index;
      entry.term = this.term;
    }
    this.log.append(entries);
    return true;
  }

  /** Commits what a quorum has; true if the commit index moved. */
  tryCommit(): boolean {
    return this.log.tryCommit(this.tracker.committedIndex(), this.term);
  }

  get committedInTerm(): boolean {
    return this.log.matches(this.log.committed, this.term);
  }

  /** Hands a confirmed read to whoever asked. */
  answerRead(read: PendingRead): void {
    if (read.from === noMember || read.from === this.id) {
      this.readStates.push({ index: read.index, context: read.context });
      return;
    }
    const answer = this.send(MessageType.MsgReadIndexResp, read.from);
    answer.index = read.index;
    answer.entries = [newEntry(EntryType.EntryNormal, read.context)];
  }

  /** Answers the reads that a quorum has confirmed by now. */
  answerConfirmedReads(): void {
    for (const read of this.reads.takeConfirmed(this.tracker.voters)) this.answerRead(read);
  }

  // ── configuration ──────────────────────────────────────────────────────────────────────────────

  /** True if this member may campaign: a voter, with no snapshot half installed. */
  get promotable(): boolean {
    const own = this.tracker.get(this.id);
    return own !== undefined && !own.isLearner && !this.log.hasPendingSnapshot;
  }

  applyConfChange(change: ConfChangeV2): ConfState {
    if (this.configBeforeSnapshot !== undefined) {
      // The snapshot is newer than this change and holds its effect already.
      const config = assertAccepted(applyChange(this.configBeforeSnapshot, change));
      this.configBeforeSnapshot = config;
      return confStateOf(config);
    }
    return this.switchTo(assertAccepted(applyChange(this.tracker.config, change)));
  }

  switchTo(configuration: Configuration): ConfState {
    this.tracker.switchTo(configuration, this.log.lastIndex());
    const state = confStateOf(configuration);
    const own = this.tracker.get(this.id);
    if (this.role !== "leader" || own === undefined || own.isLearner) return state;
    if (this.tryCommit()) {
      this.afterCommit();
    } else {
      // New members need not wait for the next heartbeat.
      for (const member of this.tracker.members) {
        if (member.id !== this.id) this.markAppend(member, "entries");
      }
    }
    this.answerConfirmedReads();
    if (this.leadTransferee !== noMember && !this.tracker.isVoter(this.leadTransferee)) {
      this.leadTransferee = noMember;
    }
    return state;
  }

  /** The commit index moved: followers are told, and reads of a new leader may begin. */
  afterCommit(): void {
    this.broadcastAppend();
    if (this.postponedReads.length === 0 || !this.committedInTerm) return;
    const reads = this.postponedReads;
    this.postponedReads = [];
    for (const read of reads) this.beginRead(read);
  }

  /** Starts a read of this leader, which has committed in its term. False if too many are pending. */
  beginRead(read: PostponedRead): boolean {
    const { from, context } = read;
    const pending = { from, context, index: this.log.committed };
    if (this.tracker.isSingleton && this.tracker.isVoter(this.id)) {
      this.answerRead(pending);
      return true;
    }
    if (!this.reads.add(pending)) return false;
    this.reads.echoSelf(this.id);
    this.heartbeatsDue = true;
    return true;
  }
}

const emptyData = new Uint8Array(0);
