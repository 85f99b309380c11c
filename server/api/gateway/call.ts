// One call of the gateway: what a method's handler sees of an HTTP request, and how its messages
// become JSON. Counted like a call over gRPC.
import { Buffer } from "node:buffer";
import type { Clock, Timer } from "#base/clock.ts";
import { type GrpcCode, grpcCode } from "#proto/errors.ts";
import { writeJson } from "#proto/json-write.ts";
import type {
  MethodCounters,
  RegisteredMethod,
  Responder,
  ServiceRegistry,
} from "#server/rpc/service-registry.ts";
import { answerHeader } from "./metadata.ts";

/** Where the answer goes: an HTTP response, or a WebSocket. */
export interface AnswerSink {
  readonly headersSent: boolean;
  setHeader(name: string, value: string): void;
  /** Status and type, once, before the first text. */
  begin(status: number, length: number | undefined): void;
  /** False means: hold back until the call's `drained` runs. */
  write(text: string): boolean;
  end(): void;
}

export interface CallOptions {
  readonly registry: ServiceRegistry;
  readonly registered: RegisteredMethod;
  readonly output: string;
  readonly sink: AnswerSink;
  readonly peer: string;
  readonly metadata: ReadonlyMap<string, string>;
  readonly timeoutMs: number | undefined;
  readonly clock: Clock;
  /** Stops or restarts what is read of the request. */
  readonly hold: (hold: boolean) => void;
}

/** The longest that a timer can wait. */
const maxTimerMs = 2 ** 31 - 1;

const httpStatus: Readonly<Record<GrpcCode, number>> = {
  [grpcCode.ok]: 200,
  [grpcCode.canceled]: 499,
  [grpcCode.unknown]: 500,
  [grpcCode.invalidArgument]: 400,
  [grpcCode.deadlineExceeded]: 504,
  [grpcCode.notFound]: 404,
  [grpcCode.alreadyExists]: 409,
  [grpcCode.permissionDenied]: 403,
  [grpcCode.resourceExhausted]: 429,
  [grpcCode.failedPrecondition]: 400,
  [grpcCode.aborted]: 409,
  [grpcCode.outOfRange]: 400,
  [grpcCode.unimplemented]: 501,
  [grpcCode.internal]: 500,
  [grpcCode.unavailable]: 503,
  [grpcCode.dataLoss]: 500,
  [grpcCode.unauthenticated]: 401,
};

function statusJson(code: GrpcCode, message: string): string {
  const text = message === "" ? "" : `,"message":${JSON.stringify(message)}`;
  return code === grpcCode.ok ? "{}" : `{"code":${code}${text}}`;
}

/** Answers with an error alone. */
export function sendError(sink: AnswerSink, code: GrpcCode, message: string): void {
  if (code === grpcCode.unauthenticated) {
    sink.setHeader("WWW-Authenticate", message.replace(/[^\x20-\x7e]/g, " "));
  }
  const body = statusJson(code, message);
  sink.begin(httpStatus[code], Buffer.byteLength(body));
  sink.write(body);
  sink.end();
}

const markup = /[<>&\u2028\u2029]/g;

/** A line of a stream; Go's encoder escapes there what HTML could take for markup. */
function line(name: "result" | "error", json: string): string {
  const plain = json.replace(
    markup,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return `{"${name}":${plain}}\n`;
}

export class GatewayCall implements Responder {
  readonly peer: string;
  /** A certificate does not speak for the user of a gateway (see http-endpoints.ts). */
  readonly peerCommonName = undefined;
  readonly timeoutMs: number | undefined;
  ended = false;
  private readonly options: CallOptions;
  private readonly counters: MethodCounters;
  private readonly deadline: Timer | undefined;
  private whenEnded: (() => void)[] = [];
  private whenDrained: (() => void) | undefined;

  constructor(options: CallOptions) {
    this.options = options;
    this.peer = options.peer;
    this.timeoutMs = options.timeoutMs;
    this.counters = options.registered.counters;
    this.counters.started++;
    if (options.timeoutMs !== undefined) {
      const delayMs = Math.min(Math.max(options.timeoutMs, 0), maxTimerMs);
      this.deadline = options.clock.after(delayMs, () => {
        this.fail(grpcCode.deadlineExceeded, "context deadline exceeded");
      });
    }
  }

  get isStream(): boolean {
    return this.options.registered.method.responseStream;
  }

  get takesStream(): boolean {
    return this.options.registered.method.requestStream;
  }

  /** Counts a message of the client. */
  received(bytes: number): void {
    this.counters.received++;
    this.options.registry.receivedBytes += bytes;
  }

  /** The client takes more again. */
  drained(): void {
    if (!this.ended) this.whenDrained?.();
  }

  /** The client went away. */
  gone(): void {
    if (!this.ended) this.over(grpcCode.canceled);
  }

  metadata(name: string): string | undefined {
    return this.options.metadata.get(name);
  }

  addMetadata(part: "initial" | "trailing", name: string, value: string | Uint8Array): void {
    // Trailers come behind the body, where next to no HTTP client looks.
    if (part === "initial" && !this.options.sink.headersSent)
      this.options.sink.setHeader(...answerHeader(name, value));
  }

  onEnded(run: () => void): void {
    if (this.ended) run();
    else this.whenEnded.push(run);
  }

  onDrain(run: () => void): void {
    this.whenDrained = run;
  }

  holdRequests(hold: boolean): void {
    this.options.hold(hold);
  }

  reply(message: Uint8Array): void {
    if (this.ended) return;
    const { sink, output } = this.options;
    this.sent(message.length);
    this.over(grpcCode.ok);
    const body = writeJson(output, message);
    sink.setHeader("Grpc-Metadata-Content-Type", "application/grpc");
    sink.begin(200, Buffer.byteLength(body));
    sink.write(body);
    sink.end();
  }

  write(message: Uint8Array): boolean {
    if (this.ended) return true;
    const { sink, output } = this.options;
    this.sent(message.length);
    this.beginStream();
    return sink.write(line("result", writeJson(output, message)));
  }

  end(): void {
    if (this.ended) return;
    this.over(grpcCode.ok);
    this.options.sink.end();
  }

  fail(code: GrpcCode, message: string): void {
    if (this.ended) return;
    this.over(code);
    const { sink } = this.options;
    if (!this.isStream) {
      sendError(sink, code, message);
      return;
    }
    if (!sink.headersSent) sink.begin(httpStatus[code], undefined);
    sink.write(line("error", statusJson(code, message)));
    sink.end();
  }

  /** Ends the call before its handler has seen it. */
  refuse(code: GrpcCode, message: string): void {
    if (this.ended) return;
    this.over(code);
    sendError(this.options.sink, code, message);
  }

  private beginStream(): void {
    const { sink } = this.options;
    if (sink.headersSent) return;
    sink.setHeader("Grpc-Metadata-Content-Type", "application/grpc");
    sink.begin(200, undefined);
  }

  private sent(bytes: number): void {
    this.counters.sent++;
    this.options.registry.sentBytes += bytes;
  }

  private over(code: GrpcCode): void {
    this.ended = true;
    this.counters.handled[code]!++;
    this.deadline?.cancel();
    const { whenEnded } = this;
    this.whenEnded = [];
    for (const run of whenEnded) run();
  }
}
