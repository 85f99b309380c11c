// All keys in bytewise order: a B+tree over the slots of a KeyTable. Every inner node knows how many
// keys under each child exist now, so a count at the current revision, however wide, is O(log n).
//
// Invariants: a leaf holds 1 to LEAF_MAX slots, ascending (only an empty tree has an empty leaf);
// `bounds[i]` of an inner node is at most the first key of child i and above all keys of child i-1
// (bounds[0] is not used); `live` is the number of keys below that exist now. Leaves are chained.
// Nodes are removed when empty and never merged: keys leave only by compaction.
import type { Buffer } from "node:buffer";
import { assert } from "#base/assert.ts";
import { hashKey, KeyHash } from "#server/mvcc/key-hash.ts";
import { sortSlots } from "#server/mvcc/key-sort.ts";
import { KeyTable, none, type Revision } from "#server/mvcc/key-table.ts";

const LEAF_MAX = 128;
const INNER_MAX = 64;

/** How full nodes are made from sorted keys: with room for the first that come between. */
const LEAF_FILL = 112;
const INNER_FILL = 56;

interface Leaf {
  readonly slots: Int32Array;
  count: number;
  live: number;
  next: Leaf | undefined;
  previous: Leaf | undefined;
}

interface Inner {
  readonly children: Node[];
  readonly bounds: Uint8Array[];
  live: number;
}

type Node = Leaf | Inner;

function isLeaf(node: Node): node is Leaf {
  return "slots" in node;
}

function newLeaf(): Leaf {
  return {
    slots: new Int32Array(LEAF_MAX),
    count: 0,
    live: 0,
    next: undefined,
    previous: undefined,
  };
}

interface Split {
  readonly right: Node;
  readonly bound: Uint8Array;
}

/** `undefined`: no upper bound. */
export type UpperBound = Uint8Array | undefined;

/** A place between two keys. It goes stale when the index gains or loses a key. */
export interface Position {
  leaf: Leaf;
  at: number;
}

export class KeyIndex {
  readonly table = new KeyTable();
  private readonly hash = new KeyHash();
  private root: Node = newLeaf();
  /** While a store is loaded: slots that the tree does not have yet. */
  private loose: number[] | undefined;

  /** Number of keys that exist now. */
  get live(): number {
    return this.root.live;
  }

  /** The slot of `key`, or none. It stays valid until the key is removed by compaction. */
  find(key: Uint8Array): number {
    const found = this.hash.find(hashKey(key), key, this.table);
    return found !== none || this.hash.crowded === 0 ? found : this.findInTree(key);
  }

  private findInTree(key: Uint8Array): number {
    // Keys chosen to collide: they are found in the tree only, so it has to be there.
    if (this.loose !== undefined) for (const _ of this.finishLoading());
    let node = this.root;
    while (!isLeaf(node)) node = node.children[this.childOf(node, key)]!;
    const at = this.lowerBound(node, key);
    if (at === node.count) return none;
    const slot = node.slots[at]!;
    return this.table.compareKey(slot, key) === 0 ? slot : none;
  }

  /**
   * Records a change of `key`, newer than all its others. Creation and version follow from its
   * history: a put after a deletion starts anew. A deletion needs a key that exists.
   */
  change(slot: number, key: Uint8Array, revision: Revision): number {
    if (slot === none) return this.insert(key, revision);
    const before = this.table.alive(slot);
    this.table.push(slot, revision);
    const after = !revision.tombstone;
    if (before !== after && this.loose === undefined) this.addLive(key, after ? 1 : -1);
    return slot;
  }

  /**
   * From here to finishLoading, keys are only found and changed: nothing is counted, walked or
   * removed. The tree is then made at once from all keys sorted, which costs a fifth of as many
   * insertions at random places.
   */
  beginLoading(): void {
    assert(this.table.keyCount === 0, "an index with keys is loaded");
    this.loose = [];
  }

  /** Makes the tree; yields after some milliseconds of work each. */
  *finishLoading(): Generator<void> {
    if (this.loose === undefined) return;
    const slots = Int32Array.from(this.loose);
    yield* sortSlots(slots, this.table);
    this.loose = undefined;
    if (slots.length === 0) return;
    let nodes: Node[] = [];
    let bounds: Uint8Array[] = [];
    let previous: Leaf | undefined;
    for (let from = 0; from < slots.length; from += LEAF_FILL) {
      const leaf = newLeaf();
      leaf.slots.set(slots.subarray(from, from + LEAF_FILL));
      leaf.count = Math.min(LEAF_FILL, slots.length - from);
      for (let i = 0; i < leaf.count; i++) if (this.table.alive(leaf.slots[i]!)) leaf.live++;
      leaf.previous = previous;
      if (previous !== undefined) previous.next = leaf;
      previous = leaf;
      nodes.push(leaf);
      bounds.push(Uint8Array.from(this.table.key(leaf.slots[0]!)));
      if (nodes.length % 512 === 0) yield;
    }
    while (nodes.length > 1) {
      const above: Inner[] = [];
      const boundsAbove: Uint8Array[] = [];
      for (let from = 0; from < nodes.length; from += INNER_FILL) {
        const children = nodes.slice(from, from + INNER_FILL);
        let live = 0;
        for (const child of children) live += child.live;
        above.push({ children, bounds: bounds.slice(from, from + INNER_FILL), live });
        boundsAbove.push(bounds[from]!);
      }
      nodes = above;
      bounds = boundsAbove;
    }
    this.root = nodes[0]!;
  }

  /** Adds a key that find did not find. */
  insert(key: Uint8Array, revision: Revision): number {
    const slot = this.table.add(key, revision);
    this.hash.add(slot, hashKey(key));
    if (this.loose !== undefined) {
      this.loose.push(slot);
      return slot;
    }
    const split = this.insertInto(this.root, slot, key, revision.tombstone ? 0 : 1);
    if (split !== undefined) {
      this.root = {
        children: [this.root, split.right],
        bounds: [split.bound, split.bound],
        live: this.root.live + split.right.live,
      };
    }
    return slot;
  }

  private insertInto(node: Node, slot: number, key: Uint8Array, live: number): Split | undefined {
    node.live += live;
    if (!isLeaf(node)) {
      const at = this.childOf(node, key);
      const split = this.insertInto(node.children[at]!, slot, key, live);
      if (split === undefined) return undefined;
      node.children.splice(at + 1, 0, split.right);
      node.bounds.splice(at + 1, 0, split.bound);
      return node.children.length > INNER_MAX ? this.splitInner(node) : undefined;
    }
    const at = this.lowerBound(node, key);
    let target = node;
    let place = at;
    let split: Split | undefined;
    if (node.count === LEAF_MAX) {
      // Keys often come in ascending order: then a full leaf stays full.
      const half = node.next === undefined && at === LEAF_MAX ? LEAF_MAX : LEAF_MAX / 2;
      const right = newLeaf();
      right.slots.set(node.slots.subarray(half, LEAF_MAX));
      right.count = LEAF_MAX - half;
      node.count = half;
      right.next = node.next;
      right.previous = node;
      if (right.next !== undefined) right.next.previous = right;
      node.next = right;
      if (at >= half) {
        target = right;
        place = at - half;
      }
      this.place(target, place, slot);
      for (let i = 0; i < right.count; i++) {
        if (this.table.alive(right.slots[i]!)) right.live++;
      }
      node.live -= right.live;
      split = { right, bound: Uint8Array.from(this.table.key(right.slots[0]!)) };
      return split;
    }
    this.place(target, place, slot);
    return undefined;
  }

  private place(leaf: Leaf, at: number, slot: number): void {
    leaf.slots.copyWithin(at + 1, at, leaf.count);
    leaf.slots[at] = slot;
    leaf.count++;
  }

  private splitInner(node: Inner): Split {
    const half = node.children.length >> 1;
    const children = node.children.splice(half);
    const bounds = node.bounds.splice(half);
    let live = 0;
    for (const child of children) live += child.live;
    node.live -= live;
    return { right: { children, bounds, live }, bound: bounds[0]! };
  }

  private childOf(node: Inner, key: Uint8Array): number {
    const { bounds } = node;
    let low = 1;
    let high = node.children.length;
    // What lies between two bounds shares what both share with the key: no need to compare it again.
    let lowShared = 0;
    let highShared = 0;
    while (low < high) {
      const middle = (low + high) >> 1;
      const bound = bounds[middle]!;
      const end = Math.min(bound.length, key.length);
      let i = Math.min(lowShared, highShared);
      while (i < end && bound[i] === key[i]) i++;
      const order = i < end ? bound[i]! - key[i]! : bound.length - key.length;
      if (order <= 0) {
        low = middle + 1;
        lowShared = i;
      } else {
        high = middle;
        highShared = i;
      }
    }
    return low - 1;
  }

  /** The first place in the leaf whose key is not below `key`. */
  private lowerBound(leaf: Leaf, key: Uint8Array): number {
    const { table } = this;
    let low = 0;
    let high = leaf.count;
    let lowShared = 0;
    let highShared = 0;
    while (low < high) {
      const middle = (low + high) >> 1;
      const from = Math.min(lowShared, highShared);
      if (table.compareKey(leaf.slots[middle]!, key, from) < 0) {
        low = middle + 1;
        lowShared = table.shared;
      } else {
        high = middle;
        highShared = table.shared;
      }
    }
    return low;
  }

  private addLive(key: Uint8Array, delta: number): void {
    let node = this.root;
    node.live += delta;
    while (!isLeaf(node)) {
      node = node.children[this.childOf(node, key)]!;
      node.live += delta;
    }
  }

  /** Number of keys in [from, to) that exist now. */
  countLive(from: Uint8Array, to: UpperBound): number {
    if (to !== undefined && compare(from, to) >= 0) return 0;
    return (to === undefined ? this.root.live : this.liveBelow(to)) - this.liveBelow(from);
  }

  private liveBelow(key: Uint8Array): number {
    let below = 0;
    let node = this.root;
    while (!isLeaf(node)) {
      const at = this.childOf(node, key);
      for (let i = 0; i < at; i++) below += node.children[i]!.live;
      node = node.children[at]!;
    }
    const end = this.lowerBound(node, key);
    for (let i = 0; i < end; i++) if (this.table.alive(node.slots[i]!)) below++;
    return below;
  }

  /** The place before the first key that is not below `key`. */
  seek(key: Uint8Array): Position {
    let node = this.root;
    while (!isLeaf(node)) node = node.children[this.childOf(node, key)]!;
    return { leaf: node, at: this.lowerBound(node, key) };
  }

  /** Steps over one key of [.., to) and returns its slot; none at the end. */
  next(position: Position, to: UpperBound): number {
    while (position.at === position.leaf.count) {
      const { next } = position.leaf;
      if (next === undefined) return none;
      position.leaf = next;
      position.at = 0;
    }
    const slot = position.leaf.slots[position.at]!;
    if (to !== undefined && this.table.compareKey(slot, to) >= 0) return none;
    position.at++;
    return slot;
  }

  /** Bytes held, tree nodes not counted. */
  get byteSize(): number {
    return this.table.byteSize + this.hash.byteSize;
  }

  key(slot: number): Buffer {
    return this.table.key(slot);
  }

  /** Takes a dead key out, after KeyTable.compact left nothing of it. */
  remove(slot: number): void {
    const key = this.table.key(slot);
    assert(!this.table.alive(slot), "a key that exists is removed from the index");
    this.hash.delete(slot, hashKey(key));
    this.removeFrom(this.root, slot, key);
    if (!isLeaf(this.root)) {
      while (!isLeaf(this.root) && this.root.children.length === 1) {
        this.root = this.root.children[0]!;
      }
      if (!isLeaf(this.root) && this.root.children.length === 0) this.root = newLeaf();
    }
    this.table.remove(slot);
  }

  /** True if the node is empty now. */
  private removeFrom(node: Node, slot: number, key: Uint8Array): boolean {
    if (!isLeaf(node)) {
      const at = this.childOf(node, key);
      if (this.removeFrom(node.children[at]!, slot, key)) {
        node.children.splice(at, 1);
        node.bounds.splice(at, 1);
      }
      return node.children.length === 0;
    }
    const at = this.lowerBound(node, key);
    assert(node.slots[at] === slot && at < node.count, "the index has lost a key");
    node.slots.copyWithin(at, at + 1, node.count);
    node.count--;
    if (node.count > 0 || node === this.root) return false;
    if (node.previous !== undefined) node.previous.next = node.next;
    if (node.next !== undefined) node.next.previous = node.previous;
    return true;
  }
}

function compare(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const difference = a[i]! - b[i]!;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/**
 * The upper bound that etcd's range_end means (facts: apply rules §3): empty is the one key, a single
 * zero byte all keys from `key` on. The single key's successor is the key with a zero byte behind.
 */
export function upperBound(key: Uint8Array, rangeEnd: Uint8Array): UpperBound {
  if (rangeEnd.length === 0) {
    const successor = new Uint8Array(key.length + 1);
    successor.set(key);
    return successor;
  }
  return rangeEnd.length === 1 && rangeEnd[0] === 0 ? undefined : rangeEnd;
}
