import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "#base/random.ts";
import { sortInSlices } from "#base/sliced-sort.ts";

test("as a sort at once, and equal items keep their order", () => {
  const random = seededRandom(7);
  for (let length = 0; length < 70; length++) {
    for (const perSlice of [1, 2, 3, 8, 64]) {
      const items = Array.from({ length }, (_, at) => ({ key: random.below(10), at }));
      const wanted = items.toSorted((a, b) => a.key - b.key);
      const sorting = sortInSlices([...items], (a, b) => a.key - b.key, perSlice);
      let steps = 0;
      let step = sorting.next();
      for (; step.done !== true; step = sorting.next()) steps++;
      assert.deepEqual(step.value, wanted, `${length} in slices of ${perSlice}`);
      if (length > perSlice) assert.ok(steps >= Math.floor(length / perSlice));
    }
  }
});
