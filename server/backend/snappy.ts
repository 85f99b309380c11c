// Decompresses blocks in Snappy's raw format, which RocksDB's tables use: the length of what comes out, as a
// varint, then literals and copies of what came out before (snappy's format_description.txt).
import { Buffer } from "node:buffer";

/** Behind what is wanted, for copies by words. */
const slackBytes = 4;
/** Literals beyond it are better copied by one call. */
const maxWordCopy = 128;

/**
 * What `block` holds, within `room` if that is long enough; undefined if it is none, or longer than `limit`.
 */
export function unsnap(block: Uint8Array, limit: number, room?: Buffer): Buffer | undefined {
  let at = 0;
  let length = 0;
  for (let scale = 1; ; scale *= 128) {
    if (at >= block.length || scale > 2 ** 28) return undefined;
    const byte = block[at++]!;
    length += (byte & 0x7f) * scale;
    if (byte < 0x80) break;
  }
  if (length > limit) return undefined;
  // Copies go four bytes at a time, and may write some beyond their end that the next one overwrites.
  const isRoomy = room !== undefined && room.length >= length + slackBytes;
  const out = isRoomy ? room : Buffer.allocUnsafeSlow(length + slackBytes);
  const view = new DataView(out.buffer, out.byteOffset, out.length);
  const source = new DataView(block.buffer, block.byteOffset, block.length);
  let filled = 0;
  while (at < block.length) {
    const tag = block[at++]!;
    const kind = tag & 3;
    let count = (tag >>> 2) + 1;
    if (kind === 0) {
      if (count > 60) {
        const bytes = count - 60;
        if (at + bytes > block.length) return undefined;
        count = littleEndian(block, at, bytes) + 1;
        at += bytes;
      }
      if (at + count > block.length || filled + count > length) return undefined;
      if (count > maxWordCopy || at + count + slackBytes > block.length) {
        out.set(block.subarray(at, at + count), filled);
      } else {
        for (let i = 0; i < count; i += 4)
          view.setUint32(filled + i, source.getUint32(at + i, true), true);
      }
      at += count;
      filled += count;
      continue;
    }
    const bytes = kind === 3 ? 4 : kind;
    if (at + bytes > block.length) return undefined;
    let back = littleEndian(block, at, bytes);
    at += bytes;
    if (kind === 1) {
      count = ((tag >>> 2) & 7) + 4;
      back += (tag >>> 5) << 8;
    }
    if (back === 0 || back > filled || filled + count > length) return undefined;
    const end = filled + count;
    if (back >= 4) {
      for (; filled < end; filled += 4)
        view.setUint32(filled, view.getUint32(filled - back, true), true);
      filled = end;
    } else {
      // Byte by byte: what is copied is what this very copy writes.
      for (; filled < end; filled++) out[filled] = out[filled - back]!;
    }
  }
  return filled === length ? out.subarray(0, length) : undefined;
}

function littleEndian(bytes: Uint8Array, at: number, count: number): number {
  let value = 0;
  for (let i = count - 1; i >= 0; i--) value = value * 256 + bytes[at + i]!;
  return value;
}
