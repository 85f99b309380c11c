// A client with a lease: it ties a key to it, keeps it alive for a while, then goes away. The key must
// live as long as the last answered keep-alive promised, and be gone some time after.
import type { LeaseId } from "#base/ids.ts";
import { PutRequest } from "#proto/gen/kv.ts";
import { LeaseGrantRequest } from "#proto/gen/lease.ts";
import { Violation } from "../violation.ts";
import type { SimMember } from "./sim-member.ts";
import type { VirtualTime } from "./virtual-time.ts";

export interface LeasePorts {
  readonly time: VirtualTime;
  pick(): SimMember | undefined;
  count(what: string): void;
}

export class LeaseTask {
  readonly key: string;
  private readonly id: LeaseId;
  private readonly ttlSeconds: number;
  private readonly keepUntilMs: number;
  private readonly ports: LeasePorts;
  /** The promise of the last answer, counted from when it was asked for. */
  private promisedMs = 0;
  /** True once the key is known to have been tied to the lease. */
  private attached = false;
  private over = false;
  private goneMs = Number.POSITIVE_INFINITY;

  constructor(
    lease: { readonly id: number; readonly ttlSeconds: number; readonly keepMs: number },
    ports: LeasePorts,
  ) {
    this.id = BigInt(1_000_000 + lease.id) as LeaseId;
    this.key = `lease/${lease.id}`;
    this.ttlSeconds = lease.ttlSeconds;
    this.keepUntilMs = ports.time.nowMs + lease.keepMs;
    this.ports = ports;
  }

  /** Whatever fails ends this client: its lease then ends by itself, if it was granted. */
  async run(member: SimMember): Promise<void> {
    const { time } = this.ports;
    const api = member.running?.api;
    if (api === undefined) return;
    const called = time.nowMs;
    const grant = LeaseGrantRequest.fromPartial({ ID: this.id, TTL: this.ttlSeconds });
    const granted = await api.propose("leaseGrant", grant);
    this.promisedMs = called + granted.TTL * 1000;
    this.ports.count("lease granted");
    const put = PutRequest.fromPartial({
      key: Buffer.from(this.key),
      value: Buffer.from(`of ${this.key}`),
      lease: this.id,
    });
    await api.propose("put", put);
    this.attached = true;
    this.keepAliveLater();
  }

  private keepAliveLater(): void {
    const { time } = this.ports;
    time.after((this.ttlSeconds * 1000) / 3, () => {
      if (this.over || time.nowMs > this.keepUntilMs) return;
      this.keepAliveLater();
      const api = this.ports.pick()?.running?.api;
      if (api === undefined) return;
      const called = time.nowMs;
      api.leaseRenew(this.id).then(
        (ttl) => {
          if (ttl === 0) return this.gone();
          if (called > this.goneMs) {
            throw new Violation("lease", `${this.key} was renewed after it had been told gone`);
          }
          this.ports.count("lease kept alive");
          this.promisedMs = Math.max(this.promisedMs, called + ttl * 1000);
        },
        () => {},
      );
    });
  }

  private gone(): void {
    this.goneMs = Math.min(this.goneMs, this.ports.time.nowMs);
    this.ended();
  }

  /** The key's deletion was seen. */
  ended(): void {
    const { nowMs } = this.ports.time;
    if (nowMs < this.promisedMs) {
      throw new Violation(
        "lease",
        `${this.key} ended at ${nowMs} ms, but was promised until ${this.promisedMs} ms`,
      );
    }
    this.ports.count("lease expired");
    this.over = true;
  }

  /** At the end of all: the deletion must have been seen if there was anything to delete. */
  checkEnded(existing: ReadonlySet<string>): void {
    if (this.attached && existing.has(this.key)) {
      throw new Violation("lease", `${this.key} lives on, promised until ${this.promisedMs} ms`);
    }
  }
}
