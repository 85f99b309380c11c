// Listens on the peer URLs: HTTP/1.1, nothing else, in plain or behind TLS. One place may be named by both schemes,
// while a cluster changes over from one to the other: then the first byte of a connection tells.
import {
  createServer as createHttpServer,
  type Server as HttpServer,
  type RequestListener,
} from "node:http";
import { createServer, type Server, type Socket } from "node:net";
import type { Clock } from "#base/clock.ts";
import { errorText, OperatingError } from "#base/errors.ts";
import { systemCode } from "#server/backend/folder.ts";
import type { Endpoint } from "#server/config/urls.ts";
import { peerServerOptions } from "#server/peer/peer-server.ts";
import { handshakeRecord, onFirstBytes } from "#server/rpc/first-bytes.ts";
import { type ConnectionSecurity, removeAbandoned } from "#server/rpc/listeners.ts";
import { boundPipelining } from "#server/rpc/pipelining.ts";

/** The open listeners; close ends them and all their connections. */
export interface PeerListeners {
  close(): Promise<void>;
}

/**
 * Listens on all URLs or on none. Rejects with OperatingError naming the URL. `security` is required by
 * https and unixs URLs.
 */
export async function startPeerListeners(
  urls: readonly Endpoint[],
  handler: RequestListener,
  clock: Clock,
  reusePort: boolean,
  security?: ConnectionSecurity,
): Promise<PeerListeners> {
  const http = createHttpServer(peerServerOptions, boundPipelining(handler));
  const door = new PeerDoor(http, clock, security);
  const servers: Server[] = [];
  const close = async (): Promise<void> => {
    const closed = servers.map(
      (server) => new Promise<void>((resolve) => server.close(() => resolve())),
    );
    http.close();
    door.close();
    await Promise.all(closed);
  };
  try {
    for (const { url, secure } of placesOf(urls)) {
      if (secure !== "no" && security === undefined) {
        throw new OperatingError(
          "NO_CERTIFICATE",
          `${url.text} needs a certificate: give --peer-cert-file and --peer-key-file, or --peer-auto-tls`,
        );
      }
      const pauseOnConnect = secure !== "no";
      const server = createServer({ noDelay: true, keepAlive: true, pauseOnConnect });
      server.maxConnections = maxPeerConnections;
      server.on("connection", (socket) => door.accept(socket, secure));
      await listen(server, url, reusePort);
      servers.push(server);
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { close };
}

/** One port or Unix socket, and what its URLs make of it. */
interface Place {
  url: Endpoint;
  secure: "no" | "yes" | "both";
}

function placesOf(urls: readonly Endpoint[]): readonly Place[] {
  const places = new Map<string, Place>();
  for (const url of urls) {
    const isSecure = url.scheme === "https" || url.scheme === "unixs";
    const secure = isSecure ? "yes" : "no";
    // Port 0 is another one each time, but for Unix sockets, which have none.
    const isAny = url.scheme.startsWith("http") && url.port === 0;
    const key = isAny ? url.text : JSON.stringify([url.host, url.port]);
    const known = places.get(key);
    if (known === undefined) places.set(key, { url, secure });
    else if (known.secure !== secure) {
      known.secure = "both";
      if (isSecure) known.url = url;
    }
  }
  return [...places.values()];
}

/** How long a connection to a place of both schemes may be silent: as long as a handshake may take. */
const firstByteMs = 10_000;

/** Of each peer URL: a member has some four to each other one, and a few for questions. */
const maxPeerConnections = 4096;

class PeerDoor {
  private readonly http: HttpServer;
  private readonly clock: Clock;
  private readonly secure: ((socket: Socket) => void) | undefined;
  private readonly sockets = new Set<Socket>();

  constructor(http: HttpServer, clock: Clock, security: ConnectionSecurity | undefined) {
    this.http = http;
    this.clock = clock;
    this.secure = security?.acceptor(({ stream }) => http.emit("connection", stream));
  }

  accept(socket: Socket, secure: Place["secure"]): void {
    this.sockets.add(socket);
    socket.once("close", () => this.sockets.delete(socket));
    // What it carries notices by itself.
    socket.on("error", () => {});
    if (secure === "yes") this.secure!(socket);
    else if (secure === "no") this.http.emit("connection", socket);
    else {
      onFirstBytes(socket, { clock: this.clock, ms: firstByteMs }, ([first]) => () => {
        if (first === handshakeRecord) this.secure!(socket);
        else this.http.emit("connection", socket);
      });
    }
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy();
  }
}

async function listen(server: Server, url: Endpoint, reusePort: boolean): Promise<void> {
  const isSocket = url.scheme === "unix" || url.scheme === "unixs";
  if (isSocket) await removeAbandoned(url.host);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => {
      const code = systemCode(error) ?? "LISTEN_FAILED";
      const text = code === "EADDRINUSE" ? "the address is already in use" : errorText(error);
      const message = `cannot listen for peers on ${url.text}: ${text}; change --listen-peer-urls or free it`;
      reject(new OperatingError(code, message, { cause: error }));
    });
    const host = url.host === "" ? {} : { host: url.host };
    if (isSocket) server.listen(url.host, () => resolve());
    else server.listen({ port: url.port, ...host, reusePort }, () => resolve());
  });
}
