// What a watch is promised, checked against all history: every event in its range once, in order,
// those of one revision together, nothing skipped by a reconnect, and no progress notification ahead
// of an event. A watcher writes down what it saw on a tape; the judge reads it beside the archive.
//
// Pure: no clock, no sockets.
import { assert } from "#base/assert.ts";
import { type Event, Event_EventType as EventType, type KeyValue } from "#proto/gen/mvcc.ts";
import type { Revisions } from "./agreement.ts";

/** Keys of [from, to), as latin1 text; no `to` is no end. */
export interface WatchedRange {
  readonly from: string;
  readonly to: string | undefined;
}

const op = {
  /** revision, digest */
  event: 1,
  /** revision of the header: a response, or all its fragments, ends */
  response: 2,
  /** revision: all up to it was sent */
  progress: 3,
  /** revision from which the watch goes on, on another stream */
  resume: 4,
  /** revision from which the watch begins anew */
  restart: 5,
  /** the compacted revision: the server cancelled, the watch goes on from there */
  compacted: 6,
} as const;

/** What one watcher saw, in order; numbers only, since there are millions of them. */
export class WatchTape {
  readonly numbers: number[] = [];

  restart(revision: number): void {
    this.numbers.push(op.restart, revision);
  }

  resume(revision: number): void {
    this.numbers.push(op.resume, revision);
  }

  compacted(revision: number): void {
    this.numbers.push(op.compacted, revision);
  }

  progress(revision: number): void {
    this.numbers.push(op.progress, revision);
  }

  /** One response with events, whole. */
  response(events: readonly Event[], headerRevision: number): void {
    for (const event of events) {
      this.numbers.push(op.event, event.kv!.modRevision, digest(event, event.prevKv));
    }
    this.numbers.push(op.response, headerRevision);
  }
}

const fnvOffset = 0x811c9dc5;
const fnvPrime = 0x01000193;

function mix(hash: number, bytes: Uint8Array): number {
  let h = hash;
  for (const byte of bytes) h = Math.imul(h ^ byte, fnvPrime);
  return Math.imul(h ^ 0x1ff, fnvPrime);
}

function mixNumber(hash: number, value: number): number {
  const h = Math.imul(hash ^ (value >>> 0), fnvPrime);
  return Math.imul(h ^ Math.floor(value / 2 ** 32), fnvPrime);
}

function mixPair(hash: number, kv: KeyValue): number {
  let h = mix(mix(hash, kv.key), kv.value);
  for (const number of [kv.createRevision, kv.modRevision, kv.version]) h = mixNumber(h, number);
  return mixNumber(h, Number(BigInt.asUintN(48, kv.lease)));
}

/** A number that stands for an event with everything in it. */
function digest(event: Event, previous: KeyValue | undefined): number {
  const h = mixPair(mixNumber(fnvOffset, event.type === EventType.DELETE ? 1 : 0), event.kv!);
  return (previous === undefined ? h : mixPair(h, previous)) | 0;
}

/** Everything a range saw, with the digests that a watcher may have written down. */
export interface Expectation {
  readonly revisions: readonly number[];
  /** Without the pair before. */
  readonly plain: readonly number[];
  /** With it; the same as `plain` if there was none. */
  readonly full: readonly number[];
  /** The revision of the pair before, 0 if there was none. */
  readonly previous: readonly number[];
}

/** The events of all history that concern a range. */
export function expectationOf(history: Revisions, { from, to }: WatchedRange): Expectation {
  const revisions: number[] = [];
  const plain: number[] = [];
  const full: number[] = [];
  const previous: number[] = [];
  const last = new Map<string, KeyValue>();
  for (const events of history) {
    for (const event of events) {
      const kv = event.kv!;
      const key = Buffer.from(kv.key).toString("latin1");
      if (key < from || (to !== undefined && key >= to)) continue;
      const before = last.get(key);
      revisions.push(kv.modRevision);
      plain.push(digest(event, undefined));
      full.push(digest(event, before));
      previous.push(before?.modRevision ?? 0);
      if (event.type === EventType.DELETE) last.delete(key);
      else last.set(key, kv);
    }
  }
  return { revisions, plain, full, previous };
}

export interface JudgeOptions {
  readonly expectation: Expectation;
  readonly wantsPrevious: boolean;
  /** The last revision of the archive; what came later is not judged. */
  readonly newest: number;
  /** The highest revision compacted so far: a pair before it may be missing. */
  readonly compactRevision: number;
}

/** What is wrong with what a watcher saw, as a sentence; undefined if nothing is. */
export function judgeWatch(tape: WatchTape, options: JudgeOptions): string | undefined {
  const { expectation, newest } = options;
  const { revisions } = expectation;
  let next = 0;
  /** The watch has been promised everything from here on. */
  let position = 0;
  const seek = (revision: number): number => {
    let low = 0;
    let high = revisions.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (revisions[middle]! < revision) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const { numbers } = tape;
  let lastEvent = 0;
  for (let i = 0; i < numbers.length; ) {
    const what = numbers[i]!;
    const revision = numbers[i + 1]!;
    const due = revisions[next];
    i += what === op.event ? 3 : 2;
    switch (what) {
      case op.restart:
        next = seek(revision);
        position = revision;
        break;
      case op.resume:
        if (seek(revision) !== next) {
          return `it went on from ${revision}, while revision ${due} was due`;
        }
        position = revision;
        break;
      case op.compacted:
        if (revision <= position) {
          return `it was cancelled for compaction at ${revision}, having asked from ${position}`;
        }
        next = seek(revision);
        position = revision;
        break;
      case op.progress:
        if (due !== undefined && due <= revision) {
          return `progress ${revision} came before the event of revision ${due}`;
        }
        position = Math.max(position, revision + 1);
        break;
      case op.event: {
        lastEvent = revision;
        if (revision > newest) break;
        if (due === undefined) return `an event of revision ${revision} that history has not`;
        if (revision < due) {
          return `an event of revision ${revision} came again or late: ${due} was due`;
        }
        if (revision > due) return `no event of revision ${due} came before revision ${revision}`;
        const seen = numbers[i - 1]!;
        const wanted = options.wantsPrevious ? expectation.full[next] : expectation.plain[next];
        const mayLack =
          options.wantsPrevious && expectation.previous[next]! <= options.compactRevision;
        if (seen !== wanted && !(mayLack && seen === expectation.plain[next])) {
          return `the event of revision ${revision} is another than history's`;
        }
        next++;
        position = revision + 1;
        break;
      }
      case op.response:
        if (revision < lastEvent) {
          return `a response of revision ${revision} holds an event of revision ${lastEvent}`;
        }
        if (lastEvent <= newest && due === lastEvent) {
          return `the events of revision ${lastEvent} came in two responses`;
        }
        break;
      default:
        assert(false, `no operation ${what} on a tape`);
    }
  }
  return undefined;
}
