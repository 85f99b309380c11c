// Judges a value by a structural schema, as the API server does on create and update: types, bounds,
// unknown fields (refused, as kubectl does), defaults filled in, then the CEL rules. Pure.
import { holds, isTransition } from "#operator/api/rules.ts";
import type { JsonSchema } from "#operator/api/schema.ts";

/** What is wrong, and where. */
export interface Problem {
  readonly path: readonly string[];
  readonly message: string;
}

/** The value with its defaults, or all that is wrong with it. */
export type Judged =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly problems: readonly Problem[] };

type Path = readonly string[];
type Plain = Readonly<Record<string, unknown>>;

function isPlain(value: unknown): value is Plain {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Judges `value` as new, or as what replaces `old`, which must have been judged good. */
export function judge(schema: JsonSchema, value: unknown, old?: unknown): Judged {
  const problems: Problem[] = [];
  const filled = fill(schema, value, [], problems);
  if (problems.length === 0) applyRules(schema, filled, old, [], problems);
  return problems.length === 0 ? { ok: true, value: filled } : { ok: false, problems };
}

const names: Readonly<Record<string, string>> = {
  object: "a map",
  array: "a list",
  string: "a text",
  integer: "an integer",
  boolean: "true or false",
};

function expected(schema: JsonSchema): string {
  if (schema.enum !== undefined) return `one of ${schema.enum.join(", ")}`;
  if (schema.type !== "integer") return names[schema.type ?? "object"] ?? "something else";
  const { minimum, maximum } = schema;
  if (minimum !== undefined && maximum !== undefined) {
    return `an integer from ${minimum} to ${maximum}`;
  }
  return minimum === undefined ? "an integer" : `an integer of at least ${minimum}`;
}

function fits(schema: JsonSchema, value: unknown): boolean {
  switch (schema.type) {
    case "object":
      return isPlain(value);
    case "array":
      return Array.isArray(value);
    case "integer": {
      const { minimum = -Infinity, maximum = Infinity } = schema;
      return Number.isSafeInteger(value) && Number(value) >= minimum && Number(value) <= maximum;
    }
    case "boolean":
      return typeof value === "boolean";
    case "string":
      return typeof value === "string" && (schema.enum?.includes(value) ?? true);
    default:
      return true;
  }
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

/** The value with defaults; what is wrong is added to `problems`. */
function fill(schema: JsonSchema, value: unknown, path: Path, problems: Problem[]): unknown {
  const fail = (message: string): unknown => {
    problems.push({ path, message });
    return value;
  };
  if (!fits(schema, value)) return fail(`must be ${expected(schema)}, not ${shown(value)}`);
  if (typeof value === "string") {
    const { minLength = 0, maxLength = Infinity, pattern, format } = schema;
    if (value.length < minLength) return fail("must not be empty");
    if (value.length > maxLength) return fail(`must have at most ${maxLength} characters`);
    if (pattern !== undefined && !new RegExp(pattern).test(value)) {
      return fail(`must match ${pattern}, not be ${shown(value)}`);
    }
    if (format === "date-time" && Number.isNaN(Date.parse(value))) return fail("must be a time");
    return value;
  }
  if (Array.isArray(value)) return fillList(schema, value, path, problems);
  return isPlain(value) ? fillMap(schema, value, path, problems) : value;
}

function fillList(schema: JsonSchema, value: unknown[], path: Path, problems: Problem[]): unknown {
  const { items = {}, maxItems = Infinity } = schema;
  if (value.length > maxItems) {
    problems.push({ path, message: `must have at most ${maxItems} items` });
    return value;
  }
  const [key] = schema["x-kubernetes-list-map-keys"] ?? [];
  const keys = new Set<unknown>();
  return value.map((item, at) => {
    const here = [...path, String(at)];
    if (key !== undefined && isPlain(item)) {
      if (keys.has(item[key])) problems.push({ path: here, message: `${key} is there twice` });
      keys.add(item[key]);
    }
    return fill(items, item, here, problems);
  });
}

function fillMap(schema: JsonSchema, value: Plain, path: Path, problems: Problem[]): unknown {
  const { properties, additionalProperties, required = [], maxProperties = Infinity } = schema;
  if (schema["x-kubernetes-preserve-unknown-fields"]) return value;
  const given = Object.entries(value);
  if (given.length > maxProperties) {
    problems.push({ path, message: `must have at most ${maxProperties} entries` });
    return value;
  }
  const filled: Record<string, unknown> = {};
  for (const [name, one] of given) {
    const here = [...path, name];
    const inner = properties?.[name] ?? additionalProperties;
    // An object without any schema, as metadata is here, is judged elsewhere.
    if (properties === undefined && additionalProperties === undefined) filled[name] = one;
    else if (inner === undefined) {
      const known = Object.keys(properties ?? {}).join(", ") || "none";
      problems.push({ path: here, message: `is not known here; known are ${known}` });
    } else if (one !== null) filled[name] = fill(inner, one, here, problems);
  }
  for (const [name, inner] of Object.entries(properties ?? {})) {
    if (Object.hasOwn(filled, name)) continue;
    if (inner.default !== undefined) {
      filled[name] = fill(inner, structuredClone(inner.default), [...path, name], problems);
    } else if (required.includes(name) && !Object.hasOwn(value, name)) {
      problems.push({ path: [...path, name], message: "is missing" });
    } else if (required.includes(name)) {
      problems.push({ path: [...path, name], message: "is empty" });
    }
  }
  return filled;
}

function applyRules(
  schema: JsonSchema,
  value: unknown,
  old: unknown,
  path: Path,
  problems: Problem[],
): void {
  for (const { rule, message } of schema["x-kubernetes-validations"] ?? []) {
    if (isTransition(rule) && old === undefined) continue;
    if (!holds(rule, value, old)) problems.push({ path, message });
  }
  if (Array.isArray(value)) {
    // Items of lists have no old self, unless the list has keys; no rule here needs one.
    for (const [at, item] of value.entries()) {
      applyRules(schema.items ?? {}, item, undefined, [...path, String(at)], problems);
    }
  } else if (isPlain(value)) {
    const before = isPlain(old) ? old : {};
    for (const [name, one] of Object.entries(value)) {
      const inner = schema.properties?.[name] ?? schema.additionalProperties;
      if (inner !== undefined) applyRules(inner, one, before[name], [...path, name], problems);
    }
  }
}
