// The watches of the cluster for clients with one token: one stream, any number of broadcasts on it.
// When the stream breaks it is made again on another connection and every broadcast goes on where it
// was, so that clients notice nothing; only those who asked to be told that there is no leader are.
//
// Invariant: a client's watch gets every event of its range from its first revision on, once and in
// order, whichever broadcast it is on; those from "now" see nothing that the cluster had committed
// before their request came.

import type { Clock, Timer } from "#base/clock.ts";
import { errorOfStatus } from "#client/errors.ts";
import type { DuplexStream, StreamError } from "#client/transport.ts";
import { EtcdError, etcdError, type GrpcCode, grpcCode } from "#proto/errors.ts";
import type { ResponseHeader } from "#proto/gen/header.ts";
import type { Event } from "#proto/gen/mvcc.ts";
import type { WatchRequest, WatchResponse } from "#proto/gen/watch.ts";
import { Broadcast, type WatchGroup, type WatchRange } from "./watch-broadcast.ts";
import { noWatchId, type WatchReceiver } from "./watch-receiver.ts";

export type WatchWire = Pick<
  DuplexStream<WatchRequest, WatchResponse>,
  "write" | "on" | "cancel" | "end"
>;

/** What the watches of clients are told besides their answers; one for each stream of a client. */
export interface WatchListener {
  /** To be told that there is no leader rather than to wait for one. */
  readonly wantsLeader: boolean;
  /** All of its watches have had everything up to here. */
  progressed(header: ResponseHeader): void;
  /** The stream cannot go on. */
  failed(error: EtcdError): void;
}

export interface WatchUpstreamPorts {
  /** Opens a stream; rejects if that was given up. */
  readonly open: (signal: AbortSignal) => Promise<WatchWire>;
  /** The cluster's revision now, or why this client may not read the range; with EtcdError. */
  readonly revision: (range: WatchRange) => Promise<ResponseHeader>;
  /** Sees every event, as the cluster has it, before it is handed out; may change it. */
  readonly changed: (event: Event) => void;
  readonly clock: Clock;
}

const reopenAfterMs = 100;
/** A connection broke, or its member went away: another one will do. */
const passing: ReadonlySet<GrpcCode> = new Set([
  grpcCode.unavailable,
  grpcCode.internal,
  grpcCode.canceled,
]);

export class WatchUpstream {
  /** Of the last response. */
  lastHeader: ResponseHeader | undefined;
  /** Responses that went to more than one watch: how often beyond the first. */
  coalescedEvents = 0;
  private readonly ports: WatchUpstreamPorts;
  private readonly groups = new Map<string, WatchGroup>();
  private readonly listeners = new Set<WatchListener>();
  private readonly where = new Map<WatchReceiver, Broadcast>();
  private readonly live = new Map<number, Broadcast>();
  private waiting: Broadcast[] = [];
  private creating: Broadcast | undefined;
  private wire: WatchWire | undefined;
  private opening = false;
  private reopen: Timer | undefined;
  private leaderless = false;
  private progressAsked = false;
  private readonly closing = new AbortController();

  constructor(ports: WatchUpstreamPorts) {
    this.ports = ports;
  }

  /** How many watches it saves the cluster now. */
  get coalescedWatchers(): number {
    let broadcasts = 0;
    for (const group of this.groups.values()) broadcasts += group.broadcasts.size;
    return Math.max(0, this.where.size - broadcasts);
  }

  /** A stream of a client begins. */
  join(listener: WatchListener): void {
    this.listeners.add(listener);
    if (!listener.wantsLeader) return;
    if (this.leaderless) listener.failed(etcdError("noLeader"));
    else this.advance();
  }

  /** It ends; its receivers were detached before. True if it was the last. */
  leave(listener: WatchListener): boolean {
    this.listeners.delete(listener);
    return this.listeners.size === 0;
  }

  /** Gives a watch its events, from its next revision or from now on. */
  attach(receiver: WatchReceiver, range: WatchRange): void {
    const group = this.groupOf(range);
    if (receiver.nextRevision > 0) {
      this.place(receiver, group);
      return;
    }
    const { prevKv } = receiver.wanted;
    if (![...group.broadcasts].some((one) => !one.ended && (one.prevKv || !prevKv))) {
      this.found(receiver, group);
      return;
    }
    group.asking.push(receiver);
    if (!group.isAsking) void this.askRevisions(group);
  }

  /** Takes a watch away; without an answer. */
  detach(receiver: WatchReceiver): void {
    receiver.ended = true;
    const broadcast = this.where.get(receiver);
    if (broadcast === undefined) return;
    this.where.delete(receiver);
    broadcast.receivers.delete(receiver);
    broadcast.waiting.delete(receiver);
    if (broadcast.isEmpty) this.drop(broadcast);
  }

  /** Every listener will be told once everything has been handed out up to some revision of now. */
  askProgress(): void {
    this.progressAsked = true;
    this.advance();
  }

  close(): void {
    this.closing.abort();
    this.reopen?.cancel();
    this.wire?.cancel();
    this.wire = undefined;
  }

  private groupOf(range: WatchRange): WatchGroup {
    const name = `${Buffer.from(range.key).toString("latin1")} ${range.key.length} ${Buffer.from(range.rangeEnd).toString("latin1")}`;
    let group = this.groups.get(name);
    if (group === undefined) {
      group = { name, range, broadcasts: new Set(), asking: [], isAsking: false };
      this.groups.set(name, group);
    }
    return group;
  }

  /** One question for all that came while the one before was asked. */
  private async askRevisions(group: WatchGroup): Promise<void> {
    group.isAsking = true;
    while (group.asking.length > 0) {
      const batch = group.asking;
      group.asking = [];
      let header: ResponseHeader | undefined;
      let refusal: EtcdError | undefined;
      try {
        header = await this.ports.revision(group.range);
      } catch (thrown) {
        if (thrown instanceof EtcdError) refusal = thrown;
      }
      for (const receiver of batch) {
        if (receiver.ended) continue;
        if (header !== undefined) {
          receiver.nextRevision = header.revision + 1;
          this.joinNow(receiver, group);
        } else if (refusal !== undefined && isRefusal(refusal)) {
          const cancelReason = refusal.message;
          receiver.end({ header: this.lastHeader, compactRevision: 0, cancelReason });
        } else this.found(receiver, group);
      }
    }
    group.isAsking = false;
    this.forgetIfIdle(group);
  }

  /** A watch from now on may as well begin where a broadcast has come to, if that is further. */
  private joinNow(receiver: WatchReceiver, group: WatchGroup): void {
    const { prevKv } = receiver.wanted;
    const open = [...group.broadcasts].filter((one) => !one.ended && (one.prevKv || !prevKv));
    const started = open.filter((one) => one.started);
    const [front] = started.toSorted((a, b) => b.nextRevision - a.nextRevision);
    if (front !== undefined && front.nextRevision > receiver.nextRevision) {
      receiver.nextRevision = front.nextRevision;
    }
    const starting = open.find((one) => !one.started && one.nextRevision === 0);
    if (front === undefined && starting !== undefined) {
      starting.waiting.add(receiver);
      this.where.set(receiver, starting);
      return;
    }
    this.place(receiver, group);
  }

  /** To a broadcast that is not ahead of the watch, or to one of its own. */
  private place(receiver: WatchReceiver, group: WatchGroup): void {
    for (const broadcast of group.broadcasts) {
      if (!broadcast.serves(receiver)) continue;
      broadcast.receivers.add(receiver);
      this.where.set(receiver, broadcast);
      if (broadcast.started && this.lastHeader !== undefined) {
        const revision = Math.max(this.lastHeader.revision, broadcast.nextRevision - 1);
        receiver.announce({ ...this.lastHeader, revision });
      }
      return;
    }
    this.found(receiver, group);
  }

  private found(receiver: WatchReceiver, group: WatchGroup): void {
    const broadcast = new Broadcast(group, receiver.nextRevision, receiver.wanted.prevKv);
    broadcast.receivers.add(receiver);
    group.broadcasts.add(broadcast);
    this.where.set(receiver, broadcast);
    this.waiting.push(broadcast);
    this.advance();
  }

  /** Nobody needs it any more. */
  private drop(broadcast: Broadcast): void {
    broadcast.ended = true;
    this.forget(broadcast);
    if (broadcast.watchId !== undefined) this.sendCancel(broadcast.watchId);
  }

  private forget(broadcast: Broadcast): void {
    const { group, watchId } = broadcast;
    group.broadcasts.delete(broadcast);
    if (watchId !== undefined) this.live.delete(watchId);
    this.waiting = this.waiting.filter((one) => one !== broadcast);
    this.forgetIfIdle(group);
  }

  private forgetIfIdle(group: WatchGroup): void {
    if (group.broadcasts.size === 0 && group.asking.length === 0 && !group.isAsking) {
      this.groups.delete(group.name);
    }
  }

  private sendCancel(watchId: number): void {
    this.wire?.write({ requestUnion: { $case: "cancelRequest", value: { watchId } } });
  }

  /** Sends what is to be sent, opening the stream first if there is none. */
  private advance(): void {
    const { wire } = this;
    if (this.closing.signal.aborted) return;
    if (wire === undefined) {
      if (!this.opening && this.reopen === undefined) void this.open();
      return;
    }
    if (this.creating !== undefined) return;
    const next = this.waiting.shift();
    if (next !== undefined) {
      this.creating = next;
      const { key, rangeEnd } = next.group.range;
      wire.write({
        requestUnion: {
          $case: "createRequest",
          value: {
            key,
            rangeEnd,
            startRevision: next.nextRevision,
            progressNotify: true,
            filters: [],
            prevKv: next.prevKv,
            watchId: 0,
            fragment: false,
          },
        },
      });
    } else if (this.progressAsked) {
      this.progressAsked = false;
      wire.write({ requestUnion: { $case: "progressRequest", value: {} } });
    }
  }

  private async open(): Promise<void> {
    this.opening = true;
    try {
      const wire = await this.ports.open(this.closing.signal);
      if (this.closing.signal.aborted) {
        wire.on("error", () => {});
        wire.cancel();
        return;
      }
      this.wire = wire;
      wire.on("data", (response: WatchResponse) => this.receive(wire, response));
      wire.on("error", (error: StreamError) => {
        this.broken(wire, errorOfStatus(error.code, error.details));
      });
      wire.on("end", () => {
        this.broken(wire, new EtcdError(grpcCode.unavailable, "the watch stream ended"));
      });
    } catch (thrown) {
      if (this.closing.signal.aborted) return;
      this.lost(thrown instanceof EtcdError ? thrown : new EtcdError(grpcCode.unavailable, ""));
    } finally {
      this.opening = false;
    }
    this.advance();
  }

  private receive(wire: WatchWire, response: WatchResponse): void {
    if (wire !== this.wire) return;
    this.leaderless = false;
    const { header } = response;
    // A refusal may come without one.
    if (header !== undefined && header.revision > 0) this.lastHeader = header;
    if (response.created) this.created(response);
    else if (response.watchId === noWatchId) this.progressOfAll(response);
    else {
      const broadcast = this.live.get(response.watchId);
      if (broadcast !== undefined) this.received(broadcast, response);
    }
    this.advance();
  }

  private created(response: WatchResponse): void {
    const broadcast = this.creating;
    this.creating = undefined;
    if (broadcast === undefined) return;
    if (response.canceled) {
      if (!broadcast.ended) this.end(broadcast, response);
      return;
    }
    if (broadcast.ended) {
      this.sendCancel(response.watchId);
      return;
    }
    broadcast.watchId = response.watchId;
    this.live.set(response.watchId, broadcast);
    if (response.header !== undefined) broadcast.start(response.header);
    // One that catches up can be joined with its siblings as soon as it is known that it has.
    if (broadcast.group.broadcasts.size > 1) this.progressAsked = true;
  }

  private received(broadcast: Broadcast, response: WatchResponse): void {
    if (response.canceled) {
      this.end(broadcast, response);
      return;
    }
    if (response.events.length > 0) {
      for (const event of response.events) this.ports.changed(event);
      for (const receiver of broadcast.deliver(response)) this.where.delete(receiver);
      this.coalescedEvents += Math.max(0, broadcast.receivers.size - 1);
      if (broadcast.isEmpty) this.drop(broadcast);
    } else if (response.header !== undefined) broadcast.progress(response.header, false);
    this.coalesce(broadcast.group);
  }

  private progressOfAll({ header }: WatchResponse): void {
    if (header === undefined) return;
    for (const broadcast of this.live.values()) broadcast.progress(header, true);
    for (const group of [...this.groups.values()]) this.coalesce(group);
    for (const listener of [...this.listeners]) listener.progressed(header);
  }

  private coalesce(group: WatchGroup): void {
    if (group.broadcasts.size < 2) return;
    for (const into of group.broadcasts) {
      for (const from of [...group.broadcasts]) {
        if (into.ended || !into.absorb(from)) continue;
        for (const receiver of into.receivers) this.where.set(receiver, into);
        this.drop(from);
      }
    }
  }

  private end(broadcast: Broadcast, response: WatchResponse): void {
    for (const receiver of [...broadcast.receivers, ...broadcast.waiting]) {
      this.where.delete(receiver);
    }
    broadcast.end(response);
    this.forget(broadcast);
  }

  private broken(wire: WatchWire, error: EtcdError): void {
    if (wire !== this.wire) return;
    this.wire = undefined;
    if (!this.closing.signal.aborted) this.lost(error);
  }

  /** The stream is gone, or could not be had. */
  private lost(error: EtcdError): void {
    const isLeaderless = error.errorName === "noLeader";
    this.leaderless = isLeaderless;
    const goesOn = isLeaderless || passing.has(error.code);
    const broadcasts = [...this.live.values()];
    if (this.creating !== undefined) broadcasts.push(this.creating);
    this.live.clear();
    this.creating = undefined;
    for (const broadcast of broadcasts) broadcast.watchId = undefined;
    this.waiting = [...broadcasts.filter(({ ended }) => !ended), ...this.waiting];
    for (const listener of [...this.listeners]) {
      if (!goesOn || (isLeaderless && listener.wantsLeader)) listener.failed(error);
    }
    if (this.listeners.size === 0) return;
    this.reopen = this.ports.clock.after(reopenAfterMs, () => {
      this.reopen = undefined;
      if (this.listeners.size > 0) this.advance();
    });
  }
}

/** The client may not, rather than nobody can. */
function isRefusal({ code }: EtcdError): boolean {
  return (
    code === grpcCode.permissionDenied ||
    code === grpcCode.unauthenticated ||
    code === grpcCode.invalidArgument
  );
}
