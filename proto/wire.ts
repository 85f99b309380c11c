// The protobuf wire: what the generated codecs read from and write to.
//
// Promises: numbers of 64 bits come out as safe integers and saturate at ±(2^53 − 1), never fail
// and never round to something a comparison would take for another revision; IDs come out as
// bigints. Bytes that are read alias the input: whoever keeps them keeps the whole input alive, and
// must not write to it. Input that is cut short or malformed throws WireError and reads nothing
// behind its end: a length that leaves the message it stands in, field number 0, a string that is
// no UTF-8, an end of a group that never began. Nesting deeper than 100 is refused through `depth`.
import { Buffer, isUtf8 } from "node:buffer";
import { lowHalf } from "#base/bytes.ts";

/** Malformed protobuf; the message says what was wrong. */
export class WireError extends Error {
  readonly code: string = "MALFORMED_PROTOBUF";
}

/** A string field that is no UTF-8: Go's library words this one apart. */
export class Utf8Error extends WireError {
  override readonly code: string = "MALFORMED_UTF8";
}

/** A number of 64 bits as one, and as its halves: a bigint put together by operators costs four. */
const whole = new BigUint64Array(1);
const signed = new BigInt64Array(whole.buffer);
const halves = new Uint32Array(whole.buffer);

const TWO_32 = 4294967296;
const MAX_SAFE = Number.MAX_SAFE_INTEGER;
/** Of messages and groups within each other. */
const maxDepth = 100;

/** Reads one protobuf message from `buf`, never beyond its end. */
export class BinaryReader {
  pos = 0;
  depth = 0;
  readonly len: number;
  readonly buf: Uint8Array;
  private low = 0;
  private high = 0;

  constructor(buf: Uint8Array) {
    this.buf = buf;
    this.len = buf.length;
  }

  /** Reads a varint into `low` and `high`, both unsigned 32 bits. */
  private varint64(): void {
    const { buf, len } = this;
    let pos = this.pos;
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (pos >= len) throw new WireError("unexpected end of a varint");
      const b = buf[pos++]!;
      const bits = b & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high |= bits >>> 4;
      } else if (shift < 63) high |= bits << (shift - 32);
      else if (bits > 1) throw new WireError("varint overflows 64 bits");
      else high |= bits << 31;
      if (b < 0x80) {
        this.pos = pos;
        this.low = low >>> 0;
        this.high = high >>> 0;
        return;
      }
    }
    throw new WireError("varint longer than 10 bytes");
  }

  uint32(): number {
    const b = this.buf[this.pos];
    if (b !== undefined && b < 0x80 && this.pos < this.len) {
      this.pos++;
      return b;
    }
    this.varint64();
    return this.low;
  }

  /** A varint that must fit into 32 bits. */
  private short(): number {
    const b = this.buf[this.pos];
    if (b !== undefined && b < 0x80) {
      this.pos++;
      return b;
    }
    this.varint64();
    if (this.high !== 0) throw new WireError("a length or field number beyond 32 bits");
    return this.low;
  }

  /** Field number × 8 + wire type. */
  tag(): number {
    const tag = this.short();
    if (tag < 8) throw new WireError("field number 0");
    return tag;
  }

  /** The length of what follows, which lies within the input. */
  size(): number {
    const length = this.short();
    if (length > this.len - this.pos) {
      throw new WireError("a field reaches beyond the end of the message");
    }
    return length;
  }

  /** A message that was to end at `end` must have done so: its last field may have crossed it. */
  endAt(end: number): void {
    if (this.pos !== end) throw new WireError("a field reaches beyond the end of its message");
  }

  /** Begins a nested message; answers the depth to put back at its end. */
  enter(): number {
    const { depth } = this;
    if (depth >= maxDepth) throw new WireError(`nested deeper than ${maxDepth}`);
    this.depth = depth + 1;
    return depth;
  }

  int32(): number {
    this.varint64();
    return this.low | 0;
  }

  bool(): boolean {
    this.varint64();
    return this.low !== 0 || this.high !== 0;
  }

  /** A signed 64-bit number, saturated to the safe integers. */
  int64Number(): number {
    this.varint64();
    const high = this.high | 0;
    if (high >= 0x200000) return MAX_SAFE;
    if (high < -0x200000) return -MAX_SAFE;
    const value = high * TWO_32 + this.low;
    return Math.max(value, -MAX_SAFE);
  }

  /** An unsigned 64-bit number, saturated to the safe integers. */
  uint64Number(): number {
    this.varint64();
    return this.high >= 0x200000 ? MAX_SAFE : this.high * TWO_32 + this.low;
  }

  int64(): bigint {
    this.varint64();
    if (this.high === 0) return BigInt(this.low);
    halves[lowHalf] = this.low;
    halves[1 - lowHalf] = this.high;
    return signed[0]!;
  }

  uint64(): bigint {
    this.varint64();
    if (this.high === 0) return BigInt(this.low);
    halves[lowHalf] = this.low;
    halves[1 - lowHalf] = this.high;
    return whole[0]!;
  }

  /** A length-delimited field, aliasing the input. */
  bytes(): Uint8Array {
    const length = this.size();
    const start = this.pos;
    this.pos = start + length;
    return this.buf.subarray(start, this.pos);
  }

  string(): string {
    const b = this.bytes();
    if (!isUtf8(b)) throw new Utf8Error("a string is no UTF-8");
    return Buffer.from(b.buffer, b.byteOffset, b.byteLength).toString("utf8");
  }

  /** Steps over the field that `tag` began, whatever it holds; groups too, which etcd never had. */
  skip(tag: number): void {
    switch (tag & 7) {
      case 0:
        this.varint64();
        return;
      case 1:
        this.pos += 8;
        break;
      case 2:
        this.bytes();
        return;
      case 3:
        this.skipGroup(tag + 1);
        return;
      case 5:
        this.pos += 4;
        break;
      default:
        throw new WireError(`field ${tag >>> 3} has wire type ${tag & 7}`);
    }
    if (this.pos > this.len) throw new WireError("a field reaches beyond the end of the message");
  }

  private skipGroup(end: number): void {
    const depth = this.enter();
    for (let tag = this.tag(); tag !== end; tag = this.tag()) this.skip(tag);
    this.depth = depth;
  }
}

/** The bytes that `value`, of 32 bits, takes as a varint. */
export function varintBytes(value: number): number {
  return value < 0x80 ? 1 : Math.ceil((32 - Math.clz32(value)) / 7);
}

/** The bytes that a number of 64 bits takes as a varint. */
export function varint64Bytes(value: bigint): number {
  whole[0] = value;
  return splitBytes(halves[lowHalf]!, halves[1 - lowHalf]!);
}

function splitBytes(low: number, high: number): number {
  return high === 0 ? varintBytes(low) : Math.ceil((64 - Math.clz32(high)) / 7);
}

const MIN_CAPACITY = 256;

/** Writes one protobuf message; `finish` hands out the bytes, `join` ends a nested one. */
export class BinaryWriter {
  private buf: Buffer;
  private pos = 0;
  /** Where nested messages began; most have none. */
  private marks: number[] | undefined;

  /** `capacity` in bytes is a first guess; the buffer grows by doubling. */
  constructor(capacity: number = MIN_CAPACITY) {
    this.buf = Buffer.allocUnsafe(capacity);
  }

  private room(bytes: number): void {
    if (this.pos + bytes <= this.buf.length) return;
    let capacity = this.buf.length * 2;
    while (capacity < this.pos + bytes) capacity *= 2;
    const grown = Buffer.allocUnsafe(capacity);
    this.buf.copy(grown, 0, 0, this.pos);
    this.buf = grown;
  }

  uint32(value: number): this {
    let v = value >>> 0;
    this.room(varintBytes(v));
    const { buf } = this;
    let pos = this.pos;
    while (v >= 0x80) {
      buf[pos++] = (v & 0x7f) | 0x80;
      v >>>= 7;
    }
    buf[pos++] = v;
    this.pos = pos;
    return this;
  }

  int32(value: number): this {
    return value >= 0 ? this.uint32(value) : this.split(value >>> 0, 0xffffffff);
  }

  bool(value: boolean): this {
    return this.uint32(value ? 1 : 0);
  }

  private split(low: number, high: number): this {
    let lo = low >>> 0;
    let hi = high >>> 0;
    this.room(splitBytes(lo, hi));
    const { buf } = this;
    let pos = this.pos;
    while (hi > 0 || lo >= 0x80) {
      buf[pos++] = (lo & 0x7f) | 0x80;
      lo = ((lo >>> 7) | (hi << 25)) >>> 0;
      hi >>>= 7;
    }
    buf[pos++] = lo;
    this.pos = pos;
    return this;
  }

  int64(value: bigint | number): this {
    if (typeof value === "number") {
      if (value >= 0 && value < TWO_32) return this.uint32(value);
      return this.split((value % TWO_32) >>> 0, Math.floor(value / TWO_32) >>> 0);
    }
    // What does not fit is cut, as by BigInt.asUintN.
    whole[0] = value;
    return this.split(halves[lowHalf]!, halves[1 - lowHalf]!);
  }

  uint64(value: bigint | number): this {
    return this.int64(value);
  }

  bytes(value: Uint8Array): this {
    const { length } = value;
    this.uint32(length);
    this.room(length);
    this.buf.set(value, this.pos);
    this.pos += length;
    return this;
  }

  string(value: string): this {
    const length = Buffer.byteLength(value);
    this.uint32(length);
    this.room(length);
    this.buf.write(value, this.pos, "utf8");
    this.pos += length;
    return this;
  }

  /** Begins a length-delimited message; one byte is kept for its length and widened if needed. */
  fork(): this {
    if (this.marks === undefined) this.marks = [this.pos];
    else this.marks.push(this.pos);
    this.room(1);
    this.pos++;
    return this;
  }

  /** Ends what the last `fork` began. */
  join(): this {
    const mark = this.marks?.pop();
    if (mark === undefined) throw new WireError("join without fork");
    const length = this.pos - mark - 1;
    let width = 1;
    for (let v = length; v >= 0x80; v = Math.floor(v / 128)) width++;
    if (width > 1) {
      this.room(width - 1);
      this.buf.copyWithin(mark + width, mark + 1, this.pos);
    }
    const end = mark + width + length;
    this.pos = mark;
    this.uint32(length);
    this.pos = end;
    return this;
  }

  /** How many bytes have been written. */
  get length(): number {
    return this.pos;
  }

  /** Eight bytes, big-endian: the frames around messages on the peer wire, not protobuf. */
  uint64BE(value: number): this {
    this.room(8);
    this.pos += 8;
    return this.setUint64BE(this.pos - 8, value);
  }

  /** Overwrites the eight bytes at `at`, which have been written before. */
  setUint64BE(at: number, value: number): this {
    this.buf.writeUInt32BE(Math.floor(value / TWO_32), at);
    this.buf.writeUInt32BE(value % TWO_32, at + 4);
    return this;
  }

  /** The bytes written so far; the writer must not be used afterwards. */
  finish(): Buffer {
    return this.pos === this.buf.length ? this.buf : this.buf.subarray(0, this.pos);
  }
}
