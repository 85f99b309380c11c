// What a member has loaded for TLS, and what was turned away. Not etcd's: its files are read for each
// handshake and nobody can tell what it trusts; whoever rotates certificates must know.
import { Counter, Gauge, type Registry } from "prom-client";

/** One port's TLS at the moment of a scrape. */
export interface TlsSample {
  readonly port: "client" | "peer";
  /** SHA-256 in lower-case hexadecimal: of the leaf's DER, of the CA file's bytes. */
  readonly leaf: string | undefined;
  readonly ca: string | undefined;
  /** Seconds since 1970. */
  readonly leafNotAfter: number | undefined;
  readonly reloads: number;
  readonly reloadFailures: number;
  readonly handshakeFailures: number;
}

export class TlsMetrics {
  private readonly loaded: Gauge<"port" | "leaf_sha256" | "ca_sha256">;
  private readonly notAfter: Gauge<"port">;
  private readonly reloads: Counter<"port">;
  private readonly reloadFailures: Counter<"port">;
  private readonly handshakeFailures: Counter<"port">;

  constructor(registry: Registry) {
    const registers = [registry];
    this.loaded = new Gauge({
      name: "etcd_server_tls_loaded",
      help: "1 for the certificate and the CA file that new connections of a port get.",
      labelNames: ["port", "leaf_sha256", "ca_sha256"],
      registers,
    });
    this.notAfter = new Gauge({
      name: "etcd_server_tls_certificate_not_after_seconds",
      help: "When the loaded certificate of a port ends, in seconds since 1970.",
      labelNames: ["port"],
      registers,
    });
    const counter = (name: string, help: string): Counter<"port"> =>
      new Counter({ name, help, labelNames: ["port"], registers });
    this.reloads = counter("etcd_server_tls_reloads_total", "Changed files that were taken over.");
    this.reloadFailures = counter(
      "etcd_server_tls_reload_failures_total",
      "Changed files that could not be taken over.",
    );
    this.handshakeFailures = counter(
      "etcd_server_tls_handshake_failures_total",
      "Connections that were turned away or lost before a request.",
    );
  }

  refresh(samples: readonly TlsSample[]): void {
    const all = [this.loaded, this.notAfter, this.reloads, this.reloadFailures];
    for (const metric of [...all, this.handshakeFailures]) metric.reset();
    for (const { port, leaf = "", ca = "", leafNotAfter, ...counts } of samples) {
      this.loaded.set({ port, leaf_sha256: leaf, ca_sha256: ca }, 1);
      if (leafNotAfter !== undefined) this.notAfter.set({ port }, leafNotAfter);
      this.reloads.inc({ port }, counts.reloads);
      this.reloadFailures.inc({ port }, counts.reloadFailures);
      this.handshakeFailures.inc({ port }, counts.handshakeFailures);
    }
  }
}
