import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "#base/random.ts";
import { hashKey } from "#server/mvcc/key-hash.ts";
import { KeyIndex, upperBound } from "#server/mvcc/key-index.ts";
import { none } from "#server/mvcc/key-table.ts";

const bytes = (text: string): Buffer => Buffer.from(text, "latin1");
const revision = (main: number, tombstone = false) => ({
  main,
  sub: 0,
  create: tombstone ? 0 : main,
  version: tombstone ? 0 : 1,
  tombstone,
  size: 10,
});

/** Keys of an interval in the order of the index. */
function walk(index: KeyIndex, from: string, to: string | undefined): string[] {
  const out: string[] = [];
  const end = to === undefined ? undefined : bytes(to);
  const position = index.seek(bytes(from));
  for (let slot = index.next(position, end); slot !== none; slot = index.next(position, end)) {
    out.push(index.key(slot).toString("latin1"));
  }
  return out;
}

const orders: readonly [name: string, key: (i: number, below: (n: number) => number) => string][] =
  [
    ["ascending", (i) => `key/${String(i).padStart(8, "0")}`],
    ["descending", (i) => `key/${String(99_999_999 - i)}`],
    ["random", (_, below) => `k${below(1_000_000_000)}`],
    ["long with shared prefixes", (i, below) => `${"p".repeat(below(300))}/${i}`],
  ];

/** Which of 11,000 changes are made while the index is being loaded, before its tree is there. */
const loads: readonly [name: string, changes: number][] = [
  ["inserted one by one", 0],
  ["half of them loaded", 5000],
  ["loaded with their deletions", Number.POSITIVE_INFINITY],
];

const cases = orders.flatMap(([order, keyOf]) =>
  loads.map(([load, changes]) => ({ name: `${order}, ${load}`, keyOf, changes })),
);

for (const { name, keyOf, changes } of cases) {
  test(`thousands of keys, ${name}: order, counts and removal agree with a sorted list`, () => {
    const seed = 20_260 + name.length;
    const random = seededRandom(seed);
    const index = new KeyIndex();
    if (changes > 0) index.beginLoading();
    const alive = new Map<string, boolean>();
    let main = 1;
    const change = (key: string, tombstone: boolean): void => {
      main++;
      if (main > changes) for (const _ of index.finishLoading());
      index.change(index.find(bytes(key)), bytes(key), revision(main, tombstone));
      alive.set(key, !tombstone);
    };
    for (let i = 0; i < 6000; i++) {
      const key = keyOf(i, (n) => random.below(n));
      if (!alive.has(key)) change(key, false);
    }
    const all = [...alive.keys()];
    for (let i = 0; i < 5000; i++) {
      const key = all[random.below(all.length)]!;
      if (alive.get(key)) change(key, true);
      else if (random.chance(0.3)) change(key, false);
    }
    for (const _ of index.finishLoading());
    const check = (): void => {
      const sorted = [...alive.keys()].sort();
      assert.deepEqual(walk(index, "", undefined), sorted, `seed ${seed}`);
      for (let i = 0; i < 60; i++) {
        const from = sorted[random.below(sorted.length)]!;
        const to = random.chance(0.2) ? undefined : sorted[random.below(sorted.length)]!;
        const inside = sorted.filter((key) => key >= from && (to === undefined || key < to));
        const count = inside.filter((key) => alive.get(key)).length;
        assert.equal(index.countLive(bytes(from), to === undefined ? undefined : bytes(to)), count);
        if (i % 20 === 0) assert.deepEqual(walk(index, from, to), inside);
      }
    };
    check();
    // Compaction takes every dead key out, whatever leaves become empty by it.
    for (const key of alive.keys()) {
      const slot = index.find(bytes(key));
      index.table.evacuate(slot);
      if (index.table.compact(slot, main + 1, () => {})) {
        index.remove(slot);
        alive.delete(key);
      }
    }
    assert.equal(index.table.keyCount, alive.size);
    assert.equal(index.table.historyCount, 0);
    check();
    for (const key of [...alive.keys()]) change(key, true);
    for (const key of [...alive.keys()]) {
      const slot = index.find(bytes(key));
      assert(index.table.compact(slot, main + 1, () => {}));
      index.remove(slot);
    }
    assert.deepEqual(
      [index.live, index.table.keyCount, walk(index, "", undefined).length],
      [0, 0, 0],
    );
    index.insert(bytes("again"), revision(main + 2));
    assert.deepEqual(walk(index, "", undefined), ["again"]);
  });
}

test("a long history is found at every revision, before and after a compaction in its middle", () => {
  const index = new KeyIndex();
  const key = bytes("k");
  let slot: number = none;
  const versions: (number | undefined)[] = [];
  for (let main = 2; main < 3000; main++) {
    const tombstone = main % 7 === 0;
    slot = index.change(slot, key, { ...revision(main, tombstone), version: main * 10 });
    versions[main] = tombstone ? undefined : main * 10;
  }
  const verify = (first: number): void => {
    for (let at = first; at < 3100; at++) {
      const found = index.table.at(slot, at) ? index.table.version : undefined;
      assert.equal(found, versions[Math.min(at, 2999)], `at ${at}`);
    }
  };
  verify(2);
  const dropped: number[] = [];
  index.table.compact(slot, 1500, (main) => dropped.push(main));
  assert.deepEqual([dropped.length, Math.max(...dropped)], [1498, 1499]);
  verify(1500);
  for (let main = 3000; main < 3100; main++) {
    index.change(slot, key, { ...revision(main), version: main * 10 });
    versions[main] = main * 10;
  }
  for (let at = 1500; at < 3100; at++)
    assert.equal(index.table.at(slot, at), at % 7 !== 0 || at > 2999);
});

const compactions: readonly [
  name: string,
  history: readonly [main: number, tombstone: boolean][],
  at: number,
  dropped: readonly number[],
  gone: boolean,
][] = [
  [
    "the newest put stays",
    [
      [2, false],
      [3, false],
    ],
    3,
    [2],
    false,
  ],
  [
    "what comes after stays",
    [
      [2, false],
      [3, false],
      [5, false],
    ],
    4,
    [2],
    false,
  ],
  [
    "nothing to drop",
    [
      [2, false],
      [5, false],
    ],
    2,
    [],
    false,
  ],
  [
    "an older deletion goes, and the key",
    [
      [2, false],
      [3, true],
    ],
    4,
    [2, 3],
    true,
  ],
  [
    "a deletion at the revision itself stays",
    [
      [2, false],
      [3, true],
    ],
    3,
    [2],
    false,
  ],
  ["and goes at the next", [[3, true]], 4, [3], true],
  [
    "an older deletion below later puts goes",
    [
      [2, false],
      [3, true],
      [6, false],
    ],
    5,
    [2, 3],
    false,
  ],
  [
    "a deletion at the revision below later puts stays",
    [
      [2, false],
      [3, true],
      [6, false],
    ],
    3,
    [2],
    false,
  ],
];

for (const [name, history, at, dropped, gone] of compactions) {
  test(`compaction: ${name}`, () => {
    const index = new KeyIndex();
    let slot: number = none;
    for (const [main, tombstone] of history) {
      slot = index.change(slot, bytes("k"), revision(main, tombstone));
    }
    const out: number[] = [];
    assert.equal(
      index.table.compact(slot, at, (main) => out.push(main)),
      gone,
    );
    assert.deepEqual(out.sort(), dropped);
  });
}

test("range_end: empty is the one key, a zero byte no end, else itself", () => {
  assert.deepEqual(upperBound(bytes("k"), bytes("")), new Uint8Array([0x6b, 0]));
  assert.equal(upperBound(bytes("k"), bytes("\0")), undefined);
  assert.deepEqual(upperBound(bytes("k"), bytes("\0\0")), bytes("\0\0"));
});

/** 2 ** `blocks` keys of one hash: of each block there are two with which FNV comes to the same (Joux 2004). */
function collidingKeys(blocks: number): Buffer[] {
  let keys = [Buffer.alloc(0)];
  let state = 0x811c9dc5;
  const random = seededRandom(32);
  for (let i = 0; i < blocks; i++) {
    const seen = new Map<number, Buffer>();
    for (;;) {
      const block = Buffer.from(Array.from({ length: 6 }, () => random.below(256)));
      let end = state;
      for (const byte of block) end = Math.imul(end ^ byte, 0x01000193);
      const other = seen.get(end);
      if (other === undefined) {
        seen.set(end, block);
        continue;
      }
      keys = keys.flatMap((key) => [Buffer.concat([key, other]), Buffer.concat([key, block])]);
      state = end;
      break;
    }
  }
  return keys;
}

test("keys that collide, so that only the tree finds them, can be loaded", () => {
  // Of one hash no more than 64 find a place.
  const keys = collidingKeys(8);
  assert.equal(new Set(keys.map(hashKey)).size, 1);
  const index = new KeyIndex();
  index.beginLoading();
  let main = 1;
  for (const key of [...keys, ...keys]) index.change(index.find(key), key, revision(++main));
  for (const _ of index.finishLoading());
  assert.equal(index.table.keyCount, 256);
  assert.equal(index.live, 256);
  const sorted = keys.map((key) => key.toString("latin1")).sort();
  assert.deepEqual(walk(index, "", undefined), sorted);
});
