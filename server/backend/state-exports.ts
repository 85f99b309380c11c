// Copies of the state as bbolt files, for members that fell behind and for clients that save a
// snapshot. One is written at a time; whoever asks meanwhile gets the next one, together with all
// others who wait, so that what was written before the asking is in it. A copy lies on the disk until
// its last reader has let go of it: a slow one holds this file and nothing else.
import { open, rm, statfs } from "node:fs/promises";
import path from "node:path";
import { utf8 } from "#base/bytes.ts";
import { OperatingError } from "#base/errors.ts";
import { openSnapshotFile, writeSnapshotFile } from "#server/backend/bbolt/snapshot-file.ts";
import type { Backend, StateRecord } from "#server/mvcc/backend.ts";

/** Copies on the disk at a time, the one under way included. */
const maxCopies = 8;
/** At which no further one is made for clients. */
const maxClientCopies = 4;
const chunkBytes = 256 * 1024;

/** Records of the buckets that a sender tells of beside sending them. */
export type ToldRecords = Readonly<
  Record<"meta" | "members" | "members_removed" | "cluster", readonly StateRecord[]>
>;

/** One reader's hold on a copy. */
export interface ExportedState {
  readonly records: ToldRecords;
  /** Size of the file. */
  readonly bytes: number;
  /** The file from its start, in blocks of 256 KiB that are the reader's; the last is shorter. */
  body(): AsyncIterable<Uint8Array>;
  /** Lets go of the copy; the last reader's removes the file. */
  remove(): Promise<void>;
}

interface Copy {
  readonly file: string;
  readonly bytes: number;
  readonly records: ToldRecords;
}

/** What a copy is wanted for. */
export interface ExportOptions {
  /** With bucket `shared`. */
  readonly withShared: boolean;
  /** Clients must leave some of the copies that there may be to members that fell behind. */
  readonly forClient?: boolean;
}

interface Wanted {
  backend: Backend;
  forClientsOnly: boolean;
  readers: number;
  readonly copy: Promise<Copy>;
}

export class StateExports {
  private readonly folder: string;
  private serial = 0;
  private copies = 0;
  private running: Promise<unknown> = Promise.resolve();
  /** The copies that are not begun yet: without bucket `shared`, and with it. */
  private readonly next = new Map<boolean, Wanted>();

  /** `folder` exists before the first copy is asked for. */
  constructor(folder: string) {
    this.folder = folder;
  }

  /**
   * A copy of the state as of now or later. Rejects with DISK_FULL before it begins if it cannot fit,
   * with TOO_MANY_COPIES while readers hold all that there may be.
   */
  async take(backend: Backend, options: ExportOptions): Promise<ExportedState> {
    const { forClient = false, withShared } = options;
    const wanted = this.next.get(withShared) ?? this.begin(backend, withShared);
    wanted.backend = backend;
    if (!forClient) wanted.forClientsOnly = false;
    wanted.readers++;
    const copy = await wanted.copy;
    let held = true;
    return {
      records: copy.records,
      bytes: copy.bytes,
      body: () => readFile(copy),
      remove: async () => {
        if (!held) return;
        held = false;
        if (--wanted.readers > 0) return;
        this.copies--;
        await rm(copy.file, { force: true });
      },
    };
  }

  private begin(backend: Backend, withShared: boolean): Wanted {
    const copy = this.running.then(() => {
      this.next.delete(withShared);
      return this.write(wanted, withShared);
    });
    this.running = copy.catch(() => {});
    const wanted: Wanted = { backend, forClientsOnly: true, readers: 0, copy };
    this.next.set(withShared, wanted);
    return wanted;
  }

  private async write(wanted: Wanted, withShared: boolean): Promise<Copy> {
    const { backend, forClientsOnly } = wanted;
    const limit = forClientsOnly ? maxClientCopies : maxCopies;
    if (this.copies >= limit) {
      throw new OperatingError(
        "TOO_MANY_COPIES",
        `${this.copies} copies of the state are still being read: try again when one is done`,
      );
    }
    const file = path.join(this.folder, `send-${++this.serial}.db`);
    this.copies++;
    try {
      await this.checkRoom(backend);
      const { boltBytes } = await writeSnapshotFile(backend.scanAll({ withShared }), file);
      return { file, bytes: boltBytes, records: await readTold(file) };
    } catch (error) {
      this.copies--;
      await rm(file, { force: true });
      throw error;
    }
  }

  private async checkRoom(backend: Backend): Promise<void> {
    const { bavail, bsize } = await statfs(this.folder);
    const wanted = backend.sizeBytes() * 2;
    if (bavail * bsize >= wanted) return;
    throw new OperatingError(
      "DISK_FULL",
      `no room for a copy of the state in ${this.folder}: it takes ${wanted} bytes; free some`,
    );
  }
}

async function* readFile(copy: Copy): AsyncGenerator<Uint8Array> {
  const handle = await open(copy.file, "r");
  try {
    for (let offset = 0; offset < copy.bytes; ) {
      const block = Buffer.allocUnsafe(Math.min(chunkBytes, copy.bytes - offset));
      for (let filled = 0; filled < block.length; ) {
        const { bytesRead } = await handle.read(block, filled, block.length - filled, offset);
        if (bytesRead === 0) throw new OperatingError("DISK_FAILED", `${copy.file} was cut short`);
        filled += bytesRead;
        offset += bytesRead;
      }
      yield block;
    }
  } finally {
    await handle.close();
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
