// The log on a RocksDB of its own: one batch a call, one call under way.
//
// Folder: <dir>/log is the store; <dir>/log.new is one whose making was cut short. A log that holds
// its format, its identity and an empty hard state appears by a rename, so there is never half of one.
import { rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { OperatingError } from "#base/errors.ts";
import { formatId } from "#base/ids.ts";
import type { Log } from "#base/log.ts";
import type { Entry, HardState } from "#proto/gen/raft.ts";
import { diskError, makeFolder, syncFolder, systemCode } from "#server/backend/folder.ts";
import { checkLogFiles } from "#server/backend/log-files.ts";
import { Rocks, type RocksBatch } from "#server/backend/rocks.ts";
import { LogWindow } from "#server/wal/log-window.ts";
import {
  decodeEntries,
  decodeHardState,
  decodeIdentity,
  decodeMark,
  EntryEncoder,
  encodeHardState,
  encodeIdentity,
  encodeMark,
  entryIndex,
  entryKey,
  metaKeys,
  openMeta,
  runBase,
  sealMeta,
  type WalFormat,
  walFormat,
} from "#server/wal/record.ts";
import { Runs } from "#server/wal/runs.ts";
import {
  raiseHardState,
  type SnapshotMark,
  type Wal,
  type WalContents,
  type WalIdentity,
  zeroHardState,
  zeroMark,
} from "#server/wal/wal.ts";

const encodeBufferBytes = 2 * 1024 * 1024;
/** Records that one batch of a compaction drops, so that no turn is long. */
const compactionBatch = 1000;
/** Calls that may wait for the one under way; the Ready loop has one at a time. */
const maxWaitingCalls = 1024;

const rocksOptions = {
  writeBufferBytes: 16 * 1024 * 1024,
  cacheBytes: 0,
  compression: false,
  maxParallelReads: 2,
} as const;

export interface WalOptions {
  readonly dir: string;
  /** Whose log it must be; with undefined, any log that is there is opened, and none is made. */
  readonly identity: WalIdentity | undefined;
  readonly log: Log;
  /** `--unsafe-no-fsync` */
  readonly unsafeNoSync?: boolean;
}

export interface OpenedWal {
  readonly wal: Wal;
  /** Undefined if the log was made by this call. */
  readonly contents: WalContents | undefined;
}

/** True if `dir` holds a log. */
export async function walExists(dir: string): Promise<boolean> {
  try {
    await stat(path.join(dir, "log"));
    return true;
  } catch (error) {
    const code = systemCode(error);
    if (code === "ENOENT") return false;
    throw diskError(error, dir);
  }
}

/**
 * Opens the log in `dir` and reads all of it, or makes one for `identity`.
 * Fails with an OperatingError that says what is wrong and what to do: a damaged, missing or
 * swapped record, a lost tail, another member's or cluster's log, a newer format, a folder that is
 * in use, full or not writable.
 */
export async function openWal(options: WalOptions): Promise<OpenedWal> {
  const { dir, identity, log } = options;
  const store = path.join(dir, "log");
  const exists = await walExists(dir);
  if (!exists) {
    if (identity === undefined) {
      throw new OperatingError(
        "WAL_MISSING",
        `${dir} holds no log: check --data-dir and --wal-dir`,
      );
    }
    await createWal(dir, identity);
    log.info({ dir }, "made the log");
  }
  await checkLogFiles(store);
  const rocks = await Rocks.open(store, {
    create: false,
    unsafeNoSync: options.unsafeNoSync,
    ...rocksOptions,
  });
  try {
    const { format, starts, ...contents } = await readContents(rocks, store, identity);
    const lowest = await readLowest(rocks, contents.snapshot.index);
    const runs = new Runs(lowest, runBase(contents.snapshot.index + 1), starts);
    const wal = new RocksWal(rocks, store, contents, runs, format);
    return { wal, contents: exists ? contents : undefined };
  } catch (error) {
    await rocks.close();
    throw error;
  }
}

async function createWal(dir: string, identity: WalIdentity): Promise<void> {
  const fresh = path.join(dir, "log.new");
  await makeFolder(dir);
  try {
    await rm(fresh, { recursive: true, force: true });
  } catch (error) {
    throw diskError(error, fresh);
  }
  await makeFolder(fresh);
  const rocks = await Rocks.open(fresh, { create: true, ...rocksOptions });
  try {
    const batch = rocks.newBatch();
    putMeta(batch, metaKeys.format, Buffer.from([walFormat]));
    putMeta(batch, metaKeys.identity, encodeIdentity(identity));
    putMeta(batch, metaKeys.hardState, encodeHardState(zeroHardState));
    putMeta(batch, metaKeys.snapshot, encodeMark(zeroMark));
    await rocks.write(batch, true);
  } finally {
    await rocks.close();
  }
  await syncFolder(fresh);
  try {
    await rename(fresh, path.join(dir, "log"));
  } catch (error) {
    throw diskError(error, dir);
  }
  await syncFolder(dir);
}

function putMeta(batch: RocksBatch, name: Uint8Array, fields: Uint8Array): void {
  batch.put(name, sealMeta(name, fields));
}

function damaged(store: string, what: string): OperatingError {
  return new OperatingError(
    "WAL_DAMAGED",
    `${store} is damaged: ${what}; remove this member and add it again with an empty folder, or restore a backup`,
  );
}

async function readMeta(rocks: Rocks, store: string, name: Buffer): Promise<Buffer> {
  const value = await rocks.get(name);
  if (value === undefined) throw damaged(store, `its record ${name.toString()} is missing`);
  const fields = openMeta(name, value);
  if (fields === undefined) {
    throw damaged(store, `its record ${name.toString()} has a wrong checksum`);
  }
  return fields;
}

async function readContents(
  rocks: Rocks,
  store: string,
  wanted: WalIdentity | undefined,
): Promise<WalContents & { readonly format: WalFormat; readonly starts: readonly number[] }> {
  const format = (await readMeta(rocks, store, metaKeys.format))[0] ?? 0;
  if (format !== 1 && format !== 2) {
    throw new OperatingError(
      "FORMAT_TOO_NEW",
      `${store} has format ${format}, this version knows up to ${walFormat}: run the version that wrote it`,
    );
  }
  const identity = decodeIdentity(await readMeta(rocks, store, metaKeys.identity));
  if (wanted !== undefined) checkIdentity(store, identity, wanted);
  const snapshot = decodeMark(await readMeta(rocks, store, metaKeys.snapshot));
  const saved = decodeHardState(await readMeta(rocks, store, metaKeys.hardState));
  const { entries, starts } = await readEntries(rocks, store, snapshot);
  const hardState = raiseHardState(saved, snapshot);
  const last = entries.at(-1) ?? snapshot;
  if (hardState.commit > last.index) {
    throw damaged(
      store,
      `entry ${hardState.commit} was committed, but the last one is ${last.index}`,
    );
  }
  if (hardState.term < last.term) {
    throw damaged(
      store,
      `entry ${last.index} has term ${last.term}, beyond term ${hardState.term}`,
    );
  }
  return { ...identity, hardState, snapshot, entries, format, starts };
}

function checkIdentity(store: string, found: WalIdentity, wanted: WalIdentity): void {
  if (found.clusterId !== wanted.clusterId) {
    throw new OperatingError(
      "WAL_OTHER_CLUSTER",
      `${store} belongs to cluster ${formatId(found.clusterId)}, not ${formatId(wanted.clusterId)}: check --data-dir, --initial-cluster and --initial-cluster-token`,
    );
  }
  if (found.memberId !== wanted.memberId) {
    throw new OperatingError(
      "WAL_OTHER_MEMBER",
      `${store} belongs to member ${formatId(found.memberId)}, not ${formatId(wanted.memberId)}: check --data-dir and --name`,
    );
  }
}

/** The entries behind the mark, and where runs begin, of which the first may lie before it. */
async function readEntries(
  rocks: Rocks,
  store: string,
  mark: SnapshotMark,
): Promise<{ readonly entries: Entry[]; readonly starts: readonly number[] }> {
  const entries: Entry[] = [];
  const starts: number[] = [];
  const first = mark.index + 1;
  let expected = first;
  const rows = rocks.iterate({
    from: entryKey(runBase(first)),
    to: Buffer.from([1]),
    pageBytes: 1024 * 1024,
  });
  for (let page = await rows.next(); page.length > 0; page = await rows.next()) {
    for (let i = 0; i + 1 < page.length; i += 2) {
      const start = entryIndex(page[i] ?? Buffer.alloc(0));
      if (start === undefined)
        throw damaged(store, `a record behind entry ${starts.at(-1) ?? mark.index} is none`);
      if (start > expected) throw damaged(store, `entry ${expected} is missing`);
      const run = decodeEntries(start, page[i + 1] ?? Buffer.alloc(0));
      if (typeof run === "string") throw damaged(store, `entry ${start}: ${run}`);
      starts.push(start);
      // What earlier runs hold from here on was replaced.
      expected = Math.max(start, first);
      entries.length = expected - first;
      for (const entry of run) {
        if (entry.index < expected) continue;
        entries.push(entry);
        expected++;
      }
    }
  }
  await rows.close();
  // Only now: the replaced end of a run may stand there for a while, with a lower term than the mark's.
  let { term } = mark;
  for (const entry of entries) {
    if (entry.term < term)
      throw damaged(store, `entry ${entry.index}: term ${entry.term} after ${term}`);
    term = entry.term;
  }
  return { entries, starts };
}

/** The first entry that lies on the disk, or the one behind the mark; entries up to it may be left. */
async function readLowest(rocks: Rocks, mark: number): Promise<number> {
  const rows = rocks.iterate({ from: entryKey(0), to: entryKey(mark + 1), pageBytes: 1024 });
  const [key] = await rows.next();
  await rows.close();
  return entryIndex(key ?? entryKey(mark + 1)) ?? mark + 1;
}

class RocksWal implements Wal {
  private readonly rocks: Rocks;
  private readonly store: string;
  private readonly window: LogWindow;
  private readonly runs: Runs;
  private readonly format: WalFormat;
  private readonly encoder: EntryEncoder;
  /** Resolves when all calls before have; never rejects. */
  private tail: Promise<unknown> = Promise.resolve();
  private waitingCalls = 0;
  private failure: OperatingError | undefined;
  private closing: Promise<void> | undefined;

  constructor(rocks: Rocks, store: string, contents: WalContents, runs: Runs, format: WalFormat) {
    this.rocks = rocks;
    this.store = store;
    this.runs = runs;
    this.format = format;
    this.encoder = new EntryEncoder(format, encodeBufferBytes);
    const { snapshot, entries, hardState } = contents;
    this.window = new LogWindow({
      last: snapshot.index + entries.length,
      mark: snapshot.index,
      hardState,
    });
  }

  save(hardState: HardState | undefined, entries: readonly Entry[], sync: boolean): Promise<void> {
    return this.call(sync, (batch) => {
      const { runs } = this;
      this.window.save(hardState, entries);
      if (entries.length > 0) {
        for (const start of runs.cut(entries[0]!.index)) batch.delete(entryKey(start));
        this.encoder.encode(entries, {
          put(first, key, value) {
            runs.add(first);
            batch.put(key, value);
          },
        });
      }
      if (hardState !== undefined) {
        putMeta(batch, metaKeys.hardState, encodeHardState(hardState));
      }
    });
  }

  saveSnapshot(mark: SnapshotMark): Promise<void> {
    return this.call(false, (batch) => {
      this.window.markAt(mark.index);
      putMeta(batch, metaKeys.snapshot, encodeMark(mark));
    });
  }

  async compact(index: number): Promise<void> {
    this.window.compact(index);
    const gone = this.runs.drop(index, this.window.last);
    for (let from = 0; from < gone.length; from += compactionBatch) {
      await this.call(false, (batch) => {
        for (const start of gone.slice(from, from + compactionBatch)) batch.delete(entryKey(start));
      });
    }
  }

  reset(mark: SnapshotMark, hardState: HardState | undefined): Promise<void> {
    return this.call(true, (batch) => {
      this.window.reset(mark, hardState);
      for (const start of this.runs.clear(mark.index)) batch.delete(entryKey(start));
      putMeta(batch, metaKeys.snapshot, encodeMark(mark));
      if (hardState !== undefined) putMeta(batch, metaKeys.hardState, encodeHardState(hardState));
    });
  }

  close(): Promise<void> {
    this.closing ??= this.tail.then(() => this.rocks.close());
    return this.closing;
  }

  /** Fills a batch now and writes it after those before. */
  private call(sync: boolean, fill: (batch: RocksBatch) => void): Promise<void> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    if (this.closing !== undefined) {
      return Promise.reject(new OperatingError("WAL_CLOSED", `${this.store} is closed`));
    }
    if (this.waitingCalls >= maxWaitingCalls) {
      return Promise.reject(
        new OperatingError("WAL_OVERLOADED", `${maxWaitingCalls} writes wait for ${this.store}`),
      );
    }
    const batch = this.rocks.newBatch();
    fill(batch);
    // A sync with nothing to write still has to sync what earlier calls wrote.
    if (sync && !batch.used) putMeta(batch, metaKeys.format, Buffer.from([this.format]));
    const writing =
      this.waitingCalls === 0
        ? this.write(batch, sync)
        : this.tail.then(() => this.write(batch, sync));
    this.waitingCalls++;
    const settled = () => {
      this.waitingCalls--;
    };
    this.tail = writing.then(settled, settled);
    return writing;
  }

  private write(batch: RocksBatch, sync: boolean): Promise<void> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    return this.rocks.write(batch, sync).catch((error: unknown) => {
      this.failure = new OperatingError(
        error instanceof OperatingError ? error.code : "WAL_WRITE_FAILED",
        `the log could not be written: ${error instanceof Error ? error.message : String(error)}`,
        { cause: error },
      );
      throw this.failure;
    });
  }
}
