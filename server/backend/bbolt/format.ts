// The layout of a bbolt file (facts: storage format §2), shared by writer and reader.
// Numbers are little-endian. A file is pages 0 to high water mark − 1; pages 0 and 1 hold the meta.
import { Buffer } from "node:buffer";

export const pageHeaderBytes = 16;
/** Size of an element's head, in leaf and branch pages alike. */
export const elementBytes = 16;
/** Size of a bucket's head: root page, sequence. */
export const bucketHeadBytes = 16;
export const defaultPageBytes = 4096;
/** More elements than this do not fit a page's count. */
export const maxPageElements = 0xfffe;

export const pageFlag = { branch: 0x01, leaf: 0x02, meta: 0x04, freeList: 0x10 } as const;
/** In a leaf element: the value is a bucket. */
export const bucketFlag = 0x01;

const magic = 0xed0cdaed;
const version = 2;
const metaChecksumAt = 56;
const metaBytes = 64;
/** Page of the free list when none is stored: it is worked out when the file is opened. */
const noFreeList = 0xffff_ffff_ffff_ffffn;

export interface Meta {
  readonly pageBytes: number;
  /** Page of the root bucket, whose records are the buckets. */
  readonly root: number;
  /** Page of the list of free pages; undefined if the file has none. */
  readonly freeList?: number;
  /** The first page that was never used. */
  readonly highWater: number;
  readonly transaction: number;
}

/** FNV-1a, 64 bits. */
export function fnv1a(bytes: Uint8Array): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  }
  return hash;
}

/** A page of `pageBytes` that holds a meta. */
export function encodeMetaPage(id: number, meta: Meta): Buffer {
  const page = Buffer.alloc(meta.pageBytes);
  writePageHeader(page, { id, flags: pageFlag.meta, count: 0, overflow: 0 });
  const body = page.subarray(pageHeaderBytes);
  body.writeUInt32LE(magic, 0);
  body.writeUInt32LE(version, 4);
  body.writeUInt32LE(meta.pageBytes, 8);
  body.writeBigUInt64LE(BigInt(meta.root), 16);
  body.writeBigUInt64LE(noFreeList, 32);
  body.writeBigUInt64LE(BigInt(meta.highWater), 40);
  body.writeBigUInt64LE(BigInt(meta.transaction), 48);
  body.writeBigUInt64LE(fnv1a(body.subarray(0, metaChecksumAt)), metaChecksumAt);
  return page;
}

/** The meta in the first bytes of a meta page; undefined if there is no sound one. */
export function decodeMeta(page: Uint8Array): Meta | undefined {
  if (page.length < pageHeaderBytes + metaBytes) return undefined;
  const body = Buffer.from(page.buffer, page.byteOffset + pageHeaderBytes, metaBytes);
  if (body.readUInt32LE(0) !== magic || body.readUInt32LE(4) !== version) return undefined;
  if (body.readBigUInt64LE(metaChecksumAt) !== fnv1a(body.subarray(0, metaChecksumAt))) {
    return undefined;
  }
  const freeList = body.readBigUInt64LE(32);
  return {
    ...(freeList === noFreeList ? {} : { freeList: Number(freeList) }),
    pageBytes: body.readUInt32LE(8),
    root: Number(body.readBigUInt64LE(16)),
    highWater: Number(body.readBigUInt64LE(40)),
    transaction: Number(body.readBigUInt64LE(48)),
  };
}

export interface PageHeader {
  readonly id: number;
  readonly flags: number;
  /** Elements. */
  readonly count: number;
  /** Pages behind this one that belong to it. */
  readonly overflow: number;
}

export function writePageHeader(page: Buffer, header: PageHeader): void {
  page.writeBigUInt64LE(BigInt(header.id), 0);
  page.writeUInt16LE(header.flags, 8);
  page.writeUInt16LE(header.count, 10);
  page.writeUInt32LE(header.overflow, 12);
}

export function readPageHeader(page: Buffer): PageHeader {
  return {
    id: Number(page.readBigUInt64LE(0)),
    flags: page.readUInt16LE(8),
    count: page.readUInt16LE(10),
    overflow: page.readUInt32LE(12),
  };
}
