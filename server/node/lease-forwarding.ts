// Only the leader counts lease time, so a follower asks it over the peer wire; "not found" is final
// (facts: peer protocol §10).
import type { LeaseId } from "#base/ids.ts";
import { isEtcdError } from "#proto/errors.ts";
import type { LeaseTimeToLiveRequest, LeaseTimeToLiveResponse } from "#proto/gen/lease.ts";
import type { LeaseForwarder } from "#server/node/api-member.ts";
import { askLeader, type LeaderAddress } from "#server/node/ask-leader.ts";

/** The questions to one peer; server/peer's client asks them. */
export interface LeasePeers {
  renewLease(url: string, lease: LeaseId, timeoutMs: number): Promise<number>;
  leaseTimeToLive(
    url: string,
    request: LeaseTimeToLiveRequest,
    timeoutMs: number,
  ): Promise<LeaseTimeToLiveResponse>;
}

export interface LeaseForwardingPorts extends LeaderAddress {
  readonly peers: LeasePeers;
}

export class LeaseForwarding implements LeaseForwarder {
  private readonly ports: LeaseForwardingPorts;

  constructor(ports: LeaseForwardingPorts) {
    this.ports = ports;
  }

  async renew(lease: LeaseId): Promise<number> {
    const { peers } = this.ports;
    try {
      return await askLeader(this.ports, (url, timeoutMs) =>
        peers.renewLease(url, lease, timeoutMs),
      );
    } catch (error) {
      if (isEtcdError(error, "leaseNotFound")) return 0;
      throw error;
    }
  }

  async timeToLive(request: LeaseTimeToLiveRequest): Promise<LeaseTimeToLiveResponse> {
    const { peers } = this.ports;
    try {
      return await askLeader(this.ports, (url, timeoutMs) =>
        peers.leaseTimeToLive(url, request, timeoutMs),
      );
    } catch (error) {
      if (!isEtcdError(error, "leaseNotFound")) throw error;
      return { header: undefined, ID: request.ID, TTL: -1, grantedTTL: 0, keys: [] };
    }
  }
}
