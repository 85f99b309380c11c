// RocksDB behind promises, with the few calls that log and state need.
//
// The addon's own binding is called, not the JavaScript around it: that one turns a Uint8Array into
// the text "1,2,3", holds no types, and its pages of iterators come with rows lost or swapped. Its
// guard against calls on a closed store, which crash the process, is repeated here.
//
// Buffers handed in are copied before a call returns; those handed out are the caller's.
// Every call runs on the thread pool. At most `maxParallelReads` reads are there at a time, whatever
// is asked for, so that the sync of the log finds a thread.
import { createRequire } from "node:module";
import { assert } from "#base/assert.ts";
import { errorText, OperatingError } from "#base/errors.ts";
import { ReadLanes } from "#server/backend/read-lanes.ts";
import { checkTableFiles } from "#server/backend/table-files.ts";

type Native<Name extends string> = { readonly native: Name };
type Done = (error: Error | null | undefined) => void;

/** Functions of the addon (its binding.cc). */
interface Binding {
  db_init(): Native<"db">;
  db_open(db: Native<"db">, dir: string, options: object, done: Done): void;
  db_close(db: Native<"db">, done: Done): void;
  db_get(
    db: Native<"db">,
    key: Uint8Array,
    options: object,
    done: (error: Error | null | undefined, value: Uint8Array) => void,
  ): void;
  db_compact_range(db: Native<"db">, from: Uint8Array, to: Uint8Array, done: Done): void;
  batch_init(db: Native<"db">): Native<"batch">;
  batch_put(batch: Native<"batch">, key: Uint8Array, value: Uint8Array): void;
  batch_del(batch: Native<"batch">, key: Uint8Array): void;
  batch_write(batch: Native<"batch">, options: { sync: boolean }, done: Done): void;
  iterator_init(db: Native<"db">, options: object): Native<"iterator">;
  iterator_next(
    iterator: Native<"iterator">,
    done: (error: Error | null | undefined, reversed: Uint8Array[], ended: boolean) => void,
  ): void;
  iterator_end(iterator: Native<"iterator">, done: Done): void;
}

const binding: Binding = createRequire(import.meta.url)("rocksdb/binding.js");

export interface RocksOptions {
  /** False: opening a folder without a store fails. */
  readonly create: boolean;
  /** Memory of one table of fresh writes; two may be there at a time. */
  readonly writeBufferBytes: number;
  /** Memory for blocks that were read; 0 for none. */
  readonly cacheBytes: number;
  readonly compression: boolean;
  readonly maxParallelReads: number;
  /** Nothing waits for the disk: what a write promises does not survive the machine. */
  readonly unsafeNoSync?: boolean | undefined;
}

/** Writes that take effect together. */
export class RocksBatch {
  readonly native: Native<"batch">;
  /** False until something was put or deleted. */
  used = false;

  constructor(native: Native<"batch">) {
    this.native = native;
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.used = true;
    binding.batch_put(this.native, key, value);
  }

  delete(key: Uint8Array): void {
    this.used = true;
    binding.batch_del(this.native, key);
  }
}

/** Closing writes nothing but a few names; this is for disks that are slow, not for work. */
const closeLimitMs = 20_000;

export class Rocks {
  private readonly db: Native<"db">;
  private readonly dir: string;
  private readonly reads: ReadLanes;
  private state: "open" | "closing" = "open";
  /**
   * Closing would never end. The addon waits for iterators, and never ends one whose read failed;
   * RocksDB waits for its own recovery, which a full disk keeps busy even when there is room again.
   */
  private stuck = false;

  private readonly unsafeNoSync: boolean;

  private constructor(db: Native<"db">, dir: string, options: RocksOptions) {
    this.db = db;
    this.dir = dir;
    this.reads = new ReadLanes(options.maxParallelReads);
    this.unsafeNoSync = options.unsafeNoSync === true;
  }

  /** Opens the store in `dir`; fails with an OperatingError that names it. */
  static async open(dir: string, options: RocksOptions): Promise<Rocks> {
    await checkTableFiles(dir);
    const db = binding.db_init();
    const native = {
      createIfMissing: options.create,
      writeBufferSize: options.writeBufferBytes,
      cacheSize: options.cacheBytes,
      compression: options.compression,
    };
    return await new Promise((resolve, reject) => {
      binding.db_open(db, dir, native, (error) => {
        if (error) reject(rocksError(error, dir));
        else resolve(new Rocks(db, dir, options));
      });
    });
  }

  newBatch(): RocksBatch {
    this.check();
    return new RocksBatch(binding.batch_init(this.db));
  }

  /**
   * Writes a batch, which may be used once. Two writes under way at the same time may reach the
   * store in either order. With `sync`, resolves when this and all that was written before is on
   * the disk; `batch` must then hold something, or nothing is synced.
   */
  write(batch: RocksBatch, sync: boolean): Promise<void> {
    this.check();
    assert(batch.used || !sync, "rocks: an empty batch syncs nothing");
    return new Promise((resolve, reject) => {
      binding.batch_write(batch.native, { sync: sync && !this.unsafeNoSync }, (error) => {
        if (!error) {
          resolve();
          return;
        }
        this.stuck = true;
        reject(rocksError(error, this.dir));
      });
    });
  }

  /** The value of `key`, or undefined. */
  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return (await this.getMany([key]))[0];
  }

  /** The values of `keys` in the same order; undefined for one that is not there. */
  getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    this.check();
    const values = new Array<Uint8Array | undefined>(keys.length).fill(undefined);
    if (keys.length === 0) return Promise.resolve(values);
    return new Promise((resolve, reject) => {
      let started = 0;
      let ended = 0;
      const job = (release: () => void): boolean => {
        const at = started++;
        const key = keys[at];
        assert(key !== undefined, "rocks: more reads than keys");
        binding.db_get(this.db, key, getOptions, (error, value) => {
          release();
          ended++;
          if (!error) values[at] = value;
          else if (!isNotFound(error)) reject(rocksError(error, this.dir));
          if (ended === keys.length) resolve(values);
        });
        return started < keys.length;
      };
      this.reads.submit(job);
    });
  }

  /**
   * Opens an iterator over keys of [from, to), which sees the store as it is at this moment.
   * A page holds about `pageBytes`, at most 1,000 rows; the first one a single row.
   */
  iterate(range: { from: Uint8Array; to: Uint8Array; pageBytes: number }): RocksIterator {
    this.check();
    const native = binding.iterator_init(this.db, {
      gte: range.from,
      lt: range.to,
      highWaterMark: range.pageBytes,
    });
    let ended: Promise<void> | undefined;
    let failed = false;
    let exhausted = false;
    return {
      next: () => {
        assert(ended === undefined, "rocks: an iterator is used after its end");
        this.check();
        if (exhausted) return Promise.resolve([]);
        return new Promise((resolve, reject) => {
          this.reads.submit((release) => {
            binding.iterator_next(native, (error, reversed, last) => {
              release();
              if (error) {
                failed = true;
                this.stuck = true;
                reject(rocksError(error, this.dir));
                return;
              }
              exhausted = last;
              resolve(reversed.reverse());
            });
            return false;
          });
        });
      },
      close: () => {
        // Closing the store ends those that are open; a store that is left open does not.
        if (failed || (this.state !== "open" && !this.stuck)) return Promise.resolve();
        ended ??= new Promise((resolve, reject) => {
          binding.iterator_end(native, (error) => {
            if (error) reject(rocksError(error, this.dir));
            else resolve();
          });
        });
        return ended;
      },
    };
  }

  /** Makes the store drop what was deleted in [from, to]. */
  compactRange(from: Uint8Array, to: Uint8Array): Promise<void> {
    this.check();
    return new Promise((resolve, reject) => {
      binding.db_compact_range(this.db, from, to, (error) => {
        if (error) reject(rocksError(error, this.dir));
        else resolve();
      });
    });
  }

  /**
   * Ends open iterators, waits for calls under way and releases the folder's lock. After a write or
   * a read that failed the lock is left to the end of the process. Rejects with CLOSE_HANGS if
   * RocksDB does not come to an end, as when a flush met a full disk before any write did.
   */
  close(): Promise<void> {
    if (this.state !== "open") return Promise.resolve();
    this.state = "closing";
    if (this.stuck) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const text = `${this.dir} does not close within ${closeLimitMs} ms: is its disk full?`;
      const limit = setTimeout(() => reject(new OperatingError("CLOSE_HANGS", text)), closeLimitMs);
      binding.db_close(this.db, (error) => {
        clearTimeout(limit);
        if (error) reject(rocksError(error, this.dir));
        else resolve();
      });
    });
  }

  /** Throws once it closes. */
  check(): void {
    if (this.state !== "open") {
      throw new OperatingError("STORE_CLOSED", `${this.dir} is closed`);
    }
  }
}

/** Rows of a range, in order. */
export interface RocksIterator {
  /** Keys and values in turn: key, value, key, value…; empty at the end. Calls must not overlap. */
  next(): Promise<Uint8Array[]>;
  close(): Promise<void>;
}

const getOptions = { asBuffer: true, fillCache: true };

// The addon hands over the text of RocksDB's Status, and nothing else, so texts must be matched,
// here and nowhere else. They begin with the status's class.

function isNotFound(error: Error): boolean {
  return error.message.startsWith("NotFound");
}

/** An error of RocksDB as one line for the person who runs the server. */
export function rocksError(error: unknown, dir: string): OperatingError {
  if (error instanceof OperatingError) return error;
  const text = errorText(error).replaceAll(/\s+/g, " ").trim();
  const options = { cause: error };
  if (/lock file|lock hold/i.test(text)) {
    return new OperatingError(
      "DIR_LOCKED",
      `${dir} is in use by another process: stop it, or name another folder`,
      options,
    );
  }
  if (/no space left|quota exceeded/i.test(text)) {
    return new OperatingError(
      "DISK_FULL",
      `no space left on the disk of ${dir}: free some`,
      options,
    );
  }
  if (/permission denied|read-only file system|not permitted/i.test(text)) {
    return new OperatingError(
      "DIR_NOT_WRITABLE",
      `${dir} cannot be read or written by this user: check owner, mode and mount`,
      options,
    );
  }
  if (/^corruption|does not exist|no such file/i.test(text)) {
    return new OperatingError(
      "DATA_DAMAGED",
      `${dir} is damaged: ${text}; replace this member, or restore it from a copy`,
      options,
    );
  }
  return new OperatingError("DISK_FAILED", `${dir}: ${text}`, options);
}
