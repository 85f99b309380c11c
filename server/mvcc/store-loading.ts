// Reads the state at start-up, slice by slice: index, revisions, lease attachments, and as many
// current records as the cache holds (facts: storage format §3, Loading the key bucket).
import { OperatingError } from "#base/errors.ts";
import type { LeaseId } from "#base/ids.ts";
import { finishedCompactKey, scheduledCompactKey } from "#server/mvcc/compaction.ts";
import { damagedRecord } from "#server/mvcc/damaged-record.ts";
import { none } from "#server/mvcc/key-table.ts";
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
  }

  get newestRevision(): number {
    return this.newest;
  }

  /** False if nothing was taken in. */
  get hasRecords(): boolean {
    return this.records > 0;
  }

  /** Throws on a record that cannot be loaded, and on one that is not in order. */
  take(key: Uint8Array, record: Uint8Array): void {
    const main = mainOf(key);
    if (main < this.newest && this.newest !== 1) {
      throw new OperatingError(
        "STATE_ORDER",
        `revision ${main} follows ${this.newest} in the state`,
      );
    }
    this.newest = Math.max(this.newest, main);
    this.records++;
    loadRecord(this.state, key, record);
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
  key: new Uint8Array(0),
  createRevision: 0,
  version: 0,
  hasLease: false,
};

function loadRecord(state: StoreState, revision: Uint8Array, record: Uint8Array): void {
  const { index, cache } = state;
  const { table } = index;
  let kv: { key: Uint8Array; createRevision: number; version: number } = head;
  let lease = 0n as LeaseId;
  if (!readRecordHead(record, head) || head.hasLease) {
    const whole = decodeRecord(record);
    kv = whole;
    lease = whole.lease as LeaseId;
  }
  const tombstone = isTombstoneKey(revision);
  const slot = index.find(kv.key);
  if (tombstone && slot !== none && !table.alive(slot)) return;
  const changed = index.change(slot, kv.key, {
    main: mainOf(revision),
    sub: subOf(revision),
    create: kv.createRevision,
    version: kv.version,
    tombstone,
    size: record.length,
  });
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
