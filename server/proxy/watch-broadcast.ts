// One watch of the cluster, and the watches of clients that it serves: those of one range, by clients
// with one token. A watch of a client can be moved from one such watch to another that is not ahead of
// it, since it knows which events it has had; so those that began apart soon share one.
import type { ResponseHeader } from "#proto/gen/header.ts";
import type { WatchResponse } from "#proto/gen/watch.ts";
import { SharedEvents, type WatchReceiver } from "./watch-receiver.ts";

/** The keys that are watched, as the cluster has them. */
export interface WatchRange {
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
}

/** All that watches one range. */
export interface WatchGroup {
  readonly name: string;
  readonly range: WatchRange;
  readonly broadcasts: Set<Broadcast>;
  /** Watches from "now" that wait to be told which revision that is. */
  asking: WatchReceiver[];
  isAsking: boolean;
}

export class Broadcast {
  readonly group: WatchGroup;
  readonly prevKv: boolean;
  readonly receivers = new Set<WatchReceiver>();
  /** Wait for it to start, to join at the revision at which it does. */
  readonly waiting = new Set<WatchReceiver>();
  /** The cluster has created it, on this connection or one before. */
  started = false;
  /** The first revision whose events it has not handed out; before the start what it asks for, 0 for now. */
  nextRevision: number;
  /** On the current connection; undefined until it was created there. */
  watchId: number | undefined;
  ended = false;

  constructor(group: WatchGroup, startRevision: number, prevKv: boolean) {
    this.group = group;
    this.nextRevision = startRevision;
    this.prevKv = prevKv;
  }

  get isEmpty(): boolean {
    return this.receivers.size === 0 && this.waiting.size === 0;
  }

  /** True if `receiver`, which knows its revision, misses nothing here. */
  serves(receiver: WatchReceiver): boolean {
    if (this.ended || (receiver.wanted.prevKv && !this.prevKv)) return false;
    return this.nextRevision > 0 && this.nextRevision <= receiver.nextRevision;
  }

  /** The cluster has created the watch; on a later connection nobody is told. */
  start(header: ResponseHeader): void {
    if (!this.started) {
      this.started = true;
      if (this.nextRevision === 0) this.nextRevision = header.revision + 1;
    }
    for (const receiver of this.waiting) {
      receiver.nextRevision = Math.max(receiver.nextRevision, this.nextRevision);
      this.receivers.add(receiver);
    }
    this.waiting.clear();
    for (const receiver of this.receivers) {
      if (receiver.nextRevision === 0) receiver.nextRevision = this.nextRevision;
      receiver.announce(header);
    }
  }

  /** Hands events out; those who do not read are taken out and given back. */
  deliver(response: WatchResponse): readonly WatchReceiver[] {
    const shared = new SharedEvents(response.events);
    let behind: WatchReceiver[] | undefined;
    for (const receiver of this.receivers) {
      if (receiver.deliver(response.header, shared)) continue;
      this.receivers.delete(receiver);
      if (behind === undefined) behind = [receiver];
      else behind.push(receiver);
    }
    const last = response.events.at(-1)?.kv?.modRevision ?? 0;
    this.nextRevision = Math.max(this.nextRevision, last + 1);
    return behind ?? [];
  }

  /** Everything up to the header's revision has been handed out. */
  progress(header: ResponseHeader, isAsked: boolean): void {
    this.nextRevision = Math.max(this.nextRevision, header.revision + 1);
    for (const receiver of this.receivers) {
      if (!isAsked) receiver.progress(header);
      else receiver.nextRevision = Math.max(receiver.nextRevision, this.nextRevision);
    }
  }

  /** The cluster ended or refused the watch. */
  end(response: Pick<WatchResponse, "header" | "compactRevision" | "cancelReason">): void {
    this.ended = true;
    for (const receiver of [...this.receivers, ...this.waiting]) receiver.end(response);
    this.receivers.clear();
    this.waiting.clear();
  }

  /** Takes over everybody of `other`, who must not be behind. False if that cannot be. */
  absorb(other: Broadcast): boolean {
    if (other === this || !this.started || !other.started || this.ended || other.ended)
      return false;
    if (other.nextRevision < this.nextRevision) return false;
    if (!this.prevKv && [...other.receivers].some(({ wanted }) => wanted.prevKv)) return false;
    for (const receiver of other.receivers) this.receivers.add(receiver);
    other.receivers.clear();
    return true;
  }
}
