// gRPC's framing of messages and its small header formats: five bytes before each message
// (compressed flag, length), the timeout header, the percent-encoded status message.
import { Buffer } from "node:buffer";
import { assert } from "#base/assert.ts";
import type { UnfinishedBytes } from "#base/unfinished-bytes.ts";
import { type GrpcCode, grpcCode } from "#proto/errors.ts";
import type { HeaderField } from "./http2/header-table.ts";

const prefixLength = 5;
const noBytes = Buffer.alloc(0);

/** Writes the prefix of an uncompressed message of `length` bytes into the five of `target`. */
export function writePrefix(target: Buffer, length: number): void {
  target[0] = 0;
  target.writeUInt32BE(length, 1);
}

/** Why incoming frames cannot be read further; ends the call. */
export interface FramingFault {
  readonly code: GrpcCode;
  readonly message: string;
}

/** Takes what a MessageReader finds. */
export interface MessageTarget {
  onMessage(message: Uint8Array, compressed: boolean): void;
  onFault(fault: FramingFault): void;
}

/**
 * Cuts a byte stream into messages. Holds at most one unfinished message, whose announced length
 * was checked against the limit before any of it was kept; a message that lies in one chunk is
 * handed on without a copy.
 */
export class MessageReader {
  private readonly target: MessageTarget;
  private readonly maxBytes: number;
  private readonly unfinished: UnfinishedBytes;
  /**
   * The unfinished message as far as it came: grown in powers of two, as a list of the pieces would
   * cost an object for each byte that a client sends alone.
   */
  private part: Buffer | undefined;
  private have = 0;
  /** Total bytes wanted before anything can be handed on. */
  private want = prefixLength;
  private faulted = false;

  constructor(target: MessageTarget, maxBytes: number, unfinished: UnfinishedBytes) {
    this.target = target;
    this.maxBytes = maxBytes;
    this.unfinished = unfinished;
  }

  /** Forgets what it holds; to be called when the call is over. */
  drop(): void {
    this.take();
    this.faulted = true;
  }

  /** A message has begun and is not complete. */
  get partial(): boolean {
    return this.have >= prefixLength;
  }

  /** The stream goes on with `chunk` from `from` to `to`. */
  push(chunk: Buffer, from = 0, to = chunk.length): void {
    if (this.faulted) return;
    let rest = chunk;
    let pos = from;
    let last = to;
    if (this.have > 0) {
      this.hold(chunk, from, to);
      if (this.have < this.want) {
        this.checkUnfinished();
        return;
      }
      rest = this.take();
      pos = 0;
      last = rest.length;
    }
    while (last - pos >= prefixLength) {
      const flag = rest[pos]!;
      const length = rest.readUInt32BE(pos + 1);
      const fault = this.check(flag, length);
      if (fault !== undefined) {
        this.faulted = true;
        this.target.onFault(fault);
        return;
      }
      const end = pos + prefixLength + length;
      if (end > last) {
        this.keep(rest, pos, last, prefixLength + length);
        return;
      }
      this.target.onMessage(rest.subarray(pos + prefixLength, end), flag === 1);
      // The message may have ended the call: nothing is kept then.
      if (this.faulted) return;
      pos = end;
    }
    if (pos < last) this.keep(rest, pos, last, prefixLength);
  }

  private keep(rest: Buffer, from: number, to: number, want: number): void {
    this.want = want;
    this.hold(rest, from, to);
    this.checkUnfinished();
  }

  private hold(bytes: Buffer, from: number, to: number): void {
    const have = this.have + to - from;
    const { part } = this;
    if (part === undefined || part.length < have) {
      // Doubled and not taken at once: an announced length alone must not take memory.
      const room = part === undefined ? have : Math.max(have, Math.min(this.want, 2 * have));
      const grown = Buffer.allocUnsafeSlow(room);
      part?.copy(grown, 0, 0, this.have);
      this.unfinished.held += room - (part?.length ?? 0);
      this.part = grown;
    }
    bytes.copy(this.part!, this.have, from, to);
    this.have = have;
  }

  private take(): Buffer {
    const { part, have } = this;
    this.part = undefined;
    this.have = 0;
    if (part === undefined) return noBytes;
    this.unfinished.held -= part.length;
    return part.subarray(0, have);
  }

  private checkUnfinished(): void {
    const { fault } = this.unfinished;
    if (fault === undefined) return;
    this.drop();
    this.target.onFault({ code: grpcCode.resourceExhausted, message: fault });
  }

  private check(flag: number, length: number): FramingFault | undefined {
    if (flag > 1)
      return {
        code: grpcCode.internal,
        message: `grpc: received unexpected payload format ${flag}`,
      };
    if (length > this.maxBytes)
      return {
        code: grpcCode.resourceExhausted,
        message: `grpc: received message larger than max (${length} vs. ${this.maxBytes})`,
      };
    return undefined;
  }
}

const timeoutUnitMs: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 0.001,
  n: 0.000001,
};

/** Reads a grpc-timeout header (up to 8 digits and a unit) into ms, or says why it cannot. */
export function parseTimeoutMs(header: string): number | string {
  const quoted = JSON.stringify(header);
  if (header.length < 2) return `transport: timeout string is too short: ${quoted}`;
  if (header.length > 9) return `transport: timeout string is too long: ${quoted}`;
  const unitMs = timeoutUnitMs[header.slice(-1)];
  if (unitMs === undefined) return `transport: timeout unit is not recognized: ${quoted}`;
  const digits = header.slice(0, -1);
  if (!/^\d+$/.test(digits))
    return `strconv.ParseUint: parsing ${JSON.stringify(digits)}: invalid syntax`;
  return Number(digits) * unitMs;
}

const needsEncoding = /[^ -$&-~]/;

/** A status message as its header value: UTF-8, percent-encoded outside printable ASCII. */
export function encodeStatusMessage(message: string): string {
  if (!needsEncoding.test(message)) return message;
  let out = "";
  for (const byte of Buffer.from(message, "utf8")) {
    out +=
      byte >= 0x20 && byte <= 0x7e && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return out;
}

/** A metadata entry of an answer as a header field; a wrong name or value is a broken invariant. */
export function metadataField(name: string, value: string | Uint8Array): HeaderField {
  assert(/^(?!grpc-)[0-9a-z_.-]+$/.test(name), `${name} is no name for metadata`);
  assert(name.endsWith("-bin") === (typeof value !== "string"), `${name}: bytes go with -bin`);
  if (typeof value !== "string")
    return { name, value: Buffer.from(value).toString("base64").replace(/=+$/, "") };
  assert(/^(?:[!-~](?:[ -~]*[!-~])?)?$/.test(value), `${name}: not printable ASCII`);
  return { name, value };
}
