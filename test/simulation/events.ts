// Virtual time: events run in order of their time, those of one time in the order they were made.
// Nothing here waits; a minute passes as fast as its events are worked off.

interface Event {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

export class Timeline {
  private readonly heap: Event[] = [];
  private made = 0;
  nowMs = 0;

  /** Runs `run` after `delayMs` of virtual time. */
  after(delayMs: number, run: () => void): void {
    const event = { atMs: this.nowMs + delayMs, order: this.made++, run };
    const { heap } = this;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(event, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = event;
  }

  /** Works off everything up to and including `untilMs`. */
  runUntil(untilMs: number): void {
    for (let run = this.take(untilMs); run !== undefined; run = this.take(untilMs)) run();
  }

  /** Takes the next event out and makes its time now; undefined if none is left up to `untilMs`. */
  take(untilMs: number): (() => void) | undefined {
    const first = this.heap[0];
    if (first === undefined || first.atMs > untilMs) {
      this.nowMs = untilMs;
      return undefined;
    }
    this.pop();
    this.nowMs = first.atMs;
    return first.run;
  }

  private pop(): void {
    const { heap } = this;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
      if (!before(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}

function before(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
