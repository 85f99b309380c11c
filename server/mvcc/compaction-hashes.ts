// The hashes of the newest compactions, which members compare with each other: each was computed over
// exactly what lay between two compactions, so members that are at different revisions by now can
// still compare it. In memory only, as in etcd: a restart begins with none.
import type { KvHash } from "#server/mvcc/kv-hash.ts";

/** How many etcd remembers. */
const remembered = 10;

export class CompactionHashes {
  private hashes: KvHash[] = [];

  /** Remembers the hash of a compaction that has finished; the oldest beyond ten are forgotten. */
  add(hash: KvHash): void {
    this.hashes = [hash, ...this.hashes.filter((one) => one.hashRevision !== hash.hashRevision)]
      .sort((a, b) => b.hashRevision - a.hashRevision)
      .slice(0, remembered);
  }

  /** The hash of the compaction at exactly `revision`. */
  find(revision: number): KvHash | undefined {
    return this.hashes.find((one) => one.hashRevision === revision);
  }

  /** Newest first. */
  list(): readonly KvHash[] {
    return this.hashes;
  }

  clear(): void {
    this.hashes = [];
  }
}
