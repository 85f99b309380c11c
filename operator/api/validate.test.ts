import assert from "node:assert/strict";
import { test } from "node:test";
import { customResourceDefinition, definitions } from "#operator/api/definitions.ts";
import { parseQuantity } from "#operator/api/quantity.ts";
import { holds } from "#operator/api/rules.ts";
import type { JsonSchema } from "#operator/api/schema.ts";
import { judge } from "#operator/api/validate.ts";
import { admissionTable } from "#test/operator/admission-table.ts";

for (const { what, kind, name = "c", spec, update, refused } of admissionTable) {
  test(`${kind}, ${what}: ${refused === undefined ? "good" : "refused"}`, () => {
    const { schema } = definitions.find((one) => one.kind === kind)!;
    const object = (inner: unknown) => ({ metadata: { name }, spec: inner });
    let last = judge(schema, object(spec));
    if (update !== undefined) {
      assert(last.ok, JSON.stringify(last));
      last = judge(schema, object(update), last.value);
    }
    if (refused === undefined) {
      assert(last.ok, JSON.stringify(last));
      // Defaults are stable: the filled-in object is accepted in place of itself.
      assert.deepEqual(judge(schema, last.value, last.value), last);
      return;
    }
    assert(!last.ok, "it was accepted");
    const found = last.problems.some(
      ({ path, message }) =>
        path.join(".").startsWith(refused.field) && message.includes(refused.message ?? ""),
    );
    assert(found, JSON.stringify(last.problems));
  });
}

/** Every schema below this one, with its path. */
function* schemas(schema: JsonSchema, path: string): Generator<readonly [string, JsonSchema]> {
  yield [path, schema];
  for (const [name, inner] of Object.entries(schema.properties ?? {})) {
    yield* schemas(inner, `${path}.${name}`);
  }
  if (schema.items !== undefined) yield* schemas(schema.items, `${path}[]`);
  if (schema.additionalProperties !== undefined) {
    yield* schemas(schema.additionalProperties, `${path}{}`);
  }
}

for (const definition of definitions) {
  test(`${definition.kind}: every field is described and bounded, and its default fits`, () => {
    for (const [path, schema] of schemas(definition.schema, definition.kind)) {
      if (path.endsWith(".metadata")) continue;
      assert((schema.description ?? "").length > 3, path);
      const { properties, default: value, enum: choices, format } = schema;
      if (schema.type === "string" && choices === undefined && format === undefined) {
        const isHead = /^\w+\.(apiVersion|kind)$/.test(path);
        assert(isHead || schema.maxLength !== undefined, `${path} has no longest length`);
      }
      if (schema.type === "array") assert(schema.maxItems !== undefined, path);
      if (schema.additionalProperties !== undefined)
        assert(schema.maxProperties !== undefined, path);
      if (value !== undefined) assert(judge(schema, value).ok, `${path}: its default is bad`);
      for (const name of schema.required ?? []) assert(properties?.[name] !== undefined, path);
      // A rule that uses a function which is not there holds for nothing.
      for (const { rule } of schema["x-kubernetes-validations"] ?? [])
        assert.doesNotThrow(() => holds(rule, {}, {}));
    }
  });

  test(`${definition.kind}: fits into the annotation of kubectl apply`, () => {
    assert(JSON.stringify(customResourceDefinition(definition)).length < 200_000);
  });
}

test("quantities", () => {
  const rows = [
    ["1", 1],
    ["500m", 0.5],
    ["1.5Gi", 1.5 * 2 ** 30],
    ["2k", 2000],
    ["1Ei", 2 ** 60],
    ["", undefined],
    ["1X", undefined],
    ["-1", undefined],
    ["Gi", undefined],
  ] as const;
  for (const [text, want] of rows) assert.equal(parseQuantity(text), want, text);
});
