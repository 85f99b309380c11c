// Campaigns and votes (Raft §5.2, §5.4.1; pre-vote: thesis §9.6).
import { noMember } from "#base/ids.ts";
import type { Entry, Message } from "#proto/gen/raft.ts";
import { EntryType, MessageType } from "#proto/gen/raft.ts";
import { campaignTransferContext } from "#server/raft/message.ts";
import type { Raft } from "#server/raft/raft.ts";

/** "transfer": the leader asked for it, so that its lease does not count, nor is a pre-vote needed. */
export type Campaign = "pre-election" | "election" | "transfer";

/** Starts a campaign unless this member must not: a leader, a learner, or configuration in doubt. */
export function startCampaign(raft: Raft, kind: Campaign): void {
  if (raft.role === "leader" || !raft.promotable) return;
  // With a committed change unapplied this member counts votes by an outdated configuration.
  if (raft.log.applied < raft.log.committed && raft.log.someUnapplied(changesConfiguration)) return;
  campaign(raft, kind);
}

function changesConfiguration(entry: Entry): boolean {
  return entry.type !== EntryType.EntryNormal;
}

function campaign(raft: Raft, kind: Campaign): void {
  let type: MessageType;
  let term: number;
  if (kind === "pre-election") {
    raft.becomePreCandidate();
    type = MessageType.MsgPreVote;
    term = raft.term + 1;
  } else {
    raft.becomeCandidate();
    type = MessageType.MsgVote;
    term = raft.term;
  }
  const index = raft.log.lastIndex();
  const logTerm = raft.log.lastTerm();
  for (const member of raft.tracker.members) {
    if (!raft.tracker.isVoter(member.id)) continue;
    if (member.id === raft.id) {
      raft.selfVoteDue = true;
      continue;
    }
    const request = raft.sendInTerm(type, member.id, term);
    request.index = index;
    request.logTerm = logTerm;
    if (kind === "transfer") request.context = campaignTransferContext;
  }
}

/** Grants or refuses a vote or pre-vote. The caller has dealt with terms and leases. */
export function handleVoteRequest(raft: Raft, message: Message): void {
  const isPreVote = message.type === MessageType.MsgPreVote;
  const answerType = isPreVote ? MessageType.MsgPreVoteResp : MessageType.MsgVoteResp;
  const free =
    raft.vote === message.from ||
    (raft.vote === noMember && raft.leader === noMember) ||
    (isPreVote && message.term > raft.term);
  // Learners vote too: one that was promoted may not know it yet, and its vote may be needed.
  if (free && raft.log.isUpToDate({ index: message.index, term: message.logTerm })) {
    // In the term of the request, or a pre-candidate would take the answer for an old one.
    raft.sendInTerm(answerType, message.from, message.term);
    if (!isPreVote) {
      raft.electionElapsed = 0;
      raft.vote = message.from;
    }
    return;
  }
  raft.send(answerType, message.from).reject = true;
}

/** Counts a vote for this candidate, and draws the consequence. */
export function countVote(raft: Raft, from: bigint, granted: boolean): void {
  raft.tracker.recordVote(from, granted);
  switch (raft.tracker.voteResult()) {
    case "won":
      if (raft.role === "pre-candidate") campaign(raft, "election");
      else raft.becomeLeader();
      break;
    case "lost":
      // Also after a lost pre-vote: the term is still the old one.
      raft.becomeFollower(raft.term, noMember);
      break;
    case "pending":
      break;
  }
}
