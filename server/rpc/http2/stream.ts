// One stream: its windows, what waits to be sent on it, and its two ends. The connection owns it and
// tells its receiver what arrives.
import { Buffer } from "node:buffer";
import { assert } from "#base/assert.ts";
import type { ErrorCode } from "./frame.ts";
import type { HeaderList } from "./header-encoder.ts";

/** Whoever serves a stream. Called in the turn in which the bytes arrive. */
export interface StreamReceiver {
  /** The body goes on with `bytes` from `from` to `to`; they alias what was received. */
  onData(bytes: Buffer, from: number, to: number): void;
  /** The client sends no more. */
  onEnd(): void;
  /** The stream is over before both ends were done: reset, or its connection is gone. */
  onReset(): void;
  /** There is room again after `write` answered false. */
  onWritable(): void;
}

/** What a stream needs of its connection. */
export interface StreamOwner {
  sendHeaders(stream: Http2Stream, list: HeaderList, ends: boolean): void;
  /** Sends what the windows allow of the stream's queue. */
  sendQueued(stream: Http2Stream): void;
  /** Sends at once if nothing is in the way; false: it must be queued. */
  sendAtOnce(stream: Http2Stream, prefix: Uint8Array, body: Uint8Array): boolean;
  /** Sends a whole response at once if nothing is in the way; false: it must go in its parts. */
  sendWhole(
    stream: Http2Stream,
    headers: HeaderList,
    prefix: Uint8Array,
    body: Uint8Array,
    trailers: HeaderList,
  ): boolean;
  sendReset(stream: Http2Stream, code: ErrorCode): void;
  queued(bytes: number): void;
  /** The receiver has taken bytes in: the client may send as many more. */
  consumed(stream: Http2Stream, bytes: number): void;
}

/** Beyond this, `write` asks to hold back. */
const queueHighBytes = 65_536;
const copyBelow = 4096;
const maxHeldPieces = 512;

export class Http2Stream {
  readonly id: number;
  sendWindow: number;
  /** What the client may still send. */
  receiveWindow: number;
  /** Taken in, but not yet given back to the client's window. */
  uncredited = 0;
  /** Announced length of the body less what has come; -1 if it was not announced. */
  bodyLeft: number;
  remoteEnded = false;
  /** Our last frame is written. */
  localEnded = false;
  headersSent = false;
  receiver: StreamReceiver | undefined;
  private readonly owner: StreamOwner;
  /** Payloads in order; the first may be cut. */
  private queue: Uint8Array[] | undefined;
  queuedBytes = 0;
  /** What follows the queue once it `ends`; undefined for an empty last frame. */
  trailers: HeaderList | undefined;
  /** The response ends behind the queue. */
  ends = false;
  private askedToHold = false;
  /** Arrived while requests are held. */
  private held: Buffer[] | undefined;
  private heldEnd = false;

  constructor(owner: StreamOwner, id: number, sendWindow: number, receiveWindow: number) {
    this.owner = owner;
    this.id = id;
    this.sendWindow = sendWindow;
    this.receiveWindow = receiveWindow;
    this.bodyLeft = -1;
  }

  /** Sends the response's fields; `ends` if they are all there is. */
  respond(list: HeaderList, ends: boolean): void {
    if (this.localEnded || this.headersSent) return;
    this.headersSent = true;
    this.owner.sendHeaders(this, list, ends);
  }

  /**
   * Sends `prefix` (copied, may be reused) and `body` (the stream's from now on) as data. False: hold
   * back until `onWritable`; what was given is sent all the same.
   */
  write(prefix: Uint8Array, body: Uint8Array): boolean {
    assert(this.headersSent && !this.ends, "data before headers or behind the end");
    if (this.localEnded) return true;
    if (this.queuedBytes > 0 || !this.owner.sendAtOnce(this, prefix, body)) {
      this.queue ??= [];
      if (prefix.length > 0) this.queue.push(Uint8Array.from(prefix));
      if (body.length > 0) this.queue.push(body);
      this.queuedBytes += prefix.length + body.length;
      this.owner.queued(prefix.length + body.length);
      this.owner.sendQueued(this);
    }
    if (this.queuedBytes <= queueHighBytes) return true;
    this.askedToHold = true;
    return false;
  }

  /** Ends the response behind what was written, with trailers if there are any. */
  finish(trailers: HeaderList | undefined): void {
    if (this.localEnded || this.ends) return;
    this.ends = true;
    this.trailers = trailers;
    this.owner.sendQueued(this);
  }

  /** The whole response: `respond`, `write` and `finish`; the same rules hold of its parts. */
  answer(headers: HeaderList, prefix: Uint8Array, body: Uint8Array, trailers: HeaderList): void {
    if (!this.localEnded && !this.headersSent && !this.ends) {
      this.headersSent = true;
      if (this.owner.sendWhole(this, headers, prefix, body, trailers)) return;
      this.headersSent = false;
    }
    this.respond(headers, false);
    this.write(prefix, body);
    this.finish(trailers);
  }

  /** Ends the stream at once, in both directions. */
  reset(code: ErrorCode): void {
    if (!this.localEnded || !this.remoteEnded) this.owner.sendReset(this, code);
  }

  /** Stops or restarts the handing on of data; the window bounds what waits. */
  hold(hold: boolean): void {
    if (hold) {
      if (!this.over) this.held ??= [];
      return;
    }
    const { held } = this;
    if (held === undefined) return;
    this.held = undefined;
    for (const [index, bytes] of held.entries()) {
      if (this.held !== undefined) {
        // Held again by what was just handed on.
        this.held = held.slice(index);
        return;
      }
      // What was just handed on may have ended the stream: then nobody takes the rest.
      if (this.over) this.owner.consumed(this, bytes.length);
      else this.hand(bytes, 0, bytes.length);
    }
    if (this.heldEnd && this.held === undefined && !this.over) {
      this.heldEnd = false;
      this.receiver?.onEnd();
    }
  }

  /** @internal The connection has bytes of the body: those of `bytes` from `from` to `to`. */
  arrived(bytes: Buffer, from: number, to: number): void {
    const { held } = this;
    if (held === undefined) {
      this.hand(bytes, from, to);
      return;
    }
    const piece = bytes.subarray(from, to);
    // A small piece must not keep the large chunk that it came in, nor many of them an object each.
    held.push(piece.length < copyBelow ? Buffer.from(piece) : piece);
    if (held.length >= maxHeldPieces) this.held = [Buffer.concat(held)];
  }

  /** @internal The client has ended its side, and everything before was handed on. */
  arrivedEnd(): void {
    if (this.held !== undefined) this.heldEnd = true;
    else this.receiver?.onEnd();
  }

  /** @internal What the queue has at its head, at most `max` bytes, taken off it. */
  shift(max: number): Uint8Array {
    const queue = this.queue!;
    const first = queue[0]!;
    if (first.length <= max) {
      queue.shift();
      this.took(first.length);
      return first;
    }
    queue[0] = first.subarray(max);
    this.took(max);
    return first.subarray(0, max);
  }

  /** @internal After sending: whoever was held back may go on. */
  offerRoom(): void {
    if (!this.askedToHold || this.queuedBytes > queueHighBytes / 2 || this.ends) return;
    this.askedToHold = false;
    this.receiver?.onWritable();
  }

  /** @internal The stream is over: nothing is kept. */
  dropQueue(): void {
    this.took(this.queuedBytes);
    this.queue = undefined;
    if (this.held !== undefined) {
      const bytes = this.heldBytes;
      this.held = undefined;
      this.owner.consumed(this, bytes);
    }
  }

  /** @internal The stream is over in both directions; its receiver is told, unless both ends were done before. */
  abandon(): void {
    const wasOver = this.over;
    this.localEnded = true;
    this.remoteEnded = true;
    this.dropQueue();
    if (!wasOver) this.receiver?.onReset();
  }

  /** @internal Bytes of the body that arrived and were not handed on. */
  get heldBytes(): number {
    let bytes = 0;
    for (const chunk of this.held ?? []) bytes += chunk.length;
    return bytes;
  }

  /** Of bytes that are being handed on: none follow. What was held is handed on with its end behind it. */
  get handsLast(): boolean {
    return this.remoteEnded && !this.heldEnd;
  }

  private get over(): boolean {
    return this.localEnded && this.remoteEnded;
  }

  private took(bytes: number): void {
    if (bytes === 0) return;
    this.queuedBytes -= bytes;
    this.owner.queued(-bytes);
  }

  private hand(bytes: Buffer, from: number, to: number): void {
    this.receiver?.onData(bytes, from, to);
    this.owner.consumed(this, to - from);
  }
}
