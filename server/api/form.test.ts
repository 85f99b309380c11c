import assert from "node:assert/strict";
import { test } from "node:test";
import { parseForm, unescapeText } from "./form.ts";

test("forms are read as Go reads them", () => {
  const table: readonly (readonly [query: string, body: string, expected: unknown])[] = [
    ["", "", {}],
    ["a=1&b=2", "", { a: ["1"], b: ["2"] }],
    ["a=1", "a=2&a=3", { a: ["2", "3", "1"] }],
    ["a&&=x&b=c=d", "", { a: [""], "": ["x"], b: ["c=d"] }],
    ["a=x+y%2B%20z", "", { a: ["x y+ z"] }],
    ["%C3%BC=%E2%82%AC", "", { "\u00fc": ["\u20ac"] }],
    ["", "v=\u00c3\u00bc", { v: ["\u00fc"] }],
    [
      "v=%ff%e2%82x%f0%9f%98%80%ed%a0%80",
      "",
      { v: ["\ufffd\ufffd\ufffdx\u{1f600}\ufffd\ufffd\ufffd"] },
    ],
    ["a=%zz", "", 'invalid URL escape "%zz"'],
    ["a=%4", "", 'invalid URL escape "%4"'],
    ["%&b=1", "", 'invalid URL escape "%"'],
    ["a=1;b=2", "", "invalid semicolon separator in query"],
    ["a=%zz", "b=%yy", 'invalid URL escape "%yy"'],
    ["a=1", "b=%y", 'invalid URL escape "%y"'],
  ];
  for (const [query, body, expected] of table) {
    const parsed = parseForm(query, body);
    const seen = parsed.ok ? Object.fromEntries(parsed.form) : parsed.reason;
    assert.deepEqual(seen, expected, `${query} | ${body}`);
  }
});

test("a path keeps its plus signs", () => {
  assert.deepEqual(unescapeText("/a+b%2Bc", false), { ok: true, text: "/a+b+c" });
});
