// Bytes that come in pieces, gathered in one buffer that doubles: a list of the pieces would cost an
// object, and keep alive whatever it was cut from, for each byte that somebody sends alone.
import { Buffer } from "node:buffer";

const nothing: Buffer = Buffer.alloc(0);

export class GatheredBytes {
  private buffer = nothing;
  private held = 0;

  /** Bytes gathered so far. */
  get length(): number {
    return this.held;
  }

  /** Copies the piece, which the caller may use again. */
  push(piece: Uint8Array): void {
    const held = this.held + piece.length;
    if (held > this.buffer.length) {
      const wider = Buffer.allocUnsafeSlow(Math.max(held, this.buffer.length * 2));
      this.buffer.copy(wider, 0, 0, this.held);
      this.buffer = wider;
    }
    this.buffer.set(piece, this.held);
    this.held = held;
  }

  /** All of it, which is the caller's now; begins anew. */
  take(): Buffer {
    const all = this.buffer.subarray(0, this.held);
    this.buffer = nothing;
    this.held = 0;
    return all;
  }
}
