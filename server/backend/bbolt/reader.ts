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

/** A page run longer than this is taken for damage: no record of etcd comes near it. */
const maxPageRunBytes = 1 << 30;

/** A file that is no sound bbolt file, or not one of etcd. */
export class SnapshotDamage extends OperatingError {
  /** What bbolt says of the same; with pages, as a line of its integrity check. */
  readonly boltText: string;

  constructor(source: BoltSource, what: string, boltText = what) {
    super("SNAPSHOT_DAMAGED", `${source.name} is no sound snapshot: ${what}`);
    this.boltText = boltText;
  }
}

/** Opens a file by its newer sound meta page; fails with SnapshotDamage. */
export async function openBolt(source: BoltSource): Promise<BoltFile> {
  const first = decodeMeta(await readUpTo(source, 0, defaultPageBytes));
  const second = await findSecondMeta(source, first?.pageBytes);
  const meta =
    first !== undefined && second !== undefined
      ? first.transaction > second.transaction
        ? first
        : second
      : (first ?? second);
  if (meta === undefined) {
    throw new SnapshotDamage(source, "it has no sound meta page", "invalid database");
  }
  const { pageBytes, highWater } = meta;
  if (pageBytes < minPageBytes || pageBytes > maxPageBytes) {
    throw new SnapshotDamage(source, `its page size is ${pageBytes}`, "invalid database");
  }
  if (source.bytes < 2 * pageBytes) {
    throw new SnapshotDamage(
      source,
      `it ends at ${source.bytes}, within its meta pages`,
      `file size too small ${source.bytes}`,
    );
  }
  if (!Number.isSafeInteger(highWater * pageBytes) || highWater * pageBytes > source.bytes) {
    throw new SnapshotDamage(
      source,
      `it ends at ${source.bytes} and should have ${highWater} pages`,
    );
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

/** What a page of a bucket holds. */
export interface BoltElement {
  readonly isBucket: boolean;
  readonly key: Buffer;
  readonly value: Buffer;
  /** In a branch, the page below; else 0. */
  readonly child: number;
}

/** A page of a bucket with those behind it that belong to it. */
export interface BoltPage {
  readonly isBranch: boolean;
  /** Pages behind this one that belong to it. */
  readonly overflow: number;
  readonly elements: readonly BoltElement[];
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
      for await (const page of this.bucketPages(element.value))
        for (const { key, value } of page) yield [key, value];
      return;
    }
  }

  /** Records of all buckets, in order; `allPages` is for whoever takes millions. */
  async *allRecords(): AsyncGenerator<
    readonly [bucket: Uint8Array, key: Uint8Array, value: Uint8Array]
  > {
    for await (const [bucket, page] of this.allPages())
      for (const { key, value } of page) yield [bucket, key, value];
  }

  /** Records of all buckets, in order, a page at a time. */
  async *allPages(): AsyncGenerator<readonly [bucket: Uint8Array, page: readonly BoltElement[]]> {
    for await (const element of this.walk(this.meta.root)) {
      if (!element.isBucket) continue;
      for await (const page of this.bucketPages(element.value)) yield [element.key, page];
    }
  }

  private async *bucketPages(value: Buffer): AsyncGenerator<readonly BoltElement[]> {
    const { root, inline } = this.bucketRoot(value);
    if (inline !== undefined) {
      yield inline;
      return;
    }
    for await (const page of this.leaves(root)) {
      if (page.some(({ isBucket }) => isBucket)) throw this.fault("a bucket lies within a bucket");
      yield page;
    }
  }

  /** Where a bucket's records lie: under a page, or within the bucket's own record. */
  bucketRoot(value: Buffer): {
    readonly root: number;
    readonly inline: readonly BoltElement[] | undefined;
  } {
    if (value.length < bucketHeadBytes) throw this.fault("a bucket's record is too short");
    const root = Number(value.readBigUInt64LE(0));
    if (root !== 0) return { root, inline: undefined };
    return { root, inline: this.elements(value.subarray(bucketHeadBytes), "an inline bucket") };
  }

  /** Leaf elements of the tree under `root`, in key order. */
  private async *walk(root: number): AsyncGenerator<BoltElement> {
    for await (const page of this.leaves(root)) for (const element of page) yield element;
  }

  /** Leaf pages of the tree under `root`, in key order. */
  private async *leaves(root: number): AsyncGenerator<readonly BoltElement[]> {
    const waiting = [root];
    let visited = 0;
    let last: Buffer | undefined;
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      if (++visited > this.meta.highWater) throw this.fault("its pages form a loop");
      const { elements, isBranch } = await this.readPage(id);
      if (isBranch) {
        for (let i = elements.length - 1; i >= 0; i--) waiting.push(elements[i]!.child);
        continue;
      }
      for (const { key } of elements) {
        if (last !== undefined && compareBytes(last, key) >= 0)
          throw this.fault(`keys of page ${id} are not in order`);
        last = key;
      }
      yield elements;
    }
  }

  /** One page of a bucket; rejects with SnapshotDamage. */
  async readPage(id: number): Promise<BoltPage> {
    const { pageBytes, highWater } = this.meta;
    if (!(id >= 2 && id < highWater)) {
      throw this.fault(
        `page ${id} does not exist`,
        `page ${id}: out of bounds: ${highWater} (stack: [${id}])`,
      );
    }
    let page = asBuffer(await this.source.read(id * pageBytes, pageBytes));
    const { flags, id: stated, overflow } = readPageHeader(page);
    if (stated !== id) {
      throw this.fault(
        `page ${id} says that it is page ${stated}`,
        `assertion failed: Page expected to be: ${id}, but self identifies as ${stated}`,
      );
    }
    if (flags !== pageFlag.leaf && flags !== pageFlag.branch) {
      throw this.fault(
        `page ${id} is neither leaf nor branch`,
        `page ${id}: invalid type: ${typeName(flags)} (stack: [${id}])`,
      );
    }
    if (overflow > 0) {
      if (id + overflow >= highWater || (overflow + 1) * pageBytes > maxPageRunBytes) {
        throw this.fault(
          `page ${id} is longer than the file`,
          `page ${id + overflow}: out of bounds: ${highWater} (stack: [${id}])`,
        );
      }
      page = asBuffer(await this.source.read(id * pageBytes, (overflow + 1) * pageBytes));
    }
    const elements = this.elements(page, `page ${id}`);
    return { isBranch: flags === pageFlag.branch, overflow, elements };
  }

  /** The pages of the stored list of free pages with those on it; undefined if none is stored. */
  async freePages(): Promise<
    { readonly own: readonly number[]; readonly free: readonly number[] } | undefined
  > {
    const { freeList, highWater, pageBytes } = this.meta;
    if (freeList === undefined) return undefined;
    if (freeList < 2 || freeList >= highWater) throw this.fault(`page ${freeList} does not exist`);
    const head = readPageHeader(asBuffer(await this.source.read(freeList * pageBytes, pageBytes)));
    const run = head.overflow + 1;
    if (head.flags !== pageFlag.freeList || freeList + run > highWater) {
      throw this.fault(`page ${freeList} is no list of free pages`);
    }
    const page = asBuffer(await this.source.read(freeList * pageBytes, run * pageBytes));
    // More than a count of 16 bits holds: the first element is the count.
    const large = head.count === 0xffff;
    const count = large ? Number(page.readBigUInt64LE(pageHeaderBytes)) : head.count;
    const from = pageHeaderBytes + (large ? 8 : 0);
    if (from + count * 8 > page.length) throw this.fault("the list of free pages is too long");
    const free = Array.from({ length: count }, (_, i) =>
      Number(page.readBigUInt64LE(from + i * 8)),
    );
    return { own: Array.from({ length: run }, (_, i) => freeList + i), free };
  }

  private elements(page: Buffer, where: string): BoltElement[] {
    if (page.length < pageHeaderBytes) throw this.fault(`${where} is too short`);
    const { flags, count } = readPageHeader(page);
    if (flags !== pageFlag.leaf && flags !== pageFlag.branch) {
      throw this.fault(`${where} is neither leaf nor branch`);
    }
    if (pageHeaderBytes + count * elementBytes > page.length) {
      throw this.fault(`${where} has too many elements`);
    }
    const out: BoltElement[] = [];
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

  private fault(what: string, boltText = what): SnapshotDamage {
    return new SnapshotDamage(this.source, what, boltText);
  }
}

/** A page's type as bbolt names it. */
function typeName(flags: number): string {
  if (flags === pageFlag.meta) return "meta";
  if (flags === pageFlag.freeList) return "freelist";
  return `unknown<${flags.toString(16).padStart(2, "0")}>`;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
