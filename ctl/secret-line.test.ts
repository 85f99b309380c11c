import assert from "node:assert/strict";
import { test } from "node:test";
import { SecretLine } from "./secret-line.ts";

test("keys that take back, end and interrupt", () => {
  const cases: readonly (readonly [string, string, number | undefined])[] = [
    ["secret\r", "secret", 7],
    ["secret\nmore", "secret", 7],
    ["sec\u0004ret", "sec", 4],
    ["secret", "secret", undefined],
    ["sx\u007fecret\r", "secret", 9],
    ["\u007f\bab\b\r", "a", 6],
    ["wrong\u0015right\r", "right", 12],
    ["aé€\u007f\u007fb\n", "ab", 10],
  ];
  for (const [typed, text, used] of cases) {
    const line = new SecretLine(() => assert.fail("nobody interrupts"));
    const bytes = Buffer.from(typed).toString("latin1");
    assert.deepEqual([line.take(bytes), line.text], [used, text], JSON.stringify(typed));
    // Byte by byte it is the same line.
    const slow = new SecretLine(() => assert.fail("nobody interrupts"));
    const ends = [...bytes].findIndex((byte) => slow.take(byte) !== undefined);
    assert.deepEqual([ends, slow.text], [(used ?? 0) - 1, text], JSON.stringify(typed));
  }
  let interrupted = 0;
  new SecretLine(() => interrupted++).take("se\u0003");
  assert.equal(interrupted, 1);
});
