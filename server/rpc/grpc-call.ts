// One gRPC call on one HTTP/2 stream: reads messages, answers, and ends exactly once.
import { Buffer } from "node:buffer";
import { gunzip } from "node:zlib";
import { assert } from "#base/assert.ts";
import type { UnfinishedBytes } from "#base/unfinished-bytes.ts";
import { type GrpcCode, grpcCode } from "#proto/errors.ts";
import {
  encodeStatusMessage,
  type FramingFault,
  MessageReader,
  type MessageTarget,
  metadataField,
  writePrefix,
} from "./grpc-framing.ts";
import type { HeaderList } from "./http2/header-encoder.ts";
import type { HeaderField } from "./http2/header-table.ts";
import type { RequestHeaders } from "./http2/request-headers.ts";
import type { Http2Stream, StreamReceiver } from "./http2/stream.ts";
import {
  isEndless,
  type RegisteredMethod,
  type RequestSink,
  type Responder,
  type ServiceRegistry,
} from "./service-registry.ts";

const plainType = "application/grpc";
const plainHeaders: HeaderList = {
  fields: [
    { name: ":status", value: "200" },
    { name: "content-type", value: plainType },
  ],
  recurs: true,
};
const okTrailers: HeaderList = {
  fields: [
    { name: "grpc-status", value: "0" },
    { name: "grpc-message", value: "" },
  ],
  recurs: true,
};
/** Copied before the next use. */
const prefix = Buffer.alloc(5);

/** What all calls of a server share. */
export interface CallLimits {
  readonly maxReceiveBytes: number;
  readonly unfinished: UnfinishedBytes;
}

/** Who calls: what all calls of a connection have in common. */
export interface CallingClient {
  /** `address:port` */
  readonly peer: string;
  /** See Responder. */
  readonly commonName: string | undefined;
}

export class GrpcCall implements Responder, MessageTarget, StreamReceiver {
  readonly timeoutMs: number | undefined;
  /** On the monotonic clock; meaningless without timeoutMs. */
  readonly deadlineMs: number;
  ended = false;
  private readonly client: CallingClient;
  private readonly stream: Http2Stream;
  private readonly headers: RequestHeaders;
  private readonly registered: RegisteredMethod;
  private readonly registry: ServiceRegistry;
  private readonly reader: MessageReader;
  private readonly maxReceiveBytes: number;
  private sink: RequestSink | undefined;
  private handled = false;
  private initialFields: HeaderField[] | undefined;
  private trailingFields: HeaderField[] | undefined;
  private whenEnded: (() => void)[] | undefined;
  private drained: (() => void) | undefined;
  private expiring: Set<GrpcCall> | undefined;
  /** Compressed messages are inflated one after the other; what arrives meanwhile waits here. */
  private inflating: Promise<void> | undefined;
  private toInflate = 0;
  private asksToHold = false;

  constructor(
    stream: Http2Stream,
    headers: RequestHeaders,
    client: CallingClient,
    registered: RegisteredMethod,
    registry: ServiceRegistry,
    limits: CallLimits,
    timeoutMs: number | undefined,
    deadlineMs: number,
  ) {
    this.stream = stream;
    this.headers = headers;
    this.client = client;
    this.registered = registered;
    this.registry = registry;
    this.timeoutMs = timeoutMs;
    this.deadlineMs = deadlineMs;
    this.maxReceiveBytes = limits.maxReceiveBytes;
    this.reader = new MessageReader(this, limits.maxReceiveBytes, limits.unfinished);
  }

  get peer(): string {
    return this.client.peer;
  }

  get peerCommonName(): string | undefined {
    return this.client.commonName;
  }

  /** Begins to read. The handler of a request stream runs at once, others with their message. */
  start(): void {
    const { method, counters } = this.registered;
    counters.started++;
    const encoding = this.headers.get("grpc-encoding");
    if (encoding !== undefined && encoding !== "identity" && encoding !== "gzip") {
      this.fail(
        grpcCode.unimplemented,
        `grpc: Decompressor is not installed for grpc-encoding ${JSON.stringify(encoding)}`,
      );
      return;
    }
    if (method.requestStream) this.sink = method.open(this);
  }

  /** Puts the call into `expiring` until it ends. */
  joinUntilEnded(expiring: Set<GrpcCall>): void {
    this.expiring = expiring;
    expiring.add(this);
  }

  get isEndless(): boolean {
    return isEndless(this.registered.method);
  }

  deadlinePassed(): void {
    this.fail(grpcCode.deadlineExceeded, "context deadline exceeded");
  }

  metadata(name: string): string | undefined {
    return this.headers.get(name);
  }

  addMetadata(part: "initial" | "trailing", name: string, value: string | Uint8Array): void {
    const field = metadataField(name, value);
    const isLate = part === "initial" && this.stream.headersSent;
    assert(!isLate || this.ended, "initial metadata behind the first message");
    if (part === "trailing") this.trailingFields = [...(this.trailingFields ?? []), field];
    else this.initialFields = [...(this.initialFields ?? []), field];
  }

  onEnded(run: () => void): void {
    if (this.ended) run();
    else if (this.whenEnded === undefined) this.whenEnded = [run];
    else this.whenEnded.push(run);
  }

  onDrain(run: () => void): void {
    this.drained = run;
  }

  holdRequests(hold: boolean): void {
    this.asksToHold = hold;
    if (hold || this.toInflate === 0) this.stream.hold(hold);
  }

  reply(message: Uint8Array): void {
    if (this.ended) return;
    this.count(grpcCode.ok);
    this.countSent(message.length);
    writePrefix(prefix, message.length);
    const { stream } = this;
    const status = this.trailingFields === undefined ? okTrailers : this.trailers(okTrailers);
    stream.answer(this.answerHeaders(), prefix, message, status);
  }

  write(message: Uint8Array): boolean {
    if (this.ended) return true;
    this.countSent(message.length);
    this.respond();
    writePrefix(prefix, message.length);
    return this.stream.write(prefix, message);
  }

  end(): void {
    if (this.ended) return;
    this.count(grpcCode.ok);
    this.respond();
    this.stream.finish(this.trailingFields === undefined ? okTrailers : this.trailers(okTrailers));
  }

  fail(code: GrpcCode, message: string): void {
    if (this.ended) return;
    this.count(code);
    if (this.initialFields !== undefined) this.respond();
    const status = this.trailers({ fields: statusFields(code, message), recurs: false });
    if (this.stream.headersSent) this.stream.finish(status);
    else
      this.stream.respond(
        { fields: [...plainHeaders.fields, ...status.fields], recurs: false },
        true,
      );
  }

  onMessage(message: Uint8Array, compressed: boolean): void {
    if (compressed || this.inflating !== undefined) this.inflate(message, compressed);
    else this.deliver(message);
  }

  onFault(fault: FramingFault): void {
    this.fail(fault.code, fault.message);
  }

  onData(chunk: Buffer, from: number, to: number): void {
    if (!this.ended) this.reader.push(chunk, from, to);
  }

  onEnd(): void {
    if (this.inflating === undefined) this.finishRequest();
    else this.inflating = this.inflating.then(() => this.finishRequest());
  }

  onReset(): void {
    this.reader.drop();
    if (!this.ended) this.fail(grpcCode.canceled, "context canceled");
  }

  onWritable(): void {
    if (!this.ended) this.drained?.();
  }

  private finishRequest(): void {
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
    if (compressed && this.headers.get("grpc-encoding") !== "gzip") {
      this.fail(grpcCode.internal, "grpc: compressed flag set with identity or empty encoding");
      return;
    }
    this.toInflate++;
    this.stream.hold(true);
    this.inflating = (this.inflating ?? Promise.resolve()).then(async () => {
      if (!compressed) this.deliver(message);
      else if (!this.ended) await this.inflateOne(message);
      // What comes next stays on the stream until all before it is done: there it is bounded.
      if (--this.toInflate === 0 && !this.asksToHold) this.stream.hold(false);
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
    if (!this.stream.headersSent) this.stream.respond(this.answerHeaders(), false);
  }

  private answerHeaders(): HeaderList {
    const { initialFields } = this;
    const contentType = this.headers.get("content-type") ?? plainType;
    const isPlain = contentType === plainType && initialFields === undefined;
    return isPlain ? plainHeaders : answerHeaders(contentType, initialFields);
  }

  /** The status with the metadata that goes with it. */
  private trailers(status: HeaderList): HeaderList {
    const { trailingFields } = this;
    if (trailingFields === undefined) return status;
    return { fields: [...status.fields, ...trailingFields], recurs: false };
  }

  private count(code: GrpcCode): void {
    this.ended = true;
    this.reader.drop();
    this.registered.counters.handled[code]!++;
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

function answerHeaders(contentType: string, metadata: readonly HeaderField[] = []): HeaderList {
  const fields = [plainHeaders.fields[0]!, { name: "content-type", value: contentType }];
  return { fields: [...fields, ...metadata], recurs: false };
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
  stream: Http2Stream,
  code: GrpcCode,
  message: string,
  httpStatus: number,
): void {
  const fields = [
    { name: ":status", value: String(httpStatus) },
    { name: "content-type", value: plainType },
    ...statusFields(code, message),
  ];
  stream.respond({ fields, recurs: false }, true);
}

function statusFields(code: GrpcCode, message: string): HeaderList["fields"] {
  return [
    { name: "grpc-status", value: String(code) },
    { name: "grpc-message", value: encodeStatusMessage(message) },
  ];
}
