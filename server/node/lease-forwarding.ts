// Only the leader counts lease time, so a follower asks it over the peer wire: each of its URLs in
// turn, again and again until the request timeout; "not found" is final (facts: peer protocol §10).
import type { Clock } from "#base/clock.ts";
import type { LeaseId } from "#base/ids.ts";
import { EtcdError, etcdError, isEtcdError } from "#proto/errors.ts";
import type { LeaseTimeToLiveRequest, LeaseTimeToLiveResponse } from "#proto/gen/lease.ts";
import type { LeaseForwarder } from "#server/node/api-member.ts";

const pauseMs = 50;

/** The questions to one peer; server/peer's client asks them. */
export interface LeasePeers {
  renewLease(url: string, lease: LeaseId, timeoutMs: number): Promise<number>;
  leaseTimeToLive(
    url: string,
    request: LeaseTimeToLiveRequest,
    timeoutMs: number,
  ): Promise<LeaseTimeToLiveResponse>;
}

export interface LeaseForwardingPorts {
  readonly peers: LeasePeers;
  readonly clock: Clock;
  readonly requestTimeoutMs: number;
  /** The leader's peer URLs, this member's own while it is not primary yet; empty if none is known. */
  leaderUrls(): readonly string[];
}

export class LeaseForwarding implements LeaseForwarder {
  private readonly ports: LeaseForwardingPorts;

  constructor(ports: LeaseForwardingPorts) {
    this.ports = ports;
  }

  async renew(lease: LeaseId): Promise<number> {
    const { peers } = this.ports;
    try {
      return await this.ask((url, timeoutMs) => peers.renewLease(url, lease, timeoutMs));
    } catch (error) {
      if (isEtcdError(error, "leaseNotFound")) return 0;
      throw error;
    }
  }

  async timeToLive(request: LeaseTimeToLiveRequest): Promise<LeaseTimeToLiveResponse> {
    const { peers } = this.ports;
    try {
      return await this.ask((url, timeoutMs) => peers.leaseTimeToLive(url, request, timeoutMs));
    } catch (error) {
      if (!isEtcdError(error, "leaseNotFound")) throw error;
      return { header: undefined, ID: request.ID, TTL: -1, grantedTTL: 0, keys: [] };
    }
  }

  private async ask<T>(one: (url: string, timeoutMs: number) => Promise<T>): Promise<T> {
    const { clock, requestTimeoutMs } = this.ports;
    const deadline = clock.monotonicMs() + requestTimeoutMs;
    for (;;) {
      for (const url of this.ports.leaderUrls()) {
        const leftMs = deadline - clock.monotonicMs();
        if (leftMs <= 0) break;
        try {
          return await one(url, leftMs);
        } catch (error) {
          if (error instanceof EtcdError) throw error;
        }
      }
      if (clock.monotonicMs() + pauseMs >= deadline) throw etcdError("timeout");
      await new Promise<void>((resolve) => clock.after(pauseMs, resolve));
    }
  }
}
