// From a key to its slot without walking the tree: open addressing over two words a bucket, slot and
// hash. It is an accelerator, not the truth: a key whose probes all meet strangers is left out
// (`crowded` counts them), and the caller then asks the tree. So keys chosen to collide cost a tree
// search each, and no more.
//
// Probes go 1, 2, 3, … buckets further: one after the other they would pile up, and with two thirds of
// a million buckets in use some key is then left out, after which every miss is a walk of the tree.

const MAX_PROBES = 64;
const MIN_BUCKETS = 1024;
const EMPTY = 0;
/** A bucket whose key was removed: probes go on behind it. */
const REMOVED = 0xffffffff;

/** The hash of a key's bytes: FNV-1a with a final mix. */
export function hashKey(key: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key[i]!, 0x01000193);
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x2c1b3c6d);
  return (hash ^ (hash >>> 13)) >>> 0;
}

export class KeyHash {
  private buckets = new Uint32Array(MIN_BUCKETS * 2);
  private mask = MIN_BUCKETS - 1;
  /** Buckets in use, removed ones included. */
  private used = 0;
  private removed = 0;
  /** Slots that found no bucket, with their hashes. */
  private outside = new Map<number, number>();

  /** Keys that are not in the table, so that a miss proves nothing. */
  get crowded(): number {
    return this.outside.size;
  }

  get byteSize(): number {
    return this.buckets.byteLength;
  }

  /** The slot for which `holds` is true among those of this hash, or 0. */
  find(hash: number, key: Uint8Array, keys: SlotKeys): number {
    const { buckets, mask } = this;
    for (let probe = 0, step = hash; probe < MAX_PROBES; step += ++probe) {
      const at = (step & mask) * 2;
      const slot = buckets[at]!;
      if (slot === EMPTY) return 0;
      if (buckets[at + 1] === hash && slot !== REMOVED && keys.compareKey(slot, key) === 0) {
        return slot;
      }
    }
    return 0;
  }

  add(slot: number, hash: number): void {
    if ((this.used + 1) * 3 > (this.mask + 1) * 2) this.rebuild();
    if (!this.place(slot, hash)) this.outside.set(slot, hash);
  }

  private place(slot: number, hash: number): boolean {
    const { buckets, mask } = this;
    for (let probe = 0, step = hash; probe < MAX_PROBES; step += ++probe) {
      const at = (step & mask) * 2;
      if (buckets[at] !== EMPTY) continue;
      buckets[at] = slot;
      buckets[at + 1] = hash;
      this.used++;
      return true;
    }
    return false;
  }

  delete(slot: number, hash: number): void {
    if (this.outside.delete(slot)) return;
    const { buckets, mask } = this;
    for (let probe = 0, step = hash; probe < MAX_PROBES; step += ++probe) {
      const at = (step & mask) * 2;
      if (buckets[at] !== slot) continue;
      buckets[at] = REMOVED;
      this.removed++;
      return;
    }
  }

  /** Doubles, or only sweeps if most of what is in use was removed. */
  private rebuild(): void {
    const old = this.buckets;
    const living = this.used - this.removed;
    const buckets = living * 3 > this.mask + 1 ? (this.mask + 1) * 2 : this.mask + 1;
    this.buckets = new Uint32Array(buckets * 2);
    this.mask = buckets - 1;
    this.used = 0;
    this.removed = 0;
    const outside = new Map<number, number>();
    for (let at = 0; at < old.length; at += 2) {
      const slot = old[at]!;
      if (slot !== EMPTY && slot !== REMOVED && !this.place(slot, old[at + 1]!)) {
        outside.set(slot, old[at + 1]!);
      }
    }
    for (const [slot, hash] of this.outside) if (!this.place(slot, hash)) outside.set(slot, hash);
    this.outside = outside;
  }
}

/** What the table needs of the keys' owner. */
export interface SlotKeys {
  compareKey(slot: number, key: Uint8Array): number;
}
