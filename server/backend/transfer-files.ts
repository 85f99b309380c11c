// Whole states on their way to or from another member, below `<data-dir>/member/transfer`: files in bbolt's
// format, and folders of the store's own files (state-tables.ts). What a crash leaves there is removed at
// the next start.
import { type FileHandle, open, rename, rm, statfs } from "node:fs/promises";
import path from "node:path";
import { text } from "#base/bytes.ts";
import { errorText, OperatingError } from "#base/errors.ts";
import type { Bucket } from "#base/state-batch.ts";
import { copyRecords } from "#server/backend/bbolt/copy.ts";
import { openSnapshotFile, writeAt } from "#server/backend/bbolt/snapshot-file.ts";
import { commonBucketAt, commonBuckets, commonPrefixEnd } from "#server/backend/buckets.ts";
import { diskError, makeFolder, syncFolder } from "#server/backend/folder.ts";
import { openRocksBackend, RocksBackend } from "#server/backend/rocks-backend.ts";
import {
  type ExportedState,
  type ExportOptions,
  StateExports,
} from "#server/backend/state-exports.ts";
import { forgetPrivate, linkState, receiveState, sendState } from "#server/backend/state-tables.ts";
import { visitTables } from "#server/backend/table-reader.ts";
import type { Backend, CheckRecord } from "#server/mvcc/backend.ts";

/** Bytes received between two looks at the room on the disk. */
const lookBytes = 16 << 20;
/** What a received state leaves free on the disk, for the log to go on. */
const reserveBytes = 64 << 20;
/** Records that are checked between two looks at what else there is to do. */
const sliceRecords = 1000;
/** Of a damaged record's key, in an error. */
const shownKeyBytes = 32;

export interface TransferOptions {
  /** Told how long it took to save a received state, and its sync alone. */
  received?(times: { readonly saveMs: number; readonly syncMs: number }): void;
  /** Room on the disk of a folder; the file system's own count if left out. */
  freeBytes?(folder: string): Promise<number>;
}

async function freeOnDisk(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

export class TransferFiles {
  private readonly folder: string;
  private readonly exports: StateExports;
  private readonly options: TransferOptions;
  private serial = 0;
  /** Indexes of received states that are folders. */
  private readonly folders = new Set<number>();

  /** `dataDir` holds the member's folder, which must be there and locked. */
  constructor(dataDir: string, options: TransferOptions = {}) {
    this.options = options;
    this.folder = path.join(dataDir, "member", "transfer");
    this.exports = new StateExports(this.folder);
  }

  /** Empties the folder; call it once at the start. */
  async clean(): Promise<void> {
    await this.remove(this.folder);
    await makeFolder(this.folder);
  }

  /** A copy of the state as of now or later (state-exports.ts), with bucket `shared` if asked for. */
  export(backend: Backend, options: ExportOptions): Promise<ExportedState> {
    return this.exports.take(backend, options);
  }

  /**
   * The state of now as the store's own files, all buckets of them; undefined if this backend or this disk
   * cannot. Costs no time by the record: the files are links until somebody reads them.
   */
  async exportTables(backend: Backend): Promise<ExportedState | undefined> {
    if (!(backend instanceof RocksBackend)) return undefined;
    const folder = path.join(this.folder, `send-${++this.serial}.tables`);
    try {
      const linked = await linkState(backend, folder);
      if (linked === undefined) {
        await this.remove(folder);
        return undefined;
      }
      const { files, records } = linked;
      return {
        records,
        bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
        body: () => sendState(folder, files),
        remove: async () => {
          await rm(folder, { recursive: true, force: true });
        },
      };
    } catch (error) {
      await this.remove(folder);
      throw diskError(error, folder);
    }
  }

  /**
   * Keeps a received state, durable when this resolves; one of two of one index. Rejects with
   * SNAPSHOT_DAMAGED what is no state of that index: once raft has it, what cannot be installed stops
   * the member. `check` throws on a record that no member could load: such a state is refused alike.
   * Rejects with DISK_FULL what is larger than the room for it and for the state made of it.
   */
  receive(
    index: number,
    body: AsyncIterable<Uint8Array>,
    check: CheckRecord,
    form: "file" | "tables" = "file",
  ): Promise<void> {
    return form === "file"
      ? this.receiveFile(index, body, check)
      : this.receiveTables(index, body, check);
  }

  private async receiveTables(
    index: number,
    body: AsyncIterable<Uint8Array>,
    check: CheckRecord,
  ): Promise<void> {
    const part = path.join(this.folder, `receive-${++this.serial}.tables.part`);
    try {
      const begun = performance.now();
      const { syncMs } = await receiveState(part, body, this.roomLook());
      this.options.received?.({ saveMs: performance.now() - begun, syncMs });
      await checkTables(part, index, check);
      // The first may be on its way to its place: it stays.
      if (this.folders.has(index)) {
        await this.remove(part);
        return;
      }
      await this.settle(part, this.receivedTables(index));
      this.folders.add(index);
    } catch (error) {
      await this.remove(part);
      throw diskError(error, part);
    }
  }

  private async receiveFile(
    index: number,
    body: AsyncIterable<Uint8Array>,
    check: CheckRecord,
  ): Promise<void> {
    const part = path.join(this.folder, `receive-${++this.serial}.part`);
    try {
      const handle = await open(part, "wx", 0o600);
      try {
        const begun = performance.now();
        await this.save(body, handle);
        const saved = performance.now();
        await handle.sync();
        const syncMs = performance.now() - saved;
        this.options.received?.({ saveMs: performance.now() - begun, syncMs });
      } finally {
        await handle.close();
      }
      await readThrough(part, index, check);
      await this.settle(part, this.receivedFile(index));
      this.folders.delete(index);
    } catch (error) {
      await this.remove(part);
      throw diskError(error, part);
    }
  }

  /** Gives what is whole its name. */
  private async settle(part: string, place: string): Promise<void> {
    await rename(part, place);
    await syncFolder(this.folder);
  }

  private async save(body: AsyncIterable<Uint8Array>, handle: FileHandle): Promise<void> {
    let bytes = 0;
    const look = this.roomLook();
    for await (const chunk of body) {
      await look(bytes);
      await writeAt(handle, chunk, bytes);
      bytes += chunk.length;
    }
  }

  /** Looks at the room on the disk now and then; rejects with DISK_FULL if `bytes` are already too many. */
  private roomLook(): (bytes: number) => Promise<void> {
    let looked = Number.NEGATIVE_INFINITY;
    const { freeBytes = freeOnDisk } = this.options;
    return async (bytes) => {
      if (bytes - looked < lookBytes) return;
      looked = bytes;
      if ((await freeBytes(this.folder)) >= bytes + lookBytes + reserveBytes) return;
      throw new OperatingError(
        "DISK_FULL",
        `no room in ${this.folder} for a state that is being received: ${bytes} bytes came so far; free some`,
      );
    };
  }

  /**
   * Puts all records of the received state of `index` into `backend`: an empty one, or what lay in its
   * folder (`folderOf`).
   */
  async fill(index: number, backend: Backend): Promise<void> {
    if (this.folders.delete(index)) return await forgetPrivate(backend);
    const snapshot = await openSnapshotFile(this.receivedFile(index));
    try {
      await copyRecords(snapshot.bolt, backend);
    } finally {
      await snapshot.close();
    }
  }

  /** The folder of a received state that is a store itself, to be moved away; undefined if it is a file. */
  folderOf(index: number): string | undefined {
    return this.folders.has(index) ? this.receivedTables(index) : undefined;
  }

  /** The received state of `index` is installed or of no use. */
  async drop(index: number): Promise<void> {
    this.folders.delete(index);
    await this.remove(this.receivedTables(index));
    await this.remove(this.receivedFile(index));
  }

  private receivedTables(index: number): string {
    return path.join(this.folder, `${index.toString(16).padStart(16, "0")}.tables`);
  }

  private receivedFile(index: number): string {
    return path.join(this.folder, `${index.toString(16).padStart(16, "0")}.db`);
  }

  private async remove(file: string): Promise<void> {
    await rm(file, { recursive: true, force: true });
  }
}

/** Every page and record once, and the record that names its end. */
async function readThrough(file: string, index: number, check: CheckRecord): Promise<void> {
  const snapshot = await openSnapshotFile(file);
  const records = new RecordCheck(index, check);
  try {
    for await (const [bucketName, page] of snapshot.bolt.allPages()) {
      const name = text(bucketName);
      const bucket = commonBuckets.find((one) => one === name);
      if (bucket === undefined) continue;
      for (const { key, value } of page) records.take(bucket, key, value);
    }
  } finally {
    await snapshot.close();
  }
  records.end();
}

/** Opens received tables as the store that they are, and reads every record once. */
async function checkTables(folder: string, index: number, check: CheckRecord): Promise<void> {
  const records = new RecordCheck(index, check);
  try {
    const backend = await openRocksBackend(folder, { create: false });
    try {
      const isRead = await visitTables(folder, (prefix, key, value) => {
        if (prefix === 0 || prefix >= commonPrefixEnd) return;
        const bucket = commonBucketAt(prefix);
        // What is no key of the store's is looked at as a whole, and may be kept until then.
        if (bucket === "key") records.take(bucket, key, value);
        else records.take(bucket, Uint8Array.from(key), Uint8Array.from(value));
      });
      if (!isRead) await scanRecords(backend, records);
    } finally {
      await backend.close();
    }
  } catch (error) {
    if (!(error instanceof OperatingError) || error.code !== "DATA_DAMAGED") throw error;
    throw damage(index, `is damaged: ${error.message}`);
  }
  records.end();
}

async function scanRecords(backend: Backend, records: RecordCheck): Promise<void> {
  const view = backend.scanAll({ withShared: true });
  for (;;) {
    const slice = await view.next(sliceRecords);
    if (slice.length === 0) break;
    for (const [bucket, key, value] of slice) records.take(bucket, key, value);
  }
  await view.close();
}

/** Looks at a received state's records, one by one, and at the one that names its end. */
class RecordCheck {
  private readonly index: number;
  private readonly check: CheckRecord;
  private ends: number | undefined;

  constructor(index: number, check: CheckRecord) {
    this.index = index;
    this.check = check;
  }

  take(bucket: Bucket, key: Uint8Array, value: Uint8Array): void {
    try {
      this.check(bucket, key, value);
    } catch (error) {
      const record = named(bucket, key, error);
      throw damage(this.index, `holds a record that cannot be used: ${record}`);
    }
    if (bucket !== "meta" || text(key) !== "consistent_index") return;
    if (value.length === 8) this.ends = Number(Buffer.from(value).readBigUInt64BE());
  }

  end(): void {
    if (this.ends === this.index) return;
    const what =
      this.ends === undefined ? "holds no `consistent_index`" : `ends at entry ${this.ends}`;
    throw damage(this.index, what);
  }
}

function named(bucket: Bucket, key: Uint8Array, error: unknown): string {
  const shown = Buffer.from(key.subarray(0, shownKeyBytes)).toString("hex");
  return `${shown} of bucket ${bucket} (${errorText(error)})`;
}

function damage(index: number, what: string): OperatingError {
  return new OperatingError("SNAPSHOT_DAMAGED", `a received state of entry ${index} ${what}`);
}
