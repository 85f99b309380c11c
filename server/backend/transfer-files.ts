// Files of whole states on their way to or from another member, in bbolt's format, below
// `<data-dir>/member/transfer`. What a crash leaves there is removed at the next start.
import { createReadStream } from "node:fs";
import { open, rename, rm, statfs } from "node:fs/promises";
import path from "node:path";
import { text, utf8 } from "#base/bytes.ts";
import { OperatingError } from "#base/errors.ts";
import { type Bucket, etcdBuckets } from "#base/state-batch.ts";
import { openSnapshotFile, writeSnapshotFile } from "#server/backend/bbolt/snapshot-file.ts";
import { diskError, makeFolder, syncFolder } from "#server/backend/folder.ts";
import type { Backend, StateRecord } from "#server/mvcc/backend.ts";

const chunkBytes = 256 * 1024;
const batchBytes = 1 << 20;

/** What a sender says about a state beside sending it. */
const toldBuckets = ["meta", "members", "members_removed", "cluster"] as const;

/** Records of the buckets `meta`, `members`, `members_removed` and `cluster`. */
export type ToldRecords = Readonly<Record<(typeof toldBuckets)[number], readonly StateRecord[]>>;

export interface ExportedState {
  readonly records: ToldRecords;
  /** The file's bytes, from the start; once. */
  body(): AsyncIterable<Uint8Array>;
  remove(): Promise<void>;
}

export class TransferFiles {
  private readonly folder: string;
  private serial = 0;

  /** `dataDir` holds the member's folder, which must be there and locked. */
  constructor(dataDir: string) {
    this.folder = path.join(dataDir, "member", "transfer");
  }

  /** Empties the folder; call it once at the start. */
  async clean(): Promise<void> {
    await this.remove(this.folder);
    await makeFolder(this.folder);
  }

  /** Writes the state as of now to a file. Rejects with DISK_FULL before it begins if it cannot fit. */
  async export(backend: Backend): Promise<ExportedState> {
    const { bavail, bsize } = await statfs(this.folder);
    const wanted = backend.sizeBytes() * 2;
    if (bavail * bsize < wanted) {
      throw new OperatingError(
        "DISK_FULL",
        `no room for a copy of the state in ${this.folder}: it takes ${wanted} bytes; free some`,
      );
    }
    const file = path.join(this.folder, `send-${++this.serial}.db`);
    try {
      await writeSnapshotFile(backend.scanAll(), file, { withDigest: false });
      const records = await readTold(file);
      const body = (): AsyncIterable<Uint8Array> =>
        createReadStream(file, { highWaterMark: chunkBytes });
      return { records, body, remove: () => this.remove(file) };
    } catch (error) {
      await this.remove(file);
      throw error;
    }
  }

  /**
   * Keeps a received state, durable when this resolves; of two of one index the later. Rejects with
   * SNAPSHOT_DAMAGED what is no state: once raft has it, what cannot be installed stops the member.
   */
  async receive(index: number, body: AsyncIterable<Uint8Array>): Promise<void> {
    const part = path.join(this.folder, `receive-${++this.serial}.part`);
    try {
      const handle = await open(part, "wx", 0o600);
      try {
        for await (const chunk of body) await handle.write(chunk);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await readThrough(part);
      await rename(part, this.receivedFile(index));
      await syncFolder(this.folder);
    } catch (error) {
      await this.remove(part);
      throw diskError(error, part);
    }
  }

  /** Puts all records of the received state of `index` into `backend`, an empty one. */
  async fill(index: number, backend: Backend): Promise<void> {
    const snapshot = await openSnapshotFile(this.receivedFile(index));
    try {
      let batch = backend.newBatch();
      for await (const [bucket, key, value] of snapshot.bolt.allRecords()) {
        const name = text(bucket);
        if (!(etcdBuckets as readonly string[]).includes(name)) continue;
        batch.put(name as Bucket, Uint8Array.from(key), Uint8Array.from(value));
        if (batch.byteSize < batchBytes) continue;
        await backend.write(batch, { sync: false });
        batch = backend.newBatch();
      }
      await backend.write(batch, { sync: false });
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

async function readTold(file: string): Promise<ToldRecords> {
  const snapshot = await openSnapshotFile(file);
  try {
    const bucket = async (name: string): Promise<StateRecord[]> => {
      const records: StateRecord[] = [];
      for await (const [key, value] of snapshot.bolt.records(utf8(name))) {
        records.push([Uint8Array.from(key), Uint8Array.from(value)]);
      }
      return records;
    };
    return {
      meta: await bucket("meta"),
      members: await bucket("members"),
      members_removed: await bucket("members_removed"),
      cluster: await bucket("cluster"),
    };
  } finally {
    await snapshot.close();
  }
}

/** Every page and record once, and the records that name its end. */
async function readThrough(file: string): Promise<void> {
  const snapshot = await openSnapshotFile(file);
  let metaRecords = 0;
  try {
    for await (const [bucket] of snapshot.bolt.allRecords()) {
      if (text(bucket) === "meta") metaRecords++;
    }
  } finally {
    await snapshot.close();
  }
  if (metaRecords > 0) return;
  throw new OperatingError("SNAPSHOT_DAMAGED", "a received state holds no `meta` records");
}
