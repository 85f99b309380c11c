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
    let segment = this.segments[this.segments.length - 1];
    if (segment === undefined || this.used + size > segment.length) {
      segment = Buffer.allocUnsafeSlow(Math.max(this.segmentBytes, size));
      this.segments.push(segment);
      this.bytes += segment.length;
      this.used = 0;
      if (!this.held) this.trim();
    }
    const offset = this.used;
    this.used += size;
    this.position = (this.firstSegment + this.segments.length - 1) * this.segmentBytes + offset;
    return segment.subarray(offset, offset + size);
  }

  /** Drops the oldest segments beyond the bound; never the one being filled. */
  trim(): void {
    while (this.bytes > this.maxBytes && this.segments.length > 1) {
      this.bytes -= this.segments.shift()!.length;
      this.firstSegment++;
    }
  }

  /** Keeps a copy of `record`; `position` then tells where. */
  add(record: Uint8Array): void {
    this.reserve(record.length).set(record);
  }

  /** The record at a remembered position, or undefined if it was dropped. */
  get(position: number, length: number): Buffer | undefined {
    const offset = position % this.segmentBytes;
    const segment = this.segments[(position - offset) / this.segmentBytes - this.firstSegment];
    return segment?.subarray(offset, offset + length);
  }
}
