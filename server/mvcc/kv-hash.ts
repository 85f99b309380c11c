// HashKV: CRC-32C over the records of bucket `key` up to a revision, leaving out what a compaction
// drops whether or not it is already gone (facts: storage format §4). A compaction hashes what it is
// about to drop by the same rule, seen from the compaction before it.
//
// Slice by slice: between two slices others have their turn, and no slice holds more than about
// a mebibyte of records, whatever their size.
import { utf8 } from "#base/bytes.ts";
import { etcdError } from "#proto/errors.ts";
import type { StateRecord, StateView } from "#server/mvcc/backend.ts";
import { none } from "#server/mvcc/key-table.ts";
import { isTombstoneKey, mainOf, revisionKey, subOf } from "#server/mvcc/record.ts";
import { decodeRecord, type StoreState, sliceKeys } from "#server/mvcc/store-state.ts";

export interface KvHash {
  readonly hash: number;
  readonly compactRevision: number;
  readonly hashRevision: number;
  readonly currentRevision: number;
}

/** How long work is cut: awaited between slices; `isOver` ends it early. */
export interface HashPace {
  pause(): Promise<void>;
  isOver(): boolean;
}

const minSlice = 8;
const maxSlice = 512;
const fullSliceBytes = 512 * 1024;
const bucketName = utf8("key");
const nothing = new Uint8Array(0);

/** Hashes at `revision` (0: current; below 0: of nothing). Rejects compacted or futureRevision. */
export async function hashKv(state: StoreState, revision: number): Promise<KvHash> {
  const { compactRevision, currentRevision } = state;
  if (revision > 0 && revision < compactRevision) throw etcdError("compacted");
  if (revision > currentRevision) throw etcdError("futureRevision");
  if (revision < 0) {
    const hash = state.options.crc32c(bucketName);
    return { hash, compactRevision, hashRevision: revision, currentRevision };
  }
  const at = revision === 0 ? currentRevision : revision;
  const pace: HashPace = { pause: state.options.pause, isOver: () => false };
  state.pin(at);
  const { epoch } = state;
  try {
    const anyKept = compactRevision > 0 && (await existsAny(state, at, pace));
    const hash = await hashRecords(state, { at, compactRevision, anyKept }, pace);
    if (hash === undefined) throw etcdError("leaderChanged");
    return { hash, compactRevision, hashRevision: at, currentRevision };
  } finally {
    if (epoch === state.epoch) state.unpin(at);
  }
}

/**
 * The hash of a compaction at `at`, the one before it being at `previous`; for before its first
 * deletion, with all records up to `at` written. Undefined if the pace was over.
 */
export async function hashBeforeCompaction(
  state: StoreState,
  at: number,
  previous: number,
  pace: HashPace,
): Promise<KvHash | undefined> {
  const { currentRevision } = state;
  // Unlike HashKV, a compaction keeps a deletion that is exactly at its revision.
  const anyKept =
    previous > 0 && ((await existsAny(state, at, pace)) || (await deletesAt(state, at, pace)));
  const hash = await hashRecords(state, { at, compactRevision: previous, anyKept }, pace);
  if (hash === undefined) return undefined;
  return { hash, compactRevision: previous, hashRevision: at, currentRevision };
}

interface HashRule {
  readonly at: number;
  /** Records up to here count only if they are kept at `at`. */
  readonly compactRevision: number;
  /** False: nothing at all is kept at `at`, and then etcd leaves nothing out. */
  readonly anyKept: boolean;
}

async function hashRecords(
  state: StoreState,
  rule: HashRule,
  pace: HashPace,
): Promise<number | undefined> {
  const { recent, epoch } = state;
  const { at, compactRevision, anyKept } = rule;
  const { crc32c } = state.options;
  let hash = crc32c(bucketName);
  const feed = (key: Uint8Array, record: Uint8Array): void => {
    const main = mainOf(key);
    const tombstone = isTombstoneKey(key);
    if (main > at || (tombstone && main === compactRevision)) return;
    if (main <= compactRevision && anyKept && !isKept(state, key, record, at)) return;
    hash = crc32c(key, hash);
    hash = crc32c(record, hash);
  };
  if (epoch !== state.epoch || pace.isOver()) return undefined;
  let view: StateView | undefined;
  try {
    // What is not yet in the backend comes from memory, behind what the view holds.
    const unwritten: StateRecord[] = [];
    for (let place = recent.seek(recent.written + 1, 0); place < recent.end; place++) {
      unwritten.push([
        revisionKey(recent.mainAt(place), recent.subAt(place), recent.isTombstoneAt(place)),
        recent.recordAt(place),
      ]);
    }
    view = state.backend.scan("key", revisionKey(0, 0, false), revisionKey(at + 1, 0, false));
    let lastMain = 0;
    let lastSub = -1;
    for (let slice = minSlice; ; ) {
      const records = await view.next(slice);
      if (epoch !== state.epoch || pace.isOver()) return undefined;
      if (records.length === 0) break;
      let bytes = 0;
      for (const [key, record] of records) {
        bytes += record.length;
        feed(key, record);
      }
      const last = records[records.length - 1]![0];
      lastMain = mainOf(last);
      lastSub = subOf(last);
      if (bytes > fullSliceBytes) slice = Math.max(minSlice, slice >> 1);
      else if (bytes * 2 <= fullSliceBytes) slice = Math.min(maxSlice, slice * 2);
      await pace.pause();
    }
    for (const [key, record] of unwritten) {
      const main = mainOf(key);
      if (main > lastMain || (main === lastMain && subOf(key) > lastSub)) feed(key, record);
    }
    return hash >>> 0;
  } finally {
    await view?.close();
  }
}

/** True if this is the newest change of its key up to `at`, and no deletion. */
function isKept(state: StoreState, key: Uint8Array, record: Uint8Array, at: number): boolean {
  const { index } = state;
  const slot = index.find(decodeRecord(record).key);
  if (slot === none || !index.table.at(slot, at)) return false;
  return index.table.main === mainOf(key) && index.table.sub === subOf(key);
}

/** True if any key exists at `at`, which is pinned or not yet compacted. */
async function existsAny(state: StoreState, at: number, pace: HashPace): Promise<boolean> {
  const { index, epoch } = state;
  for (let from: Uint8Array = nothing; ; ) {
    const position = index.seek(from);
    let slot: number = none;
    for (let i = 0; i < sliceKeys; i++) {
      slot = index.next(position, undefined);
      if (slot === none) return false;
      if (index.table.at(slot, at)) return true;
    }
    const last = index.key(slot);
    from = new Uint8Array(last.length + 1);
    from.set(last);
    await pace.pause();
    if (epoch !== state.epoch || pace.isOver()) return false;
  }
}

/** True if something was deleted by the revision `at` itself. */
async function deletesAt(state: StoreState, at: number, pace: HashPace): Promise<boolean> {
  const view = state.backend.scan("key", revisionKey(at, 0, false), revisionKey(at + 1, 0, false));
  try {
    for (;;) {
      const records = await view.next(minSlice);
      if (records.length === 0) return false;
      if (records.some(([key]) => isTombstoneKey(key))) return true;
      await pace.pause();
      if (pace.isOver()) return false;
    }
  } finally {
    await view.close();
  }
}
