import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32c } from "@node-rs/crc32";
import { type FileSink, readTables, writeTables } from "#server/backend/table-stream.ts";

type Files = ReadonlyMap<string, Buffer>;

const small: Files = new Map([
  ["000007.sst", Buffer.from("one table")],
  ["000009.log", Buffer.alloc(0)],
  ["MANIFEST-000004", Buffer.from("its manifest")],
  ["CURRENT", Buffer.from("MANIFEST-000004\n")],
]);

async function framesOf(files: Files): Promise<Buffer[]> {
  const sent = [...files].map(([name, { length }]) => ({ name, bytes: length }));
  const read = async (file: { name: string }, into: Buffer, offset: number): Promise<void> => {
    files.get(file.name)!.copy(into, 0, offset);
  };
  const frames: Buffer[] = [];
  for await (const frame of writeTables(sent, { read })) frames.push(Buffer.from(frame));
  return frames;
}

class MemorySink implements FileSink {
  readonly files = new Map<string, Buffer>();
  private name: string | undefined;
  private parts: Buffer[] = [];

  async begin(name: string): Promise<void> {
    assert.equal(this.name, undefined, "files do not overlap");
    this.name = name;
  }

  async part(bytes: Buffer): Promise<void> {
    this.parts.push(Buffer.from(bytes));
  }

  async end(): Promise<void> {
    this.files.set(this.name!, Buffer.concat(this.parts));
    this.name = undefined;
    this.parts = [];
  }
}

async function read(chunks: Iterable<Uint8Array>): Promise<Files> {
  const sink = new MemorySink();
  const body = async function* () {
    yield* chunks;
  };
  await readTables(body(), sink);
  return sink.files;
}

function* cutInto(bytes: Buffer, length: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}

/** A frame whose checksum is right, in a stream whose bytes so far have checksum `seed`. */
function forged(kind: number, payload: Buffer, seed: number): { frame: Buffer; crc: number } {
  const head = Buffer.alloc(5);
  head[0] = kind;
  head.writeUInt32BE(payload.length, 1);
  const crc = crc32c(Buffer.concat([head, payload]), seed);
  const tail = Buffer.alloc(4);
  tail.writeUInt32BE(crc);
  return { frame: Buffer.concat([head, payload, tail]), crc };
}

function file(name: string, size: number | bigint): readonly [number, Buffer] {
  const head = Buffer.alloc(8);
  head.writeBigUInt64BE(BigInt(size));
  return [1, Buffer.concat([head, Buffer.from(name)])];
}

function end(files: number, bytes: number): readonly [number, Buffer] {
  const payload = Buffer.alloc(12);
  payload.writeUInt32BE(files);
  payload.writeBigUInt64BE(BigInt(bytes), 4);
  return [3, payload];
}

test("files come out as they went in, however the bytes were cut", async () => {
  const large = new Map([...small, ["000012.sst", Buffer.alloc(700_000, "table")]]);
  for (const files of [new Map<string, Buffer>(), small, large]) {
    const bytes = Buffer.concat(await framesOf(files));
    for (const length of files === large ? [65_536, 1 << 20] : [1, 7, 65_536]) {
      assert.deepEqual(await read(cutInto(bytes, length)), files);
    }
  }
});

test("a stream that is altered or cut at any byte is refused, and one whose frames changed places", async () => {
  const frames = await framesOf(small);
  const bytes = Buffer.concat(frames);
  const damaged = { code: "SNAPSHOT_DAMAGED" };
  for (let at = 0; at < bytes.length; at++) {
    const altered = Buffer.from(bytes);
    altered[at]! ^= 1 << (at % 8);
    await assert.rejects(read([altered]), damaged, `byte ${at} altered`);
    await assert.rejects(read([bytes.subarray(0, at)]), damaged, `cut at byte ${at}`);
  }
  for (let at = 1; at < frames.length; at++) {
    await assert.rejects(read(frames.toSpliced(at, 1)), damaged, `frame ${at} lost`);
    await assert.rejects(read(frames.toSpliced(at, 0, frames[at]!)), damaged, `${at} doubled`);
    if (at + 1 === frames.length) continue;
    const swapped = frames.toSpliced(at, 2, frames[at + 1]!, frames[at]!);
    await assert.rejects(read(swapped), damaged, `frame ${at} moved`);
  }
  await assert.rejects(read([...frames, Buffer.from("x")]), damaged, "more behind its end");
});

test("what is said with a right checksum is not believed either", async () => {
  const [magic] = await framesOf(new Map());
  const part = (text: string): readonly [number, Buffer] => [2, Buffer.from(text)];
  const table = file("000001.sst", 3);
  const refused: Record<string, readonly (readonly [number, Buffer])[]> = {
    "a path": [file("../../000001.sst", 3), part("abc"), end(1, 3)],
    "a name that no store has": [file("LOCK", 3), part("abc"), end(1, 3)],
    "a name twice": [table, part("abc"), table, part("abc"), end(2, 6)],
    "a file without a name": [file("", 3), part("abc"), end(1, 3)],
    "more than was said": [table, part("abcd"), end(1, 3)],
    "less than was said": [table, part("ab"), end(1, 3)],
    "a file within another": [table, file("000002.sst", 1), part("a"), end(2, 4)],
    "a size beyond all": [file("000001.sst", 2n ** 60n), part("abc"), end(1, 3)],
    "a part of no file": [part("abc"), end(0, 0)],
    "another number of files": [table, part("abc"), end(2, 3)],
    "another number of bytes": [table, part("abc"), end(1, 4)],
    "an unknown kind": [[4, Buffer.from("abc")], end(0, 0)],
    "a short end": [[3, Buffer.alloc(11)]],
    "a frame too long": [file("000001.sst", 1 << 20), [2, Buffer.alloc((1 << 18) + 1)], end(1, 1)],
  };
  for (const [name, wanted] of Object.entries(refused)) {
    let seed = crc32c(magic!);
    const frames = wanted.map(([kind, payload]) => {
      const { crc, frame } = forged(kind, payload, seed);
      seed = crc;
      return frame;
    });
    await assert.rejects(read([magic!, ...frames]), { code: "SNAPSHOT_DAMAGED" }, name);
  }
});
