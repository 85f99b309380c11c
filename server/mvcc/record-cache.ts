// Records in memory, as a log: segments of up to 1 MiB that are appended to and dropped oldest first.
//
// A record's position is segment number × segment size + offset; whoever remembers a position learns from
// `get` whether its segment is still there. So eviction touches nothing but the list of segments.
// Segments are never written to again: slices handed out stay valid for as long as they are held.
import { Buffer } from "node:buffer";

const MAX_SEGMENT_BYTES = 1 << 20;
const MIN_SEGMENT_BYTES = 256;

export class RecordCache {
  private readonly maxBytes: number;
  private readonly segmentBytes: number;
  private readonly segments: Buffer[] = [];
  private firstSegment = 0;
  private bytes = 0;
  private used = 0;

  /** While true nothing is dropped: a transaction must still find what it found before. */
  held = false;
  /**
   * While true nothing was handed out yet, so that segments which are dropped are written to again: a start
   * puts all records in, of which the last stay.
   */
  filling = false;
  private spare: Buffer | undefined;
  /** The position of what `reserve` returned last. */
  position = 0;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
    const sixteenth = Math.floor(maxBytes / 16);
    this.segmentBytes = Math.min(MAX_SEGMENT_BYTES, Math.max(MIN_SEGMENT_BYTES, sixteenth));
  }

  /** Bytes held. */
  get byteSize(): number {
    return this.bytes;
  }

  /** Room for one record of `size` bytes, which the caller fills at once. */
  reserve(size: number): Buffer {
    const segment = this.place(size);
    return segment.subarray(this.used - size, this.used);
  }

  /** The segment that has room for `size` bytes, which then end at `used`. */
  private place(size: number): Buffer {
    let segment = this.segments[this.segments.length - 1];
    if (segment === undefined || this.used + size > segment.length) {
      segment = this.newSegment(size);
      this.segments.push(segment);
      this.bytes += segment.length;
      this.used = 0;
      if (!this.held) this.trim();
    }
    this.position = (this.firstSegment + this.segments.length - 1) * this.segmentBytes + this.used;
    this.used += size;
    return segment;
  }

  private newSegment(size: number): Buffer {
    const { spare } = this;
    if (spare === undefined || size > spare.length)
      return Buffer.allocUnsafeSlow(Math.max(this.segmentBytes, size));
    this.spare = undefined;
    return spare;
  }

  /** Drops the oldest segments beyond the bound; never the one being filled. */
  trim(): void {
    while (this.bytes > this.maxBytes && this.segments.length > 1) {
      const dropped = this.segments.shift()!;
      this.bytes -= dropped.length;
      this.firstSegment++;
      if (this.filling && dropped.length === this.segmentBytes) this.spare = dropped;
    }
  }

  /** Keeps a copy of `record`; `position` then tells where. */
  add(record: Uint8Array): void {
    const segment = this.place(record.length);
    segment.set(record, this.used - record.length);
  }

  /** What was put in so far may be handed out from here. */
  filled(): void {
    this.filling = false;
    this.spare = undefined;
  }

  /** The record at a remembered position, or undefined if it was dropped. */
  get(position: number, length: number): Buffer | undefined {
    const offset = position % this.segmentBytes;
    const segment = this.segments[(position - offset) / this.segmentBytes - this.firstSegment];
    return segment?.subarray(offset, offset + length);
  }
}
