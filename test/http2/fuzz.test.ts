import assert from "node:assert/strict";
import { test } from "node:test";
import { fuzz } from "./fuzz.ts";

test("whatever frames come, windows and counts add up", () => {
  const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 31));
  const counts = fuzz(seed, (rounds) => rounds >= 400);
  // The fuzzer reaches what it is for.
  assert.ok(
    counts.requests > 1000 && counts.answered > 500,
    JSON.stringify([counts, ...counts.ended]),
  );
  assert.ok(counts.ended.size >= 3, JSON.stringify([...counts.ended]));
});
