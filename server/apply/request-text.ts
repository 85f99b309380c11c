// A request as one line of a log, in the manner of protobuf's text format: `key:"a" value_size:3`.
// Values are told by their size alone, secrets not at all, and long texts are cut, so that a line is
// harmless and bounded.
import { Buffer } from "node:buffer";

const maxTextChars = 2048;
const maxDepth = 16;
/** What is told by its size. */
const sized = new Set(["value"]);
const secret = new Set(["password", "hashedPassword", "simpleToken", "token"]);

/** `request` is a decoded message; fields with their default are left out. */
export function requestText(request: object): string {
  const parts: string[] = [];
  const room = { chars: maxTextChars };
  fieldsOf(request, parts, room, 0);
  const text = parts.join(" ");
  return room.chars < 0 ? `${text.slice(0, maxTextChars)}...` : text;
}

/** A replicated command with its header: `header:<ID:7 > put:<key:"a" value_size:3 >`. */
export function commandText(kind: string, id: bigint, payload: object): string {
  return `header:<ID:${id} > ${snake(kind)}:<${requestText(payload)} >`;
}

interface Room {
  chars: number;
}

function fieldsOf(message: object, parts: string[], room: Room, depth: number): void {
  for (const [name, value] of Object.entries(message)) {
    if (room.chars < 0) return;
    for (const one of Array.isArray(value) ? value : [value]) {
      const text = fieldText(name, one, room, depth);
      if (text === undefined) continue;
      parts.push(text);
      room.chars -= text.length + 1;
      if (room.chars < 0) return;
    }
  }
}

function fieldText(name: string, value: unknown, room: Room, depth: number): string | undefined {
  if (secret.has(name)) return undefined;
  if (value instanceof Uint8Array) {
    if (value.length === 0) return undefined;
    return sized.has(name) ? `${name}_size:${value.length}` : `${snake(name)}:${quoted(value)}`;
  }
  switch (typeof value) {
    case "string":
      return value === "" ? undefined : `${snake(name)}:${quoted(Buffer.from(value))}`;
    case "number":
    case "bigint":
      return value === 0 || value === 0n ? undefined : `${snake(name)}:${value}`;
    case "boolean":
      return value ? `${snake(name)}:true` : undefined;
    case "object":
      if (value === null || depth >= maxDepth) return undefined;
      return messageText(name, value, room, depth);
    default:
      return undefined;
  }
}

function messageText(name: string, value: object, room: Room, depth: number): string | undefined {
  // A union stands under the name of what it holds.
  const { $case, value: held } = value as { readonly $case?: string; readonly value?: unknown };
  if ($case !== undefined) return fieldText($case, held, room, depth + 1);
  const parts: string[] = [];
  // What is inside is counted with the whole.
  fieldsOf(value, parts, { chars: room.chars }, depth + 1);
  return `${snake(name)}:<${parts.join(" ")} >`;
}

function snake(name: string): string {
  if (/^[A-Z]+$/.test(name)) return name;
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** At most 256 bytes of it; bytes that are no printable ASCII as octal escapes, as protobuf has them. */
function quoted(bytes: Uint8Array): string {
  let text = '"';
  for (const byte of bytes.subarray(0, 256)) {
    if (byte === 0x22 || byte === 0x5c) text += `\\${String.fromCharCode(byte)}`;
    else if (byte >= 0x20 && byte < 0x7f) text += String.fromCharCode(byte);
    else text += `\\${byte.toString(8).padStart(3, "0")}`;
  }
  return bytes.length > 256 ? `${text}..."` : `${text}"`;
}
