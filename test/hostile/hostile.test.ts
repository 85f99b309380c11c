// Each fuzzer for a moment, always from one seed; `npm run fuzz` runs them longer, from others.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fuzz } from "./target.ts";
import { targets } from "./targets.ts";

for (const target of targets.filter(({ rounds }) => rounds > 0)) {
  test(`hostile input: ${target.about}`, async () => {
    const seed = Number(process.env["SEED"] ?? "7872");
    const { tally } = await fuzz(target, { seed, isOver: (rounds) => rounds >= target.rounds });
    // The fuzzer reaches what it is for.
    assert.ok(tally.of("served") > 0 && tally.of("refused") > 0, `seed ${seed}: ${tally}`);
  });
}
