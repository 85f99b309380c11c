// The JSON gateway: every method of every service under /v3/, with JSON in and out. A call goes to the
// handler that is registered for gRPC, so that whatever is checked there is checked here. Streams take
// JSON values one behind the other, and answer in lines of {"result":…}.
import { Buffer } from "node:buffer";
import type { Clock } from "#base/clock.ts";
import { errorText } from "#base/errors.ts";
import { TooManyUnfinished, type UnfinishedBytes } from "#base/unfinished-bytes.ts";
import { etcdError, grpcCode } from "#proto/errors.ts";
import { jsonMethods } from "#proto/gen/json-tables.ts";
import { readJson } from "#proto/json-read.ts";
import { JsonValues } from "#proto/json-values.ts";
import { boundBody, type HttpRequest, type HttpResponse } from "#server/rpc/limits.ts";
import {
  isEndless,
  type RegisteredMethod,
  type RequestSink,
  type ServiceRegistry,
} from "#server/rpc/service-registry.ts";
import { type AnswerSink, GatewayCall, sendError } from "./call.ts";
import { metadataOf, timeoutOf } from "./metadata.ts";
import { gatewayRoutes } from "./routes.ts";

export interface GatewayOptions {
  readonly registry: ServiceRegistry;
  readonly clock: Clock;
  /** Of one request message, as on gRPC connections. */
  readonly maxReceiveBytes: number;
  /** Of the requests of all connections together. */
  readonly unfinished: UnfinishedBytes;
}

/** What asks: an HTTP request, or a WebSocket in the shape of one. */
export interface GatewayRequest extends Pick<HttpRequest, "method" | "headers"> {
  readonly peer: string;
  /** The bytes of the body; `hold` stops and restarts them. */
  read(chunk: (bytes: Buffer) => void, end: () => void): void;
  hold(hold: boolean): void;
}

/** A message in JSON is longer than it is in protobuf: base64 adds a third, names and quotes the rest. */
const jsonFactor = 4;

export class Gateway {
  private readonly options: GatewayOptions;
  private readonly endless = new Set<GatewayCall>();

  constructor(options: GatewayOptions) {
    this.options = options;
  }

  /** Ends what would not end by itself, because the server stops. */
  stop(): void {
    const { code, message } = etcdError("stopped");
    for (const call of this.endless) call.fail(code, message);
  }

  /** Answers a request whose path lies below /v3/. */
  serve(path: string, request: HttpRequest, response: HttpResponse): void {
    const sink = new HttpSink(response);
    const call = this.ask(path, httpRequest(request), sink);
    if (call === undefined) return;
    if (!call.takesStream) boundBody(request, this.options.clock);
    response.on("drain", () => call.drained());
    response.once("close", () => call.gone());
  }

  /** Makes the call; undefined if it was refused at once. */
  ask(path: string, request: GatewayRequest, sink: AnswerSink): GatewayCall | undefined {
    const { registry, clock } = this.options;
    const methodPath = gatewayRoutes.get(path);
    const registered = methodPath === undefined ? undefined : registry.find(methodPath);
    if (methodPath === undefined || registered === undefined) {
      sendError(sink, grpcCode.notFound, "Not Found");
      return undefined;
    }
    if (request.method !== "POST") {
      sendError(sink, grpcCode.unimplemented, "Method Not Allowed");
      return undefined;
    }
    const { input, output } = jsonMethods[methodPath]!;
    let call: GatewayCall;
    try {
      call = new GatewayCall({
        registry,
        registered,
        output,
        sink,
        clock,
        peer: request.peer,
        metadata: metadataOf(request.headers),
        timeoutMs: timeoutOf(request.headers),
        hold: (hold) => request.hold(hold),
      });
    } catch (error) {
      sendError(sink, grpcCode.invalidArgument, errorText(error));
      return undefined;
    }
    if (isEndless(registered.method)) {
      this.endless.add(call);
      call.onEnded(() => this.endless.delete(call));
    }
    if (registered.method.requestStream) {
      this.takeStream(input, request, call, registered.method.open(call));
    } else this.takeOne(input, request, call, registered);
    return call;
  }

  private takeOne(
    input: string,
    request: GatewayRequest,
    call: GatewayCall,
    { method }: RegisteredMethod,
  ): void {
    if (method.requestStream) return;
    let isTaken = false;
    const values = this.values(call);
    const take = (json: Buffer | undefined): false => {
      isTaken = true;
      const message = json === undefined ? Buffer.alloc(0) : readJson(input, json);
      if (this.isTooLarge(message, call)) return false;
      call.received(message.length);
      method.handle(message, call);
      return false;
    };
    const attempt = (run: () => void): void => {
      if (isTaken || call.ended) return;
      try {
        run();
      } catch (error) {
        const isFull = error instanceof TooManyUnfinished;
        if (!isFull && !isJsonError(error)) throw error;
        isTaken = true;
        call.refuse(isFull ? grpcCode.resourceExhausted : grpcCode.invalidArgument, error.message);
      }
    };
    request.read(
      (bytes) => attempt(() => values.push(bytes, take)),
      () =>
        attempt(() => {
          values.end(take);
          if (!isTaken) take(undefined);
        }),
    );
  }

  private takeStream(
    input: string,
    request: GatewayRequest,
    call: GatewayCall,
    sink: RequestSink,
  ): void {
    const values = this.values(call);
    let isOver = false;
    const take = (json: Buffer): boolean => {
      const message = readJson(input, json);
      if (this.isTooLarge(message, call)) return false;
      call.received(message.length);
      sink.message(message);
      return !call.ended;
    };
    const attempt = (run: () => void): void => {
      if (isOver || call.ended) return;
      try {
        run();
      } catch (error) {
        if (error instanceof TooManyUnfinished) {
          call.fail(grpcCode.resourceExhausted, error.message);
          return;
        }
        if (!isJsonError(error)) throw error;
        // etcd's gateway logs it and ends the request's side of the stream.
        isOver = true;
        sink.end();
      }
    };
    request.read(
      (bytes) => attempt(() => values.push(bytes, take)),
      () =>
        attempt(() => {
          values.end(take);
          isOver = true;
          if (!call.ended) sink.end();
        }),
    );
  }

  private values(call: GatewayCall): JsonValues {
    const { maxReceiveBytes, unfinished } = this.options;
    const values = new JsonValues(maxReceiveBytes * jsonFactor, unfinished);
    call.onEnded(() => values.drop());
    return values;
  }

  private isTooLarge(message: Buffer, call: GatewayCall): boolean {
    const { maxReceiveBytes } = this.options;
    if (message.length <= maxReceiveBytes) return false;
    const sizes = `${message.length} vs. ${maxReceiveBytes}`;
    call.fail(grpcCode.resourceExhausted, `grpc: received message larger than max (${sizes})`);
    return true;
  }
}

function isJsonError(error: unknown): error is Error {
  return error instanceof Error && (error as { code?: unknown }).code === "MALFORMED_JSON";
}

class HttpSink implements AnswerSink {
  private readonly response: HttpResponse;

  constructor(response: HttpResponse) {
    this.response = response;
  }

  get headersSent(): boolean {
    return this.response.headersSent;
  }

  setHeader(name: string, value: string): void {
    this.response.setHeader(name, value);
  }

  begin(status: number, length: number | undefined): void {
    const { response } = this;
    response.setHeader("Content-Type", "application/json");
    if (length !== undefined) response.setHeader("Content-Length", length);
    response.writeHead(status);
  }

  write(text: string): boolean {
    return this.response.write(text);
  }

  end(): void {
    this.response.end();
  }
}

function httpRequest(request: HttpRequest): GatewayRequest {
  return {
    method: request.method,
    headers: request.headers,
    peer: request.socket?.remoteAddress ?? "",
    read(chunk, end) {
      request.on("data", chunk);
      request.once("end", end);
      request.on("error", () => {});
    },
    hold(hold) {
      if (hold) request.pause();
      else request.resume();
    },
  };
}
