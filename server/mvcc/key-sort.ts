// Sorts slots by their keys, bytewise, when a store is loaded: a caching multikey quicksort (Bentley
// and Sedgewick 1997, with the cache of Ng and Kakehi 2008). Four bytes of each key lie beside its
// slot while a part is sorted, so that a key's own memory is visited once for every four bytes that it
// shares with others, and not once a comparison; prefixes that all keys share cost each key one look
// for every four bytes of them.
//
// Whoever writes keys chooses their order, so a part that its pivot divides badly is divided at the
// middle of its range next, which can be done 32 times at most.
//
// Pure; works in slices, so that whoever loads a store beside other work can pause between them.
import { assert } from "#base/assert.ts";

/** What sorting needs of the keys' owner. */
export interface ChunkedKeys {
  /** Bytes [depth, depth + 4) of the slot's key as a big-endian number, zeros behind its end. */
  chunk(slot: number, depth: number): number;
  keyLength(slot: number): number;
}

/** Elements visited between two yields: some milliseconds. */
const sliceVisits = 65_536;

/** Below this many elements each goes to its place by insertion. */
const smallPart = 12;

/**
 * Orders `slots`, whose keys are different from each other, in place. Yields after some milliseconds
 * of work each.
 */
export function* sortSlots(slots: Int32Array, keys: ChunkedKeys): Generator<void> {
  const chunks = new Uint32Array(slots.length);
  // Parts to be done: begin, end and depth of each, whose chunks are those at that depth, and whether
  // the last division of it was a bad one.
  const parts: number[] = [];
  let visits = 0;
  const open = (begin: number, end: number, depth: number): void => {
    for (let i = begin; i < end; i++) chunks[i] = keys.chunk(slots[i]!, depth);
    visits += end - begin;
    parts.push(begin, end, depth, 0);
  };
  const swap = (i: number, j: number): void => {
    const slot = slots[i]!;
    slots[i] = slots[j]!;
    slots[j] = slot;
    const chunk = chunks[i]!;
    chunks[i] = chunks[j]!;
    chunks[j] = chunk;
  };
  /** Keys of [begin, end) share all bytes before depth + 4 that they have. */
  const openEqual = (begin: number, end: number, depth: number): void => {
    if (end - begin < 2) return;
    // Those that end here come first, the shorter before the longer: the rest of them are zeros.
    let rest = begin;
    for (let i = begin; i < end; i++) {
      if (keys.keyLength(slots[i]!) <= depth + 4) swap(i, rest++);
    }
    assert(rest - begin <= 5, "two slots have the same key");
    for (let i = begin + 1; i < rest; i++) {
      for (let j = i; j > begin; j--) {
        if (keys.keyLength(slots[j - 1]!) <= keys.keyLength(slots[j]!)) break;
        swap(j - 1, j);
      }
    }
    if (end - rest > 1) open(rest, end, depth + 4);
  };

  if (slots.length > 1) open(0, slots.length, 0);
  while (parts.length > 0) {
    const isSkewed = parts.pop()! === 1;
    const depth = parts.pop()!;
    const end = parts.pop()!;
    const begin = parts.pop()!;
    visits += end - begin;
    if (end - begin <= smallPart) {
      for (let i = begin + 1; i < end; i++) {
        for (let j = i; j > begin && chunks[j - 1]! > chunks[j]!; j--) swap(j - 1, j);
      }
      for (let from = begin; from < end; ) {
        let to = from + 1;
        while (to < end && chunks[to] === chunks[from]) to++;
        openEqual(from, to, depth);
        from = to;
      }
    } else {
      const pivot = isSkewed
        ? middleOfRange(chunks, begin, end)
        : middleOf(chunks[begin]!, chunks[begin + ((end - begin) >> 1)]!, chunks[end - 1]!);
      let low = begin;
      let high = end;
      for (let i = begin; i < high; ) {
        const chunk = chunks[i]!;
        if (chunk < pivot) swap(i++, low++);
        else if (chunk > pivot) swap(i, --high);
        else i++;
      }
      const bad = (end - begin) * 0.9;
      if (low - begin > 1) parts.push(begin, low, depth, low - begin > bad ? 1 : 0);
      if (end - high > 1) parts.push(high, end, depth, end - high > bad ? 1 : 0);
      openEqual(low, high, depth);
    }
    if (visits >= sliceVisits) {
      visits = 0;
      yield;
    }
  }
}

function middleOf(a: number, b: number, c: number): number {
  return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
}

function middleOfRange(chunks: Uint32Array, begin: number, end: number): number {
  let least = chunks[begin]!;
  let most = least;
  for (let i = begin + 1; i < end; i++) {
    least = Math.min(least, chunks[i]!);
    most = Math.max(most, chunks[i]!);
  }
  return least + Math.floor((most - least) / 2);
}
