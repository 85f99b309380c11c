// The TCP gateway: every connection is given one to a member, and bytes go to and fro unread until both
// sides have ended. Bounds: connections, the time to connect, and the bytes held of each direction,
// which are those of two socket buffers: a side that does not read stops the other.
import { connect, createServer, type Server, type Socket } from "node:net";
import type { Clock, Timer } from "#base/clock.ts";
import { errorText, OperatingError } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import type { Backends, Tried } from "./backends.ts";

export interface GatewayOptions {
  /** host and port to listen on. */
  readonly host: string;
  readonly port: number;
  readonly backends: Backends;
  /** How long a member that refused is left alone, ms. */
  readonly retryDelayMs: number;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Gateway {
  /** Where it listens. */
  readonly port: number;
  /** Accepts no more and cuts all connections. */
  close(): Promise<void>;
}

const maxConnections = 16_384;
/** etcd leaves this to the kernel, which takes two minutes to give up a machine that is gone. */
const connectMs = 5_000;

const place = ({ backend }: Tried): string =>
  backend.host.includes(":")
    ? `[${backend.host}]:${backend.port}`
    : `${backend.host}:${backend.port}`;

/** Listens; rejects with OperatingError LISTEN_FAILED. */
export async function startTcpGateway(options: GatewayOptions): Promise<Gateway> {
  const { backends, clock, log, retryDelayMs } = options;
  const sockets = new Set<Socket>();
  const own = (socket: Socket): Socket => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    return socket;
  };
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true });
  server.maxConnections = maxConnections;
  server.on("connection", (inward) => void serve(own(inward)));
  await listen(server, options);

  async function serve(inward: Socket): Promise<void> {
    inward.on("error", ignoreError);
    for (let tried = backends.pick(); tried !== undefined; tried = backends.pick()) {
      try {
        const outward = await dial(tried, clock, own);
        join(inward, outward);
        return;
      } catch (error) {
        if (closed) return;
        // Somebody else may have found out first.
        if (tried.active) {
          const fields = { address: place(tried), interval: `${retryDelayMs}ms`, err: error };
          log.warn(fields, "deactivated endpoint");
        }
        tried.active = false;
      }
      if (inward.destroyed) return;
    }
    inward.destroy();
  }

  /** Members that were set aside are tried again, each by a connection of its own. */
  const retry: Timer = clock.every(retryDelayMs, () => {
    for (const tried of backends.all) {
      if (tried.active) continue;
      dial(tried, clock, own).then(
        (socket) => {
          socket.destroy();
          tried.active = true;
          log.info({ address: place(tried) }, "activated");
        },
        (error: unknown) => {
          const fields = { address: place(tried), interval: `${retryDelayMs}ms`, err: error };
          const message = "failed to activate endpoint (stay inactive for another interval)";
          if (!closed) log.warn(fields, message);
        },
      );
    }
  });

  let closed = false;
  log.info({ endpoints: backends.all.map(place) }, "ready to proxy client requests");
  return {
    port: (server.address() as { readonly port: number }).port,
    async close() {
      closed = true;
      retry.cancel();
      const done = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await done;
    },
  };
}

function listen(server: Server, { host, port }: GatewayOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) => {
      const message = `cannot listen on ${host}:${port}: ${errorText(cause)}`;
      reject(new OperatingError("LISTEN_FAILED", message, { cause }));
    });
    server.listen({ host, port }, () => resolve());
  });
}

function dial(tried: Tried, clock: Clock, own: (socket: Socket) => Socket): Promise<Socket> {
  const { host, port } = tried.backend;
  return new Promise((resolve, reject) => {
    const socket = own(connect({ host, port, allowHalfOpen: true, noDelay: true }));
    const late = clock.after(connectMs, () => {
      socket.destroy(new Error(`no connection within ${connectMs} ms`));
    });
    socket.once("connect", () => {
      late.cancel();
      socket.off("error", reject);
      resolve(socket);
    });
    socket.once("error", reject);
    socket.on("error", ignoreError);
    socket.once("close", () => {
      late.cancel();
      reject(new Error("the connection was closed"));
    });
  });
}

/** Either side may end its half first; an error on one side ends both. */
function join(inward: Socket, outward: Socket): void {
  inward.pipe(outward);
  outward.pipe(inward);
  inward.once("close", () => outward.destroySoon());
  outward.once("close", () => inward.destroySoon());
  inward.resume();
}

function ignoreError(): void {
  // The socket closes by itself, which is what counts.
}
