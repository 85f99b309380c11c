// The core's side: connections whose sockets a thread has. Their streams are Http2Streams as on this
// thread, owned by a connection that writes records where another would write frames.
import type { Buffer } from "node:buffer";
import type { Duplex } from "node:stream";
import { assert } from "#base/assert.ts";
import type { Clock } from "#base/clock.ts";
import type { ConnectionGroup, GrpcServer, RequestingClient } from "../grpc-server.ts";
import type { Http1Server } from "../http1-server.ts";
import { fairShareBytes } from "../http2/connection.ts";
import { type ErrorCode, errorCode } from "../http2/frame.ts";
import type { HeaderList } from "../http2/header-encoder.ts";
import { QueuedBytes } from "../http2/output.ts";
import { RequestHeaders } from "../http2/request-headers.ts";
import { Http2Stream, type StreamOwner } from "../http2/stream.ts";
import { queuedLimitBytes } from "../http2-connections.ts";
import type { ConnectionLimits } from "../limits.ts";
import type { ChannelEvents, ThreadChannel } from "./channel.ts";
import { recordType, textOf } from "./records.ts";
import { type ConnectionFacts, type Counted, type HeaderWords, wholeStream } from "./relay.ts";
import { RemoteSocket } from "./remote-socket.ts";

/** Bytes of an answer that may be under way to the thread and its client before it is credited. */
const sendWindow = 262_144;
/** Bytes of a request that are read before the thread is told. */
const creditBytes = 65_536;
/** Queued bytes go into records of at most this many. */
const pieceBytes = 65_536;

/** Lists of fields that are sent again and again, numbered as they are first seen. */
class KnownLists {
  private readonly numbers = new Map<HeaderList, number>();

  /** The number of a recurring list; the thread is told once what it says. */
  of(list: HeaderList, channel: ThreadChannel): number {
    let number = this.numbers.get(list);
    if (number === undefined) {
      number = this.numbers.size;
      assert(number < 0x8000, "lists that recur are a handful of constants");
      this.numbers.set(list, number);
      channel.put(recordType.list, 0, 0, number, textOf(list.fields));
    }
    return number;
  }
}

/** What all connections of a thread share. */
interface Shared {
  readonly channel: ThreadChannel;
  readonly lists: KnownLists;
  readonly queued: QueuedBytes;
  /** Connections with streams that wait for the channel. */
  readonly waiting: Set<RemoteConnection>;
}

/** One connection; its `streams` are those that run. */
class RemoteConnection implements StreamOwner, RequestingClient {
  readonly streams = new Map<number, Http2Stream>();
  readonly peer: string;
  readonly commonName: string | undefined;
  readonly socket: Duplex;
  /** Its bytes are handed on as they are. */
  readonly isWhole: boolean;
  headers = new RequestHeaders();
  /** Bytes that wait on streams. */
  queuedBytes = 0;
  private readonly id: number;
  private readonly shared: Shared;
  private readonly waiting = new Set<Http2Stream>();

  constructor(id: number, facts: ConnectionFacts, shared: Shared, clock: Clock) {
    this.id = id;
    this.shared = shared;
    this.peer = `${facts.remoteAddress}:${facts.remotePort}`;
    this.commonName = facts.commonName;
    this.isWhole = facts.kind === "whole";
    this.socket = new RemoteSocket(facts, clock, () => {
      shared.channel.put(recordType.reset, id, wholeStream, errorCode.cancel);
    });
  }

  open(streamId: number): Http2Stream {
    const stream = new Http2Stream(this, streamId, sendWindow, 0);
    this.streams.set(streamId, stream);
    return stream;
  }

  /** The connection is gone, or all its streams end here. */
  abandon(): void {
    for (const stream of this.streams.values()) stream.abandon();
    this.streams.clear();
  }

  /** The stream is over, by the client's doing or ours. */
  ended(stream: Http2Stream): void {
    this.remove(stream);
    stream.abandon();
  }

  /** The client took so many bytes. */
  credit(stream: Http2Stream, bytes: number): void {
    stream.sendWindow += bytes;
    if (stream.queuedBytes > 0) this.sendQueued(stream);
  }

  /** The channel has room again. */
  resume(): void {
    const streams = [...this.waiting];
    this.waiting.clear();
    for (const stream of streams) this.sendQueued(stream);
  }

  sendHeaders(stream: Http2Stream, list: HeaderList, ends: boolean): void {
    const { channel, lists } = this.shared;
    const last = ends ? 1 : 0;
    if (list.recurs) {
      const number = lists.of(list, channel);
      channel.put(recordType.respond, this.id, stream.id, number * 2 + last);
    } else channel.put(recordType.respondOnce, this.id, stream.id, last, textOf(list.fields));
    if (ends) this.endLocal(stream);
  }

  sendAtOnce(stream: Http2Stream, prefix: Uint8Array, body: Uint8Array): boolean {
    const length = prefix.length + body.length;
    const { channel } = this.shared;
    if (length > stream.sendWindow || channel.congested) return false;
    stream.sendWindow -= length;
    channel.put(recordType.data, this.id, stream.id, 0, prefix, body);
    return true;
  }

  sendWhole(
    stream: Http2Stream,
    headers: HeaderList,
    prefix: Uint8Array,
    body: Uint8Array,
    trailers: HeaderList,
  ): boolean {
    const { channel, lists } = this.shared;
    const length = prefix.length + body.length;
    const recurs = headers.recurs && trailers.recurs;
    if (!recurs || length > stream.sendWindow || channel.congested) return false;
    const value = (lists.of(headers, channel) << 16) | lists.of(trailers, channel);
    channel.put(recordType.answer, this.id, stream.id, value, prefix, body);
    this.endLocal(stream);
    return true;
  }

  sendQueued(stream: Http2Stream): void {
    const { channel, lists, waiting } = this.shared;
    while (stream.queuedBytes > 0) {
      if (stream.sendWindow <= 0) return;
      if (channel.congested) {
        this.waiting.add(stream);
        waiting.add(this);
        return;
      }
      const piece = stream.shift(Math.min(stream.sendWindow, pieceBytes));
      stream.sendWindow -= piece.length;
      channel.put(recordType.data, this.id, stream.id, 0, piece);
    }
    if (!stream.ends || stream.localEnded) {
      stream.offerRoom();
      return;
    }
    const { trailers } = stream;
    if (trailers === undefined) channel.put(recordType.finish, this.id, stream.id, 0);
    else if (trailers.recurs)
      channel.put(recordType.finish, this.id, stream.id, lists.of(trailers, channel) + 1);
    else channel.put(recordType.finishOnce, this.id, stream.id, 0, textOf(trailers.fields));
    this.endLocal(stream);
  }

  sendReset(stream: Http2Stream, code: ErrorCode): void {
    if (!this.streams.has(stream.id)) return;
    this.shared.channel.put(recordType.reset, this.id, stream.id, code);
    this.ended(stream);
  }

  queued(bytes: number): void {
    this.queuedBytes += bytes;
    this.shared.queued.held += bytes;
  }

  consumed(stream: Http2Stream, bytes: number): void {
    stream.uncredited += bytes;
    if (stream.uncredited < creditBytes) return;
    this.shared.channel.put(recordType.credit, this.id, stream.id, stream.uncredited);
    stream.uncredited = 0;
  }

  /** As on the thread: what the client has not said yet, nobody waits for. */
  private endLocal(stream: Http2Stream): void {
    stream.localEnded = true;
    stream.remoteEnded = true;
    stream.dropQueue();
    this.remove(stream);
  }

  private remove(stream: Http2Stream): void {
    this.streams.delete(stream.id);
    this.waiting.delete(stream);
  }
}

/** Who serves what comes on a thread's connections. */
export interface CoreServices {
  readonly grpc: GrpcServer;
  readonly http1: Http1Server;
  readonly clock: Clock;
  readonly limits: ConnectionLimits;
}

/** What a thread can be told besides records. */
export interface ThreadControl {
  /** No new requests; connections end with their last one. */
  leave(): void;
  cut(): void;
}

/** All connections of one thread. */
export class RemoteConnections implements ChannelEvents, ConnectionGroup {
  private readonly services: CoreServices;
  private readonly control: ThreadControl;
  private readonly connections = new Map<number, RemoteConnection>();
  private shared: Shared | undefined;
  /** Those of HTTP/2: the others end with their server. */
  private http2Count = 0;
  private whenEmpty: (() => void) | undefined;

  constructor(services: CoreServices, control: ThreadControl) {
    this.services = services;
    this.control = control;
  }

  /** To be called before anything comes. */
  join(channel: ThreadChannel): void {
    const queued = new QueuedBytes(queuedLimitBytes);
    this.shared = { channel, lists: new KnownLists(), queued, waiting: new Set() };
  }

  *streams(): Iterable<Http2Stream> {
    for (const { streams } of this.connections.values()) yield* streams.values();
  }

  /** The thread has ended: whoever still waits for a connection is told. */
  gone(): void {
    for (const connection of this.connections.values()) connection.abandon();
    this.connections.clear();
  }

  leave(): void {
    this.control.leave();
  }

  cut(): void {
    this.control.cut();
  }

  async empty(): Promise<void> {
    if (this.http2Count === 0) return;
    await new Promise<void>((resolve) => {
      this.whenEmpty = resolve;
    });
  }

  room(): void {
    const connections = [...this.shared!.waiting];
    this.shared!.waiting.clear();
    for (const connection of connections) connection.resume();
  }

  record(
    type: number,
    connectionId: number,
    streamId: number,
    value: number,
    bytes: Buffer,
    from: number,
    to: number,
  ): void {
    switch (type) {
      case recordType.opened:
        this.opened(connectionId, JSON.parse(bytes.toString("utf8", from, to)));
        return;
      case recordType.counted:
        this.counted(JSON.parse(bytes.toString("utf8", from, to)));
        return;
      default:
    }
    const connection = this.connections.get(connectionId)!;
    switch (type) {
      case recordType.closed:
        this.connections.delete(connectionId);
        connection.abandon();
        if (!connection.isWhole && --this.http2Count === 0) this.whenEmpty?.();
        return;
      case recordType.headers: {
        const words: HeaderWords = JSON.parse(bytes.toString("utf8", from, to));
        connection.headers = RequestHeaders.of(words);
        return;
      }
      case recordType.request: {
        const stream = connection.open(streamId);
        if (this.holdsTooMuch(connection)) {
          stream.reset(errorCode.enhanceYourCalm);
          this.services.grpc.refused("unread_answers");
          return;
        }
        stream.remoteEnded = value === 1;
        stream.receiver = this.services.grpc.request(connection, stream, connection.headers);
        if (value === 1) stream.arrivedEnd();
        return;
      }
      default:
    }
    // What is over here may not be known to be over there.
    const stream = connection.streams.get(streamId);
    if (stream === undefined) return;
    switch (type) {
      case recordType.data:
        // Known before the last bytes are handed on, as on a connection of this thread.
        if (value === 1) stream.remoteEnded = true;
        stream.arrived(bytes, from, to);
        if (value === 1) stream.arrivedEnd();
        break;
      case recordType.end:
        stream.remoteEnded = true;
        stream.arrivedEnd();
        break;
      case recordType.reset:
        connection.ended(stream);
        break;
      default:
        connection.credit(stream, value);
    }
  }

  /** As on the thread, of what has not gone there yet. */
  private holdsTooMuch({ queuedBytes }: RemoteConnection): boolean {
    const { queued } = this.shared!;
    return (
      queuedBytes > this.services.limits.maxQueuedBytes ||
      (queued.held > queued.max && queuedBytes > fairShareBytes)
    );
  }

  private opened(id: number, facts: ConnectionFacts): void {
    const { services } = this;
    const connection = new RemoteConnection(id, facts, this.shared!, services.clock);
    this.connections.set(id, connection);
    if (facts.kind === "http2") {
      this.http2Count++;
      return;
    }
    const socket = connection.socket as RemoteSocket;
    services.http1.serve(socket.carry(connection.open(wholeStream)));
  }

  private counted(counted: Counted): void {
    if (counted.what === "faulted") this.services.grpc.faulted(counted.reason, counted.message);
    else this.services.grpc.refused(counted.reason);
  }
}
