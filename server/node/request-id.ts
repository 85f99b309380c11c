// Request IDs, unique in the cluster without asking anybody: of raft requests, configuration
// changes, read-index contexts and new leases (facts: peer protocol §8).
import { lowHalf } from "#base/bytes.ts";
import type { LeaseId, MemberId } from "#base/ids.ts";

const two48 = 2 ** 48;
const two32 = 2 ** 32;

/**
 * 16 bits of the member, 40 of the start time in milliseconds, 8 that count; a count that runs over
 * continues in the time, which stays behind the real one as long as there are under 256,000 IDs a
 * second.
 */
export class RequestIds {
  /** The ID as one, and as its halves, in this processor's order: one bigint an ID is made. */
  private readonly id = new BigUint64Array(1);
  private readonly halves = new Uint32Array(this.id.buffer);
  private readonly prefix: number;
  private suffix: number;

  /** `startedMs` is the wall clock's milliseconds since 1970 at the start of the process. */
  constructor(member: MemberId, startedMs: number) {
    this.prefix = Number(member & 0xffffn) * 2 ** 16;
    this.suffix = (Math.floor(startedMs) * 256) % two48;
  }

  /** The next ID; the first one ends in 01. */
  next(): bigint {
    this.suffix = (this.suffix + 1) % two48;
    this.halves[lowHalf] = this.suffix % two32;
    this.halves[1 - lowHalf] = this.prefix + Math.floor(this.suffix / two32);
    return this.id[0]!;
  }

  /** An ID for a lease whose client named none: positive as a signed number. */
  nextLease(): LeaseId {
    for (;;) {
      const id = this.next() & 0x7fffffffffffffffn;
      if (id !== 0n) return id;
    }
  }
}
