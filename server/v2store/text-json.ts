// Strings in the answers of the v2 API. Pure.
import { goJson } from "#base/go-json.ts";

/** Go's encoder of that time knew no short escapes for these two. */
const longEscapes = /[\b\f]/;

/** A string as etcd 3.4 writes it. */
export function textJson(value: string): string {
  if (!longEscapes.test(value)) return goJson(value);
  const parts = value.split(/([\b\f])/).map((part) => {
    if (part === "\b") return "\\u0008";
    return part === "\f" ? "\\u000c" : goJson(part).slice(1, -1);
  });
  return `"${parts.join("")}"`;
}
