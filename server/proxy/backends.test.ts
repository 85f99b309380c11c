import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "#base/random.ts";
import { type Backend, Backends } from "./backends.ts";

const backend = (host: string, priority = 0, weight = 0): Backend => ({
  host,
  port: 2379,
  priority,
  weight,
});

function counts(backends: Backends, picks: number): Record<string, number> {
  const found: Record<string, number> = {};
  for (let i = 0; i < picks; i++) {
    const host = backends.pick()?.backend.host ?? "none";
    found[host] = (found[host] ?? 0) + 1;
  }
  return found;
}

test("members without weights take turns, and those set aside are passed over", () => {
  const backends = new Backends([backend("a"), backend("b"), backend("c")], seededRandom(1));
  assert.deepEqual(counts(backends, 9), { a: 3, b: 3, c: 3 });
  backends.all[1]!.active = false;
  assert.deepEqual(counts(backends, 10), { a: 5, c: 5 });
  backends.all[1]!.active = true;
  assert.deepEqual(counts(backends, 9), { a: 3, b: 3, c: 3 });
});

test("a worse priority is asked only when no better one is alive", () => {
  const backends = new Backends([backend("a", 1), backend("b", 2)], seededRandom(1));
  assert.deepEqual(counts(backends, 5), { a: 5 });
  backends.all[0]!.active = false;
  assert.deepEqual(counts(backends, 5), { b: 5 });
  backends.all[1]!.active = false;
  assert.deepEqual(counts(backends, 1), { none: 1 });
});

test("weights are shares, and weight 0 gets about one in a hundred", () => {
  const backends = new Backends(
    [backend("a", 0, 3), backend("b", 0, 1), backend("c")],
    seededRandom(7),
  );
  const { a = 0, b = 0, c = 0 } = counts(backends, 40_000);
  assert.ok(Math.abs(a / b - 3) < 0.2, `a:b is ${a}:${b}`);
  assert.ok(c > 200 && c < 700, `c got ${c}`);
});
