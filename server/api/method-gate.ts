// What every call passes before its handler: learners refuse most methods, a client that asks for a
// leader is refused without one; and how a handler's failure becomes a status (facts: apply rules §9).
import { assert, InvariantError } from "#base/assert.ts";
import type { OutcomeDurations } from "#base/duration-counts.ts";
import { errorText } from "#base/errors.ts";
import { EtcdError, type EtcdErrorName, errorTable, grpcCode } from "#proto/errors.ts";
import { Utf8Error } from "#proto/wire.ts";
import type {
  RequestSink,
  RequestStreamMethod,
  Responder,
  SingleRequestMethod,
} from "#server/rpc/service-registry.ts";
import type { AnswerWaiter, ApiMember } from "./member.ts";
import type { SlowRequests } from "./slow-requests.ts";

const maxVersions = 64;

/** Checks calls, and counts them by the version that the client says it speaks. */
export class MethodGate {
  private readonly member: ApiMember;
  /** Client API version → calls; versions beyond 64 are counted as `other`. */
  readonly clientRequests = {
    unary: new Map<string, number>(),
    stream: new Map<string, number>(),
  };
  /** Events that were sent to watchers. */
  eventsSent = 0;

  /** Undefined: nobody asks for slow requests. */
  readonly slow: SlowRequests | undefined;

  constructor(member: ApiMember, slow?: SlowRequests) {
    this.member = member;
    this.slow = slow;
  }

  /** Answers the call and returns false if it may not go on. */
  admit(responder: Responder, type: "unary" | "stream", learnerMay: boolean): boolean {
    if (!learnerMay && this.member.isLearner()) return refuse(responder, "notSupportedForLearner");
    const version = responder.metadata("client-api-version");
    if (!this.count(type, version ?? "unknown"))
      return refuse(responder, "invalidClientApiVersion");
    if (wantsLeader(responder) && this.member.leader() === 0n) return refuse(responder, "noLeader");
    return true;
  }

  /** Ends a stream whose client wants a leader once the member has had none for too long. */
  watchLeader(responder: Responder): void {
    if (!wantsLeader(responder)) return;
    const stop = this.member.onLeaderLost(() => refuse(responder, "noLeader"));
    responder.onEnded(stop);
  }

  /** False for a version that is no UTF-8, which is not counted. */
  private count(type: "unary" | "stream", version: string): boolean {
    const calls = this.clientRequests[type];
    const before = calls.get(version);
    if (before !== undefined) {
      calls.set(version, before + 1);
      return true;
    }
    if (!isUtf8Header(version)) return false;
    const name = calls.size < maxVersions ? version : "other";
    calls.set(name, (calls.get(name) ?? 0) + 1);
    return true;
  }
}

function wantsLeader(responder: Responder): boolean {
  return responder.metadata("hasleader") === "true";
}

/** Header values arrive as latin1 text. */
function isUtf8Header(value: string): boolean {
  if (/^[\x20-\x7e]*$/.test(value)) return true;
  try {
    decodeURIComponent(escapeBytes(value));
    return true;
  } catch {
    return false;
  }
}

function escapeBytes(value: string): string {
  return value.replace(
    /[^A-Za-z0-9]/g,
    (character) => `%${character.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}

function refuse(responder: Responder, name: EtcdErrorName): false {
  const [code, message] = errorTable[name];
  responder.fail(code, `etcdserver: ${message}`);
  return false;
}

/** Ends the call with the status of whatever was thrown. A broken invariant is thrown on. */
export function failWith(responder: Responder, thrown: unknown): void {
  if (thrown instanceof InvariantError) throw thrown;
  if (thrown instanceof EtcdError) responder.fail(thrown.code, thrown.message);
  else responder.fail(grpcCode.unknown, errorText(thrown));
}

const malformed = "proto: cannot parse invalid wire-format data";
const invalidUtf8 = "string field contains invalid UTF-8";

/** Ends the call because a message could not be decoded; streams and unary calls word it differently. */
export function failMalformed(
  responder: Responder,
  kind: "unary" | "stream",
  thrown: unknown,
): void {
  if (thrown instanceof InvariantError) throw thrown;
  const doing =
    kind === "unary"
      ? "grpc: error unmarshalling request"
      : "grpc: failed to unmarshal the received message";
  const text = thrown instanceof Utf8Error ? invalidUtf8 : malformed;
  responder.fail(grpcCode.internal, `${doing}: ${text}`);
}

/** A unary method, or one with a stream of answers: how to read its request and serve it. */
export interface SingleRequestService<Request> {
  readonly path: string;
  readonly responseStream?: boolean;
  readonly endless?: boolean;
  decode(bytes: Uint8Array): Request;
  /**
   * Encodes its answer, at once if it can; undefined if it answered through the responder itself, or
   * `call` will be told.
   */
  run(
    request: Request,
    responder: Responder,
    call: GatedCall,
  ): Uint8Array | undefined | Promise<Uint8Array | undefined>;
  /** Of what `call` is told. */
  encode?(answer: unknown): Uint8Array;
  /** True if a learner may serve this request; by default none. */
  learnerMay?(request: Request): boolean;
}

/** A method with one request, behind the gate. */
export function singleRequest<Request>(
  gate: MethodGate,
  service: SingleRequestService<Request>,
): SingleRequestMethod {
  const responseStream = service.responseStream ?? false;
  const slow = responseStream ? undefined : gate.slow;
  const method: GatedMethod = {
    path: service.path,
    slow,
    times: slow?.timesOf(service.path),
    ...(service.encode === undefined ? {} : { encode: service.encode }),
  };
  return {
    path: service.path,
    requestStream: false,
    responseStream,
    ...(service.endless === true ? { endless: true } : {}),
    handle(bytes, responder) {
      let request: Request;
      try {
        request = service.decode(bytes);
      } catch (error) {
        failMalformed(responder, responseStream ? "stream" : "unary", error);
        return;
      }
      const learnerMay = service.learnerMay?.(request) ?? false;
      if (!gate.admit(responder, responseStream ? "stream" : "unary", learnerMay)) return;
      if (responseStream) gate.watchLeader(responder);
      const call = new GatedCall(method, responder, request as object, bytes);
      let running: ReturnType<typeof service.run>;
      try {
        running = service.run(request, responder, call);
      } catch (error) {
        call.failed(error);
        return;
      }
      if (!(running instanceof Promise)) {
        if (running !== undefined) call.answer(running);
        return;
      }
      running.then(
        (answer) => {
          if (answer !== undefined) call.answer(answer);
        },
        (error: unknown) => call.failed(error),
      );
    },
  };
}

/** What all calls of a method have in common. */
interface GatedMethod {
  readonly path: string;
  /** Undefined: nobody asks for slow requests, or the method has a stream of answers. */
  readonly slow: SlowRequests | undefined;
  readonly times: OutcomeDurations | undefined;
  encode?(answer: unknown): Uint8Array;
}

/** A call that has passed the gate: answers it, and tells if it was slow. */
export class GatedCall implements AnswerWaiter<unknown> {
  private readonly method: GatedMethod;
  private readonly responder: Responder;
  private readonly request: object;
  private readonly bytes: Uint8Array;
  private readonly startMs: number;

  constructor(method: GatedMethod, responder: Responder, request: object, bytes: Uint8Array) {
    this.method = method;
    this.responder = responder;
    this.request = request;
    this.bytes = bytes;
    this.startMs = method.slow === undefined ? 0 : method.slow.nowMs();
  }

  settled(answer: unknown): void {
    const { encode } = this.method;
    assert(encode !== undefined, `${this.method.path} does not say how answers are encoded`);
    this.answer(encode(answer));
  }

  failed(error: unknown): void {
    this.tellSlow(undefined, error);
    failWith(this.responder, error);
  }

  answer(bytes: Uint8Array): void {
    this.tellSlow(bytes, undefined);
    this.responder.reply(bytes);
  }

  /** To be called before the answer is given: the request's bytes are the transport's again from then on. */
  private tellSlow(answer: Uint8Array | undefined, error: unknown): void {
    const { path, slow, times } = this.method;
    if (slow === undefined) return;
    const { bytes, request, responder, startMs } = this;
    const counted = times === undefined ? times : slow.times.readOnlyOf(path, request, times);
    if (!slow.isSlow(startMs, counted, answer !== undefined)) return;
    slow.tell(startMs, {
      path,
      peer: responder.peer,
      request,
      requestBytes: bytes.length,
      answer,
      error: error === undefined ? undefined : errorText(error),
    });
  }
}

/** A method with a stream of requests, behind the gate. */
export function requestStream(
  gate: MethodGate,
  path: string,
  open: (responder: Responder) => RequestSink,
): RequestStreamMethod {
  return {
    path,
    requestStream: true,
    responseStream: true,
    open(responder) {
      if (!gate.admit(responder, "stream", false)) return refusedSink;
      gate.watchLeader(responder);
      return open(responder);
    },
  };
}

const refusedSink: RequestSink = { message() {}, end() {} };
