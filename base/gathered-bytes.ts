// Bytes that come in pieces, gathered in one buffer that doubles: a list of the pieces would cost an
// object, and keep alive whatever it was cut from, for each byte that somebody sends alone.
import { Buffer } from "node:buffer";
import { TooManyUnfinished, type UnfinishedBytes } from "#base/unfinished-bytes.ts";

const nothing: Buffer = Buffer.alloc(0);

export class GatheredBytes {
  private readonly unfinished: UnfinishedBytes | undefined;
  private buffer = nothing;
  private held = 0;

  /** What is gathered counts in `unfinished` until it is taken or dropped. */
  constructor(unfinished?: UnfinishedBytes) {
    this.unfinished = unfinished;
  }

  /** Bytes gathered so far. */
  get length(): number {
    return this.held;
  }

  /** Copies the piece, which the caller may use again. Throws TooManyUnfinished; then all is dropped. */
  push(piece: Uint8Array): void {
    const held = this.held + piece.length;
    if (held > this.buffer.length) this.widen(Math.max(held, this.buffer.length * 2));
    this.buffer.set(piece, this.held);
    this.held = held;
  }

  /** All of it, which is the caller's now; begins anew. */
  take(): Buffer {
    const all = this.buffer.subarray(0, this.held);
    this.drop();
    return all;
  }

  /** Forgets all of it. */
  drop(): void {
    if (this.unfinished !== undefined) this.unfinished.held -= this.buffer.length;
    this.buffer = nothing;
    this.held = 0;
  }

  private widen(room: number): void {
    const { unfinished } = this;
    if (unfinished !== undefined) {
      const grown = room - this.buffer.length;
      unfinished.held += grown;
      const { fault } = unfinished;
      if (fault !== undefined) {
        unfinished.held -= grown;
        this.drop();
        throw new TooManyUnfinished(fault);
      }
    }
    const wider = Buffer.allocUnsafeSlow(room);
    this.buffer.copy(wider, 0, 0, this.held);
    this.buffer = wider;
  }
}
