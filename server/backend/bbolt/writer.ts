// Writes a bbolt file from records in key order, a bucket after the other, in one pass.
//
// Pages leave through `emit`, in file order from page 2 on, as soon as they are full; the two meta
// pages, which come first in the file, are known only at the end: `finish` returns them. Memory is
// one page, and the first key of each page of the bucket under way.
import { Buffer } from "node:buffer";
import { assert } from "#base/assert.ts";
import { compareBytes, emptyBytes } from "#base/bytes.ts";
import {
  bucketFlag,
  bucketHeadBytes,
  defaultPageBytes,
  elementBytes,
  encodeMetaPage,
  maxPageElements,
  pageFlag,
  pageHeaderBytes,
  writePageHeader,
} from "#server/backend/bbolt/format.ts";

const maxKeyBytes = 32_768;
/** How full pages are made, as etcd's defragmentation does. */
const fillPercent = 90;
/** The meta with an even transaction is page 0; the other one holds the transaction before it. */
const transaction = 2;

interface Element {
  readonly flags: number;
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** In a branch, the page below. */
  readonly child: number;
}

interface Child {
  readonly key: Uint8Array;
  readonly page: number;
}

export class BoltWriter {
  private readonly emit: (pages: Uint8Array) => void;
  private readonly pageBytes: number;
  private readonly fillBytes: number;
  private nextPage = 2;
  private readonly root: Element[] = [];
  private bucketName: Uint8Array | undefined;
  private leaf: Element[] = [];
  private leafBytes = pageHeaderBytes;
  private leaves: Child[] = [];
  private lastKey: Uint8Array | undefined;

  /** What is handed to `emit` is the receiver's. */
  constructor(emit: (pages: Uint8Array) => void, pageBytes = defaultPageBytes) {
    this.emit = emit;
    this.pageBytes = pageBytes;
    this.fillBytes = Math.floor((pageBytes * fillPercent) / 100);
  }

  /** Begins the next bucket; names rise bytewise. */
  bucket(name: Uint8Array): void {
    this.endBucket();
    const before = this.root.at(-1);
    assert(
      before === undefined || compareBytes(before.key, name) < 0,
      "bbolt: buckets are not in order",
    );
    this.bucketName = name;
    this.lastKey = undefined;
  }

  /** Adds a record to the bucket; keys rise bytewise and are not empty. */
  add(key: Uint8Array, value: Uint8Array): void {
    assert(this.bucketName !== undefined, "bbolt: a record outside of a bucket");
    assert(key.length > 0 && key.length <= maxKeyBytes, "bbolt: a key's size is out of range");
    assert(
      this.lastKey === undefined || compareBytes(this.lastKey, key) < 0,
      "bbolt: keys are not in order",
    );
    this.lastKey = key;
    const bytes = elementBytes + key.length + value.length;
    if (this.leaf.length > 0 && this.leafBytes + bytes > this.fillBytes) this.endLeaf();
    this.leaf.push({ flags: 0, key, value, child: 0 });
    this.leafBytes += bytes;
  }

  /** Ends the file; returns pages 0 and 1, and the file's size. */
  finish(): { readonly head: Uint8Array; readonly fileBytes: number } {
    this.endBucket();
    const root = this.writePage(pageFlag.leaf, this.root);
    const meta = { pageBytes: this.pageBytes, root, highWater: this.nextPage };
    const head = Buffer.concat([
      encodeMetaPage(0, { ...meta, transaction }),
      encodeMetaPage(1, { ...meta, transaction: transaction - 1 }),
    ]);
    return { head, fileBytes: this.nextPage * this.pageBytes };
  }

  private endLeaf(): void {
    const [first] = this.leaf;
    if (first === undefined) return;
    this.leaves.push({ key: first.key, page: this.writePage(pageFlag.leaf, this.leaf) });
    this.leaf = [];
    this.leafBytes = pageHeaderBytes;
  }

  private endBucket(): void {
    if (this.bucketName === undefined) return;
    this.endLeaf();
    let level = this.leaves;
    while (level.length > 1) level = this.writeBranches(level);
    this.root.push({
      flags: bucketFlag,
      key: this.bucketName,
      value: bucketValue(level[0]?.page),
      child: 0,
    });
    this.leaves = [];
    this.bucketName = undefined;
  }

  private writeBranches(children: readonly Child[]): Child[] {
    const level: Child[] = [];
    let page: Element[] = [];
    let bytes = pageHeaderBytes;
    const end = (): void => {
      const [first] = page;
      if (first === undefined) return;
      level.push({ key: first.key, page: this.writePage(pageFlag.branch, page) });
      page = [];
      bytes = pageHeaderBytes;
    };
    for (const { key, page: child } of children) {
      const size = elementBytes + key.length;
      // A branch of a single child would be as high as its child, without end.
      if (page.length >= 2 && bytes + size > this.fillBytes) end();
      page.push({ flags: 0, key, value: emptyBytes, child });
      bytes += size;
    }
    end();
    return level;
  }

  /** Writes elements as one page with as many behind it as they need; returns its id. */
  private writePage(flags: number, elements: readonly Element[]): number {
    assert(elements.length <= maxPageElements, "bbolt: too many elements in a page");
    let bytes = pageHeaderBytes;
    for (const { key, value } of elements) bytes += elementBytes + key.length + value.length;
    const pages = Math.ceil(bytes / this.pageBytes);
    const id = this.nextPage;
    this.nextPage += pages;
    const out = Buffer.alloc(pages * this.pageBytes);
    writePageHeader(out, { id, flags, count: elements.length, overflow: pages - 1 });
    writeElements(out, flags, elements);
    this.emit(out);
    return id;
  }
}

function writeElements(out: Buffer, flags: number, elements: readonly Element[]): void {
  let at = pageHeaderBytes;
  let data = pageHeaderBytes + elements.length * elementBytes;
  for (const { flags: elementFlags, key, value, child } of elements) {
    if (flags === pageFlag.branch) {
      out.writeUInt32LE(data - at, at);
      out.writeUInt32LE(key.length, at + 4);
      out.writeBigUInt64LE(BigInt(child), at + 8);
    } else {
      out.writeUInt32LE(elementFlags, at);
      out.writeUInt32LE(data - at, at + 4);
      out.writeUInt32LE(key.length, at + 8);
      out.writeUInt32LE(value.length, at + 12);
    }
    out.set(key, data);
    out.set(value, data + key.length);
    at += elementBytes;
    data += key.length + value.length;
  }
}

/** A bucket's record: the page of its root, or an empty page within the record. */
function bucketValue(root: number | undefined): Uint8Array {
  if (root !== undefined) {
    const value = Buffer.alloc(bucketHeadBytes);
    value.writeBigUInt64LE(BigInt(root), 0);
    return value;
  }
  const value = Buffer.alloc(bucketHeadBytes + pageHeaderBytes);
  writePageHeader(value.subarray(bucketHeadBytes), {
    id: 0,
    flags: pageFlag.leaf,
    count: 0,
    overflow: 0,
  });
  return value;
}
