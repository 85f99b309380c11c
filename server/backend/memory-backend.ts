// A state in memory, for tests and the simulator: what was not synced is lost in a crash. It is
// stricter than a disk can be: it refuses to overwrite a record of bucket `key`, and to delete one
// that is not there or whose size was told wrong.
//
// A bucket is an array of records in key order; a view shares it, the next change then copies it.
import { assert } from "#base/assert.ts";
import { compareBytes } from "#base/bytes.ts";
import { OperatingError } from "#base/errors.ts";
import { type Bucket, etcdBuckets } from "#base/state-batch.ts";
import { commonBuckets } from "#server/backend/buckets.ts";
import { SizeLedger } from "#server/backend/size-ledger.ts";
import type {
  AllBucketsView,
  Backend,
  StateRecord,
  StateView,
  WritableBatch,
} from "#server/mvcc/backend.ts";

interface Operation {
  readonly bucket: Bucket;
  readonly key: Uint8Array;
  /** Undefined in a deletion. */
  readonly value: Uint8Array | undefined;
  readonly valueBytes: number | undefined;
}

class MemoryBatch implements WritableBatch {
  readonly operations: Operation[] = [];
  byteSize = 0;
  written = false;

  get opCount(): number {
    return this.operations.length;
  }

  put(bucket: Bucket, key: Uint8Array, value: Uint8Array): void {
    this.add({ bucket, key, value, valueBytes: value.length });
    this.byteSize += value.length;
  }

  delete(bucket: Bucket, key: Uint8Array, valueBytes?: number): void {
    assert(bucket !== "key" || valueBytes !== undefined, "backend: a deletion needs its size");
    this.add({ bucket, key, value: undefined, valueBytes });
  }

  private add(operation: Operation): void {
    assert(!this.written, "backend: a batch changes after it was written");
    this.operations.push(operation);
    this.byteSize += operation.key.length;
  }
}

/** The records of one bucket. */
class Records {
  private list: StateRecord[] = [];
  private shared = false;

  /** The records as they are now, never changed afterwards. */
  view(): readonly StateRecord[] {
    this.shared = true;
    return this.list;
  }

  find(key: Uint8Array): Uint8Array | undefined {
    const at = lowerBound(this.list, key);
    const record = this.list[at];
    return record !== undefined && compareBytes(record[0], key) === 0 ? record[1] : undefined;
  }

  put(key: Uint8Array, value: Uint8Array): void {
    const at = this.place(key);
    this.list.splice(at, this.holds(at, key) ? 1 : 0, [key, value]);
  }

  delete(key: Uint8Array): void {
    const at = this.place(key);
    if (this.holds(at, key)) this.list.splice(at, 1);
  }

  private place(key: Uint8Array): number {
    if (this.shared) {
      this.list = [...this.list];
      this.shared = false;
    }
    const last = this.list.at(-1);
    if (last === undefined || compareBytes(last[0], key) < 0) return this.list.length;
    return lowerBound(this.list, key);
  }

  private holds(at: number, key: Uint8Array): boolean {
    const record = this.list[at];
    return record !== undefined && compareBytes(record[0], key) === 0;
  }
}

/** Index of the first record whose key is not below `key`. */
function lowerBound(list: readonly StateRecord[], key: Uint8Array): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const record = list[middle];
    if (record !== undefined && compareBytes(record[0], key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

class Image {
  private readonly buckets = new Map<Bucket, Records>();
  readonly ledger = new SizeLedger();

  bucket(bucket: Bucket): Records {
    let records = this.buckets.get(bucket);
    if (records === undefined) {
      records = new Records();
      this.buckets.set(bucket, records);
    }
    return records;
  }

  apply(operations: readonly Operation[]): void {
    for (const { bucket, key, value, valueBytes } of operations) {
      const records = this.bucket(bucket);
      if (bucket === "key") {
        const old = records.find(key);
        if (value !== undefined) assert(old === undefined, "backend: a key record is overwritten");
        else assert(old?.length === valueBytes, "backend: a deleted key record's size is wrong");
      }
      if (value === undefined) {
        this.ledger.delete(bucket, key, valueBytes);
        records.delete(key);
      } else {
        this.ledger.put(bucket, key, value.length);
        records.put(key, value);
      }
    }
  }
}

export class MemoryBackend implements Backend {
  private readonly seen: Image;
  private readonly durable: Image;
  private unsynced: (readonly Operation[])[] = [];
  private failure: OperatingError | undefined;
  private closed = false;

  constructor() {
    this.seen = new Image();
    this.durable = new Image();
  }

  newBatch(): WritableBatch {
    return new MemoryBatch();
  }

  write(batch: WritableBatch, options: { readonly sync: boolean }): Promise<void> {
    const failure = this.refusal();
    if (failure !== undefined) return Promise.reject(failure);
    assert(batch instanceof MemoryBatch, "backend: another store's batch");
    assert(!batch.written, "backend: a batch is written twice");
    batch.written = true;
    this.seen.apply(batch.operations);
    this.unsynced.push(batch.operations);
    if (options.sync) {
      for (const operations of this.unsynced) this.durable.apply(operations);
      this.unsynced = [];
    }
    return Promise.resolve();
  }

  sizeBytes(): number {
    return this.seen.ledger.total;
  }

  getMany(
    bucket: Bucket,
    keys: readonly Uint8Array[],
  ): Promise<readonly (Uint8Array | undefined)[]> {
    const failure = this.refusal();
    if (failure !== undefined) return Promise.reject(failure);
    const records = this.seen.bucket(bucket);
    return Promise.resolve(keys.map((key) => records.find(key)));
  }

  scan(bucket: Bucket, from: Uint8Array, to?: Uint8Array): StateView {
    const list = this.seen.bucket(bucket).view();
    let at = lowerBound(list, from);
    const end = to === undefined ? list.length : Math.max(at, lowerBound(list, to));
    return {
      next: (maxRecords) => {
        const failure = this.refusal();
        if (failure !== undefined) return Promise.reject(failure);
        const slice = list.slice(at, Math.min(end, at + maxRecords));
        at += slice.length;
        return Promise.resolve(slice);
      },
      close: () => Promise.resolve(),
    };
  }

  scanAll(options?: { readonly withShared: boolean }): AllBucketsView {
    const buckets = options?.withShared === true ? commonBuckets : etcdBuckets;
    const all = buckets.flatMap((bucket) =>
      this.seen
        .bucket(bucket)
        .view()
        .map(([key, value]) => [bucket, key, value] as const),
    );
    let at = 0;
    return {
      next: (maxRecords) => {
        const failure = this.refusal();
        if (failure !== undefined) return Promise.reject(failure);
        const slice = all.slice(at, at + maxRecords);
        at += slice.length;
        return Promise.resolve(slice);
      },
      close: () => Promise.resolve(),
    };
  }

  defragment(): Promise<void> {
    const failure = this.refusal();
    return failure === undefined ? Promise.resolve() : Promise.reject(failure);
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }

  /** Writes that a crash now would lose. */
  get unsyncedCount(): number {
    return this.unsynced.length;
  }

  /**
   * The state that a restart finds after a crash: what was synced, and the first `kept` of the
   * writes that were not. This one can no longer be used.
   */
  crash(kept = 0): MemoryBackend {
    const after = new MemoryBackend();
    for (const operations of this.unsynced.slice(0, kept)) this.durable.apply(operations);
    for (const image of [after.seen, after.durable]) {
      for (const bucket of [...commonBuckets, "private"] as const) {
        for (const [key, value] of this.durable.bucket(bucket).view()) {
          image.apply([{ bucket, key, value, valueBytes: value.length }]);
        }
      }
    }
    this.closed = true;
    return after;
  }

  /** The state that a restart finds after a clean stop. */
  reopen(): MemoryBackend {
    return this.crash(this.unsynced.length);
  }

  /** Makes the next write, and so all later ones, fail as a full or broken disk does. */
  breakDisk(): void {
    this.failure = new OperatingError("STATE_WRITE_FAILED", "the state could not be written");
  }

  private refusal(): OperatingError | undefined {
    if (this.closed) return new OperatingError("STATE_CLOSED", "the state is closed");
    return this.failure;
  }
}
