// The log of connections that were turned away before a request: each remote address and reason once a minute, so
// that a client which tries for ever with a bad certificate is seen and does not fill the disk.
import type { Clock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";

/** Whoever is not among the last of these is logged again. */
const maxRemotes = 1000;
const quietMs = 60_000;

export interface Rejection {
  readonly address: string;
  readonly port: number;
  /** The host that the client asked for, if it named one. */
  readonly serverName: string | undefined;
  /** What its certificate is for, if it showed one. */
  readonly alternatives: string | undefined;
  readonly error: string;
}

interface Remote {
  loggedMs: number;
  quiet: number;
}

export class RejectionLog {
  private readonly ports: { readonly clock: Clock; readonly log: Log };
  private readonly message: string;
  /** In the order in which they were logged. */
  private readonly remotes = new Map<string, Remote>();

  /** `message` is etcd's, such as `rejected connection on client endpoint`. */
  constructor(message: string, ports: { readonly clock: Clock; readonly log: Log }) {
    this.message = message;
    this.ports = ports;
  }

  add(one: Rejection): void {
    const nowMs = this.ports.clock.monotonicMs();
    const key = `${one.address} ${one.error}`;
    const known = this.remotes.get(key);
    if (known !== undefined && nowMs - known.loggedMs < quietMs) {
      known.quiet++;
      return;
    }
    this.remotes.delete(key);
    this.remotes.set(key, { loggedMs: nowMs, quiet: 0 });
    if (this.remotes.size > maxRemotes) {
      const [oldest] = this.remotes.keys();
      if (oldest !== undefined) this.remotes.delete(oldest);
    }
    this.ports.log.warn(
      {
        "remote-addr": `${one.address}:${one.port}`,
        "server-name": one.serverName ?? "",
        ...(one.alternatives === undefined ? {} : { "certificate-for": one.alternatives }),
        error: one.error,
        ...(known === undefined || known.quiet === 0 ? {} : { "not-logged": known.quiet }),
      },
      this.message,
    );
  }
}
