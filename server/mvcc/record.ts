// The state record of one change, exactly as etcd stores it (facts: storage format §3): a revision
// key of 17 bytes (18 for a deletion) and an encoded KeyValue. Hashes cover these bytes, so fields
// are written in ascending order and zero ones are left out.
import { Buffer } from "node:buffer";
import { assert } from "#base/assert.ts";
import type { LeaseId } from "#base/ids.ts";

const SEPARATOR = 0x5f;
const TOMBSTONE = 0x74;
const REVISION_KEY_BYTES = 17;
const TWO_32 = 4294967296;

// Fields of KeyValue with their wire types.
const TAG_KEY = 0x0a;
const TAG_CREATE = 0x10;
const TAG_MOD = 0x18;
const TAG_VERSION = 0x20;
const TAG_VALUE = 0x2a;
const TAG_LEASE = 0x30;

function writeUint64(target: Uint8Array, offset: number, value: number): void {
  const high = Math.floor(value / TWO_32);
  const low = value >>> 0;
  target[offset] = high >>> 24;
  target[offset + 1] = high >>> 16;
  target[offset + 2] = high >>> 8;
  target[offset + 3] = high;
  target[offset + 4] = low >>> 24;
  target[offset + 5] = low >>> 16;
  target[offset + 6] = low >>> 8;
  target[offset + 7] = low;
}

function readUint64(source: Uint8Array, offset: number): number {
  const high =
    source[offset]! * 0x1000000 +
    ((source[offset + 1]! << 16) | (source[offset + 2]! << 8) | source[offset + 3]!);
  const low =
    source[offset + 4]! * 0x1000000 +
    ((source[offset + 5]! << 16) | (source[offset + 6]! << 8) | source[offset + 7]!);
  return high * TWO_32 + low;
}

/** The key of bucket `key` under which the change `main`, `sub` is stored. */
export function revisionKey(main: number, sub: number, tombstone: boolean): Buffer {
  const out = Buffer.allocUnsafe(tombstone ? REVISION_KEY_BYTES + 1 : REVISION_KEY_BYTES);
  writeUint64(out, 0, main);
  out[8] = SEPARATOR;
  writeUint64(out, 9, sub);
  if (tombstone) out[REVISION_KEY_BYTES] = TOMBSTONE;
  return out;
}

/** The main revision of a revision key. */
export function mainOf(key: Uint8Array): number {
  return readUint64(key, 0);
}

/** The sub revision of a revision key. */
export function subOf(key: Uint8Array): number {
  return readUint64(key, 9);
}

/** True if a record of this key is a deletion. Refuses, by assertion, what is no revision key. */
export function isTombstoneKey(key: Uint8Array): boolean {
  const tombstone = key.length === REVISION_KEY_BYTES + 1;
  const isRevision =
    (tombstone ? key[REVISION_KEY_BYTES] === TOMBSTONE : key.length === REVISION_KEY_BYTES) &&
    key[8] === SEPARATOR;
  // The text is only made where it is wanted: a start asks this of millions.
  if (!isRevision) assert(false, `bucket key holds a key that is no revision: ${hex(key)}`);
  return tombstone;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let v = value; v >= 0x80; v = Math.floor(v / 128)) bytes++;
  return bytes;
}

function writeVarint(target: Uint8Array, offset: number, value: number): number {
  let at = offset;
  let v = value;
  while (v >= TWO_32) {
    target[at++] = (v % 128) | 0x80;
    v = Math.floor(v / 128);
  }
  v >>>= 0;
  while (v >= 0x80) {
    target[at++] = (v & 0x7f) | 0x80;
    v >>>= 7;
  }
  target[at++] = v;
  return at;
}

function writeLease(target: Uint8Array, offset: number, lease: LeaseId): number {
  let at = offset;
  let v = BigInt.asUintN(64, lease);
  while (v >= 0x80n) {
    target[at++] = Number(v & 0x7fn) | 0x80;
    v >>= 7n;
  }
  target[at++] = Number(v);
  return at;
}

function leaseBytes(lease: LeaseId): number {
  let bytes = 1;
  for (let v = BigInt.asUintN(64, lease); v >= 0x80n; v >>= 7n) bytes++;
  return bytes;
}

/** What a put record holds; `lease` 0n is none. */
export interface RecordFields {
  readonly key: Uint8Array;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  readonly value: Uint8Array;
  readonly lease: LeaseId;
}

/** The bytes that writeRecord will need. */
export function recordSize(fields: RecordFields): number {
  const { key, value, createRevision, modRevision, version, lease } = fields;
  let size = 0;
  if (key.length > 0) size += 1 + varintBytes(key.length) + key.length;
  if (createRevision !== 0) size += 1 + varintBytes(createRevision);
  if (modRevision !== 0) size += 1 + varintBytes(modRevision);
  if (version !== 0) size += 1 + varintBytes(version);
  if (value.length > 0) size += 1 + varintBytes(value.length) + value.length;
  if (lease !== 0n) size += 1 + leaseBytes(lease);
  return size;
}

/** Writes the record at `offset`, where recordSize bytes must be free; returns the end. */
export function writeRecord(target: Uint8Array, offset: number, fields: RecordFields): number {
  const { key, value, createRevision, modRevision, version, lease } = fields;
  let at = offset;
  if (key.length > 0) {
    target[at++] = TAG_KEY;
    at = writeVarint(target, at, key.length);
    target.set(key, at);
    at += key.length;
  }
  if (createRevision !== 0) {
    target[at++] = TAG_CREATE;
    at = writeVarint(target, at, createRevision);
  }
  if (modRevision !== 0) {
    target[at++] = TAG_MOD;
    at = writeVarint(target, at, modRevision);
  }
  if (version !== 0) {
    target[at++] = TAG_VERSION;
    at = writeVarint(target, at, version);
  }
  if (value.length > 0) {
    target[at++] = TAG_VALUE;
    at = writeVarint(target, at, value.length);
    target.set(value, at);
    at += value.length;
  }
  if (lease !== 0n) {
    target[at++] = TAG_LEASE;
    at = writeLease(target, at, lease);
  }
  return at;
}

/** The record of a deletion: the key alone. */
export function tombstoneRecord(key: Uint8Array): Buffer {
  const prefix = key.length === 0 ? 0 : 1 + varintBytes(key.length);
  const out = Buffer.allocUnsafe(prefix + key.length);
  if (key.length > 0) {
    out[0] = TAG_KEY;
    out.set(key, writeVarint(out, 1, key.length));
  }
  return out;
}

/** What the index keeps of a put's record; one is filled again for each record. */
export interface RecordHead {
  /** Where in the record the key's bytes lie. */
  keyAt: number;
  keyBytes: number;
  createRevision: number;
  version: number;
  /** True if a lease is attached; the whole record says which. */
  hasLease: boolean;
}

/**
 * Reads from a record what the index keeps, without making an object: a start reads millions. False if
 * it is not laid out as writeRecord does, which says nothing against it: then it must be decoded.
 */
export function readRecordHead(record: Uint8Array, head: RecordHead): boolean {
  const end = record.length;
  head.createRevision = 0;
  head.version = 0;
  head.hasLease = false;
  let at = 0;
  let last = 0;
  let hasKey = false;
  while (at < end) {
    const tag = record[at++]!;
    if (tag <= last) return false;
    last = tag;
    let value = 0;
    let scale = 1;
    let byte = 0x80;
    if (tag === TAG_LEASE) {
      head.hasLease = true;
      return hasKey;
    }
    while (byte >= 0x80) {
      if (at === end || scale > 0x2000000000000) return false;
      byte = record[at++]!;
      value += (byte & 0x7f) * scale;
      scale *= 128;
    }
    switch (tag) {
      case TAG_KEY:
        if (at + value > end) return false;
        head.keyAt = at;
        head.keyBytes = value;
        hasKey = true;
        at += value;
        break;
      case TAG_CREATE:
        head.createRevision = value;
        break;
      case TAG_MOD:
        break;
      case TAG_VERSION:
        head.version = value;
        break;
      case TAG_VALUE:
        if (at + value > end) return false;
        at += value;
        break;
      default:
        return false;
    }
  }
  return hasKey;
}
