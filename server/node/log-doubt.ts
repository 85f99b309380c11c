// Whether this member's log lost entries that it had acknowledged. A leader's heartbeat tells no more
// to commit than what this member once said it has; one that tells more is either a lie, which a
// single peer's bytes may be, or proof of a damaged log. The proof repeats with every heartbeat of the
// leader, the lie does not: the next true heartbeat ends the doubt.
import { OperatingError } from "#base/errors.ts";
import { formatId, type MemberId } from "#base/ids.ts";
import { type Message, MessageType } from "#proto/gen/raft.ts";
import type { StepResult } from "#server/raft/status.ts";

export class LogDoubt {
  private readonly patienceMs: number;
  private sender: MemberId | undefined;
  private sinceMs = 0;

  /** Stops the member once heartbeats of one sender have contradicted its log for `patienceMs`. */
  constructor(patienceMs: number) {
    this.patienceMs = patienceMs;
  }

  /** Looks at what became of a message. True if it is the first to raise a doubt. Throws LOG_LOST. */
  stepped(message: Message, result: StepResult, nowMs: number): boolean {
    if (message.type !== MessageType.MsgHeartbeat) return false;
    if (result !== "contradicts-log") {
      if (result === "ok" && message.from === this.sender) this.sender = undefined;
      return false;
    }
    if (message.from !== this.sender) {
      this.sender = message.from as MemberId;
      this.sinceMs = nowMs;
      return true;
    }
    if (nowMs - this.sinceMs < this.patienceMs) return false;
    throw new OperatingError(
      "LOG_LOST",
      `the leader ${formatId(this.sender)} counts on entries up to ${message.commit} that this member acknowledged, but its log ends before: it was damaged, cut or lost; remove this member from the cluster and add it again with an empty data folder`,
    );
  }
}
