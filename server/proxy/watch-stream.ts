// etcdserverpb.Watch towards the clients of a proxy: one stream, any number of watches. Answers wait in a
// queue that has a budget; a watch whose client does not read falls out and is attached again once it
// does, so that it costs nobody else anything.
import { type EtcdError, etcdError } from "#proto/errors.ts";
import { ResponseHeader } from "#proto/gen/header.ts";
import { type WatchCreateRequest, WatchRequest } from "#proto/gen/watch.ts";
import type { RequestSink, RequestStreamMethod, Responder } from "#server/rpc/service-registry.ts";
import type { Namespace } from "./namespace.ts";
import { failMalformed, wantsLeader } from "./upstream.ts";
import type { WatchRange } from "./watch-broadcast.ts";
import {
  type Answer,
  type AnswerQueue,
  encodeAnswer,
  noWatchId,
  WatchReceiver,
} from "./watch-receiver.ts";
import type { WatchListener, WatchUpstream } from "./watch-upstream.ts";

/** Finds the watches of the cluster for a client; a stream takes and gives it back. */
export interface WatchUpstreams {
  take(responder: Responder): WatchUpstream;
  giveBack(upstream: WatchUpstream, listener: WatchListener): void;
}

/** What may wait of one stream, in bytes of events, before its watches fall behind. */
const queueBytes = 4 * 1024 * 1024;
/** Watches of one stream. */
const maxWatches = 100_000;

/** The one method of the Watch service. */
export function watchMethod(upstreams: WatchUpstreams, namespace: Namespace): RequestStreamMethod {
  return {
    path: "/etcdserverpb.Watch/Watch",
    requestStream: true,
    responseStream: true,
    open: (responder) => new WatchStream(upstreams, namespace, responder),
  };
}

interface Attached {
  readonly receiver: WatchReceiver;
  readonly range: WatchRange;
}

class WatchStream implements RequestSink, AnswerQueue, WatchListener {
  readonly wantsLeader: boolean;
  private readonly upstream: WatchUpstream;
  private readonly namespace: Namespace;
  private readonly responder: Responder;
  private readonly watches = new Map<number, Attached>();
  private readonly queue: Answer[] = [];
  private head = 0;
  private queuedBytes = 0;
  /** The connection takes no more now. */
  private held = false;
  private readonly behind = new Set<WatchReceiver>();
  private nextId = 0;
  private progressAsked = false;

  constructor(upstreams: WatchUpstreams, namespace: Namespace, responder: Responder) {
    this.responder = responder;
    this.namespace = namespace;
    this.wantsLeader = wantsLeader(responder);
    this.upstream = upstreams.take(responder);
    responder.onDrain(() => this.drained());
    responder.onEnded(() => {
      for (const { receiver } of this.watches.values()) this.upstream.detach(receiver);
      this.watches.clear();
      upstreams.giveBack(this.upstream, this);
    });
    this.upstream.join(this);
  }

  message(bytes: Uint8Array): void {
    let request: WatchRequest;
    try {
      request = WatchRequest.decode(bytes);
    } catch (error) {
      failMalformed(this.responder, "stream", error);
      return;
    }
    const { requestUnion: union } = request;
    if (union?.$case === "createRequest") this.create(union.value);
    else if (union?.$case === "cancelRequest") this.cancel(union.value.watchId);
    else if (union?.$case === "progressRequest") {
      this.progressAsked = true;
      this.upstream.askProgress();
    }
  }

  /** A client that only closed its sending side goes on reading. */
  end(): void {}

  get full(): boolean {
    return this.queuedBytes > queueBytes;
  }

  post(answer: Answer): void {
    this.queue.push(answer);
    this.queuedBytes += answer.events?.bytes.length ?? 0;
    this.pump();
  }

  fellBehind(receiver: WatchReceiver): void {
    this.behind.add(receiver);
  }

  ended(receiver: WatchReceiver): void {
    this.watches.delete(receiver.id);
    this.behind.delete(receiver);
  }

  progressed(header: ResponseHeader): void {
    if (!this.progressAsked || this.behind.size > 0) return;
    for (const { receiver } of this.watches.values()) if (!receiver.created) return;
    this.progressAsked = false;
    this.post({ header, watchId: noWatchId });
  }

  failed(error: EtcdError): void {
    this.responder.fail(error.code, error.message);
  }

  private create(request: WatchCreateRequest): void {
    const fault = this.fault(request);
    if (fault !== undefined) {
      const why = { created: true, canceled: true, cancelReason: fault };
      this.post({ header: this.upstream.lastHeader, watchId: noWatchId, ...why });
      return;
    }
    while (this.watches.has(this.nextId)) this.nextId++;
    const id = request.watchId === 0 ? this.nextId++ : request.watchId;
    const { namespace } = this;
    // Copies: a request's bytes are the transport's.
    const key = Buffer.from(request.key.length === 0 ? Uint8Array.of(0) : request.key);
    const range = {
      key:
        request.key.length === 0 && !namespace.isEmpty
          ? namespace.outward(new Uint8Array(0))
          : namespace.outward(key),
      rangeEnd: Buffer.from(namespace.outwardEnd(request.rangeEnd)),
    };
    const receiver = new WatchReceiver(id, request, this);
    this.watches.set(id, { receiver, range });
    this.upstream.attach(receiver, range);
  }

  /** Why a watch is refused here; everything else the cluster judges. */
  private fault({ startRevision, watchId, key, rangeEnd }: WatchCreateRequest): string | undefined {
    if (startRevision < 0) return etcdError("compacted").message;
    const isOpen = rangeEnd.length === 1 && rangeEnd[0] === 0;
    if (rangeEnd.length > 0 && !isOpen && Buffer.compare(rangeEnd, key) <= 0) {
      return "mvcc: watcher range is empty";
    }
    if (watchId !== 0 && this.watches.has(watchId)) {
      return "mvcc: duplicate watch ID provided on the WatchStream";
    }
    return this.watches.size < maxWatches ? undefined : `more than ${maxWatches} watches`;
  }

  private cancel(id: number): void {
    const attached = this.watches.get(id);
    if (attached === undefined) return;
    this.upstream.detach(attached.receiver);
    this.ended(attached.receiver);
    this.post({ header: this.upstream.lastHeader, watchId: id, canceled: true });
  }

  private drained(): void {
    this.held = false;
    this.responder.holdRequests(false);
    this.pump();
  }

  private pump(): void {
    const { queue, responder } = this;
    while (!this.held && this.head < queue.length && !responder.ended) {
      const answer = queue[this.head]!;
      queue[this.head++] = sent;
      this.queuedBytes -= answer.events?.bytes.length ?? 0;
      if (!responder.write(encodeAnswer(answer, ResponseHeader.encode))) {
        this.held = true;
        responder.holdRequests(true);
      }
    }
    if (this.head < queue.length) return;
    queue.length = 0;
    this.head = 0;
    if (this.behind.size === 0 || this.held) return;
    const behind = [...this.behind];
    this.behind.clear();
    // Not at once: this may run amid the handing out that left them behind.
    queueMicrotask(() => {
      for (const receiver of behind) {
        const attached = this.watches.get(receiver.id);
        if (attached?.receiver === receiver) this.upstream.attach(receiver, attached.range);
      }
    });
  }
}

/** In the place of an answer that has left. */
const sent: Answer = { header: undefined, watchId: 0 };
