// Command-line flags with the rules of the library that etcdctl is written with (pflag), to the
// message: flags and arguments may be mixed, `--` ends the flags, a boolean takes a value only as
// `--name=value`, one-letter flags can be run together. commander differs in each of these points,
// and scripts depend on them; that is why this is not commander.
import {
  GoSyntaxError,
  goDuration,
  goQuote,
  parseDurationMs,
  parseInt64,
  safeNumber,
} from "#ctl/go-text.ts";

export type FlagKind = "bool" | "string" | "int" | "uint" | "duration" | "list";

/** One row of a table of flags. Durations have their default in milliseconds. */
export interface Flag {
  readonly name: string;
  readonly short?: string;
  readonly kind: FlagKind;
  readonly initial: boolean | string | number | readonly string[];
  readonly usage: string;
}

type Value = boolean | string | number | readonly string[];

/** A command line that cannot be read; the message is etcdctl's. */
export class FlagError extends Error {}

/** The text of a value as help and --debug show it. */
export function flagText(flag: Flag, value: Value): string {
  if (flag.kind === "duration") return goDuration(Number(value));
  return flag.kind === "list" ? `[${(value as readonly string[]).join(",")}]` : String(value);
}

const truths: Readonly<Record<string, boolean>> = {
  "1": true,
  t: true,
  T: true,
  true: true,
  TRUE: true,
  True: true,
  "0": false,
  f: false,
  F: false,
  false: false,
  FALSE: false,
  False: false,
};

function readValue(flag: Flag, text: string): Value {
  switch (flag.kind) {
    case "bool": {
      const value = Object.hasOwn(truths, text) ? truths[text] : undefined;
      if (value === undefined) {
        throw new GoSyntaxError(`strconv.ParseBool: parsing ${goQuote(text)}: invalid syntax`);
      }
      return value;
    }
    case "int":
      return safeNumber(parseInt64(text, 0));
    case "uint":
      if (!/^(0x[0-9a-f]+|\d+)$/i.test(text)) {
        throw new GoSyntaxError(`strconv.ParseUint: parsing ${goQuote(text)}: invalid syntax`);
      }
      return safeNumber(parseInt64(text, 0));
    case "duration":
      return parseDurationMs(text);
    case "list":
      return text === "" ? [] : text.split(",");
    case "string":
      return text;
  }
}

/** The flags and arguments of one command line. */
export class ParsedFlags {
  /** Arguments in order, those after `--` included. */
  readonly args: string[] = [];
  /** How many arguments stood before `--`; undefined without it. */
  argsBeforeDash: number | undefined;
  private readonly byName: ReadonlyMap<string, Flag>;
  private readonly values = new Map<string, Value>();
  private readonly given = new Set<string>();

  constructor(flags: readonly Flag[]) {
    this.byName = new Map(flags.map((flag) => [flag.name, flag]));
  }

  bool(name: string): boolean {
    return this.value(name) as boolean;
  }

  string(name: string): string {
    return this.value(name) as string;
  }

  /** An integer, or a duration in milliseconds. */
  number(name: string): number {
    return this.value(name) as number;
  }

  list(name: string): readonly string[] {
    return this.value(name) as readonly string[];
  }

  /** True if the flag was on the command line. */
  isGiven(name: string): boolean {
    return this.given.has(name);
  }

  value(name: string): Value {
    const value = this.values.get(name) ?? this.byName.get(name)?.initial;
    if (value === undefined) throw new Error(`no flag --${name}`);
    return value;
  }

  /** Sets a flag from the environment; throws GoSyntaxError. */
  set(name: string, text: string): void {
    const flag = this.byName.get(name);
    if (flag !== undefined) this.values.set(name, readValue(flag, text));
  }

  /** Used by parseFlags. */
  give(flag: Flag, text: string): void {
    const shown = flag.short === undefined ? `--${flag.name}` : `-${flag.short}, --${flag.name}`;
    try {
      let value = readValue(flag, text);
      // A list given twice grows; the first one replaces the default.
      if (flag.kind === "list" && this.given.has(flag.name)) {
        value = [...this.list(flag.name), ...(value as readonly string[])];
      }
      this.values.set(flag.name, value);
      this.given.add(flag.name);
    } catch (thrown) {
      if (!(thrown instanceof GoSyntaxError)) throw thrown;
      throw new FlagError(
        `invalid argument ${goQuote(text)} for ${goQuote(shown)} flag: ${thrown.message}`,
      );
    }
  }
}

/** Reads a command line; throws FlagError. */
export function parseFlags(flags: readonly Flag[], words: readonly string[]): ParsedFlags {
  const parsed = new ParsedFlags(flags);
  const rest = [...words];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === "--") {
      parsed.argsBeforeDash = parsed.args.length;
      parsed.args.push(...rest);
      break;
    }
    if (!word.startsWith("-") || word === "-") parsed.args.push(word);
    else if (word.startsWith("--")) parseLong(flags, parsed, word, rest);
    else parseShort(flags, parsed, word, rest);
  }
  return parsed;
}

function parseLong(
  flags: readonly Flag[],
  parsed: ParsedFlags,
  word: string,
  rest: string[],
): void {
  const equals = word.indexOf("=");
  const name = word.slice(2, equals < 0 ? undefined : equals);
  if (name === "" || name.startsWith("-")) throw new FlagError(`bad flag syntax: ${word}`);
  const flag = flags.find((each) => each.name === name);
  if (flag === undefined) throw new FlagError(`unknown flag: --${name}`);
  if (equals >= 0) parsed.give(flag, word.slice(equals + 1));
  else if (flag.kind === "bool") parsed.give(flag, "true");
  else {
    const value = rest.shift();
    if (value === undefined) throw new FlagError(`flag needs an argument: --${name}`);
    parsed.give(flag, value);
  }
}

function parseShort(
  flags: readonly Flag[],
  parsed: ParsedFlags,
  word: string,
  rest: string[],
): void {
  for (let letters = word.slice(1); letters !== ""; ) {
    const letter = letters[0] ?? "";
    const flag = flags.find((each) => each.short === letter);
    if (flag === undefined) {
      throw new FlagError(`unknown shorthand flag: ${goQuoteLetter(letter)} in -${letters}`);
    }
    const after = letters.slice(1);
    if (after.startsWith("=") && after.length > 1) {
      parsed.give(flag, after.slice(1));
      return;
    }
    if (flag.kind === "bool") {
      parsed.give(flag, "true");
      letters = after;
      continue;
    }
    const value = after === "" ? rest.shift() : after;
    if (value === undefined) {
      throw new FlagError(`flag needs an argument: ${goQuoteLetter(letter)} in -${letters}`);
    }
    parsed.give(flag, value);
    return;
  }
}

function goQuoteLetter(letter: string): string {
  return `'${letter}'`;
}
