// TLS for client listeners: handshakes with ALPN, client certificates, and certificates that are
// replaced while the server runs. Connections keep what they were made with; new ones get the new.
// Handshakes are bounded in time and in number, so that clients that never finish one hold little.
import { X509Certificate } from "node:crypto";
import type { Socket } from "node:net";
import {
  createSecureContext,
  createServer,
  type DetailedPeerCertificate,
  type SecureContextOptions,
  type Server,
  type TLSSocket,
} from "node:tls";
import { errorText, OperatingError } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import type { ConnectionSecurity, SecuredConnection } from "./listeners.ts";
import type { RejectionLog } from "./rejections.ts";

/** What a server shows, and whom it trusts; PEM. */
export interface TlsMaterial {
  /** The server's certificate, followed by those between it and its root. */
  readonly cert: string;
  readonly key: string;
  /** Who signs the certificates of clients. Required unless clients show none. */
  readonly clientCa?: string;
}

export interface TlsOptions {
  readonly material: TlsMaterial;
  /** `verified`: a client may come without a certificate, but not with a bad one. */
  readonly clientCertificates: "off" | "verified" | "required";
  /** Hands on the common names of verified certificates. */
  readonly namesClients?: boolean;
  /** Why a verified certificate is refused all the same, or undefined. Must not reject. */
  readonly check?: CertificateCheck;
  /** Offered by ALPN, the preferred one first; those of a client port if left out. */
  readonly protocols?: readonly string[];
  readonly minVersion: "TLSv1.2" | "TLSv1.3";
  readonly maxVersion?: "TLSv1.2" | "TLSv1.3";
  /** In OpenSSL's form; node's own if not given. */
  readonly ciphers?: string | undefined;
  readonly handshakeMs: number;
  /** With so many handshakes under way, further connections are closed unread. */
  readonly maxHandshakes: number;
  readonly log: Log;
  /** Where connections that are turned away are told of; only debug lines if left out. */
  readonly rejections?: RejectionLog;
}

export type CertificateCheck = (
  certificate: X509Certificate,
  remoteAddress: string,
  chain: PeerChain,
) => string | undefined | Promise<string | undefined>;

/** What is known of a certificate and of those between it and its root. */
export interface PeerChain {
  /** In hexadecimal, the certificate's own first. */
  readonly serials: readonly string[];
  /**
   * False if there are more: Node 24.21 does not show those that a client sends along (nodejs/node#65579),
   * only those of the CA file.
   */
  readonly isWhole: boolean;
}

const maxChain = 16;
/** The protocols of a client port, the preferred one first. */
const clientProtocols = ["h2", "http/1.1"];

export class TlsSecurity implements ConnectionSecurity {
  private readonly options: TlsOptions;
  private context: SecureContextOptions;
  private anchors: ReadonlySet<string>;
  private readonly servers: Server[] = [];
  /** Under way now. */
  handshakes = 0;
  /** Failed, timed out or turned away since the start. */
  failures = 0;

  /** Throws OperatingError BAD_CERTIFICATE or NO_CLIENT_CA. */
  constructor(options: TlsOptions) {
    this.options = options;
    this.context = contextOf(options, options.material);
    this.anchors = anchorsOf(options.material.clientCa);
  }

  /**
   * New connections get this from now on; running ones stay. Throws OperatingError as the constructor
   * does, and then nothing has changed. Sessions made before are not resumed.
   */
  replace(material: TlsMaterial): void {
    const context = contextOf(this.options, material);
    this.anchors = anchorsOf(material.clientCa);
    this.context = context;
    for (const server of this.servers) server.setSecureContext(this.context);
  }

  acceptor(ready: (connection: SecuredConnection) => void): (socket: Socket) => void {
    const { clientCertificates, handshakeMs, maxHandshakes, protocols } = this.options;
    const server = createServer({
      ...this.context,
      ALPNProtocols: [...(protocols ?? clientProtocols)],
      requestCert: clientCertificates !== "off",
      // Node would only end the connection, without a word why: `judge` refuses instead.
      rejectUnauthorized: false,
      handshakeTimeout: handshakeMs,
    });
    this.servers.push(server);
    // One of these two follows for each socket, whatever becomes of it.
    server.on("secureConnection", (stream) => {
      stream.on("error", ignoreError);
      // Asked for once: node gives an empty one to those who ask again.
      const certificate =
        this.options.clientCertificates === "off" ? undefined : stream.getPeerX509Certificate();
      const verdict = this.judge(stream, certificate);
      if (typeof verdict === "object") {
        void verdict.then((fault) => this.judged(stream, certificate, fault, ready));
      } else {
        this.judged(stream, certificate, verdict, ready);
      }
    });
    server.on("tlsClientError", (error: NodeJS.ErrnoException & { reason?: string }, stream) => {
      this.handshakes--;
      // Whoever hangs up before it has said anything: a probe of the port.
      if (error.code === "ECONNRESET") this.failures++;
      else this.rejected(stream, undefined, error.reason ?? errorText(error));
      stream.destroy();
    });
    return (socket) => {
      if (this.handshakes >= maxHandshakes) {
        this.failures++;
        socket.destroy();
        return;
      }
      this.handshakes++;
      server.emit("connection", socket);
    };
  }

  /** Why the client is refused, or undefined. */
  private judge(
    stream: TLSSocket,
    certificate: X509Certificate | undefined,
  ): string | undefined | Promise<string | undefined> {
    const { clientCertificates, check } = this.options;
    if (clientCertificates === "off") return undefined;
    if (certificate === undefined) {
      return clientCertificates === "required"
        ? "tls: client didn't provide a certificate"
        : undefined;
    }
    if (!stream.authorized) {
      return `tls: failed to verify certificate: ${String(stream.authorizationError)}`;
    }
    return check?.(certificate, stream.remoteAddress ?? "", chainOf(stream, this.anchors));
  }

  private judged(
    stream: TLSSocket,
    certificate: X509Certificate | undefined,
    fault: string | undefined,
    ready: (connection: SecuredConnection) => void,
  ): void {
    this.handshakes--;
    if (stream.destroyed) return;
    if (fault !== undefined) {
      this.rejected(stream, certificate, fault);
      stream.destroy();
      return;
    }
    const isNamed = this.options.namesClients === true && certificate !== undefined;
    ready({
      stream,
      alpn: stream.alpnProtocol || undefined,
      commonName: isNamed ? commonNameOf(certificate) : undefined,
    });
  }

  private rejected(
    stream: TLSSocket,
    certificate: X509Certificate | undefined,
    error: string,
  ): void {
    this.failures++;
    const { rejections, log } = this.options;
    const one = {
      address: stream.remoteAddress ?? "",
      port: stream.remotePort ?? 0,
      serverName: (stream as { readonly servername?: string | false }).servername || undefined,
      alternatives: certificate?.subjectAltName,
      error,
    };
    if (rejections === undefined) log.debug(one, "a connection was rejected");
    else rejections.add(one);
  }
}

/**
 * The root is left out, which is its own issuer and which nobody sends: its serial number may be that of a
 * certificate that it signed.
 */
function chainOf(stream: TLSSocket, anchors: ReadonlySet<string>): PeerChain {
  const serials: string[] = [];
  let one: DetailedPeerCertificate = stream.getPeerCertificate(true);
  while (serials.length < maxChain) {
    serials.push(one.serialNumber);
    const issuer: DetailedPeerCertificate | undefined = one.issuerCertificate;
    if (issuer === undefined) return { serials, isWhole: anchors.has(one.fingerprint256) };
    if (issuer === one || issuer.issuerCertificate === issuer) return { serials, isWhole: true };
    one = issuer;
  }
  return { serials, isWhole: false };
}

/** Fingerprints of all certificates of a CA file. */
function anchorsOf(pem: string | undefined): ReadonlySet<string> {
  const blocks = pem?.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  return new Set(blocks.map((block) => new X509Certificate(block).fingerprint256));
}

/** The last common name of a certificate's subject; "" if it has none. */
export function commonNameOf(certificate: X509Certificate): string {
  const name: unknown = certificate.toLegacyObject().subject?.CN;
  if (Array.isArray(name)) return String(name.at(-1) ?? "");
  return typeof name === "string" ? name : "";
}

function ignoreError(): void {
  // The connection ends by itself; whoever serves it sees that.
}

function contextOf(options: TlsOptions, material: TlsMaterial): SecureContextOptions {
  const { cert, key, clientCa } = material;
  if (options.clientCertificates !== "off" && clientCa === undefined)
    throw new OperatingError(
      "NO_CLIENT_CA",
      "client certificates cannot be verified: name the file of the CA that signs them",
    );
  const context: SecureContextOptions = {
    cert,
    key,
    minVersion: options.minVersion,
    ...(clientCa === undefined ? {} : { ca: clientCa }),
    ...(options.maxVersion === undefined ? {} : { maxVersion: options.maxVersion }),
    ...(options.ciphers === undefined ? {} : { ciphers: options.ciphers }),
  };
  try {
    // OpenSSL says nothing of a CA file that holds no certificate.
    if (clientCa !== undefined) new X509Certificate(clientCa);
    createSecureContext(context);
  } catch (error) {
    throw new OperatingError("BAD_CERTIFICATE", `bad certificate or key: ${errorText(error)}`, {
      cause: error,
    });
  }
  return context;
}
