// One HTTP/2 connection on a socket: moves bytes between the two, once a turn of the event loop, and
// watches over clients that stall. All its protocol is in http2/connection.ts.
import type { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import {
  type ConnectionEvents,
  Http2Connection,
  type RefusalReason,
  unreadBytes,
} from "./http2/connection.ts";
import { errorCode } from "./http2/frame.ts";
import type { BlockPool, QueuedBytes } from "./http2/output.ts";
import type { RequestHeaders } from "./http2/request-headers.ts";
import type { Http2Stream, StreamReceiver } from "./http2/stream.ts";
import type { ConnectionLimits } from "./limits.ts";
import { SocketHandle } from "./socket-handle.ts";

/** Who serves requests, and what the connection shares with all others of its server. */
export interface ConnectionHost {
  readonly limits: ConnectionLimits;
  readonly pool: BlockPool;
  readonly queued: QueuedBytes;
  nowMs(): number;
  request(
    connection: ServerConnection,
    stream: Http2Stream,
    headers: RequestHeaders,
  ): StreamReceiver;
  /** Will call `flush` at the end of this turn. */
  flushLater(connection: ServerConnection): void;
  /** The socket is gone. */
  closed(connection: ServerConnection): void;
  /** A connection was ended for a fault of the client; `reason` is one word for metrics. */
  faulted(reason: string, message: string): void;
  /** A request was refused before anyone saw it. */
  refused(reason: RefusalReason): void;
}

/** Pings beyond these, each too early and with nothing sent between, end the connection. */
const maxStrikes = 2;
/** What a client without a call must let pass between pings. */
const idlePingMs = 2 * 3_600_000;
/** How long the last frames may take to leave. */
const lastWordsMs = 1000;
/**
 * Parcels that may wait in the socket. More of them would keep a block each, however little is in it;
 * what comes behind gathers in few blocks instead.
 */
const maxParcels = 4;
const noBlocks: readonly Buffer[] = [];

export class ServerConnection implements ConnectionEvents {
  readonly http2: Http2Connection;
  readonly socket: Duplex;
  /** `address:port` of the client. */
  readonly peer: string;
  /** Of the verified certificate that the client showed. */
  readonly commonName: string | undefined;
  private readonly host: ConnectionHost;
  /** The way past the socket's streams, where there is one. */
  private readonly handle: SocketHandle | undefined;
  private lastPingMs = Number.NEGATIVE_INFINITY;
  private strikes = 0;
  private heardMs: number;
  /** When our ping went out that was not answered yet. */
  private pingedMs: number | undefined;
  /** Since when the client has left something unfinished, or takes nothing of what it is sent. */
  private stalledMs: number | undefined;
  /** What the socket had taken and what had come whole at the last look. */
  private seenTaken = 0;
  private seenProgress = 0;
  private written = 0;
  /** Blocks of the parcels that the socket has not taken yet: a ring, and its oldest. */
  private readonly parcels: (readonly Buffer[])[] = [noBlocks, noBlocks, noBlocks, noBlocks];
  private oldestParcel = 0;
  private parcelCount = 0;
  /** There is more to send once the socket has taken a parcel. */
  private flushDue = false;
  private reading = true;
  /** See holdReading. */
  private held = false;
  private ending = false;
  private endsByMs = Number.POSITIVE_INFINITY;

  constructor(socket: Duplex, host: ConnectionHost, commonName?: string) {
    this.socket = socket;
    this.commonName = commonName;
    this.host = host;
    const { remoteAddress = "", remotePort = 0 } = socket as Partial<Socket>;
    this.peer = `${remoteAddress}:${remotePort}`;
    this.heardMs = host.nowMs();
    this.http2 = new Http2Connection(
      {
        maxConcurrentStreams: host.limits.maxConcurrentStreams,
        maxHeaderBytes: host.limits.maxHeaderBytes,
        maxQueuedBytes: host.limits.maxQueuedBytes,
      },
      this,
      host.pool,
      host.queued,
      () => host.nowMs(),
    );
    // What was read before the handle was found comes as data first.
    this.handle = SocketHandle.of(socket, this.received, this.parcelTaken);
    socket.on("data", this.received);
    // A client that ends its side is gone, as for gRPC's Go server: running calls are cancelled.
    socket.on("end", () => this.socket.destroy());
    socket.on("error", ignoreSocketError);
    socket.on("close", () => this.gone());
  }

  refused(reason: RefusalReason): void {
    this.host.refused(reason);
  }

  request(stream: Http2Stream, headers: RequestHeaders): StreamReceiver {
    return this.host.request(this, stream, headers);
  }

  wantsFlush(): void {
    this.host.flushLater(this);
  }

  pinged(sentSince: boolean): void {
    const now = this.host.nowMs();
    // As gRPC's Go server has it: a client without a call has no reason to ping.
    const leastMs = this.http2.streams.size === 0 ? idlePingMs : this.host.limits.keepaliveMinMs;
    if (sentSince) this.strikes = 0;
    else if (now - this.lastPingMs < leastMs) this.strikes++;
    this.lastPingMs = now;
    if (this.strikes > maxStrikes)
      this.end(errorCode.enhanceYourCalm, "too_many_pings", "too_many_pings");
  }

  ponged(): void {
    this.pingedMs = undefined;
  }

  /** Writes what the turn left. */
  flush(): void {
    const { socket, http2, parcels } = this;
    if (this.parcelCount >= maxParcels && !socket.destroyed) {
      this.flushDue = true;
      return;
    }
    const { chunks, blocks } = http2.parcel();
    if (socket.destroyed || socket.writableEnded || chunks.length === 0) {
      this.giveBack(blocks);
      if (this.ending && http2.streams.size === 0) socket.end();
      return;
    }
    let bytes = 0;
    for (const chunk of chunks) bytes += chunk.length;
    this.written += bytes;
    const written = this.parcelCount === 0 ? this.handle?.write(chunks, bytes) : undefined;
    if (written === "taken" || written === "failed") {
      this.giveBack(blocks);
      if (written === "failed") socket.destroy();
    } else {
      parcels[(this.oldestParcel + this.parcelCount++) % maxParcels] = blocks;
      if (written === undefined) this.writeStream(chunks);
    }
    // A socket that is merely full for this turn is not congested; what counts is what stays behind.
    http2.congested = this.unsent > this.host.limits.socketHighBytes;
    if (!http2.congested) http2.resume();
    this.readOn();
    if (this.ending && http2.streams.size === 0) socket.end();
  }

  private writeStream(chunks: readonly Buffer[]): void {
    const { socket } = this;
    const last = chunks.length - 1;
    if (last > 0) socket.cork();
    for (let at = 0; at < last; at++) socket.write(chunks[at]!);
    socket.write(chunks[last]!, this.parcelTaken);
    if (last > 0) socket.uncork();
  }

  /** Bytes that were written and that the kernel has not taken. */
  private get unsent(): number {
    return this.socket.writableLength + (this.handle?.waiting ?? 0);
  }

  /** Stops or restarts the reading of requests, for who serves them cannot take more. */
  holdReading(hold: boolean): void {
    this.held = hold;
    if (hold) {
      this.socket.pause();
      this.handle?.pause();
    } else if (this.reading) {
      this.socket.resume();
      this.handle?.resume();
    }
  }

  /** Lets running streams finish, takes no new ones, and then closes. */
  leave(): void {
    if (this.ending) return;
    this.ending = true;
    this.http2.goaway(errorCode.noError, "");
  }

  /** Closes as soon as the last frames have left. */
  end(code: (typeof errorCode)[keyof typeof errorCode], message: string, reason: string): void {
    if (this.http2.fault !== undefined) return;
    this.http2.fail(code, message, reason);
    this.host.faulted(reason, message);
    this.lastWords();
  }

  /** Looks after the connection; called about once a second. */
  look(nowMs: number): void {
    if (this.socket.destroyed) return;
    const { limits } = this.host;
    if (nowMs >= this.endsByMs) {
      this.socket.destroy();
      return;
    }
    this.lookForStall(nowMs);
    if (this.pingedMs !== undefined) {
      if (nowMs - this.pingedMs < limits.keepaliveTimeoutMs) return;
      this.host.faulted("keepalive_timeout", "a ping was not answered");
      this.socket.destroy();
    } else if (nowMs - this.heardMs >= limits.keepaliveIntervalMs) {
      this.pingedMs = nowMs;
      this.http2.ping();
    }
  }

  private lookForStall(nowMs: number): void {
    const { socket, http2, host } = this;
    const left = this.unsent;
    const taken = this.written - left;
    const stalled =
      (left > 0 && taken === this.seenTaken) ||
      (http2.unfinished && http2.progress === this.seenProgress);
    this.seenTaken = taken;
    this.seenProgress = http2.progress;
    if (!stalled) {
      this.stalledMs = undefined;
    } else if (this.stalledMs === undefined) {
      this.stalledMs = nowMs;
    } else if (nowMs - this.stalledMs >= host.limits.stallMs) {
      host.faulted("stalled", "a client that stopped in the middle");
      socket.destroy();
    }
  }

  private readonly received = (chunk: Buffer): void => {
    this.heardMs = this.host.nowMs();
    this.pingedMs = undefined;
    const { http2 } = this;
    if (http2.receive(chunk)) {
      if (http2.output.bytes > unreadBytes && this.reading) {
        // Answers that nobody reads: no more requests until some have left.
        this.reading = false;
        this.socket.pause();
        this.handle?.pause();
      }
      // The last stream may have ended without a word of ours.
      if (this.ending && http2.streams.size === 0) this.host.flushLater(this);
      return;
    }
    const { fault } = http2;
    if (fault === undefined || this.endsByMs !== Number.POSITIVE_INFINITY) return;
    this.host.faulted(fault.reason, fault.message);
    this.lastWords();
  };

  private readOn(): void {
    if (this.reading) return;
    this.reading = true;
    if (this.held) return;
    this.socket.resume();
    this.handle?.resume();
  }

  private readonly parcelTaken = (): void => {
    const at = this.oldestParcel;
    this.giveBack(this.parcels[at]!);
    this.parcels[at] = noBlocks;
    this.oldestParcel = (at + 1) % maxParcels;
    this.parcelCount--;
    if (this.http2.congested && this.unsent === 0) {
      this.http2.congested = false;
      this.http2.resume();
    }
    if (!this.flushDue) return;
    this.flushDue = false;
    this.host.flushLater(this);
  };

  private giveBack(blocks: readonly Buffer[]): void {
    for (const block of blocks) this.host.pool.give(block);
  }

  private lastWords(): void {
    this.ending = true;
    this.endsByMs = this.host.nowMs() + lastWordsMs;
    this.host.flushLater(this);
  }

  private gone(): void {
    this.http2.abandon();
    this.http2.output.drop();
    this.host.closed(this);
  }
}

function ignoreSocketError(): void {
  // The socket closes by itself, which is what counts.
}
