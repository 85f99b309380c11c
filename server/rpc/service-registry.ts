// The services of a member, by full method path. Handlers take bytes and answer bytes; they know
// nothing of HTTP/2, so that the transport can be replaced or moved to another thread.
//
// Ownership: request bytes alias the transport's receive buffer; a handler that keeps them beyond
// its answer copies them. Bytes handed to a Responder belong to the transport from then on.
import { assert } from "#base/assert.ts";
import { type GrpcCode, grpcCode } from "#proto/errors.ts";

/** What a handler knows of its call, and how it answers. Exactly one of reply, end, fail ends it. */
export interface Responder {
  /** `address:port` of the client. */
  readonly peer: string;
  /**
   * The common name of the client's certificate, if one was asked for by --client-cert-auth and
   * verified; undefined on every other connection. "" if the certificate has none.
   */
  readonly peerCommonName: string | undefined;
  /** What the client's deadline left at arrival, in ms; undefined if it set none. */
  readonly timeoutMs: number | undefined;
  /** True once the client went away, the deadline passed or an answer was given. */
  readonly ended: boolean;
  /** The first value of a metadata key (lower case), or undefined. A `-bin` key's is base64. */
  metadata(name: string): string | undefined;
  /**
   * Metadata of the answer: `initial` leaves before the first message, `trailing` with the status.
   * To be called before what it goes with. Bytes belong to a name that ends in `-bin`, and only to
   * such; text is printable ASCII; names are lower case and do not begin with `grpc-`.
   */
  addMetadata(part: "initial" | "trailing", name: string, value: string | Uint8Array): void;
  /** Calls `run` once when the call is over, however it ended: here resources are freed. */
  onEnded(run: () => void): void;
  /** Unary: the one message, and success. */
  reply(message: Uint8Array): void;
  /** Stream: one more message. False means: hold back until onDrain runs. */
  write(message: Uint8Array): boolean;
  /** Calls `run` each time there is room again after `write` said false. */
  onDrain(run: () => void): void;
  /** Stream: success, nothing more follows. */
  end(): void;
  /** Ends the call with a status; `message` goes out percent-encoded. */
  fail(code: GrpcCode, message: string): void;
  /** Stops or restarts the arrival of further request messages; at most a few still come. */
  holdRequests(hold: boolean): void;
}

/** Takes the messages of a request stream, in order. */
export interface RequestSink {
  message(request: Uint8Array): void;
  /** The client sends no more; it still reads. */
  end(): void;
}

interface MethodBase {
  /** `/package.Service/Method` */
  readonly path: string;
  readonly responseStream: boolean;
  /** True of a call that lasts until its client, or something that happens, ends it. */
  readonly endless?: boolean;
}

export interface SingleRequestMethod extends MethodBase {
  readonly requestStream: false;
  /** Must not throw but for broken invariants. */
  handle(request: Uint8Array, responder: Responder): void;
}

export interface RequestStreamMethod extends MethodBase {
  readonly requestStream: true;
  open(responder: Responder): RequestSink;
}

export type Method = SingleRequestMethod | RequestStreamMethod;

/** Counts of one method: plain numbers, read when metrics are scraped. */
export interface MethodCounters {
  started: number;
  received: number;
  sent: number;
  /** By gRPC code. */
  readonly handled: Float64Array;
}

/** A method and what is counted of it; the transport keeps one a registered path. */
export interface RegisteredMethod {
  readonly method: Method;
  readonly service: string;
  readonly name: string;
  readonly counters: MethodCounters;
}

/** Whether a call may go on for ever; such calls are ended first when the server stops. */
export function isEndless(method: Method): boolean {
  return method.requestStream || method.endless === true;
}

const codeCount = grpcCode.unauthenticated + 1;

export class ServiceRegistry {
  private readonly byPath = new Map<string, RegisteredMethod>();
  private readonly services = new Set<string>();
  /** Bytes of messages, without framing. */
  receivedBytes = 0;
  sentBytes = 0;
  /** Connections that were ended for what their client did, and requests refused unseen, by reason. */
  readonly endedConnections = new Map<string, number>();
  readonly refusedStreams = new Map<string, number>();

  /** Registers one method; a path can be registered once. */
  add(method: Method): void {
    const match = /^\/([^/]+)\/([^/]+)$/.exec(method.path);
    assert(match !== null, `a method path is /service/method, not ${method.path}`);
    assert(!this.byPath.has(method.path), `${method.path} is registered twice`);
    const [, service, name] = match;
    this.services.add(service!);
    this.byPath.set(method.path, {
      method,
      service: service!,
      name: name!,
      counters: { started: 0, received: 0, sent: 0, handled: new Float64Array(codeCount) },
    });
  }

  find(path: string): RegisteredMethod | undefined {
    return this.byPath.get(path);
  }

  all(): Iterable<RegisteredMethod> {
    return this.byPath.values();
  }

  /** Why `path` is not served, in the words that gRPC servers use. */
  unknownText(path: string): string {
    const slash = path.lastIndexOf("/");
    if (!path.startsWith("/") || slash === 0) return `malformed method name: ${quoted(path)}`;
    const service = path.slice(1, slash);
    if (!this.services.has(service)) return `unknown service ${service}`;
    return `unknown method ${path.slice(slash + 1)} for service ${service}`;
  }
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
