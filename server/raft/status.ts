// What a raft node tells about itself, and its answers to what it is asked to do.
import type { MemberId } from "#base/ids.ts";
import type { Role } from "#server/raft/ready.ts";

/**
 * What became of a proposal. "ok" means taken into the leader's log or forwarded to the leader, not
 * committed: it may still be lost, so whoever proposes keeps a deadline.
 */
export type ProposeResult =
  | "ok"
  | "dropped-no-leader"
  | "dropped-transferring"
  | "dropped-uncommitted-limit"
  | "dropped-not-member";

/**
 * What became of a message: a proposal's result, or why the message was not looked at.
 * "contradicts-log": a heartbeat tells to commit what this log does not hold; if the leader means it,
 * the log was damaged, cut or lost.
 */
export type StepResult =
  | ProposeResult
  | "ignored-local-message"
  | "ignored-unknown-sender"
  | "ignored-second-leader"
  | "contradicts-log";

/** "ok" promises no answer: it may be lost, so whoever asks tries again with a fresh context. */
export type ReadIndexResult = "ok" | "dropped-no-leader" | "dropped-too-many-pending";

/** How a leader replicates to one member (progress.ts). */
export type ProgressState = "probe" | "replicate" | "snapshot";

export interface ProgressStatus {
  /** The highest index known to be in the member's log. */
  readonly match: number;
  /** The index of the next entry to send. */
  readonly next: number;
  readonly state: ProgressState;
  /** True if the member was heard of since the last quorum check. */
  readonly recentActive: boolean;
  readonly isLearner: boolean;
  /** True if nothing is sent until the member answers or a heartbeat was answered. */
  readonly paused: boolean;
  /** Messages sent and not yet acknowledged. */
  readonly inflight: number;
  /** Index of the snapshot under way; 0 if none. */
  readonly pendingSnapshot: number;
}

export interface RaftStatus {
  readonly id: MemberId;
  readonly term: number;
  readonly vote: MemberId;
  readonly commit: number;
  readonly applied: number;
  /** 0 if none is known. */
  readonly leader: MemberId;
  readonly role: Role;
  /** To whom leadership is being transferred; 0 if to nobody. */
  readonly leadTransferee: MemberId;
  /** By member; empty unless this member leads. */
  readonly progress: ReadonlyMap<MemberId, ProgressStatus>;
}
