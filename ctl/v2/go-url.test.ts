import assert from "node:assert/strict";
import { test } from "node:test";
import { canonicalPath, encodeForm, endpointText, escapePath, parseEndpoint } from "./go-url.ts";

test("endpoints are read and written as by Go", () => {
  const table: readonly (readonly [string, string])[] = [
    ["http://127.0.0.1:2379", "http://127.0.0.1:2379"],
    ["HTTPS://host:1/", "https://host:1/"],
    ["http://[::1]:2379/pre fix", "http://[::1]:2379/pre%20fix"],
    ["host", "http://host"],
    ["//host:1", "http://host:1"],
    ["localhost:2379", "localhost:2379"],
  ];
  for (const [text, wanted] of table) assert.equal(endpointText(parseEndpoint(text)), wanted, text);
  assert.throws(() => parseEndpoint("127.0.0.1:1"), {
    message: 'parse "127.0.0.1:1": first path segment in URL cannot contain colon',
  });
});

test("paths and forms are escaped as by Go", () => {
  assert.equal(
    escapePath("/a b/ü?#%&=+,;:@$-_.~!*'()"),
    "/a%20b/%C3%BC%3F%23%25&=+,;:@$-_.~%21%2A%27%28%29",
  );
  assert.equal(
    encodeForm({ value: "a b&ü", ttl: undefined, dir: "true" }),
    "dir=true&value=a+b%26%C3%BC",
  );
});

test("paths lose what is empty and dots", () => {
  const table: readonly (readonly [string, string])[] = [
    ["", "/"],
    ["/", "/"],
    ["//a//b/", "/a/b/"],
    ["/a/./b/../c", "/a/c"],
    ["/..", "/"],
    ["a", "/a"],
  ];
  for (const [text, wanted] of table) assert.equal(canonicalPath(text), wanted, text);
});
