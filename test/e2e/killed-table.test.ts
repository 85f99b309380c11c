import assert from "node:assert/strict";
import { test } from "node:test";
import { failpoints } from "#operator/reconcile.ts";
import { backupFailpoints } from "#operator/reconcile-backups.ts";
import { killedCases } from "./killed-case.ts";
import { judgeKilled, neverReached, toReach } from "./killed-table.ts";

test("the cases together reach every failpoint but those that have a reason never to be", () => {
  const reached = killedCases.flatMap(({ operations }) =>
    operations.flatMap((one) => toReach.get(one) ?? []),
  );
  const all = [...failpoints.filter((one) => one !== "rest"), ...backupFailpoints];
  assert.deepEqual([...reached, ...neverReached.keys()].sort(), all.sort());
});

test("a failpoint at which nobody was killed is named, with its operation", () => {
  for (const { operations } of killedCases) {
    assert.doesNotThrow(() => judgeKilled(operations, toReach));
    for (const operation of operations) {
      for (const point of toReach.get(operation) ?? []) {
        const others = toReach.get(operation)?.filter((one) => one !== point) ?? [];
        const passed = new Map(toReach).set(operation, others);
        assert.throws(() => judgeKilled(operations, passed), new RegExp(`${operation}: ${point}`));
      }
    }
  }
});
