// gRPC on HTTP/2 connections given from outside: finds the method of a request, bounds its time, and
// tells the requests of plain HTTP apart. It knows no service, only their registry.
import type { Duplex } from "node:stream";
import type { Clock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import { errorTable, grpcCode } from "#proto/errors.ts";
import { Arrivals } from "./arrivals.ts";
import { type CallLimits, GrpcCall, refuse } from "./grpc-call.ts";
import { parseTimeoutMs } from "./grpc-framing.ts";
import { httpExchange } from "./http-exchange.ts";
import type { RefusalReason } from "./http2/connection.ts";
import { BlockPool, QueuedBytes } from "./http2/output.ts";
import type { RequestHeaders } from "./http2/request-headers.ts";
import type { Http2Stream, StreamReceiver } from "./http2/stream.ts";
import type { ConnectionLimits, HttpHandler } from "./limits.ts";
import { type ConnectionHost, ServerConnection } from "./server-connection.ts";
import type { ServiceRegistry } from "./service-registry.ts";

const deadlineSweepMs = 20;
const lookMs = 1000;
/** Beyond this many bytes that wait for clients to read, those who hold them get no new requests in. */
const queuedLimitBytes = 512 * 1024 * 1024;
/** How long the last statuses may take to leave, once the server closes. */
const lastWordsMs = 500;

export interface GrpcServerOptions {
  readonly registry: ServiceRegistry;
  readonly limits: ConnectionLimits;
  readonly clock: Clock;
  readonly log: Log;
  /** Takes HTTP/2 requests that are not gRPC. */
  readonly http: HttpHandler;
}

/** Takes the body of a request that was refused, and drops it. */
const refused: StreamReceiver = { onData() {}, onEnd() {}, onReset() {}, onWritable() {} };

/** Serves gRPC on the connections given to it. */
export class GrpcServer implements ConnectionHost {
  readonly limits: ConnectionLimits;
  readonly pool = new BlockPool();
  readonly queued = new QueuedBytes(queuedLimitBytes);
  /** Connections that come, and the answers that wait for them. */
  readonly arrivals = new Arrivals();
  private readonly options: GrpcServerOptions;
  private readonly connections = new Set<ServerConnection>();
  private readonly withDeadline = new Set<GrpcCall>();
  private readonly callLimits: CallLimits;
  private readonly timers: { cancel(): void }[];
  private dirty: ServerConnection[] = [];
  private whenEmpty: (() => void) | undefined;

  constructor(options: GrpcServerOptions) {
    this.options = options;
    this.limits = options.limits;
    this.callLimits = {
      maxReceiveBytes: options.limits.maxReceiveBytes,
      unfinished: options.limits.unfinished,
    };
    const { clock } = options;
    this.timers = [
      clock.every(deadlineSweepMs, () => this.endLateCalls()),
      clock.every(lookMs, () => this.lookAround()),
    ];
  }

  /**
   * Takes a connection whose client speaks HTTP/2; its first bytes may wait in it, unread.
   * `commonName` is that of a verified client certificate.
   */
  serve(socket: Duplex, commonName?: string): void {
    this.connections.add(new ServerConnection(socket, this, commonName));
  }

  /**
   * Ends endless calls at once, lets all others finish for `graceMs`, then ends them too. All get a
   * status that makes clients go to another member: watches would not survive a mere reset.
   */
  async close(graceMs: number): Promise<void> {
    const { clock } = this.options;
    const empty = new Promise<void>((resolve) => {
      this.whenEmpty = resolve;
    });
    for (const call of this.calls()) if (call.isEndless) stopped(call);
    for (const connection of this.connections) connection.leave();
    const late = clock.after(graceMs, () => {
      for (const call of this.calls()) stopped(call);
    });
    const tooLate = clock.after(graceMs + lastWordsMs, () => {
      for (const connection of this.connections) connection.socket.destroy();
    });
    if (this.connections.size > 0) await empty;
    late.cancel();
    tooLate.cancel();
    for (const timer of this.timers) timer.cancel();
  }

  nowMs(): number {
    return this.options.clock.monotonicMs();
  }

  flushLater(connection: ServerConnection): void {
    if (this.dirty.length === 0) setImmediate(this.flushAll);
    this.dirty.push(connection);
  }

  closed(connection: ServerConnection): void {
    this.connections.delete(connection);
    if (this.connections.size === 0) this.whenEmpty?.();
  }

  faulted(reason: string, message: string): void {
    count(this.options.registry.endedConnections, reason);
    this.options.log.debug({ reason, fault: message }, "an HTTP/2 connection was ended");
  }

  refused(reason: RefusalReason): void {
    count(this.options.registry.refusedStreams, reason);
  }

  request(
    connection: ServerConnection,
    stream: Http2Stream,
    headers: RequestHeaders,
  ): StreamReceiver {
    const { registry } = this.options;
    const contentType = headers.get("content-type") ?? "";
    const { method, path } = headers;
    const registered = registry.find(path);
    if (!isGrpc(contentType)) {
      if (registered === undefined) return this.serveHttp(connection, stream, headers);
      const text = `invalid gRPC request content-type ${JSON.stringify(contentType)}`;
      refuse(stream, grpcCode.invalidArgument, text, 415);
      return refused;
    }
    if (method !== "POST") {
      const text = `Received a HEADERS frame with :method ${JSON.stringify(method)} which should be POST`;
      refuse(stream, grpcCode.internal, text, 405);
      return refused;
    }
    const timeout = headers.get("grpc-timeout");
    const timeoutMs = timeout === undefined ? undefined : parseTimeoutMs(timeout);
    if (typeof timeoutMs === "string") {
      refuse(stream, grpcCode.internal, `malformed grpc-timeout: ${timeoutMs}`, 400);
      return refused;
    }
    if (registered === undefined) {
      refuse(stream, grpcCode.unimplemented, registry.unknownText(path), 200);
      return refused;
    }
    const call = new GrpcCall(
      stream,
      headers,
      connection,
      registered,
      registry,
      this.callLimits,
      timeoutMs,
      timeoutMs === undefined ? 0 : this.nowMs() + timeoutMs,
    );
    if (timeoutMs !== undefined) call.joinUntilEnded(this.withDeadline);
    call.start();
    if (timeoutMs !== undefined && timeoutMs < 1) call.deadlinePassed();
    return call;
  }

  /** Those that run; taken from their streams, so that a request costs no entry in a set of its own. */
  private *calls(): Iterable<GrpcCall> {
    for (const { http2 } of this.connections)
      for (const { receiver } of http2.streams.values())
        if (receiver instanceof GrpcCall) yield receiver;
  }

  private serveHttp(
    { socket }: ServerConnection,
    stream: Http2Stream,
    headers: RequestHeaders,
  ): StreamReceiver {
    const exchange = httpExchange(stream, headers, socket);
    this.options.http(exchange.request, exchange.response);
    return exchange;
  }

  private readonly flushAll = (): void => {
    if (this.arrivals.hold(this.nowMs())) {
      setImmediate(this.flushAll);
      return;
    }
    const { dirty } = this;
    this.dirty = [];
    for (const connection of dirty) connection.flush();
  };

  private lookAround(): void {
    const nowMs = this.nowMs();
    for (const connection of this.connections) connection.look(nowMs);
  }

  private endLateCalls(): void {
    if (this.withDeadline.size === 0) return;
    const nowMs = this.nowMs();
    for (const call of this.withDeadline) if (call.deadlineMs <= nowMs) call.deadlinePassed();
  }
}

function count(counts: Map<string, number>, reason: string): void {
  counts.set(reason, (counts.get(reason) ?? 0) + 1);
}

function stopped(call: GrpcCall): void {
  const [code, message] = errorTable.stopped;
  call.fail(code, `etcdserver: ${message}`);
}

function isGrpc(contentType: string): boolean {
  if (contentType === "application/grpc") return true;
  if (!contentType.startsWith("application/grpc")) return false;
  const next = contentType[16];
  return next === "+" || next === ";";
}
