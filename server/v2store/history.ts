// The last events of the whole tree, at most a thousand, for watches that begin in the past. Which
// ones are kept depends on the events alone, so that every member keeps the same. Pure.
import type { V2Event } from "#proto/gen/extension.ts";
import { isReserved } from "#server/v2store/reserved.ts";

/** Events kept; etcd's number. */
export const historyEvents = 1000;
/** Their keys and values; etcd has no such bound. */
const historyBytes = 64 * 1024 * 1024;

/** An event's place in the order of all. */
export function eventIndex(event: V2Event): number {
  return event.node!.modifiedIndex;
}

function eventBytes(event: V2Event): number {
  let bytes = 64;
  for (const node of [event.node, event.prevNode]) {
    if (node !== undefined) bytes += 64 + node.key.length + node.value.length;
  }
  return bytes;
}

export class EventHistory {
  private readonly ring: (V2Event | undefined)[] = new Array(historyEvents);
  private bytes = 0;
  private first = 1;
  private last: number;
  private readonly maxBytes: number;

  /** `last` is the store's index: those before it are counted and not known. */
  constructor(last: number, maxBytes = historyBytes) {
    this.last = last;
    this.maxBytes = maxBytes;
    this.first = Math.max(1, last - historyEvents + 1);
  }

  /** The oldest index kept. */
  get start(): number {
    return this.first;
  }

  get end(): number {
    return this.last;
  }

  /** Adds the event of the next index. */
  add(event: V2Event): void {
    this.last = eventIndex(event);
    const at = this.last % historyEvents;
    if (this.last - this.first >= historyEvents) this.drop();
    this.ring[at] = event;
    this.bytes += eventBytes(event);
    while (this.bytes > this.maxBytes && this.first < this.last) this.drop();
  }

  /** The kept event of that index; undefined for one that is not kept, or that no watcher sees. */
  at(index: number): V2Event | undefined {
    return index < this.first || index > this.last ? undefined : this.ring[index % historyEvents];
  }

  /** The first event from `index` on that concerns a watch; undefined if there is none yet. */
  find(watch: { key: string; recursive: boolean }, index: number): V2Event | undefined {
    for (let i = index; i <= this.last; i++) {
      const event = this.at(i);
      if (event !== undefined && concerns(event, watch)) return event;
    }
    return undefined;
  }

  private drop(): void {
    const at = this.first % historyEvents;
    const event = this.ring[at];
    if (event !== undefined) this.bytes -= eventBytes(event);
    this.ring[at] = undefined;
    this.first++;
  }
}

/** Whether a past event concerns a watch. As in etcd, hidden nodes are not left out here. */
function concerns(event: V2Event, watch: { key: string; recursive: boolean }): boolean {
  if (event.refresh) return false;
  const { key, recursive } = watch;
  const node = event.node!;
  if (isReserved(node.key)) return false;
  if (node.key === key) return true;
  if (recursive && node.key.startsWith(key === "/" ? "/" : `${key}/`)) return true;
  const deletes = event.action === "delete" || event.action === "expire";
  // etcd compares the texts of the paths: the end of /foo concerns a watch on /foobar too.
  return deletes && event.prevNode?.dir === true && key.startsWith(event.prevNode.key);
}
