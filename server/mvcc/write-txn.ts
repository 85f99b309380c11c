// The one write transaction of an apply. Each change goes at once into index, cache, recent log and
// batch; `end` makes the revision current. There is no undo: checks come before the first change.
import { assert } from "#base/assert.ts";
import type { LeaseId } from "#base/ids.ts";
import type { StateBatch } from "#base/state-batch.ts";
import type { RangeRequest, RangeResponse } from "#proto/gen/kv.ts";
import { upperBound } from "#server/mvcc/key-index.ts";
import { none } from "#server/mvcc/key-table.ts";
import { RangeRead } from "#server/mvcc/range-read.ts";
import { recordSize, revisionKey, tombstoneRecord, writeRecord } from "#server/mvcc/record.ts";
import type { Changes, StoreState } from "#server/mvcc/store-state.ts";

const noLease = 0n as LeaseId;

export class WriteTxn implements Changes {
  private readonly state: StoreState;
  private readonly ended: () => void;
  private batch: StateBatch | undefined;
  /** The revision that the changes get. */
  main = 0;
  count = 0;
  // Written at `count`, and kept from one transaction to the next: what lies behind is of earlier ones.
  keys: Uint8Array[] = [];
  records: Uint8Array[] = [];
  tombstones: boolean[] = [];
  previous: (Uint8Array | undefined | null)[] = [];
  private slots: number[] = [];
  private keeping = false;
  private readonly kept: { main: number; sub: number }[] = [];

  // Filled anew for each change: no allocation a put.
  private readonly fields = {
    key: new Uint8Array(0) as Uint8Array,
    createRevision: 0,
    modRevision: 0,
    version: 0,
    value: new Uint8Array(0) as Uint8Array,
    lease: noLease as LeaseId,
  };
  private readonly change = { main: 0, sub: 0, create: 0, version: 0, tombstone: false, size: 0 };

  constructor(state: StoreState, ended: () => void) {
    this.state = state;
    this.ended = ended;
  }

  /** For the store: begins anew with this batch. */
  reopen(batch: StateBatch): void {
    assert(this.batch === undefined, "a write transaction begins before the last one ended");
    this.batch = batch;
    this.main = this.state.currentRevision + 1;
    this.state.cache.held = true;
  }

  /**
   * Ranges of this transaction will read at an explicit revision: what it overwrites stays readable
   * until its end, as far as it is in memory. Call it before the first change.
   */
  keepOverwritten(): void {
    this.keeping = true;
  }

  /** The revision of an answer: main once anything changed, else the one before. */
  get revision(): number {
    return this.count > 0 ? this.main : this.main - 1;
  }

  /** Puts; `lease` must exist or be 0n. The bytes are copied. */
  put(key: Uint8Array, value: Uint8Array, lease: LeaseId): void {
    const { state, fields, change, main, batch } = this;
    assert(batch !== undefined, "a put outside of a transaction");
    const { index, cache } = state;
    const { table } = index;
    state.putBytes += key.length + value.length;
    let slot = index.find(key);
    const exists = slot !== none && table.alive(slot);
    const oldLease = exists ? table.lease(slot) : noLease;
    fields.key = key;
    fields.value = value;
    fields.lease = lease;
    fields.modRevision = main;
    fields.createRevision = exists ? table.headCreate(slot) : main;
    fields.version = exists ? table.headVersion(slot) + 1 : 1;
    const { observer } = state;
    if (observer !== undefined) this.notePrevious(slot, exists, key);
    if (this.keeping && exists) this.keep(slot);
    const size = recordSize(fields);
    const record = cache.reserve(size);
    writeRecord(record, 0, fields);
    change.main = main;
    change.sub = this.count;
    change.create = fields.createRevision;
    change.version = fields.version;
    change.tombstone = false;
    change.size = size;
    slot = index.change(slot, key, change);
    table.setCached(slot, cache.position);
    this.store(slot, key, record, false);
    if (oldLease === lease) {
      if (lease === noLease || state.orphans.size === 0 || !state.leases.exists(lease)) return;
      if (state.orphans.delete(slot)) state.leases.attach(lease, key);
      return;
    }
    if (oldLease !== noLease) {
      state.orphans.delete(slot);
      state.leases.detach(oldLease, key);
    }
    table.setLease(slot, lease);
    if (lease !== noLease) state.leases.attach(lease, key);
  }

  /** Deletes what exists of the interval, in key order; the number of keys deleted. */
  deleteRange(key: Uint8Array, rangeEnd: Uint8Array): number {
    const { index } = this.state;
    const { table } = index;
    if (rangeEnd.length === 0) {
      const slot = index.find(key);
      if (slot === none || !table.alive(slot)) return 0;
      this.deleteSlot(slot);
      return 1;
    }
    const to = upperBound(key, rangeEnd);
    const doomed: number[] = [];
    const position = index.seek(key);
    for (let slot = index.next(position, to); slot !== none; slot = index.next(position, to)) {
      if (table.alive(slot)) doomed.push(slot);
    }
    for (const slot of doomed) this.deleteSlot(slot);
    return doomed.length;
  }

  /** Deletes these keys as far as they exist, in the order given; the number of keys deleted. */
  deleteKeys(keys: readonly Uint8Array[]): number {
    let deleted = 0;
    for (const key of keys) deleted += this.deleteRange(key, noRangeEnd);
    return deleted;
  }

  private deleteSlot(slot: number): void {
    const { state, change, main } = this;
    const { index } = state;
    const { table } = index;
    const key = table.key(slot);
    if (state.observer !== undefined) this.notePrevious(slot, true, key);
    if (this.keeping) this.keep(slot);
    const record = tombstoneRecord(key);
    const lease = table.lease(slot);
    change.main = main;
    change.sub = this.count;
    change.create = 0;
    change.version = 0;
    change.tombstone = true;
    change.size = record.length;
    index.change(slot, key, change);
    table.setLease(slot, noLease);
    this.store(slot, key, record, true);
    if (lease !== noLease && !state.orphans.delete(slot)) state.leases.detach(lease, key);
  }

  private store(slot: number, key: Uint8Array, record: Uint8Array, tombstone: boolean): void {
    const { state, main, count } = this;
    this.batch!.put("key", revisionKey(main, count, tombstone), record);
    state.recent.add(main, count, record, tombstone);
    this.count = count + 1;
    if (state.observer?.wantsChanges !== true) return;
    this.slots[count] = slot;
    this.keys[count] = key;
    this.records[count] = record;
    this.tombstones[count] = tombstone;
  }

  private keep(slot: number): void {
    const { state } = this;
    const record = state.warmHead(slot);
    if (record === undefined) return;
    const main = state.index.table.headMain(slot);
    const sub = state.index.table.headSub(slot);
    state.pinRecord(main, sub, record);
    this.kept.push({ main, sub });
  }

  /** Remembers the pair before this transaction if a watcher wants it. */
  private notePrevious(slot: number, exists: boolean, key: Uint8Array): void {
    const { state, main, count, previous } = this;
    const observer = state.observer!;
    if (!observer.wantsChanges) return;
    if (!exists || !observer.wantsAnyPrevious || !observer.wantsPrevious(key)) {
      previous[count] = undefined;
    } else if (state.index.table.headMain(slot) === main) {
      // The first place is of this transaction, as it has changed the key.
      previous[count] = previous[this.slots.indexOf(slot)];
    } else previous[count] = state.warmHead(slot) ?? null;
  }

  /** Reads within the transaction: its own changes are seen. Throws EtcdError. */
  range(request: RangeRequest): RangeResponse {
    return new RangeRead(this.state, request, this.revision).runSync();
  }

  private forget(): void {
    this.slots = [];
    this.keys = [];
    this.records = [];
    this.tombstones = [];
    this.previous = [];
  }

  /** Makes the changes current and tells the observer. Nothing changed: no new revision. */
  end(): void {
    const { state, main, count } = this;
    assert(this.batch !== undefined, "a write transaction ends twice");
    this.batch = undefined;
    state.cache.held = false;
    state.cache.trim();
    if (this.keeping) {
      for (const { main: of, sub } of this.kept) state.unpinRecord(of, sub);
      this.kept.length = 0;
      this.keeping = false;
    }
    if (count > 0) {
      state.currentRevision = main;
      if (state.observer !== undefined) {
        state.observer.applied(main, this);
        if (this.slots.length > keptChanges) this.forget();
      }
      this.count = 0;
    }
    this.ended();
  }
}

/** Places that are kept for the next transaction: each may keep a segment of the record cache alive. */
const keptChanges = 8;
const noRangeEnd = new Uint8Array(0);
