// A log in memory for the simulator: what was not synced is lost in a crash.
//
// Two images are kept, what the process sees and what a disk would hold; a change is made in the
// second one when a sync covers it, so a sync costs no copy of the log.
import { OperatingError } from "#base/errors.ts";
import type { Entry, HardState } from "#proto/gen/raft.ts";
import { LogWindow } from "#server/wal/log-window.ts";
import {
  raiseHardState,
  type SnapshotMark,
  type Wal,
  type WalContents,
  type WalIdentity,
  zeroHardState,
  zeroMark,
} from "#server/wal/wal.ts";

type Change = (image: Image) => void;

/** `entries[i]` has index `below + 1 + i`. */
interface Image {
  hardState: HardState;
  mark: SnapshotMark;
  below: number;
  entries: Entry[];
}

export class MemoryWal implements Wal {
  private readonly identity: WalIdentity;
  private readonly seen: Image;
  private readonly durable: Image;
  private readonly window: LogWindow;
  private unsynced: Change[] = [];
  private failure: OperatingError | undefined;
  private closed = false;

  private constructor(identity: WalIdentity, image: Image) {
    this.identity = identity;
    this.durable = image;
    this.seen = { ...image, entries: [...image.entries] };
    this.window = new LogWindow({
      last: image.below + image.entries.length,
      mark: image.mark.index,
      hardState: raiseHardState(image.hardState, image.mark),
    });
  }

  /** A log that was just made. */
  static create(identity: WalIdentity): MemoryWal {
    return new MemoryWal(identity, {
      hardState: zeroHardState,
      mark: zeroMark,
      below: 0,
      entries: [],
    });
  }

  /** What an open after a clean stop would find. */
  contents(): WalContents {
    const { hardState, mark, below, entries } = this.seen;
    return {
      ...this.identity,
      hardState: raiseHardState(hardState, mark),
      snapshot: mark,
      entries: entries.slice(mark.index - below),
    };
  }

  /** Calls that a crash now would lose. */
  get unsyncedCount(): number {
    return this.unsynced.length;
  }

  /**
   * The log that a restart finds after a crash: what was synced, and the first `kept` of the calls
   * that were not (a disk may have written more than it was asked for, but never out of order).
   * This one can no longer be used.
   */
  crash(kept = 0): MemoryWal {
    for (const change of this.unsynced.slice(0, kept)) change(this.durable);
    this.failure = new OperatingError("WAL_CLOSED", "the log's process has crashed");
    return new MemoryWal(this.identity, this.durable);
  }

  /** The log that a restart finds after a clean stop. */
  reopen(): MemoryWal {
    return this.crash(this.unsynced.length);
  }

  /** Makes the next call, and so all later ones, fail as a full or broken disk does. */
  breakDisk(): void {
    this.failure = new OperatingError("WAL_WRITE_FAILED", "the log could not be written");
  }

  save(hardState: HardState | undefined, entries: readonly Entry[], sync: boolean): Promise<void> {
    return this.change(sync, () => {
      const first = entries[0]?.index;
      const added = [...entries];
      this.window.save(hardState, added);
      return (image) => {
        if (hardState !== undefined) image.hardState = hardState;
        if (first === undefined) return;
        image.entries.length = first - 1 - image.below;
        for (const entry of added) image.entries.push(entry);
      };
    });
  }

  saveSnapshot(mark: SnapshotMark): Promise<void> {
    return this.change(false, () => {
      this.window.markAt(mark.index);
      return (image) => {
        image.mark = mark;
      };
    });
  }

  compact(index: number): Promise<void> {
    return this.change(false, () => {
      this.window.compact(index);
      return (image) => {
        if (index <= image.below) return;
        image.entries = image.entries.slice(index - image.below);
        image.below = index;
      };
    });
  }

  reset(mark: SnapshotMark, hardState: HardState | undefined): Promise<void> {
    return this.change(true, () => {
      this.window.reset(mark, hardState);
      return (image) => {
        if (hardState !== undefined) image.hardState = hardState;
        image.mark = mark;
        image.below = mark.index;
        image.entries = [];
      };
    });
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }

  private change(sync: boolean, make: () => Change): Promise<void> {
    if (this.closed) {
      return Promise.reject(new OperatingError("WAL_CLOSED", "the log is closed"));
    }
    if (this.failure !== undefined) return Promise.reject(this.failure);
    const change = make();
    change(this.seen);
    this.unsynced.push(change);
    if (sync) {
      for (const one of this.unsynced) one(this.durable);
      this.unsynced = [];
    }
    return Promise.resolve();
  }
}
