import assert from "node:assert/strict";
import { test } from "node:test";
import {
  decimalSize,
  GoSyntaxError,
  goDuration,
  goQuote,
  goUnquote,
  parseDurationMs,
  parseInt64,
  parseUint64Hex,
} from "#ctl/go-text.ts";

test("quoting, as Go's %q", () => {
  const cases: [string | number[], string][] = [
    ["plain ünï 漢", '"plain ünï 漢"'],
    ['q" b\\ \t\n\r\u0007\b\f\v', '"q\\" b\\\\ \\t\\n\\r\\a\\b\\f\\v"'],
    ["\u0000\u001b\u007f", '"\\x00\\x1b\\x7f"'],
    ["\u00a0\u00ad\u2028\ufeff", '"\\u00a0\\u00ad\\u2028\\ufeff"'],
    ["\u{1f600}\u{e0001}", '"\u{1f600}\\U000e0001"'],
    [[0xff, 0x61, 0xc3], '"\\xffa\\xc3"'],
    [[0xef, 0xbf, 0xbd], '"\ufffd"'],
    [[0xed, 0xa0, 0x80], '"\\xed\\xa0\\x80"'],
  ];
  for (const [value, quoted] of cases) {
    assert.equal(goQuote(typeof value === "string" ? value : Uint8Array.from(value)), quoted);
  }
});

test("unquoting reads what quoting writes, and nothing else", () => {
  for (const text of ["a", 'x" \\ \n', "ünï", "\u0000\u2028\u{e0001}"]) {
    const quoted = goQuote(text);
    const read = goUnquote(`${quoted} rest`);
    assert.equal(Buffer.from(read?.bytes ?? []).toString(), text);
    assert.equal(read?.length, quoted.length);
  }
  assert.deepEqual([...(goUnquote('"\\x41\\101\\u0042"')?.bytes ?? [])], [65, 65, 66]);
  assert.equal(Buffer.from(goUnquote("`raw\\n`")?.bytes ?? []).toString(), "raw\\n");
  for (const text of ['"open', '"\\q"', "bare", '"new\nline"', '"\\400"', "`open"]) {
    assert.equal(goUnquote(text), undefined, text);
  }
});

test("integers, as strconv", () => {
  const cases: [string, 0 | 10 | 16, bigint | "syntax" | "range"][] = [
    ["12", 10, 12n],
    ["-12", 10, -12n],
    ["+7", 10, 7n],
    ["9223372036854775807", 10, 9223372036854775807n],
    ["9223372036854775808", 10, "range"],
    ["-9223372036854775808", 10, -9223372036854775808n],
    ["ff", 16, 255n],
    ["0xff", 16, "syntax"],
    ["0xff", 0, 255n],
    ["017", 0, 15n],
    ["0o17", 0, 15n],
    ["1_000", 0, 1000n],
    ["1_000", 10, "syntax"],
    ["08", 0, "syntax"],
    ["", 10, "syntax"],
    ["1.5", 0, "syntax"],
  ];
  for (const [text, base, expected] of cases) {
    if (typeof expected === "bigint") assert.equal(parseInt64(text, base), expected, text);
    else {
      const message = expected === "range" ? /value out of range$/ : /invalid syntax$/;
      assert.throws(() => parseInt64(text, base), message, text);
    }
  }
  assert.equal(parseUint64Hex("ffffffffffffffff"), 18446744073709551615n);
  assert.throws(() => parseUint64Hex("-1"), GoSyntaxError);
});

test("durations and sizes", () => {
  const durations: [string, number, string][] = [
    ["5s", 5000, "5s"],
    ["1h2m3.5s", 3723500, "1h2m3.5s"],
    ["300ms", 300, "300ms"],
    ["1.5us", 0.0015, "1.5µs"],
    ["0", 0, "0s"],
    ["-2m", -120000, "-2m0s"],
    ["12ns", 0.000012, "12ns"],
  ];
  for (const [text, ms, shown] of durations) {
    assert.equal(parseDurationMs(text), ms, text);
    assert.equal(goDuration(ms), shown);
  }
  assert.throws(() => parseDurationMs("5"), /^GoSyntaxError|missing unit in duration "5"$/);
  assert.throws(() => parseDurationMs("soon"), /invalid duration "soon"$/);
  assert.throws(() => parseDurationMs("5 parsecs"), /unknown unit " parsecs" in duration/);
  const sizes: [number, string][] = [
    [0, "0 B"],
    [9, "9 B"],
    [999, "999 B"],
    [1000, "1.0 kB"],
    [20480, "20 kB"],
    [21504, "22 kB"],
    [2147483648, "2.1 GB"],
  ];
  for (const [bytes, shown] of sizes) assert.equal(decimalSize(bytes), shown);
});
