// Forms as Go reads them: the query of a URL and a body of type application/x-www-form-urlencoded,
// with Go's words for what is malformed; bytes that are no UTF-8 become U+FFFD one by one.
import { Buffer, isUtf8 } from "node:buffer";

/** Values by name; those of the body stand before those of the query. */
export type Form = ReadonlyMap<string, readonly string[]>;

export type FormResult =
  | { readonly ok: true; readonly form: Form }
  | { readonly ok: false; readonly reason: string };

/** Reads body and query together; the first reason counts, the body's before the query's. */
export function parseForm(query: string, body: string): FormResult {
  const form = new Map<string, string[]>();
  const reason = readPairs(body, form) ?? readPairs(query, form);
  return reason === undefined ? { ok: true, form } : { ok: false, reason };
}

function readPairs(text: string, into: Map<string, string[]>): string | undefined {
  let reason: string | undefined;
  for (const pair of text.split("&")) {
    if (pair.includes(";")) {
      reason = "invalid semicolon separator in query";
      continue;
    }
    if (pair === "") continue;
    const equals = pair.indexOf("=");
    const name = unescapeText(equals < 0 ? pair : pair.slice(0, equals), true);
    const value = unescapeText(equals < 0 ? "" : pair.slice(equals + 1), true);
    const bad = name.ok ? value : name;
    if (!bad.ok) {
      reason ??= `invalid URL escape ${JSON.stringify(bad.at)}`;
      continue;
    }
    if (!name.ok || !value.ok) continue;
    const values = into.get(name.text);
    if (values === undefined) into.set(name.text, [value.text]);
    else values.push(value.text);
  }
  return reason;
}

export type Unescaped =
  | { readonly ok: true; readonly text: string }
  /** Where the escape that is none begins. */
  | { readonly ok: false; readonly at: string };

const badEscape = /%(?![0-9A-Fa-f]{2})/;
const plain = /^[\x20-\x24\x26-\x2a\x2c-\x7e]*$/;

/** Undoes percent escapes, and `+` for a blank if asked for. `text` holds bytes, one a character. */
export function unescapeText(text: string, plusIsBlank: boolean): Unescaped {
  if (plain.test(text)) return { ok: true, text };
  const bad = badEscape.exec(text);
  if (bad !== null) return { ok: false, at: text.slice(bad.index, bad.index + 3) };
  const blanks = plusIsBlank ? text.replaceAll("+", " ") : text;
  const bytes = Buffer.from(
    blanks.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    ),
    "latin1",
  );
  return { ok: true, text: decodeUtf8(bytes) };
}

/** As Go does it: each byte that belongs to no character becomes U+FFFD by itself. */
function decodeUtf8(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString("utf8");
  let text = "";
  for (let at = 0; at < bytes.length; ) {
    const length = characterBytes(bytes[at]!);
    const character = bytes.subarray(at, at + length);
    if (length > 0 && character.length === length && isUtf8(character)) {
      text += character.toString("utf8");
      at += length;
    } else {
      text += "\ufffd";
      at++;
    }
  }
  return text;
}

/** Bytes of the character that begins with this one; 0 for none. */
function characterBytes(first: number): number {
  if (first < 0x80) return 1;
  if (first < 0xc0) return 0;
  if (first < 0xe0) return 2;
  return first < 0xf0 ? 3 : first < 0xf8 ? 4 : 0;
}
