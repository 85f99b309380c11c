// The v2 tree: directories and files with their indexes and ends. Every change is told to a recorder,
// which keeps it. Paths are clean: they begin with a slash, have no empty element and no slash at
// the end, but the root, which is "/". Pure.
import { assert } from "#base/assert.ts";
import { type Due, DueHeap } from "#base/due-heap.ts";
import type { V2Node } from "#proto/gen/extension.ts";
import type { NodeView } from "#server/v2store/event-json.ts";

/** Bytes that a node counts beside its path and its value. */
const nodeBytes = 128;

/** Told of each record that changes. */
export interface TreeRecorder {
  put(node: TreeNode): void;
  delete(path: string): void;
}

export class TreeNode implements Due {
  readonly path: string;
  readonly parent: TreeNode | undefined;
  /** Of a directory. */
  readonly children: Map<string, TreeNode> | undefined;
  readonly createdIndex: number;
  modifiedIndex: number;
  value: string;
  /** Unix milliseconds; undefined for never. */
  expireMs: number | undefined;
  dueMs = 0;
  heapIndex = -1;

  constructor(of: {
    readonly path: string;
    readonly parent: TreeNode | undefined;
    readonly dir: boolean;
    readonly value: string;
    readonly createdIndex: number;
    readonly modifiedIndex: number;
    readonly expireMs: number | undefined;
  }) {
    this.path = of.path;
    this.parent = of.parent;
    this.children = of.dir ? new Map() : undefined;
    this.value = of.value;
    this.createdIndex = of.createdIndex;
    this.modifiedIndex = of.modifiedIndex;
    this.expireMs = of.expireMs;
  }

  get isDir(): boolean {
    return this.children !== undefined;
  }

  get name(): string {
    return this.path.slice(this.path.lastIndexOf("/") + 1);
  }

  /** The node by itself, as of `nowMs`. */
  view(nowMs: number): V2Node {
    const { expireMs } = this;
    return {
      key: this.path,
      value: this.value,
      dir: this.isDir,
      createdIndex: this.createdIndex,
      modifiedIndex: this.modifiedIndex,
      expireMs,
      ttl: expireMs === undefined ? 0 : Math.ceil((expireMs - nowMs) / 1000),
    };
  }

  /** The node with its children, hidden ones left out; with theirs too if `recursive`. */
  viewWithin(how: { recursive: boolean; sorted: boolean }, nowMs: number): NodeView {
    const view = this.view(nowMs);
    if (this.children === undefined) return view;
    const nodes: NodeView[] = [];
    for (const child of this.children.values()) {
      if (child.name.startsWith("_")) continue;
      nodes.push(how.recursive ? child.viewWithin(how, nowMs) : child.view(nowMs));
    }
    if (how.sorted) nodes.sort((a, b) => compareByBytes(a.key, b.key));
    return { ...view, nodes };
  }
}

/** What a path leads to. */
export type Found =
  | { readonly kind: "node"; readonly node: TreeNode }
  /** The first element that is not there. */
  | { readonly kind: "missing"; readonly path: string }
  /** A file stands where the path wants a directory. */
  | { readonly kind: "file-in-path"; readonly path: string };

export class Tree {
  root: TreeNode = newRoot();
  private readonly due = new DueHeap<TreeNode>();
  private total = 0;
  private recorder: TreeRecorder | undefined;

  /** What the tree weighs, in bytes; the same on every member. */
  get byteSize(): number {
    return this.total;
  }

  /** Changes are told to `recorder` from now on. */
  record(recorder: TreeRecorder | undefined): void {
    this.recorder = recorder;
  }

  find(path: string): Found {
    let node = this.root;
    for (const name of elements(path)) {
      if (node.children === undefined) return { kind: "file-in-path", path: node.path };
      const child = node.children.get(name);
      if (child === undefined) return { kind: "missing", path: join(node.path, name) };
      node = child;
    }
    return { kind: "node", node };
  }

  /** The directory of that path, made if it is not there; or the path of a file that is in the way. */
  makeDirectories(path: string, index: number): TreeNode | string {
    let node = this.root;
    for (const name of elements(path)) {
      const child = node.children!.get(name);
      if (child !== undefined && !child.isDir) return child.path;
      node = child ?? this.add({ parent: node, name, dir: true, value: "", index });
    }
    return node;
  }

  /** Adds a node where none is. */
  add(of: {
    readonly parent: TreeNode;
    readonly name: string;
    readonly dir: boolean;
    readonly value: string;
    readonly index: number;
    readonly expireMs?: number | undefined;
  }): TreeNode {
    const { parent, name, dir, value, index, expireMs } = of;
    const path = join(parent.path, name);
    return this.put(
      new TreeNode({
        path,
        parent,
        dir,
        value,
        createdIndex: index,
        modifiedIndex: index,
        expireMs,
      }),
    );
  }

  /** Puts a stored node back; its directory may have to be put first. */
  restore(path: string, stored: V2Node): void {
    const slash = path.lastIndexOf("/");
    const above = this.find(path.slice(0, slash) || "/");
    assert(above.kind === "node", "a stored v2 node lies in no directory");
    const { value, dir, createdIndex, modifiedIndex, expireMs } = stored;
    this.put(
      new TreeNode({
        path,
        parent: above.node,
        dir,
        value,
        createdIndex,
        modifiedIndex,
        expireMs,
      }),
    );
  }

  /** Changes a file's value; a directory's index stays, as in etcd. */
  write(node: TreeNode, value: string, index: number): void {
    if (node.isDir) return;
    this.total += value.length - node.value.length;
    node.value = value;
    node.modifiedIndex = index;
  }

  /** Changes when the node ends; then the caller has finished with it, and it is recorded. */
  setExpiry(node: TreeNode, expireMs: number | undefined): void {
    node.expireMs = expireMs;
    if (expireMs === undefined) this.due.remove(node);
    else this.due.place(node, expireMs);
    this.recorder?.put(node);
  }

  /** Removes the node with all below it, children first; `each` hears of every path. */
  remove(node: TreeNode, each: (path: string) => void): void {
    for (const child of node.children?.values() ?? []) this.remove(child, each);
    node.parent!.children!.delete(node.name);
    this.due.remove(node);
    this.total -= weight(node);
    this.recorder?.delete(node.path);
    each(node.path);
  }

  /** When the first node ends; undefined if none does. */
  nextExpiryMs(): number | undefined {
    return this.due.peek()?.dueMs;
  }

  /** The nodes that have ended by then, in the order in which they go; out of the heap. */
  expired(untilMs: number): TreeNode[] {
    const expired: TreeNode[] = [];
    for (;;) {
      const node = this.due.peek();
      if (node === undefined || node.dueMs > untilMs) break;
      this.due.remove(node);
      expired.push(node);
    }
    return expired.sort(byEnd);
  }

  /** Forgets all; nothing is recorded. */
  clear(): void {
    this.root = newRoot();
    this.due.clear();
    this.total = 0;
  }

  /** True if the node is (still) in the tree. */
  holds(node: TreeNode): boolean {
    for (let at = node; at.parent !== undefined; at = at.parent) {
      if (at.parent.children!.get(at.name) !== at) return false;
      if (at.parent === this.root) return true;
    }
    return false;
  }

  private put(node: TreeNode): TreeNode {
    node.parent!.children!.set(node.name, node);
    if (node.expireMs !== undefined) this.due.place(node, node.expireMs);
    this.total += weight(node);
    this.recorder?.put(node);
    return node;
  }
}

/** By time; those of one millisecond in the order of their changes, which every member knows. */
function byEnd(a: TreeNode, b: TreeNode): number {
  return a.dueMs - b.dueMs || a.modifiedIndex - b.modifiedIndex || (a.path < b.path ? -1 : 1);
}

function weight(node: TreeNode): number {
  return nodeBytes + node.path.length + node.value.length;
}

function newRoot(): TreeNode {
  return new TreeNode({
    path: "/",
    parent: undefined,
    dir: true,
    value: "",
    createdIndex: 0,
    modifiedIndex: 0,
    expireMs: undefined,
  });
}

function elements(path: string): string[] {
  return path === "/" ? [] : path.slice(1).split("/");
}

function join(directory: string, name: string): string {
  return directory === "/" ? `/${name}` : `${directory}/${name}`;
}

/** As Go compares texts: by their UTF-8 bytes, where surrogates stand above all else. */
function compareByBytes(a: string, b: string): number {
  const end = Math.min(a.length, b.length);
  for (let i = 0; i < end; i++) {
    const left = a.charCodeAt(i);
    const right = b.charCodeAt(i);
    if (left === right) continue;
    const order = left - right;
    const surrogates = isSurrogate(left) !== isSurrogate(right);
    return surrogates ? (isSurrogate(left) ? 1 : -1) : order;
  }
  return a.length - b.length;
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff;
}
