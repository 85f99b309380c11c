// The command line, read as Go's flag package reads it: one dash or two, "=value" or the next
// argument, switches without a value, an end at "--" or at the first word that is no flag. Pure.
import { parseGoBool } from "./go-literals.ts";
import { ignoredFlags } from "./options.ts";
import { isFlag, isSwitch, type Settings } from "./settings.ts";

export type FlagsResult =
  | {
      readonly kind: "ok";
      /** Names as they were written, old ones too. */
      readonly names: ReadonlySet<string>;
      readonly rest: readonly string[];
      readonly configFile: string | undefined;
      readonly version: boolean;
    }
  | { readonly kind: "help" }
  | { readonly kind: "error"; readonly message: string };

const error = (message: string): FlagsResult => ({ kind: "error", message });

/** Reads `args` (without the program's name) into `settings`. Errors carry etcd's words. */
export function parseFlags(args: readonly string[], settings: Settings): FlagsResult {
  const names = new Set<string>();
  let configFile: string | undefined;
  let version = false;
  let at = 0;
  for (; at < args.length; at++) {
    const word = args[at] ?? "";
    if (word.length < 2 || word[0] !== "-") break;
    if (word === "--") {
      at++;
      break;
    }
    const bare = word.slice(word[1] === "-" ? 2 : 1);
    if (bare === "" || bare[0] === "-" || bare[0] === "=") return error(`bad flag syntax: ${word}`);
    const cut = bare.indexOf("=");
    const name = cut < 0 ? bare : bare.slice(0, cut);
    let value = cut < 0 ? undefined : bare.slice(cut + 1);
    const special = name === "config-file" || name === "version";
    if (!special && !isFlag(name)) {
      if (name === "help" || name === "h") return { kind: "help" };
      return error(`flag provided but not defined: -${name}`);
    }
    const onOff = name === "version" || (!special && isSwitch(name));
    if (value === undefined) {
      if (onOff) {
        value = "true";
      } else {
        value = args[++at];
        if (value === undefined) return error(`flag needs an argument: -${name}`);
      }
    }
    names.add(name);
    if (ignoredFlags.has(name)) continue;
    let reason: string | undefined;
    if (name === "config-file") configFile = value;
    else if (name === "version") {
      const parsed = parseGoBool(value);
      if (parsed === undefined) reason = "parse error";
      else version = parsed;
    } else reason = settings.setText(name, value);
    if (reason === undefined) continue;
    return error(
      onOff
        ? `invalid boolean value ${JSON.stringify(value)} for -${name}: ${reason}`
        : `invalid value ${JSON.stringify(value)} for flag -${name}: ${reason}`,
    );
  }
  return { kind: "ok", names, rest: args.slice(at), configFile, version };
}
