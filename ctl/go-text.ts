// Texts as Go's standard library prints and reads them: quoted strings, durations, integers, sizes.
// etcdctl's output and messages are made of them, and scripts read both.

/** A number or text that Go's strconv or time would refuse, with their message. */
export class GoSyntaxError extends Error {}

const int64Max = 9223372036854775807n;
const uint64Max = 18446744073709551615n;

const shortEscapes = new Map<number, string>([
  [7, "\\a"],
  [8, "\\b"],
  [9, "\\t"],
  [10, "\\n"],
  [11, "\\v"],
  [12, "\\f"],
  [13, "\\r"],
  [34, '\\"'],
  [92, "\\\\"],
]);
const printable = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;
const hex = (value: number, width: number): string => value.toString(16).padStart(width, "0");

/** Bytes that form one UTF-8 character at `at`, or 1 and false for a malformed one. */
function characterLength(bytes: Uint8Array, at: number): { length: number; valid: boolean } {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return { length: 1, valid: true };
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || at + length > bytes.length)
    return { length: 1, valid: false };
  const text = Buffer.from(bytes.subarray(at, at + length)).toString("utf8");
  return text.includes("\ufffd") && !(first === 0xef && bytes[at + 1] === 0xbf)
    ? { length: 1, valid: false }
    : { length, valid: true };
}

/** `%q` of a string: double-quoted, with Go's escapes. */
export function goQuote(value: string | Uint8Array): string {
  const bytes = typeof value === "string" ? Buffer.from(value) : value;
  let out = '"';
  for (let at = 0; at < bytes.length; ) {
    const byte = bytes[at] ?? 0;
    const { length, valid } = characterLength(bytes, at);
    if (!valid) out += `\\x${hex(byte, 2)}`;
    else {
      const text = Buffer.from(bytes.subarray(at, at + length)).toString("utf8");
      const point = text.codePointAt(0) ?? 0;
      const short = shortEscapes.get(point);
      if (short !== undefined) out += short;
      else if (printable.test(text)) out += text;
      else if (point < 0x20 || point === 0x7f) out += `\\x${hex(point, 2)}`;
      else out += point > 0xffff ? `\\U${hex(point, 8)}` : `\\u${hex(point, 4)}`;
    }
    at += length;
  }
  return `${out}"`;
}

const unescapes: Readonly<Record<string, number>> = {
  a: 7,
  b: 8,
  f: 12,
  n: 10,
  r: 13,
  t: 9,
  v: 11,
  "\\": 92,
  '"': 34,
};

/** Reads a double-quoted or back-quoted Go string at the start of `text`; undefined if there is none. */
export function goUnquote(text: string): { bytes: Uint8Array; length: number } | undefined {
  if (text.startsWith("`")) {
    const end = text.indexOf("`", 1);
    if (end < 0) return undefined;
    return { bytes: Buffer.from(text.slice(1, end)), length: end + 1 };
  }
  if (!text.startsWith('"')) return undefined;
  const parts: Buffer[] = [];
  for (let at = 1; at < text.length; ) {
    const character = String.fromCodePoint(text.codePointAt(at) ?? 0);
    if (character === '"') return { bytes: Buffer.concat(parts), length: at + 1 };
    if (character === "\n") return undefined;
    if (character !== "\\") {
      parts.push(Buffer.from(character));
      at += character.length;
      continue;
    }
    const next = text[at + 1] ?? "";
    const short = unescapes[next];
    if (short !== undefined) {
      parts.push(Buffer.from([short]));
      at += 2;
      continue;
    }
    const number = /^\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3}))/.exec(
      text.slice(at),
    );
    if (number === null) return undefined;
    const [whole, byte, short4, long8, octal] = number;
    if (byte !== undefined) parts.push(Buffer.from([Number.parseInt(byte, 16)]));
    else if (octal !== undefined) {
      const value = Number.parseInt(octal, 8);
      if (value > 255) return undefined;
      parts.push(Buffer.from([value]));
    } else {
      const point = Number.parseInt(short4 ?? long8 ?? "0", 16);
      if (point > 0x10ffff) return undefined;
      parts.push(Buffer.from(String.fromCodePoint(point)));
    }
    at += whole.length;
  }
  return undefined;
}

function parseInteger(
  text: string,
  base: 0 | 10 | 16,
  name: "ParseInt" | "ParseUint",
  limits: { min: bigint; max: bigint },
): bigint {
  const sign = name === "ParseInt" ? /^[+-]/.exec(text)?.[0] : undefined;
  let digits = sign === undefined ? text : text.slice(1);
  const valid =
    base === 16
      ? /^[0-9a-fA-F]+$/.test(digits)
      : base === 10
        ? /^[0-9]+$/.test(digits)
        : /^(0|[1-9](_?\d)*|0[xX](_?[0-9a-fA-F])+|0[bB](_?[01])+|0[oO]?(_?[0-7])+)$/.test(digits);
  if (!valid) throw new GoSyntaxError(`strconv.${name}: parsing ${goQuote(text)}: invalid syntax`);
  digits = digits.replaceAll("_", "");
  if (base === 16) digits = `0x${digits}`;
  else if (base === 0 && /^0[0-7]/.test(digits)) digits = `0o${digits.slice(1)}`;
  const value = BigInt(digits) * (sign === "-" ? -1n : 1n);
  if (value < limits.min || value > limits.max) {
    throw new GoSyntaxError(`strconv.${name}: parsing ${goQuote(text)}: value out of range`);
  }
  return value;
}

/** strconv.ParseInt for 64 bits; base 0 takes prefixes. Throws GoSyntaxError. */
export function parseInt64(text: string, base: 0 | 10 | 16): bigint {
  return parseInteger(text, base, "ParseInt", { min: -int64Max - 1n, max: int64Max });
}

/** strconv.ParseUint for 64 bits in base 16. Throws GoSyntaxError. */
export function parseUint64Hex(text: string): bigint {
  return parseInteger(text, 16, "ParseUint", { min: 0n, max: uint64Max });
}

/** A bigint as a number, saturated to the safe integers as the wire's numbers are. */
export function safeNumber(value: bigint): number {
  const max = BigInt(Number.MAX_SAFE_INTEGER);
  return Number(value > max ? max : value < -max ? -max : value);
}

const unitNs: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/** time.ParseDuration, in milliseconds. Throws GoSyntaxError. */
export function parseDurationMs(text: string): number {
  const bad = (why: string): GoSyntaxError => new GoSyntaxError(`time: ${why} ${goQuote(text)}`);
  const sign = text.startsWith("-") ? -1 : 1;
  let rest = text.replace(/^[+-]/, "");
  if (rest === "0") return 0;
  if (rest === "") throw bad("invalid duration");
  let ns = 0;
  while (rest !== "") {
    const part = /^(\d+\.?\d*|\.\d+)([^\d.]*)/.exec(rest);
    if (part === null) throw bad("invalid duration");
    const [whole, amount = "", unit = ""] = part;
    if (unit === "") throw bad("missing unit in duration");
    const scale = unitNs[unit];
    if (scale === undefined) {
      throw new GoSyntaxError(`time: unknown unit ${goQuote(unit)} in duration ${goQuote(text)}`);
    }
    ns += Number(amount) * scale;
    rest = rest.slice(whole.length);
  }
  return (sign * ns) / 1e6;
}

const trimZeros = (value: string): string =>
  value.includes(".") ? value.replace(/0+$/, "").replace(/\.$/, "") : value;

/** time.Duration's text, of milliseconds. */
export function goDuration(ms: number): string {
  const ns = Math.round(Math.abs(ms) * 1e6);
  const sign = ms < 0 ? "-" : "";
  if (ns === 0) return "0s";
  if (ns < 1e3) return `${sign}${ns}ns`;
  if (ns < 1e6) return `${sign}${trimZeros((ns / 1e3).toFixed(3))}µs`;
  if (ns < 1e9) return `${sign}${trimZeros((ns / 1e6).toFixed(6))}ms`;
  const hours = Math.floor(ns / 3600e9);
  const minutes = Math.floor((ns % 3600e9) / 60e9);
  const seconds = trimZeros(((ns % 60e9) / 1e9).toFixed(9));
  if (hours > 0) return `${sign}${hours}h${minutes}m${seconds}s`;
  return minutes > 0 ? `${sign}${minutes}m${seconds}s` : `${sign}${seconds}s`;
}

/** A size in bytes with a decimal unit: `20 kB`, `2.1 GB`. */
export function decimalSize(bytes: number): string {
  if (bytes < 10) return `${bytes} B`;
  const units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
  const power = Math.min(Math.floor(Math.log(bytes) / Math.log(1000)), units.length - 1);
  const value = Math.floor((bytes / 1000 ** power) * 10 + 0.5) / 10;
  return `${value < 10 ? value.toFixed(1) : roundHalfEven(value)} ${units[power]}`;
}

/** The nearest integer; of two equally near, the even one. */
function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** A lease ID: 16 hexadecimal digits. */
export function leaseText(id: bigint): string {
  return BigInt.asUintN(64, id).toString(16).padStart(16, "0");
}
