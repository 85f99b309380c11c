// Acknowledgements that tell a leader nothing. An append without entries, by which it told that more is
// committed, is answered by what it knows already; of a lone put that is half of all acknowledgements. Such
// a one waits for the next one to the same leader, which says all that it says, or for the next tick: what
// it would tell if the one before got lost, it still tells.
import { type Message, MessageType } from "#proto/gen/raft.ts";

const nothing: readonly Message[] = [];

export class LateAcks {
  /** The last one that left. */
  private sent: Message | undefined;
  private held: Message | undefined;

  /** What of a turn's messages leaves now; `commitOnly`: the turn brought a commit index and no entries. */
  pass(messages: readonly Message[], commitOnly: boolean): readonly Message[] {
    const { sent } = this;
    if (commitOnly && messages.length === 1 && sent !== undefined) {
      const only = messages[0]!;
      if (isAck(only) && follows(only, sent) && only.index <= sent.index) {
        this.held = only;
        return nothing;
      }
    }
    for (const message of messages) {
      if (!isAck(message)) continue;
      this.sent = message;
      this.held = undefined;
    }
    return messages;
  }

  /** What has waited long enough. */
  due(): readonly Message[] {
    if (this.held === undefined) return nothing;
    const due = [this.held];
    this.held = undefined;
    return due;
  }
}

function isAck({ type, reject }: Message): boolean {
  return type === MessageType.MsgAppResp && !reject;
}

function follows(later: Message, earlier: Message): boolean {
  return later.to === earlier.to && later.term === earlier.term;
}
