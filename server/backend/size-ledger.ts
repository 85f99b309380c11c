// Counts the bytes of all records, keys and values, without reading any.
//
// A record of bucket `key` is written once, and whoever deletes it says how long its value was. The
// other buckets are small (leases, members, users) and may be overwritten: their sizes are kept here.
import { Buffer } from "node:buffer";
import { assert } from "#base/assert.ts";
import type { Bucket } from "#base/state-batch.ts";

export class SizeLedger {
  /** Value bytes of each record outside bucket `key`, by bucket and key. */
  private readonly sizes = new Map<Bucket, Map<string, number>>();
  private bytes: number;

  constructor(bytes = 0) {
    this.bytes = bytes;
  }

  /** Bytes of all records. */
  get total(): number {
    return this.bytes;
  }

  /** A record that the total already counts, met when a store is opened. */
  know(bucket: Bucket, key: Uint8Array, valueBytes: number): void {
    if (bucket !== "key") this.bucket(bucket).set(name(key), valueBytes);
  }

  /** Bytes that bucket `key` gained, or lost if negative. */
  add(bytes: number): void {
    this.bytes += bytes;
    assert(this.bytes >= 0, "backend: more bytes deleted than were written");
  }

  put(bucket: Bucket, key: Uint8Array, valueBytes: number): void {
    this.bytes += valueBytes;
    if (bucket === "key") {
      this.bytes += key.length;
      return;
    }
    const sizes = this.bucket(bucket);
    const text = name(key);
    const old = sizes.get(text);
    this.bytes += old === undefined ? key.length : -old;
    sizes.set(text, valueBytes);
  }

  delete(bucket: Bucket, key: Uint8Array, valueBytes: number | undefined): void {
    if (bucket === "key") {
      assert(valueBytes !== undefined, "backend: a deletion in bucket key needs the value's size");
      this.bytes -= key.length + valueBytes;
    } else {
      const sizes = this.bucket(bucket);
      const text = name(key);
      const old = sizes.get(text);
      if (old === undefined) return;
      sizes.delete(text);
      this.bytes -= key.length + old;
    }
    assert(this.bytes >= 0, "backend: more bytes deleted than were written");
  }

  private bucket(bucket: Bucket): Map<string, number> {
    let sizes = this.sizes.get(bucket);
    if (sizes === undefined) {
      sizes = new Map();
      this.sizes.set(bucket, sizes);
    }
    return sizes;
  }
}

function name(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString("latin1");
}
