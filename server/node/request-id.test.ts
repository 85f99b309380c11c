import assert from "node:assert/strict";
import { test } from "node:test";
import { RequestIds } from "#server/node/request-id.ts";

test("an ID holds the member, the time and a count", () => {
  const ids = new RequestIds(0x8e9e05c52164694dn, 0x0199_1234_5678);
  assert.equal(ids.next(), 0x694d_9912_3456_7801n);
  assert.equal(ids.next(), 0x694d_9912_3456_7802n);
});

test("the count runs over into the time, and the time into nothing", () => {
  const ids = new RequestIds(0x1n, 0xffff_ffff_ff);
  for (let i = 0; i < 255; i++) ids.next();
  assert.equal(ids.next(), 0x0001_0000_0000_0000n);
  assert.equal(ids.next(), 0x0001_0000_0000_0001n);
});

test("lease IDs are positive and never 0", () => {
  const ids = new RequestIds(0x8000n, 0);
  assert.equal(ids.nextLease(), 1n);
  const atZero = new RequestIds(0x8000n, 0xffff_ffff_ff);
  for (let i = 0; i < 255; i++) atZero.next();
  assert.equal(atZero.nextLease(), 1n);
});
