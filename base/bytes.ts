// Byte strings: keys, values, contexts.
import { Buffer } from "node:buffer";

export const emptyBytes: Uint8Array = new Uint8Array(0);

/** Where this processor has the low half of a number of 64 bits, seen as two of 32; the other has the high one. */
export const lowHalf: 0 | 1 = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1 ? 0 : 1;

/** Orders bytewise, as etcd orders keys: negative, zero or positive. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b);
}

/** True if both hold the same bytes. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}

/** The bytes of `text` in UTF-8. */
export function utf8(text: string): Uint8Array {
  return Buffer.from(text, "utf8");
}

/** The text of bytes in UTF-8; what is malformed becomes U+FFFD. */
export function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
}

/** Eight bytes, big-endian, of a non-negative safe integer or an unsigned bigint. */
export function uint64Bytes(value: number | bigint): Uint8Array {
  const out = Buffer.allocUnsafe(8);
  out.writeBigUInt64BE(BigInt.asUintN(64, BigInt(value)));
  return out;
}
