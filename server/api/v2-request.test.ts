import assert from "node:assert/strict";
import { test } from "node:test";
import { V2Error } from "#server/v2store/errors.ts";
import { parseForm } from "./form.ts";
import { cleanPath, readKeysRequest } from "./v2-request.ts";

const nowMs = 1_700_000_000_000;

function read(method: string, query: string, path = "/a") {
  const parsed = parseForm(query, "");
  assert.ok(parsed.ok);
  return readKeysRequest(method, path, parsed.form, nowMs);
}

test("each wrong parameter is named in etcd's words, the first in etcd's order", () => {
  const table: readonly (readonly [method: string, query: string, code: number, cause: string])[] =
    [
      ["PUT", "prevIndex=x&recursive=x", 203, 'invalid value for "prevIndex"'],
      ["GET", "waitIndex=-1", 203, 'invalid value for "waitIndex"'],
      ["GET", "waitIndex=18446744073709551616", 203, 'invalid value for "waitIndex"'],
      ["GET", "recursive=", 209, 'invalid value for "recursive"'],
      ["GET", "sorted=yes&wait=x", 209, 'invalid value for "sorted"'],
      ["GET", "stream=x", 209, 'invalid value for "stream"'],
      ["PUT", "wait=true&prevValue=", 209, '"wait" can only be used with GET requests'],
      ["PUT", "prevValue=&noValueOnSuccess=x", 201, '"prevValue" cannot be empty'],
      ["PUT", "noValueOnSuccess=x", 209, 'invalid value for "noValueOnSuccess"'],
      ["PUT", "ttl=1.5&prevExist=x", 202, 'invalid value for "ttl"'],
      ["PUT", "prevExist=", 209, "invalid value for prevExist"],
      ["PUT", "refresh=x", 209, "invalid value for refresh"],
      ["PUT", "refresh=true&value=1", 211, "A value was provided on a refresh"],
      ["PUT", "refresh=true", 212, "No TTL value set"],
    ];
  for (const [method, query, code, cause] of table) {
    const error = read(method, query);
    assert.ok(error instanceof V2Error, query);
    assert.deepEqual([error.code, error.cause, error.index], [code, cause, 0], query);
  }
  const deep = read("GET", "", "/x".repeat(513));
  assert.ok(deep instanceof V2Error && deep.code === 210);
});

test("life times end where etcd's arithmetic of 64 bits ends", () => {
  const table: readonly (readonly [ttl: string, expireMs: number | undefined])[] = [
    ["", undefined],
    ["0", nowMs],
    ["5", nowMs + 5000],
    ["18446744073709551615", nowMs - 1000],
  ];
  for (const [ttl, expireMs] of table) {
    const asked = read("PUT", `ttl=${ttl}`);
    assert.ok(!(asked instanceof V2Error));
    assert.equal(asked.write.expireMs, expireMs, ttl);
  }
});

test("paths are cleaned", () => {
  const table = [
    ["", "/"],
    ["/", "/"],
    ["/a/", "/a"],
    ["//a//b", "/a/b"],
    ["/a/./b/../c", "/a/c"],
    ["/../..", "/"],
  ] as const;
  for (const [path, expected] of table) assert.equal(cleanPath(path), expected);
});
