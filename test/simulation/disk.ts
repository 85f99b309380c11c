// A disk that keeps what was synced and may lose the rest. Writes go to it in order and become
// durable when their sync ends; a crash keeps the synced ones and a prefix of those after it.
import type { Random } from "#base/random.ts";
import type { Entry, HardState } from "#proto/gen/raft.ts";
import { raiseHardState } from "#server/wal/wal.ts";
import type { AppState } from "./applied-state.ts";

export type DiskWrite =
  | { readonly kind: "hard-state"; readonly hardState: HardState }
  | { readonly kind: "append"; readonly entries: readonly Entry[] }
  /** The applied state was synced and marks where the log may be cut. */
  | { readonly kind: "checkpoint"; readonly app: AppState; readonly cutTo: number }
  /** A received state replaces log and state; what raft says beyond it is written after it. */
  | { readonly kind: "install"; readonly app: AppState };

/** What a restart finds. */
export class DurableState {
  hardState: HardState = { term: 0, vote: 0n, commit: 0 };
  /** Entries behind `base`, without gaps. */
  entries: Entry[] = [];
  base = 0;
  baseTerm = 0;
  app: AppState;

  constructor(app: AppState) {
    this.app = app;
    this.base = app.index;
    this.baseTerm = app.term;
    this.hardState = { term: app.term, vote: 0n, commit: app.index };
  }

  get lastIndex(): number {
    return this.base + this.entries.length;
  }

  /** True if the entry of `term` at `index` is here, or is behind what it led to. */
  holds(index: number, term: number): boolean {
    return index <= this.base || this.entries[index - this.base - 1]?.term === term;
  }

  apply(write: DiskWrite): void {
    switch (write.kind) {
      case "hard-state":
        this.hardState = write.hardState;
        break;
      case "append": {
        const first = write.entries[0]!.index;
        const skip = Math.max(0, this.base + 1 - first);
        this.entries.length = Math.max(0, first + skip - this.base - 1);
        this.entries.push(...write.entries.slice(skip));
        break;
      }
      case "checkpoint":
        this.app = write.app;
        if (write.cutTo > this.base) {
          this.baseTerm = this.entries[write.cutTo - this.base - 1]!.term;
          this.entries = this.entries.slice(write.cutTo - this.base);
          this.base = write.cutTo;
        }
        break;
      case "install":
        this.app = write.app;
        this.entries = [];
        this.base = write.app.index;
        this.baseTerm = write.app.term;
        this.hardState = raiseHardState(this.hardState, write.app);
        break;
    }
  }
}

export class Disk {
  readonly durable: DurableState;
  private pending: DiskWrite[] = [];
  private flushed = 0;

  constructor(app: AppState) {
    this.durable = new DurableState(app);
  }

  /** Takes writes over; returns the place up to which a sync begun now makes everything durable. */
  write(writes: readonly DiskWrite[]): number {
    this.pending.push(...writes);
    return this.flushed + this.pending.length;
  }

  /** A sync begun at `place` has ended. */
  synced(place: number): void {
    const count = place - this.flushed;
    if (count <= 0) return;
    for (const write of this.pending.splice(0, count)) this.durable.apply(write);
    this.flushed = place;
  }

  /** Everything that was written reaches the disk. */
  settle(): void {
    this.synced(this.flushed + this.pending.length);
  }

  /** The power goes. Returns how many writes were lost and how many unsynced ones survived. */
  crash(random: Random): { readonly lost: number; readonly kept: number } {
    const kept = random.below(this.pending.length + 1);
    const lost = this.pending.length - kept;
    this.synced(this.flushed + kept);
    this.pending = [];
    return { lost, kept };
  }
}
