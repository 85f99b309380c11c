// Reads the buckets of a bbolt file, one level of them, as etcd's are. Nothing in the file is
// trusted: page ids, sizes and positions are checked before they are used, and a page is visited
// once at most, so that a damaged or hostile file ends in an error, never in a loop.
import { Buffer } from "node:buffer";
import { compareBytes } from "#base/bytes.ts";
import { OperatingError } from "#base/errors.ts";
import {
  bucketFlag,
  bucketHeadBytes,
  decodeMeta,
  defaultPageBytes,
  elementBytes,
  type Meta,
  pageFlag,
  pageHeaderBytes,
  readPageHeader,
} from "#server/backend/bbolt/format.ts";

/** Where the file's bytes come from. */
export interface BoltSource {
  /** For messages. */
  readonly name: string;
  readonly bytes: number;
  /** Exactly the bytes of [offset, offset + length), which lie within the file; the reader's. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

export type BoltRecord = readonly [key: Uint8Array, value: Uint8Array];

const minPageBytes = 512;
const maxPageBytes = 1 << 24;

/** Opens a file by its newer sound meta page; fails with code SNAPSHOT_DAMAGED. */
export async function openBolt(source: BoltSource): Promise<BoltFile> {
  const first = decodeMeta(await readUpTo(source, 0, defaultPageBytes));
  const second = await findSecondMeta(source, first?.pageBytes);
  const meta =
    first !== undefined && second !== undefined
      ? first.transaction > second.transaction
        ? first
        : second
      : (first ?? second);
  if (meta === undefined) throw damaged(source, "it has no sound meta page");
  const { pageBytes, highWater } = meta;
  if (pageBytes < minPageBytes || pageBytes > maxPageBytes) {
    throw damaged(source, `its page size is ${pageBytes}`);
  }
  if (!Number.isSafeInteger(highWater * pageBytes) || highWater * pageBytes > source.bytes) {
    throw damaged(source, `it ends at ${source.bytes} and should have ${highWater} pages`);
  }
  return new BoltFile(source, meta);
}

async function readUpTo(source: BoltSource, offset: number, length: number): Promise<Uint8Array> {
  const end = Math.min(source.bytes, offset + length);
  return end <= offset ? new Uint8Array(0) : await source.read(offset, end - offset);
}

/** The second meta page lies at the page size, which a damaged first one cannot tell. */
async function findSecondMeta(
  source: BoltSource,
  pageBytes: number | undefined,
): Promise<Meta | undefined> {
  const sizes =
    pageBytes === undefined ? Array.from({ length: 15 }, (_, i) => 1024 << i) : [pageBytes];
  for (const size of sizes) {
    const meta = decodeMeta(await readUpTo(source, size, defaultPageBytes));
    if (meta?.pageBytes === size) return meta;
  }
  return undefined;
}

function damaged(source: BoltSource, what: string): OperatingError {
  return new OperatingError("SNAPSHOT_DAMAGED", `${source.name} is no sound snapshot: ${what}`);
}

interface Element {
  readonly isBucket: boolean;
  readonly key: Buffer;
  readonly value: Buffer;
  readonly child: number;
}

export class BoltFile {
  readonly meta: Meta;
  private readonly source: BoltSource;

  constructor(source: BoltSource, meta: Meta) {
    this.source = source;
    this.meta = meta;
  }

  /** Names of the buckets, in order. */
  async buckets(): Promise<Uint8Array[]> {
    const names: Uint8Array[] = [];
    for await (const { key, isBucket } of this.walk(this.meta.root)) {
      if (isBucket) names.push(key);
    }
    return names;
  }

  /** Records of a bucket in key order, nothing if there is no such bucket. */
  async *records(bucket: Uint8Array): AsyncGenerator<BoltRecord> {
    for await (const element of this.walk(this.meta.root)) {
      if (!element.isBucket || compareBytes(element.key, bucket) !== 0) continue;
      yield* this.bucketRecords(element.value);
      return;
    }
  }

  /** Records of all buckets, in order. */
  async *allRecords(): AsyncGenerator<
    readonly [bucket: Uint8Array, key: Uint8Array, value: Uint8Array]
  > {
    for await (const element of this.walk(this.meta.root)) {
      if (!element.isBucket) continue;
      for await (const [key, value] of this.bucketRecords(element.value)) {
        yield [element.key, key, value];
      }
    }
  }

  private async *bucketRecords(value: Buffer): AsyncGenerator<BoltRecord> {
    if (value.length < bucketHeadBytes) throw this.fault("a bucket's record is too short");
    const root = Number(value.readBigUInt64LE(0));
    const elements =
      root === 0 ? this.elements(value.subarray(bucketHeadBytes), "an inline bucket") : undefined;
    if (elements !== undefined) {
      for (const { key, value: own } of elements) yield [key, own];
      return;
    }
    for await (const element of this.walk(root)) {
      if (element.isBucket) throw this.fault("a bucket lies within a bucket");
      yield [element.key, element.value];
    }
  }

  /** Leaf elements of the tree under `root`, in key order. */
  private async *walk(root: number): AsyncGenerator<Element> {
    const waiting = [root];
    let visited = 0;
    let last: Buffer | undefined;
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      if (++visited > this.meta.highWater) throw this.fault("its pages form a loop");
      const page = await this.page(id);
      const elements = this.elements(page, `page ${id}`);
      if (readPageHeader(page).flags === pageFlag.branch) {
        for (const { child } of elements.reverse()) waiting.push(child);
        continue;
      }
      for (const element of elements) {
        if (last !== undefined && compareBytes(last, element.key) >= 0) {
          throw this.fault(`keys of page ${id} are not in order`);
        }
        last = element.key;
        yield element;
      }
    }
  }

  private async page(id: number): Promise<Buffer> {
    const { pageBytes, highWater } = this.meta;
    if (!(id >= 2 && id < highWater)) throw this.fault(`page ${id} does not exist`);
    const first = await this.source.read(id * pageBytes, pageBytes);
    const { overflow } = readPageHeader(asBuffer(first));
    if (overflow === 0) return asBuffer(first);
    if (id + overflow >= highWater) throw this.fault(`page ${id} is longer than the file`);
    return asBuffer(await this.source.read(id * pageBytes, (overflow + 1) * pageBytes));
  }

  private elements(page: Buffer, where: string): Element[] {
    if (page.length < pageHeaderBytes) throw this.fault(`${where} is too short`);
    const { flags, count } = readPageHeader(page);
    if (flags !== pageFlag.leaf && flags !== pageFlag.branch) {
      throw this.fault(`${where} is neither leaf nor branch`);
    }
    if (pageHeaderBytes + count * elementBytes > page.length) {
      throw this.fault(`${where} has too many elements`);
    }
    const out: Element[] = [];
    for (let i = 0; i < count; i++) {
      const at = pageHeaderBytes + i * elementBytes;
      const branch = flags === pageFlag.branch;
      const start = at + page.readUInt32LE(branch ? at : at + 4);
      const keyEnd = start + page.readUInt32LE(branch ? at + 4 : at + 8);
      const end = keyEnd + (branch ? 0 : page.readUInt32LE(at + 12));
      if (end > page.length || keyEnd === start) {
        throw this.fault(`element ${i} of ${where} lies outside of it`);
      }
      out.push({
        isBucket: !branch && (page.readUInt32LE(at) & bucketFlag) !== 0,
        key: page.subarray(start, keyEnd),
        value: page.subarray(keyEnd, end),
        child: branch ? Number(page.readBigUInt64LE(at + 8)) : 0,
      });
    }
    return out;
  }

  private fault(what: string): OperatingError {
    return damaged(this.source, what);
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
