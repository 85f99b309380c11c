// Answers to ranges that a proxy remembers for serializable reads, which may be old. What is remembered
// is forgotten when a write through this proxy, or an event of a watch that it holds, touches it, and
// in any case after `maxAgeMs`: writes that come by another way are seen by then.
//
// Invariant: an answer whose read ran while one of its keys was written is not remembered.

/** Keys as text of one character a byte; `to` is exclusive, undefined for the end of all keys. */
export interface KeyInterval {
  readonly from: string;
  readonly to: string | undefined;
}

/** The interval of a request's key and range_end. */
export function intervalOf(key: Uint8Array, rangeEnd: Uint8Array): KeyInterval {
  const from = Buffer.from(key.buffer, key.byteOffset, key.length).toString("latin1");
  if (rangeEnd.length === 0) return { from, to: `${from}\0` };
  if (rangeEnd.length === 1 && rangeEnd[0] === 0) return { from, to: undefined };
  const end = Buffer.from(rangeEnd.buffer, rangeEnd.byteOffset, rangeEnd.length);
  return { from, to: end.toString("latin1") };
}

export interface Remembered {
  readonly answer: Uint8Array;
  /** Of the answer's header. */
  readonly revision: number;
}

interface Entry extends Remembered, KeyInterval {
  readonly name: string;
  /** That the client asked for; 0 for the newest. */
  readonly atRevision: number;
  readonly sinceMs: number;
}

/** A read under way. */
export interface Reading extends KeyInterval {
  readonly name: string;
  readonly atRevision: number;
  isStale: boolean;
}

export interface CacheLimits {
  readonly entries: number;
  readonly bytes: number;
  readonly entryBytes: number;
  readonly maxAgeMs: number;
}

export const defaultCacheLimits: CacheLimits = {
  entries: 2048,
  bytes: 64 * 1024 * 1024,
  entryBytes: 1024 * 1024,
  maxAgeMs: 1000,
};

const overlaps = (a: KeyInterval, b: KeyInterval): boolean =>
  (a.to === undefined || b.from < a.to) && (b.to === undefined || a.from < b.to);

export class RangeCache {
  hits = 0;
  misses = 0;
  private readonly limits: CacheLimits;
  /** The one used longest ago first. */
  private readonly entries = new Map<string, Entry>();
  private readonly readings = new Set<Reading>();
  private bytes = 0;

  constructor(limits: CacheLimits = defaultCacheLimits) {
    this.limits = limits;
  }

  get size(): number {
    return this.entries.size;
  }

  /** What is remembered of the request `name`, unless it is older than `leastRevision`. */
  get(name: string, nowMs: number, leastRevision = 0): Remembered | undefined {
    const entry = this.entries.get(name);
    const isGood =
      entry !== undefined &&
      nowMs - entry.sinceMs <= this.limits.maxAgeMs &&
      entry.revision >= leastRevision;
    if (!isGood) {
      this.misses++;
      if (entry !== undefined) this.remove(entry);
      return undefined;
    }
    this.hits++;
    this.entries.delete(name);
    this.entries.set(name, entry);
    return entry;
  }

  /** A read begins; `finished` must follow. */
  begin(name: string, interval: KeyInterval, atRevision: number): Reading {
    const reading = { name, ...interval, atRevision, isStale: false };
    this.readings.add(reading);
    return reading;
  }

  /** It has ended, with an answer that may be remembered or without. */
  finished(reading: Reading, found: Remembered | undefined, nowMs: number): void {
    this.readings.delete(reading);
    if (found === undefined || reading.isStale) return;
    const { name, from, to, atRevision } = reading;
    if (found.answer.length > this.limits.entryBytes) return;
    const old = this.entries.get(name);
    if (old !== undefined) this.remove(old);
    this.entries.set(name, { ...found, name, from, to, atRevision, sinceMs: nowMs });
    this.bytes += found.answer.length;
    for (const oldest of this.entries.values()) {
      const { entries, bytes } = this.limits;
      if (this.entries.size <= entries && this.bytes <= bytes) break;
      this.remove(oldest);
    }
  }

  /** Something was, or is being, written there. Old revisions stay what they were. */
  invalidate(interval: KeyInterval): void {
    for (const reading of this.readings) {
      if (reading.atRevision === 0 && overlaps(reading, interval)) reading.isStale = true;
    }
    for (const entry of this.entries.values()) {
      if (entry.atRevision === 0 && overlaps(entry, interval)) this.remove(entry);
    }
  }

  /** Revisions below this one can no longer be read. */
  compact(revision: number): void {
    for (const entry of this.entries.values()) {
      if (entry.atRevision !== 0 && entry.atRevision < revision) this.remove(entry);
    }
    for (const reading of this.readings) {
      if (reading.atRevision !== 0 && reading.atRevision < revision) reading.isStale = true;
    }
  }

  private remove(entry: Entry): void {
    this.entries.delete(entry.name);
    this.bytes -= entry.answer.length;
  }
}
