// How one option's text becomes a value, by the rules of Go's flag and strconv packages, because
// etcd's command line, environment and messages follow them. Pure.
import { parseFeatureGates } from "./feature-gates.ts";
import { parseGoBool, parseGoDurationMs, parseGoInteger } from "./go-literals.ts";
import { type Endpoint, parseEndpoints } from "./urls.ts";

/** What each option type holds once parsed. Durations are milliseconds, fractions allowed. */
export interface ValueTypes {
  string: string;
  bool: boolean;
  uint: number;
  uint32: number;
  int: number;
  duration: number;
  urls: readonly Endpoint[];
  origins: readonly string[];
  list: readonly string[];
  choice: string;
  gates: ReadonlyMap<string, boolean>;
  ignored: true;
}

export type OptionType = keyof ValueTypes;
export type OptionValue = ValueTypes[OptionType];

/** A parsed value, or the reason in etcd's words. */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: string };

const fail = (reason: string): Parsed<never> => ({ ok: false, reason });
const done = <T>(value: T): Parsed<T> => ({ ok: true, value });

const maxSafe = BigInt(Number.MAX_SAFE_INTEGER);

/** A 64-bit value as a safe integer; what is beyond saturates. */
function saturate(value: bigint): number {
  if (value > maxSafe) return Number.MAX_SAFE_INTEGER;
  if (value < -maxSafe) return Number.MIN_SAFE_INTEGER;
  return Number(value);
}

function parseUint(text: string): Parsed<number> {
  const value = text.startsWith("+") || text.startsWith("-") ? undefined : parseGoInteger(text);
  if (value === undefined) return fail("parse error");
  return value >= 1n << 64n ? fail("value out of range") : done(saturate(value));
}

function parseInt64(text: string): Parsed<number> {
  const value = parseGoInteger(text);
  if (value === undefined) return fail("parse error");
  const inRange = value >= -(1n << 63n) && value < 1n << 63n;
  return inRange ? done(saturate(value)) : fail("value out of range");
}

function parseUint32(text: string): Parsed<number> {
  const why = (reason: string) =>
    fail(`strconv.ParseUint: parsing ${JSON.stringify(text)}: ${reason}`);
  if (!/^[0-9]+$/.test(text)) return why("invalid syntax");
  const value = BigInt(text);
  return value >= 1n << 32n ? why("value out of range") : done(Number(value));
}

/** A comma list; the empty text is the empty list. */
export function splitList(text: string): readonly string[] {
  return text === "" ? [] : text.split(",");
}

function parseOrigins(text: string): Parsed<readonly string[]> {
  if (text === "" || text === "*") return done(["*"]);
  const parsed = parseEndpoints(text);
  return typeof parsed === "string" ? fail(parsed) : done(parsed.map((one) => one.text));
}

/** What parseValue needs to know of an option. */
export interface ValueSpec {
  readonly type: OptionType;
  readonly default: string;
  readonly choices?: readonly string[];
}

/** Parses the text of one option; the reason of a failure is what etcd prints after the colon. */
export function parseValue(spec: ValueSpec, text: string): Parsed<OptionValue> {
  switch (spec.type) {
    case "string":
      return done(text);
    case "bool": {
      const value = parseGoBool(text);
      return value === undefined ? fail("parse error") : done(value);
    }
    case "uint":
      return parseUint(text);
    case "uint32":
      return parseUint32(text);
    case "int":
      return parseInt64(text);
    case "duration": {
      const value = parseGoDurationMs(text);
      return value === undefined ? fail("parse error") : done(value);
    }
    case "urls": {
      // An empty list leaves the default, which is how etcd's URL flags treat "".
      const parsed = text === "" && spec.default === "" ? [] : parseEndpoints(text || spec.default);
      return typeof parsed === "string" ? fail(parsed) : done(parsed);
    }
    case "origins":
      return parseOrigins(text);
    case "list":
      return done(splitList(text));
    case "choice": {
      const choices = spec.choices ?? [];
      return choices.includes(text) ? done(text) : fail("invalid value");
    }
    case "gates": {
      const parsed = parseFeatureGates(text);
      return typeof parsed === "string" ? fail(parsed) : done(parsed);
    }
    case "ignored":
      return done(true);
  }
}
