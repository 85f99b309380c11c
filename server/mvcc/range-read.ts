// One range request against one revision: resolve keys in the index, find their records, filter,
// sort, cut (facts: apply rules §3, Range). Long reads go slice by slice under a pin.
import { compareBytes, emptyBytes } from "#base/bytes.ts";
import type { LeaseId } from "#base/ids.ts";
import { etcdError } from "#proto/errors.ts";
import {
  RangeRequest_SortOrder as Order,
  type RangeRequest,
  type RangeResponse,
  RangeRequest_SortTarget as Target,
} from "#proto/gen/kv.ts";
import type { KeyValue } from "#proto/gen/mvcc.ts";
import { type UpperBound, upperBound } from "#server/mvcc/key-index.ts";
import { none } from "#server/mvcc/key-table.ts";
import { decodeRecord, type StoreState, sliceKeys, type Wanted } from "#server/mvcc/store-state.ts";

const noLease = 0n as LeaseId;

/** True if the answer comes in key order as it is collected. */
export function isDefaultOrder(request: RangeRequest): boolean {
  return (
    request.sortOrder === Order.NONE ||
    (request.sortTarget === Target.KEY && request.sortOrder === Order.ASCEND)
  );
}

/** True if any bound on revisions is set. */
export function hasRevisionFilters(request: RangeRequest): boolean {
  return (
    request.minModRevision !== 0 ||
    request.maxModRevision !== 0 ||
    request.minCreateRevision !== 0 ||
    request.maxCreateRevision !== 0
  );
}

/** Keys to collect before filters, sorting and the cut: 0 is all. */
export function collectLimit(request: RangeRequest): number {
  if (request.limit <= 0 || !isDefaultOrder(request) || hasRevisionFilters(request)) return 0;
  return request.limit + 1;
}

export class RangeRead {
  private readonly state: StoreState;
  private readonly request: RangeRequest;
  /** Goes into the header: the newest revision there is. */
  private readonly headerRevision: number;
  private readonly revision: number;
  private readonly to: UpperBound;
  private readonly limit: number;
  private readonly fromIndex: boolean;
  private from: Uint8Array;
  private fresh = true;
  private counted = -1;
  private count = 0;
  private done = false;
  private readonly kvs: (KeyValue | undefined)[] = [];
  private readonly cold: Wanted[] = [];
  private readonly coldPlaces: number[] = [];

  /**
   * `currentRevision` is what the reader takes for current: within a write transaction that changed
   * something, the revision it is making. Throws futureRevision or compacted.
   */
  constructor(state: StoreState, request: RangeRequest, currentRevision: number) {
    if (request.revision > currentRevision) throw etcdError("futureRevision");
    this.revision = request.revision <= 0 ? currentRevision : request.revision;
    if (this.revision < state.compactRevision) throw etcdError("compacted");
    this.state = state;
    this.request = request;
    this.headerRevision = currentRevision;
    this.from = request.key;
    this.to = upperBound(request.key, request.rangeEnd);
    this.limit = collectLimit(request);
    this.fromIndex = request.keysOnly && request.sortTarget !== Target.VALUE;
  }

  /** All at once; for reads within apply, whose records were prefetched. */
  runSync(): RangeResponse {
    this.step(Number.POSITIVE_INFINITY);
    if (this.cold.length > 0) throw new Error("a range within apply met a record not prefetched");
    return this.response();
  }

  /** At once if short and in memory, else slice by slice. */
  run(): RangeResponse | Promise<RangeResponse> {
    this.step(sliceKeys);
    if (this.done && this.cold.length === 0) return this.response();
    return this.runSliced();
  }

  private async runSliced(): Promise<RangeResponse> {
    const { state } = this;
    const { epoch } = state;
    state.pin(this.revision);
    try {
      while (!this.done) {
        await state.options.pause();
        if (epoch !== state.epoch) throw etcdError("leaderChanged");
        this.step(sliceKeys);
      }
      if (this.cold.length > 0) {
        const records = await state.fetch(this.cold);
        for (let i = 0; i < records.length; i++) {
          this.kvs[this.coldPlaces[i]!] = decodeRecord(records[i]!);
        }
      }
      return this.response();
    } finally {
      if (epoch === state.epoch) state.unpin(this.revision);
    }
  }

  private step(maxKeys: number): void {
    const { state, to, revision, limit, request } = this;
    const { index } = state;
    const { table } = index;
    if (request.rangeEnd.length === 0) {
      const slot = index.find(request.key);
      if (slot !== none && table.at(slot, revision)) this.take(slot);
      this.done = true;
      return;
    }
    // In the first slice the index stands at the newest revision, and knows how many keys live.
    if (this.fresh && revision === this.headerRevision) {
      this.counted = index.countLive(this.from, to);
    }
    this.fresh = false;
    if (this.counted >= 0 && request.countOnly) {
      this.done = true;
      return;
    }
    const position = index.seek(this.from);
    let slot: number = none;
    for (let visited = 0; visited < maxKeys; visited++) {
      if (this.counted >= 0 && limit > 0 && this.kvs.length >= limit) {
        this.done = true;
        return;
      }
      slot = index.next(position, to);
      if (slot === none) {
        this.done = true;
        return;
      }
      if (table.at(slot, revision)) this.take(slot);
    }
    // The next slice begins behind this key: at its successor.
    const last = index.key(slot);
    const successor = new Uint8Array(last.length + 1);
    successor.set(last);
    this.from = successor;
  }

  /** Takes the key that KeyTable.at has just found. */
  private take(slot: number): void {
    this.count++;
    const { kvs, limit, state, request } = this;
    if (request.countOnly || (limit > 0 && kvs.length >= limit)) return;
    const { table } = state.index;
    const { main, sub } = table;
    if (this.fromIndex) {
      kvs.push({
        key: table.key(slot),
        createRevision: table.create,
        modRevision: main,
        version: table.version,
        value: emptyBytes,
        lease: noLease,
      });
      return;
    }
    const record = state.warm(slot, main, sub);
    if (record === undefined) {
      this.cold.push({ slot, main, sub });
      this.coldPlaces.push(kvs.length);
      kvs.push(undefined);
    } else kvs.push(decodeRecord(record));
  }

  private response(): RangeResponse {
    const { request } = this;
    let kvs = this.kvs as KeyValue[];
    if (hasRevisionFilters(request)) kvs = kvs.filter((kv) => passes(request, kv));
    if (!isDefaultOrder(request) || request.sortTarget !== Target.KEY) sort(request, kvs);
    let more = false;
    if (request.limit > 0 && kvs.length > request.limit) {
      kvs.length = request.limit;
      more = true;
    }
    if (request.keysOnly && !this.fromIndex) for (const kv of kvs) kv.value = emptyBytes;
    return {
      header: { clusterId: 0n, memberId: 0n, revision: this.headerRevision, raftTerm: 0 },
      kvs,
      more,
      count: this.counted >= 0 ? this.counted : this.count,
    };
  }
}

function passes(request: RangeRequest, kv: KeyValue): boolean {
  const { minModRevision, maxModRevision, minCreateRevision, maxCreateRevision } = request;
  return (
    (maxModRevision === 0 || kv.modRevision <= maxModRevision) &&
    (minModRevision === 0 || kv.modRevision >= minModRevision) &&
    (maxCreateRevision === 0 || kv.createRevision <= maxCreateRevision) &&
    (minCreateRevision === 0 || kv.createRevision >= minCreateRevision)
  );
}

function sort(request: RangeRequest, kvs: KeyValue[]): void {
  const by = comparators[request.sortTarget];
  if (request.sortOrder === Order.DESCEND) kvs.sort((a, b) => by(b, a));
  else kvs.sort(by);
}

const comparators = {
  [Target.KEY]: (a: KeyValue, b: KeyValue) => compareBytes(a.key, b.key),
  [Target.VERSION]: (a: KeyValue, b: KeyValue) => a.version - b.version,
  [Target.CREATE]: (a: KeyValue, b: KeyValue) => a.createRevision - b.createRevision,
  [Target.MOD]: (a: KeyValue, b: KeyValue) => a.modRevision - b.modRevision,
  [Target.VALUE]: (a: KeyValue, b: KeyValue) => compareBytes(a.value, b.value),
};
