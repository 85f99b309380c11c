// A state as the files of its store (table-stream.ts): taken from a store that goes on working, and put
// down as a folder that is one.
//
// RocksDB's tables never change and are hard links here, so that it may remove its own; its log and its
// manifest only grow, and so much of them counts as was there. All of it is taken between two writes:
// it is what a process that was killed there would leave, which every start can open. Tables may come
// and go meanwhile, for RocksDB flushes and compacts by itself: those that the manifest names count, and
// a table that has gone again before it was linked means a newer manifest.
import {
  type FileHandle,
  link,
  mkdir,
  open,
  readdir,
  readFile,
  stat,
  writeFile,
} from "node:fs/promises";
import path from "node:path";
import { emptyBytes } from "#base/bytes.ts";
import { OperatingError } from "#base/errors.ts";
import type { Bucket } from "#base/state-batch.ts";
import { writeAt } from "#server/backend/bbolt/snapshot-file.ts";
import { syncFolder, systemCode } from "#server/backend/folder.ts";
import { oldestLogOf } from "#server/backend/log-files.ts";
import type { RocksBackend } from "#server/backend/rocks-backend.ts";
import type { ToldRecords } from "#server/backend/state-exports.ts";
import { readManifest } from "#server/backend/table-files.ts";
import {
  type FileSink,
  type FileSource,
  readTables,
  type SentFile,
  writeTables,
} from "#server/backend/table-stream.ts";
import type { Backend, StateRecord, StateView } from "#server/mvcc/backend.ts";

/** Manifests read until all tables of one could be linked. */
const maxTries = 5;
/** Files that are synced while others are received. */
const maxSyncing = 4;
const toldBuckets = ["meta", "members", "members_removed", "cluster"] as const;

/** The store's files as they were at one moment, in a folder of their own. */
export interface LinkedState {
  readonly records: ToldRecords;
  readonly files: readonly SentFile[];
}

/**
 * Links the state into `folder`, which must not exist; undefined if it cannot be done here: no links on
 * this file system, or a manifest that is not understood. Writes wait for it.
 */
export async function linkState(
  backend: RocksBackend,
  folder: string,
): Promise<LinkedState | undefined> {
  await mkdir(folder, { mode: 0o700 });
  const taken = await backend.betweenWrites(async () => {
    const files = await linkFiles(backend.dir, folder);
    if (files === undefined) return undefined;
    const views = toldBuckets.map((bucket) => backend.scan(bucket, emptyBytes));
    return { files, views };
  });
  if (taken === undefined) return undefined;
  const [meta, members, removed, cluster] = await Promise.all(taken.views.map(readAll));
  return {
    files: taken.files,
    records: { meta: meta!, members: members!, members_removed: removed!, cluster: cluster! },
  };
}

async function readAll(view: StateView): Promise<StateRecord[]> {
  const records: StateRecord[] = [];
  try {
    for (;;) {
      const slice = await view.next(1000);
      if (slice.length === 0) return records;
      records.push(...slice);
    }
  } finally {
    await view.close();
  }
}

async function linkFiles(dir: string, folder: string): Promise<SentFile[] | undefined> {
  for (let tries = 0; tries < maxTries; tries++) {
    const names = await readdir(dir);
    const data = names.filter((name) => /^\d+\.(sst|log)$/.test(name));
    const linked = await Promise.all(data.map((name) => linkFile(dir, folder, name)));
    if (linked.includes("impossible")) return undefined;
    // Only now: what it names was there before, or is new.
    const current = await readFile(path.join(dir, "CURRENT"), "utf8");
    const manifestName = current.trim();
    const manifest = await readFile(path.join(dir, manifestName));
    const { tables, end, isUnderstood } = readManifest(manifest);
    if (!isUnderstood || end === 0) return undefined;
    const wanted = [...tables].map((number) => `${String(number).padStart(6, "0")}.sst`);
    const late = wanted.filter((name) => !data.includes(name));
    const more = await Promise.all(late.map((name) => linkFile(dir, folder, name)));
    if (more.includes("impossible")) return undefined;
    const missing = new Set([
      ...data.filter((_, i) => linked[i] === "gone"),
      ...late.filter((_, i) => more[i] === "gone"),
    ]);
    if (wanted.some((name) => missing.has(name))) continue;
    const oldest = oldestLogOf(manifest);
    const logs = data.filter(
      (name) => name.endsWith(".log") && Number.parseInt(name, 10) >= oldest,
    );
    if (logs.some((name) => missing.has(name))) continue;
    await writeFile(path.join(folder, manifestName), manifest.subarray(0, end));
    await writeFile(path.join(folder, "CURRENT"), current);
    const sizes = [...wanted, ...logs, manifestName, "CURRENT"].map(async (name) => {
      return { name, bytes: (await stat(path.join(folder, name))).size };
    });
    return await Promise.all(sizes);
  }
  return undefined;
}

async function linkFile(
  dir: string,
  folder: string,
  name: string,
): Promise<"linked" | "gone" | "impossible"> {
  try {
    await link(path.join(dir, name), path.join(folder, name));
    return "linked";
  } catch (error) {
    switch (systemCode(error)) {
      case "EEXIST":
        return "linked";
      case "ENOENT":
        return "gone";
      default:
        return "impossible";
    }
  }
}

/** The linked files as a stream. */
export async function* sendState(
  folder: string,
  files: readonly SentFile[],
): AsyncGenerator<Uint8Array> {
  const source = new FolderSource(folder);
  try {
    yield* writeTables(files, source);
  } finally {
    await source.close();
  }
}

class FolderSource implements FileSource {
  private readonly folder: string;
  private name = "";
  private handle: FileHandle | undefined;

  constructor(folder: string) {
    this.folder = folder;
  }

  async read(file: SentFile, into: Buffer, offset: number): Promise<void> {
    if (this.name !== file.name) {
      await this.close();
      this.handle = await open(path.join(this.folder, file.name), "r");
      this.name = file.name;
    }
    for (let done = 0; done < into.length; ) {
      const { bytesRead } = await this.handle!.read(into, done, into.length - done, offset + done);
      if (bytesRead === 0) {
        const text = `${path.join(this.folder, file.name)} was cut short`;
        throw new OperatingError("DISK_FAILED", text);
      }
      done += bytesRead;
    }
  }

  async close(): Promise<void> {
    await this.handle?.close();
    this.handle = undefined;
    this.name = "";
  }
}

/**
 * Puts what comes into `folder`, which must not exist, durably; `arrived` is told how many bytes are there
 * before each part. Rejects with SNAPSHOT_DAMAGED what is no whole stream.
 */
export async function receiveState(
  folder: string,
  body: AsyncIterable<Uint8Array>,
  arrived: (bytes: number) => Promise<void>,
): Promise<{ readonly syncMs: number }> {
  await mkdir(folder, { mode: 0o700 });
  const sink = new FolderSink(folder, arrived);
  try {
    await readTables(body, sink);
    const begun = performance.now();
    await sink.synced();
    await syncFolder(folder);
    return { syncMs: performance.now() - begun };
  } finally {
    await sink.close();
  }
}

class FolderSink implements FileSink {
  private readonly folder: string;
  private readonly arrived: (bytes: number) => Promise<void>;
  private handle: FileHandle | undefined;
  private offset = 0;
  private total = 0;
  private readonly syncing = new Set<Promise<void>>();
  private failure: unknown;

  constructor(folder: string, arrived: (bytes: number) => Promise<void>) {
    this.folder = folder;
    this.arrived = arrived;
  }

  async begin(name: string): Promise<void> {
    this.handle = await open(path.join(this.folder, name), "wx", 0o600);
    this.offset = 0;
  }

  async part(bytes: Buffer): Promise<void> {
    await this.arrived(this.total);
    await writeAt(this.handle!, bytes, this.offset);
    this.offset += bytes.length;
    this.total += bytes.length;
  }

  async end(): Promise<void> {
    const handle = this.handle!;
    this.handle = undefined;
    const syncing = handle
      .sync()
      .catch((error: unknown) => {
        this.failure ??= error;
      })
      .finally(() => handle.close())
      .finally(() => this.syncing.delete(syncing));
    this.syncing.add(syncing);
    if (this.syncing.size > maxSyncing) await Promise.race(this.syncing);
  }

  /** All files that ended are on the disk. */
  async synced(): Promise<void> {
    await Promise.all(this.syncing);
    if (this.failure !== undefined) throw this.failure;
  }

  async close(): Promise<void> {
    await this.handle?.close();
    await Promise.all(this.syncing);
  }
}

/** What a member keeps for itself alone is no part of a state that another one sent. */
export async function forgetPrivate(backend: Backend): Promise<void> {
  const bucket: Bucket = "private";
  const batch = backend.newBatch();
  for (const [key] of await readAll(backend.scan(bucket, emptyBytes))) batch.delete(bucket, key);
  await backend.write(batch, { sync: false });
}
