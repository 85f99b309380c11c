// Buckets of durations.
import assert from "node:assert/strict";
import { test } from "node:test";
import { DurationCounts, growingBounds } from "./duration-counts.ts";

test("a duration is counted in the first bucket that holds it", () => {
  const counts = new DurationCounts(growingBounds(1, 2, 3));
  assert.deepEqual(counts.bounds, [1, 2, 4]);
  for (const seconds of [0, 1, 1.5, 4, 4.1, 100]) counts.observe(seconds);
  assert.deepEqual([...counts.counts], [2, 1, 1, 2]);
  assert.ok(Math.abs(counts.sumSeconds - 110.6) < 1e-9);
});
