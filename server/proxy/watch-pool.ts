// The watches of the cluster, one set for each token of clients: a client never receives from a watch
// that was granted to somebody else.
import type { Clock } from "#base/clock.ts";
import type { ResponseHeader } from "#proto/gen/header.ts";
import type { Event } from "#proto/gen/mvcc.ts";
import { WatchCreateRequest } from "#proto/gen/watch.ts";
import type { Responder } from "#server/rpc/service-registry.ts";
import { tokenOf } from "./upstream.ts";
import type { WatchRange } from "./watch-broadcast.ts";
import { WatchReceiver } from "./watch-receiver.ts";
import type { WatchUpstreams } from "./watch-stream.ts";
import { type WatchListener, WatchUpstream, type WatchWire } from "./watch-upstream.ts";

export interface WatchPoolPorts {
  readonly open: (token: string, signal: AbortSignal) => Promise<WatchWire>;
  readonly revision: (token: string, range: WatchRange) => Promise<ResponseHeader>;
  /** Sees every event, as the cluster has it, before it is handed out; may change it. */
  readonly changed: (event: Event) => void;
  readonly clock: Clock;
}

export class WatchPool implements WatchUpstreams {
  private readonly ports: WatchPoolPorts;
  private readonly byToken = new Map<string, { readonly upstream: WatchUpstream; users: number }>();
  private eventsBefore = 0;

  constructor(ports: WatchPoolPorts) {
    this.ports = ports;
  }

  get coalescedWatchers(): number {
    let sum = 0;
    for (const { upstream } of this.byToken.values()) sum += upstream.coalescedWatchers;
    return sum;
  }

  get coalescedEvents(): number {
    let sum = this.eventsBefore;
    for (const { upstream } of this.byToken.values()) sum += upstream.coalescedEvents;
    return sum;
  }

  take(responder: Responder): WatchUpstream {
    return this.takeFor(tokenOf(responder));
  }

  giveBack(upstream: WatchUpstream, listener: WatchListener): void {
    upstream.leave(listener);
    for (const [token, known] of this.byToken) {
      if (known.upstream !== upstream || --known.users > 0) continue;
      this.eventsBefore += upstream.coalescedEvents;
      upstream.close();
      this.byToken.delete(token);
    }
  }

  /** True if a watch of one key is created within `limitMs`. */
  works(limitMs: number): Promise<boolean> {
    const upstream = this.takeFor("");
    return new Promise((resolve) => {
      const end = (works: boolean): void => {
        late.cancel();
        upstream.detach(receiver);
        this.giveBack(upstream, listener);
        resolve(works);
      };
      const listener: WatchListener = {
        wantsLeader: false,
        progressed: () => {},
        failed: () => end(false),
      };
      const late = this.ports.clock.after(limitMs, () => end(false));
      // Not amid the handing out of the answer.
      const answered = (): void => queueMicrotask(() => end(true));
      const queue = { full: false, post: answered, fellBehind: answered, ended: answered };
      const key = Buffer.from("a");
      const receiver = new WatchReceiver(0, WatchCreateRequest.fromPartial({ key }), queue);
      upstream.join(listener);
      upstream.attach(receiver, { key, rangeEnd: new Uint8Array(0) });
    });
  }

  close(): void {
    for (const { upstream } of this.byToken.values()) upstream.close();
  }

  private takeFor(token: string): WatchUpstream {
    let known = this.byToken.get(token);
    if (known === undefined) {
      const { open, revision, changed, clock } = this.ports;
      const upstream = new WatchUpstream({
        open: (signal) => open(token, signal),
        revision: (range) => revision(token, range),
        changed,
        clock,
      });
      known = { upstream, users: 0 };
      this.byToken.set(token, known);
    }
    known.users++;
    return known.upstream;
  }
}
