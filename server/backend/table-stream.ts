// A state between two members of ours: the files of its store as they lie on the disk, one behind the
// other. Pure but for the source and the sink that are passed in.
//
//   stream := magic (8) frame*            frame := kind (1) · length (4) · payload · crc (4)
//   kind 1, a file begins: size (8) · name        kind 2: a part of it
//   kind 3, the end: number of files (4) · bytes of all (8)
//
// Numbers are big-endian. `crc` is the CRC-32C of everything before it but the other crcs, from the
// magic on: a frame that was altered, lost, doubled or moved fails where it stands.
import { Buffer } from "node:buffer";
import { crc32c } from "@node-rs/crc32";
import { OperatingError } from "#base/errors.ts";

const magic = Buffer.from("etcdtsT1", "latin1");
const headBytes = 5;
const crcBytes = 4;
const kinds = { file: 1, part: 2, end: 3 } as const;
const partBytes = 256 * 1024;
const maxNameBytes = 32;
const maxFiles = 100_000;

/** The names that a store's files have which are sent. */
const fileName = /^(CURRENT|MANIFEST-\d{6,18}|\d{6,18}\.(sst|log))$/;

/** A file to be sent: its first `bytes` bytes. */
export interface SentFile {
  readonly name: string;
  readonly bytes: number;
}

/** Fills `into` with what stands at `offset` of a file that is being sent. */
export interface FileSource {
  read(file: SentFile, into: Buffer, offset: number): Promise<void>;
}

/** Takes what is received, in order. */
export interface FileSink {
  begin(name: string): Promise<void>;
  part(bytes: Buffer): Promise<void>;
  end(): Promise<void>;
}

/** The stream of these files. */
export async function* writeTables(
  files: readonly SentFile[],
  source: FileSource,
): AsyncGenerator<Uint8Array> {
  let crc = crc32c(magic);
  const seal = (frame: Buffer, kind: number): Buffer => {
    frame[0] = kind;
    frame.writeUInt32BE(frame.length - headBytes - crcBytes, 1);
    crc = crc32c(frame.subarray(0, -crcBytes), crc);
    frame.writeUInt32BE(crc, frame.length - crcBytes);
    return frame;
  };
  yield magic;
  let total = 0;
  for (const file of files) {
    const name = Buffer.from(file.name, "latin1");
    const head = frameOf(8 + name.length);
    head.writeBigUInt64BE(BigInt(file.bytes), headBytes);
    name.copy(head, headBytes + 8);
    yield seal(head, kinds.file);
    for (let offset = 0; offset < file.bytes; ) {
      const length = Math.min(partBytes, file.bytes - offset);
      const frame = frameOf(length);
      await source.read(file, frame.subarray(headBytes, headBytes + length), offset);
      offset += length;
      yield seal(frame, kinds.part);
    }
    total += file.bytes;
  }
  const end = frameOf(12);
  end.writeUInt32BE(files.length, headBytes);
  end.writeBigUInt64BE(BigInt(total), headBytes + 4);
  yield seal(end, kinds.end);
}

function frameOf(payloadBytes: number): Buffer {
  return Buffer.allocUnsafe(headBytes + payloadBytes + crcBytes);
}

/**
 * Reads a stream to its end and hands its files over. Rejects with SNAPSHOT_DAMAGED unless it is whole to
 * the last byte; what was handed over by then is of no use.
 */
export async function readTables(body: AsyncIterable<Uint8Array>, sink: FileSink): Promise<void> {
  const incoming = new Incoming(body);
  try {
    if (!(await incoming.take(magic.length)).equals(magic)) throw damage("begins otherwise");
    let crc = crc32c(magic);
    let [files, total, left] = [0, 0, 0];
    const names = new Set<string>();
    for (;;) {
      const head = await incoming.take(headBytes);
      const length = head.readUInt32BE(1);
      if (length > partBytes) throw damage(`has a frame of ${length} bytes`);
      const rest = await incoming.take(length + crcBytes);
      const payload = rest.subarray(0, length);
      crc = crc32c(payload, crc32c(head, crc));
      if (rest.readUInt32BE(length) !== crc) throw damage("has a wrong checksum");
      switch (head[0]) {
        case kinds.file: {
          if (left > 0) throw damage("has a file that is cut short");
          if (length <= 8 || length > 8 + maxNameBytes || ++files > maxFiles)
            throw damage("has a file that is none");
          const name = payload.toString("latin1", 8);
          if (!fileName.test(name) || names.has(name)) throw damage("names a file that is none");
          names.add(name);
          const size = payload.readBigUInt64BE();
          if (size > BigInt(Number.MAX_SAFE_INTEGER)) throw damage("has a file too large");
          left = Number(size);
          total += left;
          await sink.begin(name);
          if (left === 0) await sink.end();
          break;
        }
        case kinds.part:
          if (length === 0 || length > left) throw damage("has a file that is too long");
          left -= length;
          await sink.part(payload);
          if (left === 0) await sink.end();
          break;
        case kinds.end:
          if (left > 0 || length !== 12) throw damage("ends within a file");
          if (payload.readUInt32BE() !== files || payload.readBigUInt64BE(4) !== BigInt(total))
            throw damage("lacks a file");
          if (!(await incoming.ended())) throw damage("goes on behind its end");
          return;
        default:
          throw damage("has a frame of an unknown kind");
      }
    }
  } finally {
    await incoming.close();
  }
}

function damage(what: string): OperatingError {
  return new OperatingError("SNAPSHOT_DAMAGED", `a stream of a state's tables ${what}`);
}

/** A body in pieces of the lengths that are asked for; holds at most one piece and one chunk. */
class Incoming {
  private readonly chunks: AsyncIterator<Uint8Array>;
  private parts: Uint8Array[] = [];
  private length = 0;

  constructor(body: AsyncIterable<Uint8Array>) {
    this.chunks = body[Symbol.asyncIterator]();
  }

  /** The next `length` bytes; rejects if there are fewer. */
  async take(length: number): Promise<Buffer> {
    while (this.length < length) {
      const next = await this.chunks.next();
      if (next.done === true) throw damage("was cut short");
      this.parts.push(next.value);
      this.length += next.value.length;
    }
    const first = this.parts.length === 1 ? this.parts[0]! : Buffer.concat(this.parts, this.length);
    const all = Buffer.from(first.buffer, first.byteOffset, first.length);
    this.parts = [all.subarray(length)];
    this.length = all.length - length;
    return all.subarray(0, length);
  }

  /** True if nothing is left. */
  async ended(): Promise<boolean> {
    while (this.length === 0) {
      const next = await this.chunks.next();
      if (next.done === true) return true;
      this.parts = [next.value];
      this.length = next.value.length;
    }
    return false;
  }

  async close(): Promise<void> {
    await this.chunks.return?.();
  }
}
