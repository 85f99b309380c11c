// Who waits for events of the v2 tree. Events are put into each watcher's queue when they are applied;
// its reader takes them as its client can. A watcher that lags by more than a hundred is cut off, as
// in etcd. Pure.
import type { V2Event } from "#proto/gen/extension.ts";
import { eventIndex } from "#server/v2store/history.ts";

/** Events that wait for one client; etcd's number. */
const maxQueued = 100;

export interface WatchOptions {
  /** A clean path. */
  readonly key: string;
  readonly recursive: boolean;
  /** Goes on after the first event. */
  readonly stream: boolean;
  /** The first index of interest. */
  readonly since: number;
}

/** One client's watch. */
export class Watcher {
  readonly options: WatchOptions;
  /** The store's index when it began. */
  readonly startIndex: number;
  private readonly queue: V2Event[] = [];
  private ended = false;
  private readonly onReady: () => void;
  private readonly forget: (watcher: Watcher) => void;

  constructor(
    options: WatchOptions,
    startIndex: number,
    onReady: () => void,
    forget: (watcher: Watcher) => void,
  ) {
    this.options = options;
    this.startIndex = startIndex;
    this.onReady = onReady;
    this.forget = forget;
  }

  /** The next event, or undefined until `onReady` is called. */
  next(): V2Event | undefined {
    return this.queue.shift();
  }

  /** True if no event will follow those in the queue. */
  get isEnded(): boolean {
    return this.ended;
  }

  /** Frees it; nothing is put into its queue any more. */
  close(): void {
    if (this.ended) return;
    this.ended = true;
    this.forget(this);
  }

  /** For the hub: hands an event over, and ends a watcher that has had its one or lags too far. */
  put(event: V2Event): void {
    if (this.queue.length >= maxQueued) this.close();
    else this.queue.push(event);
    if (!this.options.stream) this.close();
    this.onReady();
  }

  /** For the hub: ends it and tells its reader. */
  cut(): void {
    this.close();
    this.onReady();
  }
}

export class WatcherHub {
  private readonly byKey = new Map<string, Set<Watcher>>();
  private watchers = 0;

  get count(): number {
    return this.watchers;
  }

  all(): Watcher[] {
    return [...this.byKey.values()].flatMap((set) => [...set]);
  }

  add(options: WatchOptions, startIndex: number, onReady: () => void): Watcher {
    const watcher = new Watcher(options, startIndex, onReady, (one) => this.remove(one));
    let set = this.byKey.get(options.key);
    if (set === undefined) {
      set = new Set();
      this.byKey.set(options.key, set);
    }
    set.add(watcher);
    this.watchers++;
    return watcher;
  }

  /** Tells the watchers of the event's path and of all above it. */
  notify(event: V2Event): void {
    if (this.watchers === 0) return;
    const { key } = event.node!;
    this.notifyAt(event, "/", false);
    for (let at = 1; at > 0 && at < key.length; ) {
      const slash = key.indexOf("/", at);
      this.notifyAt(event, slash < 0 ? key : key.slice(0, slash), false);
      at = slash + 1;
    }
  }

  /** Tells the watchers of exactly this path; `deleted` if what was there went with the event. */
  notifyAt(event: V2Event, path: string, deleted: boolean): void {
    const set = this.byKey.get(path);
    if (set === undefined) return;
    const { key } = event.node!;
    const original = key === path;
    if (!original && isHiddenBelow(path, key)) return;
    for (const watcher of [...set]) {
      const { recursive, since } = watcher.options;
      if ((recursive || original || deleted) && eventIndex(event) >= since) watcher.put(event);
    }
  }

  private remove(watcher: Watcher): void {
    const { key } = watcher.options;
    const set = this.byKey.get(key);
    if (set?.delete(watcher) !== true) return;
    this.watchers--;
    if (set.size === 0) this.byKey.delete(key);
  }
}

/** True if an element of `key` below the watched path begins with `_`. */
function isHiddenBelow(watched: string, key: string): boolean {
  if (watched.length > key.length) return false;
  const below = watched === "/" ? key : key.slice(watched.length);
  return below.includes("/_");
}
