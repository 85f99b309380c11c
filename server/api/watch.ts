// etcdserverpb.Watch: one stream, any number of watches. Answers are pulled from the session while
// the connection takes them; a client that does not read leaves them where they are, within the
// session's own budget, and holds up nobody else.
import { Event } from "#proto/gen/mvcc.ts";
import { WatchRequest, type WatchResponse } from "#proto/gen/watch.ts";
import { BinaryWriter } from "#proto/wire.ts";
import type { RequestSink, RequestStreamMethod, Responder } from "#server/rpc/service-registry.ts";
import type { Access } from "./access.ts";
import type { HeaderEncoder } from "./header-encoder.ts";
import type { ServiceContext } from "./kv.ts";
import type { WatchSession } from "./member.ts";
import { failMalformed, type MethodGate, requestStream } from "./method-gate.ts";

/** The one method of the Watch service. */
export function watchMethods(context: ServiceContext): RequestStreamMethod[] {
  const events = new EventEncoder();
  return [
    requestStream(
      context.gate,
      "/etcdserverpb.Watch/Watch",
      (responder) => new WatchStream(context, events, responder),
    ),
  ];
}

/** Watchers of one key are given the same events: each is encoded once as long as it is kept here. */
export class EventEncoder {
  private readonly kept = new Map<Event, Uint8Array>();
  private keptBytes = 0;
  private readonly encoded: Uint8Array[] = [];

  /** Their encodings, which are not to be written to; the list is good until the next call. */
  encodeAll(events: readonly Event[]): readonly Uint8Array[] {
    const { encoded } = this;
    encoded.length = 0;
    for (const event of events) encoded.push(this.encode(event));
    return encoded;
  }

  private encode(event: Event): Uint8Array {
    let bytes = this.kept.get(event);
    if (bytes === undefined) {
      bytes = Event.encode(event).finish();
      if (this.keptBytes + bytes.length > maxKeptBytes) {
        this.kept.clear();
        this.keptBytes = 0;
      }
      this.kept.set(event, bytes);
      this.keptBytes += bytes.length + keptOverheadBytes;
    }
    return bytes;
  }
}

/** Of events and their encodings: the events of one turn, as a rule. */
const maxKeptBytes = 1024 * 1024;
const keptOverheadBytes = 512;

/** Header, watch ID and flags take less, unless there is a reason; an event's tag and length, too. */
const headBytes = 96;
const eventHeadBytes = 8;

class WatchStream implements RequestSink {
  private readonly responder: Responder;
  private readonly gate: MethodGate;
  private readonly headers: HeaderEncoder;
  private readonly events: EventEncoder;
  private readonly session: WatchSession;
  private readonly access: Access;
  private full = false;
  private waiting: WatchRequest[] | undefined;

  constructor(context: ServiceContext, events: EventEncoder, responder: Responder) {
    this.events = events;
    this.responder = responder;
    this.gate = context.gate;
    this.headers = context.headers;
    this.access = context.access;
    this.session = context.member.openWatch(() => this.pump());
    responder.onEnded(() => this.session.close());
    responder.onDrain(() => this.onDrain());
  }

  message(bytes: Uint8Array): void {
    let request: WatchRequest;
    try {
      request = WatchRequest.decode(bytes);
    } catch (error) {
      this.session.close();
      failMalformed(this.responder, "stream", error);
      return;
    }
    this.take(request);
  }

  /** Requests are taken in their order; while one waits for what makes its token known, so do others. */
  private take(request: WatchRequest): void {
    if (this.waiting !== undefined) {
      this.waiting.push(request);
      return;
    }
    const judged = this.access.watch(this.responder, this.session, request);
    this.pump();
    if (judged === undefined) return;
    this.waiting = [];
    this.responder.holdRequests(true);
    void judged.then(() => {
      const waiting = this.waiting ?? [];
      this.waiting = undefined;
      if (!this.full) this.responder.holdRequests(false);
      for (const one of waiting) this.take(one);
      this.pump();
    });
  }

  /** A client that only closed its sending side goes on reading. */
  end(): void {}

  /** Sends until the session has nothing or the connection is full; then requests wait, too. */
  private pump(): void {
    const { responder, session, headers } = this;
    while (!this.full && !responder.ended) {
      const response = session.next(headers.bytesBesideRevision);
      if (response === undefined) return;
      this.gate.eventsSent += response.events.length;
      if (responder.write(this.encode(response))) continue;
      this.full = true;
      responder.holdRequests(true);
    }
  }

  private onDrain(): void {
    if (!this.full) return;
    this.full = false;
    if (this.waiting === undefined) this.responder.holdRequests(false);
    this.pump();
  }

  /** By hand, since a response may be shared with other streams and must not be touched. */
  private encode(response: WatchResponse): Uint8Array {
    const { events } = response;
    // The size is known before, so that no buffer has to grow by doubling.
    const encoded = this.events.encodeAll(events);
    let capacity = headBytes;
    for (const bytes of encoded) capacity += bytes.length + eventHeadBytes;
    const writer = this.headers.write(new BinaryWriter(capacity), response.header?.revision ?? 0);
    if (response.watchId !== 0) writer.uint32(16).int64(response.watchId);
    if (response.created) writer.uint32(24).bool(true);
    if (response.canceled) writer.uint32(32).bool(true);
    if (response.compactRevision !== 0) writer.uint32(40).int64(response.compactRevision);
    if (response.cancelReason !== "") writer.uint32(50).string(response.cancelReason);
    if (response.fragment) writer.uint32(56).bool(true);
    for (const bytes of encoded) writer.uint32(90).bytes(bytes);
    return writer.finish();
  }
}
