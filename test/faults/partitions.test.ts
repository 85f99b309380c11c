// The shortest form of the fault run, in every npm test: links between members are cut while clients
// reach all of them; everything that the long run checks must hold. The long one is run.ts.
import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { test } from "node:test";
import { OperatingError } from "#base/errors.ts";
import { discard, faultRun } from "./fault-run.ts";
import type { FaultKind } from "./faults.ts";
import { checkerBinary } from "./tools.ts";

const kinds: readonly FaultKind[] = ["isolate-leader", "one-way", "bridge", "delay", "move-leader"];

test("members that cannot reach each other break no promise", async (context) => {
  try {
    await checkerBinary();
  } catch (error) {
    const isMissing = error instanceof OperatingError && error.message.includes("not installed");
    if (!isMissing || process.env["CI"] === "true") throw error;
    context.skip(error.message);
    return;
  }
  const seed = Number(process.env["FAULT_SEED"] ?? randomInt(2 ** 31));
  context.diagnostic(`again: FAULT_SEED=${seed} node --test test/faults/partitions.test.ts`);
  const result = await faultRun({
    seed,
    seconds: 10,
    // A busy machine gets longer.
    maxSeconds: 40,
    only: kinds,
    opening: kinds,
    minCompleted: 300,
    minLeaderChanges: 1,
    mustStrike: ["isolate-leader", "delay"],
    log: (line) => context.diagnostic(line),
  });
  const texts = result.problems.map(({ kind, text }) => `${kind}: ${text}`);
  assert.deepEqual(texts, [], `seed ${seed}, kept: ${result.folder}`);
  discard(result);
});
