// HTTP/1.1 on connections given from outside: node's own server, with the bounds of client connections.
import { createServer as createHttpServer, type Server as HttpServer } from "node:http";
import type { Duplex } from "node:stream";
import type { Clock } from "#base/clock.ts";
import type { ConnectionLimits, HttpHandler, UpgradeHandler } from "./limits.ts";
import { boundPipelining } from "./pipelining.ts";

export interface Http1Options {
  readonly http: HttpHandler;
  readonly upgrade?: UpgradeHandler;
  readonly limits: ConnectionLimits;
  readonly clock: Clock;
}

export class Http1Server {
  private readonly clock: Clock;
  private readonly server: HttpServer;
  /** Requests that are not answered yet. */
  private asked = 0;
  private whenAnswered: (() => void) | undefined;

  constructor({ http, upgrade, limits, clock }: Http1Options) {
    this.clock = clock;
    this.server = createHttpServer(
      {
        shouldUpgradeCallback: (request) => upgrade?.wants(request) ?? false,
        maxHeaderSize: limits.maxHeaderBytes,
        headersTimeout: 10_000,
        // Streams of the gateway take requests as long as they live; other bodies have their own bound.
        requestTimeout: 0,
        keepAliveTimeout: limits.httpIdleMs,
        connectionsCheckingInterval: 10_000,
      },
      boundPipelining(http),
    );
    this.server.on("request", (_request, response) => {
      this.asked++;
      response.once("close", () => {
        if (--this.asked === 0) this.whenAnswered?.();
      });
    });
    if (upgrade !== undefined) {
      this.server.on("upgrade", (request, socket, head) => {
        socket.on("error", ignoreSocketError);
        upgrade.serve(request, socket, head);
      });
    }
    // Not even HTTP: an answer in HTTP/1.1 would only mislead whoever meant another protocol.
    this.server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
      if (error.code === "HPE_INVALID_METHOD") socket.destroy();
      else answerBadRequest(error, socket);
    });
  }

  /** Takes a connection; its first bytes may wait in it, unread. */
  serve(stream: Duplex): void {
    this.server.emit("connection", stream);
  }

  /** Takes no more requests; resolves once all are answered, or after `graceMs`. */
  async close(graceMs: number): Promise<void> {
    this.server.close();
    this.server.closeIdleConnections();
    if (this.asked === 0 || graceMs === 0) return;
    await new Promise<void>((resolve) => {
      const late = this.clock.after(graceMs, resolve);
      this.whenAnswered = () => {
        late.cancel();
        resolve();
      };
    });
  }
}

/** As node does without a listener. */
function answerBadRequest(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable || error.code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  const status =
    error.code === "HPE_HEADER_OVERFLOW"
      ? "431 Request Header Fields Too Large"
      : error.code === "ERR_HTTP_REQUEST_TIMEOUT"
        ? "408 Request Timeout"
        : "400 Bad Request";
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`);
}

function ignoreSocketError(): void {
  // The socket closes by itself; whoever served it sees that.
}
