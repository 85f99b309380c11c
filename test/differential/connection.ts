// One HTTP/2 connection to one member, on which calls are made from bytes: what comes back is kept as
// it came. Every call has a limit, so that a member that never answers is a difference and no hang.
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type OutgoingHttpHeaders,
} from "node:http2";
import { framed } from "#test/fakes/raw-grpc.ts";

/** Longest that a call or an awaited message may take. */
export const CALL_LIMIT_MS = 10_000;

/** How a call ended. */
export interface Status {
  /** The grpc-status, or -1 if the call ended without one. */
  readonly code: number;
  readonly message: string;
}

/** Undoes the percent-encoding of a grpc-message. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** One call; messages are collected in the order of arrival. */
export class OpenCall {
  readonly messages: Uint8Array[] = [];
  readonly ended: Promise<Status>;
  status: Status | undefined;
  /** Told of every message, and of the end. */
  onChange: () => void = () => {};
  private readonly stream: ClientHttp2Stream;
  private rest: Buffer = Buffer.alloc(0);

  constructor(stream: ClientHttp2Stream) {
    this.stream = stream;
    const headers: Record<string, unknown> = {};
    stream.on("response", (got) => Object.assign(headers, got));
    stream.on("trailers", (got) => Object.assign(headers, got));
    stream.on("data", (chunk: Buffer) => this.take(chunk));
    stream.on("error", () => {});
    this.ended = new Promise((resolve) => {
      stream.on("close", () => {
        this.status = {
          code: Number(headers["grpc-status"] ?? -1),
          message: decoded(String(headers["grpc-message"] ?? "")),
        };
        resolve(this.status);
        this.onChange();
      });
    });
  }

  /** Sends one message. */
  send(message: Uint8Array): void {
    if (!this.stream.closed && !this.stream.writableEnded) this.stream.write(framed(message));
  }

  /** Says that no more messages come. */
  finish(): void {
    if (!this.stream.closed) this.stream.end();
  }

  cancel(): void {
    this.stream.close(8);
  }

  private take(chunk: Buffer): void {
    let data = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
    while (data.length >= 5) {
      const length = data.readUInt32BE(1);
      if (data.length < 5 + length) break;
      this.messages.push(data.subarray(5, 5 + length));
      data = data.subarray(5 + length);
    }
    this.rest = data;
    this.onChange();
  }
}

/** What one call came to. */
export interface CallEnd extends Status {
  readonly messages: readonly Uint8Array[];
}

/** A connection to `url`. */
export class Connection {
  private readonly session: ClientHttp2Session;

  constructor(url: string) {
    this.session = connect(url);
    this.session.on("error", () => {});
    this.session.setMaxListeners(0);
  }

  /** Begins a call and leaves its request open. */
  open(path: string, metadata: OutgoingHttpHeaders = {}): OpenCall {
    return new OpenCall(
      this.session.request({
        ":method": "POST",
        ":path": path,
        "content-type": "application/grpc",
        te: "trailers",
        ...metadata,
      }),
    );
  }

  /** Makes a call of these messages and collects all that it is answered. */
  async call(
    path: string,
    messages: readonly Uint8Array[],
    metadata?: OutgoingHttpHeaders,
  ): Promise<CallEnd> {
    const call = this.open(path, metadata);
    for (const message of messages) call.send(message);
    call.finish();
    return await collected(call);
  }

  close(): void {
    this.session.destroy();
  }
}

/** Waits for the end of a call, or cancels it at the limit. */
export async function collected(call: OpenCall): Promise<CallEnd> {
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    call.cancel();
  }, CALL_LIMIT_MS);
  const status = await call.ended;
  clearTimeout(timer);
  if (late) return { code: -2, message: `no end within ${CALL_LIMIT_MS} ms`, messages: [] };
  return { ...status, messages: call.messages };
}
