// One gRPC call on one HTTP/2 stream: reads messages, answers, and ends exactly once. The listeners
// on the stream are shared functions that find their call by a symbol, so that a call costs one
// object.
import type { Buffer } from "node:buffer";
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { gunzip } from "node:zlib";
import { type GrpcCode, grpcCode } from "#proto/errors.ts";
import {
  encodeStatusMessage,
  type FramingFault,
  frameMessage,
  MessageReader,
  type MessageTarget,
  type UnfinishedBytes,
} from "./grpc-framing.ts";
import type {
  RegisteredMethod,
  RequestSink,
  Responder,
  ServiceRegistry,
} from "./service-registry.ts";

const callOf = Symbol("call");
type CallStream = ServerHttp2Stream & { [callOf]?: GrpcCall };

const responseOptions = { waitForTrailers: true, sendDate: false } as const;
const trailersOnly = { endStream: true, sendDate: false } as const;
const plainType = "application/grpc";
const plainHeaders = { ":status": 200, "content-type": plainType };
const okTrailers = { "grpc-status": "0", "grpc-message": "" };

export interface CallLimits {
  readonly maxReceiveBytes: number;
  /** Shared by all calls of a server. */
  readonly unfinished: UnfinishedBytes;
  readonly timeoutMs: number | undefined;
  /** On the monotonic clock; meaningless without timeoutMs. */
  readonly deadlineMs: number;
}

export class GrpcCall implements Responder, MessageTarget {
  readonly timeoutMs: number | undefined;
  readonly deadlineMs: number;
  ended = false;
  private readonly stream: CallStream;
  private readonly headers: IncomingHttpHeaders;
  private readonly registered: RegisteredMethod;
  private readonly registry: ServiceRegistry;
  private readonly reader: MessageReader;
  private readonly maxReceiveBytes: number;
  private sink: RequestSink | undefined;
  private handled = false;
  private requestEnded = false;
  private trailers: { "grpc-status": string; "grpc-message": string } = okTrailers;
  private whenEnded: (() => void)[] | undefined;
  private drained: (() => void) | undefined;
  private open: Set<GrpcCall> | undefined;
  private expiring: Set<GrpcCall> | undefined;
  /** Compressed messages are inflated one after the other; what arrives meanwhile waits here. */
  private inflating: Promise<void> | undefined;

  constructor(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    registered: RegisteredMethod,
    registry: ServiceRegistry,
    limits: CallLimits,
  ) {
    this.stream = stream;
    this.headers = headers;
    this.registered = registered;
    this.registry = registry;
    this.timeoutMs = limits.timeoutMs;
    this.deadlineMs = limits.deadlineMs;
    this.maxReceiveBytes = limits.maxReceiveBytes;
    this.reader = new MessageReader(this, limits.maxReceiveBytes, limits.unfinished);
    this.stream[callOf] = this;
  }

  get peer(): string {
    const socket = this.stream.session?.socket;
    return `${socket?.remoteAddress ?? ""}:${socket?.remotePort ?? 0}`;
  }

  /** Begins to read. The handler of a request stream runs at once, others with their message. */
  start(): void {
    const { stream } = this;
    const { method, counters } = this.registered;
    counters.started++;
    const encoding = this.headers["grpc-encoding"];
    if (encoding !== undefined && encoding !== "identity" && encoding !== "gzip") {
      this.fail(
        grpcCode.unimplemented,
        `grpc: Decompressor is not installed for grpc-encoding ${JSON.stringify(encoding)}`,
      );
      return;
    }
    stream.on("close", onClose);
    if (method.requestStream) this.sink = method.open(this);
    stream.on("data", onData);
    stream.on("end", onEnd);
  }

  /** Puts the call into `open`, and into `expiring` if it has a deadline, until it ends. */
  joinUntilEnded(open: Set<GrpcCall>, expiring: Set<GrpcCall>): void {
    this.open = open;
    open.add(this);
    if (this.timeoutMs === undefined) return;
    this.expiring = expiring;
    expiring.add(this);
  }

  get isStream(): boolean {
    const { method } = this.registered;
    return method.requestStream || method.responseStream;
  }

  deadlinePassed(): void {
    this.fail(grpcCode.deadlineExceeded, "context deadline exceeded");
  }

  metadata(name: string): string | undefined {
    const value = this.headers[name];
    return typeof value === "string" ? value : value?.[0];
  }

  onEnded(run: () => void): void {
    if (this.ended) run();
    else if (this.whenEnded === undefined) this.whenEnded = [run];
    else this.whenEnded.push(run);
  }

  onDrain(run: () => void): void {
    this.drained = run;
    this.stream.on("drain", onDrain);
  }

  holdRequests(hold: boolean): void {
    if (hold) this.stream.pause();
    else this.stream.resume();
  }

  reply(message: Uint8Array): void {
    if (this.ended) return;
    this.count(grpcCode.ok);
    this.countSent(message.length);
    this.respond();
    this.stream.end(frameMessage(message));
  }

  write(message: Uint8Array): boolean {
    if (this.ended) return true;
    this.countSent(message.length);
    this.respond();
    return this.stream.write(frameMessage(message));
  }

  end(): void {
    if (this.ended) return;
    this.count(grpcCode.ok);
    this.respond();
    this.stream.end();
  }

  fail(code: GrpcCode, message: string): void {
    if (this.ended) return;
    this.count(code);
    if (this.stream.destroyed || this.stream.closed) return;
    if (this.stream.headersSent) {
      this.trailers = { "grpc-status": String(code), "grpc-message": encodeStatusMessage(message) };
      this.stream.end();
    } else refuse(this.stream, code, message, 200);
  }

  onMessage(message: Uint8Array, compressed: boolean): void {
    if (compressed || this.inflating !== undefined) this.inflate(message, compressed);
    else this.deliver(message);
  }

  onFault(fault: FramingFault): void {
    this.fail(fault.code, fault.message);
  }

  /** @internal for the stream's listeners */
  received(chunk: Buffer): void {
    if (!this.ended) this.reader.push(chunk);
  }

  /** @internal for the stream's listeners */
  receivedEnd(): void {
    if (this.inflating === undefined) this.finishRequest();
    else this.inflating = this.inflating.then(() => this.finishRequest());
  }

  /** @internal for the stream's listeners */
  closed(): void {
    this.reader.drop();
    if (!this.ended) this.fail(grpcCode.canceled, "context canceled");
  }

  /** @internal for the stream's listeners */
  drain(): void {
    if (!this.ended) this.drained?.();
  }

  /** @internal for the stream's listeners */
  sendTrailers(): void {
    this.stream.sendTrailers(this.trailers);
    if (!this.requestEnded) abandonRequest(this.stream);
  }

  private finishRequest(): void {
    this.requestEnded = true;
    if (this.ended) return;
    if (this.sink !== undefined) {
      if (this.reader.partial) this.fail(grpcCode.internal, "unexpected EOF");
      else this.sink.end();
    } else if (!this.handled) {
      this.fail(grpcCode.unknown, this.reader.partial ? "unexpected EOF" : "EOF");
    }
  }

  private deliver(message: Uint8Array): void {
    if (this.ended) return;
    this.registered.counters.received++;
    this.registry.receivedBytes += message.length;
    const { method } = this.registered;
    if (method.requestStream) this.sink?.message(message);
    else if (!this.handled) {
      this.handled = true;
      method.handle(message, this);
    }
  }

  private inflate(message: Uint8Array, compressed: boolean): void {
    if (compressed && this.headers["grpc-encoding"] !== "gzip") {
      this.fail(grpcCode.internal, "grpc: compressed flag set with identity or empty encoding");
      return;
    }
    this.stream.pause();
    this.inflating = (this.inflating ?? Promise.resolve()).then(async () => {
      if (!compressed) this.deliver(message);
      else await this.inflateOne(message);
      this.stream.resume();
    });
  }

  private inflateOne(message: Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      gunzip(message, { maxOutputLength: this.maxReceiveBytes }, (error, plain) => {
        if (error === null) this.deliver(plain);
        else if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE")
          this.fail(
            grpcCode.resourceExhausted,
            `grpc: received message after decompression larger than max ${this.maxReceiveBytes}`,
          );
        else this.fail(grpcCode.internal, inflateFault(message, error as NodeJS.ErrnoException));
        resolve();
      });
    });
  }

  private respond(): void {
    const { stream } = this;
    if (stream.headersSent || stream.destroyed || stream.closed) return;
    stream.on("wantTrailers", onWantTrailers);
    const contentType = this.headers["content-type"];
    const headers =
      contentType === undefined || contentType === plainType
        ? plainHeaders
        : { ...plainHeaders, "content-type": contentType };
    stream.respond(headers, responseOptions);
  }

  private count(code: GrpcCode): void {
    this.ended = true;
    this.registered.counters.handled[code]!++;
    this.open?.delete(this);
    this.expiring?.delete(this);
    const { whenEnded } = this;
    if (whenEnded === undefined) return;
    this.whenEnded = undefined;
    for (const run of whenEnded) run();
  }

  private countSent(bytes: number): void {
    this.registered.counters.sent++;
    this.registry.sentBytes += bytes;
  }
}

/** What is wrong with a compressed message, as gRPC's Go library words it. */
function inflateFault(message: Uint8Array, error: NodeJS.ErrnoException): string {
  if (message.length === 0) return "grpc: failed to decompress the message: EOF";
  if (message[0] !== 0x1f || message[1] !== 0x8b)
    return "grpc: failed to decompress the message: gzip: invalid header";
  const cut = error.code === "Z_BUF_ERROR";
  return `grpc: failed to read decompressed data: ${cut ? "unexpected EOF" : error.message}`;
}

/** Answers a stream with a status alone, and takes nothing more from it. */
export function refuse(
  stream: ServerHttp2Stream,
  code: GrpcCode,
  message: string,
  httpStatus: number,
): void {
  if (stream.destroyed || stream.closed) return;
  stream.respond(
    {
      ":status": httpStatus,
      "content-type": plainType,
      "grpc-status": String(code),
      "grpc-message": encodeStatusMessage(message),
    },
    trailersOnly,
  );
  if (stream.readableEnded) return;
  abandonRequest(stream);
}

/**
 * Throws away what the client still sends, and resets the stream once the answer is on its way. A
 * reset in the same turn would overtake the trailers.
 */
function abandonRequest(stream: ServerHttp2Stream): void {
  stream.resume();
  setImmediate(closeStream, stream);
}

function closeStream(stream: ServerHttp2Stream): void {
  stream.close(constants.NGHTTP2_NO_ERROR);
}

function onData(this: CallStream, chunk: Buffer): void {
  this[callOf]?.received(chunk);
}

function onEnd(this: CallStream): void {
  this[callOf]?.receivedEnd();
}

function onClose(this: CallStream): void {
  this[callOf]?.closed();
}

function onDrain(this: CallStream): void {
  this[callOf]?.drain();
}

function onWantTrailers(this: CallStream): void {
  this[callOf]?.sendTrailers();
}
