// The thread's side: streams and connections of clients on one hand, records to and from the core on the
// other. How much of a stream is under way to the core is bounded by its receive window here; how much
// is under way to the client, by what the core may send before it is credited.
import type { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { emptyBytes } from "#base/bytes.ts";
import type { ErrorCode } from "../http2/frame.ts";
import type { HeaderList } from "../http2/header-encoder.ts";
import type { RequestHeaders } from "../http2/request-headers.ts";
import type { Http2Stream, StreamReceiver } from "../http2/stream.ts";
import type { Http2Service } from "../http2-connections.ts";
import { ServerConnection } from "../server-connection.ts";
import type { ChannelEvents, ThreadChannel } from "./channel.ts";
import { recordType, textOf } from "./records.ts";

/** Of a request's bytes so many may be under way to the core, unread, before its stream is held. */
const maxUnreadBytes = 262_144;
/** Of an answer's bytes so many are taken before the core is told. */
const creditBytes = 65_536;
/** The one stream of a connection that is handed on byte by byte. */
export const wholeStream = 1;

/** Who a connection is, as the core must know it. */
export interface ConnectionFacts {
  /** `whole`: its bytes are handed on as they are. */
  readonly kind: "http2" | "whole";
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly encrypted: boolean;
  readonly commonName?: string | undefined;
  /** Of the client's certificate, if it showed one. */
  readonly subject?: string | undefined;
}

/** Something for the core to count or to log. */
export type Counted =
  | { readonly what: "faulted"; readonly reason: string; readonly message: string }
  | { readonly what: "refused"; readonly reason: string };

/** The headers of a request: the pseudo fields, then names and values in turn. */
export type HeaderWords = readonly string[];

/** What is relayed: a stream, or a whole connection. */
interface Relayed {
  /** What is being handed on is the last. */
  readonly ended: boolean;
  respond(list: HeaderList, ends: boolean): void;
  /** False: hold back until there is room. */
  write(bytes: Uint8Array): boolean;
  finish(trailers: HeaderList | undefined): void;
  reset(code: ErrorCode): void;
  hold(hold: boolean): void;
}

/** One stream on its way to the core and back. */
class StreamRelay implements StreamReceiver {
  private readonly channel: ThreadChannel;
  private readonly connection: number;
  private readonly stream: number;
  private readonly relayed: Relayed;
  private unread = 0;
  private sentEnd = false;
  private held = false;
  private uncredited = 0;
  private full = false;

  constructor(channel: ThreadChannel, connection: number, stream: number, relayed: Relayed) {
    this.channel = channel;
    this.connection = connection;
    this.stream = stream;
    this.relayed = relayed;
  }

  onData(bytes: Buffer, from: number, to: number): void {
    const { channel, connection, stream } = this;
    this.sentEnd = this.relayed.ended;
    const last = this.sentEnd ? 1 : 0;
    channel.put(recordType.data, connection, stream, last, bytes.subarray(from, to));
    this.unread += to - from;
    if (this.held || this.unread < maxUnreadBytes) return;
    this.held = true;
    this.relayed.hold(true);
  }

  onEnd(): void {
    if (!this.sentEnd) this.channel.put(recordType.end, this.connection, this.stream, 0);
  }

  onReset(): void {
    this.channel.put(recordType.reset, this.connection, this.stream, 0);
  }

  onWritable(): void {
    this.full = false;
    this.credit();
  }

  /** The core has read so many bytes of the request. */
  read(bytes: number): void {
    this.unread -= bytes;
    if (!this.held || this.unread > maxUnreadBytes / 2) return;
    this.held = false;
    this.relayed.hold(false);
  }

  /** Bytes of the answer. */
  write(bytes: Uint8Array): void {
    this.uncredited += bytes.length;
    if (!this.relayed.write(bytes)) this.full = true;
    else if (this.uncredited >= creditBytes) this.credit();
  }

  /** The answer's other parts. */
  get answer(): Relayed {
    return this.relayed;
  }

  private credit(): void {
    if (this.full || this.uncredited === 0) return;
    this.channel.put(recordType.credit, this.connection, this.stream, this.uncredited);
    this.uncredited = 0;
  }
}

/** A stream of HTTP/2 as something relayed. */
class RelayedStream implements Relayed {
  private readonly stream: Http2Stream;

  constructor(stream: Http2Stream) {
    this.stream = stream;
  }

  get ended(): boolean {
    return this.stream.handsLast;
  }

  respond(list: HeaderList, ends: boolean): void {
    this.stream.respond(list, ends);
  }

  write(bytes: Uint8Array): boolean {
    // One that was reset meanwhile takes no more.
    if (this.stream.localEnded) return true;
    return this.stream.write(emptyBytes, bytes);
  }

  finish(trailers: HeaderList | undefined): void {
    this.stream.finish(trailers);
  }

  reset(code: ErrorCode): void {
    this.stream.reset(code);
  }

  hold(hold: boolean): void {
    this.stream.hold(hold);
  }
}

/** A connection whose bytes are handed on as they are: HTTP/1.1 is read by the core. */
class RelayedSocket implements Relayed {
  private readonly socket: Duplex;

  constructor(socket: Duplex) {
    this.socket = socket;
  }

  readonly ended = false;

  respond(): void {}

  write(bytes: Uint8Array): boolean {
    return this.socket.destroyed || this.socket.writableEnded || this.socket.write(bytes);
  }

  finish(): void {
    this.socket.end();
  }

  reset(): void {
    const { socket } = this;
    if (socket.writableEnded && !socket.writableFinished)
      socket.once("finish", () => socket.destroy());
    else socket.destroy();
  }

  hold(hold: boolean): void {
    if (hold) this.socket.pause();
    else this.socket.resume();
  }
}

interface KnownConnection {
  readonly id: number;
  /** What has the relays of its streams; undefined: it is handed on whole, by `relay`. */
  readonly served: ServerConnection | undefined;
  relay: StreamRelay | undefined;
  /** What the core has last been told. */
  headers: RequestHeaders | undefined;
}

/** All connections of a thread. */
export class ConnectionRelay implements Http2Service, ChannelEvents {
  private channel: ThreadChannel | undefined;
  private readonly byId = new Map<number, KnownConnection>();
  private readonly byConnection = new Map<ServerConnection, KnownConnection>();
  private readonly lists: HeaderList[] = [];
  /** Nothing more is read of them until the core has caught up. */
  private readonly waiting = new Set<ServerConnection | Duplex>();
  private readonly wholes = new Set<Duplex>();
  private lastId = 0;

  /** To be called before anything comes. */
  join(channel: ThreadChannel): void {
    this.channel = channel;
  }

  /** A connection of HTTP/2 that is served from now on. */
  serving(connection: ServerConnection): void {
    const facts = factsOf("http2", connection.socket, connection.commonName);
    this.byConnection.set(connection, this.open(facts, connection));
  }

  /** A connection that speaks something else. */
  whole(socket: Duplex): void {
    const known = this.open(factsOf("whole", socket, undefined), undefined);
    const relay = new StreamRelay(this.channel!, known.id, wholeStream, new RelayedSocket(socket));
    known.relay = relay;
    this.wholes.add(socket);
    socket.on("data", (bytes: Buffer) => {
      relay.onData(bytes, 0, bytes.length);
      if (!this.channel!.congested) return;
      socket.pause();
      this.waiting.add(socket);
    });
    socket.on("drain", () => relay.onWritable());
    socket.on("end", () => relay.onEnd());
    socket.on("error", ignoreSocketError);
    socket.on("close", () => {
      this.wholes.delete(socket);
      this.waiting.delete(socket);
      this.byId.delete(known.id);
      this.channel!.put(recordType.closed, known.id, 0, 0);
    });
  }

  request(
    connection: ServerConnection,
    stream: Http2Stream,
    headers: RequestHeaders,
  ): StreamReceiver {
    const known = this.byConnection.get(connection)!;
    const channel = this.channel!;
    if (known.headers !== headers) {
      known.headers = headers;
      channel.put(recordType.headers, known.id, 0, 0, textOf(headers.words()));
    }
    const relay = new StreamRelay(channel, known.id, stream.id, new RelayedStream(stream));
    channel.put(recordType.request, known.id, stream.id, stream.remoteEnded ? 1 : 0);
    if (channel.congested) {
      connection.holdReading(true);
      this.waiting.add(connection);
    }
    return relay;
  }

  faulted(reason: string, message: string): void {
    this.count({ what: "faulted", reason, message });
  }

  refused(reason: string): void {
    this.count({ what: "refused", reason });
  }

  closed(connection: ServerConnection): void {
    const known = this.byConnection.get(connection)!;
    this.byConnection.delete(connection);
    this.waiting.delete(connection);
    this.byId.delete(known.id);
    this.channel!.put(recordType.closed, known.id, 0, 0);
  }

  /** Ends all connections that are handed on whole, behind what was written on them. */
  async end(): Promise<void> {
    const closed: Promise<unknown>[] = [];
    for (const socket of this.wholes) {
      closed.push(new Promise((resolve) => socket.once("close", resolve)));
      if (socket.writableLength === 0) socket.destroy();
      else socket.end(() => socket.destroy());
    }
    await Promise.all(closed);
  }

  room(): void {
    for (const one of this.waiting)
      if (one instanceof ServerConnection) one.holdReading(false);
      else one.resume();
    this.waiting.clear();
  }

  record(
    type: number,
    connection: number,
    stream: number,
    value: number,
    bytes: Buffer,
    from: number,
    to: number,
  ): void {
    if (type === recordType.list) {
      this.lists[value] = { fields: JSON.parse(bytes.toString("utf8", from, to)), recurs: true };
      return;
    }
    // What is over here may not be known to be over there.
    const known = this.byId.get(connection);
    const relay = known?.relay ?? known?.served?.http2.streams.get(stream)?.receiver;
    if (!(relay instanceof StreamRelay)) return;
    switch (type) {
      case recordType.respond:
        relay.answer.respond(this.lists[value >> 1]!, (value & 1) === 1);
        break;
      case recordType.respondOnce:
        relay.answer.respond(once(bytes, from, to), value === 1);
        break;
      case recordType.data:
        relay.write(bytes.subarray(from, to));
        break;
      case recordType.answer: {
        relay.answer.respond(this.lists[value >> 16]!, false);
        relay.write(bytes.subarray(from, to));
        relay.answer.finish(this.lists[value & 0xffff]!);
        break;
      }
      case recordType.finish:
        relay.answer.finish(value === 0 ? undefined : this.lists[value - 1]!);
        break;
      case recordType.finishOnce:
        relay.answer.finish(once(bytes, from, to));
        break;
      case recordType.reset:
        relay.answer.reset(value as ErrorCode);
        break;
      default:
        relay.read(value);
    }
  }

  private open(facts: ConnectionFacts, served: ServerConnection | undefined): KnownConnection {
    const id = ++this.lastId;
    const known: KnownConnection = { id, served, relay: undefined, headers: undefined };
    this.byId.set(id, known);
    this.channel!.put(recordType.opened, id, 0, 0, textOf(facts));
    return known;
  }

  private count(counted: Counted): void {
    this.channel!.put(recordType.counted, 0, 0, 0, textOf(counted));
  }
}

function once(bytes: Buffer, from: number, to: number): HeaderList {
  return { fields: JSON.parse(bytes.toString("utf8", from, to)), recurs: false };
}

function factsOf(
  kind: ConnectionFacts["kind"],
  socket: Duplex,
  commonName: string | undefined,
): ConnectionFacts {
  const { remoteAddress = "", remotePort = 0 } = socket as Partial<Socket>;
  const { encrypted = false } = socket as Partial<TLSSocket>;
  const certificate = encrypted ? (socket as TLSSocket).getPeerX509Certificate() : undefined;
  return { kind, remoteAddress, remotePort, encrypted, commonName, subject: certificate?.subject };
}

function ignoreSocketError(): void {
  // The socket closes by itself, which is what counts.
}
