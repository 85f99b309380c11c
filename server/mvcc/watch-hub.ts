// All watches of this member. Each apply hands its changes in; live watchers get one response a
// revision (in a long queue several revisions share one), those whose session is full fall behind and catch up from the state.
//
// Invariant: a live watcher has been given every event up to the current revision.
import type { Event } from "#proto/gen/mvcc.ts";
import type { MvccStore } from "#server/mvcc/store.ts";
import { type ChangeObserver, type Changes, decodeRecord } from "#server/mvcc/store-state.ts";
import { CatchUp } from "#server/mvcc/watch-catch-up.ts";
import { WatchMatcher } from "#server/mvcc/watch-matcher.ts";
import { type SessionLimits, type SessionPorts, WatchSession } from "#server/mvcc/watch-session.ts";
import {
  changeEvent,
  eventBytes,
  keyString,
  type Watcher,
  wantsKind,
} from "#server/mvcc/watcher.ts";

export interface WatchHubOptions {
  /** Resolves in a later turn of the event loop; awaited between slices of catching up. */
  readonly pause: () => Promise<void>;
  /** `--max-request-bytes`; fragments are cut at this plus 512 KiB. */
  readonly maxRequestBytes?: number;
  /** Bytes queued for one session before its watchers must catch up from the state. */
  readonly sessionQueueBytes?: number;
  /** About the memory that all watches together may take; 1 GiB if left out. */
  readonly watcherBytes?: number;
  /** A catch-up failed: the state cannot be read. Without it the rejection goes unhandled. */
  readonly fatal?: (error: unknown) => void;
}

const defaultRequestBytes = 1.5 * 1024 * 1024;
const grpcOverheadBytes = 512 * 1024;
const defaultQueueBytes = 4 * 1024 * 1024;
/** Two million watches of short keys. */
const defaultWatcherBytes = 2 ** 30;
/** Beside its keys, which are as long as a request may be. */
const watcherOverheadBytes = 512;

function memoryOf({ from, to }: Watcher): number {
  return watcherOverheadBytes + from.length + (to?.length ?? 0);
}

export class WatchHub implements ChangeObserver, SessionPorts {
  private readonly store: MvccStore;
  private readonly limits: SessionLimits;
  private readonly sessions = new Set<WatchSession>();
  private readonly live = new WatchMatcher<Watcher>();
  /** Those of the live ones that want previous pairs. */
  private readonly previous = new WatchMatcher<Watcher>();
  private readonly catchUp: CatchUp;
  private announced: WatchSession[] = [];
  private delivering = false;
  private appliedRevision: number;
  private readonly maxWatcherBytes: number;
  private watcherBytes = 0;

  constructor(store: MvccStore, options: WatchHubOptions) {
    this.store = store;
    this.limits = {
      queueBytes: options.sessionQueueBytes ?? defaultQueueBytes,
      fragmentBytes: (options.maxRequestBytes ?? defaultRequestBytes) + grpcOverheadBytes,
    };
    this.maxWatcherBytes = options.watcherBytes ?? defaultWatcherBytes;
    this.appliedRevision = store.currentRevision;
    this.catchUp = new CatchUp(store.state, {
      live: (watcher) => this.makeLive(watcher),
      deliver: () => this.deliver(),
      pause: options.pause,
      fatal: options.fatal,
    });
    store.observe(this);
  }

  /** Opens a stream; `onReady` is called when its `next` has something again. */
  openWatch(onReady: () => void): WatchSession {
    const session = new WatchSession(this, this.limits, onReady);
    this.sessions.add(session);
    return session;
  }

  get watcherCount(): number {
    let count = 0;
    for (const session of this.sessions) count += session.watchers.size;
    return count;
  }

  /** Watchers that are catching up or wait to. */
  get slowWatcherCount(): number {
    return this.watcherCount - this.live.size;
  }

  /** Events that wait to be sent, over all streams. */
  get pendingEvents(): number {
    let count = 0;
    for (const session of this.sessions) count += session.queuedEvents;
    return count;
  }

  get streamCount(): number {
    return this.sessions.size;
  }

  get wantsAnyPrevious(): boolean {
    return this.previous.size > 0;
  }

  get wantsChanges(): boolean {
    return this.live.size > 0;
  }

  wantsPrevious(key: Uint8Array): boolean {
    return this.previous.matches(keyString(key));
  }

  applied(main: number, changes: Changes): void {
    this.appliedRevision = main;
    const { live } = this;
    if (live.size === 0) return;
    const touched: Watcher[] = [];
    for (let i = 0; i < changes.count; i++) {
      const tombstone = changes.tombstones[i]!;
      const record = changes.records[i]!;
      const previous = changes.previous[i];
      let plain: Event | undefined;
      let full: Event | undefined;
      live.each(keyString(changes.keys[i]!), (watcher) => {
        if (main < watcher.next || !wantsKind(watcher, tombstone)) return;
        let event: Event;
        if (watcher.wantsPrevious && previous !== undefined) {
          if (previous === null) watcher.lacksPrevious = true;
          full ??= changeEvent(
            decodeRecord(record),
            main,
            tombstone,
            previous === null ? undefined : decodeRecord(previous),
          );
          event = full;
        } else {
          plain ??= changeEvent(decodeRecord(record), main, tombstone, undefined);
          event = plain;
        }
        if (watcher.pending.length === 0) touched.push(watcher);
        watcher.pending.push(event);
        watcher.pendingBytes += eventBytes(record, event === full ? previous : undefined);
      });
    }
    for (const watcher of touched) {
      if (watcher.lacksPrevious || watcher.session.full) this.fallBehind(watcher, main);
      else watcher.session.pushLiveEvents(watcher, main);
    }
  }

  private fallBehind(watcher: Watcher, next: number): void {
    watcher.pending = [];
    watcher.pendingBytes = 0;
    watcher.lacksPrevious = false;
    watcher.next = Math.max(watcher.next, next);
    watcher.state = "behind";
    this.live.delete(watcher);
    if (watcher.wantsPrevious) this.previous.delete(watcher);
    this.catchUp.add(watcher);
  }

  private makeLive(watcher: Watcher): void {
    watcher.state = "live";
    this.live.add(watcher);
    if (watcher.wantsPrevious) this.previous.add(watcher);
  }

  hasRoom(): boolean {
    return this.watcherBytes < this.maxWatcherBytes;
  }

  opened(watcher: Watcher): void {
    this.watcherBytes += memoryOf(watcher);
    if (watcher.state === "live") this.makeLive(watcher);
    else this.catchUp.add(watcher);
  }

  closed(watcher: Watcher): void {
    this.watcherBytes -= memoryOf(watcher);
    if (watcher.state === "live") {
      this.live.delete(watcher);
      if (watcher.wantsPrevious) this.previous.delete(watcher);
    } else this.catchUp.delete(watcher);
  }

  sessionClosed(session: WatchSession): void {
    this.sessions.delete(session);
  }

  currentRevision(): number {
    return this.store.currentRevision;
  }

  ready(session: WatchSession): void {
    if (session.announced) return;
    session.announced = true;
    this.announced.push(session);
  }

  drained(): void {
    this.catchUp.wake();
  }

  /** Calls onReady of every session that got something since the last call. */
  deliver(): void {
    if (this.delivering) return;
    this.delivering = true;
    while (this.announced.length > 0) {
      const { announced } = this;
      this.announced = [];
      for (const session of announced) {
        session.announced = false;
        if (!session.closed) session.onReady();
      }
    }
    this.delivering = false;
  }

  /** The progress interval has passed for all streams. */
  progressTick(): void {
    for (const session of this.sessions) session.progressTick();
    this.deliver();
  }

  /** The store's state was replaced: every watcher catches up from what it has not yet had. */
  restore(): void {
    const next = this.appliedRevision + 1;
    const current = this.store.currentRevision;
    this.appliedRevision = current;
    for (const session of this.sessions) {
      for (const watcher of session.watchers.values()) {
        if (watcher.state !== "live") continue;
        if (Math.max(watcher.next, next) <= current) this.fallBehind(watcher, next);
      }
    }
    this.catchUp.wake();
  }

  /** Ends all streams. */
  close(): void {
    for (const session of [...this.sessions]) session.close();
    this.store.observe(undefined);
  }
}
