// Leases: grant, revoke, time to live, list, and keeping alive. All leases that are kept alive share a
// stream: each is renewed when a third of its time has passed; when the stream breaks it is opened
// again on another connection, and a lease that got no answer for its whole time counts as expired.
import type { ClientDuplexStream } from "@grpc/grpc-js";
import type { Timer } from "#base/clock.ts";
import { deadlineExceeded, errorOfStatus } from "#client/errors.ts";
import type { CallOptions } from "#client/options.ts";
import { rpc, type Transport } from "#client/transport.ts";
import { EtcdError, etcdError, grpcCode } from "#proto/errors.ts";
import {
  LeaseDefinition,
  type LeaseGrantResponse,
  type LeaseKeepAliveRequest,
  type LeaseKeepAliveResponse,
  type LeaseLeasesResponse,
  type LeaseRevokeResponse,
  type LeaseTimeToLiveResponse,
} from "#proto/gen/lease.ts";

const { methods } = LeaseDefinition;
const grantRpc = rpc(LeaseDefinition, methods.leaseGrant, { repeatable: true });
const revokeRpc = rpc(LeaseDefinition, methods.leaseRevoke, { repeatable: true });
const timeToLiveRpc = rpc(LeaseDefinition, methods.leaseTimeToLive, { repeatable: true });
const leasesRpc = rpc(LeaseDefinition, methods.leaseLeases, { repeatable: true });
const keepAliveRpc = rpc(LeaseDefinition, methods.leaseKeepAlive, { repeatable: false });

const reopenAfterMs = 500;
const defaultFirstAnswerMs = 5_000;
const queueLimit = 16;

/** A lease being kept alive: iterate it for the answers; it ends when the lease is gone. */
export class KeptLease implements AsyncIterable<LeaseKeepAliveResponse> {
  readonly id: bigint;
  /** True once the lease expired or was revoked; false while it lives or after `stop`. */
  expired = false;
  private readonly queue: LeaseKeepAliveResponse[] = [];
  private readonly onStop: () => void;
  private ended = false;
  private wake: (() => void) | undefined;

  /** Made by LeaseClient.keepAlive. */
  constructor(id: bigint, onStop: () => void) {
    this.id = id;
    this.onStop = onStop;
  }

  /** Stops renewing; the lease then lives for what is left of its time. */
  stop(): void {
    if (this.ended) return;
    this.end(false);
    this.onStop();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<LeaseKeepAliveResponse> {
    try {
      for (;;) {
        const response = this.queue.shift();
        if (response !== undefined) yield response;
        else if (this.ended) return;
        else {
          await new Promise<void>((resolve) => {
            this.wake = resolve;
          });
        }
      }
    } finally {
      this.stop();
    }
  }

  /** Used by LeaseClient; an answer that nobody takes makes room for the next. */
  deliver(response: LeaseKeepAliveResponse): void {
    if (this.queue.length >= queueLimit) this.queue.shift();
    this.queue.push(response);
    this.wake?.();
  }

  /** Used by LeaseClient. */
  end(expired: boolean): void {
    this.expired = expired;
    this.ended = true;
    this.wake?.();
  }
}

interface Kept {
  readonly lease: KeptLease;
  renew: Timer | undefined;
  expiry: Timer | undefined;
}

type KeepAliveStream = ClientDuplexStream<LeaseKeepAliveRequest, LeaseKeepAliveResponse>;

/** See the head of the file. */
export class LeaseClient {
  private readonly transport: Transport;
  private readonly closing = new AbortController();
  private readonly kept = new Map<bigint, Kept>();
  private stream: KeepAliveStream | undefined;
  private opening = false;
  private reopen: Timer | undefined;

  constructor(transport: Transport) {
    this.transport = transport;
  }

  /** A new lease of `ttlSeconds`; the server chooses the id if it is 0. */
  grant(ttlSeconds: number, id = 0n, options?: CallOptions): Promise<LeaseGrantResponse> {
    return this.transport.unary(grantRpc, { TTL: ttlSeconds, ID: id }, options);
  }

  /** Ends the lease and deletes its keys. */
  revoke(id: bigint, options?: CallOptions): Promise<LeaseRevokeResponse> {
    return this.transport.unary(revokeRpc, { ID: id }, options);
  }

  /** What is left of a lease; TTL −1 if there is no such lease. */
  timeToLive(
    id: bigint,
    parts: { readonly keys?: boolean } = {},
    options?: CallOptions,
  ): Promise<LeaseTimeToLiveResponse> {
    return this.transport.unary(timeToLiveRpc, { ID: id, keys: parts.keys ?? false }, options);
  }

  list(options?: CallOptions): Promise<LeaseLeasesResponse> {
    return this.transport.unary(leasesRpc, {}, options);
  }

  /** Renews once; fails with leaseNotFound if there is no such lease. */
  async keepAliveOnce(id: bigint, options: CallOptions = {}): Promise<LeaseKeepAliveResponse> {
    const { clock } = this.transport;
    const { timeoutMs, signal } = options;
    const deadlineMs = timeoutMs === undefined ? undefined : clock.monotonicMs() + timeoutMs;
    const stream = await this.transport.duplex(keepAliveRpc, { deadlineMs, signal });
    const { promise, resolve, reject } = Promise.withResolvers<LeaseKeepAliveResponse>();
    const timer =
      deadlineMs === undefined
        ? undefined
        : clock.after(Math.max(0, deadlineMs - clock.monotonicMs()), () =>
            reject(deadlineExceeded()),
          );
    stream.once("data", resolve);
    stream.on("error", ({ code, details }: { code?: number; details?: string }) => {
      reject(errorOfStatus(code ?? grpcCode.unknown, details ?? "the keep-alive stream failed"));
    });
    stream.once("end", () =>
      reject(new EtcdError(grpcCode.unavailable, "the keep-alive stream ended")),
    );
    stream.write({ ID: id });
    const response = await promise.finally(() => {
      timer?.cancel();
      stream.cancel();
    });
    if (response.TTL <= 0) throw etcdError("leaseNotFound");
    return response;
  }

  /**
   * Keeps a lease alive until `stop`. Without an answer within `firstAnswerMs` it counts as expired.
   * A lease has one keeper: a second call for the same id replaces the first.
   */
  keepAlive(id: bigint, firstAnswerMs: number = defaultFirstAnswerMs): KeptLease {
    this.kept.get(id)?.lease.stop();
    const lease = new KeptLease(id, () => this.forget(id));
    const kept: Kept = { lease, renew: undefined, expiry: undefined };
    this.kept.set(id, kept);
    this.expireAfter(kept, firstAnswerMs);
    this.send(kept);
    return lease;
  }

  /** Stops every keep-alive. */
  close(): void {
    this.closing.abort();
    for (const { lease } of [...this.kept.values()]) lease.stop();
    this.reopen?.cancel();
    this.stream?.cancel();
  }

  private forget(id: bigint): void {
    const kept = this.kept.get(id);
    kept?.renew?.cancel();
    kept?.expiry?.cancel();
    this.kept.delete(id);
    if (this.kept.size > 0) return;
    // Forgotten at once: a lease that comes now gets a stream of its own.
    this.stream?.end();
    this.stream = undefined;
  }

  private expire(kept: Kept): void {
    this.forget(kept.lease.id);
    kept.lease.end(true);
  }

  private expireAfter(kept: Kept, delayMs: number): void {
    kept.expiry?.cancel();
    kept.expiry = this.transport.clock.after(delayMs, () => this.expire(kept));
  }

  private send(kept: Kept): void {
    if (this.stream !== undefined) this.stream.write({ ID: kept.lease.id });
    else if (!this.opening && this.reopen === undefined) void this.open();
  }

  private async open(): Promise<void> {
    this.opening = true;
    try {
      const limits = { deadlineMs: undefined, signal: this.closing.signal };
      const stream = await this.transport.duplex(keepAliveRpc, limits);
      if (this.closing.signal.aborted || this.kept.size === 0) {
        stream.on("error", () => {});
        stream.cancel();
        return;
      }
      this.stream = stream;
      stream.on("data", (response: LeaseKeepAliveResponse) => this.receive(response));
      stream.on("error", () => this.broken(stream));
      stream.on("end", () => this.broken(stream));
      for (const kept of this.kept.values()) this.send(kept);
    } catch {
      // The client is closing; leases that still wait end by their own time.
    } finally {
      this.opening = false;
    }
  }

  private receive(response: LeaseKeepAliveResponse): void {
    const kept = this.kept.get(response.ID);
    if (kept === undefined) return;
    if (response.TTL <= 0) {
      this.expire(kept);
      return;
    }
    const ttlMs = response.TTL * 1000;
    this.expireAfter(kept, ttlMs);
    kept.renew?.cancel();
    kept.renew = this.transport.clock.after(ttlMs / 3, () => this.send(kept));
    kept.lease.deliver(response);
  }

  private broken(stream: KeepAliveStream): void {
    if (stream !== this.stream) return;
    this.stream = undefined;
    if (this.closing.signal.aborted || this.kept.size === 0) return;
    this.reopen = this.transport.clock.after(reopenAfterMs, () => {
      this.reopen = undefined;
      if (this.kept.size > 0 && !this.opening) void this.open();
    });
  }
}
