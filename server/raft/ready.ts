// All that one turn of raft asks of its driver, in one struct. Its fields state the order:
//   1. a leader may send `messages` at once; everyone else only after step 2;
//   2. `snapshot`, `entries` and `hardState` go to the log in one batch, synced if `mustSync`;
//   3. `committed` entries with an index that this member's own log holds synced are applied;
//   4. RawNode.advance().
// Whether a node is "a leader" in rule 1 is what status() says when ready() returns.
import type { MemberId } from "#base/ids.ts";
import type { Entry, HardState, Message, Snapshot } from "#proto/gen/raft.ts";

export type Role = "follower" | "pre-candidate" | "candidate" | "leader";

export interface SoftState {
  readonly leader: MemberId;
  readonly role: Role;
}

/** A read that was asked for with `context` may be answered once `index` is applied. */
export interface ReadState {
  readonly index: number;
  readonly context: Uint8Array;
}

export interface Ready {
  /** Undefined if unchanged; never written to disk. */
  readonly softState: SoftState | undefined;
  /** Undefined if unchanged. */
  readonly hardState: HardState | undefined;
  readonly readStates: readonly ReadState[];
  /** To append to the log; may overwrite a conflicting suffix: the first index tells from where. */
  readonly entries: readonly Entry[];
  /** Received from a leader, to install before `entries`. */
  readonly snapshot: Snapshot | undefined;
  readonly committed: readonly Entry[];
  readonly messages: readonly Message[];
  /** True if term or vote changed, or there are entries or a snapshot: all that messages promise. */
  readonly mustSync: boolean;
}
