// One watch of one client behind a proxy: which events it has had, which it wants, and how it is told.
// Several of them receive from one watch of the cluster (watch-broadcast.ts).
import type { ResponseHeader } from "#proto/gen/header.ts";
import type { Event } from "#proto/gen/mvcc.ts";
import { Event as EventCodec } from "#proto/gen/mvcc.ts";
import type { WatchCreateRequest, WatchResponse } from "#proto/gen/watch.ts";
import { WatchCreateRequest_FilterType } from "#proto/gen/watch.ts";
import { BinaryWriter } from "#proto/wire.ts";

/** The answers of one client's stream; see watch-stream.ts. */
export interface AnswerQueue {
  /** True if no more events may be queued now: who falls behind is attached again later. */
  readonly full: boolean;
  post(answer: Answer): void;
  /** A watch could not take events: it wants to be attached again once there is room. */
  fellBehind(receiver: WatchReceiver): void;
  /** The cluster ended the watch. */
  ended(receiver: WatchReceiver): void;
}

/** One WatchResponse on its way; events are encoded once for all that are sent the same. */
export interface Answer {
  readonly header: ResponseHeader | undefined;
  readonly watchId: number;
  readonly created?: boolean;
  readonly canceled?: boolean;
  readonly compactRevision?: number;
  readonly cancelReason?: string;
  readonly fragment?: boolean;
  readonly events?: EncodedEvents | undefined;
}

/** The repeated field `events` of a WatchResponse. */
export interface EncodedEvents {
  readonly bytes: Uint8Array;
  readonly count: number;
}

/** Events of one response of the cluster, and what was made of them for those who want the same. */
export class SharedEvents {
  readonly all: readonly Event[];
  private readonly made = new Map<string, readonly EncodedEvents[]>();

  constructor(all: readonly Event[]) {
    this.all = all;
  }

  /**
   * The events from revision `from` on that `wanted` lets through, in pieces of about `maxBytes`; none
   * if nothing is left.
   */
  encoded(from: number, wanted: Wanted, maxBytes: number): readonly EncodedEvents[] {
    let first = 0;
    while (first < this.all.length && (this.all[first]!.kv?.modRevision ?? 0) < from) first++;
    const { put, remove, prevKv } = wanted;
    const name = `${first} ${put} ${remove} ${prevKv} ${maxBytes}`;
    let pieces = this.made.get(name);
    if (pieces === undefined) {
      pieces = this.encode(first, wanted, maxBytes);
      this.made.set(name, pieces);
    }
    return pieces;
  }

  private encode(first: number, wanted: Wanted, maxBytes: number): EncodedEvents[] {
    const pieces: EncodedEvents[] = [];
    let parts: Uint8Array[] = [];
    let bytes = 0;
    const close = (): void => {
      if (parts.length > 0) pieces.push({ bytes: Buffer.concat(parts), count: parts.length });
      parts = [];
      bytes = 0;
    };
    for (let at = first; at < this.all.length; at++) {
      const event = this.all[at]!;
      if (!(event.type === 0 ? wanted.put : wanted.remove)) continue;
      const shown = wanted.prevKv ? event : { ...event, prevKv: undefined };
      const writer = new BinaryWriter();
      EventCodec.encode(shown, writer.uint32(90).fork()).join();
      const part = writer.finish();
      if (bytes > 0 && bytes + part.length > maxBytes) close();
      parts.push(part);
      bytes += part.length;
    }
    close();
    return pieces;
  }
}

/** What a client asked to be told. */
export interface Wanted {
  readonly put: boolean;
  readonly remove: boolean;
  readonly prevKv: boolean;
  readonly progress: boolean;
  readonly fragment: boolean;
}

/** A fragmented watch gets responses of at most about this size: etcd's largest request. */
const fragmentBytes = 1_572_864;

export class WatchReceiver {
  readonly id: number;
  readonly wanted: Wanted;
  private readonly queue: AnswerQueue;
  /** The first revision whose events it has not had; 0 until it is known. */
  nextRevision: number;
  /** The client was told that the watch exists. */
  created = false;
  ended = false;

  constructor(id: number, request: WatchCreateRequest, queue: AnswerQueue) {
    this.id = id;
    this.queue = queue;
    this.nextRevision = request.startRevision;
    this.wanted = {
      put: !request.filters.includes(WatchCreateRequest_FilterType.NOPUT),
      remove: !request.filters.includes(WatchCreateRequest_FilterType.NODELETE),
      prevKv: request.prevKv,
      progress: request.progressNotify,
      fragment: request.fragment,
    };
  }

  /** Tells the client that its watch exists, once. */
  announce(header: ResponseHeader | undefined): void {
    if (this.created || this.ended) return;
    this.created = true;
    this.queue.post({ header, watchId: this.id, created: true });
  }

  /** False if the client does not read, and has to be given these events again later. */
  deliver(header: ResponseHeader | undefined, shared: SharedEvents): boolean {
    const last = shared.all.at(-1)?.kv?.modRevision ?? 0;
    if (last < this.nextRevision) return true;
    if (this.queue.full) {
      this.queue.fellBehind(this);
      return false;
    }
    const maxBytes = this.wanted.fragment ? fragmentBytes : Number.POSITIVE_INFINITY;
    const pieces = shared.encoded(this.nextRevision, this.wanted, maxBytes);
    pieces.forEach((events, at) => {
      const fragment = at < pieces.length - 1;
      this.queue.post({ header, watchId: this.id, events, fragment });
    });
    this.nextRevision = last + 1;
    return true;
  }

  /** Nothing happened up to the header's revision. */
  progress(header: ResponseHeader): void {
    this.nextRevision = Math.max(this.nextRevision, header.revision + 1);
    if (this.wanted.progress) this.queue.post({ header, watchId: this.id });
  }

  /** The cluster ended the watch, or refused it. */
  end(response: Pick<WatchResponse, "header" | "compactRevision" | "cancelReason">): void {
    if (this.ended) return;
    this.ended = true;
    const { header, compactRevision, cancelReason } = response;
    const why = { canceled: true, compactRevision, cancelReason };
    if (this.created) this.queue.post({ header, watchId: this.id, ...why });
    else this.queue.post({ header, watchId: noWatchId, created: true, ...why });
    this.queue.ended(this);
  }
}

/** In answers to watches that were refused, and to requests for the progress of all. */
export const noWatchId = -1;

/** The WatchResponse of an answer. */
export function encodeAnswer(answer: Answer, encodeHeader: HeaderCodec): Uint8Array {
  const writer = new BinaryWriter();
  if (answer.header !== undefined) encodeHeader(answer.header, writer.uint32(10).fork()).join();
  if (answer.watchId !== 0) writer.uint32(16).int64(answer.watchId);
  if (answer.created === true) writer.uint32(24).bool(true);
  if (answer.canceled === true) writer.uint32(32).bool(true);
  if ((answer.compactRevision ?? 0) !== 0) writer.uint32(40).int64(answer.compactRevision!);
  if ((answer.cancelReason ?? "") !== "") writer.uint32(50).string(answer.cancelReason!);
  if (answer.fragment === true) writer.uint32(56).bool(true);
  const head = writer.finish();
  return answer.events === undefined ? head : Buffer.concat([head, answer.events.bytes]);
}

type HeaderCodec = (header: ResponseHeader, writer: BinaryWriter) => BinaryWriter;
