// Reads that wait for their leader's proof that it still leads (thesis §6.4). Reads are counted since
// the term began; a heartbeat carries the count so far, and a follower that echoes it vouches for the
// leader as of that count. The count a quorum echoed tells how many reads are confirmed: one round of
// heartbeats confirms all reads before it.
import { emptyBytes } from "#base/bytes.ts";
import type { MemberId } from "#base/ids.ts";
import { type Acknowledgements, jointIndex, type Voters } from "#server/raft/quorum.ts";

/** Reads that may wait for a confirmation, or for the first commit of a term. */
export const maxPendingReads = 10_000;

export interface PendingRead {
  /** Who asked; 0 or the own ID for a local read. */
  readonly from: MemberId;
  readonly context: Uint8Array;
  /** The commit index when the read came in. */
  readonly index: number;
}

const noReads: readonly PendingRead[] = [];

export class ReadIndexQueue implements Acknowledgements {
  readonly #echoed = new Map<MemberId, number>();
  #pending: PendingRead[] = [];
  #confirmed = 0;
  #context: Uint8Array = emptyBytes;
  #contextCount = 0;

  /** Forgets all reads: who leads now, or since when, has changed. */
  clear(): void {
    this.#echoed.clear();
    this.#pending = [];
    this.#confirmed = 0;
    this.#context = emptyBytes;
    this.#contextCount = 0;
  }

  get size(): number {
    return this.#pending.length;
  }

  /** False if too many are pending. */
  add(read: PendingRead): boolean {
    if (this.#pending.length >= maxPendingReads) return false;
    this.#pending.push(read);
    return true;
  }

  /** What heartbeats carry now: the count, 8 bytes little-endian; empty if no read is pending. */
  heartbeatContext(): Uint8Array {
    if (this.#pending.length === 0) return emptyBytes;
    const count = this.#confirmed + this.#pending.length;
    if (count !== this.#contextCount) {
      const context = new Uint8Array(8);
      new DataView(context.buffer).setBigUint64(0, BigInt(count), true);
      this.#context = context;
      this.#contextCount = count;
    }
    return this.#context;
  }

  /** A member echoed a heartbeat's context. What this leader cannot have sent is ignored. */
  echo(from: MemberId, context: Uint8Array): void {
    if (context.length !== 8) return;
    const view = new DataView(context.buffer, context.byteOffset, 8);
    const count = Number(view.getBigUint64(0, true));
    if (count > this.#confirmed + this.#pending.length) return;
    if (count > this.acknowledged(from)) this.#echoed.set(from, count);
  }

  /** The leader vouches for itself. */
  echoSelf(id: MemberId): void {
    this.#echoed.set(id, this.#confirmed + this.#pending.length);
  }

  acknowledged(voter: MemberId): number {
    return this.#echoed.get(voter) ?? 0;
  }

  /** Takes out the reads that a quorum has confirmed, oldest first. */
  takeConfirmed(voters: Voters): readonly PendingRead[] {
    const count = jointIndex(voters, this) - this.#confirmed;
    if (count <= 0) return noReads;
    const taken = this.#pending.splice(0, count);
    this.#confirmed += taken.length;
    return taken;
  }
}
