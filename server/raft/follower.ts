// What a follower does with a message of its own term (Raft §5.3, §7; thesis §6.2 for forwarding).
import { noMember } from "#base/ids.ts";
import type { Message, Snapshot } from "#proto/gen/raft.ts";
import { MessageType } from "#proto/gen/raft.ts";
import { assertAccepted, restoreConfiguration } from "#server/raft/conf-change.ts";
import { startCampaign } from "#server/raft/election.ts";
import type { Raft } from "#server/raft/raft.ts";
import type { StepResult } from "#server/raft/status.ts";

/** A message of this term, or one without a term. */
export function stepFollower(raft: Raft, message: Message): StepResult {
  switch (message.type) {
    case MessageType.MsgProp:
      if (raft.leader === noMember) return "dropped-no-leader";
      raft.forward(message);
      break;
    case MessageType.MsgApp:
      if (!heardFromLeader(raft, message)) return "ignored-second-leader";
      handleAppend(raft, message);
      break;
    case MessageType.MsgHeartbeat:
      if (!heardFromLeader(raft, message)) return "ignored-second-leader";
      return handleHeartbeat(raft, message);
    case MessageType.MsgSnap:
      if (!heardFromLeader(raft, message)) return "ignored-second-leader";
      handleSnapshot(raft, message);
      break;
    case MessageType.MsgTransferLeader:
    case MessageType.MsgReadIndex:
      if (raft.leader === noMember) return "dropped-no-leader";
      raft.forward(message);
      break;
    case MessageType.MsgForgetLeader:
      raft.leader = noMember;
      break;
    case MessageType.MsgTimeoutNow:
      // No pre-vote: the leader itself has asked for the election.
      startCampaign(raft, "transfer");
      break;
    case MessageType.MsgReadIndexResp:
      if (message.entries.length !== 1) break;
      raft.readStates.push({ index: message.index, context: message.entries[0]!.data });
      break;
    default:
      break;
  }
  return "ok";
}

/** False if the sender cannot lead: a term has one leader at most (Raft §5.2). */
function heardFromLeader(raft: Raft, message: Message): boolean {
  if (raft.leader !== noMember && raft.leader !== message.from) return false;
  raft.electionElapsed = 0;
  raft.leader = message.from;
  return true;
}

/** Appends what the leader sent, or tells it where the two logs may match. */
export function handleAppend(raft: Raft, message: Message): void {
  const { log } = raft;
  if (!isContiguous(message)) return;
  if (message.index < log.committed) {
    // An old one: all up to the commit index matches anyway.
    acknowledge(raft, message.from, log.committed);
    return;
  }
  const lastNew = log.tryAppend(message);
  if (lastNew !== undefined) {
    acknowledge(raft, message.from, lastNew);
    return;
  }
  // Entries of a later term than the leader's at that index cannot match: skip them all at once, so
  // that the leader needs at most one probe a term.
  const hint = log.findConflictByTerm(Math.min(message.index, log.lastIndex()), message.logTerm);
  const answer = raft.send(MessageType.MsgAppResp, message.from);
  answer.index = message.index;
  answer.reject = true;
  answer.rejectHint = hint.index;
  answer.logTerm = hint.term;
}

/** The leader knows that this log matches at `commit`. The context goes back byte for byte. */
export function handleHeartbeat(raft: Raft, message: Message): StepResult {
  if (message.commit > raft.log.lastIndex()) return "contradicts-log";
  raft.log.commitTo(message.commit);
  raft.send(MessageType.MsgHeartbeatResp, message.from).context = message.context;
  return "ok";
}

/** Replaces the log by a snapshot, unless it holds all of that already (Raft §7). */
export function handleSnapshot(raft: Raft, message: Message): void {
  const { snapshot } = message;
  const restored = snapshot?.metadata !== undefined && restore(raft, snapshot);
  acknowledge(raft, message.from, restored ? raft.log.lastIndex() : raft.log.committed);
}

function restore(raft: Raft, snapshot: Snapshot): boolean {
  const { index, term, confState } = snapshot.metadata!;
  if (index <= raft.log.committed || confState === undefined) return false;
  const { voters, learners, votersOutgoing } = confState;
  const isMember = [voters, learners, votersOutgoing].some((ids) => ids.includes(raft.id));
  // A snapshot of a configuration without this member is not meant for it.
  if (!isMember) return false;
  if (raft.log.matches(index, term)) {
    // The log reaches further than the snapshot: take over no more than the commit index.
    raft.log.commitTo(index);
    return false;
  }
  raft.configBeforeSnapshot ??= raft.tracker.config;
  raft.log.restore(snapshot);
  raft.switchTo(assertAccepted(restoreConfiguration(confState)));
  return true;
}

/** Tells the leader up to where the logs match. Within one turn the last such answer says it all. */
function acknowledge(raft: Raft, to: bigint, index: number): void {
  const last = raft.messages.at(-1);
  if (
    last !== undefined &&
    last.type === MessageType.MsgAppResp &&
    !last.reject &&
    last.to === to &&
    last.term === raft.term
  ) {
    last.index = Math.max(last.index, index);
    return;
  }
  raft.send(MessageType.MsgAppResp, to).index = index;
}

/** False for a message that no leader can have made; it is dropped. */
function isContiguous(message: Message): boolean {
  const { entries, index } = message;
  for (let i = 0; i < entries.length; i++) if (entries[i]!.index !== index + 1 + i) return false;
  return true;
}
