// Cuts a stream of bytes into JSON values, one behind the other, and says what is wrong with the first
// that is none, in the words of Go's encoding/json: clients of etcd's gateway see them. A value may
// come in any pieces; each byte is looked at once, and nothing recurses.
import type { Buffer } from "node:buffer";
import { GatheredBytes } from "#base/gathered-bytes.ts";
import type { UnfinishedBytes } from "#base/unfinished-bytes.ts";

/** Not JSON; the message is Go's. */
export class JsonSyntaxError extends Error {
  readonly code = "MALFORMED_JSON";
}

/** As deep as Go reads. */
const maxDepth = 10_000;

type State =
  | "value"
  | "valueOrEnd"
  | "key"
  | "keyOrEnd"
  | "colon"
  | "after"
  | "string"
  | "escape"
  | "unicode"
  | "minus"
  | "zero"
  | "digits"
  | "point"
  | "fraction"
  | "exponent"
  | "exponentSign"
  | "exponentDigits"
  | "literal";

const quote = 0x22;
const literals: ReadonlyMap<number, string> = new Map(
  ["true", "false", "null"].map((text) => [text.charCodeAt(0), text]),
);

const isSpace = (c: number): boolean => c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09;
const isDigit = (c: number): boolean => c >= 0x30 && c <= 0x39;
const isHex = (c: number): boolean => isDigit(c) || ((c | 0x20) >= 0x61 && (c | 0x20) <= 0x66);

export class JsonValues {
  private readonly maxBytes: number;
  private state: State = "value";
  /** What is open: true for an object. */
  private readonly open: boolean[] = [];
  private readonly held: GatheredBytes;
  private begun = false;
  private isKey = false;
  private literal = "";
  private position = 0;

  /** A value of more than `maxBytes` is refused; one that has begun counts in `unfinished`. */
  constructor(maxBytes: number, unfinished?: UnfinishedBytes) {
    this.maxBytes = maxBytes;
    this.held = new GatheredBytes(unfinished);
  }

  /** Forgets what has begun; it must not be used after that. */
  drop(): void {
    this.held.drop();
  }

  /**
   * Takes the next bytes; calls `onValue` with each value that they complete. With false it stops
   * there, and looks no further. Throws JsonSyntaxError or TooManyUnfinished; after that it must not be
   * used.
   */
  push(chunk: Uint8Array, onValue: (value: Buffer) => boolean): void {
    let start = 0;
    let at = 0;
    while (at < chunk.length) {
      const c = chunk[at]!;
      if (!this.begun) {
        at++;
        if (isSpace(c)) continue;
        this.begun = true;
        start = at - 1;
        this.step(c);
        continue;
      }
      if (this.state === "string") {
        // The long part of most values.
        while (at < chunk.length && isPlain(chunk[at]!)) at++;
        if (at === chunk.length) break;
      }
      if (this.endsBefore(chunk[at]!)) {
        if (!this.finish(chunk.subarray(start, at), onValue)) return;
        start = at;
        continue;
      }
      this.step(chunk[at]!);
      at++;
      if (this.state === "after" && this.open.length === 0) {
        if (!this.finish(chunk.subarray(start, at), onValue)) return;
        start = at;
      }
    }
    if (this.begun) this.keep(chunk.subarray(start));
  }

  /** No more bytes come: a number may end here, anything else that was begun is cut short. */
  end(onValue: (value: Buffer) => boolean): void {
    if (!this.begun) return;
    if (!this.endsBefore(0x20)) throw new JsonSyntaxError("unexpected EOF");
    this.finish(new Uint8Array(0), onValue);
  }

  /** Only a number at the top has its end in what follows it. */
  private endsBefore(c: number): boolean {
    if (this.open.length > 0) return false;
    switch (this.state) {
      case "zero":
        return c !== 0x2e && (c | 0x20) !== 0x65;
      case "digits":
        return !isDigit(c) && c !== 0x2e && (c | 0x20) !== 0x65;
      case "fraction":
        return !isDigit(c) && (c | 0x20) !== 0x65;
      case "exponentDigits":
        return !isDigit(c);
      default:
        return false;
    }
  }

  private keep(piece: Uint8Array): void {
    if (this.held.length + piece.length > this.maxBytes)
      throw new JsonSyntaxError(`a JSON value of more than ${this.maxBytes} bytes`);
    this.held.push(piece);
  }

  private finish(piece: Uint8Array, onValue: (value: Buffer) => boolean): boolean {
    this.keep(piece);
    const value = this.held.take();
    this.begun = false;
    this.state = "value";
    return onValue(value);
  }

  private step(c: number): void {
    switch (this.state) {
      case "value":
        this.beginValue(c);
        return;
      case "valueOrEnd":
        if (isSpace(c)) return;
        if (c === 0x5d) this.close();
        else this.beginValue(c);
        return;
      case "keyOrEnd":
      case "key":
        if (isSpace(c)) return;
        if (c === 0x7d && this.state === "keyOrEnd") this.close();
        else if (c === quote) this.beginString(true);
        else throw wrong(c, "looking for beginning of object key string");
        return;
      case "colon":
        if (isSpace(c)) return;
        if (c !== 0x3a) throw wrong(c, "after object key");
        this.state = "value";
        return;
      case "after":
        this.afterValue(c);
        return;
      case "string":
        if (c === quote) this.state = this.isKey ? "colon" : "after";
        else if (c === 0x5c) this.state = "escape";
        else if (c < 0x20) throw wrong(c, "in string literal");
        return;
      case "escape":
        if (c === 0x75) {
          this.state = "unicode";
          this.position = 0;
        } else if ('"\\/bfnrt'.includes(String.fromCharCode(c))) this.state = "string";
        else throw wrong(c, "in string escape code");
        return;
      case "unicode":
        if (!isHex(c)) throw wrong(c, "in \\u hexadecimal character escape");
        if (++this.position === 4) this.state = "string";
        return;
      case "literal":
        this.stepLiteral(c);
        return;
      default:
        this.stepNumber(c);
    }
  }

  private beginValue(c: number): void {
    if (isSpace(c)) return;
    if (c === 0x7b || c === 0x5b) {
      if (this.open.length === maxDepth) throw wrong(c, "exceeded max depth");
      this.open.push(c === 0x7b);
      this.state = c === 0x7b ? "keyOrEnd" : "valueOrEnd";
    } else if (c === quote) this.beginString(false);
    else if (c === 0x2d) this.state = "minus";
    else if (c === 0x30) this.state = "zero";
    else if (isDigit(c)) this.state = "digits";
    else {
      const literal = literals.get(c);
      if (literal === undefined) throw wrong(c, "looking for beginning of value");
      this.literal = literal;
      this.position = 1;
      this.state = "literal";
    }
  }

  private beginString(isKey: boolean): void {
    this.isKey = isKey;
    this.state = "string";
  }

  private close(): void {
    this.open.pop();
    this.state = "after";
  }

  private afterValue(c: number): void {
    if (isSpace(c)) return;
    const inObject = this.open[this.open.length - 1] === true;
    if (c === 0x2c) this.state = inObject ? "key" : "value";
    else if (c === (inObject ? 0x7d : 0x5d)) this.close();
    else throw wrong(c, inObject ? "after object key:value pair" : "after array element");
  }

  private stepLiteral(c: number): void {
    const { literal, position } = this;
    const expected = literal[position]!;
    if (c !== expected.charCodeAt(0))
      throw wrong(c, `in literal ${literal} (expecting '${expected}')`);
    if (++this.position === literal.length) this.state = "after";
  }

  private stepNumber(c: number): void {
    const isExponent = (c | 0x20) === 0x65;
    switch (this.state) {
      case "minus":
        if (c === 0x30) this.state = "zero";
        else if (isDigit(c)) this.state = "digits";
        else throw wrong(c, "in numeric literal");
        return;
      case "point":
        if (!isDigit(c)) throw wrong(c, "after decimal point in numeric literal");
        this.state = "fraction";
        return;
      case "exponent":
      case "exponentSign":
        if (this.state === "exponent" && (c === 0x2b || c === 0x2d)) this.state = "exponentSign";
        else if (isDigit(c)) this.state = "exponentDigits";
        else throw wrong(c, "in exponent of numeric literal");
        return;
      case "digits":
      case "fraction":
      case "exponentDigits":
        if (isDigit(c)) return;
        break;
      default:
    }
    if (c === 0x2e && (this.state === "zero" || this.state === "digits")) this.state = "point";
    else if (isExponent && this.state !== "exponentDigits") this.state = "exponent";
    else {
      this.state = "after";
      this.afterValue(c);
    }
  }
}

function isPlain(c: number): boolean {
  return c >= 0x20 && c !== quote && c !== 0x5c;
}

function wrong(c: number, where: string): JsonSyntaxError {
  return new JsonSyntaxError(`invalid character ${quotedByte(c)} ${where}`);
}

const named: ReadonlyMap<number, string> = new Map([
  [0x27, "'\\''"],
  [0x5c, "'\\\\'"],
  [0x07, "'\\a'"],
  [0x08, "'\\b'"],
  [0x0c, "'\\f'"],
  [0x0a, "'\\n'"],
  [0x0d, "'\\r'"],
  [0x09, "'\\t'"],
  [0x0b, "'\\v'"],
]);

/** A byte as Go quotes it. */
function quotedByte(c: number): string {
  const name = named.get(c);
  if (name !== undefined) return name;
  const hex = c.toString(16).padStart(2, "0");
  if (c < 0x20 || c === 0x7f) return `'\\x${hex}'`;
  if ((c >= 0x80 && c <= 0xa0) || c === 0xad) return `'\\u00${hex}'`;
  return `'${String.fromCharCode(c)}'`;
}
