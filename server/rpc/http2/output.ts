// What a connection is about to send: frames written one behind the other into blocks, large payloads
// taken by reference. Everything of a turn leaves in one write.
//
// Ownership: blocks belong to the pool and go back to it once the socket has taken them; a payload
// given by reference belongs to the output from then on.
import { Buffer } from "node:buffer";
import { frameHeaderBytes } from "./frame.ts";

const blockBytes = 16_384;
const maxSpare = 256;
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

  take(): Buffer {
    return this.spare.pop() ?? Buffer.allocUnsafeSlow(blockBytes);
  }

  give(block: Buffer): void {
    if (this.spare.length < maxSpare) this.spare.push(block);
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
  /** Where in the block the chunk that is being written began, and where it has come to. */
  private from = 0;
  private at = 0;

  constructor(pool: BlockPool) {
    this.pool = pool;
  }

  /** Room for `length` bytes (at most a block's) in one piece; the caller fills it. */
  reserve(length: number): { readonly block: Buffer; readonly at: number } {
    const at = this.room(length);
    return { block: this.block!, at };
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
      this.block = this.pool.take();
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
