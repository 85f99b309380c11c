// Makes a protobuf message of its JSON form, by the tables of proto/gen/json-tables.ts, under the rules
// and in the words of Go's protojson: names as in the .proto file or in camel case, numbers of 64 bits
// as strings or numbers without any rounding, bytes in either base64, enumerations by name or number,
// null for a default. What is unknown is left out.
import { Buffer, isUtf8 } from "node:buffer";
import { assert } from "#base/assert.ts";
import { jsonEnums, jsonMessages } from "#proto/gen/json-tables.ts";
import type { JsonField } from "#proto/json-table.ts";
import { JsonSyntaxError } from "#proto/json-values.ts";
import { BinaryWriter } from "#proto/wire.ts";

/** Messages within each other; the codecs read no deeper. */
const maxDepth = 100;

type Kind = "{" | "}" | "[" | "]" | "string" | "number" | "literal" | "end";

interface Token {
  readonly kind: Kind;
  readonly at: number;
  readonly end: number;
}

const fieldsByName = new Map<string, ReadonlyMap<string, JsonField>>();

function fieldsOf(type: string): ReadonlyMap<string, JsonField> {
  let fields = fieldsByName.get(type);
  if (fields === undefined) {
    const list = jsonMessages[type];
    assert(list !== undefined, `${type} is in the tables`);
    const byName = new Map<string, JsonField>();
    for (const field of list) byName.set(field.name, field);
    for (const field of list) byName.set(field.jsonName, field);
    fieldsByName.set(type, byName);
    fields = byName;
  }
  return fields;
}

/**
 * The message `type` that `json` shows; `json` is one whole value, as JsonValues cuts them. Throws
 * JsonSyntaxError with Go's text.
 */
export function readJson(type: string, json: Buffer): Buffer {
  const writer = new BinaryWriter(Math.max(64, json.length));
  new Reader(json).message(type, writer, 0);
  return writer.finish();
}

const wireType: Readonly<Record<JsonField["kind"], 0 | 2>> = {
  bool: 0,
  bytes: 2,
  enum: 0,
  int32: 0,
  int64: 0,
  message: 2,
  string: 2,
  uint32: 0,
  uint64: 0,
};

class Reader {
  private readonly json: Buffer;
  private pos = 0;

  constructor(json: Buffer) {
    this.json = json;
  }

  message(type: string, writer: BinaryWriter, depth: number): void {
    if (depth >= maxDepth) throw new JsonSyntaxError("proto: exceeded max recursion depth");
    const open = this.next();
    if (open.kind !== "{") throw this.unexpected(open);
    const fields = fieldsOf(type);
    const seen = new Set<JsonField>();
    const oneofs = new Set<string>();
    for (;;) {
      const name = this.next();
      if (name.kind === "}") return;
      const field = fields.get(this.text(name));
      if (field === undefined) {
        this.skipValue();
        continue;
      }
      if (seen.has(field)) throw this.wrong(name.at, `duplicate field ${this.raw(name)}`);
      seen.add(field);
      if (this.takeNull()) continue;
      if (field.oneof !== undefined && field.isRepeated !== true) {
        if (oneofs.has(field.oneof)) {
          const what = `error parsing ${this.raw(name)}, oneof ${field.oneof} is already set`;
          throw this.wrong(name.at, what);
        }
        oneofs.add(field.oneof);
      }
      if (field.isRepeated === true) this.list(field, writer, depth);
      else this.single(field, writer, depth);
    }
  }

  private single(field: JsonField, writer: BinaryWriter, depth: number): void {
    if (field.kind === "message") {
      writer.uint32((field.number << 3) | 2).fork();
      this.message(field.type!, writer, depth + 1);
      writer.join();
      return;
    }
    const value = this.scalar(field);
    const hasPresence = field.oneof !== undefined || field.isOptional === true;
    if (value === undefined || (!hasPresence && isDefault(value))) return;
    writer.uint32((field.number << 3) | wireType[field.kind]);
    write(writer, value);
  }

  private list(field: JsonField, writer: BinaryWriter, depth: number): void {
    const open = this.next();
    if (open.kind !== "[") throw this.unexpected(open);
    const isPacked = wireType[field.kind] === 0;
    let isEmpty = true;
    for (;;) {
      const before = this.pos;
      if (this.next().kind === "]") break;
      this.pos = before;
      if (field.kind === "message") {
        writer.uint32((field.number << 3) | 2).fork();
        this.message(field.type!, writer, depth + 1);
        writer.join();
        continue;
      }
      const value = this.scalar(field);
      if (value === undefined) continue;
      if (!isPacked || isEmpty) writer.uint32((field.number << 3) | 2);
      if (isPacked && isEmpty) writer.fork();
      isEmpty = false;
      write(writer, value);
    }
    if (isPacked && !isEmpty) writer.join();
  }

  /** Undefined for the name of an enumeration's value that is unknown. */
  private scalar(field: JsonField): Scalar | undefined {
    const token = this.next();
    const value = this.valueOf(field, token);
    if (value !== "invalid") return value;
    const { kind, jsonName } = field;
    throw this.wrong(token.at, `invalid value for ${kind} field ${jsonName}: ${this.raw(token)}`);
  }

  private valueOf(field: JsonField, token: Token): Scalar | undefined | "invalid" {
    const isString = token.kind === "string";
    switch (field.kind) {
      case "bool": {
        const raw = this.raw(token);
        return raw === "true" ? true : raw === "false" ? false : "invalid";
      }
      case "string":
        return isString ? { text: this.text(token) } : "invalid";
      case "bytes":
        return isString ? base64(this.text(token)) : "invalid";
      case "enum":
        if (isString) {
          const name = this.text(token);
          const value = jsonEnums[field.type!]!.find(([, one]) => one === name);
          return value === undefined ? undefined : BigInt(value[0]);
        }
        return token.kind === "number" ? integer(this.raw(token), "int32") : "invalid";
      case "message":
        return "invalid";
      default:
        if (token.kind === "number") return integer(this.raw(token), field.kind);
        return isString ? integer(firstNumber(this.text(token)), field.kind) : "invalid";
    }
  }

  private takeNull(): boolean {
    const before = this.pos;
    const token = this.next();
    if (token.kind === "literal" && this.json[token.at] === 0x6e) return true;
    this.pos = before;
    return false;
  }

  private skipValue(): void {
    let depth = 0;
    do {
      const { kind } = this.next();
      if (kind === "{" || kind === "[") depth++;
      else if (kind === "}" || kind === "]") depth--;
    } while (depth > 0);
  }

  /** The next token; commas and colons are where they belong, for the value was scanned before. */
  private next(): Token {
    const { json } = this;
    let at = this.pos;
    for (;;) {
      const c = json[at];
      if (c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09 || c === 0x2c || c === 0x3a) at++;
      else break;
    }
    const c = json[at];
    if (c === undefined) return { kind: "end", at, end: at };
    if (c === 0x22) return this.stringAt(at);
    let end = at + 1;
    if (c === 0x7b || c === 0x7d || c === 0x5b || c === 0x5d) {
      this.pos = end;
      return { kind: String.fromCharCode(c) as Kind, at, end };
    }
    while (isWord(json[end])) end++;
    this.pos = end;
    const isNumber = c === 0x2d || (c >= 0x30 && c <= 0x39);
    return { kind: isNumber ? "number" : "literal", at, end };
  }

  private stringAt(at: number): Token {
    const { json } = this;
    let end = json.indexOf(0x22, at + 1);
    while (isEscaped(json, end)) end = json.indexOf(0x22, end + 1);
    end++;
    this.pos = end;
    if (!isUtf8(json.subarray(at, end))) throw this.syntax(at, "invalid UTF-8 in string");
    return { kind: "string", at, end };
  }

  private text(token: Token): string {
    const { json } = this;
    if (!json.subarray(token.at, token.end).includes(0x5c))
      return json.toString("utf8", token.at + 1, token.end - 1);
    const text = JSON.parse(this.raw(token)) as string;
    if (!text.isWellFormed()) throw this.syntax(token.at, "invalid escape code in string");
    return text;
  }

  private raw(token: Token): string {
    return this.json.toString("utf8", token.at, token.end);
  }

  private position(at: number): string {
    const lines = this.json.toString("utf8", 0, at).split("\n");
    return `(line ${lines.length}:${[...lines[lines.length - 1]!].length + 1})`;
  }

  private wrong(at: number, what: string): JsonSyntaxError {
    return new JsonSyntaxError(`proto: ${this.position(at)}: ${what}`);
  }

  private syntax(at: number, what: string): JsonSyntaxError {
    return new JsonSyntaxError(`proto: syntax error ${this.position(at)}: ${what}`);
  }

  private unexpected(token: Token): JsonSyntaxError {
    return this.syntax(token.at, `unexpected token ${this.raw(token)}`);
  }
}

/** A string is wrapped, so that it cannot be taken for "invalid". */
type Scalar = boolean | bigint | Uint8Array | { readonly text: string };

function isDefault(value: Scalar): boolean {
  if (typeof value === "boolean") return !value;
  if (typeof value === "bigint") return value === 0n;
  return value instanceof Uint8Array ? value.length === 0 : value.text === "";
}

function write(writer: BinaryWriter, value: Scalar): void {
  if (typeof value === "boolean") writer.bool(value);
  else if (typeof value === "bigint") writer.int64(value);
  else if (value instanceof Uint8Array) writer.bytes(value);
  else writer.string(value.text);
}

function isWord(c: number | undefined): boolean {
  if (c === undefined) return false;
  if (c >= 0x30 && c <= 0x39) return true;
  return c === 0x2b || c === 0x2d || c === 0x2e || ((c | 0x20) >= 0x61 && (c | 0x20) <= 0x7a);
}

/** An odd number of backslashes stands before it. */
function isEscaped(json: Buffer, at: number): boolean {
  let before = at;
  while (json[before - 1] === 0x5c) before--;
  return (at - before) % 2 === 1;
}

function base64(text: string): Buffer | "invalid" {
  const isUrl = /[-_]/.test(text);
  const isPadded = text.length % 4 === 0;
  const plain = text.replace(/[\r\n]/g, "");
  const data = isPadded ? plain.replace(/={1,2}$/, "") : plain;
  if (!(isUrl ? /^[A-Za-z0-9_-]*$/ : /^[A-Za-z0-9+/]*$/).test(data)) return "invalid";
  if (isPadded ? plain.length % 4 !== 0 : data.length % 4 === 1) return "invalid";
  return Buffer.from(data, "base64");
}

/** What a string begins with, if it is a number; Go looks no further. */
function firstNumber(text: string): string {
  if (text.trim() !== text) return "";
  return /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![-+._a-zA-Z0-9])/.exec(text)?.[0] ?? "";
}

const ranges = {
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
} as const;

/** The whole number that a JSON number is, such as 12, 1.2e1 or 120e-1. */
function integer(text: string, kind: keyof typeof ranges): bigint | "invalid" {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text);
  if (match === null) return "invalid";
  const fraction = (match[3] ?? "").replace(/0+$/, "");
  const whole = match[2] === "0" ? "" : match[2]!;
  if (whole === "" && fraction === "") return 0n;
  const exponent = Number(match[4] ?? "0");
  if (whole.length + exponent > 20 || whole.length > 4096) return "invalid";
  let digits: string;
  if (exponent >= 0) {
    if (fraction.length > exponent) return "invalid";
    digits = (whole + fraction).padEnd(whole.length + exponent, "0");
  } else {
    const kept = whole.length + exponent;
    if (fraction !== "" || kept < 0 || /[1-9]/.test(whole.slice(kept))) return "invalid";
    digits = whole.slice(0, kept);
  }
  if (digits === "") return "invalid";
  const value = BigInt(digits) * (match[1] === "-" ? -1n : 1n);
  const [least, most] = ranges[kind];
  if (kind.startsWith("u") && match[1] === "-") return "invalid";
  return value < least || value > most ? "invalid" : value;
}
