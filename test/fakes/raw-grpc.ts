// gRPC calls made by hand over node:http2, for requests that no proper client sends.
import { type ClientHttp2Session, connect, type OutgoingHttpHeaders } from "node:http2";

/** What a call came back with. */
export interface RawAnswer {
  readonly httpStatus: number;
  readonly contentType: string;
  /** The grpc-status, or -1 if none came. */
  readonly code: number;
  /** Still percent-encoded. */
  readonly message: string;
  /** Messages with their framing. */
  readonly body: Buffer;
}

export interface RawCall {
  readonly path: string;
  readonly body?: Buffer;
  readonly headers?: OutgoingHttpHeaders;
  /** Leave the request open after its body. */
  readonly open?: boolean;
}

/** One message in its frame. */
export function framed(message: Uint8Array, flag = 0): Buffer {
  const out = Buffer.alloc(5 + message.length);
  out[0] = flag;
  out.writeUInt32BE(message.length, 1);
  out.set(message, 5);
  return out;
}

/** A connection to `url` that makes raw calls. */
export class RawClient implements Disposable {
  readonly session: ClientHttp2Session;

  constructor(url: string) {
    this.session = connect(url);
    this.session.on("error", () => {});
  }

  call(call: RawCall): Promise<RawAnswer> {
    const stream = this.session.request({
      ":method": "POST",
      ":path": call.path,
      "content-type": "application/grpc",
      te: "trailers",
      ...call.headers,
    });
    return new Promise((resolve) => {
      const headers: Record<string, unknown> = {};
      const body: Buffer[] = [];
      stream.on("response", (got) => Object.assign(headers, got));
      stream.on("trailers", (got) => Object.assign(headers, got));
      stream.on("data", (chunk: Buffer) => body.push(chunk));
      stream.on("error", () => {});
      stream.on("close", () => {
        resolve({
          httpStatus: Number(headers[":status"] ?? 0),
          contentType: String(headers["content-type"] ?? ""),
          code: Number(headers["grpc-status"] ?? -1),
          message: String(headers["grpc-message"] ?? ""),
          body: Buffer.concat(body),
        });
      });
      if (call.open === true) stream.write(call.body ?? Buffer.alloc(0));
      else stream.end(call.body);
    });
  }

  [Symbol.dispose](): void {
    this.session.destroy();
  }
}
