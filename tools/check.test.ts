import assert from "node:assert/strict";
import { test } from "node:test";
import { table } from "#tools/check.ts";

test("one row a step", () => {
  assert.equal(
    table([
      { name: "types", passed: true, seconds: 2.04 },
      { name: "unit tests", passed: false, seconds: 31 },
    ]),
    "types       ok        2.0 s\nunit tests  FAILED   31.0 s",
  );
});
