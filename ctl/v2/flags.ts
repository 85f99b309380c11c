// Flags of etcdctl's v2 command line, which is another library's than v3's: `-name` and `--name` are the
// same, a command's flags may stand behind its arguments, and an unknown one there is an argument. Pure.
import { GoSyntaxError, parseDurationMs, parseInt64, safeNumber } from "#ctl/go-text.ts";

/** One row of a table of flags. */
export interface V2Flag {
  /** The long one first. */
  readonly names: readonly string[];
  readonly kind: "bool" | "string" | "int" | "duration" | "list";
  /** Durations in milliseconds; left out: false, "", 0 or nothing. */
  readonly initial?: string | number;
  readonly usage: string;
}

type Value = boolean | string | number | readonly string[];

/** A command line that cannot be read; the message is etcdctl's. */
export class V2FlagError extends Error {}

const truths: ReadonlyMap<string, boolean> = new Map([
  ...["1", "t", "T", "TRUE", "true", "True"].map((text) => [text, true] as const),
  ...["0", "f", "F", "FALSE", "false", "False"].map((text) => [text, false] as const),
]);

export const helpFlag: V2Flag = { names: ["help", "h"], kind: "bool", usage: "show help" };

export class V2Flags {
  /** What stood before `--` and is no flag. */
  readonly args: string[] = [];
  /** What stood behind `--`; undefined without it. */
  behindDashes: readonly string[] | undefined;
  private readonly values = new Map<V2Flag, { readonly name: string; readonly value: Value }>();
  private readonly flags: readonly V2Flag[];

  constructor(flags: readonly V2Flag[]) {
    this.flags = flags;
  }

  bool(name: string): boolean {
    return this.value(name) === true;
  }

  string(name: string): string {
    return String(this.value(name) ?? "");
  }

  /** An integer, or a duration in milliseconds. */
  number(name: string): number {
    return Number(this.value(name) ?? 0);
  }

  list(name: string): readonly string[] {
    return (this.value(name) ?? []) as readonly string[];
  }

  /** All arguments, those behind `--` too. */
  get all(): readonly string[] {
    return [...this.args, ...(this.behindDashes ?? [])];
  }

  flagNamed(name: string): V2Flag | undefined {
    return this.flags.find(({ names }) => names.includes(name));
  }

  /** Throws V2FlagError. */
  give(flag: V2Flag, name: string, text: string): void {
    let value: Value;
    try {
      value = readValue(flag, text);
    } catch (thrown) {
      if (!(thrown instanceof GoSyntaxError)) throw thrown;
      const what = flag.kind === "bool" ? "boolean value" : "value";
      const where = flag.kind === "bool" ? "" : "flag ";
      const reason = thrown.message.endsWith("out of range") ? "value out of range" : "parse error";
      throw new V2FlagError(
        `invalid ${what} ${JSON.stringify(text)} for ${where}-${name}: ${reason}`,
      );
    }
    const before = this.values.get(flag);
    if (before !== undefined && before.name !== name) {
      const [one, other] = [name, before.name].sort(
        (a, b) => flag.names.indexOf(b) - flag.names.indexOf(a),
      );
      throw new V2FlagError(`Cannot use two forms of the same flag: ${one} ${other}`);
    }
    if (flag.kind === "list") value = [...((before?.value ?? []) as string[]), text];
    this.values.set(flag, { name, value });
  }

  private value(name: string): Value | undefined {
    const flag = this.flagNamed(name);
    return flag === undefined ? undefined : (this.values.get(flag)?.value ?? flag.initial);
  }
}

function readValue(flag: V2Flag, text: string): Value {
  switch (flag.kind) {
    case "bool": {
      const value = truths.get(text);
      if (value === undefined) throw new GoSyntaxError("no boolean");
      return value;
    }
    case "int":
      return safeNumber(parseInt64(text, 0));
    case "duration":
      return parseDurationMs(text);
    default:
      return text;
  }
}

/** The name in `-name`, `--name` or `-name=value`; undefined for what cannot be a flag. */
function nameIn(word: string): string | undefined {
  return word === "-" || word === "--" || !word.startsWith("-")
    ? undefined
    : word.replace(/^--?/, "").split("=", 1)[0];
}

/** Reads one flag at the head of `rest` and takes its words off. */
function takeFlag(parsed: V2Flags, rest: string[]): void {
  const word = rest.shift() ?? "";
  const body = word.replace(/^--?/, "");
  if (body === "" || body.startsWith("-") || body.startsWith("=")) {
    throw new V2FlagError(`bad flag syntax: ${word}`);
  }
  const equals = body.indexOf("=");
  const name = equals < 0 ? body : body.slice(0, equals);
  const flag = parsed.flagNamed(name);
  if (flag === undefined) throw new V2FlagError(`flag provided but not defined: -${name}`);
  const value = equals >= 0 ? body.slice(equals + 1) : flag.kind === "bool" ? "true" : rest.shift();
  if (value === undefined) throw new V2FlagError(`flag needs an argument: -${name}`);
  parsed.give(flag, name, value);
}

/** Flags up to the first word that is none, as before a command; gives them and the words from there. */
export function parseLeading(
  flags: readonly V2Flag[],
  words: readonly string[],
): { readonly parsed: V2Flags; readonly rest: readonly string[] } {
  const parsed = new V2Flags([...flags, helpFlag]);
  const rest = [...words];
  while (rest[0]?.startsWith("-") === true && rest[0] !== "-") {
    if (rest[0] === "--") {
      rest.shift();
      break;
    }
    takeFlag(parsed, rest);
  }
  return { parsed, rest };
}

/** Flags of a command anywhere before `--`; an unknown one counts as an argument unless it comes first. */
export function parseCommand(flags: readonly V2Flag[], words: readonly string[]): V2Flags {
  const parsed = new V2Flags([...flags, helpFlag]);
  const rest = [...words];
  const isKnown = (word: string): boolean => {
    const name = nameIn(word);
    return name !== undefined && parsed.flagNamed(name) !== undefined;
  };
  let unknown: string | undefined;
  while (rest.length > 0) {
    const word = rest[0] ?? "";
    if (word === "--") {
      parsed.behindDashes = rest.slice(1);
      break;
    }
    if (isKnown(word)) {
      takeFlag(parsed, rest);
      continue;
    }
    rest.shift();
    if (parsed.args.length === 0 && nameIn(word) !== undefined) unknown ??= word;
    parsed.args.push(word);
  }
  if (unknown !== undefined && parsed.behindDashes === undefined) takeFlag(parsed, [unknown]);
  return parsed;
}
