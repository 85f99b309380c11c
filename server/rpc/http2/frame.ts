// The frames of HTTP/2 (RFC 9113 §4, §6): numbers, and the reader that cuts bytes into frames.
import { Buffer } from "node:buffer";

export const frameHeaderBytes = 9;
/** The largest frame we take: the RFC's initial value, which we never raise. */
export const maxFrameBytes = 16_384;

export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const frameFlag = {
  endStream: 1,
  ack: 1,
  endHeaders: 4,
  padded: 8,
  priority: 0x20,
} as const;

export const errorCode = {
  noError: 0,
  protocolError: 1,
  internalError: 2,
  flowControlError: 3,
  settingsTimeout: 4,
  streamClosed: 5,
  frameSizeError: 6,
  refusedStream: 7,
  cancel: 8,
  compressionError: 9,
  enhanceYourCalm: 11,
} as const;

export type ErrorCode = (typeof errorCode)[keyof typeof errorCode];

export const setting = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const;

const reasons: Readonly<Record<ErrorCode, string>> = {
  0: "no_error",
  1: "protocol_error",
  2: "internal_error",
  3: "flow_control_error",
  4: "settings_timeout",
  5: "stream_closed",
  6: "frame_size_error",
  7: "refused_stream",
  8: "cancel",
  9: "compression_error",
  11: "enhance_your_calm",
};

/** What ends a connection: the code of its GOAWAY, and why. */
export class ConnectionFault extends Error {
  readonly code: ErrorCode;
  /** One word for metrics: which bound it was, or the code's name. */
  readonly reason: string;

  constructor(code: ErrorCode, message: string, reason: string = reasons[code]) {
    super(message);
    this.code = code;
    this.reason = reason;
  }
}

/** The RFC's rules were broken. */
export function protocolFault(message: string): ConnectionFault {
  return new ConnectionFault(errorCode.protocolError, message);
}

/** A frame of a length that its type does not have. */
export function sizeFault(what: string): ConnectionFault {
  return new ConnectionFault(errorCode.frameSizeError, `${what} of a wrong length`);
}

/** A window that went beyond its largest size. */
export function windowFault(): ConnectionFault {
  return new ConnectionFault(errorCode.flowControlError, "a window beyond 2^31-1");
}

/** Takes whole frames; the payload is bytes[start..end), valid only during the call unless kept. */
export interface FrameTarget {
  frame(
    type: number,
    flags: number,
    streamId: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): void;
}

/** What a client sends first (RFC 9113 §3.4). */
export const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/**
 * Cuts a connection's bytes, after its preface, into frames. A frame that lies in one chunk is handed
 * on without a copy; of one that does not, at most a frame's bytes are held. Throws ConnectionFault.
 */
export class FrameReader {
  private readonly target: FrameTarget;
  /** The beginning of a frame that has not arrived whole. */
  private part: Buffer | undefined;
  private have = 0;
  private prefaceLeft = preface.length;

  constructor(target: FrameTarget) {
    this.target = target;
  }

  /** Bytes of a frame or of the preface were begun, the rest has not come. */
  get waiting(): boolean {
    return this.have > 0 || this.prefaceLeft > 0;
  }

  push(chunk: Buffer): void {
    let at = this.prefaceLeft > 0 ? this.takePreface(chunk) : 0;
    if (this.have > 0) at = this.fill(chunk, at);
    while (chunk.length - at >= frameHeaderBytes) {
      const length = payloadLength(chunk, at);
      const end = at + frameHeaderBytes + length;
      if (end > chunk.length) break;
      this.hand(chunk, at, end);
      at = end;
    }
    if (at < chunk.length) this.keep(chunk, at);
  }

  private takePreface(chunk: Buffer): number {
    const from = preface.length - this.prefaceLeft;
    const length = Math.min(this.prefaceLeft, chunk.length);
    if (chunk.compare(preface, from, from + length, 0, length) !== 0)
      throw new ConnectionFault(errorCode.protocolError, "the connection preface is not HTTP/2's");
    this.prefaceLeft -= length;
    return length;
  }

  /** Completes the frame that was begun, as far as the chunk reaches. */
  private fill(chunk: Buffer, from: number): number {
    let at = from;
    if (this.have < frameHeaderBytes) at += this.copy(chunk, at, frameHeaderBytes);
    if (this.have < frameHeaderBytes) return at;
    const whole = frameHeaderBytes + payloadLength(this.part!, 0);
    at += this.copy(chunk, at, whole);
    if (this.have < whole) return at;
    // The payload may be kept by whoever takes it, so the next part gets a buffer of its own.
    const part = this.part!;
    this.part = undefined;
    this.have = 0;
    this.hand(part, 0, whole);
    return at;
  }

  private copy(chunk: Buffer, at: number, upTo: number): number {
    const length = Math.min(upTo - this.have, chunk.length - at);
    if (this.part!.length < upTo) {
      const grown = Buffer.allocUnsafe(upTo);
      this.part!.copy(grown, 0, 0, this.have);
      this.part = grown;
    }
    chunk.copy(this.part!, this.have, at, at + length);
    this.have += length;
    return length;
  }

  private keep(chunk: Buffer, at: number): void {
    const length = chunk.length - at;
    const wanted =
      length >= frameHeaderBytes ? frameHeaderBytes + payloadLength(chunk, at) : frameHeaderBytes;
    this.part = Buffer.allocUnsafe(wanted);
    this.have = 0;
    this.copy(chunk, at, length);
  }

  private hand(bytes: Buffer, at: number, end: number): void {
    const streamId = bytes.readUInt32BE(at + 5) & 0x7fffffff;
    this.target.frame(bytes[at + 3]!, bytes[at + 4]!, streamId, bytes, at + frameHeaderBytes, end);
  }
}

function payloadLength(bytes: Buffer, at: number): number {
  const length = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
  if (length > maxFrameBytes)
    throw new ConnectionFault(errorCode.frameSizeError, `a frame of ${length} bytes`);
  return length;
}
