// What a leader does with a message of its own term (Raft §5.3, §5.4.2; thesis §3.10 transfer, §6.2
// step-down, §6.4 reads).
import { noMember } from "#base/ids.ts";
import type { Entry, Message } from "#proto/gen/raft.ts";
import { ConfChange, ConfChangeV2, EntryType, MessageType } from "#proto/gen/raft.ts";
import { asV2, isJoint } from "#server/raft/conf-change.ts";
import { newEntry } from "#server/raft/message.ts";
import type { Progress } from "#server/raft/progress.ts";
import type { Raft } from "#server/raft/raft.ts";
import { maxPendingReads } from "#server/raft/read-index.ts";
import { flush } from "#server/raft/replication.ts";
import type { ProposeResult, ReadIndexResult, StepResult } from "#server/raft/status.ts";

/** A message of this term, or one without a term. */
export function stepLeader(raft: Raft, message: Message): StepResult {
  switch (message.type) {
    case MessageType.MsgProp:
      return proposeFrom(raft, message);
    case MessageType.MsgReadIndex:
      // Whoever asked from afar tries again by itself: a refusal needs no answer.
      if (message.entries.length === 1) {
        readIndex(raft, { from: message.from, context: message.entries[0]!.data });
      }
      return "ok";
    default:
      break;
  }
  const member = raft.tracker.get(message.from);
  if (member === undefined) return "ok";
  switch (message.type) {
    case MessageType.MsgAppResp:
      member.recentActive = true;
      if (message.reject) handleRejection(raft, member, message);
      else handleAcknowledgement(raft, member, message.index);
      break;
    case MessageType.MsgHeartbeatResp:
      handleHeartbeatResponse(raft, member, message.context);
      break;
    case MessageType.MsgTransferLeader:
      transferLeadership(raft, member);
      break;
    default:
      break;
  }
  return "ok";
}

/** As `propose`, for entries that came in a message: they are copied, for it may be sent twice. */
function proposeFrom(raft: Raft, { entries }: Message): ProposeResult {
  return propose(
    raft,
    entries.map(({ type, data }) => newEntry(type, data)),
  );
}

/**
 * Takes entries into the log, whose they are from then on; a configuration change that must wait
 * becomes an empty entry.
 */
export function propose(raft: Raft, entries: Entry[]): ProposeResult {
  if (raft.tracker.get(raft.id) === undefined) return "dropped-not-member";
  if (raft.leadTransferee !== noMember) return "dropped-transferring";
  let changeAt = -1;
  for (let at = 0; at < entries.length; at++) {
    const entry = entries[at]!;
    if (entry.type === EntryType.EntryNormal) continue;
    if (mayChange(raft, entry, changeAt >= 0)) changeAt = at;
    else entries[at] = newEntry(EntryType.EntryNormal, noData);
  }
  if (entries.length === 0) return "ok";
  const firstIndex = raft.log.lastIndex() + 1;
  if (!raft.appendEntries(entries)) return "dropped-uncommitted-limit";
  if (changeAt >= 0) raft.pendingConfIndex = firstIndex + changeAt;
  raft.broadcastAppend();
  return "ok";
}

const noData = new Uint8Array(0);

/** One change at a time; a joint configuration is left before the next (thesis §4.1, §4.3). */
function mayChange(
  raft: Raft,
  proposed: { readonly type: EntryType; readonly data: Uint8Array },
  anotherBefore: boolean,
): boolean {
  if (anotherBefore || raft.pendingConfIndex > raft.log.applied) return false;
  const { EntryConfChange, EntryConfChangeV2 } = EntryType;
  if (proposed.type !== EntryConfChange && proposed.type !== EntryConfChangeV2) return false;
  let change: ConfChangeV2;
  try {
    change =
      proposed.type === EntryConfChange
        ? asV2(ConfChange.decode(proposed.data))
        : ConfChangeV2.decode(proposed.data);
  } catch {
    // A forwarded proposal that no member could apply.
    return false;
  }
  const leaves = change.changes.length === 0;
  return isJoint(raft.tracker.config) === leaves;
}

/** Starts a read, or postpones it until this leader has committed in its term. */
export function readIndex(
  raft: Raft,
  read: { readonly from: bigint; readonly context: Uint8Array },
): ReadIndexResult {
  // Before that the commit index may lag behind what earlier leaders acknowledged (thesis §6.4).
  if (raft.committedInTerm) return raft.beginRead(read) ? "ok" : "dropped-too-many-pending";
  if (raft.postponedReads.length >= maxPendingReads) return "dropped-too-many-pending";
  raft.postponedReads.push(read);
  return "ok";
}

/** `member`, or this leader itself, has the log up to `index` on its disk. */
export function handleAcknowledgement(raft: Raft, member: Progress, index: number): void {
  // No honest member has more than this leader has sent.
  if (index > raft.log.lastIndex()) return;
  const isNews = member.acknowledge(index);
  if (!isNews && !(member.match === index && member.state === "probe")) return;
  switch (member.state) {
    case "probe":
      member.becomeReplicate();
      break;
    case "snapshot":
      // Caught up to where the log begins, by the snapshot or without it.
      if (member.match + 1 >= raft.log.firstIndex()) {
        member.becomeProbe();
        member.becomeReplicate();
      }
      break;
    case "replicate":
      member.inflights.freeTo(index);
      break;
  }
  const isSelf = member.id === raft.id;
  if (raft.tryCommit()) raft.afterCommit();
  else if (!isSelf && member.canBumpCommit(raft.log.committed)) raft.markAppend(member, "message");
  if (isSelf) return;
  // A window that was full may have room now.
  raft.markAppend(member, "entries");
  if (member.id === raft.leadTransferee && member.match === raft.log.lastIndex()) {
    sendTimeoutNow(raft, member);
  }
}

/** What the transferee may still learn from this leader, its commit index, goes out before. */
function sendTimeoutNow(raft: Raft, member: Progress): void {
  flush(raft);
  raft.send(MessageType.MsgTimeoutNow, member.id);
}

/** Steps back to where the follower's log may match; see findConflictByTerm for the other side. */
function handleRejection(raft: Raft, member: Progress, message: Message): void {
  let hint = message.rejectHint;
  if (message.logTerm > 0) {
    // The follower has no entry of a later term than logTerm up to its hint: neither may match.
    hint = raft.log.findConflictByTerm(Math.min(hint, raft.log.lastIndex()), message.logTerm).index;
  }
  if (!member.reject(message.index, hint)) return;
  if (member.state === "replicate") member.becomeProbe();
  raft.markAppend(member, "message");
}

function handleHeartbeatResponse(raft: Raft, member: Progress, context: Uint8Array): void {
  member.recentActive = true;
  // Whatever was in flight may be lost: one more message is allowed, to find out.
  member.flowPaused = false;
  if (member.match < raft.log.lastIndex() || member.state === "probe") {
    raft.markAppend(member, "message");
  }
  if (context.length === 0) return;
  raft.reads.echo(member.id, context);
  raft.answerConfirmedReads();
}

/** The snapshot sent to `member` arrived, or not: probe behind it, or from where the member was. */
export function snapshotReported(member: Progress, outcome: "finish" | "failure"): void {
  if (member.state !== "snapshot") return;
  if (outcome === "failure") member.pendingSnapshot = 0;
  member.becomeProbe();
  // Until its acknowledgement or the answer to a heartbeat: it may still be installing it.
  member.flowPaused = true;
}

/** Messages to `member` got lost: what was sent optimistically is uncertain. */
export function unreachable(member: Progress): void {
  if (member.state === "replicate") member.becomeProbe();
}

function transferLeadership(raft: Raft, member: Progress): void {
  if (member.isLearner || raft.leadTransferee === member.id) return;
  raft.leadTransferee = noMember;
  if (member.id === raft.id) return;
  // It shall be done within an election timeout, or is given up.
  raft.electionElapsed = 0;
  raft.leadTransferee = member.id;
  if (member.match === raft.log.lastIndex()) sendTimeoutNow(raft, member);
  else raft.markAppend(member, "message");
}
