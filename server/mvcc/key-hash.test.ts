import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8 } from "#base/bytes.ts";
import { hashKey, KeyHash } from "#server/mvcc/key-hash.ts";

/** Keys by slot, compared as the index does. */
class Keys {
  readonly bySlot: Uint8Array[] = [];

  compareKey(slot: number, key: Uint8Array): number {
    return Buffer.compare(this.bySlot[slot]!, key);
  }
}

test("no key is left out, just before and after each doubling", () => {
  const keys = new Keys();
  const table = new KeyHash();
  for (let slot = 1; slot <= 700_000; slot++) {
    const key = utf8(`/registry/pods/${slot}`);
    keys.bySlot[slot] = key;
    table.add(slot, hashKey(key));
  }
  assert.equal(table.crowded, 0);
  for (let slot = 1; slot <= 700_000; slot += 997) {
    const key = keys.bySlot[slot]!;
    assert.equal(table.find(hashKey(key), key, keys), slot);
  }
  const missing = utf8("/registry/pods/0");
  assert.equal(table.find(hashKey(missing), missing, keys), 0);
});

test("keys of one hash are left out in the end, counted, and can go again", () => {
  const keys = new Keys();
  const table = new KeyHash();
  const hash = 7;
  for (let slot = 1; slot <= 100; slot++) {
    keys.bySlot[slot] = utf8(`k${slot}`);
    table.add(slot, hash);
  }
  const leftOut = table.crowded;
  assert.ok(leftOut > 0 && leftOut < 100, `${leftOut} left out`);
  assert.equal(table.find(hash, utf8("k1"), keys), 1);
  for (let slot = 1; slot <= 100; slot++) {
    table.delete(slot, hash);
    assert.equal(table.find(hash, keys.bySlot[slot]!, keys), 0);
  }
  assert.equal(table.crowded, 0);
});

test("who was left out comes in when the table is made anew", () => {
  const keys = new Keys();
  const table = new KeyHash();
  for (let slot = 1; slot <= 65; slot++) {
    keys.bySlot[slot] = utf8(`k${slot}`);
    table.add(slot, 7);
  }
  assert.equal(table.crowded, 1);
  // Room among the probes; then more keys, so that the table doubles.
  for (let slot = 1; slot <= 40; slot++) table.delete(slot, 7);
  for (let slot = 100; slot < 1100; slot++) {
    keys.bySlot[slot] = utf8(`k${slot}`);
    table.add(slot, hashKey(keys.bySlot[slot]!));
  }
  assert.equal(table.crowded, 0);
  assert.equal(table.find(7, utf8("k65"), keys), 65);
});
