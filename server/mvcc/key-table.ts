// Keys and their revision histories, without a JavaScript object a key.
//
// A slot is a small integer that stands for one key. Its newest revision lies in one cache line of a
// growing buffer; older revisions, back to the last compaction, are a linked list in a second one.
// Key bytes lie in arenas of 1 MiB; compaction of the index evacuates arenas that are mostly dead.
//
// History entries carry a second, longer link (Myers' skew-binary jumps), so that the revision of a
// key at a given time is found in O(log n) steps however often the key was written.
import { Buffer } from "node:buffer";
import { assert } from "#base/assert.ts";
import type { LeaseId } from "#base/ids.ts";

/** No slot, no entry. */
export const none = 0;

const TOMBSTONE_BIT = 0x80000000;
const ARENA_BYTES = 1 << 20;
const ARENA_SHIFT = 4294967296;

// A slot: 64 bytes. Doubles first, then 32-bit words, then the lease.
const SLOT_DOUBLES = 8;
const MAIN = 0;
const CREATE = 1;
const VERSION = 2;
const KEY_ADDRESS = 3;
const CACHE_POSITION = 4;
const LEASE = 5;
const SLOT_WORDS = 16;
const SUB = 12;
const KEY_LENGTH = 13;
const HISTORY = 14;
const SIZE = 15;

// A history entry: 48 bytes, of which 4 are spare.
const ENTRY_DOUBLES = 6;
const ENTRY_WORDS = 12;
const ENTRY_SUB = 6;
const ENTRY_NEXT = 7;
const ENTRY_JUMP = 8;
const ENTRY_DEPTH = 9;
const ENTRY_SIZE = 10;

interface Arena {
  bytes: Buffer;
  used: number;
  live: number;
}

class Words {
  doubles: Float64Array;
  words: Uint32Array;
  leases: BigInt64Array;
  private readonly doublesEach: number;
  /** Index 0 is never handed out: it means none. */
  private next = 1;
  private freeHead = 0;
  private readonly freeWord: number;
  count = 0;

  constructor(doublesEach: number, freeWord: number) {
    this.doublesEach = doublesEach;
    this.freeWord = freeWord;
    this.doubles = new Float64Array(0);
    this.words = new Uint32Array(0);
    this.leases = new BigInt64Array(0);
    this.grow(256);
  }

  take(): number {
    this.count++;
    if (this.freeHead !== 0) {
      const index = this.freeHead;
      this.freeHead = this.words[index * this.doublesEach * 2 + this.freeWord]!;
      return index;
    }
    if ((this.next + 1) * this.doublesEach > this.doubles.length) {
      this.grow(Math.ceil(this.next * 1.5));
    }
    return this.next++;
  }

  free(index: number): void {
    this.count--;
    this.words[index * this.doublesEach * 2 + this.freeWord] = this.freeHead;
    this.freeHead = index;
  }

  private grow(capacity: number): void {
    const grown = new Float64Array((capacity + 1) * this.doublesEach);
    grown.set(this.doubles);
    this.doubles = grown;
    this.words = new Uint32Array(grown.buffer);
    this.leases = new BigInt64Array(grown.buffer);
  }

  get byteSize(): number {
    return this.doubles.byteLength;
  }
}

export class KeyTable {
  private readonly slots = new Words(SLOT_DOUBLES, HISTORY);
  private readonly entries = new Words(ENTRY_DOUBLES, ENTRY_NEXT);
  private readonly arenas: (Arena | undefined)[] = [];
  private open = -1;

  /** Leading bytes that the last compareKey found equal. */
  shared = 0;

  // What the last successful `at` found.
  main = 0;
  sub = 0;
  create = 0;
  version = 0;

  /** Number of keys, dead ones with history included. */
  get keyCount(): number {
    return this.slots.count;
  }

  /** Number of superseded revisions held. */
  get historyCount(): number {
    return this.entries.count;
  }

  /** Bytes held by slots, histories and key arenas. */
  get byteSize(): number {
    let arenas = 0;
    for (const arena of this.arenas) arenas += arena?.bytes.length ?? 0;
    return this.slots.byteSize + this.entries.byteSize + arenas;
  }

  /** Makes a slot for `key`, whose bytes are copied, with its first known revision. */
  add(key: Uint8Array, revision: Revision): number {
    const slot = this.slots.take();
    const { doubles, words, leases } = this.slots;
    const d = slot * SLOT_DOUBLES;
    const w = slot * SLOT_WORDS;
    doubles[d + KEY_ADDRESS] = this.storeKey(key);
    words[w + KEY_LENGTH] = key.length;
    words[w + HISTORY] = none;
    leases[d + LEASE] = 0n;
    this.setHead(d, w, revision);
    return slot;
  }

  /** Makes `revision`, newer than all others of the key, its current one. */
  push(slot: number, revision: Revision): void {
    const entry = this.entries.take();
    const { doubles, words } = this.slots;
    const d = slot * SLOT_DOUBLES;
    const w = slot * SLOT_WORDS;
    const older = words[w + HISTORY]!;
    const ed = entry * ENTRY_DOUBLES;
    const ew = entry * ENTRY_WORDS;
    this.entries.doubles[ed] = doubles[d + MAIN]!;
    this.entries.doubles[ed + 1] = doubles[d + CREATE]!;
    this.entries.doubles[ed + 2] = doubles[d + VERSION]!;
    this.entries.words[ew + ENTRY_SUB] = words[w + SUB]!;
    this.entries.words[ew + ENTRY_SIZE] = words[w + SIZE]!;
    this.link(entry, older);
    words[w + HISTORY] = entry;
    this.setHead(d, w, revision);
  }

  private setHead(d: number, w: number, revision: Revision): void {
    const { doubles, words } = this.slots;
    doubles[d + MAIN] = revision.main;
    doubles[d + CREATE] = revision.create;
    doubles[d + VERSION] = revision.version;
    words[w + SUB] = revision.tombstone ? revision.sub | TOMBSTONE_BIT : revision.sub;
    words[w + SIZE] = revision.size;
    doubles[d + CACHE_POSITION] = -1;
  }

  private link(entry: number, older: number): void {
    const { words } = this.entries;
    const w = entry * ENTRY_WORDS;
    words[w + ENTRY_NEXT] = older;
    if (older === none) {
      words[w + ENTRY_JUMP] = none;
      words[w + ENTRY_DEPTH] = 1;
      return;
    }
    const o = older * ENTRY_WORDS;
    const jump = words[o + ENTRY_JUMP]!;
    const depth = words[o + ENTRY_DEPTH]!;
    words[w + ENTRY_DEPTH] = depth + 1;
    const jumpDepth = jump === none ? 0 : words[jump * ENTRY_WORDS + ENTRY_DEPTH]!;
    const far = jump === none ? none : words[jump * ENTRY_WORDS + ENTRY_JUMP]!;
    const farDepth = far === none ? 0 : words[far * ENTRY_WORDS + ENTRY_DEPTH]!;
    words[w + ENTRY_JUMP] =
      jump !== none && depth - jumpDepth === jumpDepth - farDepth ? far : older;
  }

  /** True if the key exists now. */
  alive(slot: number): boolean {
    return this.slots.words[slot * SLOT_WORDS + SUB]! < TOMBSTONE_BIT;
  }

  headMain(slot: number): number {
    return this.slots.doubles[slot * SLOT_DOUBLES + MAIN]!;
  }

  headSub(slot: number): number {
    return this.slots.words[slot * SLOT_WORDS + SUB]! & ~TOMBSTONE_BIT;
  }

  headCreate(slot: number): number {
    return this.slots.doubles[slot * SLOT_DOUBLES + CREATE]!;
  }

  headVersion(slot: number): number {
    return this.slots.doubles[slot * SLOT_DOUBLES + VERSION]!;
  }

  /**
   * True if the key exists at `revision`, which must not be older than the last compaction; the
   * fields main, sub, create and version then tell its newest change up to there.
   */
  at(slot: number, revision: number): boolean {
    const { doubles, words } = this.slots;
    const d = slot * SLOT_DOUBLES;
    const w = slot * SLOT_WORDS;
    if (doubles[d + MAIN]! <= revision) {
      const sub = words[w + SUB]!;
      if (sub >= TOMBSTONE_BIT) return false;
      this.main = doubles[d + MAIN]!;
      this.sub = sub;
      this.create = doubles[d + CREATE]!;
      this.version = doubles[d + VERSION]!;
      return true;
    }
    const entries = this.entries;
    let entry = words[w + HISTORY]!;
    while (entry !== none) {
      if (entries.doubles[entry * ENTRY_DOUBLES]! <= revision) break;
      const ew = entry * ENTRY_WORDS;
      const jump = entries.words[ew + ENTRY_JUMP]!;
      entry =
        jump !== none && entries.doubles[jump * ENTRY_DOUBLES]! > revision
          ? jump
          : entries.words[ew + ENTRY_NEXT]!;
    }
    if (entry === none) return false;
    const sub = entries.words[entry * ENTRY_WORDS + ENTRY_SUB]!;
    if (sub >= TOMBSTONE_BIT) return false;
    const ed = entry * ENTRY_DOUBLES;
    this.main = entries.doubles[ed]!;
    this.sub = sub;
    this.create = entries.doubles[ed + 1]!;
    this.version = entries.doubles[ed + 2]!;
    return true;
  }

  /** The lease of the key's current put; 0n is none. */
  lease(slot: number): LeaseId {
    const word = slot * SLOT_WORDS + LEASE * 2;
    const { words } = this.slots;
    if (words[word] === 0 && words[word + 1] === 0) return 0n as LeaseId;
    return this.slots.leases[slot * SLOT_DOUBLES + LEASE]! as LeaseId;
  }

  setLease(slot: number, lease: LeaseId): void {
    this.slots.leases[slot * SLOT_DOUBLES + LEASE] = lease;
  }

  /** Where the cache holds the current record, -1 if nowhere. */
  cachePosition(slot: number): number {
    return this.slots.doubles[slot * SLOT_DOUBLES + CACHE_POSITION]!;
  }

  /** Bytes of the current record. */
  size(slot: number): number {
    return this.slots.words[slot * SLOT_WORDS + SIZE]!;
  }

  setCached(slot: number, position: number): void {
    this.slots.doubles[slot * SLOT_DOUBLES + CACHE_POSITION] = position;
  }

  /** The key's bytes; valid until the slot is removed, not to be written to. */
  key(slot: number): Buffer {
    const address = this.slots.doubles[slot * SLOT_DOUBLES + KEY_ADDRESS]!;
    const offset = address % ARENA_SHIFT;
    const { bytes } = this.arenas[(address - offset) / ARENA_SHIFT]!;
    return bytes.subarray(offset, offset + this.slots.words[slot * SLOT_WORDS + KEY_LENGTH]!);
  }

  /**
   * Orders the slot's key against `key`, bytewise; the first `from` bytes are known to be equal.
   * `shared` then tells how many are.
   */
  compareKey(slot: number, key: Uint8Array, from = 0): number {
    const address = this.slots.doubles[slot * SLOT_DOUBLES + KEY_ADDRESS]!;
    const arena = Math.floor(address / ARENA_SHIFT);
    const offset = address - arena * ARENA_SHIFT;
    const { bytes } = this.arenas[arena]!;
    const length = this.slots.words[slot * SLOT_WORDS + KEY_LENGTH]!;
    const end = Math.min(length, key.length);
    let i = from;
    while (i < end && bytes[offset + i] === key[i]) i++;
    this.shared = i;
    return i < end ? bytes[offset + i]! - key[i]! : length - key.length;
  }

  /** Bytes [depth, depth + 4) of the slot's key as a big-endian number, zeros behind its end. */
  chunk(slot: number, depth: number): number {
    const address = this.slots.doubles[slot * SLOT_DOUBLES + KEY_ADDRESS]!;
    const arena = Math.floor(address / ARENA_SHIFT);
    const at = address - arena * ARENA_SHIFT + depth;
    const { bytes } = this.arenas[arena]!;
    const left = this.slots.words[slot * SLOT_WORDS + KEY_LENGTH]! - depth;
    if (left >= 4) {
      const low = (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
      return bytes[at]! * 16777216 + low;
    }
    let chunk = 0;
    for (let i = 0; i < left; i++) chunk += bytes[at + i]! * 2 ** (24 - 8 * i);
    return chunk;
  }

  keyLength(slot: number): number {
    return this.slots.words[slot * SLOT_WORDS + KEY_LENGTH]!;
  }

  private storeKey(key: Uint8Array): number {
    let arena = this.open >= 0 ? this.arenas[this.open] : undefined;
    if (arena === undefined || arena.used + key.length > arena.bytes.length) {
      arena = {
        bytes: Buffer.allocUnsafeSlow(Math.max(ARENA_BYTES, key.length)),
        used: 0,
        live: 0,
      };
      const reusable = this.arenas.indexOf(undefined);
      this.open = reusable >= 0 ? reusable : this.arenas.length;
      this.arenas[this.open] = arena;
    }
    const offset = arena.used;
    arena.bytes.set(key, offset);
    arena.used += key.length;
    arena.live += key.length;
    return this.open * ARENA_SHIFT + offset;
  }

  private dropKey(slot: number): void {
    const address = this.slots.doubles[slot * SLOT_DOUBLES + KEY_ADDRESS]!;
    const index = Math.floor(address / ARENA_SHIFT);
    const arena = this.arenas[index]!;
    arena.live -= this.slots.words[slot * SLOT_WORDS + KEY_LENGTH]!;
    if (arena.live === 0 && index !== this.open) this.arenas[index] = undefined;
  }

  /** Moves the key out of an arena that is mostly dead, so that the arena can go. */
  evacuate(slot: number): void {
    const address = this.slots.doubles[slot * SLOT_DOUBLES + KEY_ADDRESS]!;
    const index = Math.floor(address / ARENA_SHIFT);
    const arena = this.arenas[index]!;
    if (index === this.open || arena.live * 2 > arena.used) return;
    const moved = this.storeKey(this.key(slot));
    this.dropKey(slot);
    this.slots.doubles[slot * SLOT_DOUBLES + KEY_ADDRESS] = moved;
  }

  /**
   * Forgets what a compaction at `revision` drops: every change up to it but the newest, and that
   * one too if it is a deletion older than `revision` itself. Calls `dropped` with each. True if
   * nothing is left of the key: the caller takes it out of its tree and calls remove.
   */
  compact(slot: number, revision: number, dropped: DroppedChange): boolean {
    const { doubles, words } = this.slots;
    const d = slot * SLOT_DOUBLES;
    const w = slot * SLOT_WORDS;
    const entries = this.entries;
    const head = doubles[d + MAIN]!;
    let entry = words[w + HISTORY]!;
    if (head > revision) {
      if (entry === none) return false;
      const kept: number[] = [];
      while (entry !== none && entries.doubles[entry * ENTRY_DOUBLES]! > revision) {
        kept.push(entry);
        entry = entries.words[entry * ENTRY_WORDS + ENTRY_NEXT]!;
      }
      if (entry === none) return false;
      const tombstone = entries.words[entry * ENTRY_WORDS + ENTRY_SUB]! >= TOMBSTONE_BIT;
      if (!tombstone || entries.doubles[entry * ENTRY_DOUBLES] === revision) {
        kept.push(entry);
        entry = entries.words[entry * ENTRY_WORDS + ENTRY_NEXT]!;
      }
      if (entry === none) return false;
      this.dropEntries(entry, dropped);
      let older: number = none;
      for (let i = kept.length - 1; i >= 0; i--) {
        this.link(kept[i]!, older);
        older = kept[i]!;
      }
      words[w + HISTORY] = older;
      return false;
    }
    this.dropEntries(entry, dropped);
    words[w + HISTORY] = none;
    const sub = words[w + SUB]!;
    if (sub < TOMBSTONE_BIT || head === revision) return false;
    dropped(head, sub & ~TOMBSTONE_BIT, true, words[w + SIZE]!);
    return true;
  }

  private dropEntries(from: number, dropped: DroppedChange): void {
    const { entries } = this;
    let entry = from;
    while (entry !== none) {
      const sub = entries.words[entry * ENTRY_WORDS + ENTRY_SUB]!;
      dropped(
        entries.doubles[entry * ENTRY_DOUBLES]!,
        (sub & ~TOMBSTONE_BIT) >>> 0,
        sub >= TOMBSTONE_BIT,
        entries.words[entry * ENTRY_WORDS + ENTRY_SIZE]!,
      );
      const next = entries.words[entry * ENTRY_WORDS + ENTRY_NEXT]!;
      entries.free(entry);
      entry = next;
    }
  }

  /** Frees the slot of a key of which compact left nothing. */
  remove(slot: number): void {
    assert(this.slots.words[slot * SLOT_WORDS + HISTORY] === none, "a key with history is removed");
    this.dropKey(slot);
    this.slots.free(slot);
  }
}

/** One change of a key. A deletion has version 0 and no creation. */
export interface Revision {
  readonly main: number;
  readonly sub: number;
  readonly create: number;
  readonly version: number;
  readonly tombstone: boolean;
  /** Bytes of its record. */
  readonly size: number;
}

/** Told of each change that a compaction drops; `size` is that of its record. */
export type DroppedChange = (main: number, sub: number, tombstone: boolean, size: number) => void;
