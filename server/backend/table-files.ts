// Reads of RocksDB's tables what RocksDB reads without looking at its checksums: the list of a table's
// own blocks and these, its properties among them. On a damaged one the library's assertions end the
// process, with a line that names neither folder nor file.
//
// Format (RocksDB wiki, "BlockBasedTable Format"): blocks, then a footer of 53 bytes: kind of checksum
// (1; 1 is CRC-32C) · handle of the list · handle of the index · fill up to 41 · version (4, LE) ·
// magic (8). A handle is offset and length, as varints. Behind each block: compression (1) ·
// checksum, masked, of block and compression (4, LE). Only tables that the manifest names are looked
// at: what a crash cut short is removed by RocksDB. What is not understood is left to it, too.
import { type FileHandle, open, readFile } from "node:fs/promises";
import path from "node:path";
import { crc32c } from "@node-rs/crc32";
import { OperatingError } from "#base/errors.ts";
import { diskError, systemCode } from "#server/backend/folder.ts";
import { ending, recordAt, unmask } from "#server/backend/log-files.ts";

const footerBytes = 53;
const magic = Buffer.from("f7cff485b741e288", "hex");
const crcKind = 1;
const trailerBytes = 5;
/** No list of blocks and no block of a table's own that is read here is as long. */
const maxBlockBytes = 1 << 20;

/** Fails with DATA_DAMAGED, naming the file, if a table of the store in `dir` would end the process. */
export async function checkTableFiles(dir: string): Promise<void> {
  for (const number of await liveTables(dir)) {
    const name = `${String(number).padStart(6, "0")}.sst`;
    let handle: FileHandle;
    try {
      handle = await open(path.join(dir, name), "r");
    } catch (error) {
      if (systemCode(error) === "ENOENT") continue;
      throw diskError(error, path.join(dir, name));
    }
    try {
      const block = await damagedBlock(handle, (await handle.stat()).size);
      if (block === undefined) continue;
      throw new OperatingError(
        "DATA_DAMAGED",
        `${path.join(dir, name)} is damaged: its ${block} has a wrong checksum; remove this member and add it again with an empty folder, or restore a backup`,
      );
    } finally {
      await handle.close();
    }
  }
}

/** Where a block lies, its trailer left out. */
export interface BlockHandle {
  readonly offset: number;
  readonly length: number;
}

/** What a table's end says of it. */
export interface TableFooter {
  readonly index: BlockHandle;
  /** Of the format. */
  readonly version: number;
  /** Of its own blocks. */
  readonly names: readonly string[];
}

/** Undefined if that is no table of a known kind. */
export async function readTableFooter(file: FileHandle): Promise<TableFooter | undefined> {
  const { size } = await file.stat();
  if (size < footerBytes) return undefined;
  const footer = await readAt(file, size - footerBytes, footerBytes);
  if (!footer.subarray(-magic.length).equals(magic) || footer[0] !== crcKind) return undefined;
  const list = readHandle(footer, 1);
  const { length, offset } = list.handle;
  if (length > maxBlockBytes || offset + length + trailerBytes > size) return undefined;
  const block = await soundBlock(file, list.handle);
  if (block === undefined || block.at(-1) !== 0) return undefined;
  const index = readHandle(footer, list.end).handle;
  if (index.offset + index.length + trailerBytes > size) return undefined;
  const names = entriesOf(block.subarray(0, -1)).map(([name]) => name);
  return { index, version: footer.readUInt32LE(footerBytes - magic.length - 4), names };
}

/** Which of a table's own blocks cannot be read; undefined if all can, or if it is no such table. */
async function damagedBlock(file: FileHandle, size: number): Promise<string | undefined> {
  if (size < footerBytes) return undefined;
  const footer = await readAt(file, size - footerBytes, footerBytes);
  if (!footer.subarray(-magic.length).equals(magic) || footer[0] !== crcKind) return undefined;
  const list = readHandle(footer, 1).handle;
  if (list.length > maxBlockBytes || list.offset + list.length + trailerBytes > size)
    return "list of blocks";
  const block = await soundBlock(file, list);
  if (block === undefined) return "list of blocks";
  // Compressed, it is of a kind that is not known here.
  if (block.at(-1) !== 0) return undefined;
  for (const [name, handle] of entriesOf(block.subarray(0, -1))) {
    if (handle.offset + handle.length + trailerBytes > size) return `block ${name}`;
    if (handle.length > maxBlockBytes) continue;
    if ((await soundBlock(file, handle)) === undefined) return `block ${name}`;
  }
  return undefined;
}

/** A block and its byte of compression, or undefined if its checksum is another. */
async function soundBlock(file: FileHandle, handle: BlockHandle): Promise<Buffer | undefined> {
  const bytes = await readAt(file, handle.offset, handle.length + trailerBytes);
  if (bytes.length < handle.length + trailerBytes) return undefined;
  const covered = bytes.subarray(0, handle.length + 1);
  return unmask(bytes.readUInt32LE(handle.length + 1)) === crc32c(covered) ? covered : undefined;
}

/** The entries of a list of blocks: names, of which each may begin like the one before, and handles. */
function entriesOf(block: Buffer): readonly (readonly [string, BlockHandle])[] {
  if (block.length < 4) return [];
  const end = block.length - 4 - 4 * block.readUInt32LE(block.length - 4);
  const entries: (readonly [string, BlockHandle])[] = [];
  let name = "";
  for (let at = 0; at < end; ) {
    const shared = readVarint(block, at);
    const more = readVarint(block, shared.end);
    const length = readVarint(block, more.end);
    const value = length.end + more.value;
    name = name.slice(0, shared.value) + block.toString("latin1", length.end, value);
    entries.push([name, readHandle(block, value).handle]);
    at = value + length.value;
  }
  return entries;
}

async function readAt(file: FileHandle, offset: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  const { bytesRead } = await file.read(bytes, 0, length, offset);
  return bytes.subarray(0, bytesRead);
}

function readHandle(
  bytes: Buffer,
  at: number,
): { readonly handle: BlockHandle; readonly end: number } {
  const offset = readVarint(bytes, at);
  const length = readVarint(bytes, offset.end);
  return { handle: { offset: offset.value, length: length.value }, end: length.end };
}

export function readVarint(
  bytes: Buffer,
  at: number,
): { readonly value: number; readonly end: number } {
  let value = 0;
  let scale = 1;
  for (let end = at; end < bytes.length && scale < 2 ** 63; end++) {
    const byte = bytes[end]!;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return { value, end: end + 1 };
    scale *= 128;
  }
  return { value, end: bytes.length };
}

/** Tables that the manifest adds and does not take away again, as far as it is understood. */
async function liveTables(dir: string): Promise<Iterable<number>> {
  try {
    const name = (await readFile(path.join(dir, "CURRENT"), "utf8")).trim();
    return readManifest(await readFile(path.join(dir, path.basename(name)))).tables;
  } catch {
    return [];
  }
}

/** What a manifest says. */
export interface ManifestContents {
  /** Numbers of the tables that it adds and does not take away again. */
  readonly tables: ReadonlySet<number>;
  /** Behind its last whole change. */
  readonly end: number;
  /** False if it holds what is not known here: the rest was not looked at. */
  readonly isUnderstood: boolean;
}

/** Follows a manifest to its end; what a crash, or a writer at work, left half written is left out. */
export function readManifest(manifest: Buffer): ManifestContents {
  const tables = new Set<number>();
  let parts: Buffer[] = [];
  let end = 0;
  for (let at = 0; ; ) {
    const record = recordAt(manifest, at);
    if (record === undefined) return { tables, end, isUnderstood: true };
    parts.push(record.payload);
    at = record.end;
    if (!ending(record.type)) continue;
    if (!takeEdit(Buffer.concat(parts), tables)) return { tables, end, isUnderstood: false };
    parts = [];
    end = at;
  }
}

/** Follows one change of the manifest (RocksDB's VersionEdit); false if it holds what is not known. */
function takeEdit(edit: Buffer, live: Set<number>): boolean {
  let at = 0;
  const varint = (): number => {
    const read = readVarint(edit, at);
    at = read.end;
    return read.value;
  };
  const skipBytes = (): void => {
    const length = varint();
    at += length;
  };
  while (at < edit.length) {
    switch (varint()) {
      case 1: // comparator, by name
      case 11: // database id
      case 201: // column family added, by name
        skipBytes();
        break;
      case 2: // log number
      case 3: // next file
      case 4: // last sequence
      case 9: // previous log
      case 10: // oldest log to keep
      case 200: // column family
      case 203: // largest column family
        varint();
        break;
      case 5: // where compaction went on: level, key
        varint();
        skipBytes();
        break;
      case 6: // a table of a level is gone
        varint();
        live.delete(varint());
        break;
      case 103: // a table: level, number, size, smallest and largest key and sequence, more by tag
        varint();
        live.add(varint());
        varint();
        skipBytes();
        skipBytes();
        varint();
        varint();
        while (at < edit.length && varint() !== 1) skipBytes();
        break;
      default:
        return false;
    }
  }
  return true;
}
