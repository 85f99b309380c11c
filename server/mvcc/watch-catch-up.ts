// Watchers that are behind: they read history from the state, sharing scans, and go live in one turn
// in which they have had everything up to the current revision.
//
// A scan serves a group. It reads slices of whole revisions, from the backend while what it needs is
// older than the recent log, then from memory. Watchers that come while it runs join it if they need
// nothing older than its place. A watcher whose session is full leaves, and waits for the client.
// The events of a slice reach a watcher in one response, so no revision is ever split.
import type { Event } from "#proto/gen/mvcc.ts";
import type { StateRecord, StateView } from "#server/mvcc/backend.ts";
import { none } from "#server/mvcc/key-table.ts";
import { isTombstoneKey, mainOf, revisionKey } from "#server/mvcc/record.ts";
import { decodeRecord, type StoreState, type Wanted } from "#server/mvcc/store-state.ts";
import { WatchMatcher } from "#server/mvcc/watch-matcher.ts";
import {
  changeEvent,
  eventBytes,
  keyString,
  type Watcher,
  wantsKind,
} from "#server/mvcc/watcher.ts";

const maxScans = 4;
/** A slice ends behind the revision that reaches either bound. At most 1000 revisions a response. */
const sliceRecords = 1000;
const sliceBytes = 512 * 1024;
const readRecords = 128;

export interface CatchUpPorts {
  /** The watcher has had everything up to the current revision. */
  live(watcher: Watcher): void;
  deliver(): void;
  /** Resolves in a later turn of the event loop. */
  readonly pause: () => Promise<void>;
  readonly fatal: ((error: unknown) => void) | undefined;
}

interface Change {
  readonly main: number;
  readonly tombstone: boolean;
  readonly record: Uint8Array;
}

interface Slice {
  readonly changes: readonly Change[];
  /** Everything up to this revision is in the slice or before it. */
  readonly upTo: number;
}

export class CatchUp {
  private readonly state: StoreState;
  private readonly ports: CatchUpPorts;
  /** Behind, and in no scan. */
  private readonly waiting = new Set<Watcher>();
  private scans = 0;
  private woken = false;

  constructor(state: StoreState, ports: CatchUpPorts) {
    this.state = state;
    this.ports = ports;
  }

  add(watcher: Watcher): void {
    this.waiting.add(watcher);
    this.wake();
  }

  delete(watcher: Watcher): void {
    this.waiting.delete(watcher);
  }

  /** Something changed that may let a waiting watcher go on. The scan begins in a later turn. */
  wake(): void {
    if (this.woken || this.scans >= maxScans || this.waiting.size === 0) return;
    this.woken = true;
    this.run().catch((error: unknown) => {
      if (this.ports.fatal === undefined) throw error;
      this.ports.fatal(error);
    });
  }

  private async run(): Promise<void> {
    await this.ports.pause();
    this.woken = false;
    const group = new Set<Watcher>();
    let oldest = Number.POSITIVE_INFINITY;
    for (const watcher of this.waiting) {
      if (watcher.session.full) continue;
      group.add(watcher);
      oldest = Math.min(oldest, watcher.next);
    }
    if (group.size === 0) return;
    for (const watcher of group) this.waiting.delete(watcher);
    this.scans++;
    const scan = new Scan(this.state, this.ports, this.waiting, group, oldest - 1);
    try {
      await scan.run();
    } finally {
      this.scans--;
      this.ports.deliver();
    }
    // Those that waited for a free scan, not those that wait for their client.
    for (const watcher of this.waiting) {
      if (!watcher.session.full) {
        this.wake();
        break;
      }
    }
  }
}

class Scan {
  private readonly state: StoreState;
  private readonly ports: CatchUpPorts;
  private readonly waiting: Set<Watcher>;
  private readonly group: Set<Watcher>;
  private matcher = new WatchMatcher<Watcher>();
  /** Everything up to here has been given to the group. */
  private covered: number;
  private view: StateView | undefined;
  /** What the view holds whole. */
  private viewEnd = 0;
  /** Read from the view, not yet in a slice. */
  private read: StateRecord[] = [];
  /** Bytes of one of those read last; before the first a guess on the large side. */
  private recordBytes = sliceBytes / 4;

  constructor(
    state: StoreState,
    ports: CatchUpPorts,
    waiting: Set<Watcher>,
    group: Set<Watcher>,
    covered: number,
  ) {
    this.state = state;
    this.ports = ports;
    this.waiting = waiting;
    this.group = group;
    this.covered = covered;
    for (const watcher of group) this.matcher.add(watcher);
  }

  async run(): Promise<void> {
    const { state, group } = this;
    const { epoch } = state;
    try {
      for (;;) {
        this.settleGroup();
        if (group.size === 0) return;
        if (this.covered >= state.currentRevision) {
          this.goLive();
          return;
        }
        const recent = this.view === undefined && this.covered + 1 >= state.recent.completeFrom;
        const slice = recent ? this.recentSlice() : await this.backendSlice();
        if (epoch !== state.epoch) break;
        const previous = await this.previousPairs(slice, epoch);
        if (epoch !== state.epoch) break;
        this.give(slice, previous);
        this.ports.deliver();
        if (this.covered < state.currentRevision) await this.ports.pause();
        if (epoch !== state.epoch) break;
      }
    } catch (error) {
      // The former state is closed once another has taken its place.
      if (epoch === state.epoch) throw error;
    } finally {
      await this.view?.close();
    }
    // The state was replaced: begin anew in it.
    for (const watcher of group) if (watcher.state === "behind") this.waiting.add(watcher);
  }

  /** Drops who is gone or full, cancels who was compacted away, takes in who can join. */
  private settleGroup(): void {
    const { state, group, waiting } = this;
    for (const watcher of waiting) {
      if (watcher.next <= this.covered || watcher.session.full) continue;
      waiting.delete(watcher);
      group.add(watcher);
      this.matcher.add(watcher);
    }
    for (const watcher of group) {
      if (watcher.state === "gone") this.leave(watcher);
      else if (watcher.next < state.compactRevision) {
        this.leave(watcher);
        watcher.session.cancelCompacted(watcher, state.compactRevision);
      } else if (watcher.session.full || watcher.next <= this.covered) {
        this.leave(watcher);
        waiting.add(watcher);
      }
    }
  }

  private leave(watcher: Watcher): void {
    this.group.delete(watcher);
    this.matcher.delete(watcher);
  }

  private goLive(): void {
    for (const watcher of this.group) {
      watcher.next = Math.max(watcher.next, this.covered + 1);
      this.ports.live(watcher);
    }
    this.group.clear();
  }

  private recentSlice(): Slice {
    const { recent } = this.state;
    const changes: Change[] = [];
    let bytes = 0;
    let upTo = this.state.currentRevision;
    for (let place = recent.seek(this.covered + 1, 0); place < recent.end; place++) {
      const main = recent.mainAt(place);
      const last = changes[changes.length - 1];
      if (last !== undefined && last.main !== main) {
        if (changes.length >= sliceRecords || bytes >= sliceBytes) {
          upTo = last.main;
          break;
        }
      }
      const record = recent.recordAt(place);
      bytes += record.length;
      changes.push({ main, tombstone: recent.isTombstoneAt(place), record });
    }
    return { changes, upTo };
  }

  private async backendSlice(): Promise<Slice> {
    const { state } = this;
    if (this.view === undefined) {
      this.viewEnd = state.recent.written;
      this.view = state.backend.scan(
        "key",
        revisionKey(this.covered + 1, 0, false),
        revisionKey(this.viewEnd + 1, 0, false),
      );
    }
    const { view, read } = this;
    let bytes = 0;
    for (const [, record] of read) bytes += record.length;
    let ended = false;
    for (;;) {
      const first = read[0]?.[0];
      const last = read[read.length - 1]?.[0];
      const enough = read.length >= sliceRecords || bytes >= sliceBytes;
      if (enough && first !== undefined && last !== undefined && mainOf(first) !== mainOf(last)) {
        break;
      }
      // As many as there is room for, if they are as large as those before: they may be of megabytes.
      const room = Math.floor((sliceBytes - bytes) / this.recordBytes);
      const records = await view.next(Math.max(1, Math.min(readRecords, room)));
      if (records.length === 0) {
        ended = true;
        break;
      }
      let readBytes = 0;
      for (const one of records) {
        read.push(one);
        readBytes += one[1].length;
      }
      bytes += readBytes;
      this.recordBytes = readBytes / records.length + 1;
    }
    if (ended) {
      this.view = undefined;
      await view.close();
      const changes = read.map(changeOf);
      this.read = [];
      return { changes, upTo: this.viewEnd };
    }
    // The last revision may go on in the next read.
    const lastMain = mainOf(read[read.length - 1]![0]);
    let end = read.length;
    while (mainOf(read[end - 1]![0]) === lastMain) end--;
    const upTo = mainOf(read[end - 1]![0]);
    const changes = read.slice(0, end).map(changeOf);
    this.read = read.slice(end);
    return { changes, upTo };
  }

  /** The pairs before the changes, for those in the group that want them; by place in the slice. */
  private async previousPairs(slice: Slice, epoch: number): Promise<Map<number, Uint8Array>> {
    const found = new Map<number, Uint8Array>();
    const { state } = this;
    const { table } = state.index;
    const wanted: Wanted[] = [];
    const places: number[] = [];
    let oldest = Number.POSITIVE_INFINITY;
    if (![...this.group].some((watcher) => watcher.wantsPrevious)) return found;
    slice.changes.forEach(({ main, tombstone, record }, place) => {
      const kv = decodeRecord(record);
      if (
        (!tombstone && kv.createRevision === kv.modRevision) ||
        main - 1 < state.compactRevision
      ) {
        return;
      }
      let concerns = false;
      this.matcher.each(keyString(kv.key), (watcher) => {
        concerns ||= watcher.wantsPrevious && main >= watcher.next && wantsKind(watcher, tombstone);
      });
      if (!concerns) return;
      const slot = state.index.find(kv.key);
      if (slot === none || !table.at(slot, main - 1)) return;
      const { main: previousMain, sub } = table;
      const warm = state.warm(slot, previousMain, sub);
      if (warm !== undefined) found.set(place, warm);
      else {
        wanted.push({ slot, main: previousMain, sub });
        places.push(place);
        oldest = Math.min(oldest, main - 1);
      }
    });
    if (wanted.length === 0) return found;
    state.pin(oldest);
    try {
      const records = await state.fetch(wanted);
      records.forEach((record, i) => {
        found.set(places[i]!, record);
      });
    } finally {
      if (epoch === state.epoch) state.unpin(oldest);
    }
    return found;
  }

  private give(slice: Slice, previous: ReadonlyMap<number, Uint8Array>): void {
    const { state, group } = this;
    const touched: Watcher[] = [];
    slice.changes.forEach(({ main, tombstone, record }, place) => {
      let plain: Event | undefined;
      let full: Event | undefined;
      const kv = decodeRecord(record);
      this.matcher.each(keyString(kv.key), (watcher) => {
        if (main < watcher.next || watcher.state !== "behind" || !wantsKind(watcher, tombstone)) {
          return;
        }
        const before = watcher.wantsPrevious ? previous.get(place) : undefined;
        let event: Event;
        if (before !== undefined) {
          full ??= changeEvent(decodeRecord(record), main, tombstone, decodeRecord(before));
          event = full;
        } else {
          plain ??= changeEvent(kv, main, tombstone, undefined);
          event = plain;
        }
        if (watcher.pending.length === 0) touched.push(watcher);
        watcher.pending.push(event);
        watcher.pendingBytes += eventBytes(record, before);
      });
    });
    this.covered = slice.upTo;
    // Who gets nothing now keeps its place: it is cancelled or set aside when the group is settled.
    const held = new Set<Watcher>();
    for (const watcher of touched) {
      if (watcher.next < state.compactRevision || watcher.session.full) {
        watcher.pending = [];
        watcher.pendingBytes = 0;
        held.add(watcher);
      } else watcher.session.pushEvents(watcher, state.currentRevision);
    }
    for (const watcher of group) {
      if (watcher.next < state.compactRevision || held.has(watcher)) continue;
      watcher.next = Math.max(watcher.next, slice.upTo + 1);
    }
  }
}

function changeOf([key, record]: StateRecord): Change {
  return { main: mainOf(key), tombstone: isTombstoneKey(key), record };
}
