import assert from "node:assert/strict";
import { test } from "node:test";
import { formatGoDuration } from "#base/go-duration.ts";
import { parseGoDurationMs, parseGoInteger } from "#server/config/go-literals.ts";
import { isAddress, parseEndpoints } from "#server/config/urls.ts";

test("durations as Go reads and prints them", () => {
  const rows = [
    ["0", 0, "0s"],
    ["5s", 5000, "5s"],
    ["1m30s", 90_000, "1m30s"],
    ["2h", 7_200_000, "2h0m0s"],
    ["1.5h", 5_400_000, "1h30m0s"],
    [".5s", 500, "500ms"],
    ["100ms", 100, "100ms"],
    ["1500us", 1.5, "1.5ms"],
    ["1µs", 0.001, "1µs"],
    ["-3s", -3000, "-3s"],
    ["+3s", 3000, "3s"],
    ["1s500ms", 1500, "1.5s"],
    ["250ns", 0.00025, "250ns"],
  ] as const;
  for (const [text, ms, printed] of rows) {
    assert.equal(parseGoDurationMs(text), ms, text);
    assert.equal(formatGoDuration(ms), printed, text);
  }
  for (const bad of ["", "5", "s", "5x", "5 s", "1m-3s", "-", ".s", "99999999999h", "5s\n"]) {
    assert.equal(parseGoDurationMs(bad), undefined, JSON.stringify(bad));
  }
});

test("integers as Go reads them", () => {
  const rows = [
    ["0", 0n],
    ["017", 15n],
    ["0o17", 15n],
    ["0x1F", 31n],
    ["0b101", 5n],
    ["1_000", 1000n],
    ["-12", -12n],
    ["+12", 12n],
    ["", undefined],
    ["1e3", undefined],
    ["1_", undefined],
    ["1__0", undefined],
    ["08", undefined],
    [" 1", undefined],
    ["0x", undefined],
  ] as const;
  for (const [text, want] of rows) assert.equal(parseGoInteger(text), want, JSON.stringify(text));
});

test("addresses", () => {
  const good = [
    "0.0.0.0",
    "127.0.0.1",
    "::",
    "::1",
    "fe80::1:2",
    "1:2:3:4:5:6:7:8",
    "::ffff:1.2.3.4",
  ];
  for (const host of good) assert.equal(isAddress(host), true, host);
  const bad = [
    "",
    "localhost",
    "1.2.3",
    "256.0.0.1",
    "1.2.3.04",
    "1:2",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7:8:9",
    "g::1",
    "::1.2.3",
  ];
  for (const host of bad) assert.equal(isAddress(host), false, host);
});

test("URL lists are sorted and without doubles", () => {
  const got = parseEndpoints(" http://b:1,http://a:1,HTTP://b:1 ,http://[::1]:2");
  assert(typeof got !== "string");
  assert.deepEqual(
    got.map((url) => [url.text, url.host, url.port]),
    [
      ["http://[::1]:2", "::1", 2],
      ["http://a:1", "a", 1],
      ["http://b:1", "b", 1],
    ],
  );
  assert.equal(parseEndpoints(Array(2000).fill("http://a:1").join(",")), "more than 1024 URLs");
});
