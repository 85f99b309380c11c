// A binary min-heap of what falls due, each item in it at most once: items carry their own place,
// so moving and removing one costs O(log n) and nothing stale is left behind. Pure.

/** An item; only the heap writes `heapIndex`, which is -1 while the item is not in it. */
export interface Due {
  dueMs: number;
  heapIndex: number;
}

export class DueHeap<T extends Due> {
  readonly #items: T[] = [];

  get size(): number {
    return this.#items.length;
  }

  /** What falls due first, or undefined. */
  peek(): T | undefined {
    return this.#items[0];
  }

  /** Puts `item` in, or moves it, to fall due at `dueMs`. */
  place(item: T, dueMs: number): void {
    item.dueMs = dueMs;
    if (item.heapIndex < 0) {
      item.heapIndex = this.#items.length;
      this.#items.push(item);
    }
    this.#up(item.heapIndex);
    this.#down(item.heapIndex);
  }

  /** Takes `item` out; nothing happens if it is not in. */
  remove(item: T): void {
    const at = item.heapIndex;
    if (at < 0) return;
    item.heapIndex = -1;
    const last = this.#items.pop();
    if (last === undefined || last === item) return;
    this.#items[at] = last;
    last.heapIndex = at;
    this.#up(at);
    this.#down(last.heapIndex);
  }

  clear(): void {
    for (const item of this.#items) item.heapIndex = -1;
    this.#items.length = 0;
  }

  #swap(a: number, b: number): void {
    const items = this.#items;
    const first = items[a] as T;
    const second = items[b] as T;
    items[a] = second;
    items[b] = first;
    second.heapIndex = a;
    first.heapIndex = b;
  }

  #due(at: number): number {
    return this.#items[at]?.dueMs ?? Number.POSITIVE_INFINITY;
  }

  #up(start: number): void {
    for (let at = start; at > 0; ) {
      const parent = (at - 1) >> 1;
      if (this.#due(parent) <= this.#due(at)) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  #down(start: number): void {
    for (let at = start; ; ) {
      const left = 2 * at + 1;
      const least = this.#due(left + 1) < this.#due(left) ? left + 1 : left;
      if (least >= this.#items.length || this.#due(at) <= this.#due(least)) return;
      this.#swap(at, least);
      at = least;
    }
  }
}
