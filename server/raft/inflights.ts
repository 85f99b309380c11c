// A ring of the MsgApps on their way to one follower, limited by count and by payload bytes. It grows
// by doubling up to its limit, so that idle followers cost little.
import { assert } from "#base/assert.ts";

export class Inflights {
  readonly #maxCount: number;
  readonly #maxBytes: number;
  #indexes: number[] = [];
  #sizes: number[] = [];
  #start = 0;
  #count = 0;
  #bytes = 0;

  /** `maxBytes` 0 means no limit. */
  constructor(limits: { readonly count: number; readonly bytes: number }) {
    this.#maxCount = limits.count;
    this.#maxBytes = limits.bytes;
  }

  get count(): number {
    return this.#count;
  }

  /** True if nothing more may be sent. The last message may have overshot the byte limit. */
  get full(): boolean {
    return (
      this.#count === this.#maxCount || (this.#maxBytes !== 0 && this.#bytes >= this.#maxBytes)
    );
  }

  /** Records a message whose last entry is `index`. Indexes are added in ascending order. */
  add(index: number, bytes: number): void {
    assert(!this.full, "raft: a message was sent although the in-flight window is full");
    if (this.#count === this.#indexes.length) this.#grow();
    const at = (this.#start + this.#count) % this.#indexes.length;
    this.#indexes[at] = index;
    this.#sizes[at] = bytes;
    this.#count++;
    this.#bytes += bytes;
  }

  /** Frees every message whose last entry is at most `index`. */
  freeTo(index: number): void {
    const capacity = this.#indexes.length;
    while (this.#count > 0 && this.#indexes[this.#start]! <= index) {
      this.#bytes -= this.#sizes[this.#start]!;
      this.#start = (this.#start + 1) % capacity;
      this.#count--;
    }
  }

  clear(): void {
    this.#start = 0;
    this.#count = 0;
    this.#bytes = 0;
  }

  #grow(): void {
    const old = this.#indexes.length;
    const capacity = Math.min(Math.max(old * 2, 4), this.#maxCount);
    const indexes = new Array<number>(capacity).fill(0);
    const sizes = new Array<number>(capacity).fill(0);
    for (let i = 0; i < this.#count; i++) {
      const at = (this.#start + i) % old;
      indexes[i] = this.#indexes[at]!;
      sizes[i] = this.#sizes[at]!;
    }
    this.#indexes = indexes;
    this.#sizes = sizes;
    this.#start = 0;
  }
}
