import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "#base/random.ts";
import { unsnap } from "#server/backend/snappy.ts";

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");

test("literals and copies of every kind", () => {
  const long = "x".repeat(70);
  const rows: readonly (readonly [string, string])[] = [
    ["00", ""],
    ["03 08 616263", "abc"],
    // A literal whose length stands in one byte, and in two.
    [`46 f0 45 ${"78".repeat(70)}`, long],
    [`46 f4 4500 ${"78".repeat(70)}`, long],
    // Copies: 1 byte of offset, 2, 4; one that goes on into what it writes.
    ["0a 08 616263 0d 03", "abcabcabca"],
    ["08 0c 61626364 0e 0400", "abcdabcd"],
    ["08 0c 61626364 0f 04000000", "abcdabcd"],
    ["09 00 61 11 01", "aaaaaaaaa"],
    [
      `c4 02 10 6162636465 fe 0500 fe 0500 fe 0500 fe 0500 fa 0500`,
      "abcde".repeat(66).slice(0, 324),
    ],
  ];
  for (const [block, text] of rows) {
    const bytes = hex(block);
    assert.equal(unsnap(bytes, 1000)?.toString(), text, block);
  }
});

test("what is no block is refused", () => {
  for (const block of [
    "",
    "80",
    "ff ff ff ff ff 01",
    "03 08 6162",
    "03 04 6162",
    "01 08 616263",
    "04 08 616263",
    "08 0c 61626364 0e 0500",
    "08 0c 61626364 0e 0000",
    "07 0c 61626364 0e 0400",
    "08 0c 61626364 0e 04",
    "46 f4 45",
  ]) {
    assert.equal(unsnap(hex(block), 1000), undefined, block);
  }
  assert.equal(unsnap(hex("03 08 616263"), 2), undefined, "longer than its bound");
});

/** Tokens at random, and what they stand for, copied byte by byte. */
function randomBlock(random: () => number): { readonly block: Buffer; readonly plain: Buffer } {
  const below = (limit: number): number => Math.floor(random() * limit);
  const tokens: number[] = [];
  const plain: number[] = [];
  for (let i = below(30) + 1; i > 0; i--) {
    if (plain.length === 0 || random() < 0.3) {
      const count = random() < 0.5 ? below(60) + 1 : below(196) + 61;
      if (count > 60) tokens.push(60 << 2, count - 1);
      else tokens.push((count - 1) << 2);
      for (let j = 0; j < count; j++) {
        const byte = below(256);
        tokens.push(byte);
        plain.push(byte);
      }
      continue;
    }
    const back = random() < 0.5 ? below(Math.min(9, plain.length)) + 1 : below(plain.length) + 1;
    const count = below(64) + 1;
    tokens.push(((count - 1) << 2) | 2, back & 255, back >> 8);
    for (let j = 0; j < count; j++) plain.push(plain[plain.length - back]!);
  }
  const length = [];
  for (let left = plain.length; ; left >>= 7) {
    length.push(left < 128 ? left : (left & 127) | 128);
    if (left < 128) break;
  }
  return { block: Buffer.from([...length, ...tokens]), plain: Buffer.from(plain) };
}

test("random blocks are what copying byte by byte gives, in a room that was used or without one", () => {
  const seed = 20261;
  const random = seededRandom(seed);
  const room = Buffer.alloc(4096, 0xee);
  for (let i = 0; i < 2000; i++) {
    const { block, plain } = randomBlock(() => random.uint32() / 2 ** 32);
    for (const given of [undefined, room, room.subarray(3), room.subarray(0, plain.length)]) {
      const opened = unsnap(block, 1 << 20, given);
      assert.ok(opened?.equals(plain), `round ${i} of seed ${seed}`);
    }
  }
});
