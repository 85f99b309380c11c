// Reads RocksDB's own log files before RocksDB does.
//
// The addon opens stores without paranoid checks: a bad record of the log is then left out, without
// an error, and recovery goes on with those behind it. In the log that loses acknowledged entries;
// in the state, whose writes are not synced, it leaves a batch out while later ones advance the
// applied index. So before a store is opened its log files are read here:
//   - for the log, a bad record may only be the last thing that was being written when the machine
//     stopped: no record begins behind it, or opening is refused;
//   - for the state, everything behind a bad record is cut off: the log holds it and it is applied
//     again.
//
// Format (RocksDB wiki, "Write Ahead Log File Format"): blocks of 32 KiB; a record never crosses a
// block; CRC-32C, masked, of type and payload (4, LE) · length (2, LE) · type (1) [· log number (4,
// LE), in types 5 to 8] · payload. Types: full 1, first 2, middle 3, last 4, and the same plus 4 for
// recycled files. A block's tail too short for a header is filled with zeros.
import { open, readFile } from "node:fs/promises";
import path from "node:path";
import { crc32c } from "@node-rs/crc32";
import { OperatingError } from "#base/errors.ts";
import { diskError, listFolder, systemCode } from "#server/backend/folder.ts";

const blockBytes = 32 * 1024;
const headerBytes = 7;
const recycledHeaderBytes = 11;

/** A record that could be read. */
export interface LogRecord {
  readonly type: number;
  readonly payload: Buffer;
  /** Offset behind it. */
  readonly end: number;
}

/** The first place where a file is not a sequence of whole writes. */
interface BadRecord {
  readonly file: string;
  readonly offset: number;
}

/**
 * Fails with an OperatingError that names file and offset if a log file of the store in `dir` has
 * a bad record with others behind it. A store that is being written may be scanned.
 */
export async function checkLogFiles(dir: string): Promise<void> {
  const hole = await findHole(dir, await liveLogFiles(dir));
  if (hole === undefined) return;
  throw new OperatingError(
    "WAL_DAMAGED",
    `${path.join(dir, hole.file)} has a bad record at offset ${hole.offset} with others behind it: acknowledged writes would be lost; remove this member and add it again with an empty folder, or restore a backup`,
  );
}

/** The first bad record, if a write begins anywhere behind it. */
async function findHole(dir: string, files: readonly string[]): Promise<BadRecord | undefined> {
  let bad: BadRecord | undefined;
  for (const file of files) {
    const bytes = await readLog(path.join(dir, file));
    if (bytes === undefined) continue;
    if (bad !== undefined && beginsRecord(bytes, 0)) return bad;
    const fault = firstFault(bytes);
    if (fault === undefined) continue;
    bad ??= { file, offset: fault.offset };
    if (beginsRecord(bytes, fault.searchFrom)) return bad;
  }
  return undefined;
}

/** What cutLogFiles took away. */
export interface LogCut {
  readonly file: string;
  readonly offset: number;
  /** Bytes behind the first bad record, all files together. */
  readonly bytes: number;
}

/**
 * If a log file of the store in `dir` has a bad record with others behind it, cuts the files off
 * where the first write begins that is not whole, so that the store recovers to one point in time.
 * Undefined if there was nothing to cut; a torn end is none, RocksDB drops it by itself.
 * The caller holds the folder's lock: nobody is writing.
 */
export async function cutLogFiles(dir: string): Promise<LogCut | undefined> {
  const files = await liveLogFiles(dir);
  const hole = await findHole(dir, files);
  if (hole === undefined) return undefined;
  let cut: { file: string; offset: number; bytes: number } | undefined;
  for (const file of files.slice(files.indexOf(hole.file))) {
    const bytes = await readLog(path.join(dir, file));
    if (bytes === undefined) continue;
    const keep = cut === undefined ? (firstFault(bytes)?.whole ?? bytes.length) : 0;
    await truncateFile(path.join(dir, file), keep);
    cut ??= { file, offset: keep, bytes: 0 };
    cut.bytes += bytes.length - keep;
  }
  return cut;
}

async function truncateFile(file: string, length: number): Promise<void> {
  try {
    const handle = await open(file, "r+");
    try {
      await handle.truncate(length);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw diskError(error, file);
  }
}

async function readLog(file: string): Promise<Buffer | undefined> {
  try {
    return await readFile(file);
  } catch (error) {
    // A store that is open elsewhere may drop a file; the lock is found when it is opened.
    if (systemCode(error) === "ENOENT") return undefined;
    throw diskError(error, file);
  }
}

/** Log files that a recovery would read, oldest first: those not below the manifest's log number. */
async function liveLogFiles(dir: string): Promise<string[]> {
  const numbered = ((await listFolder(dir)) ?? [])
    .map(({ name }) => name)
    .filter((name) => /^\d+\.log$/.test(name))
    .map((name) => ({ name, number: Number.parseInt(name, 10) }))
    .sort((a, b) => a.number - b.number);
  const oldest = await oldestLogNumber(dir);
  return numbered.filter(({ number }) => number >= oldest).map(({ name }) => name);
}

/**
 * The log number that the manifest names: files below it are leftovers, whose records lie in tables
 * already. 0 if that cannot be told; opening the store then says why.
 */
async function oldestLogNumber(dir: string): Promise<number> {
  try {
    const name = (await readFile(path.join(dir, "CURRENT"), "utf8")).trim();
    return oldestLogOf(await readFile(path.join(dir, path.basename(name))));
  } catch {
    return 0;
  }
}

/** The log number that a manifest names, or 0. */
export function oldestLogOf(manifest: Buffer): number {
  let oldest = 0;
  for (let at = 0; ; ) {
    const record = recordAt(manifest, at);
    if (record === undefined) return oldest;
    if (beginning(record.type)) oldest = Math.max(oldest, editLogNumber(record.payload));
    at = record.end;
  }
}

/** The log number of a manifest record (RocksDB's VersionEdit), or 0; it stands near the start. */
function editLogNumber(edit: Buffer): number {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = edit[at++];
      if (byte === undefined) return 0;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
  };
  while (at < edit.length) {
    switch (varint()) {
      case 1: // comparator, by name
      case 11: // database id
      case 201: // column family added, by name
        at += varint();
        break;
      case 2:
        return varint();
      case 3: // next file
      case 4: // last sequence
      case 9: // previous log
      case 10: // oldest log to keep
      case 200: // column family
      case 203: // largest column family
        varint();
        break;
      default:
        return 0;
    }
  }
  return 0;
}

/** Where a file ceases to be a sequence of whole writes. */
interface Fault {
  readonly offset: number;
  /** Where writes that came later may begin. */
  readonly searchFrom: number;
  /** Behind the last whole write. */
  readonly whole: number;
}

/** The first place where a file is not a sequence of whole writes; undefined if it is. */
function firstFault(bytes: Buffer): Fault | undefined {
  /** Offset of the write whose last part has not been met. */
  let open: number | undefined;
  for (let at = 0; ; ) {
    const start = skipFill(bytes, at);
    if (start >= bytes.length) {
      return open === undefined
        ? undefined
        : { offset: open, searchFrom: bytes.length, whole: open };
    }
    const record = recordAt(bytes, start);
    if (record === undefined) return { offset: start, searchFrom: start, whole: open ?? at };
    const { type, end } = record;
    if (beginning(type) !== (open === undefined)) {
      return { offset: open ?? start, searchFrom: start, whole: open ?? at };
    }
    open = ending(type) ? undefined : (open ?? start);
    at = end;
  }
}

/** True if a full or first record stands anywhere at or behind `from`. */
function beginsRecord(bytes: Buffer, from: number): boolean {
  for (let at = from; at + headerBytes <= bytes.length; at++) {
    const record = recordAt(bytes, at);
    if (record !== undefined && beginning(record.type)) return true;
  }
  return false;
}

export function ending(type: number): boolean {
  return type === 1 || type === 4 || type === 5 || type === 8;
}

function beginning(type: number): boolean {
  return type === 1 || type === 2 || type === 5 || type === 6;
}

/** The offset where the next header may stand: a block's last bytes, if too few for one, are fill. */
function skipFill(bytes: Buffer, at: number): number {
  const left = blockBytes - (at % blockBytes);
  if (left >= headerBytes) return at;
  for (let i = at; i < Math.min(at + left, bytes.length); i++) if (bytes[i] !== 0) return at;
  return at + left;
}

/** The record whose header stands at `at`, fill left out, if there is a sound one. */
export function recordAt(bytes: Buffer, at: number): LogRecord | undefined {
  const start = skipFill(bytes, at);
  if (start + headerBytes > bytes.length) return undefined;
  const type = bytes[start + 6] ?? 0;
  if (type < 1 || type > 8) return undefined;
  const head = type > 4 ? recycledHeaderBytes : headerBytes;
  const length = bytes.readUInt16LE(start + 4);
  const end = start + head + length;
  const room = blockBytes - (start % blockBytes);
  if (head + length > room || end > bytes.length) return undefined;
  if (unmask(bytes.readUInt32LE(start)) !== crc32c(bytes.subarray(start + 6, end)))
    return undefined;
  return { type, payload: bytes.subarray(start + head, end), end };
}

/** RocksDB rotates a stored CRC and adds a constant. */
export function unmask(masked: number): number {
  const rotated = (masked - 0xa282ead8) >>> 0;
  return ((rotated >>> 17) | (rotated << 15)) >>> 0;
}
