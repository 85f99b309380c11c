// The state on RocksDB. One key space (buckets.ts); beside the buckets' records it holds its format
// and the count of their bytes, which every batch carries, so that it is right after any crash.
//
// Two writes in the addon at a time could change places, so one is under way and the others wait in
// line. All that wait leave together: a batch for the addon costs a thread's wake-up and the loop's,
// as much as some fifty records do. For the same reason a lazy one waits a little for others.
import { Buffer } from "node:buffer";
import { assert } from "#base/assert.ts";
import { OperatingError } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import type { Bucket } from "#base/state-batch.ts";
import {
  allBuckets,
  bucketPrefix,
  commonBucketAt,
  commonPrefixEnd,
  etcdPrefixEnd,
  ownPrefix,
} from "#server/backend/buckets.ts";
import { cutLogFiles } from "#server/backend/log-files.ts";
import { Rocks, type RocksBatch, type RocksIterator } from "#server/backend/rocks.ts";
import { SizeLedger } from "#server/backend/size-ledger.ts";
import { visitTables } from "#server/backend/table-reader.ts";
import type {
  AllBucketsView,
  Backend,
  StateRecord,
  StateView,
  WritableBatch,
} from "#server/mvcc/backend.ts";

/** The version of what this file writes; a folder of a newer one is refused. */
export const stateFormat = 1;

const formatKey = Buffer.from([ownPrefix, 1]);
const sizeKey = Buffer.from([ownPrefix, 2]);

/** Batches that may wait behind the one under way; a caller that does not wait for its writes ends here. */
const maxWaitingWrites = 4096;

const viewPageBytes = 256 * 1024;

/** How long a lazy write waits for others at most. A crash loses as much, and the log brings it back. */
const gatherMs = 10;
/** Records, and bytes of them, at which it waits no longer: filling the addon's batch must not take long. */
const gatherRecords = 512;
const gatherBytes = 512 * 1024;

/** Keys and values in a page after which no other is fetched ahead: an iterator's first has one row. */
const fewRows = 2;

export interface RocksTuning {
  readonly writeBufferBytes?: number;
  readonly cacheBytes?: number;
  /** Reads in the thread pool at a time; well below UV_THREADPOOL_SIZE. */
  readonly maxParallelReads?: number;
  /** `--unsafe-no-fsync` */
  readonly unsafeNoSync?: boolean;
  /** Is told how long each write took. */
  readonly meter?: { nowMs(): number; written(durationMs: number): void } | undefined;
}

export interface RocksBackendOptions extends RocksTuning {
  /** False: opening a folder that holds no state fails. */
  readonly create: boolean;
  readonly log?: Log;
}

/**
 * Opens the state in `dir`, whose parent exists; fails with an OperatingError that names it.
 * Writes that no sync covered may be missing after a crash, from one of them on.
 * The caller holds a lock that keeps other processes out of `dir` (process-lock.ts).
 */
export async function openRocksBackend(
  dir: string,
  options: RocksBackendOptions,
): Promise<RocksBackend> {
  const cut = await cutLogFiles(dir);
  if (cut !== undefined) {
    options.log?.warn({ dir, ...cut }, "cut writes off the state that had not reached the disk");
  }
  const rocks = await Rocks.open(dir, {
    create: options.create,
    writeBufferBytes: options.writeBufferBytes ?? 16 * 1024 * 1024,
    cacheBytes: options.cacheBytes ?? 16 * 1024 * 1024,
    compression: true,
    maxParallelReads: options.maxParallelReads ?? 8,
    unsafeNoSync: options.unsafeNoSync,
  });
  try {
    await checkFormat(rocks, dir);
    return new RocksBackend(rocks, dir, await readLedger(rocks, dir), options.meter);
  } catch (error) {
    await rocks.close();
    throw error;
  }
}

async function checkFormat(rocks: Rocks, dir: string): Promise<void> {
  const stored = await rocks.get(formatKey);
  if (stored === undefined) {
    const batch = rocks.newBatch();
    batch.put(formatKey, Buffer.from([stateFormat]));
    batch.put(sizeKey, sizeValue(0));
    await rocks.write(batch, true);
    return;
  }
  const format = stored[0] ?? 0;
  if (format > stateFormat) {
    throw new OperatingError(
      "FORMAT_TOO_NEW",
      `${dir} has format ${format}, this version knows up to ${stateFormat}: run the version that wrote it`,
    );
  }
}

/** Reads the count, and the sizes of all records that may be overwritten. */
async function readLedger(rocks: Rocks, dir: string): Promise<SizeLedger> {
  const stored = await rocks.get(sizeKey);
  if (stored?.length !== 8) {
    throw new OperatingError("DATA_DAMAGED", `${dir} is damaged: its count of bytes is missing`);
  }
  const ledger = new SizeLedger(Number(Buffer.from(stored).readBigUInt64BE()));
  for (const [bucket, prefix] of allBuckets) {
    if (bucket === "key") continue;
    const rows = rocks.iterate({
      from: Buffer.from([prefix]),
      to: Buffer.from([prefix + 1]),
      pageBytes: viewPageBytes,
    });
    for (let page = await rows.next(); page.length > 0; page = await rows.next()) {
      for (let i = 0; i + 1 < page.length; i += 2) {
        const key = page[i];
        const value = page[i + 1];
        assert(key !== undefined && value !== undefined, "backend: a page has keys and values");
        ledger.know(bucket, key.subarray(1), value.length);
      }
    }
    await rows.close();
  }
  return ledger;
}

interface Waiting {
  readonly batch: GatheredBatch;
  readonly sync: boolean;
  /** Bytes of all records after this write. */
  readonly total: number;
  resolve(): void;
  reject(error: unknown): void;
}

export class RocksBackend implements Backend {
  readonly dir: string;
  private readonly rocks: Rocks;
  /** Counts what was handed to write, ahead of what has resolved. */
  private readonly ledger: SizeLedger;
  private resolvedBytes: number;
  private waiting: Waiting[] = [];
  private waitingRecords = 0;
  private waitingBytes = 0;
  /** True while all that wait are lazy. */
  private timer: NodeJS.Timeout | undefined;
  private hurried = false;
  private writing = false;
  private readonly meter: RocksTuning["meter"];
  /** True from the first write on: not all of the state lies in tables then. */
  private isWritten = false;
  private failure: OperatingError | undefined;
  private closing: Promise<void> | undefined;
  private idle: (() => void) | undefined;
  /** While it is there no write begins. */
  private pause: Promise<void> | undefined;
  private wrote: (() => void) | undefined;
  /** One at a time: whoever asks meanwhile waits for the one under way. */
  private compacting: Promise<void> | undefined;

  constructor(rocks: Rocks, dir: string, ledger: SizeLedger, meter: RocksTuning["meter"]) {
    this.rocks = rocks;
    this.dir = dir;
    this.ledger = ledger;
    this.meter = meter;
    this.resolvedBytes = ledger.total;
  }

  newBatch(): WritableBatch {
    this.rocks.check();
    return new GatheredBatch();
  }

  write(
    batch: WritableBatch,
    options: { readonly sync: boolean; readonly lazily?: boolean },
  ): Promise<void> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    if (this.closing !== undefined) return Promise.reject(closedError(this.dir));
    if (this.waiting.length >= maxWaitingWrites) {
      return Promise.reject(
        new OperatingError("STATE_OVERLOADED", `${maxWaitingWrites} writes wait for ${this.dir}`),
      );
    }
    assert(batch instanceof GatheredBatch, "backend: another store's batch");
    this.isWritten = true;
    const total = batch.finish(this.ledger);
    this.waitingRecords += batch.opCount;
    this.waitingBytes += batch.byteSize;
    if (options.lazily !== true) this.hurried = true;
    return new Promise((resolve, reject) => {
      this.waiting.push({ batch, sync: options.sync, total, resolve, reject });
      this.writeNext();
    });
  }

  sizeBytes(): number {
    return this.resolvedBytes;
  }

  async getMany(
    bucket: Bucket,
    keys: readonly Uint8Array[],
  ): Promise<readonly (Uint8Array | undefined)[]> {
    const prefix = bucketPrefix(bucket);
    return await this.rocks.getMany(keys.map((key) => prefixed(prefix, key)));
  }

  scan(bucket: Bucket, from: Uint8Array, to?: Uint8Array): StateView {
    const prefix = bucketPrefix(bucket);
    const rows = new RowReader(
      this.rocks.iterate({
        from: prefixed(prefix, from),
        to: to === undefined ? Buffer.from([prefix + 1]) : prefixed(prefix, to),
        pageBytes: viewPageBytes,
      }),
    );
    return {
      next: (maxRecords) =>
        rows.take<StateRecord>(maxRecords, (key, value) => [key.subarray(1), value]),
      close: () => rows.close(),
    };
  }

  scanAll(options?: { readonly withShared: boolean }): AllBucketsView {
    const end = options?.withShared === true ? commonPrefixEnd : etcdPrefixEnd;
    const rows = new RowReader(
      this.rocks.iterate({
        from: Buffer.from([1]),
        to: Buffer.from([end]),
        pageBytes: viewPageBytes,
      }),
    );
    return {
      next: (maxRecords) =>
        rows.take<readonly [Bucket, Uint8Array, Uint8Array]>(maxRecords, (key, value) => [
          commonBucketAt(key[0] ?? 0),
          key.subarray(1),
          value,
        ]),
      close: () => rows.close(),
    };
  }

  async visitUnwritten(
    bucket: Bucket,
    visit: (key: Uint8Array, value: Uint8Array) => void,
  ): Promise<boolean> {
    if (this.isWritten || this.closing !== undefined) return false;
    const wanted = bucketPrefix(bucket);
    let refused: unknown;
    try {
      return await visitTables(this.dir, (prefix, key, value) => {
        if (prefix !== wanted) return;
        try {
          visit(key, value);
        } catch (error) {
          refused = error;
          throw error;
        }
      });
    } catch (error) {
      if (error === refused || !isDamage(error)) throw error;
      throw new OperatingError(
        "DATA_DAMAGED",
        `the state is damaged: ${error.message}; remove this member and add it again with an empty folder, or restore a backup`,
        { cause: error },
      );
    }
  }

  defragment(): Promise<void> {
    if (this.closing !== undefined) return Promise.reject(closedError(this.dir));
    this.compacting ??= this.rocks.compactRange(lowest, highest).finally(() => {
      this.compacting = undefined;
    });
    return this.compacting;
  }

  /**
   * Runs `work` between two writes: what the folder's files hold meanwhile, and what views that are opened
   * in it see, is one state, that of the last write which has resolved. Later writes wait, so it must be
   * short.
   */
  async betweenWrites<T>(work: () => Promise<T>): Promise<T> {
    while (this.pause !== undefined) await this.pause;
    const paused = Promise.withResolvers<void>();
    this.pause = paused.promise;
    try {
      if (this.writing) await new Promise<void>((resolve) => (this.wrote = resolve));
      if (this.failure !== undefined) throw this.failure;
      if (this.closing !== undefined) throw closedError(this.dir);
      return await work();
    } finally {
      this.pause = undefined;
      paused.resolve();
      this.writeNext();
    }
  }

  close(): Promise<void> {
    this.closing ??= (async () => {
      while (this.pause !== undefined) await this.pause;
      this.hurried = true;
      this.writeNext();
      if (this.writing) {
        await new Promise<void>((resolve) => {
          this.idle = resolve;
        });
      }
      await this.rocks.close();
    })();
    return this.closing;
  }

  /** Writes all that wait, unless one is under way or they may wait on. */
  private writeNext(): void {
    if (this.writing || this.pause !== undefined) return;
    if (this.waiting.length === 0) {
      this.hurried = false;
      this.idle?.();
      return;
    }
    const full = this.waitingRecords >= gatherRecords || this.waitingBytes >= gatherBytes;
    if (!this.hurried && !full) {
      this.timer ??= setTimeout(this.waitedEnough, gatherMs);
      return;
    }
    clearTimeout(this.timer);
    this.timer = undefined;
    this.hurried = false;
    this.waitingRecords = 0;
    this.waitingBytes = 0;
    this.writing = true;
    const group = this.waiting;
    this.waiting = [];
    this.writeGroup(group).then(
      () => {
        this.resolvedBytes = group.at(-1)!.total;
        this.writing = false;
        for (const one of group) one.resolve();
        this.wrote?.();
        this.wrote = undefined;
        this.writeNext();
      },
      (error: unknown) => this.fail(error, group),
    );
  }

  private readonly waitedEnough = (): void => {
    this.timer = undefined;
    this.hurried = true;
    this.writeNext();
  };

  private async writeGroup(group: readonly Waiting[]): Promise<void> {
    const native = this.rocks.newBatch();
    let sync = false;
    for (const one of group) {
      one.batch.fill(native);
      sync ||= one.sync;
    }
    native.put(sizeKey, sizeValue(group.at(-1)!.total));
    const startMs = this.meter?.nowMs() ?? 0;
    await this.rocks.write(native, sync);
    this.meter?.written(this.meter.nowMs() - startMs);
  }

  private fail(error: unknown, group: readonly Waiting[]): void {
    this.failure =
      error instanceof OperatingError
        ? error
        : new OperatingError("STATE_WRITE_FAILED", `${this.dir} could not be written`, {
            cause: error,
          });
    this.writing = false;
    clearTimeout(this.timer);
    for (const one of [...group, ...this.waiting]) one.reject(this.failure);
    this.waiting = [];
    this.wrote?.();
    this.idle?.();
  }
}

const lowest = Buffer.from([0]);
const highest = Buffer.from([0xff]);

function isDamage(error: unknown): error is OperatingError {
  return error instanceof OperatingError && error.code === "DATA_DAMAGED";
}

function closedError(dir: string): OperatingError {
  return new OperatingError("STORE_CLOSED", `${dir} is closed`);
}

function sizeValue(bytes: number): Uint8Array {
  const value = Buffer.allocUnsafe(8);
  value.writeBigUInt64BE(BigInt(bytes));
  return value;
}

function prefixed(prefix: number, key: Uint8Array): Uint8Array {
  const out = Buffer.allocUnsafe(1 + key.length);
  out[0] = prefix;
  out.set(key, 1);
  return out;
}

/**
 * Rows of an iterator in slices of any length. Whoever reads beyond a first page is going to read on:
 * from then on the next page is fetched while this one is worked on.
 */
class RowReader {
  private readonly rows: RocksIterator;
  private page: Uint8Array[] = [];
  private at = 0;
  private ahead: Promise<Uint8Array[]> | undefined;

  constructor(rows: RocksIterator) {
    this.rows = rows;
  }

  async take<Row>(max: number, row: (key: Uint8Array, value: Uint8Array) => Row): Promise<Row[]> {
    const out: Row[] = [];
    while (out.length < max) {
      const key = this.page[this.at];
      const value = this.page[this.at + 1];
      if (key === undefined || value === undefined) {
        this.page = await (this.ahead ?? this.rows.next());
        this.at = 0;
        this.ahead = undefined;
        if (this.page.length === 0) break;
        if (this.page.length > fewRows) {
          this.ahead = this.rows.next();
          // Whoever comes for it is told; nobody may.
          this.ahead.catch(() => {});
        }
        continue;
      }
      this.at += 2;
      out.push(row(key, value));
    }
    return out;
  }

  async close(): Promise<void> {
    await this.ahead?.catch(() => {});
    await this.rows.close();
  }
}

interface SizeChange {
  readonly bucket: Bucket;
  readonly key: Uint8Array;
  /** Undefined in a deletion. */
  readonly valueBytes: number | undefined;
}

/** Short keys are prefixed in one scratch buffer; the addon copies them before the call returns. */
const scratch = Buffer.alloc(64);
const scratchOfLength: readonly Uint8Array[] = Array.from({ length: 65 }, (_, n) =>
  scratch.subarray(0, n),
);

function borrowPrefixed(prefix: number, key: Uint8Array): Uint8Array {
  const view = scratchOfLength[key.length + 1];
  if (view === undefined) return prefixed(prefix, key);
  view[0] = prefix;
  view.set(key, 1);
  return view;
}

/** Keeps what it is given until the backend fills a batch of the addon with it. */
class GatheredBatch implements WritableBatch {
  byteSize = 0;
  private readonly prefixes: number[] = [];
  private readonly keys: Uint8Array[] = [];
  /** Undefined for a deletion. */
  private readonly values: (Uint8Array | undefined)[] = [];
  /** Bytes that bucket `key` gains; its sizes need no look-up. */
  private keyBytes = 0;
  /** Sizes of the other buckets depend on what was written before: worked out by write. */
  private changes: SizeChange[] = [];
  private finished = false;

  get opCount(): number {
    return this.keys.length;
  }

  put(bucket: Bucket, key: Uint8Array, value: Uint8Array): void {
    this.add(bucket, key, value);
    this.byteSize += value.length;
    if (bucket === "key") this.keyBytes += key.length + value.length;
    else this.changes.push({ bucket, key, valueBytes: value.length });
  }

  delete(bucket: Bucket, key: Uint8Array, valueBytes?: number): void {
    assert(bucket !== "key" || valueBytes !== undefined, "backend: a deletion needs its size");
    this.add(bucket, key, undefined);
    if (valueBytes !== undefined && bucket === "key") this.keyBytes -= key.length + valueBytes;
    else this.changes.push({ bucket, key, valueBytes: undefined });
  }

  /** Counts the batch in, and returns the bytes of all records after it; the batch is then closed. */
  finish(ledger: SizeLedger): number {
    assert(!this.finished, "backend: a batch is written twice");
    this.finished = true;
    ledger.add(this.keyBytes);
    for (const { bucket, key, valueBytes } of this.changes) {
      if (valueBytes === undefined) ledger.delete(bucket, key, undefined);
      else ledger.put(bucket, key, valueBytes);
    }
    this.changes = [];
    return ledger.total;
  }

  /** Puts everything into the addon's batch, which copies it. */
  fill(native: RocksBatch): void {
    const { prefixes, keys, values } = this;
    for (let i = 0; i < keys.length; i++) {
      const key = borrowPrefixed(prefixes[i]!, keys[i]!);
      const value = values[i];
      if (value === undefined) native.delete(key);
      else native.put(key, value);
    }
  }

  private add(bucket: Bucket, key: Uint8Array, value: Uint8Array | undefined): void {
    assert(!this.finished, "backend: a batch changes after it was written");
    this.prefixes.push(bucketPrefix(bucket));
    this.keys.push(key);
    this.values.push(value);
    this.byteSize += key.length;
  }
}
