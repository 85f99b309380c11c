// Listens on the peer URLs: HTTP/1.1, nothing else, in plain or behind TLS.
import {
  createServer as createHttpServer,
  type Server as HttpServer,
  type RequestListener,
} from "node:http";
import { createServer, type Server, type Socket } from "node:net";
import { errorText, OperatingError } from "#base/errors.ts";
import { systemCode } from "#server/backend/folder.ts";
import type { Endpoint } from "#server/config/urls.ts";
import { peerServerOptions } from "#server/peer/peer-server.ts";
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
  reusePort: boolean,
  security?: ConnectionSecurity,
): Promise<PeerListeners> {
  const http = createHttpServer(peerServerOptions, boundPipelining(handler));
  const door = new PeerDoor(http, security);
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
    for (const url of urls) {
      const secure = url.scheme === "https" || url.scheme === "unixs";
      if (secure && security === undefined) {
        throw new OperatingError(
          "NO_CERTIFICATE",
          `${url.text} needs a certificate: give --peer-cert-file and --peer-key-file, or --peer-auto-tls`,
        );
      }
      const server = createServer({ noDelay: true, keepAlive: true, pauseOnConnect: secure });
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

/** Of each peer URL: a member has some four to each other one, and a few for questions. */
const maxPeerConnections = 4096;

class PeerDoor {
  private readonly http: HttpServer;
  private readonly secure: ((socket: Socket) => void) | undefined;
  private readonly sockets = new Set<Socket>();

  constructor(http: HttpServer, security: ConnectionSecurity | undefined) {
    this.http = http;
    this.secure = security?.acceptor(({ stream }) => http.emit("connection", stream));
  }

  accept(socket: Socket, secure: boolean): void {
    this.sockets.add(socket);
    socket.once("close", () => this.sockets.delete(socket));
    // What it carries notices by itself.
    socket.on("error", () => {});
    if (secure) this.secure!(socket);
    else this.http.emit("connection", socket);
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
