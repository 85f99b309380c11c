// Records of the log, as they lie in RocksDB.
//
//   run     key: index of its first entry, 8 bytes big-endian
//           value: CRC-32C of the rest (4, LE) · index (8, BE) · 1 (1) · for each entry:
//                  term (8, BE) · type (1) · length of data (4, BE) · data
//   others  key: a name (metaKeys), which no index begins like
//           value: CRC-32C of name and rest (4, LE) · fields
//
// A run holds what was saved at once, and ends before the next multiple of 128: whoever wants the
// entries from some index on finds them from the last multiple before it. Where a run begins within
// another, it replaces the end of that one. The index stands in the value too, so that a record found
// under another's key is seen. Format 2.
//
// Format 1 has a record for each entry: CRC-32C (4) · index (8) · term (8) · type (1) · data. The first
// byte of a term is 0, which tells it from a run. A log stays in the format in which it was made, so
// that the version that made it can be gone back to.
import { Buffer } from "node:buffer";
import { crc32c } from "@node-rs/crc32";
import { assert } from "#base/assert.ts";
import type { ClusterId, MemberId } from "#base/ids.ts";
import { type Entry, type EntryType, type HardState, SnapshotMetadata } from "#proto/gen/raft.ts";
import type { SnapshotMark, WalIdentity } from "#server/wal/wal.ts";

/** How a log is written: entry by entry, or in runs. */
export type WalFormat = 1 | 2;

/** The format of new logs. */
export const walFormat: WalFormat = 2;

export const metaKeys = {
  format: Buffer.from("format"),
  identity: Buffer.from("identity"),
  hardState: Buffer.from("hard-state"),
  snapshot: Buffer.from("snapshot"),
} as const;

const crcBytes = 4;
/** Of a run: checksum, index, mark. */
const runHeadBytes = crcBytes + 8 + 1;
const runMark = 1;
/** Of an entry in a run: term, type, length. */
const entryHeadBytes = 8 + 1 + 4;
/** Of an entry's record of format 1. */
const headBytes = crcBytes + 8 + 8 + 1;
const two32 = 4294967296;
/** No run goes on beyond a multiple of this. */
const runEntries = 128;

/** The lowest index at which a run may begin that holds the entry at `index`. */
export function runBase(index: number): number {
  return index - (index % runEntries);
}

/** Where encoded records go; the store copies them at once. */
export interface RecordSink {
  put(first: number, key: Uint8Array, value: Uint8Array): void;
}

/** Encodes entries into one buffer that is used again and again, unless they need a larger one. */
export class EntryEncoder {
  private readonly format: WalFormat;
  private readonly buffer: Buffer;
  private readonly key = Buffer.alloc(8);

  constructor(format: WalFormat, bufferBytes: number) {
    this.format = format;
    this.buffer = Buffer.allocUnsafeSlow(bufferBytes);
  }

  /** Hands on records with all the entries, in order; key and value are valid until `put` returns. */
  encode(entries: readonly Entry[], sink: RecordSink): void {
    if (this.format === 1) for (const entry of entries) this.encodeOne(entry, sink);
    else for (let from = 0; from < entries.length; ) from = this.encodeRun(entries, from, sink);
  }

  private encodeOne({ data, index, term, type }: Entry, sink: RecordSink): void {
    const size = headBytes + data.length;
    const target = size <= this.buffer.length ? this.buffer : Buffer.allocUnsafeSlow(size);
    writeUint(target, crcBytes, index);
    writeUint(target, crcBytes + 8, term);
    target[headBytes - 1] = type;
    target.set(data, headBytes);
    this.seal(index, target, size, sink);
  }

  /** One run of the entries from `from` on; where the next one begins. */
  private encodeRun(entries: readonly Entry[], from: number, sink: RecordSink): number {
    const first = entries[from]!;
    const alone = runHeadBytes + entryHeadBytes + first.data.length;
    const target = alone <= this.buffer.length ? this.buffer : Buffer.allocUnsafeSlow(alone);
    writeUint(target, crcBytes, first.index);
    target[crcBytes + 8] = runMark;
    const end = runBase(first.index) + runEntries;
    let at = runHeadBytes;
    let next = from;
    for (; next < entries.length; next++) {
      const { data, index, term, type } = entries[next]!;
      const after = at + entryHeadBytes + data.length;
      if (index >= end || after > target.length) break;
      writeUint(target, at, term);
      target[at + 8] = type;
      target.writeUInt32BE(data.length, at + 9);
      target.set(data, at + entryHeadBytes);
      at = after;
    }
    this.seal(first.index, target, at, sink);
    return next;
  }

  private seal(index: number, target: Buffer, size: number, sink: RecordSink): void {
    target.writeUInt32LE(crc32c(target.subarray(crcBytes, size)), 0);
    writeUint(this.key, 0, index);
    sink.put(index, this.key, target.subarray(0, size));
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

/** The key of the run whose first entry is at `index`. */
export function entryKey(index: number): Buffer {
  const key = Buffer.allocUnsafe(8);
  writeUint(key, 0, index);
  return key;
}

/** The index that a run's key stands for; undefined if it is no run's. */
export function entryIndex(key: Uint8Array): number | undefined {
  return key.length === 8 && key[0] === 0 ? readUint(asBuffer(key), 0) : undefined;
}

/** Why a record cannot be used. */
export type RecordFault = "too short" | "checksum mismatch" | "another index" | "unknown type";

/** The entries of the record under `index`; their data share the value's memory. */
export function decodeEntries(index: number, value: Uint8Array): Entry[] | RecordFault {
  if (value.length < runHeadBytes + entryHeadBytes && value.length < headBytes) return "too short";
  const bytes = asBuffer(value);
  if (crc32c(bytes.subarray(crcBytes)) !== bytes.readUInt32LE(0)) return "checksum mismatch";
  if (readUint(bytes, crcBytes) !== index) return "another index";
  if (bytes[crcBytes + 8] === runMark) return decodeRun(index, bytes);
  const type = bytes[headBytes - 1];
  if (!isEntryType(type)) return "unknown type";
  return [{ type, term: readUint(bytes, crcBytes + 8), index, data: bytes.subarray(headBytes) }];
}

function decodeRun(first: number, bytes: Buffer): Entry[] | RecordFault {
  const entries: Entry[] = [];
  let at = runHeadBytes;
  while (at < bytes.length) {
    if (at + entryHeadBytes > bytes.length) return "too short";
    const type = bytes[at + 8];
    if (!isEntryType(type)) return "unknown type";
    const end = at + entryHeadBytes + bytes.readUInt32BE(at + 9);
    if (end > bytes.length) return "too short";
    const data = bytes.subarray(at + entryHeadBytes, end);
    entries.push({ type, term: readUint(bytes, at), index: first + entries.length, data });
    at = end;
  }
  return entries;
}

function isEntryType(type: number | undefined): type is EntryType {
  return type === 0 || type === 1 || type === 2;
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
