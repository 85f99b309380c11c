// A connection for load generators: one unary call after the other, of one method, at the least cost.
// A call is one buffer written and one answer read; its header block is made once, and of the answer
// only the status is looked at. grpc-js costs several times as much, which on 500 connections makes the
// client what is measured. It neither reconnects nor repeats: whoever uses it has a Transport for that.
import { Buffer } from "node:buffer";
import { connect as connectPlain, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { Endpoint } from "#client/endpoint.ts";
import { errorOfStatus } from "#client/errors.ts";
import type { TlsOptions } from "#client/options.ts";
import { type EtcdError, grpcCode } from "#proto/errors.ts";
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
import { HeaderEncoder } from "#server/rpc/http2/header-encoder.ts";

export interface LeanTarget {
  readonly endpoint: Endpoint;
  readonly tls: TlsOptions | undefined;
  /** `/package.Service/Method`. */
  readonly path: string;
  /** Sent with every call; names in lower case. */
  readonly metadata: Readonly<Record<string, string>>;
  /** How long connecting may take. */
  readonly connectMs: number;
  /** During a call: silence after which the server is probed, and how long it may stay silent then. */
  readonly keepAliveTimeMs: number;
  readonly keepAliveTimeoutMs: number;
}

const messageHeaderBytes = 5;
const initialWindowBytes = 65_535;
const largestStreamId = 0x7fffffff;
/** Of the headers of an answer; larger ones end the connection. */
const maxHeaderBytes = 65_536;
/** So many bytes of answers are read before the server is told that they are. */
const windowStepBytes = 32_768;

function frameHeader(out: Buffer, at: number, length: number, type: number, flags: number): number {
  out.writeUIntBE(length, at, 3);
  out[at + 3] = type;
  out[at + 4] = flags;
  out.writeUInt32BE(0, at + 5);
  return at + frameHeaderBytes;
}

function controlFrame(type: number, flags: number, payload: Uint8Array): Buffer {
  const out = Buffer.alloc(frameHeaderBytes + payload.length);
  out.set(payload, frameHeader(out, 0, payload.length, type, flags));
  return out;
}

/** The text of a grpc-message. */
function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** host and port of `host:port`, with an IPv6 address's brackets taken off; or the path of `unix:`. */
function placeOf(address: string): { path: string } | { host: string; port: number } {
  if (address.startsWith("unix:")) return { path: address.slice("unix:".length) };
  const colon = address.lastIndexOf(":");
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
  return { host, port: Number(address.slice(colon + 1)) };
}

function openSocket({ endpoint, tls }: LeanTarget): Socket {
  const place = placeOf(endpoint.address);
  if (!endpoint.secure) return connectPlain({ ...place, noDelay: true });
  const servername = tls?.serverName;
  return connectTls({
    ...place,
    ...(tls?.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls?.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls?.key === undefined ? {} : { key: tls.key }),
    ...(servername === undefined ? {} : { servername }),
    rejectUnauthorized: tls?.insecureSkipVerify !== true,
    ALPNProtocols: ["h2"],
  }).setNoDelay(true);
}

/** See the head of the file. */
export class LeanConnection {
  private readonly socket: Socket;
  private readonly target: LeanTarget;
  private readonly headers: Uint8Array;
  private readonly reader: FrameReader;
  private readonly decoder = new HeaderDecoder(maxHeaderBytes);
  private readonly opened = Promise.withResolvers<void>();
  private resolve: (() => void) | undefined;
  private reject: ((error: EtcdError) => void) | undefined;
  private state: "opening" | "open" | "closed" = "opening";
  private streamId = -1;
  private sendWindow = initialWindowBytes;
  private streamWindow = initialWindowBytes;
  private unreported = 0;
  private probed = false;
  /** A call that waits for the server's window. */
  private waiting: Uint8Array | undefined;
  /** A header block that has not come whole, and whether it ends its stream. */
  private block: Buffer | undefined;
  private endsStream = false;
  private status: number | undefined;
  private details = "";

  private constructor(target: LeanTarget) {
    const { endpoint, metadata, path } = target;
    this.target = target;
    const authority = endpoint.address.startsWith("unix:") ? "localhost" : endpoint.address;
    const fields = {
      ":method": "POST",
      ":scheme": endpoint.secure ? "https" : "http",
      ":path": path,
      ":authority": authority,
      "content-type": "application/grpc",
      te: "trailers",
      ...metadata,
    };
    this.headers = new HeaderEncoder().encode({
      fields: Object.entries(fields).map(([name, value]) => ({ name, value })),
      recurs: false,
    });
    this.reader = new FrameReader(this);
    // Its preface is a client's; a server sends none.
    this.reader.push(preface);
    this.socket = openSocket(target);
    this.socket.on("data", (chunk) => this.read(chunk));
    this.socket.on("timeout", () => this.onSilence());
    this.socket.on("error", (error) => this.end(error.message));
    this.socket.on("close", () => this.end("connection closed"));
    this.socket.setTimeout(target.connectMs);
    this.socket.once(endpoint.secure ? "secureConnect" : "connect", () => this.greet());
  }

  /** Resolves when the server has greeted; fails with EtcdError (Unavailable). */
  static async open(target: LeanTarget): Promise<LeanConnection> {
    const connection = new LeanConnection(target);
    await connection.opened.promise;
    return connection;
  }

  /** A call may begin. */
  get isOpen(): boolean {
    return this.state === "open";
  }

  /** The largest message that one frame and the server's window can take. */
  get maxMessageBytes(): number {
    return Math.min(maxFrameBytes, this.streamWindow) - messageHeaderBytes;
  }

  /**
   * Sends a message of at most `maxMessageBytes`, and resolves when the server has answered OK; fails
   * with EtcdError. One call at a time, and only while `isOpen`.
   */
  call(message: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
      if (this.sendWindow < messageHeaderBytes + message.length) this.waiting = message;
      else this.send(message);
    });
  }

  /** Ends the connection; a call under way fails. */
  close(): void {
    this.end("connection closed");
  }

  /** For FrameReader. */
  frame(
    type: number,
    flags: number,
    streamId: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): void {
    switch (type) {
      case frameType.data:
        this.onData(flags, streamId, end - start);
        return;
      case frameType.headers:
        this.onHeaders(flags, streamId, bytes, start, end);
        return;
      case frameType.continuation:
        this.onBlock(flags, streamId, bytes, start, end);
        return;
      case frameType.rstStream:
        if (streamId === this.streamId) this.onReset(bytes.readUInt32BE(start));
        return;
      case frameType.settings:
        if ((flags & frameFlag.ack) === 0) this.onSettings(bytes, start, end);
        return;
      case frameType.ping:
        if ((flags & frameFlag.ack) !== 0) return;
        this.socket.write(controlFrame(type, frameFlag.ack, bytes.subarray(start, end)));
        return;
      case frameType.goaway:
        this.onGoaway(bytes.readUInt32BE(start) & 0x7fffffff);
        return;
      case frameType.windowUpdate:
        // A stream has sent all it has, so only the connection's window matters.
        if (streamId !== 0) return;
        this.sendWindow += bytes.readUInt32BE(start) & 0x7fffffff;
        this.sendWaiting();
    }
  }

  /** For HeaderDecoder. */
  field(name: string, value: string): void {
    if (name === "grpc-status") this.status = Number(value);
    else if (name === "grpc-message") this.details = value;
  }

  private greet(): void {
    this.socket.write(Buffer.concat([preface, controlFrame(frameType.settings, 0, Buffer.of())]));
  }

  private send(message: Uint8Array): void {
    const { headers } = this;
    this.streamId += 2;
    this.status = undefined;
    this.details = "";
    const bodyBytes = messageHeaderBytes + message.length;
    this.sendWindow -= bodyBytes;
    const out = Buffer.allocUnsafe(2 * frameHeaderBytes + headers.length + bodyBytes);
    let at = frameHeader(out, 0, headers.length, frameType.headers, frameFlag.endHeaders);
    out.writeUInt32BE(this.streamId, at - 4);
    out.set(headers, at);
    at += headers.length;
    at = frameHeader(out, at, bodyBytes, frameType.data, frameFlag.endStream);
    out.writeUInt32BE(this.streamId, at - 4);
    out[at] = 0;
    out.writeUInt32BE(message.length, at + 1);
    out.set(message, at + messageHeaderBytes);
    this.socket.write(out);
  }

  private sendWaiting(): void {
    const { waiting } = this;
    if (waiting === undefined || this.sendWindow < messageHeaderBytes + waiting.length) return;
    this.waiting = undefined;
    this.send(waiting);
  }

  private read(chunk: Buffer): void {
    if (this.probed) {
      this.probed = false;
      this.socket.setTimeout(this.target.keepAliveTimeMs);
    }
    try {
      this.reader.push(chunk);
    } catch (thrown) {
      this.end(`an answer that is no HTTP/2: ${(thrown as Error).message}`);
    }
  }

  private onSettings(bytes: Buffer, start: number, end: number): void {
    for (let at = start; at + 6 <= end; at += 6) {
      if (bytes.readUInt16BE(at) === setting.initialWindowSize)
        this.streamWindow = bytes.readUInt32BE(at + 2);
    }
    this.socket.write(controlFrame(frameType.settings, frameFlag.ack, Buffer.of()));
    if (this.state !== "opening") return;
    this.state = "open";
    this.socket.setTimeout(this.target.keepAliveTimeMs);
    this.opened.resolve();
  }

  private onData(flags: number, streamId: number, length: number): void {
    this.unreported += length;
    if (this.unreported >= windowStepBytes) {
      const step = Buffer.alloc(4);
      step.writeUInt32BE(this.unreported);
      this.unreported = 0;
      this.socket.write(controlFrame(frameType.windowUpdate, 0, step));
    }
    if ((flags & frameFlag.endStream) !== 0 && streamId === this.streamId) this.finish();
  }

  private onHeaders(
    flags: number,
    streamId: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): void {
    let from = start;
    let to = end;
    if ((flags & frameFlag.padded) !== 0) to -= bytes[from++]!;
    if ((flags & frameFlag.priority) !== 0) from += 5;
    this.endsStream = (flags & frameFlag.endStream) !== 0;
    this.onBlock(flags, streamId, bytes, from, to);
  }

  private onBlock(
    flags: number,
    streamId: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): void {
    const isWhole = (flags & frameFlag.endHeaders) !== 0;
    if (isWhole && this.block === undefined) {
      this.decoder.decode(bytes, start, end, this);
    } else {
      const block = Buffer.concat([this.block ?? Buffer.of(), bytes.subarray(start, end)]);
      if (block.length > maxHeaderBytes) throw new Error("headers beyond 64 KiB");
      this.block = isWhole ? undefined : block;
      if (!isWhole) return;
      this.decoder.decode(block, 0, block.length, this);
    }
    if (this.endsStream && streamId === this.streamId) this.finish();
  }

  private finish(): void {
    const { status, details } = this;
    if (status === undefined) {
      this.fail(errorOfStatus(grpcCode.internal, "an answer without a grpc-status"));
    } else if (status !== grpcCode.ok) {
      this.fail(errorOfStatus(status, percentDecoded(details)));
    } else {
      const { resolve } = this;
      this.resolve = undefined;
      this.reject = undefined;
      resolve?.();
    }
    if (this.streamId > largestStreamId - 2) this.close();
  }

  private onReset(code: number): void {
    const status = code === errorCode.refusedStream ? grpcCode.unavailable : grpcCode.internal;
    this.fail(errorOfStatus(status, `stream terminated by RST_STREAM with error code: ${code}`));
  }

  private onGoaway(lastStreamId: number): void {
    if (this.reject === undefined || this.waiting !== undefined || lastStreamId < this.streamId) {
      this.end("the server is going away");
    } else {
      // What is under way is answered yet.
      this.state = "closed";
    }
  }

  private fail(error: EtcdError): void {
    const { reject } = this;
    this.resolve = undefined;
    this.reject = undefined;
    reject?.(error);
  }

  private onSilence(): void {
    if (this.state === "opening") {
      this.end("the server does not answer");
    } else if (this.probed) {
      this.end("keepalive ping failed to receive ACK within timeout");
    } else if (this.reject !== undefined) {
      this.probed = true;
      this.socket.setTimeout(this.target.keepAliveTimeoutMs);
      this.socket.write(controlFrame(frameType.ping, 0, Buffer.alloc(8)));
    }
  }

  private end(why: string): void {
    const error = errorOfStatus(grpcCode.unavailable, why);
    if (this.state === "opening") this.opened.reject(error);
    this.state = "closed";
    this.waiting = undefined;
    this.socket.destroy();
    this.fail(error);
  }
}
