// Two answers side by side: the first place at which they differ.
import { assert } from "#base/assert.ts";

/** `value`, which cannot be undefined. */
export function assertDefined<T>(value: T | undefined, what: string): T {
  assert(value !== undefined, what);
  return value;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !(value instanceof Uint8Array);
}

/** The path of the first difference between plain values, or undefined if they are equal. */
export function differenceAt(a: unknown, b: unknown, path = ""): string | undefined {
  if (Object.is(a, b)) return undefined;
  if (a instanceof Uint8Array && b instanceof Uint8Array) {
    return Buffer.compare(a, b) === 0 ? undefined : path;
  }
  if (!isRecord(a) || !isRecord(b) || Array.isArray(a) !== Array.isArray(b)) return path;
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  for (const key of keys) {
    const at = differenceAt(a[key], b[key], `${path}.${key}`);
    if (at !== undefined) return at;
  }
  return undefined;
}

/** What stands at a path of `differenceAt`, whatever word is before its first dot. */
export function valueAt(value: unknown, path: string): unknown {
  const steps = path.split(".").slice(1);
  return steps.reduce<unknown>((at, step) => (isRecord(at) ? at[step] : at), value);
}

/** A value for the report of a difference. */
export function shown(value: unknown): string {
  const plain = (one: unknown): unknown => {
    if (one instanceof Uint8Array) {
      return one.length > 200 ? `${one.length} bytes` : Buffer.from(one).toString("latin1");
    }
    if (typeof one === "bigint") return `${one}n`;
    if (Array.isArray(one)) return one.map(plain);
    if (!isRecord(one)) return one;
    return Object.fromEntries(Object.entries(one).map(([key, inner]) => [key, plain(inner)]));
  };
  const line = JSON.stringify(plain(value));
  return line === undefined ? "nothing" : line.length > 4000 ? `${line.slice(0, 4000)}…` : line;
}
