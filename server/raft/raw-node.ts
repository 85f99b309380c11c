// The door to raft: inputs are method calls, all outputs leave in the Ready struct. Nothing here
// reads a clock, a socket or a disk. The driver's loop is: inputs, then while hasReady(): ready(),
// do what it says in the order that ready.ts states, advance(). Inputs may also arrive between
// ready() and advance(); their outputs are in the next Ready.
import type { MemberId } from "#base/ids.ts";
import type { ConfChange, ConfChangeV2, ConfState, Message } from "#proto/gen/raft.ts";
import type { RaftConfig } from "#server/raft/config.ts";
import type { Ready } from "#server/raft/ready.ts";
import type {
  ProposeResult,
  RaftStatus,
  ReadIndexResult,
  StepResult,
} from "#server/raft/status.ts";

export class RawNode {
  constructor(config: RaftConfig) {
    void config;
  }

  /** One tick of time has passed: elections, heartbeats and quorum checks hang on it. */
  tick(): void {}

  /** Takes a message from another member. Keeps its entries and snapshot; they never change. */
  step(message: Message): StepResult {
    void message;
    return "ok";
  }

  /** Proposes a normal entry. Keeps `data`, which must not change any more. */
  propose(data: Uint8Array): ProposeResult {
    void data;
    return "ok";
  }

  /** Proposes a change of one member; becomes an empty entry while another one is unapplied. */
  proposeConfChange(change: ConfChange): ProposeResult {
    void change;
    return "ok";
  }

  /** Proposes a change of several members at once; etcd members cannot apply it. */
  proposeConfChangeV2(change: ConfChangeV2): ProposeResult {
    void change;
    return "ok";
  }

  /** Asks for a ReadState with `context`, which is unique and has no meaning here. */
  readIndex(context: Uint8Array): ReadIndexResult {
    void context;
    return "ok";
  }

  /** Moves leadership to `id`; given up after an election timeout. */
  transferLeader(id: MemberId): void {
    void id;
  }

  /** Starts an election now. */
  campaign(): void {}

  /** Forgets the leader without a change of term, so that this follower may grant pre-votes. */
  forgetLeader(): void {}

  /** The last message to `id` was not delivered. */
  reportUnreachable(id: MemberId): void {
    void id;
  }

  /** The snapshot sent to `id` has arrived, or not. Must follow every MsgSnap that was taken. */
  reportSnapshot(id: MemberId, outcome: "finish" | "failure"): void {
    void id;
    void outcome;
  }

  /**
   * Switches to the configuration of a committed EntryConfChange, before advance() of the Ready
   * that held it. An entry that was refused is applied as a change with nodeId 0. Returns the new
   * configuration, for the next snapshot.
   */
  applyConfChange(change: ConfChange | ConfChangeV2): ConfState {
    void change;
    return { voters: [], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
  }

  hasReady(): boolean {
    return false;
  }

  /** What is to be done now. Not called again before advance(). */
  ready(): Ready {
    return {
      softState: undefined,
      hardState: undefined,
      readStates: [],
      entries: [],
      snapshot: undefined,
      committed: [],
      messages: [],
      mustSync: false,
    };
  }

  /**
   * The last Ready was carried out: what it holds is on disk and in the storage, its messages were
   * handed to the transport, its committed entries were taken over for applying. Only now does this
   * member count its own log and its own vote.
   */
  advance(): void {}

  status(): RaftStatus {
    throw new Error("not yet");
  }
}
