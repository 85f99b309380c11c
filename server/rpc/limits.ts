// The bounds of client connections, and the shape of what serves plain HTTP on them.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";

/** Serves one HTTP request that is not gRPC. Must answer, and must not throw. */
export type HttpHandler = (
  request: IncomingMessage | Http2ServerRequest,
  response: ServerResponse | Http2ServerResponse,
) => void;

export interface ConnectionLimits {
  /** Largest gRPC request message, in bytes. */
  readonly maxReceiveBytes: number;
  readonly maxConcurrentStreams: number;
  /** All header fields of one request together. */
  readonly maxHeaderBytes: number;
  /** What one HTTP/2 connection may hold in buffers, in MiB. */
  readonly maxSessionMemoryMb: number;
  readonly maxConnections: number;
  /** A client that pings more often is cut off. */
  readonly keepaliveMinMs: number;
  /** A connection silent for this long is pinged. */
  readonly keepaliveIntervalMs: number;
  /** A ping unanswered for this long ends the connection. */
  readonly keepaliveTimeoutMs: number;
  /** How long a connection may wait with its first bytes. */
  readonly firstBytesMs: number;
  /** How long an HTTP/1.1 connection may idle between requests. */
  readonly httpIdleMs: number;
}

/** What framing and metadata may add to `--max-request-bytes` before a message is refused unread. */
export const receiveOverheadBytes = 512 * 1024;

/** etcd's defaults, with `maxRequestBytes` of `--max-request-bytes`. */
export function defaultLimits(maxRequestBytes: number): ConnectionLimits {
  return {
    maxReceiveBytes: maxRequestBytes + receiveOverheadBytes,
    maxConcurrentStreams: 2 ** 32 - 1,
    maxHeaderBytes: 64 * 1024,
    maxSessionMemoryMb: 1024,
    maxConnections: 65_536,
    keepaliveMinMs: 5000,
    keepaliveIntervalMs: 2 * 3_600_000,
    keepaliveTimeoutMs: 20_000,
    firstBytesMs: 60_000,
    httpIdleMs: 180_000,
  };
}
