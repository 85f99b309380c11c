// What a connection is about to send: frames written one behind the other into blocks, large payloads
// taken by reference. Everything of a turn leaves in one write.
//
// Ownership: blocks belong to the pool and go back to it once the socket has taken them; a payload
// given by reference belongs to the output from then on.
import { Buffer } from "node:buffer";
import { frameHeaderBytes } from "./frame.ts";

const blockBytes = 16_384;
const maxSpare = 256;
/**
 * What a connection's turn begins with: an answer or two. With thousands of connections each holds one
 * until the turn's end, and blocks of full size for all of them would be made and collected each turn.
 */
const smallBytes = 1024;
const maxSpareSmall = 16_384;
/** Small blocks are cut from slabs of so many. */
const slabBlocks = 64;
/** Payloads below this are copied: one write of a few copies is cheaper than a list of buffers. */
const copyBelow = 4096;

/** Stands for every empty list; never written to. */
const none: Buffer[] = [];

function added(list: Buffer[], buffer: Buffer): Buffer[] {
  if (list.length === 0) return [buffer];
  list.push(buffer);
  return list;
}

/** Blocks for the outputs of all connections of a server. */
export class BlockPool {
  private readonly spare: Buffer[] = [];
  private readonly spareSmall: Buffer[] = [];

  /** A block, small if that will do. */
  take(small = false): Buffer {
    if (!small) return this.spare.pop() ?? Buffer.allocUnsafeSlow(blockBytes);
    return this.spareSmall.pop() ?? this.cutSlab();
  }

  give(block: Buffer): void {
    if (block.length === smallBytes) {
      if (this.spareSmall.length < maxSpareSmall) this.spareSmall.push(block);
    } else if (this.spare.length < maxSpare) this.spare.push(block);
  }

  private cutSlab(): Buffer {
    const slab = Buffer.allocUnsafeSlow(slabBlocks * smallBytes);
    for (let at = smallBytes; at < slab.length; at += smallBytes)
      this.spareSmall.push(slab.subarray(at, at + smallBytes));
    return slab.subarray(0, smallBytes);
  }
}

/** What waits to be sent on all connections of a server together. */
export class QueuedBytes {
  readonly max: number;
  held = 0;

  constructor(max: number) {
    this.max = max;
  }
}

/** What a turn left to send. */
export interface Parcel {
  readonly chunks: readonly Buffer[];
  /** Go back to the pool once the socket has taken the chunks. */
  readonly blocks: readonly Buffer[];
}

export class Output {
  /** Bytes not yet taken by `parcel`. */
  bytes = 0;
  private readonly pool: BlockPool;
  /** Most turns have one of each: begun as lists of one, for an empty one that grows takes room for 17. */
  private chunks: Buffer[] = none;
  private blocks: Buffer[] = none;
  private block: Buffer | undefined;
  /** The last parcel was more than a small block holds: the next begins with a whole one. */
  private wide = false;
  /** Where in the block the chunk that is being written began, and where it has come to. */
  private from = 0;
  private at = 0;

  constructor(pool: BlockPool) {
    this.pool = pool;
  }

  /** Writes the nine bytes before a payload. */
  header(length: number, type: number, flags: number, streamId: number): void {
    const at = this.room(frameHeaderBytes);
    const block = this.block!;
    block[at] = length >> 16;
    block[at + 1] = length >> 8;
    block[at + 2] = length;
    block[at + 3] = type;
    block[at + 4] = flags;
    block.writeUInt32BE(streamId, at + 5);
  }

  uint32(value: number): void {
    const at = this.room(4);
    this.block!.writeUInt32BE(value >>> 0, at);
  }

  /** Appends bytes; long ones by reference. */
  append(bytes: Uint8Array): void {
    const { length } = bytes;
    if (length < copyBelow) {
      const at = this.room(length);
      this.block!.set(bytes, at);
      return;
    }
    this.seal();
    this.chunks = added(this.chunks, Buffer.from(bytes.buffer, bytes.byteOffset, length));
    this.bytes += length;
  }

  /** Everything appended since the last call. */
  parcel(): Parcel {
    this.seal();
    const parcel = { chunks: this.chunks, blocks: this.blocks };
    this.chunks = none;
    this.blocks = none;
    this.block = undefined;
    this.wide = this.bytes > smallBytes;
    this.bytes = 0;
    return parcel;
  }

  /** Gives back what will never be sent. */
  drop(): void {
    for (const block of this.parcel().blocks) this.pool.give(block);
  }

  private room(length: number): number {
    if (this.block === undefined || this.at + length > this.block.length) {
      this.seal();
      this.block = this.pool.take(!this.wide && this.blocks.length === 0 && length <= smallBytes);
      this.blocks = added(this.blocks, this.block);
      this.from = 0;
      this.at = 0;
    }
    const { at } = this;
    this.at += length;
    this.bytes += length;
    return at;
  }

  private seal(): void {
    if (this.block === undefined || this.at === this.from) return;
    this.chunks = added(this.chunks, this.block.subarray(this.from, this.at));
    this.from = this.at;
  }
}
