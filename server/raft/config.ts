// What a raft node is made from. Times are counted in ticks; the driver says how long a tick is.
import { assert } from "#base/assert.ts";
import { type MemberId, noMember } from "#base/ids.ts";
import type { Random } from "#base/random.ts";
import type { ConfState, HardState } from "#proto/gen/raft.ts";
import type { RaftStorage } from "#server/raft/storage.ts";

export interface RaftConfig {
  /** This member; never 0. */
  readonly id: MemberId;
  /** The base election timeout T: each timeout is drawn from [T, 2T). Greater than heartbeatTicks. */
  readonly electionTicks: number;
  /** A leader sends heartbeats every so many ticks. */
  readonly heartbeatTicks: number;
  /** The durable log. Between ready() and advance() the driver appends to it what the Ready holds. */
  readonly storage: RaftStorage;
  /** The last index that the state machine has applied; nothing up to it is handed out again. */
  readonly applied: number;
  /** As last written to disk; all zero for a new member. */
  readonly hardState: HardState;
  /** The configuration as of `applied`. */
  readonly confState: ConfState;
  /** Encoded size of the entries in one MsgApp (etcd: 1 MiB); a larger entry travels alone. */
  readonly maxMessageBytes: number;
  /** MsgApps on their way to one follower (etcd: 512). */
  readonly maxInflightMessages: number;
  /** Payload bytes on their way to one follower; 0 means no limit. At least maxMessageBytes. */
  readonly maxInflightBytes: number;
  /** Payload bytes a leader takes in before they commit; 0 means no limit. */
  readonly maxUncommittedBytes: number;
  /** Encoded size of the committed entries in one Ready, but always at least one entry. */
  readonly maxCommittedBytesPerReady: number;
  /** A leader that hears from no quorum steps down, and votes are refused while a leader lives. */
  readonly checkQuorum: boolean;
  /** Ask before campaigning whether a campaign would succeed (thesis §9.6). */
  readonly preVote: boolean;
  /** Draws election timeouts; a seeded one makes the node deterministic. */
  readonly random: Random;
}

/** etcd's own settings for what is a matter of flow control (facts: peer protocol §6). */
export const etcdLimits = {
  maxMessageBytes: 1024 * 1024,
  maxInflightMessages: 512,
  maxInflightBytes: 0,
  maxUncommittedBytes: 0,
  maxCommittedBytesPerReady: 1024 * 1024,
} as const;

/** Refuses a configuration that no driver may pass. */
export function assertConfig(config: RaftConfig): void {
  assert(config.id !== noMember, "raft: id is 0, which means no member");
  assert(config.heartbeatTicks > 0, "raft: heartbeatTicks must be positive");
  assert(
    config.electionTicks > config.heartbeatTicks,
    "raft: electionTicks must be greater than heartbeatTicks",
  );
  assert(config.maxMessageBytes >= 0, "raft: maxMessageBytes is negative");
  assert(config.maxInflightMessages > 0, "raft: maxInflightMessages must be positive");
  assert(
    config.maxInflightBytes === 0 || config.maxInflightBytes >= config.maxMessageBytes,
    "raft: maxInflightBytes is less than maxMessageBytes",
  );
  assert(config.maxUncommittedBytes >= 0, "raft: maxUncommittedBytes is negative");
  assert(config.maxCommittedBytesPerReady >= 0, "raft: maxCommittedBytesPerReady is negative");
}
