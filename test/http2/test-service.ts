// grpc.testing.TestService, the server side of gRPC's interoperability cases, and a server of it.
import { EventEmitter, once } from "node:events";
import type { Clock } from "#base/clock.ts";
import { silentLog } from "#base/log.ts";
import { systemClock } from "#base/system-clock.ts";
import type { GrpcCode } from "#proto/errors.ts";
import { defaultLimits } from "#server/rpc/limits.ts";
import { type ConnectionSecurity, startClientListeners } from "#server/rpc/listeners.ts";
import { type RequestSink, type Responder, ServiceRegistry } from "#server/rpc/service-registry.ts";
import {
  readInput,
  readRequest,
  type TestRequest,
  writePayloadAnswer,
  writeSum,
} from "./messages.ts";

const initialKey = "x-grpc-test-echo-initial";
const trailingKey = "x-grpc-test-echo-trailing-bin";
const service = "/grpc.testing.TestService";

function echoMetadata(responder: Responder): void {
  const initial = responder.metadata(initialKey);
  if (initial !== undefined) responder.addMetadata("initial", initialKey, initial);
  const trailing = responder.metadata(trailingKey);
  if (trailing !== undefined)
    responder.addMetadata("trailing", trailingKey, Buffer.from(trailing, "base64"));
}

/** True if the request asked for a failure, and got it. */
function failed(request: TestRequest, responder: Responder): boolean {
  const { status } = request;
  if (status === undefined || status.code === 0) return false;
  responder.fail(status.code as GrpcCode, status.message);
  return true;
}

/** Answers requests in order, each answer after its delay, as far as the client takes them. */
class AnswerLine {
  private readonly responder: Responder;
  private readonly clock: Clock;
  private readonly waiting: { readonly bytes: number; readonly delayUs: number }[] = [];
  private isEnding = false;
  private isSleeping = false;
  private hasRoom = true;

  constructor(responder: Responder, clock: Clock) {
    this.responder = responder;
    this.clock = clock;
    responder.onDrain(() => {
      this.hasRoom = true;
      this.go();
    });
  }

  add(request: TestRequest): void {
    this.waiting.push(...request.answers);
    this.go();
  }

  end(): void {
    this.isEnding = true;
    this.go();
  }

  private go(): void {
    while (this.hasRoom && !this.isSleeping && !this.responder.ended) {
      const next = this.waiting.shift();
      if (next === undefined) {
        if (this.isEnding) this.responder.end();
        return;
      }
      if (next.delayUs > 0) {
        this.isSleeping = true;
        this.waiting.unshift({ bytes: next.bytes, delayUs: 0 });
        this.clock.after(next.delayUs / 1000, () => {
          this.isSleeping = false;
          this.go();
        });
        return;
      }
      this.hasRoom = this.responder.write(writePayloadAnswer(next.bytes));
    }
  }
}

/** `onEnded` runs after each call, its outcome being counted already. */
export function testService(clock: Clock, onEnded: () => void): ServiceRegistry {
  const registry = new ServiceRegistry();
  registry.add({
    path: `${service}/EmptyCall`,
    requestStream: false,
    responseStream: false,
    handle: (_request, responder) => responder.reply(new Uint8Array(0)),
  });
  registry.add({
    path: `${service}/UnaryCall`,
    requestStream: false,
    responseStream: false,
    handle(bytes, responder) {
      responder.onEnded(onEnded);
      const request = readRequest(bytes, "unary");
      echoMetadata(responder);
      if (!failed(request, responder)) responder.reply(writePayloadAnswer(request.responseBytes));
    },
  });
  registry.add({
    path: `${service}/StreamingInputCall`,
    requestStream: true,
    responseStream: false,
    open(responder): RequestSink {
      responder.onEnded(onEnded);
      let sum = 0;
      return {
        message(request) {
          sum += readInput(request);
        },
        end: () => responder.reply(writeSum(sum)),
      };
    },
  });
  registry.add({
    path: `${service}/StreamingOutputCall`,
    requestStream: false,
    responseStream: true,
    handle(bytes, responder) {
      const line = new AnswerLine(responder, clock);
      line.add(readRequest(bytes, "stream"));
      line.end();
    },
  });
  registry.add({
    path: `${service}/FullDuplexCall`,
    requestStream: true,
    responseStream: true,
    open(responder): RequestSink {
      responder.onEnded(onEnded);
      echoMetadata(responder);
      const line = new AnswerLine(responder, clock);
      return {
        message(bytes) {
          const request = readRequest(bytes, "stream");
          if (!failed(request, responder)) line.add(request);
        },
        end: () => line.end(),
      };
    },
  });
  return registry;
}

export interface TestServer extends AsyncDisposable {
  readonly port: number;
  /** Resolves once a call of UnaryCall, StreamingInputCall or FullDuplexCall has ended so. */
  ended(method: string, code: GrpcCode): Promise<void>;
}

/** Serves the service, and a page for all that is not gRPC, on a free port of 127.0.0.1. */
export async function startTestServer(security?: ConnectionSecurity): Promise<TestServer> {
  const ends = new EventEmitter();
  const registry = testService(systemClock, () => ends.emit("end"));
  const listeners = await startClientListeners({
    urls: [`${security === undefined ? "http" : "https"}://127.0.0.1:0`],
    registry,
    http(request, response) {
      request.resume();
      request.on("end", () => response.end("a page"));
    },
    // So that a client can go beyond the number of streams.
    limits: { ...defaultLimits(1_572_864), maxConcurrentStreams: 100 },
    clock: systemClock,
    log: silentLog,
    ...(security === undefined ? {} : { security }),
  });
  return {
    port: Number(listeners.addresses[0]!.split(":").at(-1)),
    async ended(method, code) {
      const { handled } = registry.find(`${service}/${method}`)!.counters;
      while (handled[code] === 0) await once(ends, "end");
    },
    [Symbol.asyncDispose]: () => listeners.close(0),
  };
}
