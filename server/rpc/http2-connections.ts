// The HTTP/2 connections of a listener: what they share, who looks after them, and their end. It knows
// nothing of what is asked on them.
import type { Duplex } from "node:stream";
import type { Clock } from "#base/clock.ts";
import { Arrivals } from "./arrivals.ts";
import type { RefusalReason } from "./http2/connection.ts";
import { BlockPool, QueuedBytes } from "./http2/output.ts";
import type { RequestHeaders } from "./http2/request-headers.ts";
import type { Http2Stream, StreamReceiver } from "./http2/stream.ts";
import type { ConnectionLimits } from "./limits.ts";
import { type ConnectionHost, ServerConnection } from "./server-connection.ts";

const lookMs = 1000;
/** Beyond this many bytes that wait for clients to read, those who hold them get no new requests in. */
export const queuedLimitBytes = 512 * 1024 * 1024;

/** Whoever serves the requests, and is told what became of connections. */
export interface Http2Service {
  request(
    connection: ServerConnection,
    stream: Http2Stream,
    headers: RequestHeaders,
  ): StreamReceiver;
  /** A connection was ended for a fault of its client; `reason` is one word for metrics. */
  faulted(reason: string, message: string): void;
  /** A request was refused before anyone saw it. */
  refused(reason: RefusalReason): void;
  closed?(connection: ServerConnection): void;
}

export class Http2Connections implements ConnectionHost {
  readonly limits: ConnectionLimits;
  readonly pool = new BlockPool();
  readonly queued = new QueuedBytes(queuedLimitBytes);
  /** Connections that come, and the answers that wait for them. */
  readonly arrivals = new Arrivals();
  private readonly clock: Clock;
  private readonly service: Http2Service;
  private readonly connections = new Set<ServerConnection>();
  private readonly looking: { cancel(): void };
  private dirty: ServerConnection[] = [];
  private whenEmpty: (() => void) | undefined;

  constructor(limits: ConnectionLimits, clock: Clock, service: Http2Service) {
    this.limits = limits;
    this.clock = clock;
    this.service = service;
    this.looking = clock.every(lookMs, () => this.lookAround());
  }

  /** Takes a connection whose client speaks HTTP/2; its first bytes may wait in it, unread. */
  serve(socket: Duplex, commonName?: string): ServerConnection {
    const connection = new ServerConnection(socket, this, commonName);
    this.connections.add(connection);
    return connection;
  }

  /** Those that run. */
  *streams(): Iterable<Http2Stream> {
    for (const { http2 } of this.connections) yield* http2.streams.values();
  }

  /** Takes no new requests; connections end with their last one. */
  leave(): void {
    for (const connection of this.connections) connection.leave();
  }

  cut(): void {
    for (const connection of this.connections) connection.socket.destroy();
  }

  /** Resolves once no connection is left; looks after none from then on. */
  async empty(): Promise<void> {
    if (this.connections.size > 0)
      await new Promise<void>((resolve) => {
        this.whenEmpty = resolve;
      });
    this.looking.cancel();
  }

  nowMs(): number {
    return this.clock.monotonicMs();
  }

  request(
    connection: ServerConnection,
    stream: Http2Stream,
    headers: RequestHeaders,
  ): StreamReceiver {
    return this.service.request(connection, stream, headers);
  }

  flushLater(connection: ServerConnection): void {
    if (this.dirty.length === 0) setImmediate(this.flushAll);
    this.dirty.push(connection);
  }

  closed(connection: ServerConnection): void {
    this.connections.delete(connection);
    this.service.closed?.(connection);
    if (this.connections.size === 0) this.whenEmpty?.();
  }

  faulted(reason: string, message: string): void {
    this.service.faulted(reason, message);
  }

  refused(reason: RefusalReason): void {
    this.service.refused(reason);
  }

  private readonly flushAll = (): void => {
    if (this.arrivals.hold(this.nowMs())) {
      setImmediate(this.flushAll);
      return;
    }
    const { dirty } = this;
    this.dirty = [];
    for (const connection of dirty) connection.flush();
  };

  private lookAround(): void {
    const nowMs = this.nowMs();
    for (const connection of this.connections) connection.look(nowMs);
  }
}
