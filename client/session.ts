// A session: a lease that is kept alive as long as its owner lives, and a signal for its end. What is
// put under the lease vanishes with the owner; locks and elections are made of such keys.
import type { EtcdClient } from "#client/client.ts";
import type { KeptLease } from "#client/lease.ts";
import type { CallOptions } from "#client/options.ts";

const defaultTtlSeconds = 60;

export interface SessionOptions extends CallOptions {
  /** How long the lease outlives its owner, seconds; 60 if not given. */
  readonly ttlSeconds?: number;
  /** A lease that is there already, as that of an owner who starts again; a new one if not given. */
  readonly lease?: bigint;
}

/** See the head of the file. Made by `Session.open`; end it with `close` or `orphan`. */
export class Session {
  readonly client: EtcdClient;
  readonly lease: bigint;
  readonly ttlSeconds: number;
  /** Aborted when the lease is renewed no more: it expired, was revoked, or the session was ended. */
  readonly ended: AbortSignal;
  private readonly kept: KeptLease;

  private constructor(client: EtcdClient, lease: bigint, ttlSeconds: number) {
    this.client = client;
    this.lease = lease;
    this.ttlSeconds = ttlSeconds;
    this.kept = client.lease.keepAlive(lease);
    const end = new AbortController();
    this.ended = end.signal;
    void this.watchOver(end);
  }

  /** Grants the lease and begins to renew it; fails with EtcdError if none can be had. */
  static async open(client: EtcdClient, options: SessionOptions = {}): Promise<Session> {
    const { ttlSeconds = defaultTtlSeconds, lease, ...call } = options;
    const id = lease ?? (await client.lease.grant(ttlSeconds, 0n, call)).ID;
    return new Session(client, id, ttlSeconds);
  }

  /** True if the server ended the lease; false while it lives and after `orphan` and `close`. */
  get expired(): boolean {
    return this.kept.expired;
  }

  /** Renews no more: the lease and its keys live for what is left of their time. */
  orphan(): void {
    this.kept.stop();
  }

  /** Ends the lease, and its keys with it. */
  async close(options: CallOptions = {}): Promise<void> {
    this.orphan();
    // After its own time the lease is gone anyway.
    const timeoutMs = options.timeoutMs ?? this.ttlSeconds * 1_000;
    await this.client.lease.revoke(this.lease, { ...options, timeoutMs });
  }

  private async watchOver(end: AbortController): Promise<void> {
    for await (const _renewed of this.kept);
    end.abort();
  }
}
