// What mvcc needs to know of leases; the lessor (server/lease) is passed in as this.
import type { LeaseId } from "#base/ids.ts";

export interface LeaseAttachments {
  exists(lease: LeaseId): boolean;
  /** Ties `key` to `lease`; the key's earlier lease, if any, must have been detached. */
  attach(lease: LeaseId, key: Uint8Array): void;
  /** Unties; a lease that is gone is ignored. */
  detach(lease: LeaseId, key: Uint8Array): void;
}
