// A client's side of HTTP/2, as little of it as calls need: the test spends most of its time in making
// calls, and node:http2 costs several times as much for each. Frames and HPACK are read and written
// by the server's own modules; that those are right is shown elsewhere (test/http2).
import { connect, type Socket } from "node:net";
import {
  errorCode,
  FrameReader,
  frameFlag,
  frameHeaderBytes,
  frameType,
  maxFrameBytes,
  preface,
  setting,
} from "#server/rpc/http2/frame.ts";
import { HeaderDecoder } from "#server/rpc/http2/header-decoder.ts";
import { HeaderEncoder, type HeaderList } from "#server/rpc/http2/header-encoder.ts";

/** What a stream tells whoever opened it. */
export interface StreamTarget {
  header(name: string, value: string): void;
  /** Valid only during the call. */
  data(bytes: Buffer): void;
  /** Nothing more comes; called once. */
  closed(): void;
}

const firstWindow = 65_535;
/** Nobody is to wait for us. */
const ourWindow = 2 ** 31 - 1;
const replenishAt = 2 ** 20;

function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const out = Buffer.allocUnsafe(frameHeaderBytes + payload.length);
  out.writeUIntBE(payload.length, 0, 3);
  out[3] = type;
  out[4] = flags;
  out.writeUInt32BE(stream, 5);
  out.set(payload, frameHeaderBytes);
  return out;
}

function uint32(value: number): Buffer {
  const out = Buffer.allocUnsafe(4);
  out.writeUInt32BE(value);
  return out;
}

/** One stream; what cannot be sent yet waits here. */
export class ClientStream {
  readonly id: number;
  readonly target: StreamTarget;
  /** Neither side sends any more, or one has given up. */
  isClosed = false;
  /** No more is written, and then: that has been said. */
  isLast = false;
  isEnded = false;
  window: number;
  rest: Buffer = Buffer.alloc(0);
  private readonly session: ClientSession;

  constructor(session: ClientSession, id: number, target: StreamTarget, window: number) {
    this.session = session;
    this.id = id;
    this.target = target;
    this.window = window;
  }

  write(bytes: Buffer): void {
    this.rest = this.rest.length === 0 ? bytes : Buffer.concat([this.rest, bytes]);
    this.session.pump(this);
  }

  /** Sends the last bytes and ends our side. */
  end(bytes: Buffer): void {
    this.isLast = true;
    this.write(bytes);
  }

  /** Gives the stream up; it is closed at once. */
  cancel(): void {
    this.session.reset(this, errorCode.cancel);
  }
}

/** One connection. */
export class ClientSession {
  private readonly socket: Socket;
  private readonly encoder = new HeaderEncoder();
  private readonly decoder = new HeaderDecoder(2 ** 20);
  private readonly reader: FrameReader;
  private readonly streams = new Map<number, ClientStream>();
  private readonly out: Buffer[] = [];
  private nextId = 1;
  private window = firstWindow;
  private streamWindow = firstWindow;
  private taken = 0;
  /** A block of headers that goes on in further frames. */
  private block: Buffer | undefined;
  private isLast = false;
  private isClosed = false;

  constructor(url: string) {
    const { hostname, port } = new URL(url);
    this.socket = connect(Number(port), hostname);
    this.socket.setNoDelay(true);
    this.reader = new FrameReader({ frame: (...args) => this.frame(...args) });
    this.reader.push(preface);
    this.socket.on("data", (chunk: Buffer) => this.reader.push(chunk));
    this.socket.on("error", () => {});
    this.socket.on("close", () => this.end());
    const settings = Buffer.allocUnsafe(12);
    settings.writeUInt16BE(setting.initialWindowSize, 0);
    settings.writeUInt32BE(ourWindow, 2);
    settings.writeUInt16BE(setting.enablePush, 6);
    settings.writeUInt32BE(0, 8);
    this.send(frameType.settings, 0, 0, settings);
    this.out.unshift(preface);
    this.send(frameType.windowUpdate, 0, 0, uint32(ourWindow - firstWindow));
  }

  /** Opens a stream with these header fields, list by list. */
  open(lists: readonly HeaderList[], target: StreamTarget): ClientStream {
    const stream = new ClientStream(this, this.nextId, target, this.streamWindow);
    this.nextId += 2;
    const block = Buffer.concat(lists.map((list) => this.encoder.encode(list)));
    this.send(frameType.headers, frameFlag.endHeaders, stream.id, block);
    if (this.isClosed) this.close(stream);
    else this.streams.set(stream.id, stream);
    return stream;
  }

  /** Sends what the windows let through of a stream's bytes. */
  pump(stream: ClientStream): void {
    for (;;) {
      if (stream.isClosed || stream.isEnded) return;
      const length = Math.min(stream.rest.length, stream.window, this.window, maxFrameBytes);
      const isWhole = length === stream.rest.length;
      stream.isEnded = isWhole && stream.isLast;
      if (length <= 0 && !stream.isEnded) return;
      const flags = stream.isEnded ? frameFlag.endStream : 0;
      this.send(frameType.data, flags, stream.id, stream.rest.subarray(0, length));
      stream.rest = stream.rest.subarray(length);
      stream.window -= length;
      this.window -= length;
      if (isWhole) return;
    }
  }

  reset(stream: ClientStream, code: number): void {
    if (stream.isClosed) return;
    this.send(frameType.rstStream, 0, stream.id, uint32(code));
    this.close(stream);
  }

  destroy(): void {
    this.socket.destroy();
  }

  private close(stream: ClientStream): void {
    if (stream.isClosed) return;
    stream.isClosed = true;
    this.streams.delete(stream.id);
    stream.target.closed();
  }

  private end(): void {
    this.isClosed = true;
    for (const stream of [...this.streams.values()]) this.close(stream);
  }

  /** All that is made in one turn leaves in one write. */
  private send(type: number, flags: number, stream: number, payload: Uint8Array): void {
    if (this.out.length === 0) queueMicrotask(() => this.flush());
    this.out.push(frame(type, flags, stream, payload));
  }

  private flush(): void {
    if (this.out.length > 0 && !this.isClosed) this.socket.write(Buffer.concat(this.out));
    this.out.length = 0;
  }

  private frame(
    type: number,
    flags: number,
    id: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): void {
    const stream = this.streams.get(id);
    switch (type) {
      case frameType.data: {
        const padding = (flags & frameFlag.padded) === 0 ? 0 : bytes[start]! + 1;
        const from = padding === 0 ? start : start + 1;
        const to = padding === 0 ? end : end - padding + 1;
        if (to > from) stream?.target.data(bytes.subarray(from, to));
        this.taken += end - start;
        if (this.taken >= replenishAt) {
          this.send(frameType.windowUpdate, 0, 0, uint32(this.taken));
          this.taken = 0;
        }
        if ((flags & frameFlag.endStream) !== 0) this.ended(stream);
        return;
      }
      case frameType.headers:
        this.isLast = (flags & frameFlag.endStream) !== 0;
        this.block = Buffer.from(bytes.subarray(start, end));
        if ((flags & frameFlag.endHeaders) !== 0) this.headers(stream);
        return;
      case frameType.continuation:
        this.block = Buffer.concat([this.block!, bytes.subarray(start, end)]);
        if ((flags & frameFlag.endHeaders) !== 0) this.headers(stream);
        return;
      case frameType.rstStream:
        if (stream !== undefined) this.close(stream);
        return;
      case frameType.settings:
        if ((flags & frameFlag.ack) === 0) this.settings(bytes, start, end);
        return;
      case frameType.ping:
        if ((flags & frameFlag.ack) === 0)
          this.send(frameType.ping, frameFlag.ack, 0, Buffer.from(bytes.subarray(start, end)));
        return;
      case frameType.windowUpdate: {
        const more = bytes.readUInt32BE(start);
        if (stream !== undefined) {
          stream.window += more;
          this.pump(stream);
        } else if (id === 0) {
          this.window += more;
          for (const one of this.streams.values()) this.pump(one);
        }
        return;
      }
      default:
        return;
    }
  }

  private headers(stream: ClientStream | undefined): void {
    const block = this.block!;
    this.block = undefined;
    this.decoder.decode(block, 0, block.length, {
      field: (name, value) => stream?.target.header(name, value),
    });
    if (this.isLast) this.ended(stream);
  }

  /** The server's side has ended; ours is given up if it has not. */
  private ended(stream: ClientStream | undefined): void {
    if (stream === undefined) return;
    if (!stream.isEnded) this.reset(stream, errorCode.noError);
    else this.close(stream);
  }

  private settings(bytes: Buffer, start: number, end: number): void {
    for (let at = start; at < end; at += 6) {
      const value = bytes.readUInt32BE(at + 2);
      const name = bytes.readUInt16BE(at);
      if (name === setting.headerTableSize) this.encoder.limit(value);
      if (name !== setting.initialWindowSize) continue;
      for (const stream of this.streams.values()) {
        stream.window += value - this.streamWindow;
        this.pump(stream);
      }
      this.streamWindow = value;
    }
    this.send(frameType.settings, frameFlag.ack, 0, Buffer.alloc(0));
  }
}
