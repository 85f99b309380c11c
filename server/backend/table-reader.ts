// Reads all records of a store straight from its tables. The addon's iterator makes two objects of each
// record and costs some five microseconds; a block in a buffer costs one. And blocks are read against their
// checksums, which the addon's iterator leaves out.
//
// Only for a store that was just opened and not written to since: everything lies in tables then, and none in
// its log. What is not understood, a kind of table, of block or of record, is reported before anything of it
// is believed; the caller then asks the addon.
//
// Format (RocksDB wiki, "BlockBasedTable Format"): as in table-files.ts. The index names the data blocks, each
// behind the other from the file's start. An entry of a block: length shared with the key before, further
// length and length of the value, as varints · rest of the key · value; in an index the value is a handle
// whose length is not told. A key ends in 8 bytes, LE: sequence number × 256 + kind (1 a value, 0 a deletion).
// Of records of one key the highest number counts.
import { Buffer } from "node:buffer";
import { type FileHandle, open, readdir, readFile, stat } from "node:fs/promises";
import path from "node:path";
import { crc32c } from "@node-rs/crc32";
import { OperatingError } from "#base/errors.ts";
import { oldestLogOf, unmask } from "#server/backend/log-files.ts";
import { unsnap } from "#server/backend/snappy.ts";
import {
  type BlockHandle,
  readManifest,
  readTableFooter,
  readVarint,
} from "#server/backend/table-files.ts";

const trailerBytes = 5;
const chunkBytes = 256 * 1024;
const maxBlockBytes = 64 << 20;
const maxTables = 4096;

/** Given the first byte of a record's key, its rest and its value, which are only valid within the call. */
export type VisitRow = (prefix: number, key: Buffer, value: Buffer) => void;

/** Why tables cannot be read here. Says nothing about whether they are sound. */
class NotUnderstood extends Error {}

/**
 * Visits all records of the store in `dir` in the order of their keys. False, with nothing visited, if the
 * addon must be asked. Rejects with DATA_DAMAGED at a block whose checksum is wrong.
 */
export async function visitTables(dir: string, visit: VisitRow): Promise<boolean> {
  const cursors: TableCursor[] = [];
  try {
    try {
      await openTables(dir, cursors);
    } catch (error) {
      if (error instanceof NotUnderstood || isMissing(error)) return false;
      throw error;
    }
    await merge(cursors, visit);
    return true;
  } finally {
    for (const cursor of cursors) await cursor.close();
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

async function openTables(dir: string, cursors: TableCursor[]): Promise<void> {
  const name = (await readFile(path.join(dir, "CURRENT"), "utf8")).trim();
  const manifest = await readFile(path.join(dir, path.basename(name)));
  const { isUnderstood, tables } = readManifest(manifest);
  if (!isUnderstood || tables.size > maxTables) throw new NotUnderstood();
  const oldest = oldestLogOf(manifest);
  for (const file of await readdir(dir)) {
    if (!/^\d+\.log$/.test(file) || Number.parseInt(file, 10) < oldest) continue;
    if ((await stat(path.join(dir, file))).size > 0) throw new NotUnderstood();
  }
  for (const number of tables) {
    const file = path.join(dir, `${String(number).padStart(6, "0")}.sst`);
    const handle = await open(file, "r");
    const cursor = new TableCursor(file, handle);
    cursors.push(cursor);
    await cursor.open();
  }
}

async function merge(all: readonly TableCursor[], visit: VisitRow): Promise<void> {
  const cursors: TableCursor[] = [];
  for (const cursor of all) if (cursor.next() || (await cursor.fill())) cursors.push(cursor);
  let last = Buffer.alloc(64);
  let lastLength = -1;
  while (cursors.length > 0) {
    let low = cursors[0]!;
    let bound: TableCursor | undefined;
    for (let i = 1; i < cursors.length; i++) {
      const cursor = cursors[i]!;
      if (cursor.compare(low) < 0) {
        bound = low;
        low = cursor;
      } else if (bound === undefined || cursor.compare(bound) < 0) {
        bound = cursor;
      }
    }
    do {
      const { key, length } = low;
      if (length !== lastLength || !isEqual(key, last, length)) {
        if (last.length < length) last = Buffer.alloc(2 * length);
        for (let i = 0; i < length; i++) last[i] = key[i]!;
        lastLength = length;
        if (low.kind === 1) visit(key[0]!, low.userKey(), low.value());
      }
      if (!low.next() && !(await low.fill())) {
        cursors.splice(cursors.indexOf(low), 1);
        break;
      }
    } while (bound === undefined || low.compare(bound) < 0);
  }
}

/** Of keys that differ it is mostly the end that does. */
function isEqual(a: Buffer, b: Buffer, length: number): boolean {
  for (let i = length - 1; i >= 0; i--) if (a[i] !== b[i]) return false;
  return true;
}

/** The records of one table, one by one. */
class TableCursor {
  /** Prefix and key in its first `length` bytes. */
  key = Buffer.alloc(256);
  length = 0;
  kind = 1;
  private sequence = 0;
  private keyBytes = 0;
  private readonly file: string;
  private readonly handle: FileHandle;
  private blocks: readonly BlockHandle[] = [];
  private nextBlock = 0;
  /** Blocks that were read and not begun, each with its trailer. */
  private chunk: Buffer[] = [];
  /** Where compressed blocks are opened, one at a time. */
  private room = Buffer.alloc(0);
  private block: Buffer = Buffer.alloc(0);
  private at = 0;
  private end = 0;
  private valueAt = 0;
  private valueEnd = 0;
  /** Views of the key, by length: most have one of two. */
  private views: (Buffer | undefined)[] = [];

  constructor(file: string, handle: FileHandle) {
    this.file = file;
    this.handle = handle;
  }

  async open(): Promise<void> {
    const footer = await readTableFooter(this.handle);
    if (footer === undefined || footer.names.some((name) => name.startsWith("rocksdb.range_del")))
      throw new NotUnderstood();
    const { index, version } = footer;
    if (version < 2 || version > 5 || index.length > maxBlockBytes) throw new NotUnderstood();
    const bytes = await this.read(index.offset, index.length + trailerBytes);
    this.blocks = handlesOf(this.contents(bytes, index.length), version >= 4);
  }

  close(): Promise<void> {
    return this.handle.close();
  }

  /** The key without its prefix. */
  userKey(): Buffer {
    const { length } = this;
    this.views[length] ??= this.key.subarray(1, length);
    return this.views[length]!;
  }

  value(): Buffer {
    return this.block.subarray(this.valueAt, this.valueEnd);
  }

  compare(other: TableCursor): number {
    // A call of Buffer's own costs more than the few bytes that keys have.
    const { key, length } = this;
    const shorter = Math.min(length, other.length);
    for (let i = 0; i < shorter; i++) {
      const order = key[i]! - other.key[i]!;
      if (order !== 0) return order;
    }
    return length !== other.length ? length - other.length : other.sequence - this.sequence;
  }

  /** Goes on to the next record; false if none has been read. */
  next(): boolean {
    while (this.at >= this.end) {
      const stored = this.chunk.shift();
      if (stored === undefined) return false;
      const block = this.contents(stored, stored.length - trailerBytes);
      const restarts = block.length < 4 ? 0 : block.readUInt32LE(block.length - 4);
      this.block = block;
      this.at = 0;
      this.keyBytes = 0;
      // With an index by hashes the count has its highest bit set.
      this.end = block.length - 4 - 4 * restarts;
      if (restarts >= 2 ** 31 || this.end < 0) throw this.damage("has a block that is none");
    }
    const shared = this.varint();
    const more = this.varint();
    const size = this.varint();
    const keyBytes = shared + more;
    const { at, block } = this;
    this.valueAt = at + more;
    this.valueEnd = this.valueAt + size;
    if (shared > this.keyBytes || keyBytes < 9 || this.valueEnd > this.end)
      throw this.damage("has a record that is none");
    if (keyBytes > this.key.length) {
      const longer = Buffer.alloc(2 * keyBytes);
      longer.set(this.key);
      this.key = longer;
      this.views = [];
    }
    const { key } = this;
    for (let i = 0; i < more; i++) key[shared + i] = block[at + i]!;
    this.at = this.valueEnd;
    this.keyBytes = keyBytes;
    this.length = keyBytes - 8;
    this.kind = key[this.length]!;
    this.sequence =
      key.readUInt32LE(this.length + 1) + key.readUIntLE(this.length + 5, 3) * 4294967296;
    if (this.kind > 1) throw this.damage(`has a record of kind ${this.kind}, which is not known`);
    return true;
  }

  /** Reads on, and goes to the next record; false at the table's end. */
  async fill(): Promise<boolean> {
    const first = this.blocks[this.nextBlock];
    if (first === undefined) return false;
    let bytes = 0;
    const { nextBlock } = this;
    while (this.nextBlock < this.blocks.length && bytes < chunkBytes) {
      bytes += this.blocks[this.nextBlock++]!.length + trailerBytes;
    }
    const chunk = await this.read(first.offset, bytes);
    for (let i = nextBlock; i < this.nextBlock; i++) {
      const { length, offset } = this.blocks[i]!;
      const from = offset - first.offset;
      this.chunk.push(chunk.subarray(from, from + length + trailerBytes));
    }
    return this.next() || (await this.fill());
  }

  /** The contents of a block of `length` bytes and its trailer. */
  private contents(bytes: Buffer, length: number): Buffer {
    if (unmask(bytes.readUInt32LE(length + 1)) !== crc32c(bytes.subarray(0, length + 1)))
      throw this.damage("has a block with a wrong checksum");
    const stored = bytes.subarray(0, length);
    if (bytes[length] === 0) return stored;
    const opened = bytes[length] === 1 ? unsnap(stored, maxBlockBytes, this.room) : undefined;
    if (opened === undefined) throw this.damage("has a block in a form that is not known");
    if (opened.length > this.room.length) this.room = Buffer.alloc(2 * opened.length);
    return opened;
  }

  private async read(offset: number, length: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafeSlow(length);
    for (let done = 0; done < length; ) {
      const { bytesRead } = await this.handle.read(bytes, done, length - done, offset + done);
      if (bytesRead === 0) throw this.damage("ends too early");
      done += bytesRead;
    }
    return bytes;
  }

  private varint(): number {
    const { block } = this;
    const first = block[this.at++]!;
    if (first < 0x80) return first;
    // Lengths of values mostly have two bytes: no object for each of them.
    const second = block[this.at]!;
    if (second < 0x80) {
      this.at++;
      return (second << 7) | (first & 0x7f);
    }
    const { end, value } = readVarint(block, this.at - 1);
    this.at = end;
    return value;
  }

  private damage(what: string): OperatingError {
    return new OperatingError("DATA_DAMAGED", `${this.file} ${what}`);
  }
}

/** Where the data blocks lie that an index names; they must fill the file from its start. */
function handlesOf(block: Buffer, isDelta: boolean): readonly BlockHandle[] {
  const handles: BlockHandle[] = [];
  const end = block.length - 4 - 4 * block.readUInt32LE(block.length - 4);
  let offset = 0;
  for (let at = 0; at < end; ) {
    const shared = readVarint(block, at);
    const more = readVarint(block, shared.end);
    // Only an entry that shares nothing has a whole handle.
    if (isDelta && shared.value > 0) throw new NotUnderstood();
    const head = isDelta ? more.end : readVarint(block, more.end).end;
    const from = readVarint(block, head + more.value);
    const length = readVarint(block, from.end);
    if (from.value !== offset || length.value > maxBlockBytes) throw new NotUnderstood();
    handles.push({ offset, length: length.value });
    offset += length.value + trailerBytes;
    at = length.end;
  }
  return handles;
}
