// The hash of a snapshot file's keys and their history, as a member that holds them would answer it.
import { crc32c } from "@node-rs/crc32";
import { BoltBackend } from "#server/backend/bbolt/bolt-backend.ts";
import { openSnapshotFile } from "#server/backend/bbolt/snapshot-file.ts";
import { MvccStore } from "#server/mvcc/store.ts";

export interface FileHash {
  readonly hash: number;
  readonly hashRevision: number;
  /** -1 if there was no compaction. */
  readonly compactRevision: number;
}

const noLeases = { exists: () => false, attach: () => {}, detach: () => {} };

/** Rejects with EtcdError for a revision that is not there, with OperatingError for the file. */
export async function hashFileKv(file: string, revision: number): Promise<FileHash> {
  const snapshot = await openSnapshotFile(file);
  try {
    const pause = (): Promise<void> => Promise.resolve();
    const backend = new BoltBackend(snapshot.bolt);
    const store = await MvccStore.load(backend, noLeases, { crc32c, pause, cacheBytes: 0 });
    const { compactRevision, hash, hashRevision } = await store.hashNow(revision);
    store.close();
    return { hash, hashRevision, compactRevision };
  } finally {
    await snapshot.close();
  }
}
