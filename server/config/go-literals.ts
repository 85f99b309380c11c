// Literals as Go reads and prints them: booleans, integers, durations. Pure.

const trueTexts = new Set(["1", "t", "T", "TRUE", "true", "True"]);
const falseTexts = new Set(["0", "f", "F", "FALSE", "false", "False"]);

/** strconv.ParseBool. */
export function parseGoBool(text: string): boolean | undefined {
  return trueTexts.has(text) ? true : falseTexts.has(text) ? false : undefined;
}

const integerPattern =
  /^([+-]?)(?:0[xX](_?[0-9a-fA-F](?:_?[0-9a-fA-F])*)|0[bB](_?[01](?:_?[01])*)|0[oO]?(_?[0-7](?:_?[0-7])*)|([1-9](?:_?[0-9])*|0))$/;

/** An integer literal of Go with base prefix and underscores; undefined if it is none. */
export function parseGoInteger(text: string): bigint | undefined {
  const found = integerPattern.exec(text);
  if (found === null) return undefined;
  const [, sign, hex, binary, octal, decimal] = found;
  const digits =
    hex !== undefined
      ? `0x${hex}`
      : binary !== undefined
        ? `0b${binary}`
        : octal !== undefined
          ? `0o${octal}`
          : (decimal ?? "0");
  const magnitude = BigInt(digits.replaceAll("_", ""));
  return sign === "-" ? -magnitude : magnitude;
}

const unitMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** time.ParseDuration, in milliseconds; undefined if the text is no duration or exceeds 292 years. */
export function parseGoDurationMs(text: string): number | undefined {
  const found = /^([+-]?)(.+)$/s.exec(text);
  if (found === null) return undefined;
  const [, sign, rest = ""] = found;
  if (rest === "0") return 0;
  const part = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/y;
  let totalMs = 0;
  while (part.lastIndex < rest.length) {
    const step = part.exec(rest);
    if (step === null) return undefined;
    totalMs += Number(step[1]) * (unitMs[step[2] ?? ""] ?? 0);
  }
  if (totalMs > 9_223_372_036_854) return undefined;
  return sign === "-" && totalMs !== 0 ? -totalMs : totalMs;
}
