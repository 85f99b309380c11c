// etcdserverpb.Lease. A granted lease with ID 0 gets its ID from the member before it is proposed.

import { type EtcdError, etcdError } from "#proto/errors.ts";
import {
  LeaseGrantRequest,
  LeaseGrantResponse,
  LeaseKeepAliveRequest,
  LeaseKeepAliveResponse,
  LeaseLeasesRequest,
  LeaseLeasesResponse,
  LeaseRevokeRequest,
  LeaseRevokeResponse,
  LeaseTimeToLiveRequest,
  LeaseTimeToLiveResponse,
} from "#proto/gen/lease.ts";
import { BinaryWriter } from "#proto/wire.ts";
import type { Method, RequestSink, Responder } from "#server/rpc/service-registry.ts";
import type { Caller } from "./access.ts";
import { encodeAnswer, type ServiceContext } from "./kv.ts";
import { failMalformed, failWith, requestStream, singleRequest } from "./method-gate.ts";

const service = "/etcdserverpb.Lease/";
/** Keep-alives of one stream that may wait for the one under way. */
const maxWaitingRenewals = 64;

/** The methods of the Lease service. */
export function leaseMethods(context: ServiceContext): Method[] {
  const { access, member, gate, headers } = context;
  return [
    singleRequest(gate, {
      path: `${service}LeaseGrant`,
      decode: (bytes) => LeaseGrantRequest.decode(bytes),
      async run(request, responder) {
        const who = await access.anyUser(responder);
        const response = await member.propose("leaseGrant", request, who);
        return encodeAnswer(headers, LeaseGrantResponse, response, member.currentRevision());
      },
    }),
    singleRequest(gate, {
      path: `${service}LeaseRevoke`,
      decode: (bytes) => LeaseRevokeRequest.decode(bytes),
      async run(request, responder) {
        const who = await access.anyUser(responder);
        const response = await member.propose("leaseRevoke", request, who);
        return encodeAnswer(headers, LeaseRevokeResponse, response, member.currentRevision());
      },
    }),
    singleRequest(gate, {
      path: `${service}LeaseTimeToLive`,
      decode: (bytes) => LeaseTimeToLiveRequest.decode(bytes),
      async run(request, responder) {
        const response = await timeToLive(context, request, responder);
        return encodeAnswer(headers, LeaseTimeToLiveResponse, response, member.currentRevision());
      },
    }),
    singleRequest(gate, {
      path: `${service}LeaseLeases`,
      decode: (bytes) => LeaseLeasesRequest.decode(bytes),
      async run(_, responder) {
        const who = await access.anyUser(responder);
        const none = { header: undefined, leases: [] };
        const parts = [encodeAnswer(headers, LeaseLeasesResponse, none, member.currentRevision())];
        for await (const ids of member.leaseList()) {
          refuseIf(access.isOn ? member.auth.leasesRefusal(who, ids) : undefined);
          const leases = ids.map((ID) => ({ ID }));
          parts.push(LeaseLeasesResponse.encode({ header: undefined, leases }).finish());
        }
        return Buffer.concat(parts);
      },
    }),
    requestStream(
      gate,
      `${service}LeaseKeepAlive`,
      (responder) => new KeepAliveStream(context, responder),
    ),
  ];
}

/** Keys are shown to whom may read them all. */
async function timeToLive(
  { access, member }: ServiceContext,
  request: LeaseTimeToLiveRequest,
  caller: Caller,
): Promise<LeaseTimeToLiveResponse> {
  const who = await access.anyUser(caller);
  const { auth } = member;
  const { revision } = auth;
  const shown = (): void =>
    refuseIf(access.isOn && request.keys ? auth.leasesRefusal(who, [request.ID]) : undefined);
  shown();
  const response = await member.leaseTimeToLive(request);
  // etcd looks only before, and so may show keys that were attached while it waited.
  shown();
  if (access.isOn && request.keys && auth.revision !== revision) throw etcdError("authOldRevision");
  return response;
}

function refuseIf(error: EtcdError | undefined): void {
  if (error !== undefined) throw error;
}

/** Renews one after the other, in the order asked; each answer's revision is from before its renewal. */
class KeepAliveStream implements RequestSink {
  private readonly context: ServiceContext;
  private readonly responder: Responder;
  private readonly waiting: bigint[] = [];
  private busy = false;
  private requestsEnded = false;
  private full = false;

  constructor(context: ServiceContext, responder: Responder) {
    this.context = context;
    this.responder = responder;
    responder.onDrain(() => {
      this.full = false;
      this.next();
    });
  }

  message(bytes: Uint8Array): void {
    let request: LeaseKeepAliveRequest;
    try {
      request = LeaseKeepAliveRequest.decode(bytes);
    } catch (error) {
      failMalformed(this.responder, "stream", error);
      return;
    }
    this.waiting.push(request.ID);
    if (this.waiting.length >= maxWaitingRenewals) this.responder.holdRequests(true);
    this.next();
  }

  end(): void {
    this.requestsEnded = true;
    this.next();
  }

  private next(): void {
    if (this.busy || this.full || this.responder.ended) return;
    const id = this.waiting.shift();
    if (id === undefined) {
      if (this.requestsEnded) this.responder.end();
      return;
    }
    if (this.waiting.length === 0) this.responder.holdRequests(false);
    this.busy = true;
    const revision = this.context.member.currentRevision();
    this.renew(id).then(
      (ttl) => this.renewed(id, ttl, revision),
      (error: unknown) => failWith(this.responder, error),
    );
  }

  private async renew(id: bigint): Promise<number> {
    const { access, member } = this.context;
    if (access.isOn) {
      await member.linearize();
      const who = await access.anyUser(this.responder);
      refuseIf(member.auth.renewalRefusal(who, id));
    }
    return member.leaseRenew(id);
  }

  private renewed(id: bigint, ttl: number, revision: number): void {
    const writer = this.context.headers.write(new BinaryWriter(64), revision);
    const answer = { header: undefined, ID: id, TTL: ttl };
    this.full = !this.responder.write(LeaseKeepAliveResponse.encode(answer, writer).finish());
    this.busy = false;
    this.next();
  }
}
