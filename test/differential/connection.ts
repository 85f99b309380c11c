// One HTTP/2 connection to one member, on which calls are made from bytes: what comes back is kept as
// it came. Every call has a limit, so that a member that never answers is a difference and no hang.
import type { HeaderList } from "#server/rpc/http2/header-encoder.ts";
import { framed } from "#test/fakes/raw-grpc.ts";
import { ClientSession, type ClientStream, type StreamTarget } from "./http2-client.ts";

/** Longest that a call or an awaited message may take. */
export const CALL_LIMIT_MS = 10_000;

/** How a call ended. */
export interface Status {
  /** The grpc-status, or -1 if the call ended without one. */
  readonly code: number;
  readonly message: string;
  /** What else of the form is compared: over JSON, the HTTP status and the body of an error. */
  readonly how?: string;
}

/** Undoes the percent-encoding of a grpc-message. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** One call on either transport. */
export interface Call {
  /** In the order of arrival. */
  readonly messages: Uint8Array[];
  readonly ended: Promise<Status>;
  readonly status: Status | undefined;
  /** Told of every message, and of the end. */
  onChange: () => void;
  /** Sends one message. */
  send(message: Uint8Array): void;
  /** Sends these messages and says that no more come. */
  sendLast(messages: readonly Uint8Array[]): void;
  cancel(): void;
}

/** One call over gRPC; messages are collected in the order of arrival. */
export class OpenCall implements Call, StreamTarget {
  readonly messages: Uint8Array[] = [];
  readonly ended: Promise<Status>;
  status: Status | undefined;
  /** Told of every message, and of the end. */
  onChange: () => void = () => {};
  private readonly stream: ClientStream;
  private readonly resolve: (status: Status) => void;
  private code = -1;
  private message = "";
  private rest: Buffer = Buffer.alloc(0);

  constructor(session: ClientSession, lists: readonly HeaderList[]) {
    const { promise, resolve } = Promise.withResolvers<Status>();
    this.ended = promise;
    this.resolve = resolve;
    this.stream = session.open(lists, this);
  }

  header(name: string, value: string): void {
    if (name === "grpc-status") this.code = Number(value);
    if (name === "grpc-message") this.message = decoded(value);
  }

  closed(): void {
    this.status = { code: this.code, message: this.message };
    this.resolve(this.status);
    this.onChange();
  }

  /** Sends one message. */
  send(message: Uint8Array): void {
    this.stream.write(framed(message));
  }

  /** Sends these messages and says that no more come. */
  sendLast(messages: readonly Uint8Array[]): void {
    this.stream.end(Buffer.concat(messages.map((message) => framed(message))));
  }

  cancel(): void {
    this.stream.cancel();
  }

  data(chunk: Buffer): void {
    let data = Buffer.concat([this.rest, chunk]);
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

/** Fields that a call adds to its headers. */
export type Metadata = Readonly<Record<string, string>>;

function listOf(fields: Metadata, recurs: boolean): HeaderList {
  return { fields: Object.entries(fields).map(([name, value]) => ({ name, value })), recurs };
}

/** A connection to `url`. */
export class Connection {
  private readonly session: ClientSession;
  private readonly authority: string;
  /** What every call of a path sends. */
  private readonly lists = new Map<string, HeaderList>();

  constructor(url: string) {
    this.session = new ClientSession(url);
    this.authority = new URL(url).host;
  }

  /** Begins a call and leaves its request open. */
  open(path: string, metadata: Metadata = {}): OpenCall {
    let list = this.lists.get(path);
    if (list === undefined) {
      list = listOf(
        {
          ":method": "POST",
          ":scheme": "http",
          ":path": path,
          ":authority": this.authority,
          "content-type": "application/grpc",
          te: "trailers",
        },
        true,
      );
      this.lists.set(path, list);
    }
    return new OpenCall(this.session, [list, listOf(metadata, false)]);
  }

  close(): void {
    this.session.destroy();
  }
}

/** Waits for the end of a call, or cancels it at the limit. */
export async function collected(call: Call): Promise<CallEnd> {
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
