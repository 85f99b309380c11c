import assert from "node:assert/strict";
import { test } from "node:test";
import { maxTokensPerUser, SimpleTokens } from "./simple-tokens.ts";

function rig() {
  const time = { nowMs: 0 };
  let drawn = 0;
  const tokens = new SimpleTokens({
    ttlMs: 1000,
    monotonicMs: () => time.nowMs,
    randomBelow: (bound) => drawn++ % bound,
  });
  tokens.enable();
  let index = 4;
  const assign = (username: string): string =>
    tokens.assign({
      username,
      revision: 9,
      prefix: tokens.prefix(),
      index: index++,
      answers: false,
    });
  return { assign, time, tokens };
}

test("a token is sixteen letters and an index, and known on members that did not hand it out", () => {
  const { assign, tokens } = rig();
  const token = assign("ann");
  assert.equal(token, "abcdefghijklmnop.4");
  assert.deepEqual(tokens.identify(token, 12), { username: "ann", revision: 12 });
  assert.equal(tokens.identify("abcdefghijklmnop.5", 12), undefined);
});

test("use renews a token; the ones at rest are forgotten", () => {
  const { assign, time, tokens } = rig();
  const [used, rested] = [assign("ann"), assign("ann")];
  time.nowMs = 900;
  assert.ok(tokens.identify(used, 1));
  time.nowMs = 1800;
  assert.ok(tokens.identify(used, 1));
  assert.equal(tokens.identify(rested, 1), undefined);
  for (let i = 0; i < 50; i++) assign("bob");
  time.nowMs = 4000;
  assign("bob");
  assert.equal(tokens.count, 1);
  assert.equal(tokens.identify(used, 1), undefined);
});

test("a changed user's tokens end, and all when authentication does", () => {
  const { assign, tokens } = rig();
  const [ann, bob] = [assign("ann"), assign("bob")];
  tokens.invalidateUser("ann");
  assert.equal(tokens.identify(ann, 1), undefined);
  assert.ok(tokens.identify(bob, 1));
  tokens.disable();
  assert.equal(tokens.identify(bob, 1), undefined);
  const off = assign("ann");
  assert.equal(tokens.identify(off, 1), undefined);
});

test("the index to wait for is that of a well-formed token", () => {
  const { tokens } = rig();
  const cases: [string, number][] = [
    ["abc.12", 12],
    [".7", 7],
    ["abc", 0],
    ["abc.", 0],
    ["a.b.3", 0],
    ["abc.x", 0],
    ["abc.-1", 0],
    [`abc.${"9".repeat(20)}`, Number.MAX_SAFE_INTEGER],
    [`abc.${"9".repeat(21)}`, 0],
  ];
  for (const [token, index] of cases) assert.equal(tokens.awaitedIndex(token), index, token);
});

test("who logs in without end pushes out his own tokens, the one that ends first before others", () => {
  const { assign, tokens } = rig();
  const others = assign("bob");
  const [first, second, third] = [assign("ann"), assign("ann"), assign("ann")];
  assert.ok(tokens.identify(first, 1), "used, and so the last to end");
  for (let count = 3; count <= maxTokensPerUser; count++) assign("ann");
  assert.equal(tokens.count, maxTokensPerUser + 1);
  const known = [others, first, second, third].map((one) => tokens.identify(one, 1) !== undefined);
  assert.deepEqual(known, [true, true, false, true]);
  tokens.invalidateUser("ann");
  assert.equal(tokens.count, 1);
});
