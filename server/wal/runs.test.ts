import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { testEntries } from "#server/wal/contract.ts";
import { decodeEntries, EntryEncoder, runBase, type WalFormat } from "#server/wal/record.ts";
import { Runs } from "#server/wal/runs.ts";

/** Numbers from `first` to `last`. */
function numbers(first: number, last: number): number[] {
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i);
}

describe("which runs lie on the disk", () => {
  const drops: [string, number, number[]][] = [
    ["before the first ends", 9, []],
    ["the end of the first", 19, [10]],
    ["within the second", 30, [10]],
    ["two at once", 34, [10, 20]],
    ["the last entry", 40, [10, 20, 35]],
  ];
  for (const [title, index, gone] of drops)
    test(`a compaction to ${title}`, () => {
      const runs = new Runs(10, 10, [10, 20, 35]);
      assert.deepEqual(runs.drop(index, 40), gone);
      assert.deepEqual(runs.drop(index, 40), []);
    });

  test("what was not looked at goes index by index, but for what may hold more", () => {
    const runs = new Runs(100, 384, [384, 400]);
    assert.deepEqual(runs.drop(150, 500), numbers(100, 127));
    assert.deepEqual(runs.drop(383, 500), numbers(128, 383));
    assert.deepEqual(runs.drop(500, 500), [384, 400]);
    const all = new Runs(100, 384, []);
    assert.deepEqual(all.drop(200, 200), numbers(100, 200));
    assert.deepEqual(all.clear(600), numbers(201, 383));
    all.add(601);
    assert.deepEqual(all.drop(610, 620), []);
    assert.deepEqual(all.clear(700), [601]);
  });

  test("a suffix is cut, and goes on with other runs", () => {
    const runs = new Runs(1, 1, [1, 10, 20]);
    assert.deepEqual(runs.cut(15), [20]);
    runs.add(15);
    runs.add(21);
    assert.deepEqual(runs.cut(30), []);
    assert.deepEqual(runs.drop(14, 25), [1, 10]);
    assert.deepEqual(runs.cut(1), [15, 21]);
  });

  test("thousands come and go", () => {
    const runs = new Runs(1, 1, []);
    for (let first = 1; first <= 5000; first++) {
      runs.add(first);
      assert.deepEqual(runs.drop(first - 100, first), first > 100 ? [first - 100] : []);
    }
  });
});

describe("runs", () => {
  const encode = (
    first: number,
    last: number,
    bytes: number,
    buffer = 1 << 16,
    format: WalFormat = 2,
  ) => {
    const runs: [number, number[]][] = [];
    const entries = testEntries(first, last, 3).map((entry) => ({
      ...entry,
      data: Buffer.alloc(bytes, entry.index),
    }));
    new EntryEncoder(format, buffer).encode(entries, {
      put(start, key, value) {
        assert.equal(Buffer.from(key).readBigUInt64BE(), BigInt(start));
        const decoded = decodeEntries(start, Buffer.from(value));
        assert(typeof decoded !== "string", String(decoded));
        for (const entry of decoded) assert.deepEqual(entry, entries[entry.index - first]);
        runs.push([start, [decoded.length]]);
      },
    });
    return runs.map(([start, [count]]) => `${start}+${count}`).join(" ");
  };
  const cases: [string, string, string][] = [
    ["one entry", encode(7, 7, 5), "7+1"],
    ["many", encode(1, 100, 5), "1+100"],
    ["they end before a multiple of 128", encode(100, 300, 5), "100+28 128+128 256+45"],
    ["one that begins there", encode(128, 256, 0), "128+128 256+1"],
    ["what does not fit goes on in another", encode(1, 5, 500, 1200), "1+2 3+2 5+1"],
    ["format 1 has a record for each", encode(127, 129, 5, 1 << 16, 1), "127+1 128+1 129+1"],
    ["one beyond the buffer is alone", encode(1, 3, 500, 100), "1+1 2+1 3+1"],
  ];
  for (const [title, made, wanted] of cases) test(title, () => assert.equal(made, wanted));

  test("bases", () => {
    assert.deepEqual([0, 1, 127, 128, 300].map(runBase), [0, 0, 0, 128, 256]);
  });
});
