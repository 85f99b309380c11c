// A call of the gateway over a WebSocket, as etcd's proxy has it: each message is a piece of the
// request's body, each line of the answer a text message. The token may come in the subprotocol
// (`Bearer, TOKEN`) or in the cookie `token`, for pages cannot set headers.
import { Buffer } from "node:buffer";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import type { UnfinishedBytes } from "#base/unfinished-bytes.ts";
import type { AnswerSink, GatewayCall } from "./call.ts";
import type { Gateway, GatewayRequest } from "./gateway.ts";

export interface WebSocketOptions {
  readonly gateway: Gateway;
  /** Of one message of the client. */
  readonly maxMessageBytes: number;
  /** Of all connections together. */
  readonly unfinished: UnfinishedBytes;
}

/** Above this the call is held back. */
const highBytes = 1024 * 1024;

export class GatewayWebSockets {
  private readonly gateway: Gateway;
  private readonly unfinished: UnfinishedBytes;
  private readonly server: WebSocketServer;

  constructor(options: WebSocketOptions) {
    this.gateway = options.gateway;
    this.unfinished = options.unfinished;
    this.server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      maxPayload: options.maxMessageBytes,
      perMessageDeflate: false,
      handleProtocols: (protocols) => (protocols.has("Bearer") ? "Bearer" : false),
    });
  }

  /** Takes the connection of a request for an upgrade; `path` lies below /v3/. */
  serve(path: string, request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.server.handleUpgrade(request, socket, head, (opened) => {
      countUnfinished(opened, socket, this.unfinished);
      this.begin(path, request, opened);
    });
  }

  private begin(path: string, request: IncomingMessage, socket: WebSocket): void {
    const sink = new SocketSink(socket);
    let call: GatewayCall | undefined;
    const source: GatewayRequest = {
      method: "POST",
      headers: forwardedHeaders(request.headers),
      peer: request.socket.remoteAddress ?? "",
      read(chunk, end) {
        socket.on("message", (data) => {
          chunk(Buffer.concat([toBuffer(data as Buffer | ArrayBuffer | Buffer[]), newline]));
        });
        socket.once("close", end);
      },
      hold(hold) {
        if (hold) socket.pause();
        else socket.resume();
      },
    };
    socket.on("error", () => socket.terminate());
    // Before the call hears of the end of its requests: who has gone needs no answer.
    socket.once("close", () => call?.gone());
    sink.onDrain = () => call?.drained();
    call = this.gateway.ask(path, source, sink);
  }
}

/**
 * ws keeps the fragments of a message until it is whole, and does not say how many there are: what came on
 * the connection since the last message is no less. One that holds too much is cut off.
 */
function countUnfinished(opened: WebSocket, socket: Duplex, unfinished: UnfinishedBytes): void {
  let held = 0;
  const release = (): void => {
    unfinished.held -= held;
    held = 0;
  };
  socket.on("data", (bytes: Buffer) => {
    held += bytes.length;
    unfinished.held += bytes.length;
    if (unfinished.fault !== undefined) opened.terminate();
  });
  opened.on("message", release);
  opened.once("close", release);
}

const newline = Buffer.from("\n");

function toBuffer(data: Buffer | ArrayBuffer | Buffer[]): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data);
  return Buffer.isBuffer(data) ? data : Buffer.from(data);
}

/** The headers that the call gets of those that the upgrade had. */
function forwardedHeaders(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const forwarded: IncomingHttpHeaders = {};
  if (headers.origin !== undefined) forwarded.origin = headers.origin;
  if (headers.referer !== undefined) forwarded.referer = headers.referer;
  const protocol = headers["sec-websocket-protocol"];
  if (protocol !== undefined) {
    const at = protocol.indexOf("Bearer,");
    forwarded.authorization = at < 0 ? "" : `Bearer ${protocol.slice(at + 7).trim()}`;
  }
  const cookie = /(?:^|;\s*)token=([^;]*)/.exec(headers.cookie ?? "")?.[1];
  if (cookie !== undefined) forwarded.authorization = `Bearer ${cookie}`;
  return forwarded;
}

class SocketSink implements AnswerSink {
  headersSent = false;
  onDrain: (() => void) | undefined;
  private readonly socket: WebSocket;

  constructor(socket: WebSocket) {
    this.socket = socket;
  }

  setHeader(): void {}

  begin(): void {
    this.headersSent = true;
  }

  write(text: string): boolean {
    const { socket } = this;
    socket.send(text.endsWith("\n") ? text.slice(0, -1) : text, () => {
      if (socket.bufferedAmount <= highBytes / 2) this.onDrain?.();
    });
    return socket.bufferedAmount <= highBytes;
  }

  end(): void {
    // etcd's proxy just cuts the connection; a clean close tells the client as much.
    this.socket.close();
  }
}
