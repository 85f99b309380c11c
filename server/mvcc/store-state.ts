// What all parts of the store share: the index, the records in memory, the revisions and the pins.
import { assert } from "#base/assert.ts";
import { etcdError } from "#proto/errors.ts";
import { KeyValue } from "#proto/gen/mvcc.ts";
import type { Backend } from "#server/mvcc/backend.ts";
import { KeyIndex } from "#server/mvcc/key-index.ts";
import { none } from "#server/mvcc/key-table.ts";
import type { LeaseAttachments } from "#server/mvcc/leases.ts";
import { RecentLog } from "#server/mvcc/recent-log.ts";
import { revisionKey } from "#server/mvcc/record.ts";
import { RecordCache } from "#server/mvcc/record-cache.ts";

export interface StoreOptions {
  /** CRC-32C of `data`, continuing from `seed`. */
  readonly crc32c: (data: Uint8Array, seed?: number) => number;
  /** Resolves in a later turn of the event loop; awaited between slices of long work. */
  readonly pause: () => Promise<void>;
  /** Bound of the cache of current records, in bytes; 64 MiB if left out. */
  readonly cacheBytes?: number;
  /** Bound of the newest records kept in memory beyond those not yet written; 4 MiB if left out. */
  readonly recentBytes?: number;
}

/** Told of every change at the end of its transaction; the watch hub is one. */
export interface ChangeObserver {
  /** True if somebody wants the pair that `key` had before a change. */
  wantsPrevious(key: Uint8Array): boolean;
  /** True if wantsPrevious may be true for any key. */
  readonly wantsAnyPrevious: boolean;
  /** False if nobody wants any change: then only their revision counts. */
  readonly wantsChanges: boolean;
  applied(main: number, changes: Changes): void;
}

/**
 * The changes of one transaction in sub order, `count` of them; consume them within the call, for the
 * next transaction overwrites them.
 */
export interface Changes {
  readonly count: number;
  readonly keys: readonly Uint8Array[];
  readonly records: readonly Uint8Array[];
  readonly tombstones: readonly boolean[];
  /** The record before the transaction, if wanted; null if it is wanted but was not in memory. */
  readonly previous: readonly (Uint8Array | undefined | null)[];
}

/** Records fetched at once. */
const fetchChunk = 512;

/** Keys visited in one turn: about 5 ms. */
export const sliceKeys = 4096;

/** Cold reads of at most this many records enter the cache; larger ones would only flush it. */
const cachedFetchMax = 1024;

export class StoreState {
  index = new KeyIndex();
  cache: RecordCache;
  recent: RecentLog;
  /** Bytes of the keys and values that were put since the start. */
  putBytes = 0;
  readonly recentBytes: number;
  currentRevision = 1;
  /** The last compaction, physically finished or not; -1 if there was none. */
  compactRevision = -1;
  backend: Backend;
  leases: LeaseAttachments;
  observer: ChangeObserver | undefined;
  readonly options: StoreOptions;
  private readonly pinned = new Map<string, { record: Uint8Array; references: number }>();
  private readonly pins: number[] = [];
  /** Slots whose lease did not exist when the state was loaded, so that they hang on none. */
  orphans = new Set<number>();
  /** Counts reloads: what began before one must not touch the new state. */
  epoch = 0;

  constructor(backend: Backend, leases: LeaseAttachments, options: StoreOptions) {
    this.backend = backend;
    this.leases = leases;
    this.options = options;
    this.cache = new RecordCache(options.cacheBytes ?? 64 * 1024 * 1024);
    this.recentBytes = options.recentBytes ?? 4 * 1024 * 1024;
    this.recent = new RecentLog(this.recentBytes, 1);
  }

  /** The record of the slot's change `main`, `sub` if it is in memory. */
  warm(slot: number, main: number, sub: number): Uint8Array | undefined {
    const { table } = this.index;
    if (table.headMain(slot) === main && table.headSub(slot) === sub) {
      const position = table.cachePosition(slot);
      if (position >= 0) {
        const found = this.cache.get(position, table.size(slot));
        if (found !== undefined) return found;
      }
    }
    const recent = this.recent.get(main, sub);
    if (recent !== undefined || this.pinned.size === 0) return recent;
    return this.pinned.get(`${main}/${sub}`)?.record;
  }

  /** The current record of a slot that is alive, if it is in memory. */
  warmHead(slot: number): Uint8Array | undefined {
    const { table } = this.index;
    return this.warm(slot, table.headMain(slot), table.headSub(slot));
  }

  /**
   * Reads the records of these changes from the backend. The caller pins a revision that reaches
   * them. A record that is not there means a damaged state and breaks an invariant. Rejects with
   * leaderChanged if the state was replaced and closed meanwhile.
   */
  async fetch(wanted: readonly Wanted[]): Promise<Uint8Array[]> {
    const { backend, epoch } = this;
    const order = wanted.map((_, i) => i);
    order.sort((a, b) => wanted[a]!.main - wanted[b]!.main || wanted[a]!.sub - wanted[b]!.sub);
    const records: Uint8Array[] = new Array<Uint8Array>(wanted.length);
    for (let from = 0; from < order.length; from += fetchChunk) {
      const part = order.slice(from, from + fetchChunk);
      const keys = part.map((i) => revisionKey(wanted[i]!.main, wanted[i]!.sub, false));
      const found = await backend.getMany("key", keys).catch((error: unknown) => {
        // The former state is closed once another has taken its place.
        throw epoch === this.epoch ? error : etcdError("leaderChanged");
      });
      for (let i = 0; i < part.length; i++) {
        const record = found[i];
        const { main, sub } = wanted[part[i]!]!;
        assert(record !== undefined, `the state lacks the record of revision ${main}.${sub}`);
        records[part[i]!] = record;
      }
    }
    if (wanted.length <= cachedFetchMax && epoch === this.epoch) {
      for (let i = 0; i < wanted.length; i++) this.remember(wanted[i]!, records[i]!);
    }
    return records;
  }

  private remember({ slot, main, sub }: Wanted, record: Uint8Array): void {
    const { table } = this.index;
    if (slot === none || table.headMain(slot) !== main || table.headSub(slot) !== sub) return;
    this.cache.add(record);
    table.setCached(slot, this.cache.position);
  }

  /** Keeps a fetched record readable until unpinRecord. */
  pinRecord(main: number, sub: number, record: Uint8Array): void {
    const name = `${main}/${sub}`;
    const held = this.pinned.get(name);
    if (held === undefined) this.pinned.set(name, { record, references: 1 });
    else held.references++;
  }

  unpinRecord(main: number, sub: number): void {
    const name = `${main}/${sub}`;
    const held = this.pinned.get(name);
    if (held !== undefined && --held.references === 0) this.pinned.delete(name);
  }

  /** Keeps everything visible at `revision` from being compacted until `unpin`. */
  pin(revision: number): void {
    this.pins.push(revision);
  }

  unpin(revision: number): void {
    const at = this.pins.indexOf(revision);
    if (at < 0) return;
    this.pins[at] = this.pins[this.pins.length - 1]!;
    this.pins.pop();
  }

  /** The oldest pinned revision, or infinity. */
  oldestPin(): number {
    let oldest = Number.POSITIVE_INFINITY;
    for (const pin of this.pins) oldest = Math.min(oldest, pin);
    return oldest;
  }

  /** Becomes what `fresh` is, in one turn. Reads under way on the former state fail. */
  adopt(fresh: StoreState): void {
    this.epoch++;
    this.backend = fresh.backend;
    this.leases = fresh.leases;
    this.index = fresh.index;
    this.cache = fresh.cache;
    this.recent = fresh.recent;
    this.currentRevision = fresh.currentRevision;
    this.compactRevision = fresh.compactRevision;
    this.orphans = fresh.orphans;
    this.pinned.clear();
    this.pins.length = 0;
  }
}

/** A change to be read; `slot` may be none where it is not known. */
export interface Wanted {
  readonly slot: number;
  readonly main: number;
  readonly sub: number;
}

/** Reads a record; key and value alias it. */
export function decodeRecord(record: Uint8Array): KeyValue {
  return KeyValue.decode(record);
}
