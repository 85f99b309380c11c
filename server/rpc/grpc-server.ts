// gRPC on the requests of HTTP/2 connections: finds the method of a request, bounds its time, and tells
// the requests of plain HTTP apart. It knows no service, only their registry, and nothing of sockets:
// the connections may be on this thread or on another.
import type { Duplex } from "node:stream";
import type { Clock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import { errorTable, grpcCode } from "#proto/errors.ts";
import { type CallingClient, type CallLimits, GrpcCall, refuse } from "./grpc-call.ts";
import { parseTimeoutMs } from "./grpc-framing.ts";
import { httpExchange } from "./http-exchange.ts";
import type { RequestHeaders } from "./http2/request-headers.ts";
import type { Http2Stream, StreamReceiver } from "./http2/stream.ts";
import type { ConnectionLimits, HttpHandler } from "./limits.ts";
import type { ServiceRegistry } from "./service-registry.ts";

const deadlineSweepMs = 20;
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

/** Who asks. */
export interface RequestingClient extends CallingClient {
  /** Of plain HTTP only who asks is read from it: see HttpRequest. */
  readonly socket: Duplex;
}

/** Connections that end together. */
export interface ConnectionGroup {
  /** Those that run. */
  streams(): Iterable<Http2Stream>;
  /** Takes no new requests; connections end with their last one. */
  leave(): void;
  cut(): void;
  /** Resolves once no connection is left. */
  empty(): Promise<void>;
}

/** Takes the body of a request that was refused, and drops it. */
const refused: StreamReceiver = { onData() {}, onEnd() {}, onReset() {}, onWritable() {} };

/** Serves gRPC on the requests given to it. */
export class GrpcServer {
  private readonly options: GrpcServerOptions;
  private readonly withDeadline = new Set<GrpcCall>();
  private readonly callLimits: CallLimits;
  private readonly sweep: { cancel(): void };

  constructor(options: GrpcServerOptions) {
    this.options = options;
    this.callLimits = {
      maxReceiveBytes: options.limits.maxReceiveBytes,
      unfinished: options.limits.unfinished,
    };
    this.sweep = options.clock.every(deadlineSweepMs, () => this.endLateCalls());
  }

  /**
   * Ends endless calls at once, lets all others finish for `graceMs`, then ends them too. All get a
   * status that makes clients go to another member: watches would not survive a mere reset.
   */
  async close(connections: ConnectionGroup, graceMs: number): Promise<void> {
    const { clock } = this.options;
    for (const call of callsOf(connections)) if (call.isEndless) stopped(call);
    connections.leave();
    const late = clock.after(graceMs, () => {
      for (const call of callsOf(connections)) stopped(call);
    });
    const tooLate = clock.after(graceMs + lastWordsMs, () => connections.cut());
    await connections.empty();
    late.cancel();
    tooLate.cancel();
    this.sweep.cancel();
  }

  faulted(reason: string, message: string): void {
    count(this.options.registry.endedConnections, reason);
    this.options.log.debug({ reason, fault: message }, "an HTTP/2 connection was ended");
  }

  refused(reason: string): void {
    count(this.options.registry.refusedStreams, reason);
  }

  request(client: RequestingClient, stream: Http2Stream, headers: RequestHeaders): StreamReceiver {
    const { registry } = this.options;
    const contentType = headers.get("content-type") ?? "";
    const { method, path } = headers;
    const registered = registry.find(path);
    if (!isGrpc(contentType)) {
      if (registered === undefined) return this.serveHttp(client, stream, headers);
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
      client,
      registered,
      registry,
      this.callLimits,
      timeoutMs,
      timeoutMs === undefined ? 0 : this.options.clock.monotonicMs() + timeoutMs,
    );
    if (timeoutMs !== undefined) call.joinUntilEnded(this.withDeadline);
    call.start();
    if (timeoutMs !== undefined && timeoutMs < 1) call.deadlinePassed();
    return call;
  }

  private serveHttp(
    { socket }: RequestingClient,
    stream: Http2Stream,
    headers: RequestHeaders,
  ): StreamReceiver {
    const exchange = httpExchange(stream, headers, socket);
    this.options.http(exchange.request, exchange.response);
    return exchange;
  }

  private endLateCalls(): void {
    if (this.withDeadline.size === 0) return;
    const nowMs = this.options.clock.monotonicMs();
    for (const call of this.withDeadline) if (call.deadlineMs <= nowMs) call.deadlinePassed();
  }
}

/** Taken from their streams, so that a request costs no entry in a set of its own. */
function* callsOf(connections: ConnectionGroup): Iterable<GrpcCall> {
  for (const { receiver } of connections.streams())
    if (receiver instanceof GrpcCall) yield receiver;
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
