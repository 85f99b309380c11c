// STUB of the public surface; the implementation follows within minutes.
import type { WatchSession } from "#server/api/member.ts";
import type { MvccStore } from "#server/mvcc/store.ts";

export interface WatchHubOptions {
  /** Resolves in a later turn of the event loop. */
  readonly pause: () => Promise<void>;
  /** `--max-request-bytes`; fragments are cut at this plus 512 KiB. */
  readonly maxRequestBytes?: number;
  /** Bytes queued for one session before its watchers must catch up from disk. */
  readonly sessionQueueBytes?: number;
}

export declare class WatchHub {
  constructor(store: MvccStore, options: WatchHubOptions);
  openWatch(onReady: () => void): WatchSession;
  /** Calls onReady of the sessions that got something since the last call; once per turn. */
  deliver(): void;
  /** The progress interval has passed. */
  progressTick(): void;
  /** The store's state was replaced: all watchers catch up. */
  restore(): void;
  readonly watcherCount: number;
  close(): void;
}
