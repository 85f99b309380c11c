// The median of measured figures.
import { assert } from "#base/assert.ts";

/** The middle one, or between the middle two; of at least one value. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  assert(sorted.length > 0, "a median of nothing");
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
}
