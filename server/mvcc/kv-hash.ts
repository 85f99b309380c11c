// HashKV: CRC-32C over the records of bucket `key` up to a revision, leaving out what a compaction
// drops whether or not it is already gone (facts: storage format §4).
import { utf8 } from "#base/bytes.ts";
import { etcdError } from "#proto/errors.ts";
import type { StateView } from "#server/mvcc/backend.ts";
import { none } from "#server/mvcc/key-table.ts";
import { isTombstoneKey, mainOf, revisionKey, subOf } from "#server/mvcc/record.ts";
import { decodeRecord, type StoreState } from "#server/mvcc/store-state.ts";

export interface KvHash {
  readonly hash: number;
  readonly compactRevision: number;
  readonly hashRevision: number;
  readonly currentRevision: number;
}

const sliceRecords = 1024;
const bucketName = utf8("key");

/** Hashes at `revision` (0: current). Rejects compacted or futureRevision. */
export async function hashKv(state: StoreState, revision: number): Promise<KvHash> {
  const { compactRevision, currentRevision, recent, epoch } = state;
  if (revision > 0 && revision < compactRevision) throw etcdError("compacted");
  if (revision > currentRevision) throw etcdError("futureRevision");
  const at = revision <= 0 ? currentRevision : revision;
  const { crc32c, pause } = state.options;
  let hash = crc32c(bucketName);
  const feed = (key: Uint8Array, record: Uint8Array): void => {
    const main = mainOf(key);
    const tombstone = isTombstoneKey(key);
    if (main > at || (tombstone && main === compactRevision)) return;
    if (main <= compactRevision && anyKept && !isKept(state, key, record, at)) return;
    hash = crc32c(key, hash);
    hash = crc32c(record, hash);
  };

  state.pin(at);
  let view: StateView | undefined;
  const anyKept = compactRevision > 0 && existsAny(state, at);
  try {
    // What is not yet in the backend comes from memory, behind what the view holds.
    const unwritten: [key: Uint8Array, record: Uint8Array][] = [];
    for (let place = recent.seek(recent.written + 1, 0); place < recent.end; place++) {
      unwritten.push([
        revisionKey(recent.mainAt(place), recent.subAt(place), recent.isTombstoneAt(place)),
        recent.recordAt(place),
      ]);
    }
    view = state.backend.scan("key", revisionKey(0, 0, false), revisionKey(at + 1, 0, false));
    let lastMain = 0;
    let lastSub = -1;
    for (;;) {
      const records = await view.next(sliceRecords);
      if (epoch !== state.epoch) throw etcdError("leaderChanged");
      if (records.length === 0) break;
      for (const [key, record] of records) feed(key, record);
      const last = records[records.length - 1]![0];
      lastMain = mainOf(last);
      lastSub = subOf(last);
      await pause();
    }
    for (const [key, record] of unwritten) {
      const main = mainOf(key);
      if (main > lastMain || (main === lastMain && subOf(key) > lastSub)) feed(key, record);
    }
    return { hash: hash >>> 0, compactRevision, hashRevision: at, currentRevision };
  } finally {
    if (epoch === state.epoch) state.unpin(at);
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

function existsAny(state: StoreState, at: number): boolean {
  const { index } = state;
  const position = index.seek(new Uint8Array(0));
  for (let slot = index.next(position, undefined); slot !== none; ) {
    if (index.table.at(slot, at)) return true;
    slot = index.next(position, undefined);
  }
  return false;
}
