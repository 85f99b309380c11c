// Plain HTTP over HTTP/2: a request and its response as node streams, shaped like those of node:http,
// so that one handler serves both.
import type { Buffer } from "node:buffer";
import type { IncomingHttpHeaders } from "node:http";
import { type Duplex, Readable, Writable } from "node:stream";
import { emptyBytes } from "#base/bytes.ts";
import { errorCode } from "./http2/frame.ts";
import type { HeaderField } from "./http2/header-table.ts";
import type { RequestHeaders } from "./http2/request-headers.ts";
import type { Http2Stream, StreamReceiver } from "./http2/stream.ts";
import type { HttpRequest, HttpResponse } from "./limits.ts";

/** What is taken of a body that nobody reads, before the client is told to stop. */
const maxDiscardedBytes = 65_536;

/** The body of a request; pulled from the stream as it is read. */
export class Http2Request extends Readable implements HttpRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  /** Of the connection, as node's requests have it: who asks, and whether over TLS. */
  readonly socket: NonNullable<HttpRequest["socket"]>;
  private readonly stream: Http2Stream;
  private hasEnded = false;
  private discardedBytes = 0;
  private whenDiscarded: (() => void) | undefined;

  constructor(stream: Http2Stream, headers: RequestHeaders, socket: Duplex) {
    super();
    this.stream = stream;
    this.socket = socket as HttpRequest["socket"] & object;
    this.method = headers.method;
    this.url = headers.path;
    this.headers = headers.entries();
    this.headers.host ??= headers.authority;
  }

  get complete(): boolean {
    return this.hasEnded;
  }

  override _read(): void {
    this.stream.hold(false);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    // Given up before its end; an answer that is on its way ends the stream by itself.
    if (!this.hasEnded && !this.stream.ends) this.stream.reset(errorCode.cancel);
    done(error);
  }

  /** @internal */
  arrived(bytes: Buffer): void {
    if (this.whenDiscarded === undefined || this.readableFlowing === true) {
      if (!this.push(bytes)) this.stream.hold(true);
      return;
    }
    this.discardedBytes += bytes.length;
    if (this.discardedBytes > maxDiscardedBytes) this.discarded();
  }

  /** @internal */
  arrivedEnd(): void {
    this.hasEnded = true;
    this.push(null);
    this.discarded();
  }

  /** @internal Drops what still comes, unless it is read, and calls `run` at its end or its limit. */
  discardRest(run: () => void): void {
    this.whenDiscarded = run;
    if (this.hasEnded || this.destroyed) this.discarded();
    else this.stream.hold(false);
  }

  private discarded(): void {
    const { whenDiscarded } = this;
    this.whenDiscarded = undefined;
    whenDiscarded?.();
  }
}

/** The response; sends its fields with the first byte of the body, or at its end. */
export class Http2Response extends Writable implements HttpResponse {
  statusCode = 200;
  private readonly stream: Http2Stream;
  private readonly request: Http2Request;
  private readonly isHead: boolean;
  private readonly fields = new Map<string, string>();
  private whenRoom: (() => void) | undefined;

  constructor(stream: Http2Stream, request: Http2Request) {
    super();
    this.stream = stream;
    this.request = request;
    this.isHead = request.method === "HEAD";
  }

  get headersSent(): boolean {
    return this.stream.headersSent;
  }

  setHeader(name: string, value: string | number): this {
    this.fields.set(name.toLowerCase(), String(value));
    return this;
  }

  writeHead(status: number, headers: Readonly<Record<string, string | number>> = {}): this {
    this.statusCode = status;
    for (const [name, value] of Object.entries(headers)) this.setHeader(name, value);
    this.respond(false);
    return this;
  }

  flushHeaders(): void {
    this.respond(false);
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.respond(false);
    if (this.isHead || this.stream.localEnded || this.stream.write(emptyBytes, chunk)) done();
    else this.whenRoom = done;
  }

  override _final(done: (error?: Error | null) => void): void {
    // An answer that ends before its request resets the stream, and some clients then lose it.
    this.request.discardRest(() => {
      if (this.headersSent) this.stream.finish(undefined);
      else this.respond(true);
      done();
    });
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    // What was finished may still wait for the client's window; node destroys it all the same.
    if (!this.writableFinished)
      this.stream.reset(error === null ? errorCode.cancel : errorCode.internalError);
    done(error);
  }

  /** @internal */
  roomAgain(): void {
    const { whenRoom } = this;
    this.whenRoom = undefined;
    whenRoom?.();
  }

  private respond(ends: boolean): void {
    if (this.headersSent) return;
    const fields: HeaderField[] = [{ name: ":status", value: String(this.statusCode) }];
    for (const [name, value] of this.fields) fields.push({ name, value });
    this.stream.respond({ fields, recurs: false }, ends);
  }
}

/** Joins both to the stream. */
export function httpExchange(
  stream: Http2Stream,
  headers: RequestHeaders,
  socket: Duplex,
): StreamReceiver & { readonly request: Http2Request; readonly response: Http2Response } {
  const request = new Http2Request(stream, headers, socket);
  const response = new Http2Response(stream, request);
  request.on("error", ignoreError);
  response.on("error", ignoreError);
  response.once("close", () => request.destroy());
  return {
    request,
    response,
    onData: (bytes, from, to) => request.arrived(bytes.subarray(from, to)),
    onEnd: () => request.arrivedEnd(),
    onWritable: () => response.roomAgain(),
    onReset: () => {
      request.destroy();
      response.destroy();
    },
  };
}

function ignoreError(): void {
  // Whoever writes on sees the close; there is nobody to tell.
}
