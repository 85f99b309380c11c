// Records of the log, as they lie in RocksDB.
//
//   entry   key: index, 8 bytes big-endian
//           value: CRC-32C of the rest (4, LE) · index (8, BE) · term (8, BE) · type (1) · data
//   others  key: a name (metaKeys), which no index begins like
//           value: CRC-32C of name and rest (4, LE) · fields
//
// The index stands in the value too, so that a record found under another's key is seen. Format 1.
import { Buffer } from "node:buffer";
import { crc32c } from "@node-rs/crc32";
import { assert } from "#base/assert.ts";
import type { ClusterId, MemberId } from "#base/ids.ts";
import { type Entry, type HardState, SnapshotMetadata } from "#proto/gen/raft.ts";
import type { SnapshotMark, WalIdentity } from "#server/wal/wal.ts";

/** The version of what this file writes. */
export const walFormat = 1;

export const metaKeys = {
  format: Buffer.from("format"),
  identity: Buffer.from("identity"),
  hardState: Buffer.from("hard-state"),
  snapshot: Buffer.from("snapshot"),
} as const;

const crcBytes = 4;
const headBytes = crcBytes + 8 + 8 + 1;
const two32 = 4294967296;

/** Where encoded entries go; the store copies them at once. */
export interface EntrySink {
  put(key: Uint8Array, value: Uint8Array): void;
}

/** Encodes entries into one buffer that is used again and again, unless they need a larger one. */
export class EntryEncoder {
  private readonly buffer: Buffer;
  private readonly key = Buffer.alloc(8);

  constructor(bufferBytes: number) {
    this.buffer = Buffer.allocUnsafeSlow(bufferBytes);
  }

  /** Hands each entry's key and value on; both are valid until `put` returns. */
  encode(entries: readonly Entry[], sink: EntrySink): void {
    const { key } = this;
    for (const entry of entries) {
      const size = headBytes + entry.data.length;
      const whole = size <= this.buffer.length ? this.buffer : Buffer.allocUnsafeSlow(size);
      writeUint(whole, crcBytes, entry.index);
      writeUint(whole, crcBytes + 8, entry.term);
      whole[crcBytes + 16] = entry.type;
      whole.set(entry.data, headBytes);
      const value = whole.subarray(0, size);
      value.writeUInt32LE(crc32c(value.subarray(crcBytes)), 0);
      writeUint(key, 0, entry.index);
      sink.put(key, value);
    }
  }
}

/** An 8-byte big-endian number; faster than going through a bigint. */
function writeUint(out: Buffer, at: number, value: number): void {
  assert(Number.isSafeInteger(value) && value >= 0, "log: a number is out of range");
  out.writeUInt32BE(Math.floor(value / two32), at);
  out.writeUInt32BE(value % two32, at + 4);
}

function readUint(from: Buffer, at: number): number {
  return from.readUInt32BE(at) * two32 + from.readUInt32BE(at + 4);
}

/** The key of the entry at `index`. */
export function entryKey(index: number): Buffer {
  const key = Buffer.allocUnsafe(8);
  writeUint(key, 0, index);
  return key;
}

/** The index that an entry's key stands for; undefined if it is no entry's. */
export function entryIndex(key: Uint8Array): number | undefined {
  return key.length === 8 && key[0] === 0 ? readUint(asBuffer(key), 0) : undefined;
}

/** Why a record cannot be used. */
export type RecordFault = "too short" | "checksum mismatch" | "another index" | "unknown type";

/** The entry that must lie at `index`; data shares the value's memory. */
export function decodeEntry(index: number, value: Uint8Array): Entry | RecordFault {
  if (value.length < headBytes) return "too short";
  const bytes = asBuffer(value);
  if (crc32c(bytes.subarray(crcBytes)) !== bytes.readUInt32LE(0)) return "checksum mismatch";
  if (readUint(bytes, crcBytes) !== index) return "another index";
  const type = bytes[crcBytes + 16];
  if (type !== 0 && type !== 1 && type !== 2) return "unknown type";
  return { type, term: readUint(bytes, crcBytes + 8), index, data: bytes.subarray(headBytes) };
}

/** Checksums of the names, from which those of the records go on. */
const nameCrcs: ReadonlyMap<Uint8Array, number> = new Map(
  Object.values(metaKeys).map((name) => [name, crc32c(name)]),
);

function nameCrc(name: Uint8Array): number {
  return nameCrcs.get(name) ?? crc32c(name);
}

/** Puts the checksum before the fields of a record that is no entry. */
export function sealMeta(name: Uint8Array, fields: Uint8Array): Buffer {
  const value = Buffer.allocUnsafe(crcBytes + fields.length);
  value.set(fields, crcBytes);
  value.writeUInt32LE(crc32c(fields, nameCrc(name)), 0);
  return value;
}

/** The fields that sealMeta was given; undefined if they were damaged. */
export function openMeta(name: Uint8Array, value: Uint8Array): Buffer | undefined {
  if (value.length < crcBytes) return undefined;
  const fields = asBuffer(value).subarray(crcBytes);
  return crc32c(fields, nameCrc(name)) === asBuffer(value).readUInt32LE(0) ? fields : undefined;
}

export function encodeIdentity(identity: WalIdentity): Buffer {
  const out = Buffer.allocUnsafe(16);
  out.writeBigUInt64BE(identity.memberId, 0);
  out.writeBigUInt64BE(identity.clusterId, 8);
  return out;
}

export function decodeIdentity(fields: Buffer): WalIdentity {
  return {
    memberId: fields.readBigUInt64BE(0) as MemberId,
    clusterId: fields.readBigUInt64BE(8) as ClusterId,
  };
}

export function encodeHardState(hardState: HardState): Buffer {
  const out = Buffer.allocUnsafe(24);
  writeUint(out, 0, hardState.term);
  out.writeBigUInt64BE(hardState.vote, 8);
  writeUint(out, 16, hardState.commit);
  return out;
}

export function decodeHardState(fields: Buffer): HardState {
  return {
    term: readUint(fields, 0),
    vote: fields.readBigUInt64BE(8),
    commit: readUint(fields, 16),
  };
}

export function encodeMark(mark: SnapshotMark): Uint8Array {
  return SnapshotMetadata.encode(mark).finish();
}

export function decodeMark(fields: Uint8Array): SnapshotMark {
  const { index, term, confState } = SnapshotMetadata.decode(fields);
  assert(confState !== undefined, "log: a snapshot mark has a configuration");
  return { index, term, confState };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
