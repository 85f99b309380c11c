// Snapshots as files: a bbolt file, and behind it the SHA-256 of all its bytes, as etcdctl saves it
// (facts: storage format §5). A file from a data folder has no digest.
import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { emptyBytes, utf8 } from "#base/bytes.ts";
import { OperatingError } from "#base/errors.ts";
import { etcdBuckets } from "#base/state-batch.ts";
import { defaultPageBytes } from "#server/backend/bbolt/format.ts";
import {
  type BoltFile,
  type BoltSource,
  openBolt,
  SnapshotDamage,
} from "#server/backend/bbolt/reader.ts";
import { BoltWriter } from "#server/backend/bbolt/writer.ts";
import { commonBuckets } from "#server/backend/buckets.ts";
import { diskError } from "#server/backend/folder.ts";
import type { AllBucketsView } from "#server/mvcc/backend.ts";

const digestBytes = 32;
/** A file of pages is a multiple of this; with a digest the rest is 32. */
const sectorBytes = 512;
/** Records can be megabytes long: few at a time. */
const sliceRecords = 64;
const readBytes = 1 << 20;
/** Read at once of a file whose pages are asked for in order. */
const aheadBytes = 256 << 10;
/** Written at once. */
const flushBytes = 1 << 20;

/**
 * Writes all records of `view` as a bbolt file to `file`, which must not exist, with all of etcd's
 * buckets even if empty; synced, without a digest. Closes the view.
 */
export async function writeSnapshotFile(
  view: AllBucketsView,
  file: string,
): Promise<{ readonly boltBytes: number }> {
  try {
    const handle = await open(file, "wx", 0o600);
    try {
      const boltBytes = await writeBolt(view, handle);
      await handle.sync();
      return { boltBytes };
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw diskError(error, file);
  } finally {
    await view.close();
  }
}

async function writeBolt(view: AllBucketsView, handle: FileHandle): Promise<number> {
  let pending: Uint8Array[] = [];
  let pendingBytes = 0;
  let offset = 0;
  const writer = new BoltWriter((pages) => {
    pending.push(pages);
    pendingBytes += pages.length;
  });
  const flush = async (): Promise<void> => {
    const bytes = Buffer.concat(pending);
    pending = [];
    pendingBytes = 0;
    await writeAt(handle, bytes, offset);
    offset += bytes.length;
  };
  // The meta pages, known at the end.
  offset = 2 * defaultPageBytes;
  let bucketAt = -1;
  const enter = (index: number): void => {
    while (bucketAt < index) {
      bucketAt++;
      writer.bucket(utf8(commonBuckets[bucketAt] ?? ""));
    }
  };
  for (;;) {
    const slice = await view.next(sliceRecords);
    if (slice.length === 0) break;
    for (const [bucket, key, value] of slice) {
      enter(commonBuckets.indexOf(bucket));
      writer.add(key, value);
    }
    if (pendingBytes >= flushBytes) await flush();
  }
  enter(etcdBuckets.length - 1);
  const { head, fileBytes } = writer.finish();
  await flush();
  await writeAt(handle, head, 0);
  return fileBytes;
}

/** Writes all of `bytes` at `offset`. */
export async function writeAt(
  handle: FileHandle,
  bytes: Uint8Array,
  offset: number,
): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, offset + done);
    done += bytesWritten;
  }
}

async function hashFile(handle: FileHandle, length: number): Promise<Uint8Array> {
  const hash = createHash("sha256");
  for (let offset = 0; offset < length; ) {
    const bytes = await readAt(handle, offset, Math.min(readBytes, length - offset));
    hash.update(bytes);
    offset += bytes.length;
  }
  return hash.digest();
}

async function readAt(handle: FileHandle, offset: number, length: number): Promise<Uint8Array> {
  const out = Buffer.allocUnsafe(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await handle.read(out, done, length - done, offset + done);
    if (bytesRead === 0) throw new OperatingError("SNAPSHOT_DAMAGED", "the file ends too early");
    done += bytesRead;
  }
  return out;
}

/**
 * Reads pages, and what lies behind them once they are asked for in order: a page alone costs a way to
 * a thread and back, as much as a hundred of them at once.
 */
class ReadAhead {
  private readonly handle: FileHandle;
  private readonly end: number;
  /** What was read last, and where it began. */
  private window: Uint8Array = emptyBytes;
  private from = 0;
  /** Behind what was asked for last. */
  private next = -1;

  constructor(handle: FileHandle, end: number) {
    this.handle = handle;
    this.end = end;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const { next } = this;
    this.next = offset + length;
    const at = offset - this.from;
    if (at >= 0 && at + length <= this.window.length) return this.window.subarray(at, at + length);
    const isForward = offset >= next && offset - next <= aheadBytes / 4;
    const wanted = isForward ? Math.max(length, aheadBytes) : length;
    const window = await readAt(this.handle, offset, Math.min(wanted, this.end - offset));
    this.window = window;
    this.from = offset;
    return window.subarray(0, length);
  }
}

/** The SHA-256 behind a file's pages, and that of the pages themselves. */
export interface SnapshotDigests {
  readonly stored: Uint8Array;
  readonly computed: Uint8Array;
}

/** Reads the whole file; undefined for one without a digest, as `member/snap/db` of a data folder. */
export async function snapshotDigests(file: string): Promise<SnapshotDigests | undefined> {
  const { bytes, handle, hasDigest } = await openFile(file);
  try {
    if (!hasDigest) return undefined;
    const stored = await readAt(handle, bytes, digestBytes);
    return { stored, computed: await hashFile(handle, bytes) };
  } catch (error) {
    throw diskError(error, file);
  } finally {
    await handle.close();
  }
}

export interface SnapshotFile {
  readonly bolt: BoltFile;
  close(): Promise<void>;
}

/**
 * Opens a snapshot file for reading; `onRead` is told after each read how many bytes of how many. Rejects
 * with SnapshotDamage what is no bbolt file.
 */
export async function openSnapshotFile(
  file: string,
  onRead: (bytes: number, of: number) => void = () => {},
): Promise<SnapshotFile> {
  const { bytes, handle } = await openFile(file);
  try {
    const ahead = new ReadAhead(handle, bytes);
    const source: BoltSource = {
      name: file,
      bytes,
      read: (offset, length) => {
        onRead(length, bytes);
        return ahead.read(offset, length);
      },
    };
    return { bolt: await openBolt(source), close: () => handle.close() };
  } catch (error) {
    await handle.close();
    throw diskError(error, file);
  }
}

interface OpenedFile {
  readonly handle: FileHandle;
  /** Without a digest. */
  readonly bytes: number;
  readonly hasDigest: boolean;
}

async function openFile(file: string): Promise<OpenedFile> {
  let handle: FileHandle;
  try {
    handle = await open(file, "r");
  } catch (error) {
    throw diskError(error, file);
  }
  try {
    const found = await handle.stat();
    if (!found.isFile()) {
      const nothing = { name: file, bytes: 0, read: () => Promise.reject(new Error("no file")) };
      throw new SnapshotDamage(nothing, "it is no file", "invalid database");
    }
    const { size } = found;
    const hasDigest = size % sectorBytes === digestBytes;
    return { handle, bytes: hasDigest ? size - digestBytes : size, hasDigest };
  } catch (error) {
    await handle.close();
    throw diskError(error, file);
  }
}
