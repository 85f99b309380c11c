// One watch stream: takes its requests and queues its answers (facts: apply rules §4). All answers
// of a stream, created, events, progress and cancelled, go through the one queue, so that their
// order is the order in which they became true. The queue has a budget of bytes; beyond it watchers
// fall behind and catch up from the state once the client has read.
import { etcdError } from "#proto/errors.ts";
import { Event } from "#proto/gen/mvcc.ts";
import {
  type WatchCreateRequest,
  WatchCreateRequest_FilterType,
  type WatchRequest,
  WatchResponse,
} from "#proto/gen/watch.ts";
import {
  keyString,
  noWatchId,
  type QueuedResponse,
  responseBytes,
  type Watcher,
  watchResponse,
} from "#server/mvcc/watcher.ts";

/** What a session needs of the hub. */
export interface SessionPorts {
  currentRevision(): number;
  /** False if all watches of this member together take as much memory as they may. */
  hasRoom(): boolean;
  /** The watcher was created: make it live or let it catch up. */
  opened(watcher: Watcher): void;
  /** The watcher was cancelled or its stream has ended. */
  closed(watcher: Watcher): void;
  /** The session has something to send. */
  ready(session: WatchSession): void;
  /** The client has read: watchers that fell behind may go on. */
  drained(): void;
  sessionClosed(session: WatchSession): void;
}

export interface SessionLimits {
  readonly queueBytes: number;
  /** A fragmented watch gets responses of at most about this size. */
  readonly fragmentBytes: number;
}

/** Responses from which on events of several revisions share one. */
const longQueue = 64;
/** Beyond it events of a later revision begin a response of their own. */
const mergedBytes = 256 * 1024;

export class WatchSession {
  /** For the hub: tells the API that `next` has something. */
  readonly onReady: () => void;
  /** For the hub: queued in its list of sessions to be told. */
  announced = false;
  readonly watchers = new Map<number, Watcher>();
  private readonly ports: SessionPorts;
  private readonly limits: SessionLimits;
  private queue: (QueuedResponse | undefined)[] = [];
  private head = 0;
  private queuedBytes = 0;
  private fragments: WatchResponse[] = [];
  private nextId = 0;
  private wasFull = false;
  private ended = false;

  constructor(ports: SessionPorts, limits: SessionLimits, onReady: () => void) {
    this.ports = ports;
    this.limits = limits;
    this.onReady = onReady;
  }

  /** Events that wait to be sent. */
  get queuedEvents(): number {
    let count = 0;
    for (let at = this.head; at < this.queue.length; at++)
      count += this.queue[at]?.response.events.length ?? 0;
    return count;
  }

  /** True if no more events may be queued now; asking marks the session as one that must be drained. */
  get full(): boolean {
    if (this.queuedBytes <= this.limits.queueBytes) return false;
    this.wasFull = true;
    return true;
  }

  get closed(): boolean {
    return this.ended;
  }

  /**
   * Takes one request of the client; what it causes comes out of `next` in order. With `refusal`, a
   * watch that it asks for is answered as cancelled for that reason.
   */
  request(request: WatchRequest, refusal?: string): void {
    if (this.ended) return;
    const { requestUnion: union } = request;
    switch (union?.$case) {
      case "createRequest":
        this.create(union.value, refusal);
        break;
      case "cancelRequest":
        this.cancel(union.value.watchId);
        break;
      case "progressRequest":
        this.progressAll();
        break;
      default:
    }
  }

  private create(request: WatchCreateRequest, refusal: string | undefined): void {
    const { startRevision, rangeEnd, filters } = request;
    const current = this.ports.currentRevision();
    if (startRevision < 0) {
      this.refuse(current, etcdError("compacted").message);
      return;
    }
    if (refusal !== undefined) {
      this.refuse(current, refusal);
      return;
    }
    const from = request.key.length === 0 ? "\0" : keyString(request.key);
    const single = rangeEnd.length === 0;
    const open = rangeEnd.length === 1 && rangeEnd[0] === 0;
    const to = single ? `${from}\0` : open ? undefined : keyString(rangeEnd);
    if (to !== undefined && to <= from) {
      this.refuse(current, "mvcc: watcher range is empty");
      return;
    }
    if (request.watchId !== 0 && this.watchers.has(request.watchId)) {
      this.refuse(current, "mvcc: duplicate watch ID provided on the WatchStream");
      return;
    }
    if (!this.ports.hasRoom()) {
      this.refuse(current, etcdError("tooManyRequests").message);
      return;
    }
    const live = startRevision === 0 || startRevision > current;
    const watcher: Watcher = {
      session: this,
      id: request.watchId === 0 ? this.unusedId() : request.watchId,
      from,
      to,
      single,
      startRevision,
      wantsPrevious: request.prevKv,
      noPuts: filters.includes(WatchCreateRequest_FilterType.NOPUT),
      noDeletes: filters.includes(WatchCreateRequest_FilterType.NODELETE),
      progress: request.progressNotify,
      fragment: request.fragment,
      state: live ? "live" : "behind",
      next: live ? Math.max(startRevision, current + 1) : startRevision,
      quiet: true,
      pending: [],
      pendingBytes: 0,
      queued: undefined,
      lacksPrevious: false,
    };
    this.watchers.set(watcher.id, watcher);
    const created = watchResponse(watcher.id, current);
    created.created = true;
    this.push(created, 0, false);
    this.ports.opened(watcher);
  }

  private unusedId(): number {
    while (this.watchers.has(this.nextId)) this.nextId++;
    return this.nextId++;
  }

  private refuse(revision: number, reason: string): void {
    const response = watchResponse(noWatchId, revision);
    response.created = true;
    response.canceled = true;
    response.cancelReason = reason;
    this.push(response, 0, false);
  }

  private cancel(id: number): void {
    const watcher = this.watchers.get(id);
    if (watcher === undefined) return;
    this.drop(watcher);
    const response = watchResponse(id, this.ports.currentRevision());
    response.canceled = true;
    this.push(response, 0, false);
  }

  private drop(watcher: Watcher): void {
    this.watchers.delete(watcher.id);
    this.ports.closed(watcher);
    watcher.state = "gone";
  }

  /** For the hub: the watcher's next revision has been compacted. */
  cancelCompacted(watcher: Watcher, compactRevision: number): void {
    this.drop(watcher);
    const response = watchResponse(watcher.id, 0);
    response.canceled = true;
    response.compactRevision = compactRevision;
    this.push(response, 0, false);
  }

  /** Answers only if every watch of the stream has had all events up to now. */
  private progressAll(): void {
    if (this.watchers.size === 0 || this.full) return;
    const current = this.ports.currentRevision();
    for (const watcher of this.watchers.values()) {
      if (watcher.state !== "live" || watcher.startRevision > current) return;
    }
    this.push(watchResponse(noWatchId, current), 0, false);
  }

  /** For the hub: the progress interval has passed. */
  progressTick(): void {
    const current = this.ports.currentRevision();
    for (const watcher of this.watchers.values()) {
      if (!watcher.progress) continue;
      const due = watcher.quiet && watcher.state === "live" && watcher.startRevision <= current;
      if (due && !this.full) this.push(watchResponse(watcher.id, current), 0, false);
      watcher.quiet = true;
    }
  }

  /** For the hub: queues events gathered for a watcher of this session. */
  pushEvents(watcher: Watcher, revision: number): void {
    const response = watchResponse(watcher.id, revision);
    response.events = watcher.pending;
    watcher.queued = this.push(response, watcher.pendingBytes, watcher.fragment, watcher);
    watcher.pending = [];
    watcher.pendingBytes = 0;
    watcher.quiet = false;
  }

  /**
   * For the hub: queues the events of the newest revision. In a long queue they join those that the watcher
   * has there already, as etcd sends a slow watcher several revisions in one response: a client of many
   * watches reads few responses.
   */
  pushLiveEvents(watcher: Watcher, revision: number): void {
    const { pending, pendingBytes, queued } = watcher;
    const isLong = this.queue.length - this.head >= longQueue;
    if (!isLong || queued === undefined || queued.bytes + pendingBytes > mergedBytes) {
      this.pushEvents(watcher, revision);
      return;
    }
    const { response } = queued;
    for (const event of pending) response.events.push(event);
    if (response.header !== undefined) response.header.revision = revision;
    queued.bytes += pendingBytes;
    this.queuedBytes += pendingBytes;
    pending.length = 0;
    watcher.pendingBytes = 0;
    watcher.quiet = false;
  }

  private push(
    response: WatchResponse,
    eventBytes: number,
    fragment: boolean,
    watcher?: Watcher,
  ): QueuedResponse {
    const item = { response, bytes: responseBytes(eventBytes), fragment, watcher };
    this.queue.push(item);
    this.queuedBytes += item.bytes;
    this.ports.ready(this);
    return item;
  }

  /**
   * The next response to send, or undefined until onReady is called again. `identityBytes` is what the API adds to
   * its header: cluster, member and term count where a response is cut into fragments.
   */
  next(identityBytes: () => number = none): WatchResponse | undefined {
    if (this.fragments.length > 0) return this.fragments.shift();
    const item = this.queue[this.head];
    if (item === undefined) return undefined;
    // What was taken must not be held until the queue is cut: a response may be of megabytes.
    this.queue[this.head++] = undefined;
    if (this.head === this.queue.length) {
      this.queue = [];
      this.head = 0;
    } else if (this.head > 1024 && this.head * 2 > this.queue.length) {
      this.queue = this.queue.slice(this.head);
      this.head = 0;
    }
    this.queuedBytes -= item.bytes;
    if (item.watcher?.queued === item) item.watcher.queued = undefined;
    if (this.wasFull && this.queuedBytes * 2 <= this.limits.queueBytes) {
      this.wasFull = false;
      this.ports.drained();
    }
    if (!item.fragment || item.bytes < this.limits.fragmentBytes / 2) return item.response;
    this.fragments = fragmentsOf(item.response, this.limits.fragmentBytes - identityBytes());
    return this.fragments.shift();
  }

  /** Frees all watchers of this stream. */
  close(): void {
    if (this.ended) return;
    this.ended = true;
    for (const watcher of this.watchers.values()) {
      this.ports.closed(watcher);
      watcher.state = "gone";
    }
    this.watchers.clear();
    this.queue = [];
    this.fragments = [];
    this.ports.sessionClosed(this);
  }
}

const none = (): number => 0;

/** Splits a response of at least `maxBytes` and two events; all parts but the last say `fragment`. */
function fragmentsOf(response: WatchResponse, maxBytes: number): WatchResponse[] {
  const base = WatchResponse.encode({ ...response, events: [] }).finish().length;
  const sizes = response.events.map((event) => {
    const bytes = Event.encode(event).finish().length;
    return 1 + varintBytes(bytes) + bytes;
  });
  const total = sizes.reduce((sum, size) => sum + size, base);
  if (total < maxBytes || sizes.length < 2) return [response];
  const flagBytes = 2;
  const parts: WatchResponse[] = [];
  for (let from = 0; from < sizes.length; ) {
    let to = from + 1;
    let bytes = base + flagBytes + sizes[from]!;
    while (to < sizes.length && bytes + sizes[to]! < maxBytes) bytes += sizes[to++]!;
    parts.push({
      ...response,
      fragment: to < sizes.length,
      events: response.events.slice(from, to),
    });
    from = to;
  }
  return parts;
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let v = value; v >= 0x80; v = Math.floor(v / 128)) bytes++;
  return bytes;
}
