// What a member is made of and works on: the ports that adapters fill, and the parts that hold its
// state. Whoever wires one (replica.ts) owns the parts; the member owns their use until it is stopped.
import type { Clock } from "#base/clock.ts";
import type { ClusterId, MemberId } from "#base/ids.ts";
import type { Log } from "#base/log.ts";
import type { Message, Snapshot } from "#proto/gen/raft.ts";
import type { Alarms } from "#server/apply/alarms.ts";
import type { Command } from "#server/apply/command.ts";
import type { AuthStore } from "#server/auth/auth-store.ts";
import type { Lessor } from "#server/lease/lessor.ts";
import type { Capabilities } from "#server/membership/capabilities.ts";
import type { Members } from "#server/membership/members.ts";
import type { Backend } from "#server/mvcc/backend.ts";
import type { MvccStore } from "#server/mvcc/store.ts";
import type { WatchHub } from "#server/mvcc/watch-hub.ts";
import type { LogWriter } from "#server/node/ready-loop.ts";
import type { RequestIds } from "#server/node/request-id.ts";
import type { MemoryLog } from "#server/raft/memory-log.ts";
import type { RawNode } from "#server/raft/raw-node.ts";
import type { V2Store } from "#server/v2store/v2-store.ts";

/** The connections to peers; server/peer's transport is one. */
export interface Peers {
  send(messages: readonly Message[]): void;
  addPeer(id: MemberId, urls: readonly string[]): void;
  updatePeer(id: MemberId, urls: readonly string[]): void;
  removePeer(id: MemberId): void;
  activeSince(id: MemberId): number | undefined;
}

/** Sends and installs whole states; server/node/snapshots is one. */
export interface Snapshots {
  /** Takes a MsgSnap of raft: adds the state and sends both. */
  send(message: Message): void;
  install(snapshot: Snapshot): Promise<void>;
  /** Called after entries were applied: time to truncate the log? */
  applied(index: number): void;
  /** A state that was sent has arrived: what follows it will be asked for. */
  arrived(): void;
  /** Entries up to the next call of `applied` shall be sent to nobody any more. */
  forgetLog(): void;
}

/** Counted for metrics; all optional work. */
export interface MemberMeters {
  /** `bytes` are those of the entries. */
  logSynced(durationMs: number, bytes: number): void;
  commandApplied?(command: Command, result: object, tookMs: number): void;
  stateWritten?(durationMs: number): void;
  compacted?(durationMs: number): void;
  /** A slice of a compaction, in which nothing else was done. */
  compactionPaused?(durationMs: number): void;
  defragmented?(durationMs: number): void;
  applied(durationMs: number, entries: number): void;
  /** A copy of the state was made for a client and read to its end. */
  stateCopied(durationMs: number): void;
  /** A hash of all keys, or of the whole state, was computed for somebody who asked. */
  hashed?(what: "keys" | "state", durationMs: number): void;
}

export interface MemberTimings {
  readonly heartbeatMs: number;
  readonly electionTimeoutMs: number;
  readonly requestTimeoutMs: number;
  /** A member that is alone elects itself at its first tick. */
  readonly initialElectionTickAdvance: boolean;
}

export interface MemberParts {
  readonly clusterId: ClusterId;
  readonly memberId: MemberId;
  readonly timings: MemberTimings;
  readonly maxRequestBytes: number;
  /** Gate PriorityRequest. */
  readonly leasesFirst: boolean;
  /** Infinite for none. */
  readonly quotaBytes: number;
  /** A command that takes longer to apply is logged. */
  readonly warningApplyMs: number;
  /** The leader has what is left of long leases noted now and then. */
  readonly checkpointLeases: boolean;
  readonly persistCheckpoints: boolean;
  readonly clock: Clock;
  readonly log: Log;
  readonly requestIds: RequestIds;
  readonly raft: RawNode;
  readonly memoryLog: MemoryLog;
  readonly wal: LogWriter;
  backend(): Backend;
  readonly store: MvccStore;
  readonly hub: WatchHub;
  readonly lessor: Lessor;
  readonly alarms: Alarms;
  readonly auth: AuthStore;
  readonly members: Members;
  readonly capabilities: Capabilities;
  readonly v2: V2Store;
  readonly peers: Peers;
  snapshots(): Snapshots;
  readonly appliedIndex: number;
  readonly appliedTerm: number;
  readonly meters: MemberMeters;
  schedule(run: () => void): void;
  fatal(error: unknown): void;
  /** This member was removed from the cluster and has applied it. */
  onRemoved(): void;
}
