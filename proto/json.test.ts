// JSON in and out of messages: cutting, reading, writing. test/gateway compares the same with etcd.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { jsonMessages } from "#proto/gen/json-tables.ts";
import { TxnRequest } from "#proto/gen/kv.ts";
import { readJson } from "#proto/json-read.ts";
import { JsonValues } from "#proto/json-values.ts";
import { writeJson } from "#proto/json-write.ts";

/** The values in `text`, which comes in pieces of `size` bytes. */
function cut(text: string, size: number): string[] {
  const bytes = Buffer.from(text);
  const values: string[] = [];
  const taker = (value: Buffer): boolean => {
    values.push(value.toString());
    return true;
  };
  const scanner = new JsonValues(1 << 20);
  for (let at = 0; at < bytes.length; at += size)
    scanner.push(bytes.subarray(at, at + size), taker);
  scanner.end(taker);
  return values;
}

test("values are cut the same in whatever pieces they come", () => {
  fc.assert(
    fc.property(
      fc.array(fc.json({ maxDepth: 4 }), { maxLength: 5 }),
      fc.integer({ min: 1, max: 40 }),
      (texts, size) => {
        assert.deepEqual(cut(texts.join(" "), size), texts);
        assert.deepEqual(cut(`\n${texts.join("\n\t\r ")} `, size), texts);
      },
    ),
  );
});

test("whatever JSON.parse takes is a value, and nothing else", () => {
  const pieces = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    '"a"',
    "1",
    "-0.5e+3",
    "true",
    "null",
    " ",
    "x",
    ".",
  ];
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...pieces), { minLength: 1, maxLength: 9 }), (parts) => {
      const text = parts.join("");
      let isJson = true;
      try {
        JSON.parse(text);
      } catch {
        isJson = false;
      }
      let values: string[] | undefined;
      try {
        values = cut(text, 2);
      } catch {
        values = undefined;
      }
      if (isJson) assert.deepEqual(values, [text.trim()]);
      else assert.ok(values === undefined || values.length !== 1, text);
    }),
    { numRuns: 2000 },
  );
});

test("a value has a bound", () => {
  const scanner = new JsonValues(10);
  const push = (text: string): void => scanner.push(Buffer.from(text), () => true);
  push('"12345678"');
  push('"1234');
  assert.throws(() => push("567890"), { message: "a JSON value of more than 10 bytes" });
});

const header = "etcdserverpb.ResponseHeader";

test("numbers of 64 bits are never rounded", () => {
  for (const id of ["18446744073709551615", "9007199254740993", "1"]) {
    for (const written of [`"${id}"`, id]) {
      const bytes = readJson(header, Buffer.from(`{"cluster_id":${written}}`));
      assert.equal(writeJson(header, bytes), `{"cluster_id":"${id}"}`);
    }
  }
  for (const revision of ["-9223372036854775808", "9223372036854775807"]) {
    const bytes = readJson(header, Buffer.from(`{"revision":${revision}}`));
    assert.equal(writeJson(header, bytes), `{"revision":"${revision}"}`);
  }
});

test("what is read is what the codec reads", () => {
  const json = `{"compare":[{"key":"YQ==","target":"LEASE","lease":"0"}],
    "success":[{"request_range":{"key":"YQ==","limit":"7"}},{"requestPut":{"key":"Yg==","value":"\\u0059w==","prevKv":true}}]}`;
  const read = TxnRequest.decode(readJson("etcdserverpb.TxnRequest", Buffer.from(json)));
  assert.deepEqual(read.compare[0]?.targetUnion, { $case: "lease", value: 0n });
  const [range, put] = read.success.map(({ request }) => request);
  assert.ok(range?.$case === "requestRange" && put?.$case === "requestPut");
  assert.equal(range.value.limit, 7);
  assert.equal(Buffer.from(put.value.value).toString(), "c");
  assert.equal(put.value.prevKv, true);
});

test("messages within each other have a bound", () => {
  const json = `${'{"success":[{"requestTxn":'.repeat(60)}{}${"}]}".repeat(60)}`;
  assert.throws(() => readJson("etcdserverpb.TxnRequest", Buffer.from(json)), {
    message: "proto: exceeded max recursion depth",
  });
});

test("every message in the tables is written as it is read", () => {
  const examples: Readonly<Record<string, string>> = {
    bool: "true",
    bytes: '"AP+/"',
    enum: "77",
    int32: "-5",
    int64: '"-5"',
    string: '"<\\u0001é\\"\\\\>"',
    uint32: "5",
    uint64: '"18446744073709551615"',
  };
  const example = (type: string, depth: number): string => {
    const oneofs = new Set<string>();
    const fields = jsonMessages[type]!.flatMap((field) => {
      if (field.oneof !== undefined && oneofs.has(field.oneof)) return [];
      if (field.oneof !== undefined) oneofs.add(field.oneof);
      if (field.kind === "message" && depth > 3) return [];
      const one =
        field.kind === "message" ? example(field.type!, depth + 1) : examples[field.kind]!;
      return [`"${field.name}":${field.isRepeated === true ? `[${one},${one}]` : one}`];
    });
    return `{${fields.join(",")}}`;
  };
  for (const type of Object.keys(jsonMessages)) {
    const json = example(type, 0);
    assert.equal(writeJson(type, readJson(type, Buffer.from(json))), json, type);
  }
});
