// The leader's notes of what is left of long leases (gate LeaseCheckpoint): twice a second it proposes
// those that are due, a thousand an entry, so that the next leader, and a restart, go on from there and
// do not give a lease its whole TTL again (facts: apply rules §5). Best effort: a note that is lost is
// made again an interval later.
import type { LeaseId } from "#base/ids.ts";

const maxPerEntry = 1000;
/** etcd allows 500, which would be one long turn of the event loop. Within 5 minutes this is 2.4 million. */
const maxEntriesPerRound = 4;

export interface LeaseCheckpoint {
  readonly ID: LeaseId;
  readonly remainingTTL: number;
}

export interface LeaseCheckpointsPorts {
  isLeader(): boolean;
  /** Proves that this member leads. */
  linearize(): Promise<void> | undefined;
  /** At most `max` leases whose checkpoint is due; empty while this member is not primary. */
  due(max: number): LeaseCheckpoint[];
  propose(checkpoints: LeaseCheckpoint[]): Promise<unknown>;
}

export class LeaseCheckpoints {
  private readonly ports: LeaseCheckpointsPorts;
  private busy = false;

  constructor(ports: LeaseCheckpointsPorts) {
    this.ports = ports;
  }

  /** One round; call it every 500 ms. Never rejects. */
  async round(): Promise<void> {
    const { ports } = this;
    if (this.busy || !ports.isLeader()) return;
    const first = ports.due(maxPerEntry);
    if (first.length === 0) return;
    this.busy = true;
    try {
      await ports.linearize();
      let due = first;
      for (let entries = 1; due.length > 0 && ports.isLeader(); entries++) {
        await ports.propose(due);
        if (due.length < maxPerEntry || entries === maxEntriesPerRound) return;
        due = ports.due(maxPerEntry);
      }
    } catch {
      // No quorum, or too much to do: they are due again after an interval.
    } finally {
      this.busy = false;
    }
  }
}
