// The listeners of client URLs: one port serves HTTP/1.1 and gRPC, told apart by the first bytes of
// a connection (by ALPN on secure ones).
import type { Buffer } from "node:buffer";
import { lstat, rm } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Clock } from "#base/clock.ts";
import { errorText, OperatingError } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import { handshakeRecord, onFirstBytes } from "./first-bytes.ts";
import { GrpcServer } from "./grpc-server.ts";
import { Http1Server } from "./http1-server.ts";
import { Http2Connections } from "./http2-connections.ts";
import type { ConnectionLimits, HttpHandler, UpgradeHandler } from "./limits.ts";
import { type ListenAddress, parseListenUrl } from "./listen-url.ts";
import type { ServiceRegistry } from "./service-registry.ts";

/** A connection behind its handshake. */
export interface SecuredConnection {
  readonly stream: Duplex;
  /** The protocol that ALPN chose; undefined if the client offered none. */
  readonly alpn: string | undefined;
  /** Of the client's verified certificate, where such are asked for. */
  readonly commonName?: string | undefined;
}

/** Turns accepted connections of https and unixs URLs into secure ones. */
export interface ConnectionSecurity {
  /** Takes accepted sockets, and hands each to `ready` after its handshake or destroys it. */
  acceptor(ready: (connection: SecuredConnection) => void): (socket: Socket) => void;
}

/** Where to listen, and what is taken there. */
export interface PlaceOptions {
  /**
   * Such as `http://127.0.0.1:2379`, `https://[::]:2379`, `unix://name.sock:0`. One place may be named
   * by two schemes: then it serves both, told apart by the first byte.
   */
  readonly urls: readonly string[];
  /** What is served; others are cut off. Both by default. */
  readonly serves?: "grpc" | "http";
  readonly limits: ConnectionLimits;
  readonly clock: Clock;
  readonly log: Log;
  /** Listen with SO_REUSEPORT: several processes may share a port. */
  readonly reusePort?: boolean;
  /** Required by https and unixs URLs. */
  readonly security?: ConnectionSecurity;
  /** Take connections, but serve them only after `open`: a port in use is then known at the start. */
  readonly held?: boolean;
}

export interface ListenerOptions extends PlaceOptions {
  readonly registry: ServiceRegistry;
  readonly http: HttpHandler;
  readonly upgrade?: UpgradeHandler;
}

/** Who serves connections, once it is known what they speak. */
export interface Protocols {
  /** A connection has come; what it speaks is not known yet. */
  arrived(): void;
  /** `commonName` is that of a verified client certificate. */
  http2(stream: Duplex, commonName?: string): void;
  http1(stream: Duplex): void;
  /** Lets running calls and requests finish for `graceMs`, and ends all connections of HTTP/2. */
  close(graceMs: number): Promise<void>;
}

export interface ClientListeners {
  /** Where it listens, in the order of the URLs; a port 0 has become a real one. */
  readonly addresses: readonly string[];
  /** The same, each with what is served there. */
  readonly places: readonly { readonly address: string; readonly secure: Place["secure"] }[];
  /** Serves the connections that were held, and those that come. */
  open(): void;
  /** Accepts no more, lets running calls and requests finish for `graceMs`, then cuts all connections. */
  close(graceMs: number): Promise<void>;
}

/** Every HTTP/2 connection begins with these bytes (RFC 9113 §3.4). */
const preface = "PRI * HTTP/2.0";

/**
 * Listens on all URLs or on none. Rejects with OperatingError naming the URL: EADDRINUSE, BAD_URL,
 * LISTEN_FAILED, NO_CERTIFICATE.
 */
export async function startClientListeners(options: ListenerOptions): Promise<ClientListeners> {
  const grpc = new GrpcServer(options);
  const connections = new Http2Connections(options.limits, options.clock, grpc);
  const http = new Http1Server(options);
  return await openPlaces(options, {
    arrived: () => connections.arrivals.came(),
    http2: (stream, commonName) => void connections.serve(stream, commonName),
    http1: (stream) => http.serve(stream),
    async close(graceMs) {
      await Promise.all([grpc.close(connections, graceMs), http.close(graceMs)]);
    },
  });
}

/** As startClientListeners, for protocols that are served elsewhere. */
export async function openPlaces(
  options: PlaceOptions,
  protocols: Protocols,
): Promise<ClientListeners> {
  const places = placesOf(options);
  const door = new ConnectionDoor(options, protocols);
  const servers: Server[] = [];
  try {
    for (const place of places) {
      if (place.address.path !== undefined) await removeAbandoned(place.address.path);
      servers.push(await listen(place, door, options));
    }
  } catch (error) {
    for (const server of servers) server.close();
    await door.close(0);
    throw error;
  }
  return {
    addresses: servers.map(addressText),
    places: places.map(({ secure }, at) => ({ address: addressText(servers[at]!), secure })),
    open: () => door.open(),
    async close(graceMs) {
      const closed = servers.map(
        (server) => new Promise<void>((resolve) => server.close(() => resolve())),
      );
      await door.close(graceMs);
      await Promise.all(closed);
    },
  };
}

/** One port or Unix socket, and what its URLs make of it. */
interface Place {
  readonly address: ListenAddress;
  secure: "no" | "yes" | "both";
}

function placesOf({ urls, security }: PlaceOptions): readonly Place[] {
  const places = new Map<string, Place>();
  for (const url of urls) {
    const address = parseListenUrl(url);
    if (address.secure && security === undefined)
      throw new OperatingError(
        "NO_CERTIFICATE",
        `${url} needs a certificate: give --cert-file and --key-file, or use http`,
      );
    // Port 0 is another one each time.
    const { path, host, port } = address;
    const key = path ?? (port === 0 ? `${places.size}` : JSON.stringify([host, port]));
    const known = places.get(key);
    const secure = address.secure ? "yes" : "no";
    if (known === undefined) places.set(key, { address, secure });
    else if (known.secure !== secure) known.secure = "both";
  }
  return [...places.values()];
}

function addressText(server: Server): string {
  const address = server.address();
  if (address === null) return "";
  if (typeof address === "string") return address;
  const host = address.family === "IPv6" ? `[${address.address}]` : address.address;
  return `${host}:${address.port}`;
}

/** A process that was killed leaves its socket behind; one that somebody serves stays. */
export async function removeAbandoned(path: string): Promise<void> {
  // A connection to a file that is no socket is refused as well.
  if (!(await lstat(path).catch(() => undefined))?.isSocket()) return;
  const isAbandoned = await new Promise<boolean>((resolve) => {
    const probe = connect(path);
    probe.once("connect", () => {
      probe.destroy();
      resolve(false);
    });
    probe.once("error", ({ code }: NodeJS.ErrnoException) => resolve(code === "ECONNREFUSED"));
  });
  if (isAbandoned) await rm(path, { force: true });
}

function listen(place: Place, door: ConnectionDoor, options: PlaceOptions): Promise<Server> {
  const { address } = place;
  const server = createServer({ noDelay: true, keepAlive: true, pauseOnConnect: true });
  server.maxConnections = options.limits.maxConnections;
  server.on("connection", (socket) => door.accept(socket, place.secure));
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => {
      reject(listenError(address.url, error));
    };
    server.once("error", failed);
    const where =
      address.path !== undefined
        ? { path: address.path }
        : {
            port: address.port,
            reusePort: options.reusePort === true,
            ...(address.host === "" ? {} : { host: address.host }),
          };
    // As long as the kernel lets it be: after an outage all clients of a cluster come at once.
    server.listen({ ...where, backlog: 65_535 }, () => {
      server.off("error", failed);
      server.on("error", (error) => {
        options.log.error({ err: errorText(error), url: address.url }, "a listener failed");
      });
      resolve(server);
    });
  });
}

function listenError(url: string, error: NodeJS.ErrnoException): OperatingError {
  if (error.code === "EADDRINUSE")
    return new OperatingError(
      "EADDRINUSE",
      `cannot listen on ${url}: address already in use; stop what listens there or choose another port`,
      { cause: error },
    );
  return new OperatingError("LISTEN_FAILED", `cannot listen on ${url}: ${errorText(error)}`, {
    cause: error,
  });
}

/** Decides per connection who serves it, and holds what is still undecided. */
class ConnectionDoor {
  private readonly options: PlaceOptions;
  private readonly protocols: Protocols;
  private readonly secure: ((socket: Socket) => void) | undefined;
  private readonly sockets = new Set<Socket>();
  /** Undefined once the door is open. */
  private held: { readonly socket: Socket; readonly secure: Place["secure"] }[] | undefined;

  constructor(options: PlaceOptions, protocols: Protocols) {
    this.options = options;
    this.protocols = protocols;
    this.held = options.held === true ? [] : undefined;
    this.secure = options.security?.acceptor((connection) => this.serveSecured(connection));
  }

  accept(socket: Socket, secure: Place["secure"]): void {
    this.protocols.arrived();
    this.sockets.add(socket);
    socket.once("close", () => this.sockets.delete(socket));
    socket.on("error", ignoreSocketError);
    // Sockets come paused, and the listener bounds their number.
    if (this.held !== undefined) this.held.push({ socket, secure });
    else this.serve(socket, secure);
  }

  open(): void {
    const { held } = this;
    this.held = undefined;
    for (const { socket, secure } of held ?? []) {
      if (!socket.destroyed) this.serve(socket, secure);
    }
  }

  private serve(socket: Socket, secure: Place["secure"]): void {
    if (secure === "no") this.sniff(socket);
    else if (secure === "yes") this.secure!(socket);
    else this.sniffTls(socket);
  }

  private serveHttp(stream: Duplex): void {
    if (this.options.serves === "grpc") stream.destroy();
    else this.protocols.http1(stream);
  }

  private serveSecured({ stream, alpn, commonName }: SecuredConnection): void {
    stream.on("error", ignoreSocketError);
    if (alpn === "h2") this.protocols.http2(stream, commonName);
    else if (alpn === "http/1.1") this.serveHttp(stream);
    else this.sniff(stream, commonName);
  }

  async close(graceMs: number): Promise<void> {
    await this.protocols.close(graceMs);
    for (const socket of this.sockets) socket.destroy();
  }

  /** Tells HTTP/1.1 and HTTP/2 apart by the preface. */
  private sniff(stream: Duplex, commonName?: string): void {
    this.firstBytes(stream, (bytes) => {
      const start = bytes.toString("latin1", 0, preface.length);
      if (start.length < preface.length && preface.startsWith(start)) return undefined;
      if (start !== preface) return () => this.serveHttp(stream);
      if (this.options.serves === "http") return () => void stream.destroy();
      return () => this.protocols.http2(stream, commonName);
    });
  }

  /** Tells a handshake of TLS from everything else: no other protocol here begins with this byte. */
  private sniffTls(socket: Socket): void {
    this.firstBytes(socket, (bytes) =>
      bytes[0] === handshakeRecord ? () => this.secure!(socket) : () => this.sniff(socket),
    );
  }

  private firstBytes(stream: Duplex, decide: (bytes: Buffer) => (() => void) | undefined): void {
    const { clock, limits } = this.options;
    onFirstBytes(stream, { clock, ms: limits.firstBytesMs }, decide);
  }
}

function ignoreSocketError(): void {
  // The socket closes by itself; whoever served it sees that.
}
