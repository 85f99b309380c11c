// The newest records, in revision order: all that are not yet written to the backend, and as many
// older ones as fit the bound. Reads of what is not written come from here, and watchers that lag a
// little catch up from here without the disk.
import { assert } from "#base/assert.ts";

const entryOverheadBytes = 150;

export class RecentLog {
  private mains: number[] = [];
  private subs: number[] = [];
  private records: Uint8Array[] = [];
  private tombstones: boolean[] = [];
  private head = 0;
  private headBytes = 0;
  private tailBytes = 0;
  private writtenBytes = 0;
  /** Everything up to this revision is in the backend. */
  written = 0;
  private firstUnwritten = 0;
  private readonly maxBytes: number;
  /** Every record of a revision from here on is held. */
  completeFrom: number;

  constructor(maxBytes: number, currentRevision: number) {
    this.maxBytes = maxBytes;
    this.completeFrom = currentRevision + 1;
    this.written = currentRevision;
  }

  get unwrittenBytes(): number {
    return this.tailBytes - this.writtenBytes;
  }

  /** End of the places: the place that the next record will have. */
  get end(): number {
    return this.mains.length;
  }

  add(main: number, sub: number, record: Uint8Array, tombstone: boolean): void {
    this.mains.push(main);
    this.subs.push(sub);
    this.records.push(record);
    this.tombstones.push(tombstone);
    this.tailBytes += record.length + entryOverheadBytes;
  }

  /** Everything up to `revision` is in the backend now: what exceeds the bound may go. */
  markWritten(revision: number): void {
    assert(revision >= this.written, "a batch was written out of order");
    this.written = revision;
    while (
      this.firstUnwritten < this.mains.length &&
      this.mains[this.firstUnwritten]! <= revision
    ) {
      this.writtenBytes += this.records[this.firstUnwritten]!.length + entryOverheadBytes;
      this.firstUnwritten++;
    }
    while (this.head < this.firstUnwritten && this.tailBytes - this.headBytes > this.maxBytes) {
      const main = this.mains[this.head]!;
      while (this.head < this.firstUnwritten && this.mains[this.head] === main) {
        this.headBytes += this.records[this.head]!.length + entryOverheadBytes;
        this.records[this.head] = nothing;
        this.head++;
      }
      this.completeFrom = main + 1;
    }
    if (this.head > 1024 && this.head * 2 > this.mains.length) {
      const { head } = this;
      this.mains = this.mains.slice(head);
      this.subs = this.subs.slice(head);
      this.records = this.records.slice(head);
      this.tombstones = this.tombstones.slice(head);
      this.firstUnwritten -= head;
      this.head = 0;
    }
  }

  /** The first place whose record is not older than `main`, `sub`. Places go stale in markWritten. */
  seek(main: number, sub: number): number {
    let low = this.head;
    let high = this.mains.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const there = this.mains[middle]!;
      if (there < main || (there === main && this.subs[middle]! < sub)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  get(main: number, sub: number): Uint8Array | undefined {
    if (main < this.completeFrom) return undefined;
    const place = this.seek(main, sub);
    return this.mains[place] === main && this.subs[place] === sub ? this.records[place] : undefined;
  }

  mainAt(place: number): number {
    return this.mains[place]!;
  }

  subAt(place: number): number {
    return this.subs[place]!;
  }

  recordAt(place: number): Uint8Array {
    return this.records[place]!;
  }

  isTombstoneAt(place: number): boolean {
    return this.tombstones[place]!;
  }
}

const nothing = new Uint8Array(0);
