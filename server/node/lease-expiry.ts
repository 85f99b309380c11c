// The leader's care of leases: every 500 ms it takes the expired ones and proposes a revoke each, at
// most 16 under way, and 2,000 a round: four times etcd's bound, for ours is about a tenth of the puts that a
// member does. Only a leader that has just proved its leadership does so: a member cut off
// from the rest must not count time for others (facts: apply rules §5).
import type { LeaseId } from "#base/ids.ts";

const maxPerRound = 2000;
const maxInFlight = 16;

export interface LeaseExpiryPorts {
  isLeader(): boolean;
  /** Proves that somebody leads, and that all committed is applied here: a read-index round. */
  linearize(): Promise<void> | undefined;
  expired(nowMs: number, max: number): readonly LeaseId[];
  /** False once the lease is gone, or counts anew since this member was elected again. */
  hasExpired(lease: LeaseId): boolean;
  revoke(lease: LeaseId): Promise<unknown>;
}

export class LeaseExpiry {
  private readonly ports: LeaseExpiryPorts;
  private readonly revoking = new Set<LeaseId>();
  private due: LeaseId[] = [];
  private proving = false;
  /** Leases whose revocation by expiry succeeded. */
  expiredTotal = 0;

  constructor(ports: LeaseExpiryPorts) {
    this.ports = ports;
  }

  /** One round; call it every 500 ms. Failures are tried again in a later round. */
  async round(nowMs: number): Promise<void> {
    const { ports } = this;
    if (this.proving || !ports.isLeader()) return;
    const room = maxPerRound - this.due.length;
    const due = ports.expired(nowMs, room).filter((lease) => !this.revoking.has(lease));
    if (due.length === 0 && this.due.length === 0) return;
    this.proving = true;
    try {
      await ports.linearize();
    } catch {
      // All are named again after a while.
      this.due = [];
      return;
    } finally {
      this.proving = false;
    }
    this.due.push(...due);
    this.pump();
  }

  private pump(): void {
    while (this.revoking.size < maxInFlight) {
      if (!this.ports.isLeader()) this.due = [];
      const lease = this.due.shift();
      if (lease === undefined) return;
      if (!this.revoking.has(lease) && this.ports.hasExpired(lease)) this.revoke(lease);
    }
  }

  private revoke(lease: LeaseId): void {
    this.revoking.add(lease);
    this.ports.revoke(lease).then(
      () => {
        this.expiredTotal++;
        this.revoking.delete(lease);
        this.pump();
      },
      // It is named again after a while; the others wait for the next round and its proof.
      () => this.revoking.delete(lease),
    );
  }
}
