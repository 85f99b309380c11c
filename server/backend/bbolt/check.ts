// The integrity check of a bbolt file, in the words of bbolt's own (facts: storage format §2): every
// page below the high water mark is reachable once or free, says its own number, and holds its keys in
// order and within the bounds that the branches above it set.
import type { Buffer } from "node:buffer";
import { compareBytes } from "#base/bytes.ts";
import {
  type BoltElement,
  type BoltFile,
  type BoltPage,
  SnapshotDamage,
} from "#server/backend/bbolt/reader.ts";

/** Enough to see what is wrong; a file of noise has no end of errors. */
const maxFindings = 1000;
/** etcd's trees are a few pages high. */
const maxDepth = 64;

interface Bounds {
  /** The smallest key there may be. */
  readonly from: Buffer | undefined;
  /** The first key that must not be there. */
  readonly to: Buffer | undefined;
}

/** What is wrong with the file, one line each; nothing for a sound one. */
export async function checkBolt(bolt: BoltFile): Promise<readonly string[]> {
  const check = new BoltCheck(bolt);
  await check.run();
  return check.findings;
}

/** The text for a file that failed the check, as etcdutl prints it. */
export function integrityText(findings: readonly string[]): string {
  return `snapshot file integrity check failed. ${findings.length} errors found.\n${findings.join("\n")}`;
}

class BoltCheck {
  readonly findings: string[] = [];
  private readonly bolt: BoltFile;
  private readonly seen: Uint8Array;
  private readonly free = new Set<number>();

  constructor(bolt: BoltFile) {
    this.bolt = bolt;
    this.seen = new Uint8Array(bolt.meta.highWater);
    this.seen.fill(1, 0, 2);
  }

  async run(): Promise<void> {
    const { bolt } = this;
    const listed = await this.guard(() => bolt.freePages());
    for (const id of listed?.free ?? []) {
      if (this.free.has(id)) this.found(`page ${id}: already freed`);
      this.free.add(id);
    }
    for (const id of listed?.own ?? []) this.seen[id] = 1;
    const buckets: Buffer[] = [];
    await this.tree(bolt.meta.root, { from: undefined, to: undefined }, [], (element) => {
      if (element.isBucket) buckets.push(element.value);
    });
    for (const value of buckets) {
      const bucket = await this.guard(() => Promise.resolve().then(() => bolt.bucketRoot(value)));
      if (bucket === undefined || bucket.inline !== undefined) continue;
      const { root } = bucket;
      await this.tree(root, { from: undefined, to: undefined }, [], (element) => {
        if (element.isBucket) this.found(`page ${root}: a bucket lies within a bucket`);
      });
    }
    // Without a list, what cannot be reached is free.
    if (listed === undefined) return;
    for (let id = 2; id < this.seen.length; id++) {
      if (this.seen[id] === 0 && !this.free.has(id)) this.found(`page ${id}: unreachable unfreed`);
    }
  }

  /** The tree under a page; returns its last key. */
  private async tree(
    id: number,
    bounds: Bounds,
    above: readonly number[],
    visit: (element: BoltElement) => void,
  ): Promise<Buffer | undefined> {
    if (this.findings.length >= maxFindings) return undefined;
    const stack = [...above, id];
    if (id < this.seen.length && this.seen[id] === 1 && id > 1) {
      this.found(`page ${id}: multiple references (stack: [${stack.join(" ")}])`);
      return undefined;
    }
    if (stack.length > maxDepth) {
      this.found(`page ${id}: lies ${maxDepth} pages deep (stack: [${stack.join(" ")}])`);
      return undefined;
    }
    const page = await this.guard(() => this.bolt.readPage(id));
    if (page === undefined) return undefined;
    if (this.free.has(id)) this.found(`page ${id}: reachable freed`);
    for (let run = id; run <= id + page.overflow; run++) {
      if (this.seen[run] === 1) {
        this.found(`page ${run}: multiple references (stack: [${stack.join(" ")}])`);
      }
      this.seen[run] = 1;
    }
    return page.isBranch
      ? await this.branch(page, id, { bounds, stack, visit })
      : this.leaf(page, id, { bounds, stack, visit });
  }

  private async branch(page: BoltPage, id: number, at: Place): Promise<Buffer | undefined> {
    const { bounds, stack, visit } = at;
    const { elements } = page;
    let last = bounds.from;
    for (let i = 0; i < elements.length; i++) {
      const { child, key } = elements[i]!;
      this.order({ index: i, key, previous: last, kind: "branch", page: child }, at);
      const to = elements[i + 1]?.key ?? bounds.to;
      last = await this.tree(child, { from: key, to }, stack, visit);
    }
    if (elements.length === 0) this.found(`page ${id}: a branch without elements`);
    return last;
  }

  private leaf(page: BoltPage, id: number, at: Place): Buffer | undefined {
    let last = at.bounds.from;
    for (let i = 0; i < page.elements.length; i++) {
      const element = page.elements[i]!;
      const { key } = element;
      this.order({ index: i, key, previous: last, kind: "leaf", page: id }, at);
      last = key;
      at.visit(element);
    }
    return last;
  }

  private order(
    one: {
      readonly index: number;
      readonly key: Buffer;
      readonly previous: Buffer | undefined;
      readonly kind: string;
      readonly page: number;
    },
    { bounds, stack }: Place,
  ): void {
    const { index, key, kind, page, previous } = one;
    const name = `key[${index}]=(hex)${key.toString("hex")} on ${kind} page(${page})`;
    const pages = `[${stack.join(" ")}]`;
    const before = previous?.toString("hex") ?? "";
    const order = previous === undefined ? -1 : compareBytes(previous, key);
    if (index === 0 && order > 0) {
      this.found(
        `the first ${name} needs to be >= the key in the ancestor (${before}). Stack: ${pages}`,
      );
    }
    if (index > 0 && order >= 0) {
      const how = order > 0 ? "<" : "=";
      this.found(
        `${name} needs to be > (found ${how}) than previous element (hex)${before}. Stack: ${pages}`,
      );
    }
    if (bounds.to !== undefined && compareBytes(key, bounds.to) >= 0) {
      this.found(
        `${name} needs to be < than key of the next element in ancestor (hex)${before}. Pages stack: ${pages}`,
      );
    }
  }

  private async guard<T>(read: () => Promise<T>): Promise<T | undefined> {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof SnapshotDamage)) throw error;
      this.found(error.boltText);
      return undefined;
    }
  }

  private found(line: string): void {
    if (this.findings.length < maxFindings) this.findings.push(line);
  }
}

interface Place {
  readonly bounds: Bounds;
  readonly stack: readonly number[];
  readonly visit: (element: BoltElement) => void;
}
