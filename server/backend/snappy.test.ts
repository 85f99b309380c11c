import assert from "node:assert/strict";
import { test } from "node:test";
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
