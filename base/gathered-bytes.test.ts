import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import { GatheredBytes } from "#base/gathered-bytes.ts";
import { TooManyUnfinished, UnfinishedBytes } from "#base/unfinished-bytes.ts";

test("what is taken is what was pushed, whatever the pieces", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), (pieces) => {
      const gathered = new GatheredBytes();
      for (let time = 0; time < 2; time++) {
        for (const piece of pieces) gathered.push(piece);
        const whole = Buffer.concat(pieces);
        assert.equal(gathered.length, whole.length);
        assert.deepEqual(gathered.take(), whole);
        assert.equal(gathered.length, 0);
      }
    }),
  );
});

test("a piece may change once it was pushed, and what was taken stays", () => {
  const gathered = new GatheredBytes();
  const piece = Buffer.from("ab");
  gathered.push(piece);
  piece.fill(0);
  const first = gathered.take();
  gathered.push(Buffer.from("cd"));
  assert.equal(first.toString(), "ab");
  assert.equal(gathered.take().toString(), "cd");
});

test("single bytes take no more memory than about twice what they are", () => {
  const gathered = new GatheredBytes();
  const one = Buffer.of(7);
  for (let i = 0; i < 100_000; i++) gathered.push(one);
  assert.ok(gathered.take().buffer.byteLength <= 262_144);
});

test("several count together what they hold, and nothing once it is taken, dropped or refused", () => {
  const unfinished = new UnfinishedBytes(100);
  const [first, second, third] = [1, 2, 3].map(() => new GatheredBytes(unfinished)) as [
    GatheredBytes,
    GatheredBytes,
    GatheredBytes,
  ];
  first.push(Buffer.alloc(40));
  second.push(Buffer.alloc(40));
  third.push(Buffer.alloc(20));
  assert.throws(() => third.push(Buffer.alloc(1)), TooManyUnfinished);
  assert.deepEqual([third.length, unfinished.held], [0, 80]);
  third.push(Buffer.alloc(20));
  assert.equal(first.take().length, 40);
  second.drop();
  assert.equal(unfinished.held, 20);
  third.drop();
  third.drop();
  assert.equal(unfinished.held, 0);
});
