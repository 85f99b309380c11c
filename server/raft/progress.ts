// What a leader knows of one member's log, and how it sends to it:
//   probe      one message at a time, until the member's last matching entry is found;
//   replicate  optimistically, many messages in flight;
//   snapshot   nothing, until the snapshot on its way was reported or acknowledged.
// Invariant: match < next. Entries of (match, next) are in flight in state replicate.
import type { MemberId } from "#base/ids.ts";
import { Inflights } from "#server/raft/inflights.ts";
import type { ProgressState } from "#server/raft/status.ts";

/** What is to be sent at the end of the turn: nothing, entries if there are any, or a MsgApp anyway. */
export type AppendDue = "nothing" | "entries" | "message";

export interface InflightLimits {
  readonly count: number;
  readonly bytes: number;
}

export class Progress {
  readonly id: MemberId;
  readonly inflights: Inflights;
  isLearner: boolean;
  match = 0;
  next: number;
  state: ProgressState = "probe";
  /** Index of the snapshot under way in state snapshot, else 0. */
  pendingSnapshot = 0;
  /** Heard of since the last quorum check. */
  recentActive = false;
  /** No MsgApp until an answer or a heartbeat's answer: a probe is out or the window is full. */
  flowPaused = false;
  /** The highest commit index that was sent. */
  sentCommit = 0;
  appendDue: AppendDue = "nothing";

  constructor(id: MemberId, next: number, isLearner: boolean, limits: InflightLimits) {
    this.id = id;
    this.next = next;
    this.isLearner = isLearner;
    this.inflights = new Inflights(limits);
  }

  /** As at the start of a term: nothing is known of this member but that it exists. */
  reset(next: number): void {
    this.#enter("probe");
    this.match = 0;
    this.next = next;
    this.recentActive = false;
    this.sentCommit = 0;
    this.appendDue = "nothing";
  }

  becomeProbe(): void {
    // After a snapshot that arrived, the follower's log goes on behind it.
    const afterSnapshot = this.state === "snapshot" ? this.pendingSnapshot : 0;
    this.#enter("probe");
    this.next = Math.max(this.match, afterSnapshot) + 1;
    this.sentCommit = Math.min(this.sentCommit, this.next - 1);
  }

  becomeReplicate(): void {
    this.#enter("replicate");
    this.next = this.match + 1;
  }

  becomeSnapshot(index: number): void {
    this.#enter("snapshot");
    this.pendingSnapshot = index;
    this.next = index + 1;
    this.sentCommit = index;
  }

  /** True if nothing may be sent now. */
  get paused(): boolean {
    return this.state === "snapshot" || this.flowPaused;
  }

  /** A MsgApp with `count` entries of `bytes` payload was sent. Not in state snapshot. */
  sent(count: number, bytes: number): void {
    if (this.state === "replicate") {
      if (count > 0) {
        this.next += count;
        this.inflights.add(this.next - 1, bytes);
      }
      this.flowPaused = this.inflights.full;
    } else if (count > 0) {
      this.flowPaused = true;
    }
  }

  /** True if telling `commit` now may let the follower commit more than it was told so far. */
  canBumpCommit(commit: number): boolean {
    return commit > this.sentCommit && this.sentCommit < this.next - 1;
  }

  /** The member's log matches up to `index`. False if that is old news. */
  acknowledge(index: number): boolean {
    if (index <= this.match) return false;
    this.match = index;
    this.next = Math.max(this.next, index + 1);
    this.flowPaused = false;
    return true;
  }

  /** The MsgApp at `rejected` did not match; `hint` may. False if the rejection is stale. */
  reject(rejected: number, hint: number): boolean {
    if (this.state === "replicate") {
      if (rejected <= this.match) return false;
      this.next = this.match + 1;
      this.sentCommit = Math.min(this.sentCommit, this.next - 1);
      return true;
    }
    // Probes go out one at a time, so that only the last one can be rejected.
    if (this.next - 1 !== rejected) return false;
    this.next = Math.max(Math.min(rejected, hint + 1), this.match + 1);
    this.sentCommit = Math.min(this.sentCommit, this.next - 1);
    this.flowPaused = false;
    return true;
  }

  #enter(state: ProgressState): void {
    this.state = state;
    this.flowPaused = false;
    this.pendingSnapshot = 0;
    this.inflights.clear();
  }
}
