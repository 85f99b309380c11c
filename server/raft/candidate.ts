// What a candidate or pre-candidate does with a message of its own term (Raft §5.2): a leader of that
// term ends the campaign, votes are counted.
import type { Message } from "#proto/gen/raft.ts";
import { MessageType } from "#proto/gen/raft.ts";
import { countVote } from "#server/raft/election.ts";
import { handleAppend, handleHeartbeat, handleSnapshot } from "#server/raft/follower.ts";
import type { Raft } from "#server/raft/raft.ts";
import type { StepResult } from "#server/raft/status.ts";

/** A message of this term, or one without a term. */
export function stepCandidate(raft: Raft, message: Message): StepResult {
  switch (message.type) {
    case MessageType.MsgProp:
      return "dropped-no-leader";
    case MessageType.MsgApp:
      raft.becomeFollower(message.term, message.from);
      handleAppend(raft, message);
      break;
    case MessageType.MsgHeartbeat:
      raft.becomeFollower(message.term, message.from);
      return handleHeartbeat(raft, message);
    case MessageType.MsgSnap:
      raft.becomeFollower(message.term, message.from);
      handleSnapshot(raft, message);
      break;
    case MessageType.MsgVoteResp:
      if (raft.role === "candidate") countVote(raft, message.from, !message.reject);
      break;
    case MessageType.MsgPreVoteResp:
      if (raft.role === "pre-candidate") countVote(raft, message.from, !message.reject);
      break;
    default:
      break;
  }
  return "ok";
}
