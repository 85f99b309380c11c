// Compaction: scheduled in apply (from then on older revisions are refused), carried out in steps
// between turns, finished when the last step is in a written batch. Scheduled and finished revision
// are both in the state, so that a restart resumes (facts: storage format §3).
//
// The index tells which records to drop, so nothing is scanned. A step is blocked while a read that
// is under way has pinned an older revision, and until all that it may delete has been written.
// Before its first step a compaction is hashed (`hash`), for members to compare; one that began after
// another which was cut short or not done is not, as its hash would not cover the same records.
import { utf8 } from "#base/bytes.ts";
import { OperatingError } from "#base/errors.ts";
import type { StateBatch } from "#base/state-batch.ts";
import { etcdError } from "#proto/errors.ts";
import { CompactionHashes } from "#server/mvcc/compaction-hashes.ts";
import { type DroppedChange, none } from "#server/mvcc/key-table.ts";
import { type HashPace, hashBeforeCompaction, type KvHash } from "#server/mvcc/kv-hash.ts";
import { revisionKey } from "#server/mvcc/record.ts";
import type { StoreState } from "#server/mvcc/store-state.ts";

export const scheduledCompactKey = utf8("scheduledCompactRev");
export const finishedCompactKey = utf8("finishedCompactRev");

/** What a step did: nothing to do, more to do, waiting for a read or a write, or the last deletions are in the batch. */
export type CompactionProgress = "idle" | "more" | "blocked" | "finished";

/** What is known of the hash of the next compaction: to be computed, not wanted or known, or its records are not all written. */
export type HashState = "wanted" | "none" | "blocked";

interface Scheduled {
  readonly revision: number;
  /** The revision of the compaction before, -1 if there was none. */
  readonly previous: number;
  /** False once the hash is known, or if it would not cover what other members' does. */
  wantsHash: boolean;
}

const successorOfEmpty = new Uint8Array(0);

export class Compaction {
  private readonly state: StoreState;
  /** Those of the newest compactions that have finished. */
  readonly hashes = new CompactionHashes();
  /** Still to be done, ascending. */
  private scheduled: Scheduled[] = [];
  private hash: KvHash | undefined;
  private from: Uint8Array = successorOfEmpty;
  private finished = -1;
  /** Records deleted since the start. */
  removed = 0;
  private waiting: { revision: number; resolve: () => void; reject: (error: Error) => void }[] = [];

  constructor(state: StoreState) {
    this.state = state;
  }

  get pending(): boolean {
    return this.scheduled.length > 0;
  }

  /** Throws futureRevision or compacted; else reads below `revision` are refused from now on. */
  schedule(revision: number, batch: StateBatch): void {
    const { state } = this;
    if (revision > state.currentRevision) throw etcdError("futureRevision");
    if (revision <= state.compactRevision) throw etcdError("compacted");
    const previous = state.compactRevision;
    state.compactRevision = revision;
    this.scheduled.push({ revision, previous, wantsHash: this.scheduled.length === 0 });
    batch.put("meta", scheduledCompactKey, revisionKey(revision, 0, false));
  }

  /** Takes over what the state says at loading. */
  resume(scheduled: number, finished: number): void {
    const { state } = this;
    this.scheduled = [];
    this.hashes.clear();
    this.hash = undefined;
    this.from = successorOfEmpty;
    this.finished = finished;
    state.compactRevision = Math.max(finished, scheduled);
    if (scheduled > finished) {
      this.scheduled.push({ revision: scheduled, previous: finished, wantsHash: false });
    }
    this.settle();
  }

  /** Whether `computeHash` is to run before the next step. */
  get hashState(): HashState {
    const next = this.scheduled[0];
    if (next === undefined || !next.wantsHash) return "none";
    return this.state.recent.written < next.revision ? "blocked" : "wanted";
  }

  /** Hashes what the next compaction is about to work on; a hash that is cut short is never known. */
  async computeHash(pace: HashPace): Promise<void> {
    const next = this.scheduled[0]!;
    const hash = await hashBeforeCompaction(this.state, next.revision, next.previous, pace);
    next.wantsHash = false;
    if (this.scheduled[0] === next) this.hash = hash;
  }

  /**
   * One slice: at most `maxRecords` deletions, or as many keys visited. Without `computeHash` before
   * the first, this compaction has no hash.
   */
  step(batch: StateBatch, maxRecords: number): CompactionProgress {
    const next = this.scheduled[0];
    if (next === undefined) return "idle";
    const { revision } = next;
    const { state } = this;
    // Deletions must reach the backend behind the records that they delete.
    if (state.recent.written < revision || state.oldestPin() < revision) return "blocked";
    next.wantsHash = false;
    const { index } = state;
    const { table } = index;
    let dropped = 0;
    const drop: DroppedChange = (main, sub, tombstone, size) => {
      dropped++;
      batch.delete("key", revisionKey(main, sub, tombstone), size);
      this.removed++;
    };
    const emptied: number[] = [];
    const position = index.seek(this.from);
    let last: number = none;
    let visited = 0;
    while (dropped < maxRecords && visited < maxVisited) {
      const slot = index.next(position, undefined);
      if (slot === none) {
        for (const one of emptied) index.remove(one);
        batch.put("meta", finishedCompactKey, revisionKey(revision, 0, false));
        this.scheduled.shift();
        if (this.hash !== undefined) this.hashes.add(this.hash);
        this.hash = undefined;
        this.from = successorOfEmpty;
        this.finished = revision;
        return "finished";
      }
      visited++;
      last = slot;
      table.evacuate(slot);
      if (table.compact(slot, revision, drop)) emptied.push(slot);
    }
    if (last !== none) {
      const key = index.key(last);
      this.from = new Uint8Array(key.length + 1);
      this.from.set(key);
    }
    for (const one of emptied) index.remove(one);
    return "more";
  }

  /** For tests and status: the newest compaction whose deletions are all in a batch. */
  get finishedRevision(): number {
    return this.finished;
  }

  /** Resolves once the compaction at `revision` is finished and `settle` was called after it. */
  whenFinished(revision: number): Promise<void> {
    const next = this.scheduled[0];
    if (next === undefined || next.revision > revision) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.waiting.push({ revision, resolve, reject });
    });
  }

  /** The batch of the last finishing step has been written. */
  settle(): void {
    if (this.waiting.length === 0) return;
    const next = this.scheduled[0]?.revision ?? Number.POSITIVE_INFINITY;
    this.waiting = this.waiting.filter((one) => {
      if (one.revision >= next) return true;
      one.resolve();
      return false;
    });
  }

  /** Rejects whoever waits, at the end of the process. */
  close(): void {
    for (const one of this.waiting) {
      one.reject(new OperatingError("STOPPED", "the store was closed before the compaction ended"));
    }
    this.waiting = [];
  }
}

const maxVisited = 8192;
