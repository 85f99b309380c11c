// Files of whole states on their way to or from another member, in bbolt's format, below
// `<data-dir>/member/transfer`. What a crash leaves there is removed at the next start.
import { type FileHandle, open, rename, rm, statfs } from "node:fs/promises";
import path from "node:path";
import { text } from "#base/bytes.ts";
import { errorText, OperatingError } from "#base/errors.ts";
import type { Bucket } from "#base/state-batch.ts";
import { copyRecords } from "#server/backend/bbolt/copy.ts";
import { openSnapshotFile, writeAt } from "#server/backend/bbolt/snapshot-file.ts";
import { commonBuckets } from "#server/backend/buckets.ts";
import { diskError, makeFolder, syncFolder } from "#server/backend/folder.ts";
import {
  type ExportedState,
  type ExportOptions,
  StateExports,
} from "#server/backend/state-exports.ts";
import type { Backend, CheckRecord } from "#server/mvcc/backend.ts";

/** Bytes received between two looks at the room on the disk. */
const lookBytes = 16 << 20;
/** What a received state leaves free on the disk, for the log to go on. */
const reserveBytes = 64 << 20;
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
   * Keeps a received state, durable when this resolves; of two of one index the later. Rejects with
   * SNAPSHOT_DAMAGED what is no state of that index: once raft has it, what cannot be installed stops
   * the member. `check` throws on a record that no member could load: such a state is refused alike.
   * Rejects with DISK_FULL what is larger than the room for it and for the state made of it.
   */
  async receive(index: number, body: AsyncIterable<Uint8Array>, check: CheckRecord): Promise<void> {
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
      await rename(part, this.receivedFile(index));
      await syncFolder(this.folder);
    } catch (error) {
      await this.remove(part);
      throw diskError(error, part);
    }
  }

  private async save(body: AsyncIterable<Uint8Array>, handle: FileHandle): Promise<void> {
    let bytes = 0;
    let looked = Number.NEGATIVE_INFINITY;
    const { freeBytes = freeOnDisk } = this.options;
    for await (const chunk of body) {
      if (bytes - looked >= lookBytes) {
        looked = bytes;
        if ((await freeBytes(this.folder)) < bytes + lookBytes + reserveBytes) {
          throw new OperatingError(
            "DISK_FULL",
            `no room in ${this.folder} for a state that is being received: ${bytes} bytes came so far; free some`,
          );
        }
      }
      await writeAt(handle, chunk, bytes);
      bytes += chunk.length;
    }
  }

  /** Puts all records of the received state of `index` into `backend`, an empty one. */
  async fill(index: number, backend: Backend): Promise<void> {
    const snapshot = await openSnapshotFile(this.receivedFile(index));
    try {
      await copyRecords(snapshot.bolt, backend);
    } finally {
      await snapshot.close();
    }
  }

  /** The received state of `index` is installed or of no use. */
  drop(index: number): Promise<void> {
    return this.remove(this.receivedFile(index));
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
  let ends: number | undefined;
  try {
    for await (const [bucketName, page] of snapshot.bolt.allPages()) {
      const name = text(bucketName);
      const bucket = commonBuckets.find((one) => one === name);
      if (bucket === undefined) continue;
      for (const { key, value } of page) {
        try {
          check(bucket, key, value);
        } catch (error) {
          throw damage(index, `holds a record that cannot be used: ${named(bucket, key, error)}`);
        }
        if (bucket !== "meta" || text(key) !== "consistent_index") continue;
        if (value.length === 8) ends = Number(Buffer.from(value).readBigUInt64BE());
      }
    }
  } finally {
    await snapshot.close();
  }
  if (ends === index) return;
  throw damage(index, ends === undefined ? "holds no `consistent_index`" : `ends at entry ${ends}`);
}

function named(bucket: Bucket, key: Uint8Array, error: unknown): string {
  const shown = Buffer.from(key.subarray(0, shownKeyBytes)).toString("hex");
  return `${shown} of bucket ${bucket} (${errorText(error)})`;
}

function damage(index: number, what: string): OperatingError {
  return new OperatingError("SNAPSHOT_DAMAGED", `a received state of entry ${index} ${what}`);
}
