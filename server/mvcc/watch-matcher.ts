// Which watchers a key concerns: an exact map for single keys, an interval tree for ranges.
//
// The tree is a treap over distinct intervals, ordered by start and then end; each node knows the
// furthest end below it. Priorities come from a fixed sequence, so equal histories make equal trees.
// Keys are latin1 strings: their order is bytewise, and `undefined` as an end is no end.

/** What a watcher watches; a single key has `to` equal to its successor and `single` true. */
export interface Watched {
  readonly from: string;
  readonly to: string | undefined;
  readonly single: boolean;
}

interface Node<T> {
  readonly from: string;
  readonly to: string | undefined;
  readonly members: Set<T>;
  readonly priority: number;
  furthest: string | undefined;
  left: Node<T> | undefined;
  right: Node<T> | undefined;
}

export class WatchMatcher<T extends Watched> {
  private readonly exact = new Map<string, Set<T>>();
  private root: Node<T> | undefined;
  private seed = 0x9e3779b9;
  size = 0;

  add(member: T): void {
    this.size++;
    if (member.single) {
      const there = this.exact.get(member.from);
      if (there === undefined) this.exact.set(member.from, new Set([member]));
      else there.add(member);
      return;
    }
    const node = this.find(member);
    if (node !== undefined) node.members.add(member);
    else {
      this.root = insert(this.root, {
        from: member.from,
        to: member.to,
        members: new Set([member]),
        priority: this.nextPriority(),
        furthest: member.to,
        left: undefined,
        right: undefined,
      });
    }
  }

  /** False if it was not there. */
  delete(member: T): boolean {
    const members = member.single ? this.exact.get(member.from) : this.find(member)?.members;
    if (members === undefined || !members.delete(member)) return false;
    this.size--;
    if (members.size > 0) return true;
    if (member.single) this.exact.delete(member.from);
    else this.root = remove(this.root, member);
    return true;
  }

  /** Calls `visit` with every member that watches `key`. */
  each(key: string, visit: (member: T) => void): void {
    const exact = this.exact.get(key);
    if (exact !== undefined) for (const member of exact) visit(member);
    if (this.root !== undefined) stab(this.root, key, visit);
  }

  /** True if any member watches `key`. */
  matches(key: string): boolean {
    return this.exact.has(key) || (this.root !== undefined && covers(this.root, key));
  }

  private nextPriority(): number {
    let x = this.seed;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.seed = x;
    return x >>> 0;
  }

  private find(interval: Watched): Node<T> | undefined {
    let node = this.root;
    while (node !== undefined) {
      const order = compare(interval, node);
      if (order === 0) return node;
      node = order < 0 ? node.left : node.right;
    }
    return undefined;
  }
}

interface Interval {
  readonly from: string;
  readonly to: string | undefined;
}

function compare(a: Interval, b: Interval): number {
  if (a.from !== b.from) return a.from < b.from ? -1 : 1;
  if (a.to === b.to) return 0;
  if (a.to === undefined) return 1;
  return b.to === undefined || a.to < b.to ? -1 : 1;
}

function further(a: string | undefined, b: string | undefined): string | undefined {
  if (a === undefined || b === undefined) return undefined;
  return a > b ? a : b;
}

function refresh<T>(node: Node<T>): Node<T> {
  let furthest = node.to;
  if (node.left !== undefined) furthest = further(furthest, node.left.furthest);
  if (node.right !== undefined) furthest = further(furthest, node.right.furthest);
  node.furthest = furthest;
  return node;
}

function insert<T>(tree: Node<T> | undefined, node: Node<T>): Node<T> {
  if (tree === undefined) return node;
  if (compare(node, tree) < 0) {
    tree.left = insert(tree.left, node);
    if (tree.left.priority > tree.priority) return rotateRight(tree);
  } else {
    tree.right = insert(tree.right, node);
    if (tree.right.priority > tree.priority) return rotateLeft(tree);
  }
  return refresh(tree);
}

function rotateRight<T>(tree: Node<T>): Node<T> {
  const top = tree.left!;
  tree.left = top.right;
  top.right = refresh(tree);
  return refresh(top);
}

function rotateLeft<T>(tree: Node<T>): Node<T> {
  const top = tree.right!;
  tree.right = top.left;
  top.left = refresh(tree);
  return refresh(top);
}

function remove<T>(tree: Node<T> | undefined, interval: Interval): Node<T> | undefined {
  if (tree === undefined) return undefined;
  const order = compare(interval, tree);
  if (order === 0) return join(tree.left, tree.right);
  if (order < 0) tree.left = remove(tree.left, interval);
  else tree.right = remove(tree.right, interval);
  return refresh(tree);
}

function join<T>(left: Node<T> | undefined, right: Node<T> | undefined): Node<T> | undefined {
  if (left === undefined) return right;
  if (right === undefined) return left;
  if (left.priority > right.priority) {
    left.right = join(left.right, right);
    return refresh(left);
  }
  right.left = join(left, right.left);
  return refresh(right);
}

function stab<T>(node: Node<T>, key: string, visit: (member: T) => void): void {
  if (node.furthest !== undefined && node.furthest <= key) return;
  if (node.left !== undefined) stab(node.left, key, visit);
  if (node.from > key) return;
  if (node.to === undefined || node.to > key) for (const member of node.members) visit(member);
  if (node.right !== undefined) stab(node.right, key, visit);
}

function covers<T>(node: Node<T>, key: string): boolean {
  if (node.furthest !== undefined && node.furthest <= key) return false;
  if (node.from <= key && (node.to === undefined || node.to > key)) return true;
  if (node.left !== undefined && covers(node.left, key)) return true;
  return node.from <= key && node.right !== undefined && covers(node.right, key);
}
