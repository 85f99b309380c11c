// Request IDs, unique in the cluster without asking anybody: of raft requests, configuration
// changes, read-index contexts and new leases (facts: peer protocol §8).
import type { LeaseId, MemberId } from "#base/ids.ts";

const low48 = (1n << 48n) - 1n;

/**
 * 16 bits of the member, 40 of the start time in milliseconds, 8 that count; a count that runs over
 * continues in the time, which stays behind the real one as long as there are under 256,000 IDs a
 * second.
 */
export class RequestIds {
  private readonly prefix: bigint;
  private suffix: bigint;

  /** `startedMs` is the wall clock's milliseconds since 1970 at the start of the process. */
  constructor(member: MemberId, startedMs: number) {
    this.prefix = (member & 0xffffn) << 48n;
    this.suffix = (BigInt(Math.floor(startedMs)) << 8n) & low48;
  }

  /** The next ID; the first one ends in 01. */
  next(): bigint {
    this.suffix = (this.suffix + 1n) & low48;
    return this.prefix | this.suffix;
  }

  /** An ID for a lease whose client named none: positive as a signed number. */
  nextLease(): LeaseId {
    for (;;) {
      const id = this.next() & 0x7fffffffffffffffn;
      if (id !== 0n) return id;
    }
  }
}
