import assert from "node:assert/strict";
import { test } from "node:test";
import type { MemberId } from "#base/ids.ts";
import { Capabilities } from "./capabilities.ts";

const [self, other, third] = [1n, 2n, 3n] as [MemberId, MemberId, MemberId];

function recorded() {
  const rows: [Uint8Array, Uint8Array][] = [];
  const batch = {
    put: (_: string, key: Uint8Array, value: Uint8Array) => void rows.push([key, value]),
    delete: () => assert.fail("a latch is never taken back"),
  };
  return { rows, batch };
}

test("a capability is known of those who announced it, by their last word", () => {
  const capabilities = new Capabilities(self);
  assert.deepEqual(capabilities.unaware("v2", [self, other, third]), [other, third]);
  capabilities.announced(other, ["v2", "v9"]);
  capabilities.announced(third, ["v9"]);
  assert.deepEqual(capabilities.unaware("v2", [self, other, third]), [third]);
  capabilities.announced(other, []);
  assert.deepEqual(capabilities.unaware("v2", [self, other]), [other]);
});

test("a latch holds only for the members it was proposed for, and outlives a restart", () => {
  const { rows, batch } = recorded();
  const capabilities = new Capabilities(self);
  const request = { capability: "v2", members: [self, other] };
  assert.equal(capabilities.latch(request, [self, other, third], batch), false);
  assert.equal(capabilities.isLatched("v2"), false);
  assert.equal(capabilities.missing([]), undefined);
  assert.equal(capabilities.admits(third), true);
  assert.equal(capabilities.latch(request, [self, other], batch), true);
  const again = new Capabilities(self);
  again.load(rows);
  for (const one of [capabilities, again]) {
    assert.equal(one.isLatched("v2"), true);
    assert.equal(one.missing(["v1"]), "v2");
    assert.equal(one.missing(["v1", "v2"]), undefined);
    assert.equal(one.admits(third), false);
    one.announced(third, ["v2"]);
    assert.equal(one.admits(third), true);
  }
});

test("strangers that announce are not remembered without end", () => {
  const capabilities = new Capabilities(self);
  for (let id = 10n; id < 1000n; id++) capabilities.announced(id as MemberId, ["v2"]);
  const unaware = capabilities.unaware("v2", [10n, 999n] as MemberId[]);
  assert.deepEqual(unaware, [999n]);
});
