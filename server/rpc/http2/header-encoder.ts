// HPACK encoding of responses (RFC 7541 §6). Lists that are sent again and again say so: their fields
// go into the dynamic table once, and from then on the list is a few bytes that are kept. All else is
// written as it is. Blocks must leave in the order in which they were encoded.
import { Buffer } from "node:buffer";
import { fieldSize, type HeaderField, staticCount, staticFields } from "./header-table.ts";

/** Fields of a response or its trailers, in order. */
export interface HeaderList {
  readonly fields: readonly HeaderField[];
  /** The same object is sent often: worth an entry in the client's table. */
  readonly recurs: boolean;
}

const initialTableBytes = 4096;
/** Recurring lists are a handful of constants, so nothing is ever evicted. */
const maxTableBytes = 2048;

const staticByField = new Map<string, number>();
const staticByName = new Map<string, number>();
for (const [at, { name, value }] of staticFields.entries()) {
  staticByField.set(`${name}\n${value}`, at + 1);
  if (!staticByName.has(name)) staticByName.set(name, at + 1);
}

export class HeaderEncoder {
  /** By field: which insertion it was, from 0. */
  private readonly inserted = new Map<string, number>();
  private tableBytes = 0;
  private limitBytes = maxTableBytes;
  /** The client made its table smaller than the RFC's initial size, and has not been answered. */
  private announce: number | undefined;
  /** Encoded blocks of recurring lists; valid until the next insertion. */
  private readonly ready = new Map<HeaderList, Uint8Array>();
  private out: number[] = [];

  /** The client's SETTINGS_HEADER_TABLE_SIZE. */
  limit(bytes: number): void {
    if (bytes >= initialTableBytes && this.announce === undefined && this.limitBytes > 0) return;
    // One that shrinks its table gets none: entries already there are gone for good.
    this.announce = Math.min(bytes, this.announce ?? bytes) < initialTableBytes ? 0 : undefined;
    this.limitBytes = 0;
    this.inserted.clear();
    this.ready.clear();
  }

  encode(list: HeaderList): Uint8Array {
    if (this.announce === undefined) {
      const ready = this.ready.get(list);
      if (ready !== undefined) return ready;
    }
    const before = this.inserted.size;
    this.out = [];
    if (this.announce !== undefined) {
      this.integer(this.announce, 5, 0x20);
      this.announce = undefined;
    }
    for (const field of list.fields) this.field(field, list.recurs);
    const block = Uint8Array.from(this.out);
    if (this.inserted.size > before) this.ready.clear();
    else if (list.recurs && this.limitBytes > 0) this.ready.set(list, block);
    return block;
  }

  private field({ name, value }: HeaderField, recurs: boolean): void {
    const key = `${name}\n${value}`;
    const fixed = staticByField.get(key);
    if (fixed !== undefined) {
      this.integer(fixed, 7, 0x80);
      return;
    }
    const insertion = this.inserted.get(key);
    if (insertion !== undefined) {
      this.integer(staticCount + this.inserted.size - insertion, 7, 0x80);
      return;
    }
    const size = fieldSize(name, value);
    const adds = recurs && this.tableBytes + size <= this.limitBytes;
    const nameIndex = staticByName.get(name) ?? 0;
    if (adds) this.integer(nameIndex, 6, 0x40);
    else this.integer(nameIndex, 4, 0);
    if (nameIndex === 0) this.string(name);
    this.string(value);
    if (!adds) return;
    this.inserted.set(key, this.inserted.size);
    this.tableBytes += size;
  }

  private string(text: string): void {
    const bytes = Buffer.from(text, "latin1");
    this.integer(bytes.length, 7, 0);
    for (const byte of bytes) this.out.push(byte);
  }

  private integer(value: number, prefixBits: number, flags: number): void {
    const mask = (1 << prefixBits) - 1;
    if (value < mask) {
      this.out.push(flags | value);
      return;
    }
    this.out.push(flags | mask);
    let rest = value - mask;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.out.push((rest % 0x80) | 0x80);
    this.out.push(rest);
  }
}
