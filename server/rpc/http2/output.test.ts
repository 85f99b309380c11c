import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { BlockPool, Output } from "./output.ts";

/** What an output of such appends takes from its pool, by parcel. */
const cases: readonly (readonly [string, readonly (readonly number[])[], readonly number[][]])[] = [
  ["a few bytes", [[100]], [[1024]]],
  ["more than a small block", [[1000, 100]], [[1024, 16_384]]],
  ["the next begins wide", [[1000, 100], [10]], [[1024, 16_384], [16_384]]],
  [
    "and the one after it small again",
    [[1000, 100], [10], [10]],
    [[1024, 16_384], [16_384], [1024]],
  ],
  ["too long for a small block", [[2000]], [[16_384]]],
];

for (const [name, appends, expected] of cases)
  test(`blocks of ${name}`, () => {
    const pool = new BlockPool();
    const output = new Output(pool);
    for (const [at, lengths] of appends.entries()) {
      for (const length of lengths) output.append(Buffer.alloc(length, length));
      const { chunks, blocks } = output.parcel();
      assert.deepEqual(
        blocks.map((block) => block.length),
        expected[at],
      );
      const whole = Buffer.concat(lengths.map((length) => Buffer.alloc(length, length)));
      assert.deepEqual(Buffer.concat(chunks), whole);
    }
  });

test("small blocks do not overlap, and come back", () => {
  const pool = new BlockPool();
  const blocks = Array.from({ length: 200 }, () => pool.take(true));
  for (const [at, block] of blocks.entries()) block.fill(at);
  for (const [at, block] of blocks.entries()) assert.ok(block.every((byte) => byte === at));
  const [first] = blocks;
  pool.give(first!);
  assert.equal(pool.take(true), first);
});
