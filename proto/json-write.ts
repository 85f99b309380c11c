// The JSON form of a protobuf message, by the tables of proto/gen/json-tables.ts, as etcd's gateway
// writes it: names of the .proto file, in its order; defaults left out; numbers of 64 bits as strings,
// in full; bytes in base64.
import { Buffer } from "node:buffer";
import { assert } from "#base/assert.ts";
import { jsonEnums, jsonMessages } from "#proto/gen/json-tables.ts";
import type { JsonField } from "#proto/json-table.ts";
import { BinaryReader } from "#proto/wire.ts";

interface Shape {
  readonly fields: readonly JsonField[];
  /** Where a field number stands in `fields`. */
  readonly indexes: ReadonlyMap<number, number>;
}

const shapes = new Map<string, Shape>();

function shapeOf(type: string): Shape {
  let shape = shapes.get(type);
  if (shape === undefined) {
    const fields = jsonMessages[type];
    assert(fields !== undefined, `${type} is in the tables`);
    shape = { fields, indexes: new Map(fields.map(({ number }, index) => [number, index])) };
    shapes.set(type, shape);
  }
  return shape;
}

/** The JSON of the message `type` that `bytes` hold. Throws WireError. */
export function writeJson(type: string, bytes: Uint8Array): string {
  const { fields, indexes } = shapeOf(type);
  const values: (string | string[] | undefined)[] = new Array(fields.length).fill(undefined);
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const tag = reader.tag();
    const index = indexes.get(tag >>> 3);
    if (index === undefined) {
      reader.skip(tag);
      continue;
    }
    const field = fields[index]!;
    if (field.isRepeated !== true) {
      const value = valueText(field, reader);
      const isShown = field.oneof !== undefined || field.isOptional === true;
      values[index] = isShown || !isDefault(field, value) ? value : undefined;
      continue;
    }
    let list = values[index] as string[] | undefined;
    if (list === undefined) {
      list = [];
      values[index] = list;
    }
    if ((tag & 7) === 2 && !isDelimited(field)) {
      const packed = new BinaryReader(reader.bytes());
      while (packed.pos < packed.len) list.push(valueText(field, packed));
    } else list.push(valueText(field, reader));
  }
  let text = "{";
  for (let index = 0; index < fields.length; index++) {
    const value = values[index];
    if (value === undefined) continue;
    if (text.length > 1) text += ",";
    text += `"${fields[index]!.name}":${typeof value === "string" ? value : `[${value.join(",")}]`}`;
  }
  return `${text}}`;
}

function isDelimited(field: JsonField): boolean {
  return field.kind === "bytes" || field.kind === "string" || field.kind === "message";
}

function valueText(field: JsonField, reader: BinaryReader): string {
  switch (field.kind) {
    case "bool":
      return String(reader.bool());
    case "bytes":
      return `"${toBuffer(reader.bytes()).toString("base64")}"`;
    case "string":
      return JSON.stringify(reader.string());
    case "message":
      return writeJson(field.type!, reader.bytes());
    case "enum": {
      const number = reader.int32();
      const name = jsonEnums[field.type!]!.find(([one]) => one === number)?.[1];
      return name === undefined ? String(number) : `"${name}"`;
    }
    case "int32":
      return String(reader.int32());
    case "uint32":
      return String(reader.uint32());
    case "int64":
      return `"${reader.int64()}"`;
    case "uint64":
      return `"${reader.uint64()}"`;
  }
}

function isDefault(field: JsonField, text: string): boolean {
  switch (field.kind) {
    case "message":
      return false;
    case "bool":
      return text === "false";
    case "bytes":
    case "string":
      return text === '""';
    case "enum":
      return text === "0" || text === `"${jsonEnums[field.type!]![0]?.[1]}"`;
    default:
      return text === "0" || text === '"0"';
  }
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
