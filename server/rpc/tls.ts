// TLS for client listeners: handshakes with ALPN, client certificates, and certificates that are
// replaced while the server runs. Connections keep what they were made with; new ones get the new.
// Handshakes are bounded in time and in number, so that clients that never finish one hold little.
import { X509Certificate } from "node:crypto";
import type { Socket } from "node:net";
import {
  createSecureContext,
  createServer,
  type SecureContextOptions,
  type Server,
  type TLSSocket,
} from "node:tls";
import { errorText, OperatingError } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import type { ConnectionSecurity, SecuredConnection } from "./listeners.ts";

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
  readonly minVersion: "TLSv1.2" | "TLSv1.3";
  readonly maxVersion?: "TLSv1.2" | "TLSv1.3";
  /** In OpenSSL's form; node's own if not given. */
  readonly ciphers?: string;
  readonly handshakeMs: number;
  /** With so many handshakes under way, further connections are closed unread. */
  readonly maxHandshakes: number;
  readonly log: Log;
}

/** The protocols of a client port, the preferred one first. */
const protocols = ["h2", "http/1.1"];

export class TlsSecurity implements ConnectionSecurity {
  private readonly options: TlsOptions;
  private context: SecureContextOptions;
  private readonly servers: Server[] = [];
  /** Under way now. */
  handshakes = 0;
  /** Failed, timed out or turned away since the start. */
  failures = 0;

  /** Throws OperatingError BAD_CERTIFICATE or NO_CLIENT_CA. */
  constructor(options: TlsOptions) {
    this.options = options;
    this.context = contextOf(options, options.material);
  }

  /**
   * New connections get this from now on; running ones stay. Throws OperatingError as the constructor
   * does, and then nothing has changed. Sessions made before are not resumed.
   */
  replace(material: TlsMaterial): void {
    this.context = contextOf(this.options, material);
    for (const server of this.servers) server.setSecureContext(this.context);
  }

  acceptor(ready: (connection: SecuredConnection) => void): (socket: Socket) => void {
    const { clientCertificates, handshakeMs, maxHandshakes, log } = this.options;
    const server = createServer({
      ...this.context,
      ALPNProtocols: protocols,
      requestCert: clientCertificates !== "off",
      rejectUnauthorized: clientCertificates === "required",
      handshakeTimeout: handshakeMs,
    });
    this.servers.push(server);
    // One of these two follows for each socket, whatever becomes of it.
    server.on("secureConnection", (stream) => {
      this.handshakes--;
      if (showsBadCertificate(stream)) {
        this.failures++;
        log.debug({ fault: String(stream.authorizationError) }, "a client certificate was refused");
        stream.destroy();
        return;
      }
      ready({ stream, alpn: stream.alpnProtocol || undefined });
    });
    server.on("tlsClientError", (error, stream) => {
      this.handshakes--;
      this.failures++;
      log.debug({ err: errorText(error) }, "a TLS handshake failed");
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
}

/** True if the client showed a certificate that does not verify; without one there is nothing to. */
function showsBadCertificate(stream: TLSSocket): boolean {
  return !stream.authorized && stream.getPeerX509Certificate() !== undefined;
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
