// One HTTP/2 connection of a server, as a pure machine: bytes go in, requests come out; answers go in,
// bytes come out (RFC 9113). It owns no socket and no timer, so that it can be tested byte by byte and
// moved to another thread. What a client may make it keep is bounded: by windows (bytes received), by
// the queue limit (bytes to send), by the header limit and by the flood guard.
import { Buffer } from "node:buffer";
import { assert } from "#base/assert.ts";
import { FloodGuard } from "./floods.ts";
import {
  ConnectionFault,
  type ErrorCode,
  errorCode,
  FrameReader,
  type FrameTarget,
  frameFlag,
  frameType,
  maxFrameBytes,
  protocolFault,
  setting,
  sizeFault,
  windowFault,
} from "./frame.ts";
import { HeaderEncoder, type HeaderList } from "./header-encoder.ts";
import { type BlockPool, Output, type QueuedBytes } from "./output.ts";
import { RecentStreams } from "./recent-streams.ts";
import { RequestDecoder } from "./request-decoder.ts";
import type { RequestHeaders } from "./request-headers.ts";
import { Http2Stream, type StreamOwner, type StreamReceiver } from "./stream.ts";

export interface ConnectionSettings {
  readonly maxConcurrentStreams: number;
  readonly maxHeaderBytes: number;
  /** Beyond this many bytes waiting to be sent, new requests are refused. */
  readonly maxQueuedBytes: number;
}

/** Why a request was refused before anyone saw it. */
export type RefusalReason = "malformed" | "header_size" | "concurrent_streams" | "unread_answers";

/** Whoever serves the connection. */
export interface ConnectionEvents {
  /** A new request; its body and end follow. What it answers receives them. */
  request(stream: Http2Stream, headers: RequestHeaders): StreamReceiver;
  /** There is something to send; called once until the next parcel is taken. */
  wantsFlush(): void;
  /** A ping of the client. Whether data was sent to it since its last one. */
  pinged(sentSince: boolean): void;
  /** The answer to our ping. */
  ponged(): void;
  /** A request was refused; to be counted. */
  refused(reason: RefusalReason): void;
}

const largestWindow = 2 ** 31 - 1;
const initialWindow = 65_535;
const streamWindow = 1 << 20;
const connectionWindow = 1 << 24;
/** Unsent bytes of one turn beyond which data waits for the socket. */
const turnBytes = 1 << 20;
/**
 * Unsent bytes beyond which requests are refused: data stops at a turn's, so all this is answers to
 * requests that nobody reads.
 */
export const unreadBytes = 4 * turnBytes;
/** While all connections together hold too much, those that hold more than this get no requests. */
export const fairShareBytes = 1 << 20;
/** Streams that a change of all windows may touch for the price of one frame. */
const streamsAFrame = 64;
/** Frames of one header block; each may be empty. */
const maxContinuations = 64;

export class Http2Connection implements FrameTarget, StreamOwner {
  readonly streams = new Map<number, Http2Stream>();
  readonly output: Output;
  /** The socket takes no more for now. */
  congested = false;
  /** Bytes that wait on streams. */
  queuedBytes = 0;
  lastStreamId = 0;
  /** Set once a GOAWAY went out: streams beyond it are ignored. */
  leaving = false;
  /** Whole frames that came, a header block counting as one: grows while a client goes on. */
  progress = 0;
  /** The last stream that was served, as every GOAWAY says it. */
  private lastServedId = 0;
  private readonly settings: ConnectionSettings;
  private readonly events: ConnectionEvents;
  private readonly reader: FrameReader;
  private readonly decoder: RequestDecoder;
  private readonly encoder = new HeaderEncoder();
  private readonly floods: FloodGuard;
  private readonly total: QueuedBytes;
  /** Streams with data that the connection's window or the socket holds up. */
  private readonly waiting = new Set<Http2Stream>();
  private readonly recent = new RecentStreams();
  private sendWindow = initialWindow;
  private receiveWindow = connectionWindow;
  private uncredited = 0;
  private peerInitialWindow = initialWindow;
  private peerMaxFrame = maxFrameBytes;
  private settingsSeen = false;
  private ended = false;
  private flushWanted = false;
  private sentSincePing = false;
  /** A header block that goes on in CONTINUATION frames. */
  private block:
    | { readonly streamId: number; readonly ends: boolean; parts: Buffer[]; bytes: number }
    | undefined;

  constructor(
    settings: ConnectionSettings,
    events: ConnectionEvents,
    pool: BlockPool,
    total: QueuedBytes,
    nowMs: () => number,
  ) {
    this.settings = settings;
    this.total = total;
    this.events = events;
    this.output = new Output(pool);
    this.reader = new FrameReader(this);
    this.decoder = new RequestDecoder(settings.maxHeaderBytes);
    this.floods = new FloodGuard(nowMs);
    this.sendSettings();
  }

  /**
   * Takes what the socket received. False: the connection has ended with a GOAWAY in its output, to
   * be sent before the socket is closed; `fault` says why.
   */
  receive(chunk: Buffer): boolean {
    if (this.ended) return false;
    try {
      this.reader.push(chunk);
      return true;
    } catch (error) {
      if (!(error instanceof ConnectionFault)) throw error;
      this.fail(error.code, error.message, error.reason);
      return false;
    }
  }

  /** Why the connection ended, if by a fault. */
  fault:
    | { readonly code: ErrorCode; readonly message: string; readonly reason: string }
    | undefined;

  /** The client began a frame or a header block and has not gone on: a slow writer, if for long. */
  get unfinished(): boolean {
    return this.reader.waiting || this.block !== undefined || !this.settingsSeen;
  }

  /** Ends the connection with a GOAWAY; streams are told. */
  fail(code: ErrorCode, message: string, reason: string): void {
    if (this.ended) return;
    this.fault = { code, message, reason };
    this.goaway(code, message);
    this.abandon();
  }

  /** The socket is gone: streams are told, nothing is kept. */
  abandon(): void {
    this.ended = true;
    for (const stream of this.streams.values()) stream.abandon();
    this.streams.clear();
    this.waiting.clear();
  }

  /** Tells the client to open no more streams here; those begun go on. */
  goaway(code: ErrorCode, message: string): void {
    if (!this.leaving) this.lastServedId = this.lastStreamId;
    this.leaving = true;
    const debug = Buffer.from(message.slice(0, 128), "latin1");
    this.output.header(8 + debug.length, frameType.goaway, 0, 0);
    this.output.uint32(this.lastServedId);
    this.output.uint32(code);
    this.output.append(debug);
    this.wantFlush();
  }

  /** Asks for a sign of life; `ponged` is called when it comes. */
  ping(): void {
    this.output.header(8, frameType.ping, 0, 0);
    this.output.uint32(0);
    this.output.uint32(0);
    this.wantFlush();
  }

  /**
   * Throws AssertionError if windows or counts do not add up: bytes received are in a window, on their
   * way back to it, or held; bytes queued are those of the streams. For tests.
   */
  checkAccounts(): void {
    let held = 0;
    let queued = 0;
    for (const stream of this.streams.values()) {
      held += stream.heldBytes;
      queued += stream.queuedBytes;
      const sum = stream.receiveWindow + stream.uncredited + stream.heldBytes;
      assert(
        stream.remoteEnded || sum === streamWindow,
        `stream ${stream.id} has a window of ${sum}`,
      );
    }
    assert(queued === this.queuedBytes, `${this.queuedBytes} bytes are queued, not ${queued}`);
    const sum = this.receiveWindow + this.uncredited + held;
    assert(sum === connectionWindow, `the connection has a window of ${sum}`);
    for (const stream of this.waiting)
      assert(this.streams.has(stream.id), `stream ${stream.id} waits, but is over`);
  }

  /** What is to be sent now. */
  parcel(): ReturnType<Output["parcel"]> {
    this.flushWanted = false;
    return this.output.parcel();
  }

  /** The socket takes data again, or has taken a turn's: sends what waited, in turns of a frame. */
  resume(): void {
    // A stream that has more joins again at the end, and so gets its next turn in this same loop.
    for (const stream of this.waiting) {
      if (this.sendWindow <= 0 || !this.mayWrite()) return;
      this.waiting.delete(stream);
      this.sendFrames(stream, 1);
    }
  }

  // What arrives.

  frame(
    type: number,
    flags: number,
    streamId: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): void {
    if (this.ended) return;
    if (!this.settingsSeen && type !== frameType.settings)
      throw protocolFault("the first frame is not SETTINGS");
    if (
      this.block !== undefined &&
      (type !== frameType.continuation || streamId !== this.block.streamId)
    )
      throw protocolFault("a header block was interrupted");
    switch (type) {
      case frameType.data:
        this.onData(flags, streamId, bytes, start, end);
        break;
      case frameType.headers:
        this.onHeaders(flags, streamId, bytes, start, end);
        break;
      case frameType.priority:
        this.onPriority(streamId, bytes, start, end);
        break;
      case frameType.rstStream:
        this.onReset(streamId, end - start);
        break;
      case frameType.settings:
        this.onSettings(flags, streamId, bytes, start, end);
        break;
      case frameType.pushPromise:
        throw protocolFault("PUSH_PROMISE from a client");
      case frameType.ping:
        this.onPing(flags, streamId, bytes, start, end);
        break;
      case frameType.goaway:
        if (streamId !== 0) throw protocolFault("GOAWAY on a stream");
        if (end - start < 8) throw sizeFault("GOAWAY");
        break;
      case frameType.windowUpdate:
        this.onWindowUpdate(streamId, bytes, start, end);
        break;
      case frameType.continuation:
        this.onContinuation(flags, bytes, start, end);
        break;
      default:
        this.floods.count("unknown frames");
    }
    if (this.block === undefined) this.progress++;
  }

  private onData(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId === 0) throw protocolFault("DATA on stream 0");
    const length = end - start;
    let from = start;
    let to = end;
    if ((flags & frameFlag.padded) !== 0) {
      if (length < 1 || bytes[start]! >= length) throw protocolFault("padding beyond its frame");
      from = start + 1;
      to = end - bytes[start]!;
    }
    this.receiveWindow -= length;
    if (this.receiveWindow < 0)
      throw new ConnectionFault(errorCode.flowControlError, "data beyond the connection's window");
    const ends = (flags & frameFlag.endStream) !== 0;
    if (to === from && !ends) this.floods.count("empty DATA frames");
    const stream = this.streams.get(streamId);
    if (stream === undefined || stream.remoteEnded) {
      this.credit(length);
      if (stream !== undefined) this.faultOne(stream, errorCode.streamClosed);
      else this.onClosedStream(streamId, "DATA");
      return;
    }
    stream.receiveWindow -= length;
    if (stream.receiveWindow < 0) {
      this.credit(length);
      this.faultOne(stream, errorCode.flowControlError);
      return;
    }
    // Padding is consumed at once, the rest by whoever takes it.
    if (to - from < length) this.consumed(stream, length - (to - from));
    if (stream.bodyLeft >= 0) {
      const left = stream.bodyLeft - (to - from);
      if (left < 0 || (ends && left > 0)) {
        this.credit(to - from);
        this.faultOne(stream, errorCode.protocolError);
        return;
      }
      stream.bodyLeft = left;
    }
    // Known before the last bytes are handed on: who answers at once need not end the request.
    if (ends) stream.remoteEnded = true;
    if (to > from) stream.arrived(bytes, from, to);
    if (ends) stream.arrivedEnd();
  }

  private onHeaders(
    flags: number,
    streamId: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): void {
    if (streamId % 2 === 0) throw protocolFault("HEADERS on a stream that is not a client's");
    let from = start;
    let to = end;
    if ((flags & frameFlag.padded) !== 0) {
      if (start === end || bytes[start]! > end - start - 1)
        throw protocolFault("padding beyond its frame");
      to -= bytes[start]!;
      from++;
    }
    let dependsOnItself = false;
    if ((flags & frameFlag.priority) !== 0) {
      if (to - from < 5) throw sizeFault("HEADERS");
      dependsOnItself = (bytes.readUInt32BE(from) & 0x7fffffff) === streamId;
      from += 5;
    }
    const ends = (flags & frameFlag.endStream) !== 0;
    if ((flags & frameFlag.endHeaders) === 0) {
      this.block = { streamId, ends, parts: [bytes.subarray(from, to)], bytes: to - from };
      return;
    }
    this.onBlock(streamId, ends, bytes, from, to, dependsOnItself);
  }

  private onContinuation(flags: number, bytes: Buffer, start: number, end: number): void {
    const { block } = this;
    if (block === undefined) throw protocolFault("CONTINUATION without HEADERS");
    block.parts.push(bytes.subarray(start, end));
    block.bytes += end - start;
    if (block.bytes > this.settings.maxHeaderBytes || block.parts.length > maxContinuations)
      throw new ConnectionFault(
        errorCode.enhanceYourCalm,
        "a header block without end",
        "header_block",
      );
    if ((flags & frameFlag.endHeaders) === 0) return;
    this.block = undefined;
    const whole = Buffer.concat(block.parts);
    this.onBlock(block.streamId, block.ends, whole, 0, whole.length, false);
  }

  private onBlock(
    streamId: number,
    ends: boolean,
    bytes: Buffer,
    start: number,
    end: number,
    dependsOnItself: boolean,
  ): void {
    const known = this.streams.get(streamId);
    if (known !== undefined) {
      this.onTrailers(known, ends, bytes, start, end);
      return;
    }
    if (streamId <= this.lastStreamId) {
      this.onLateBlock(streamId, bytes, start, end);
      return;
    }
    const headers = this.decoder.request(bytes, start, end);
    this.lastStreamId = streamId;
    this.recent.opened(streamId);
    // Those behind our GOAWAY were never begun: the client may ask again elsewhere.
    if (this.leaving) {
      this.recent.endedByUs(streamId);
      return;
    }
    const refusal = this.refusal(headers, dependsOnItself, ends);
    if (refusal !== undefined) {
      this.writeReset(streamId, refusal[0]);
      this.recent.endedByUs(streamId);
      this.events.refused(refusal[1]);
      this.floods.count("refused requests");
      return;
    }
    const stream = new Http2Stream(this, streamId, this.peerInitialWindow, streamWindow);
    stream.bodyLeft = headers.contentLength;
    this.streams.set(streamId, stream);
    stream.remoteEnded = ends;
    stream.receiver = this.events.request(stream, headers);
    if (ends) stream.arrivedEnd();
  }

  /** A header block of a stream that is over: trailers that crossed our reset, or a fault. */
  private onLateBlock(streamId: number, bytes: Buffer, start: number, end: number): void {
    if (this.recent.endedByClient(streamId))
      throw new ConnectionFault(errorCode.streamClosed, "HEADERS on a closed stream");
    if (this.recent.neverUsed(streamId)) throw protocolFault("a stream number that goes back");
    this.floods.count("frames of closed streams");
    this.decoder.trailers(bytes, start, end);
  }

  private refusal(
    headers: RequestHeaders,
    dependsOnItself: boolean,
    ends: boolean,
  ): readonly [ErrorCode, RefusalReason] | undefined {
    const { maxConcurrentStreams, maxQueuedBytes } = this.settings;
    if (headers.fault !== undefined || dependsOnItself || (ends && headers.contentLength > 0))
      return [errorCode.protocolError, "malformed"];
    if (!headers.whole) return [errorCode.enhanceYourCalm, "header_size"];
    if (this.streams.size >= maxConcurrentStreams)
      return [errorCode.refusedStream, "concurrent_streams"];
    if (
      this.queuedBytes > maxQueuedBytes ||
      this.output.bytes > unreadBytes ||
      (this.total.held > this.total.max && this.queuedBytes > fairShareBytes)
    )
      return [errorCode.enhanceYourCalm, "unread_answers"];
    return undefined;
  }

  private onTrailers(
    stream: Http2Stream,
    ends: boolean,
    bytes: Buffer,
    start: number,
    end: number,
  ): void {
    const check = this.decoder.trailers(bytes, start, end);
    if (stream.remoteEnded) this.faultOne(stream, errorCode.streamClosed);
    else if (!ends || check.fault !== undefined || stream.bodyLeft > 0)
      this.faultOne(stream, errorCode.protocolError);
    else {
      stream.remoteEnded = true;
      stream.arrivedEnd();
    }
  }

  private onPriority(streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId === 0) throw protocolFault("PRIORITY on stream 0");
    this.floods.count("PRIORITY frames");
    if (end - start !== 5) this.resetById(streamId, errorCode.frameSizeError);
    else if ((bytes.readUInt32BE(start) & 0x7fffffff) === streamId)
      this.resetById(streamId, errorCode.protocolError);
  }

  private onReset(streamId: number, length: number): void {
    if (streamId === 0) throw protocolFault("RST_STREAM on stream 0");
    if (length !== 4) throw sizeFault("RST_STREAM");
    this.checkUsed(streamId, "RST_STREAM");
    this.floods.count("RST_STREAM frames");
    const stream = this.streams.get(streamId);
    if (stream === undefined) return;
    this.remove(stream);
    stream.abandon();
  }

  private onSettings(
    flags: number,
    streamId: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): void {
    if (streamId !== 0) throw protocolFault("SETTINGS on a stream");
    if ((flags & frameFlag.ack) !== 0) {
      if (end > start) throw sizeFault("SETTINGS");
      return;
    }
    if ((end - start) % 6 !== 0) throw sizeFault("SETTINGS");
    if (this.settingsSeen) this.floods.count("SETTINGS frames");
    this.settingsSeen = true;
    let window = this.peerInitialWindow;
    for (let at = start; at < end; at += 6) {
      const id = bytes.readUInt16BE(at);
      const value = bytes.readUInt32BE(at + 2);
      if (id !== setting.initialWindowSize) this.onSetting(id, value);
      else if (value > largestWindow) throw windowFault();
      else window = value;
    }
    // Ahead of the data that a larger window lets go.
    this.output.header(0, frameType.settings, frameFlag.ack, 0);
    this.wantFlush();
    // The last one counts: a frame of many must not touch all streams many times.
    if (window !== this.peerInitialWindow) this.onInitialWindow(window);
  }

  private onSetting(id: number, value: number): void {
    switch (id) {
      case setting.headerTableSize:
        this.encoder.limit(value);
        break;
      case setting.enablePush:
        if (value > 1) throw protocolFault("ENABLE_PUSH is neither 0 nor 1");
        break;
      case setting.maxFrameSize:
        if (value < maxFrameBytes || value >= 1 << 24)
          throw protocolFault("MAX_FRAME_SIZE out of range");
        this.peerMaxFrame = Math.min(value, 1 << 17);
        break;
      default:
    }
  }

  private onInitialWindow(value: number): void {
    const more = value - this.peerInitialWindow;
    this.peerInitialWindow = value;
    for (let at = streamsAFrame; at <= this.streams.size; at += streamsAFrame)
      this.floods.count("SETTINGS frames");
    for (const stream of this.streams.values()) {
      stream.sendWindow += more;
      if (stream.sendWindow > largestWindow) throw windowFault();
      if (more > 0) this.sendQueued(stream);
    }
  }

  private onPing(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId !== 0) throw protocolFault("PING on a stream");
    if (end - start !== 8) throw sizeFault("PING");
    if ((flags & frameFlag.ack) !== 0) {
      this.events.ponged();
      return;
    }
    this.floods.count("PING frames");
    this.output.header(8, frameType.ping, frameFlag.ack, 0);
    this.output.append(bytes.subarray(start, end));
    this.wantFlush();
    const sent = this.sentSincePing;
    this.sentSincePing = false;
    this.events.pinged(sent);
  }

  private onWindowUpdate(streamId: number, bytes: Buffer, start: number, end: number): void {
    if (end - start !== 4) throw sizeFault("WINDOW_UPDATE");
    const more = bytes.readUInt32BE(start) & 0x7fffffff;
    if (streamId === 0) {
      if (more === 0) throw protocolFault("WINDOW_UPDATE of 0");
      this.sendWindow += more;
      if (this.sendWindow > largestWindow) throw windowFault();
      if (this.waiting.size > 0) this.resume();
      return;
    }
    this.checkUsed(streamId, "WINDOW_UPDATE");
    const stream = this.streams.get(streamId);
    if (stream === undefined) {
      this.floods.count("WINDOW_UPDATE frames of closed streams");
      return;
    }
    stream.sendWindow += more;
    if (more === 0) this.faultOne(stream, errorCode.protocolError);
    else if (stream.sendWindow > largestWindow) this.faultOne(stream, errorCode.flowControlError);
    else if (stream.queuedBytes > 0) this.sendQueued(stream);
  }

  private onClosedStream(streamId: number, what: string): void {
    this.checkUsed(streamId, what);
    this.floods.count("frames of closed streams");
    if (this.recent.endedByClient(streamId)) this.writeReset(streamId, errorCode.streamClosed);
  }

  private checkUsed(streamId: number, what: string): void {
    if (streamId % 2 === 0 || streamId > this.lastStreamId)
      throw protocolFault(`${what} on a stream that was never opened`);
  }

  // What is sent.

  sendHeaders(stream: Http2Stream, list: HeaderList, ends: boolean): void {
    this.writeHeaders(stream.id, list, ends);
    if (ends) this.endLocal(stream);
  }

  sendAtOnce(stream: Http2Stream, prefix: Uint8Array, body: Uint8Array): boolean {
    const length = prefix.length + body.length;
    if (
      length > stream.sendWindow ||
      length > this.sendWindow ||
      length > this.peerMaxFrame ||
      !this.mayWrite()
    )
      return false;
    this.writeData(stream, length, 0);
    this.output.append(prefix);
    this.output.append(body);
    return true;
  }

  sendWhole(): boolean {
    // Its three frames go into the same block either way.
    return false;
  }

  sendQueued(stream: Http2Stream): void {
    this.sendFrames(stream, Number.POSITIVE_INFINITY);
  }

  queued(bytes: number): void {
    this.queuedBytes += bytes;
    this.total.held += bytes;
  }

  sendReset(stream: Http2Stream, code: ErrorCode): void {
    this.resetOne(stream, code);
  }

  consumed(stream: Http2Stream, bytes: number): void {
    this.credit(bytes);
    if (stream.remoteEnded || this.ended) return;
    stream.uncredited += bytes;
    if (stream.uncredited < streamWindow / 2) return;
    this.writeWindowUpdate(stream.id, stream.uncredited);
    stream.receiveWindow += stream.uncredited;
    stream.uncredited = 0;
  }

  private credit(bytes: number): void {
    this.uncredited += bytes;
    if (this.uncredited < connectionWindow / 2 || this.ended) return;
    this.writeWindowUpdate(0, this.uncredited);
    this.receiveWindow += this.uncredited;
    this.uncredited = 0;
  }

  private mayWrite(): boolean {
    return !this.congested && this.output.bytes < turnBytes;
  }

  /** Sends queued data, at most so many frames, and then the end; what is held up waits. */
  private sendFrames(stream: Http2Stream, maxFrames: number): void {
    for (let frames = 0; stream.queuedBytes > 0; frames++) {
      if (stream.sendWindow <= 0) return;
      if (this.sendWindow <= 0 || frames >= maxFrames || !this.mayWrite()) {
        this.waiting.add(stream);
        return;
      }
      let left = Math.min(
        stream.queuedBytes,
        stream.sendWindow,
        this.sendWindow,
        this.peerMaxFrame,
      );
      this.writeData(stream, left, 0);
      while (left > 0) {
        const bytes = stream.shift(left);
        left -= bytes.length;
        this.output.append(bytes);
      }
    }
    if (stream.ends && !stream.localEnded) {
      const { trailers } = stream;
      if (trailers === undefined) this.writeData(stream, 0, frameFlag.endStream);
      else this.writeHeaders(stream.id, trailers, true);
      this.endLocal(stream);
    } else stream.offerRoom();
  }

  private writeData(stream: Http2Stream, length: number, flags: number): void {
    this.output.header(length, frameType.data, flags, stream.id);
    stream.sendWindow -= length;
    this.sendWindow -= length;
    this.sentSincePing = true;
    this.wantFlush();
  }

  private writeHeaders(streamId: number, list: HeaderList, ends: boolean): void {
    const block = this.encoder.encode(list);
    const endStream = ends ? frameFlag.endStream : 0;
    this.sentSincePing = true;
    this.wantFlush();
    if (block.length <= maxFrameBytes) {
      this.output.header(
        block.length,
        frameType.headers,
        frameFlag.endHeaders | endStream,
        streamId,
      );
      this.output.append(block);
      return;
    }
    for (let at = 0; at < block.length; at += maxFrameBytes) {
      const part = block.subarray(at, at + maxFrameBytes);
      const last = at + maxFrameBytes >= block.length ? frameFlag.endHeaders : 0;
      const type = at === 0 ? frameType.headers : frameType.continuation;
      this.output.header(part.length, type, at === 0 ? last | endStream : last, streamId);
      this.output.append(part);
    }
  }

  private writeReset(streamId: number, code: ErrorCode): void {
    this.output.header(4, frameType.rstStream, 0, streamId);
    this.output.uint32(code);
    this.wantFlush();
  }

  private writeWindowUpdate(streamId: number, more: number): void {
    this.output.header(4, frameType.windowUpdate, 0, streamId);
    this.output.uint32(more);
    this.wantFlush();
  }

  private sendSettings(): void {
    const { maxConcurrentStreams, maxHeaderBytes } = this.settings;
    const pairs = [
      [setting.maxConcurrentStreams, maxConcurrentStreams],
      [setting.initialWindowSize, streamWindow],
      [setting.maxHeaderListSize, maxHeaderBytes],
    ] as const;
    const payload = Buffer.alloc(pairs.length * 6);
    for (const [index, [id, value]] of pairs.entries()) {
      payload.writeUInt16BE(id, index * 6);
      payload.writeUInt32BE(value, index * 6 + 2);
    }
    this.output.header(payload.length, frameType.settings, 0, 0);
    this.output.append(payload);
    this.writeWindowUpdate(0, connectionWindow - initialWindow);
  }

  private wantFlush(): void {
    if (this.flushWanted) return;
    this.flushWanted = true;
    this.events.wantsFlush();
  }

  /** Our side is done. What the client has not said yet, nobody waits for. */
  private endLocal(stream: Http2Stream): void {
    stream.localEnded = true;
    if (!stream.remoteEnded) {
      // The client may go on to send; NO_ERROR tells it to stop, behind an answer that is complete.
      this.writeReset(stream.id, errorCode.noError);
      this.recent.endedByUs(stream.id);
      stream.remoteEnded = true;
    }
    // What is held of the request, nobody reads any more: the connection's window gets it back.
    stream.dropQueue();
    this.remove(stream);
  }

  /** Resets a stream by a fault of the client: as costly to us as if it had reset the stream itself. */
  private faultOne(stream: Http2Stream, code: ErrorCode): void {
    this.resetOne(stream, code);
    this.floods.count("stream errors");
  }

  /** Resets a stream by a fault of the client or at the wish of its receiver. */
  private resetOne(stream: Http2Stream, code: ErrorCode): void {
    if (!this.streams.has(stream.id)) return;
    this.writeReset(stream.id, code);
    if (code !== errorCode.streamClosed) this.recent.endedByUs(stream.id);
    this.remove(stream);
    stream.abandon();
  }

  private resetById(streamId: number, code: ErrorCode): void {
    const stream = this.streams.get(streamId);
    if (stream !== undefined) this.resetOne(stream, code);
    else this.writeReset(streamId, code);
  }

  private remove(stream: Http2Stream): void {
    this.streams.delete(stream.id);
    this.waiting.delete(stream);
  }
}
