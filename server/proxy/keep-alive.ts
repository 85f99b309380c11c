// Renewals of leases through a proxy. Renewals of one lease that come while one is under way, or shortly
// after its answer, are answered with it: however many clients keep a lease alive, the cluster renews
// it about as often as one would. All clients with one token share a stream to the cluster.

import type { Clock, Timer } from "#base/clock.ts";
import { errorOfStatus } from "#client/errors.ts";
import type { DuplexStream, StreamError } from "#client/transport.ts";
import { type EtcdError, etcdError, grpcCode } from "#proto/errors.ts";
import {
  LeaseKeepAliveRequest,
  LeaseKeepAliveResponse,
  LeaseRevokeRequest,
} from "#proto/gen/lease.ts";
import type { Method, RequestSink, Responder } from "#server/rpc/service-registry.ts";
import { rpcAt } from "./forwarding.ts";
import {
  callerOf,
  failMalformed,
  failWith,
  tokenOf,
  type Upstream,
  wantsLeader,
} from "./upstream.ts";

export type KeepAliveWire = Pick<
  DuplexStream<LeaseKeepAliveRequest, LeaseKeepAliveResponse>,
  "write" | "on" | "cancel"
>;

export interface KeepAlivePorts {
  readonly open: (token: string, signal: AbortSignal) => Promise<KeepAliveWire>;
  readonly clock: Clock;
}

/** Who waits for a renewal. */
export interface RenewalListener {
  readonly wantsLeader: boolean;
  renewed(response: LeaseKeepAliveResponse): void;
  failed(error: EtcdError): void;
}

interface Recent {
  readonly response: LeaseKeepAliveResponse;
  readonly untilMs: number;
}

const reopenAfterMs = 100;
/** An answer is given again for a tenth of the lease's time, and for at most so long. */
const longestRecentMs = 1000;
const maxRecent = 10_000;
/** Leases of one token whose renewal may be under way. */
const maxPending = 100_000;
const passing: ReadonlySet<number> = new Set([
  grpcCode.unavailable,
  grpcCode.internal,
  grpcCode.canceled,
]);

/** The renewals of clients with one token. */
export class KeepAlives {
  /** Renewals that were answered without asking the cluster. */
  coalesced = 0;
  private readonly token: string;
  private readonly ports: KeepAlivePorts;
  /** In the order in which they were asked of the cluster, which answers in that order. */
  private readonly pending = new Map<bigint, Set<RenewalListener>>();
  private readonly recent = new Map<bigint, Recent>();
  private wire: KeepAliveWire | undefined;
  private opening = false;
  private reopen: Timer | undefined;
  private readonly closing = new AbortController();

  constructor(token: string, ports: KeepAlivePorts) {
    this.token = token;
    this.ports = ports;
  }

  /** `listener` is told once; see `forget`. */
  renew(id: bigint, listener: RenewalListener): void {
    const recent = this.recent.get(id);
    if (recent !== undefined && this.ports.clock.monotonicMs() < recent.untilMs) {
      this.coalesced++;
      listener.renewed(recent.response);
      return;
    }
    const waiting = this.pending.get(id);
    if (waiting !== undefined) {
      this.coalesced++;
      waiting.add(listener);
      return;
    }
    if (this.pending.size >= maxPending) {
      listener.failed(etcdError("tooManyRequests"));
      return;
    }
    this.pending.set(id, new Set([listener]));
    if (this.wire !== undefined) this.wire.write({ ID: id });
    else this.connect();
  }

  /** A client has gone: it is told nothing any more. */
  forget(listener: RenewalListener): void {
    for (const waiting of this.pending.values()) waiting.delete(listener);
  }

  /** The lease is about to end, or has. */
  revoked(id: bigint): void {
    this.recent.delete(id);
  }

  close(): void {
    this.closing.abort();
    this.reopen?.cancel();
    this.wire?.cancel();
    this.wire = undefined;
  }

  private connect(): void {
    if (this.opening || this.reopen !== undefined || this.closing.signal.aborted) return;
    this.opening = true;
    this.ports
      .open(this.token, this.closing.signal)
      .then(
        (wire) => this.opened(wire),
        (thrown: unknown) => {
          if (!this.closing.signal.aborted) this.lost(thrown as EtcdError);
        },
      )
      .finally(() => {
        this.opening = false;
      });
  }

  private opened(wire: KeepAliveWire): void {
    wire.on("error", (error: StreamError) => {
      if (wire === this.wire) this.lost(errorOfStatus(error.code, error.details));
    });
    if (this.closing.signal.aborted) {
      wire.cancel();
      return;
    }
    this.wire = wire;
    wire.on("data", (response: LeaseKeepAliveResponse) => {
      if (wire === this.wire) this.answered(response);
    });
    wire.on("end", () => {
      if (wire === this.wire) this.lost(errorOfStatus(grpcCode.unavailable, "the stream ended"));
    });
    for (const id of this.pending.keys()) wire.write({ ID: id });
  }

  private answered(response: LeaseKeepAliveResponse): void {
    const { ID: id, TTL: ttl } = response;
    const waiting = this.pending.get(id);
    this.pending.delete(id);
    this.recent.delete(id);
    if (ttl > 0) {
      const lastsMs = Math.min(longestRecentMs, ttl * 100);
      this.recent.set(id, { response, untilMs: this.ports.clock.monotonicMs() + lastsMs });
      for (const oldest of this.recent.keys()) {
        if (this.recent.size <= maxRecent) break;
        this.recent.delete(oldest);
      }
    }
    for (const listener of waiting ?? []) listener.renewed(response);
  }

  private lost(error: EtcdError): void {
    this.wire = undefined;
    const isLeaderless = error.errorName === "noLeader";
    if (isLeaderless) {
      for (const waiting of this.pending.values()) {
        for (const listener of [...waiting].filter((one) => one.wantsLeader)) {
          waiting.delete(listener);
          listener.failed(error);
        }
      }
    } else if (!passing.has(error.code)) {
      // Refused: that was the first that has no answer yet. The others shall not suffer for it.
      const [first] = this.pending;
      if (first !== undefined) {
        this.pending.delete(first[0]);
        for (const listener of first[1]) listener.failed(error);
      }
    }
    for (const [id, waiting] of this.pending) if (waiting.size === 0) this.pending.delete(id);
    if (this.pending.size === 0 || this.closing.signal.aborted) return;
    this.reopen = this.ports.clock.after(reopenAfterMs, () => {
      this.reopen = undefined;
      this.connect();
    });
  }
}

/** The renewals of every token: shared by all streams, and forgotten with the last stream of a token. */
export class KeepAlivePool {
  private readonly ports: KeepAlivePorts;
  private readonly byToken = new Map<string, { readonly keepAlives: KeepAlives; users: number }>();
  private coalescedBefore = 0;

  constructor(ports: KeepAlivePorts) {
    this.ports = ports;
  }

  get coalesced(): number {
    let sum = this.coalescedBefore;
    for (const { keepAlives } of this.byToken.values()) sum += keepAlives.coalesced;
    return sum;
  }

  take(token: string): KeepAlives {
    let known = this.byToken.get(token);
    if (known === undefined) {
      known = { keepAlives: new KeepAlives(token, this.ports), users: 0 };
      this.byToken.set(token, known);
    }
    known.users++;
    return known.keepAlives;
  }

  giveBack(token: string): void {
    const known = this.byToken.get(token);
    if (known === undefined || --known.users > 0) return;
    this.coalescedBefore += known.keepAlives.coalesced;
    known.keepAlives.close();
    this.byToken.delete(token);
  }

  revoked(id: bigint): void {
    for (const { keepAlives } of this.byToken.values()) keepAlives.revoked(id);
  }

  close(): void {
    for (const { keepAlives } of this.byToken.values()) keepAlives.close();
  }
}

/** LeaseKeepAlive, and LeaseRevoke, which ends what is remembered of a lease. */
export function leaseMethods(upstream: Upstream, pool: KeepAlivePool): Method[] {
  const revokePath = "/etcdserverpb.Lease/LeaseRevoke";
  return [
    {
      path: "/etcdserverpb.Lease/LeaseKeepAlive",
      requestStream: true,
      responseStream: true,
      open: (responder) => new KeepAliveStream(pool, responder),
    },
    {
      path: revokePath,
      requestStream: false,
      responseStream: false,
      handle(bytes, responder) {
        let id: bigint;
        try {
          id = LeaseRevokeRequest.decode(bytes).ID;
        } catch (error) {
          failWith(responder, error);
          return;
        }
        pool.revoked(id);
        upstream
          .unary(rpcAt(revokePath), Buffer.from(bytes), callerOf(responder))
          // A renewal that was under way meanwhile may have been remembered.
          .finally(() => pool.revoked(id))
          .then((answer) => responder.reply(answer))
          .catch((error: unknown) => failWith(responder, error));
      },
    },
  ];
}

/** Renewals that one client may have under way. */
const maxUnderWay = 64;

class KeepAliveStream implements RequestSink, RenewalListener {
  readonly wantsLeader: boolean;
  private readonly responder: Responder;
  private readonly keepAlives: KeepAlives;
  private readonly underWay = new Map<bigint, number>();
  private requestsEnded = false;

  constructor(pool: KeepAlivePool, responder: Responder) {
    this.responder = responder;
    this.wantsLeader = wantsLeader(responder);
    const token = tokenOf(responder);
    this.keepAlives = pool.take(token);
    responder.onEnded(() => {
      this.keepAlives.forget(this);
      pool.giveBack(token);
    });
    responder.onDrain(() => responder.holdRequests(this.underWay.size >= maxUnderWay));
  }

  message(bytes: Uint8Array): void {
    let id: bigint;
    try {
      id = LeaseKeepAliveRequest.decode(bytes).ID;
    } catch (error) {
      failMalformed(this.responder, "stream", error);
      return;
    }
    // Several of one lease are one renewal, but each gets its answer.
    this.underWay.set(id, (this.underWay.get(id) ?? 0) + 1);
    if (this.underWay.size >= maxUnderWay) this.responder.holdRequests(true);
    this.keepAlives.renew(id, this);
  }

  end(): void {
    this.requestsEnded = true;
    if (this.underWay.size === 0) this.responder.end();
  }

  renewed(response: LeaseKeepAliveResponse): void {
    const count = this.underWay.get(response.ID) ?? 0;
    this.underWay.delete(response.ID);
    const bytes = LeaseKeepAliveResponse.encode(response).finish();
    let room = true;
    for (let i = 0; i < count; i++) room = this.responder.write(bytes);
    if (room && this.underWay.size < maxUnderWay) this.responder.holdRequests(false);
    if (this.requestsEnded && this.underWay.size === 0) this.responder.end();
  }

  failed(error: EtcdError): void {
    this.responder.fail(error.code, error.message);
  }
}
