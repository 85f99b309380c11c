import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "#base/random.ts";
import { type ChunkedKeys, sortSlots } from "#server/mvcc/key-sort.ts";
import { KeyTable } from "#server/mvcc/key-table.ts";

const revision = { main: 2, sub: 0, create: 2, version: 1, tombstone: false, size: 10 };

/** The keys' numbers in sorted order, and how many pauses sorting made. */
function sorted(keys: readonly Buffer[]): { readonly order: Buffer[]; readonly pauses: number } {
  const table = new KeyTable();
  const slots = Int32Array.from(keys.map((key) => table.add(key, revision)));
  let pauses = 0;
  for (const _ of sortSlots(slots, table)) pauses++;
  return { order: [...slots].map((slot) => Buffer.from(table.key(slot))), pauses };
}

const random = seededRandom(77);
const below = (n: number): number => random.below(n);
const bytesOf = (length: number, values: number): Buffer =>
  Buffer.from(Array.from({ length }, () => below(values)));

const cases: readonly [name: string, count: number, key: (i: number) => Buffer][] = [
  ["none", 0, () => Buffer.alloc(0)],
  ["one", 1, () => Buffer.from("a")],
  ["two zeros of any length", 200, (i) => Buffer.alloc(i)],
  ["zeros and ones", 3000, () => bytesOf(below(14), 2)],
  ["all bytes", 5000, () => bytesOf(below(9), 256)],
  ["high bytes", 500, () => Buffer.from([255, below(256), 255, 128 + below(128), 254])],
  ["ascending", 3000, (i) => Buffer.from(`key/${String(i).padStart(8, "0")}`)],
  ["descending", 3000, (i) => Buffer.from(`key/${String(90_000 - i)}`)],
  ["long shared prefixes", 2000, (i) => Buffer.from(`${"p".repeat(below(300))}/${i}`)],
];

for (const [name, count, keyOf] of cases) {
  test(`slots are sorted as their keys are: ${name}`, () => {
    const keys = new Map<string, Buffer>();
    for (let i = 0; i < count; i++) {
      const key = keyOf(i);
      keys.set(key.toString("latin1"), key);
    }
    const all = [...keys.values()];
    assert.deepEqual(sorted(all).order, all.toSorted(Buffer.compare));
  });
}

/** Values in an order that makes the median of three the second least of every part. */
function foolingOrder(count: number): Uint32Array {
  const values = new Uint32Array(count);
  const at = Int32Array.from({ length: count }, (_, i) => i);
  const swap = (i: number, j: number): void => {
    const one = at[i]!;
    at[i] = at[j]!;
    at[j] = one;
  };
  let least = 1;
  let begin = 0;
  while (count - begin > 12) {
    const first = at[begin]!;
    const middle = at[begin + ((count - begin) >> 1)]!;
    values[first] = least++;
    values[middle] = least++;
    // The division that follows, step by step: all others are above the pivot.
    let low = begin;
    let high = count;
    for (let i = begin; i < high; ) {
      if (at[i] === first) swap(i++, low++);
      else if (at[i] === middle) i++;
      else swap(i, --high);
    }
    begin = high;
  }
  for (let i = begin; i < count; i++) values[at[i]!] = least++;
  return values;
}

test("an order that fools every median of three costs little more than others", () => {
  const count = 8000;
  const values = foolingOrder(count);
  const keys: ChunkedKeys = { chunk: (slot) => values[slot]!, keyLength: () => 4 };
  const slots = Int32Array.from({ length: count }, (_, i) => i);
  let pauses = 0;
  for (const _ of sortSlots(slots, keys)) pauses++;
  for (let i = 1; i < count; i++) assert.ok(values[slots[i - 1]!]! < values[slots[i]!]!);
  // A pause is 65,536 visits, eight of each element. Medians of three alone need 16 million.
  assert.ok(pauses < 20, `${pauses} pauses`);
});
