// How get, del and watch turn a key, an optional end and --prefix or --from-key into an interval.
import { utf8 } from "#base/bytes.ts";
import { prefixEnd } from "#client/kv.ts";
import { badArguments, Exit, exitCode } from "#ctl/exit.ts";
import { goQuote } from "#ctl/go-text.ts";

export interface Interval {
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
}

const zero = Uint8Array.of(0);

/** The keys that begin with `prefix`; all keys if it is empty. */
export function prefixInterval(prefix: string): Interval {
  const key = utf8(prefix);
  return key.length === 0 ? { key: zero, rangeEnd: zero } : { key, rangeEnd: prefixEnd(key) };
}

/** The interval that arguments and flags of get and del name; throws Exit. */
export function intervalOf(
  args: readonly string[],
  flags: { readonly prefix: boolean; readonly fromKey: boolean },
): Interval {
  const [key = "", end] = args;
  if (end !== undefined && (flags.prefix || flags.fromKey)) {
    throw badArguments(
      "too many arguments, only accept one argument when `--prefix` or `--from-key` is set",
    );
  }
  if (flags.prefix) return prefixInterval(key);
  if (flags.fromKey) return { key: key === "" ? zero : utf8(key), rangeEnd: zero };
  return { key: utf8(key), rangeEnd: utf8(end ?? "") };
}

/** Refuses --prefix beside --from-key. */
export function refuseBoth(flags: { readonly prefix: boolean; readonly fromKey: boolean }): void {
  if (flags.prefix && flags.fromKey) {
    throw badArguments("`--prefix` and `--from-key` cannot be set at the same time, choose one");
  }
}

/** True for `s`, false for `l`; throws Exit. */
export function isSerializable(consistency: string): boolean {
  if (consistency === "s") return true;
  if (consistency === "l") return false;
  throw new Exit(exitCode.badFeature, `unknown consistency flag ${goQuote(consistency)}`);
}
