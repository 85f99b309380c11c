import assert from "node:assert/strict";
import { test } from "node:test";
import { shownBody } from "#server/peer/peer-http.ts";

test("what a peer answered fits into one line", () => {
  const rows: readonly (readonly [string, string])[] = [
    ["cluster ID mismatch\n", "cluster ID mismatch"],
    ["", ""],
    ["a\nb\u0000\u0000c", "a b c"],
    ["x".repeat(201), `${"x".repeat(200)}… (201 bytes)`],
  ];
  for (const [body, want] of rows) assert.equal(shownBody(Buffer.from(body)), want);
});
