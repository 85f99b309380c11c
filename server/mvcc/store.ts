// The multi-version store: what the node drives and the API reads.
//
// One turn of the node: prefetch what the committed commands will read; apply them, each in one
// WriteTxn, all into one batch; write the batch; call `written`. Apply itself never waits. Reads see
// a revision as soon as its transaction has ended.
import { assert } from "#base/assert.ts";
import { emptyBytes } from "#base/bytes.ts";
import type { LeaseId } from "#base/ids.ts";
import type { StateBatch } from "#base/state-batch.ts";
import { type RangeRequest, RangeRequest_SortTarget, type RangeResponse } from "#proto/gen/kv.ts";
import type { KeyValue } from "#proto/gen/mvcc.ts";
import type { Backend } from "#server/mvcc/backend.ts";
import { Compaction, type CompactionProgress, type HashState } from "#server/mvcc/compaction.ts";
import { HashQueue } from "#server/mvcc/hash-queue.ts";
import { type UpperBound, upperBound } from "#server/mvcc/key-index.ts";
import { none } from "#server/mvcc/key-table.ts";
import type { HashPace, KvHash } from "#server/mvcc/kv-hash.ts";
import type { LeaseAttachments } from "#server/mvcc/leases.ts";
import { collectLimit, RangeRead } from "#server/mvcc/range-read.ts";
import { hashState } from "#server/mvcc/state-hash.ts";
import { loadState, RecordsLoading } from "#server/mvcc/store-loading.ts";
import {
  type ChangeObserver,
  decodeRecord,
  type StoreOptions,
  StoreState,
  type Wanted,
} from "#server/mvcc/store-state.ts";
import { WriteTxn } from "#server/mvcc/write-txn.ts";

export type { CompactionProgress } from "#server/mvcc/compaction.ts";
export type { KvHash } from "#server/mvcc/kv-hash.ts";
export type { StoreOptions } from "#server/mvcc/store-state.ts";

/** Records pinned by a prefetch; release them once the commands have been applied. */
export interface Pins {
  release(): void;
}

/** An interval as requests state it; `rangeEnd` empty is the one key, a zero byte no end. */
export interface Interval {
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
}

export interface CurrentPair {
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  readonly lease: LeaseId;
  readonly value: Uint8Array;
}

export class MvccStore {
  /** Shared with the watch hub; nobody else reaches in. */
  readonly state: StoreState;
  private readonly compaction: Compaction;
  private readonly txn: WriteTxn;
  private readonly hashing: HashQueue;
  private inTxn = false;
  private wanted: Wanted[] = [];

  private constructor(state: StoreState) {
    this.state = state;
    this.compaction = new Compaction(state);
    this.hashing = new HashQueue(state);
    this.txn = new WriteTxn(state, () => {
      this.inTxn = false;
    });
  }

  /** Reads the whole state, slice by slice, and attaches keys to the leases that exist. */
  static async load(
    backend: Backend,
    leases: LeaseAttachments,
    options: StoreOptions,
  ): Promise<MvccStore> {
    const state = new StoreState(backend, leases, options);
    const store = new MvccStore(state);
    const { scheduled, finished } = await loadState(new RecordsLoading(state));
    store.compaction.resume(scheduled, finished);
    return store;
  }

  /** Another state, whose records are still to be taken in; for `reload`. */
  beginLoading(): RecordsLoading {
    const { backend, leases, options } = this.state;
    return new RecordsLoading(new StoreState(backend, leases, options));
  }

  /**
   * Takes over another state (an installed snapshot), in one turn once it has been read; until then
   * the former one answers. No transaction may begin meanwhile. Afterwards call the hub's `restore`.
   * `loading` has taken all its records already.
   */
  async reload(
    backend: Backend,
    leases: LeaseAttachments,
    loading: RecordsLoading = this.beginLoading(),
  ): Promise<void> {
    const fresh = loading.state;
    fresh.backend = backend;
    fresh.leases = leases;
    const { scheduled, finished } = await loadState(loading);
    assert(!this.inTxn, "the state is replaced within a transaction");
    this.state.adopt(fresh);
    this.wanted = [];
    this.compaction.resume(scheduled, finished);
  }

  get currentRevision(): number {
    return this.state.currentRevision;
  }

  /** The last compaction's revision, its deletions done or not; -1 if there was none. */
  get compactRevision(): number {
    return this.state.compactRevision;
  }

  /** Bytes of the keys and values that were put since the start. */
  get putBytes(): number {
    return this.state.putBytes;
  }

  /** Records that compactions deleted since the start. */
  get compactedRecords(): number {
    return this.compaction.removed;
  }

  /** Keys that exist now. */
  get keyCount(): number {
    return this.state.index.live;
  }

  /** Bytes of records applied and not yet reported as written: the node's measure of back-pressure. */
  get unwrittenBytes(): number {
    return this.state.recent.unwrittenBytes;
  }

  /** Reads: at once if all is in memory and short, else a promise. Throws or rejects EtcdError. */
  range(request: RangeRequest): RangeResponse | Promise<RangeResponse> {
    return new RangeRead(this.state, request, this.state.currentRevision).run();
  }

  /** A read of what was prefetched, in one turn; for transactions that only read. Throws EtcdError. */
  rangeSync(request: RangeRequest): RangeResponse {
    return new RangeRead(this.state, request, this.state.currentRevision).runSync();
  }

  /**
   * Visits the pairs of the interval that exist now, in key order, until `test` is false; the number
   * visited, or -1 if a test was false. `value` is only filled if asked for, and must be in memory.
   */
  every(interval: Interval, withValue: boolean, test: (pair: CurrentPair) => boolean): number {
    const { state } = this;
    const { index } = state;
    const { table } = index;
    const visit = (slot: number): boolean => {
      const record = withValue ? state.warmHead(slot) : undefined;
      assert(!withValue || record !== undefined, "a compare met a record not prefetched");
      return test({
        createRevision: table.headCreate(slot),
        modRevision: table.headMain(slot),
        version: table.headVersion(slot),
        lease: table.lease(slot),
        value: record === undefined ? emptyBytes : decodeRecord(record).value,
      });
    };
    if (interval.rangeEnd.length === 0) {
      const slot = index.find(interval.key);
      if (slot === none || !table.alive(slot)) return 0;
      return visit(slot) ? 1 : -1;
    }
    const to = upperBound(interval.key, interval.rangeEnd);
    const position = index.seek(interval.key);
    let visited = 0;
    for (let slot = index.next(position, to); slot !== none; slot = index.next(position, to)) {
      if (!table.alive(slot)) continue;
      visited++;
      if (!visit(slot)) return -1;
    }
    return visited;
  }

  /** The pair as it is now, or undefined if the key does not exist. Its record must be in memory. */
  current(key: Uint8Array): KeyValue | undefined {
    const { state } = this;
    const slot = state.index.find(key);
    if (slot === none || !state.index.table.alive(slot)) return undefined;
    const record = state.warmHead(slot);
    assert(record !== undefined, "apply met a record not prefetched");
    return decodeRecord(record);
  }

  /** The lease of the key's current put, or undefined if the key does not exist. */
  leaseOf(key: Uint8Array): LeaseId | undefined {
    const { index } = this.state;
    const slot = index.find(key);
    return slot !== none && index.table.alive(slot) ? index.table.lease(slot) : undefined;
  }

  /** Begins the one write transaction of an apply; `end` it before the next begins. */
  begin(batch: StateBatch): WriteTxn {
    assert(!this.inTxn, "a write transaction begins within another");
    this.inTxn = true;
    this.txn.reopen(batch);
    return this.txn;
  }

  /**
   * All batches of applied commands up to `revision`, the current one when the last of them was handed
   * over, are written. Not for batches of compactStep: while one of those was written, commands may
   * have been applied whose batch was not.
   */
  written(revision: number): void {
    this.state.recent.markWritten(revision);
  }

  /** Prefetch: the current record of `key` will be read. */
  wantKey(key: Uint8Array): void {
    const { index } = this.state;
    const slot = index.find(key);
    if (slot !== none && index.table.alive(slot)) this.wantHead(slot);
  }

  /** Prefetch: if watchers want the pair before a change of these keys, it will be read. */
  wantPrevious(key: Uint8Array, rangeEnd: Uint8Array): void {
    const { observer, index } = this.state;
    if (observer === undefined || !observer.wantsAnyPrevious) return;
    if (rangeEnd.length === 0) {
      if (observer.wantsPrevious(key)) this.wantKey(key);
      return;
    }
    this.eachLive(key, upperBound(key, rangeEnd), 0, (slot) => {
      if (observer.wantsPrevious(index.key(slot))) this.wantHead(slot);
    });
  }

  /** Prefetch: the current records of all keys of the interval will be read. */
  wantRange(key: Uint8Array, rangeEnd: Uint8Array): void {
    if (rangeEnd.length === 0) this.wantKey(key);
    else this.eachLive(key, upperBound(key, rangeEnd), 0, (slot) => this.wantHead(slot));
  }

  /**
   * Prefetch: this range will be answered, after at most `deletedBefore` of its keys were deleted in
   * the same transaction. A range that will fail wants nothing.
   */
  wantRangeRequest(request: RangeRequest, deletedBefore: number): void {
    const { state } = this;
    if (
      request.countOnly ||
      (request.keysOnly && request.sortTarget !== RangeRequest_SortTarget.VALUE)
    )
      return;
    const { revision } = request;
    if (revision > state.currentRevision) return;
    if (revision > 0 && revision < state.compactRevision) return;
    const limit = collectLimit(request);
    const to = upperBound(request.key, request.rangeEnd);
    const reach = limit === 0 ? 0 : limit + deletedBefore;
    if (revision <= 0 || revision === state.currentRevision) {
      this.eachLive(request.key, to, reach, (slot) => this.wantHead(slot));
      if (revision <= 0) return;
    }
    const { index } = state;
    const { table } = index;
    const position = index.seek(request.key);
    let found = 0;
    for (let slot = index.next(position, to); slot !== none; slot = index.next(position, to)) {
      if (!table.at(slot, revision)) continue;
      const { main, sub } = table;
      if (state.warm(slot, main, sub) === undefined) this.wanted.push({ slot, main, sub });
      if (++found === reach) return;
    }
  }

  /** Number of keys that a deletion of this interval would delete now. */
  countLive(key: Uint8Array, rangeEnd: Uint8Array): number {
    return this.state.index.countLive(key, upperBound(key, rangeEnd));
  }

  private wantHead(slot: number): void {
    const { state } = this;
    if (state.warmHead(slot) !== undefined) return;
    const { table } = state.index;
    this.wanted.push({ slot, main: table.headMain(slot), sub: table.headSub(slot) });
  }

  private eachLive(
    from: Uint8Array,
    to: UpperBound,
    max: number,
    visit: (slot: number) => void,
  ): void {
    const { index } = this.state;
    const position = index.seek(from);
    let found = 0;
    for (let slot = index.next(position, to); slot !== none; slot = index.next(position, to)) {
      if (!index.table.alive(slot)) continue;
      visit(slot);
      if (++found === max) return;
    }
  }

  /** Fetches and pins all that was wanted since the last call; undefined if nothing of it is cold. */
  fetchWanted(): Promise<Pins> | undefined {
    if (this.wanted.length === 0) return undefined;
    const { wanted } = this;
    this.wanted = [];
    return this.fetchAndPin(wanted);
  }

  private async fetchAndPin(wanted: readonly Wanted[]): Promise<Pins> {
    const { state } = this;
    const oldest = wanted.reduce((least, one) => Math.min(least, one.main), state.currentRevision);
    state.pin(oldest);
    try {
      const records = await state.fetch(wanted);
      for (let i = 0; i < wanted.length; i++) {
        state.pinRecord(wanted[i]!.main, wanted[i]!.sub, records[i]!);
      }
    } finally {
      state.unpin(oldest);
    }
    return {
      release: () => {
        for (const one of wanted) state.unpinRecord(one.main, one.sub);
      },
    };
  }

  /** Schedules a compaction; throws futureRevision or compacted, which changes nothing. */
  scheduleCompaction(revision: number, batch: StateBatch): void {
    this.compaction.schedule(revision, batch);
  }

  /** True while a scheduled compaction has deletions left. */
  get compacting(): boolean {
    return this.compaction.pending;
  }

  /** One slice of compaction into `batch`: at most `maxRecords` keys' worth of deletions. */
  compactStep(batch: StateBatch, maxRecords: number): CompactionProgress {
    return this.compaction.step(batch, maxRecords);
  }

  /** The batch of the last compactStep has been written. */
  compactionWritten(): void {
    this.compaction.settle();
  }

  /** Resolves once the compaction at `revision` has finished and its batch has been written. */
  compacted(revision: number): Promise<void> {
    return this.compaction.whenFinished(revision);
  }

  /** Whether `computeCompactionHash` is to run before the next compactStep. */
  get compactionHash(): HashState {
    return this.compaction.hashState;
  }

  /** Hashes what the next compaction is about to work on, slice by slice. */
  computeCompactionHash(pace: HashPace): Promise<void> {
    return this.compaction.computeHash(pace);
  }

  /** Hashes of the newest compactions since the start, newest first. */
  compactionHashes(): readonly KvHash[] {
    return this.compaction.hashes.list();
  }

  /**
   * HashKV at `revision`, 0 for the current one; at the revision of a remembered compaction, that
   * compaction's hash, as etcd answers. Rejects compacted, futureRevision or tooManyRequests.
   */
  async hashKv(revision: number): Promise<KvHash> {
    // 0 means now, even if a compaction was at revision 0.
    const remembered = revision > 0 ? this.compaction.hashes.find(revision) : undefined;
    if (remembered === undefined) return await this.hashing.hash(revision);
    return { ...remembered, currentRevision: this.state.currentRevision };
  }

  /** As hashKv, over what the store holds now even at the revision of a compaction. */
  hashNow(revision: number): Promise<KvHash> {
    return this.hashing.hash(revision);
  }

  /** Maintenance.Hash: over all records of the state, as they are now. */
  hashState(): Promise<number> {
    return hashState(this.state.backend, this.state.options);
  }

  /** For the watch hub: told of each change from now on. */
  observe(observer: ChangeObserver | undefined): void {
    this.state.observer = observer;
  }

  /** Frees whoever waits for a compaction. */
  close(): void {
    this.compaction.close();
  }
}
