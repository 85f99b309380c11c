// One operator at a time, by a Lease. Whether another one's lease has run out is judged by how long it has
// not changed, as seen here on a clock that never jumps, not by the times in it. Whoever cannot renew in time
// stops before the lease can be another's: its requests are aborted and the process ends.
import type { Clock, Timer } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import { type ApiClient, isConflict } from "#operator/platform/kubernetes/api-client.ts";
import { type Lease, leases } from "#operator/platform/kubernetes/kinds.ts";

/** How long a lease holds after it was renewed. */
export const leaseMs = 15_000;
/** Without a renewal for so long nothing may be written any more: well before the lease ends. */
export const renewDeadlineMs = 10_000;
const retryMs = 2000;

export interface LeaderElectionOptions {
  readonly api: ApiClient;
  readonly clock: Clock;
  readonly log: Log;
  readonly namespace: string;
  readonly name: string;
  /** Who this process is; no two are called the same. */
  readonly identity: string;
  /** Called once, when this process leads. */
  onLead(): void;
  /** Called once, when it led and may not go on: end the process. */
  onLost(reason: string): void;
}

export class LeaderElection {
  readonly #options: LeaderElectionOptions;
  #timer: Timer | undefined;
  #deadline: Timer | undefined;
  /** When the request was sent that renewed last; undefined: does not lead. */
  #renewedMs: number | undefined;
  #isOver = false;
  /** The other one's lease as seen last, and when it last changed. */
  #seen: { readonly version: string; readonly atMs: number } | undefined;

  constructor(options: LeaderElectionOptions) {
    this.#options = options;
  }

  /** Whether this process may write now. */
  get leads(): boolean {
    if (this.#renewedMs === undefined || this.#isOver) return false;
    return this.#options.clock.monotonicMs() - this.#renewedMs < renewDeadlineMs;
  }

  start(): void {
    void this.#turn();
  }

  /** Gives the lease away, so that the next one need not wait for its end. */
  async release(): Promise<void> {
    const led = this.leads;
    this.#end();
    if (!led) return;
    const { api, namespace, name, identity } = this.#options;
    try {
      const lease = await api.get(leases, namespace, name);
      if (lease.spec.holderIdentity !== identity) return;
      const spec = { ...lease.spec, holderIdentity: "", leaseDurationSeconds: 1 };
      await api.replace(leases, { ...lease, spec });
    } catch {
      // It runs out by itself.
    }
  }

  #end(): void {
    this.#isOver = true;
    this.#timer?.cancel();
    this.#deadline?.cancel();
  }

  async #turn(): Promise<void> {
    const { clock, log, onLead } = this.#options;
    const sentMs = clock.monotonicMs();
    const led = this.#renewedMs !== undefined;
    try {
      const got = await this.#tryOnce(sentMs);
      if (this.#isOver) return;
      if (got) this.#renewed(sentMs);
      else if (led) this.#lose("another operator has the lease");
      if (got && !led) onLead();
    } catch (error) {
      if (this.#isOver) return;
      const message = error instanceof Error ? error.message : String(error);
      log.warn({ error: message }, led ? "cannot renew the lease" : "cannot ask for the lease");
    }
    if (!this.#isOver) this.#timer = clock.after(retryMs, () => void this.#turn());
  }

  #renewed(sentMs: number): void {
    const { clock } = this.#options;
    this.#renewedMs = sentMs;
    this.#deadline?.cancel();
    const leftMs = Math.max(0, sentMs + renewDeadlineMs - clock.monotonicMs());
    this.#deadline = clock.after(leftMs, () =>
      this.#lose("the lease could not be renewed in time"),
    );
  }

  #lose(reason: string): void {
    this.#end();
    this.#options.onLost(reason);
  }

  /** True: the lease is ours, for it was written with the version that was read. */
  async #tryOnce(nowMs: number): Promise<boolean> {
    const { api, clock, namespace, name, identity } = this.#options;
    const time = `${new Date(clock.wallMs()).toISOString().replace("Z", "000Z")}`;
    const mine = {
      holderIdentity: identity,
      leaseDurationSeconds: leaseMs / 1000,
      renewTime: time,
    };
    const lease = await api.find(leases, namespace, name);
    try {
      if (lease === undefined) {
        const spec = { ...mine, acquireTime: time, leaseTransitions: 0 };
        const { apiVersion, kind } = leases;
        await api.create(leases, { apiVersion, kind, metadata: { name, namespace }, spec });
        return true;
      }
      const isMine = lease.spec.holderIdentity === identity;
      if (!isMine && !this.#hasRunOut(lease, nowMs)) return false;
      const spec = isMine
        ? { ...lease.spec, ...mine }
        : {
            ...mine,
            acquireTime: time,
            leaseTransitions: (lease.spec.leaseTransitions ?? 0) + 1,
          };
      await api.replace(leases, { ...lease, spec });
      return true;
    } catch (error) {
      if (isConflict(error)) return false;
      throw error;
    }
  }

  #hasRunOut(lease: Lease, nowMs: number): boolean {
    if ((lease.spec.holderIdentity ?? "") === "") return true;
    const version = lease.metadata.resourceVersion ?? "";
    if (this.#seen?.version !== version) {
      this.#seen = { version, atMs: nowMs };
      return false;
    }
    return nowMs - this.#seen.atMs >= (lease.spec.leaseDurationSeconds ?? leaseMs / 1000) * 1000;
  }
}
