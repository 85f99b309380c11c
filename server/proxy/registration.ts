// Proxies that know of each other: each puts a key under `--resolver-prefix`, on a lease that ends with
// it, and watches the keys of the others. What is written is what etcd's naming package writes, so
// that proxies and clients of both kinds find each other.
import type { Clock } from "#base/clock.ts";
import { errorText } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import type { EtcdClient } from "#client/client.ts";
import { prefixEnd } from "#client/kv.ts";
import { Session } from "#client/session.ts";

export interface RegistrationSetup {
  readonly client: EtcdClient;
  /** With the namespace before it. */
  readonly prefix: string;
  readonly address: string;
  readonly ttlSeconds: number;
  readonly hostName: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** A proxy as it has registered itself. */
export interface RegisteredProxy {
  readonly name: string;
  readonly address: string;
}

const retryAfterMs = 1000;
const callMs = 5000;
/** Proxies beyond this are not shown. */
const maxProxies = 10_000;

/** The value of a registration: etcd's naming.Update. */
export function registrationValue({ name, address }: RegisteredProxy): string {
  return JSON.stringify({ Op: 0, Addr: address, Metadata: JSON.stringify({ name }) });
}

/** What a value says; undefined if it is none. */
export function readRegistration(value: Uint8Array): RegisteredProxy | undefined {
  try {
    const { Addr, Metadata } = JSON.parse(Buffer.from(value).toString()) as Record<string, unknown>;
    if (typeof Addr !== "string") return undefined;
    const meta: unknown = typeof Metadata === "string" ? JSON.parse(Metadata) : Metadata;
    const name: unknown = (meta as Record<string, unknown> | null)?.["name"];
    return { address: Addr, name: typeof name === "string" ? name : "" };
  } catch {
    return undefined;
  }
}

export class Registration {
  private readonly setup: RegistrationSetup;
  private readonly found = new Map<string, RegisteredProxy>();
  private readonly stopping = new AbortController();
  private session: Session | undefined;

  constructor(setup: RegistrationSetup) {
    this.setup = setup;
    void this.again("failed to create a session", () => this.register());
    void this.again("failed to establish endpoint watch", () => this.watch());
  }

  /** All proxies that are registered, by their keys. */
  get proxies(): readonly RegisteredProxy[] {
    return [...this.found.values()];
  }

  /** Takes the own registration back. */
  async close(): Promise<void> {
    this.stopping.abort();
    await this.session?.close({ timeoutMs: 1000 }).catch(() => {});
  }

  private async again(message: string, run: () => Promise<void>): Promise<void> {
    const { clock, log } = this.setup;
    while (!this.stopping.signal.aborted) {
      try {
        await run();
      } catch (error) {
        if (!this.stopping.signal.aborted) log.warn({ error: errorText(error) }, message);
      }
      if (this.stopping.signal.aborted) return;
      await new Promise<void>((resolve) => {
        clock.after(retryAfterMs, resolve);
      });
    }
  }

  /** Until the session ends. */
  private async register(): Promise<void> {
    const { client, prefix, address, ttlSeconds, hostName, log } = this.setup;
    const session = await Session.open(client, { ttlSeconds, timeoutMs: callMs });
    this.session = session;
    const value = registrationValue({ name: hostName, address });
    const { lease } = session;
    await client.kv.put(`${prefix}/${address}`, value, { lease }, { timeoutMs: callMs });
    log.info({ addr: address, "lease-ttl": ttlSeconds }, "registered session with lease");
    await new Promise<void>((resolve) => {
      if (session.ended.aborted) resolve();
      session.ended.addEventListener("abort", () => resolve(), { once: true });
      this.stopping.signal.addEventListener("abort", () => resolve(), { once: true });
    });
    if (!this.stopping.signal.aborted) {
      log.warn({}, "session expired; possible network partition or server restart");
    }
  }

  private async watch(): Promise<void> {
    const { client, prefix } = this.setup;
    const key = Buffer.from(`${prefix}/`);
    const rangeEnd = prefixEnd(key);
    const parts = { rangeEnd, limit: maxProxies };
    const { kvs, header } = await client.kv.range(key, parts, { timeoutMs: callMs });
    this.found.clear();
    for (const one of kvs) this.put(one.key, one.value);
    const startRevision = (header?.revision ?? 0) + 1;
    const watcher = client.watch.watch(key, { rangeEnd, startRevision });
    this.stopping.signal.addEventListener("abort", () => watcher.cancel(), { once: true });
    for await (const { events } of watcher) {
      for (const { type, kv } of events) {
        if (kv === undefined) continue;
        if (type === 0) this.put(kv.key, kv.value);
        else this.found.delete(Buffer.from(kv.key).toString());
      }
    }
    if (watcher.error !== undefined) throw watcher.error;
  }

  private put(key: Uint8Array, value: Uint8Array): void {
    const proxy = readRegistration(value);
    if (proxy === undefined || this.found.size >= maxProxies) return;
    this.found.set(Buffer.from(key).toString(), proxy);
  }
}
