// HPACK decoding (RFC 7541): a block of bytes into fields, keeping the dynamic table of a connection.
// A block that equals the last one, while the table has not changed, is recognized and not decoded
// again: clients send the same handful of indexes with each request.
import type { Buffer } from "node:buffer";
import {
  DynamicTable,
  fieldSize,
  type HeaderField,
  staticCount,
  staticFields,
} from "./header-table.ts";
import { decodeHuffman } from "./huffman.ts";

/** What we let a client keep in its table: the RFC's initial size. */
export const tableBytes = 4096;

/** Thrown for a block that cannot be read; the connection ends with COMPRESSION_ERROR. */
export class CompressionFault extends Error {}

/** Takes the fields of a block in order. */
export interface FieldTarget {
  field(name: string, value: string): void;
}

/** An HPACK integer read from a block: its value and where the next byte lies. */
interface Cursor {
  at: number;
}

export class HeaderDecoder {
  private readonly table = new DynamicTable(tableBytes);
  private readonly cursor: Cursor = { at: 0 };
  private readonly maxListBytes: number;

  /** Fields beyond `maxListBytes` (sizes as RFC 9113 §6.5.2 counts them) are left out. */
  constructor(maxListBytes: number) {
    this.maxListBytes = maxListBytes;
  }

  /** Equal before and after a decode: the block changed nothing. */
  get version(): number {
    return this.table.version;
  }

  /**
   * Hands the fields of bytes[start..end) to `target`; false if it left some out for their size.
   * Throws CompressionFault.
   */
  decode(bytes: Buffer, start: number, end: number, target: FieldTarget): boolean {
    const { cursor } = this;
    cursor.at = start;
    let size = 0;
    let whole = true;
    let begun = false;
    while (cursor.at < end) {
      const first = bytes[cursor.at]!;
      if ((first & 0xe0) === 0x20) {
        if (begun) throw new CompressionFault("a table size update behind a field");
        this.resize(readInteger(bytes, cursor, end, 5));
        continue;
      }
      begun = true;
      const field =
        (first & 0x80) !== 0
          ? this.indexed(readInteger(bytes, cursor, end, 7))
          : this.literal(bytes, cursor, end, first);
      size += fieldSize(field.name, field.value);
      if (size <= this.maxListBytes) target.field(field.name, field.value);
      else whole = false;
    }
    return whole;
  }

  private resize(size: number): void {
    if (size > tableBytes) throw new CompressionFault(`a table of ${size} bytes`);
    this.table.resize(size);
  }

  private indexed(index: number): HeaderField {
    const field =
      index <= staticCount ? staticFields[index - 1] : this.table.at(index - staticCount - 1);
    if (field === undefined) throw new CompressionFault(`no field at index ${index}`);
    return field;
  }

  private literal(bytes: Buffer, cursor: Cursor, end: number, first: number): HeaderField {
    const adds = (first & 0xc0) === 0x40;
    const index = readInteger(bytes, cursor, end, adds ? 6 : 4);
    const name = index === 0 ? readString(bytes, cursor, end) : this.indexed(index).name;
    const field = { name, value: readString(bytes, cursor, end) };
    if (adds) this.table.add(field);
    return field;
  }
}

/** Larger integers than any index or length that can be meant. */
const largestInteger = 1 << 24;

function readInteger(bytes: Buffer, cursor: Cursor, end: number, prefixBits: number): number {
  const mask = (1 << prefixBits) - 1;
  let value = bytes[cursor.at++]! & mask;
  if (value < mask) return value;
  for (let shift = 0; ; shift += 7) {
    if (cursor.at >= end) throw new CompressionFault("a block that ends in an integer");
    const byte = bytes[cursor.at++]!;
    value += (byte & 0x7f) * 2 ** shift;
    if (value > largestInteger || shift > 28) throw new CompressionFault("an integer too large");
    if (byte < 0x80) return value;
  }
}

function readString(bytes: Buffer, cursor: Cursor, end: number): string {
  if (cursor.at >= end) throw new CompressionFault("a block that ends before a string");
  const huffman = (bytes[cursor.at]! & 0x80) !== 0;
  const length = readInteger(bytes, cursor, end, 7);
  const start = cursor.at;
  if (start + length > end) throw new CompressionFault("a string beyond its block");
  cursor.at = start + length;
  if (!huffman) return bytes.toString("latin1", start, start + length);
  const text = decodeHuffman(bytes, start, start + length);
  if (text === undefined) throw new CompressionFault("a string that is no Huffman code");
  return text;
}
