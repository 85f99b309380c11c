// The bounds of client connections, and the shape of what serves plain HTTP on them.
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { Duplex, Readable, Writable } from "node:stream";
import type { Clock } from "#base/clock.ts";
import { UnfinishedBytes } from "#base/unfinished-bytes.ts";

/** A request of plain HTTP: node's own of HTTP/1.1, or ours of HTTP/2. */
export interface HttpRequest extends Readable {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly headers: IncomingHttpHeaders;
  /** The whole body has come. */
  readonly complete?: boolean;
  readonly socket?: {
    readonly remoteAddress?: string | undefined;
    /** True of a TLS connection. */
    readonly encrypted?: boolean;
    /** Of a TLS connection whose client showed one. */
    getPeerX509Certificate?(): { readonly subject: string } | undefined;
  };
}

/** How long a body may take that is not a stream of requests. */
const bodyMs = 60_000;

/** Cuts off a client whose body is not there after a minute. */
export function boundBody(request: HttpRequest, clock: Clock): void {
  if (request.complete !== false || request.method === "GET") return;
  const timer = clock.after(bodyMs, () => {
    if (request.complete === false) request.destroy();
  });
  request.once("close", () => timer.cancel());
}

export interface HttpResponse extends Writable {
  statusCode: number;
  readonly headersSent: boolean;
  setHeader(name: string, value: string | number): unknown;
  writeHead(status: number, headers?: Readonly<Record<string, string | number>>): unknown;
  flushHeaders(): void;
}

/** Serves one HTTP request that is not gRPC. Must answer, and must not throw. */
export type HttpHandler = (request: HttpRequest, response: HttpResponse) => void;

/** Serves requests of HTTP/1.1 to speak another protocol from then on. */
export interface UpgradeHandler {
  /** False if the request is to be served as plain HTTP instead. */
  wants(request: IncomingMessage): boolean;
  /** Owns the socket from now on. */
  serve(request: IncomingMessage, socket: Duplex, head: Buffer): void;
}

export interface ConnectionLimits {
  /** Largest gRPC request message, in bytes. */
  readonly maxReceiveBytes: number;
  /** Messages and bodies under way, of all connections together. */
  readonly unfinished: UnfinishedBytes;
  readonly maxConcurrentStreams: number;
  /** All header fields of one request together. */
  readonly maxHeaderBytes: number;
  /** With more than this waiting to be sent on an HTTP/2 connection, it gets no new requests. */
  readonly maxQueuedBytes: number;
  /** What a socket may hold unsent before data waits on its stream. */
  readonly socketHighBytes: number;
  readonly maxConnections: number;
  /** A client that pings more often is cut off. */
  readonly keepaliveMinMs: number;
  /** A connection silent for this long is pinged. */
  readonly keepaliveIntervalMs: number;
  /** A ping unanswered for this long ends the connection. */
  readonly keepaliveTimeoutMs: number;
  /** How long a client may leave a frame or a header block unfinished, or take nothing it is sent. */
  readonly stallMs: number;
  /** How long a connection may wait with its first bytes. */
  readonly firstBytesMs: number;
  /** How long an HTTP/1.1 connection may idle between requests. */
  readonly httpIdleMs: number;
}

/** What framing and metadata may add to `--max-request-bytes` before a message is refused unread. */
export const receiveOverheadBytes = 512 * 1024;

/**
 * Calls of one connection at a time, whatever `--max-concurrent-streams` allows beyond it: etcd has no
 * bound there, and each call costs some kilobytes.
 */
export const mostConcurrentStreams = 65_536;

/** Streams and connections are hardly limited in number, so what they hold before it is whole is. */
export const unfinishedLimitBytes = 256 * 1024 * 1024;

/** etcd's defaults where it has any, with `maxRequestBytes` of `--max-request-bytes`. */
export function defaultLimits(maxRequestBytes: number): ConnectionLimits {
  return {
    maxReceiveBytes: maxRequestBytes + receiveOverheadBytes,
    unfinished: new UnfinishedBytes(unfinishedLimitBytes),
    maxConcurrentStreams: mostConcurrentStreams,
    maxHeaderBytes: 64 * 1024,
    maxQueuedBytes: 256 * 1024 * 1024,
    socketHighBytes: 1024 * 1024,
    maxConnections: 65_536,
    keepaliveMinMs: 5000,
    keepaliveIntervalMs: 2 * 3_600_000,
    keepaliveTimeoutMs: 20_000,
    stallMs: 120_000,
    firstBytesMs: 60_000,
    httpIdleMs: 180_000,
  };
}
