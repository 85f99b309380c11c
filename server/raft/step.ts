// The rules of terms, which come before what any role does (Raft §5.1; check-quorum: thesis §6.2,
// §4.2.3), and the passing of time.
import { equalBytes } from "#base/bytes.ts";
import { noMember } from "#base/ids.ts";
import type { Message } from "#proto/gen/raft.ts";
import { MessageType } from "#proto/gen/raft.ts";
import { stepCandidate } from "#server/raft/candidate.ts";
import { handleVoteRequest, startCampaign } from "#server/raft/election.ts";
import { stepFollower } from "#server/raft/follower.ts";
import { stepLeader } from "#server/raft/leader.ts";
import { campaignTransferContext } from "#server/raft/message.ts";
import type { Raft } from "#server/raft/raft.ts";
import type { StepResult } from "#server/raft/status.ts";

/** Takes a message; term 0 means that it carries none. */
export function step(raft: Raft, message: Message): StepResult {
  const { type, term } = message;
  if (term > raft.term) {
    if (isVoteRequest(type) && refusedByLease(raft, message)) return "ok";
    adoptTerm(raft, message);
  } else if (term !== 0 && term < raft.term) {
    answerOldTerm(raft, message);
    return "ok";
  }
  if (isVoteRequest(type)) {
    handleVoteRequest(raft, message);
    return "ok";
  }
  switch (raft.role) {
    case "leader":
      return stepLeader(raft, message);
    case "follower":
      return stepFollower(raft, message);
    default:
      return stepCandidate(raft, message);
  }
}

function isVoteRequest(type: MessageType): boolean {
  return type === MessageType.MsgVote || type === MessageType.MsgPreVote;
}

/** Who has heard from a leader lately helps nobody to depose it, unless the leader wishes it. */
function refusedByLease(raft: Raft, message: Message): boolean {
  return (
    raft.config.checkQuorum &&
    raft.leader !== noMember &&
    raft.electionElapsed < raft.config.electionTicks &&
    !equalBytes(message.context, campaignTransferContext)
  );
}

function adoptTerm(raft: Raft, message: Message): void {
  switch (message.type) {
    case MessageType.MsgPreVote:
      // A question about a term that nobody has begun.
      return;
    case MessageType.MsgPreVoteResp:
      // A granted one echoes the term that was asked for; a refusal has the refuser's own.
      if (!message.reject) return;
      raft.becomeFollower(message.term, noMember);
      return;
    case MessageType.MsgApp:
    case MessageType.MsgHeartbeat:
    case MessageType.MsgSnap:
      raft.becomeFollower(message.term, message.from);
      return;
    default:
      raft.becomeFollower(message.term, noMember);
  }
}

function answerOldTerm(raft: Raft, message: Message): void {
  const fromLeader =
    message.type === MessageType.MsgHeartbeat || message.type === MessageType.MsgApp;
  if (fromLeader && (raft.config.checkQuorum || raft.config.preVote)) {
    // This member may be stuck in a term that nobody will join, for its vote requests are refused by
    // leases; the answer's term makes the leader step down and so frees it.
    raft.send(MessageType.MsgAppResp, message.from);
  } else if (message.type === MessageType.MsgPreVote) {
    // Unanswered, a pre-candidate in an old term with a longer log would never learn of this one.
    raft.send(MessageType.MsgPreVoteResp, message.from).reject = true;
  }
}

/** One tick has passed. */
export function tick(raft: Raft): void {
  raft.electionElapsed++;
  if (raft.role !== "leader") {
    if (raft.promotable && raft.electionElapsed >= raft.randomizedElectionTicks) {
      raft.electionElapsed = 0;
      startCampaign(raft, raft.config.preVote ? "pre-election" : "election");
    }
    return;
  }
  raft.heartbeatElapsed++;
  if (raft.electionElapsed >= raft.config.electionTicks) {
    raft.electionElapsed = 0;
    if (raft.config.checkQuorum && !checkQuorum(raft)) return;
    raft.leadTransferee = noMember;
  }
  if (raft.heartbeatElapsed >= raft.config.heartbeatTicks) {
    raft.heartbeatElapsed = 0;
    raft.heartbeatsDue = true;
  }
}

/** A leader that has heard from no quorum for an election timeout steps down. */
function checkQuorum(raft: Raft): boolean {
  const active = raft.tracker.quorumActive();
  if (!active) raft.becomeFollower(raft.term, noMember);
  for (const member of raft.tracker.members) {
    if (member.id !== raft.id) member.recentActive = false;
  }
  return active;
}
