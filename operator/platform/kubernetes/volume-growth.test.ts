import assert from "node:assert/strict";
import { test } from "node:test";
import type { Claim } from "#operator/platform/kubernetes/kinds.ts";
import { growthOf, type Refusals, refuse } from "#operator/platform/kubernetes/volume-growth.ts";

const gi = 2 ** 30;
const since = "2026-01-01T00:00:00Z";
const sinceMs = Date.parse(since);

const claimOf = (asked: string, has?: string, condition?: string): Claim => ({
  metadata: { name: "c" },
  spec: { resources: { requests: { storage: asked } } },
  status: {
    phase: "Bound",
    ...(has === undefined ? {} : { capacity: { storage: has } }),
    conditions:
      condition === undefined
        ? []
        : [{ type: condition, status: "True", lastTransitionTime: since }],
  },
});

test("how far a volume has grown", () => {
  const pending = claimOf("2Gi", "1Gi", "FileSystemResizePending");
  const table: readonly (readonly [Claim | undefined, number, object])[] = [
    [undefined, 0, {}],
    // Not bound yet: nothing to wait for.
    [claimOf("1Gi"), 0, { volumeBytes: gi }],
    [claimOf("1Gi", "1Gi"), 0, { volumeBytes: gi }],
    [claimOf("1Gi", "5Gi"), 0, { volumeBytes: gi }],
    [claimOf("2Gi", "1Gi"), 0, { volumeBytes: 2 * gi, resize: "resizing" }],
    [claimOf("2Gi", "1Gi", "Resizing"), 0, { volumeBytes: 2 * gi, resize: "resizing" }],
    [pending, sinceMs + 1000, { volumeBytes: 2 * gi, resize: "resizing" }],
    [pending, sinceMs + 200_000, { volumeBytes: 2 * gi, resize: "offline" }],
  ];
  for (const [claim, nowMs, want] of table) {
    assert.deepEqual(growthOf(claim, 2 * gi, new Map(), nowMs), want);
  }
});

test("what was refused is not asked for again for a while, nor is another size counted as refused", () => {
  const refusals: Refusals = new Map();
  refuse(refusals, "c", 2 * gi, "the class does not", 1000);
  const at = (wanted: number, nowMs: number) =>
    growthOf(claimOf("1Gi", "1Gi"), wanted, refusals, nowMs).resize;
  assert.equal(at(2 * gi, 2000), "refused");
  assert.equal(at(3 * gi, 2000), undefined);
  assert.equal(at(2 * gi, 1_000_000), undefined);
});
