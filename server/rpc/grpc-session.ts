// gRPC over node:http2 sessions, given sockets from outside: the stand-in for our own framing.
// grpc-js is not used on this side: its server fixes the texts of unknown methods, oversized
// messages and deadlines, and those texts are part of etcd's wire.
import {
  createServer,
  type Http2Server,
  Http2ServerRequest,
  Http2ServerResponse,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { Duplex } from "node:stream";
import type { Clock } from "#base/clock.ts";
import { errorText } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import { errorTable, grpcCode } from "#proto/errors.ts";
import { GrpcCall, refuse } from "./grpc-call.ts";
import { parseTimeoutMs, UnfinishedBytes } from "./grpc-framing.ts";
import { KeepaliveGuard } from "./keepalive-guard.ts";
import type { ConnectionLimits, HttpHandler } from "./limits.ts";
import type { ServiceRegistry } from "./service-registry.ts";

const streamWindowBytes = 1 << 20;
const connectionWindowBytes = 1 << 24;
const deadlineSweepMs = 20;
/** Streams are not limited in number, so what they hold before it can be handed on is. */
const unfinishedLimitBytes = 256 * 1024 * 1024;
/** How long the last statuses may take to leave, once the server closes. */
const lastWordsMs = 500;

export interface GrpcServerOptions {
  readonly registry: ServiceRegistry;
  readonly limits: ConnectionLimits;
  readonly clock: Clock;
  readonly log: Log;
  /** Takes HTTP/2 requests that are not gRPC, on secure connections only, as etcd does. */
  readonly http: HttpHandler;
}

/** Serves gRPC on the connections given to it. */
export class GrpcServer {
  private readonly options: GrpcServerOptions;
  private readonly http2: Http2Server;
  private readonly sessions = new Set<ServerHttp2Session>();
  private readonly calls = new Set<GrpcCall>();
  private readonly withDeadline = new Set<GrpcCall>();
  private readonly unfinished = new UnfinishedBytes(unfinishedLimitBytes);
  private readonly sweep: { cancel(): void };

  constructor(options: GrpcServerOptions) {
    this.options = options;
    const { limits, clock } = options;
    this.http2 = createServer({
      maxSessionMemory: limits.maxSessionMemoryMb,
      streamResetBurst: 100_000,
      streamResetRate: 10_000,
      settings: {
        initialWindowSize: streamWindowBytes,
        maxConcurrentStreams: limits.maxConcurrentStreams,
        maxHeaderListSize: limits.maxHeaderBytes,
      },
    });
    this.http2.on("session", (session) => this.onSession(session));
    this.http2.on("stream", (stream, headers) => this.onStream(stream, headers));
    this.http2.on("sessionError", (error) => {
      options.log.debug({ err: errorText(error) }, "an HTTP/2 connection failed");
    });
    this.sweep = clock.every(deadlineSweepMs, () => this.endLateCalls());
  }

  /** Takes a connection whose client speaks HTTP/2; its first bytes may wait in it, unread. */
  serve(socket: Duplex): void {
    this.http2.emit("connection", socket);
  }

  /**
   * Ends streams at once, lets unary calls finish for `graceMs`, then ends them too. All get a
   * status that makes clients go to another member: watches would not survive a mere reset.
   */
  async close(graceMs: number): Promise<void> {
    const { clock } = this.options;
    const closed = [...this.sessions].map(
      (session) => new Promise<void>((resolve) => session.once("close", resolve)),
    );
    for (const call of this.calls) if (call.isStream) stopped(call);
    for (const session of this.sessions) session.close();
    const late = clock.after(graceMs, () => {
      for (const call of this.calls) stopped(call);
    });
    const tooLate = clock.after(graceMs + lastWordsMs, () => {
      for (const session of this.sessions) session.destroy();
    });
    await Promise.all(closed);
    late.cancel();
    tooLate.cancel();
    this.sweep.cancel();
  }

  private onSession(session: ServerHttp2Session): void {
    this.sessions.add(session);
    session.setLocalWindowSize(connectionWindowBytes);
    const guard = new KeepaliveGuard(session, this.options.limits, this.options.clock);
    session.once("close", () => {
      this.sessions.delete(session);
      guard.stop();
    });
  }

  private onStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    stream.on("error", ignoreStreamError);
    const { registry, limits } = this.options;
    const contentType = headers["content-type"] ?? "";
    const method = headers[":method"];
    if (!isGrpc(contentType)) {
      if (stream.session?.encrypted === true) this.onHttp(stream, headers);
      else {
        const text = `invalid gRPC request content-type ${JSON.stringify(contentType)}`;
        refuse(stream, grpcCode.invalidArgument, text, 415);
      }
      return;
    }
    if (method !== "POST") {
      const text = `Received a HEADERS frame with :method ${JSON.stringify(method)} which should be POST`;
      refuse(stream, grpcCode.internal, text, 405);
      return;
    }
    const timeout = headers["grpc-timeout"];
    const timeoutMs = typeof timeout === "string" ? parseTimeoutMs(timeout) : undefined;
    if (typeof timeoutMs === "string") {
      refuse(stream, grpcCode.internal, `malformed grpc-timeout: ${timeoutMs}`, 400);
      return;
    }
    const path = headers[":path"] ?? "";
    const registered = registry.find(path);
    if (registered === undefined) {
      refuse(stream, grpcCode.unimplemented, registry.unknownText(path), 200);
      return;
    }
    const call = new GrpcCall(stream, headers, registered, registry, {
      maxReceiveBytes: limits.maxReceiveBytes,
      unfinished: this.unfinished,
      timeoutMs,
      deadlineMs: timeoutMs === undefined ? 0 : this.options.clock.monotonicMs() + timeoutMs,
    });
    call.joinUntilEnded(this.calls, this.withDeadline);
    call.start();
    if (timeoutMs !== undefined && timeoutMs < 1) call.deadlinePassed();
  }

  private onHttp(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const request = new Http2ServerRequest(stream, headers, {}, []);
    this.options.http(request, new Http2ServerResponse(stream));
  }

  private endLateCalls(): void {
    if (this.withDeadline.size === 0) return;
    const nowMs = this.options.clock.monotonicMs();
    for (const call of this.withDeadline) if (call.deadlineMs <= nowMs) call.deadlinePassed();
  }
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

function ignoreStreamError(): void {
  // A stream that fails also closes, which ends its call; there is nobody left to tell.
}
