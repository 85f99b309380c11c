// Carries out scheduled compactions in the background: slices of deletions between turns, with a
// pause after each, so that nobody waits for them; before the first, the records are hashed in slices
// alike. The same work is resumed after a restart.
import type { Clock } from "#base/clock.ts";
import type { Backend } from "#server/mvcc/backend.ts";
import type { MvccStore } from "#server/mvcc/store.ts";

/** How long to wait for reads that still use what is to be deleted. */
const blockedPauseMs = 10;

export interface CompactionDriverPorts {
  readonly clock: Clock;
  readonly store: MvccStore;
  backend(): Backend;
  /** An apply waits midway: the compaction may be in its batch, which is not written yet. */
  isApplyWaiting(): boolean;
  /** --compaction-batch-limit: records a slice. */
  readonly sliceRecords: number;
  /** --compaction-sleep-interval. */
  readonly pauseMs: number;
  /** A slice was taken out, in which nothing else was done. */
  paused?(durationMs: number): void;
  /** A compaction has ended. */
  compacted?(durationMs: number): void;
  fatal(error: unknown): void;
}

export class CompactionDriver {
  private readonly ports: CompactionDriverPorts;
  private running = false;
  private stopped = false;
  private held = false;
  private ended: (() => void) | undefined;

  constructor(ports: CompactionDriverPorts) {
    this.ports = ports;
  }

  /** Begins the scheduled work if there is any; call it after entries were applied. */
  wake(): void {
    if (this.running || this.stopped || this.held || !this.ports.store.compacting) return;
    this.running = true;
    this.run().then(
      () => {
        this.running = false;
        this.ended?.();
        this.wake();
      },
      (error: unknown) => {
        if (!this.stopped) this.ports.fatal(error);
      },
    );
  }

  /** Resolves when no step is under way; none begins before `release`: the state is replaced. */
  async hold(): Promise<void> {
    this.held = true;
    if (!this.running) return;
    await new Promise<void>((resolve) => {
      this.ended = resolve;
    });
    this.ended = undefined;
  }

  /** Goes on, with whatever the state now wants compacted. */
  release(): void {
    this.held = false;
    this.wake();
  }

  stop(): void {
    this.stopped = true;
  }

  private async run(): Promise<void> {
    const { clock, store, sliceRecords, pauseMs } = this.ports;
    let startMs = clock.monotonicMs();
    while (store.compacting && !this.stopped && !this.held) {
      if (this.ports.isApplyWaiting()) {
        await this.wait(blockedPauseMs);
        continue;
      }
      switch (store.compactionHash) {
        case "blocked":
          await this.wait(blockedPauseMs);
          continue;
        case "wanted":
          await store.computeCompactionHash({
            pause: () => this.wait(pauseMs),
            isOver: () => this.stopped || this.held,
          });
          continue;
        case "none":
      }
      const backend = this.ports.backend();
      const batch = backend.newBatch();
      const sliceMs = clock.monotonicMs();
      const progress = store.compactStep(batch, sliceRecords);
      if (progress !== "blocked") this.ports.paused?.(clock.monotonicMs() - sliceMs);
      if (batch.opCount > 0) await backend.write(batch, { sync: false });
      store.compactionWritten();
      if (progress === "finished") {
        this.ports.compacted?.(clock.monotonicMs() - startMs);
        startMs = clock.monotonicMs();
      }
      if (progress === "finished" || progress === "idle") return;
      await this.wait(progress === "blocked" ? blockedPauseMs : pauseMs);
    }
  }

  private wait(ms: number): Promise<void> {
    return new Promise((resolve) => this.ports.clock.after(ms, resolve));
  }
}
