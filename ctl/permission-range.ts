// The interval of a permission, from arguments and --prefix or --from-key, in the reference's words.
import { utf8 } from "#base/bytes.ts";
import { prefixEnd } from "#client/kv.ts";
import { badArguments } from "#ctl/exit.ts";
import type { Flag, ParsedFlags } from "#ctl/flags.ts";
import type { Interval } from "#ctl/range-arguments.ts";

const zero = Uint8Array.of(0);
const none = new Uint8Array(0);

export const permissionRangeFlags: readonly Flag[] = [
  { name: "prefix", kind: "bool", initial: false, usage: "all keys that begin with KEY" },
  { name: "from-key", kind: "bool", initial: false, usage: "KEY and all keys behind it" },
];

/** `args` are KEY and perhaps END; throws Exit. */
export function permissionRange(args: readonly string[], flags: ParsedFlags): Interval {
  const [prefix, fromKey] = [flags.bool("prefix"), flags.bool("from-key")];
  const [key = "", end] = args;
  const exclusive = "--from-key and --prefix flags are mutually exclusive";
  if (key === "") {
    if (prefix && fromKey) throw badArguments(exclusive);
    return { key: zero, rangeEnd: prefix || fromKey ? zero : none };
  }
  if (end !== undefined) {
    if (prefix) throw badArguments("unexpected endkey argument with --prefix flag");
    if (fromKey) throw badArguments("unexpected endkey argument with --from-key flag");
    return { key: utf8(key), rangeEnd: utf8(end) };
  }
  if (prefix && fromKey) throw badArguments(exclusive);
  if (prefix) return { key: utf8(key), rangeEnd: prefixEnd(utf8(key)) };
  return { key: utf8(key), rangeEnd: fromKey ? zero : none };
}
