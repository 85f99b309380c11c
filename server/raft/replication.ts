// What a leader sends at the end of a turn: appends to those who are due one, then heartbeats.
import { assert } from "#base/assert.ts";
import { MessageType } from "#proto/gen/raft.ts";
import { noEntries, payloadBytes } from "#server/raft/message.ts";
import type { Progress } from "#server/raft/progress.ts";
import type { Raft } from "#server/raft/raft.ts";

/** Makes the messages that are due. Cheap if none are. */
export function flush(raft: Raft): void {
  if (raft.appendsDue) {
    raft.appendsDue = false;
    for (const member of raft.tracker.members) {
      const due = member.appendDue;
      if (due === "nothing") continue;
      member.appendDue = "nothing";
      if (raft.role !== "leader" || member.id === raft.id) continue;
      // The first one may be empty, to tell the commit index; the rest only fills the window.
      if (sendAppend(raft, member, due === "message")) while (sendAppend(raft, member, false));
    }
  }
  if (raft.heartbeatsDue) {
    raft.heartbeatsDue = false;
    if (raft.role === "leader") sendHeartbeats(raft);
  }
}

/** Sends the next entries to `member`, or a snapshot; `evenIfEmpty` to tell the commit index. */
function sendAppend(raft: Raft, member: Progress, evenIfEmpty: boolean): boolean {
  if (member.paused) return false;
  const { log } = raft;
  const prevIndex = member.next - 1;
  const prevTerm = log.term(prevIndex);
  // The log no longer reaches back to where this member is.
  if (typeof prevTerm !== "number") return sendSnapshot(raft, member);
  // With a full window only empty ones go out: one of them will be answered and free the window,
  // even if all that was in it got lost.
  const throttled = member.state === "replicate" && member.inflights.full;
  const entries = throttled ? noEntries : log.entriesFrom(member.next, raft.config.maxMessageBytes);
  if (entries === "compacted") return sendSnapshot(raft, member);
  if (entries.length === 0 && !evenIfEmpty) return false;
  const message = raft.send(MessageType.MsgApp, member.id);
  message.index = prevIndex;
  message.logTerm = prevTerm;
  message.entries = entries;
  message.commit = log.committed;
  member.sent(entries.length, payloadBytes(entries));
  member.sentCommit = log.committed;
  return true;
}

function sendSnapshot(raft: Raft, member: Progress): boolean {
  // To a member that is not there, it would only keep the snapshot pinned.
  if (!member.recentActive) return false;
  const snapshot = raft.log.snapshot();
  if (snapshot === "temporarily-unavailable") return false;
  const index = snapshot.metadata?.index ?? 0;
  assert(index > 0, "raft: the storage gave an empty snapshot");
  member.becomeSnapshot(index);
  raft.send(MessageType.MsgSnap, member.id).snapshot = snapshot;
  return true;
}

function sendHeartbeats(raft: Raft): void {
  const context = raft.reads.heartbeatContext();
  for (const member of raft.tracker.members) {
    if (member.id === raft.id) continue;
    const message = raft.send(MessageType.MsgHeartbeat, member.id);
    // Beyond its match the member may hold other entries than ours.
    message.commit = Math.min(member.match, raft.log.committed);
    message.context = context;
    member.sentCommit = message.commit;
  }
}
