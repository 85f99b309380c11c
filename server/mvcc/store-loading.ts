// Reads the state at start-up, slice by slice: index, revisions, lease attachments, and as many
// current records as the cache holds (facts: storage format §3, Loading the key bucket).
import { assert } from "#base/assert.ts";
import { OperatingError } from "#base/errors.ts";
import type { LeaseId } from "#base/ids.ts";
import { finishedCompactKey, scheduledCompactKey } from "#server/mvcc/compaction.ts";
import { damagedRecord } from "#server/mvcc/damaged-record.ts";
import { none, type Revision } from "#server/mvcc/key-table.ts";
import { RecentLog } from "#server/mvcc/recent-log.ts";
import {
  isTombstoneKey,
  mainOf,
  type RecordHead,
  readRecordHead,
  revisionKey,
  subOf,
} from "#server/mvcc/record.ts";
import { decodeRecord, type StoreState, sliceKeys } from "#server/mvcc/store-state.ts";

/** Records can be megabytes long: with more of them a start takes memory by the slice. */
const sliceRecords = 128;

/** The index keeps a sub revision in 31 bits. */
const subLimit = 2 ** 31;

export interface LoadedCompactions {
  readonly scheduled: number;
  readonly finished: number;
}

/** Takes the records of bucket `key` into an empty state, in their order. */
export class RecordsLoading {
  readonly state: StoreState;
  /** The newest revision that came. */
  private newest = 1;
  private records = 0;

  constructor(state: StoreState) {
    this.state = state;
    state.index.beginLoading();
    state.cache.filling = true;
  }

  get newestRevision(): number {
    return this.newest;
  }

  /** False if nothing was taken in. */
  get hasRecords(): boolean {
    return this.records > 0;
  }

  /** Throws on a record that no member could load, and on one that is not in order. */
  take(key: Uint8Array, record: Uint8Array): void {
    const tombstone = isTombstoneKey(key);
    const main = mainOf(key);
    const sub = subOf(key);
    assert(main <= Number.MAX_SAFE_INTEGER, "a revision is beyond 2^53");
    assert(sub < subLimit, "a sub revision is beyond 2^31");
    if (main < this.newest && this.newest !== 1) {
      throw new OperatingError(
        "STATE_ORDER",
        `revision ${main} follows ${this.newest} in the state`,
      );
    }
    this.newest = Math.max(this.newest, main);
    this.records++;
    change.main = main;
    change.sub = sub;
    change.tombstone = tombstone;
    loadRecord(this.state, record);
  }
}

/**
 * Fills the state from its backend, unless its records have come before, and attaches keys to the leases
 * that exist.
 */
export async function loadState(loading: RecordsLoading): Promise<LoadedCompactions> {
  const { state } = loading;
  const { backend } = state;
  const [scheduledKey, finishedKey] = await backend.getMany("meta", [
    scheduledCompactKey,
    finishedCompactKey,
  ]);
  const finished = finishedKey === undefined ? -1 : mainOf(finishedKey);
  const scheduled = scheduledKey === undefined ? -1 : mainOf(scheduledKey);

  if (!loading.hasRecords) await loadRecords(loading);
  state.cache.filled();
  for (const _ of state.index.finishLoading()) await state.options.pause();
  state.currentRevision = Math.max(loading.newestRevision, finished, scheduled);
  state.recent = new RecentLog(state.recentBytes, state.currentRevision);
  await attachLeases(state);
  return { scheduled, finished };
}

async function loadRecords(loading: RecordsLoading): Promise<void> {
  const { backend, options } = loading.state;
  const isLoaded = await backend.visitUnwritten?.("key", (key, record) =>
    takeRecord(loading, key, record),
  );
  if (isLoaded === true) return;
  const view = backend.scan("key", revisionKey(0, 0, false));
  try {
    for (;;) {
      const records = await view.next(sliceRecords);
      if (records.length === 0) return;
      for (const [key, record] of records) takeRecord(loading, key, record);
      await options.pause();
    }
  } finally {
    await view.close();
  }
}

function takeRecord(loading: RecordsLoading, key: Uint8Array, record: Uint8Array): void {
  try {
    loading.take(key, record);
  } catch (error) {
    throw damagedRecord("key", key, error);
  }
}

const head: RecordHead = {
  keyAt: 0,
  keyBytes: 0,
  createRevision: 0,
  version: 0,
  hasLease: false,
};

/** The one that is being loaded; nobody keeps it. */
const change: { -readonly [Field in keyof Revision]: Revision[Field] } = {
  main: 0,
  sub: 0,
  create: 0,
  version: 0,
  tombstone: false,
  size: 0,
};

/** Where keys lie while they are looked for: a view of each would cost more than its few bytes do. */
const keyRoom = new Uint8Array(256);
const keyViews: (Uint8Array | undefined)[] = [];

function keyOf(record: Uint8Array, at: number, bytes: number): Uint8Array {
  if (bytes > keyRoom.length) return record.subarray(at, at + bytes);
  for (let i = 0; i < bytes; i++) keyRoom[i] = record[at + i]!;
  keyViews[bytes] ??= keyRoom.subarray(0, bytes);
  return keyViews[bytes];
}

/** Takes the record of `change`, of which the rest stands in the record. */
function loadRecord(state: StoreState, record: Uint8Array): void {
  const { index, cache } = state;
  const { table } = index;
  const { tombstone } = change;
  let key: Uint8Array;
  let lease = 0n as LeaseId;
  if (readRecordHead(record, head) && !head.hasLease) {
    key = keyOf(record, head.keyAt, head.keyBytes);
    change.create = head.createRevision;
    change.version = head.version;
  } else {
    const whole = decodeRecord(record);
    key = whole.key;
    change.create = whole.createRevision;
    change.version = whole.version;
    lease = whole.lease as LeaseId;
  }
  change.size = record.length;
  const slot = index.find(key);
  if (tombstone && slot !== none && !table.alive(slot)) return;
  const changed = index.change(slot, key, change);
  table.setLease(changed, tombstone ? (0n as LeaseId) : lease);
  if (tombstone) return;
  cache.add(record);
  table.setCached(changed, cache.position);
}

async function attachLeases(state: StoreState): Promise<void> {
  const { index, leases } = state;
  const { table } = index;
  let from: Uint8Array = new Uint8Array(0);
  for (;;) {
    const position = index.seek(from);
    let slot: number = none;
    for (let i = 0; i < sliceKeys; i++) {
      slot = index.next(position, undefined);
      if (slot === none) return;
      const lease = table.lease(slot);
      if (lease === 0n || !table.alive(slot)) continue;
      if (leases.exists(lease)) leases.attach(lease, table.key(slot));
      else state.orphans.add(slot);
    }
    const last = table.key(slot);
    from = new Uint8Array(last.length + 1);
    from.set(last);
    await state.options.pause();
  }
}
