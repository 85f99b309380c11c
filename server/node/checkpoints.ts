// Keeps the log short: every so many applied entries the state is synced, and only then is the log
// truncated, so that it always reaches back to what a synced state write covers. Some entries stay
// behind the mark for followers that are a little late.
import type { ConfState } from "#proto/gen/raft.ts";
import type { Backend } from "#server/mvcc/backend.ts";
import type { MemoryLog } from "#server/raft/memory-log.ts";
import type { SnapshotMark } from "#server/wal/wal.ts";

/** What the truncation needs of the log on disk; server/wal is one. */
export interface TruncatedLog {
  saveSnapshot(mark: SnapshotMark): Promise<void>;
  compact(index: number): Promise<void>;
}

export interface CheckpointPorts {
  readonly memoryLog: MemoryLog;
  readonly wal: TruncatedLog;
  backend(): Backend;
  /** Index and term of the last entry applied, and the configuration as of it. */
  applied(): { readonly index: number; readonly term: number; readonly confState: ConfState };
  /** Applied entries between two marks: --snapshot-count. */
  readonly every: number;
  /** Entries kept in memory behind a mark: --snapshot-catchup-entries. */
  readonly catchUp: number;
  /** True while a follower is being sent a state: it will want what comes after it. */
  holdLog(): boolean;
  saved(index: number): void;
  fatal(error: unknown): void;
}

export class Checkpoints {
  private readonly ports: CheckpointPorts;
  private markIndex: number;
  private running: Promise<void> | undefined;
  private forgetting = false;
  /** Entries up to here shall be sent to nobody any more, however short the tail would be. */
  private forgetUpTo = 0;
  private stopped = false;

  /** `markIndex` is that of the last mark in the log. */
  constructor(ports: CheckpointPorts, markIndex: number) {
    this.ports = ports;
    this.markIndex = markIndex;
  }

  /** Call after entries were applied. */
  applied(index: number): void {
    if (this.forgetting) this.forgetUpTo = index;
    this.forgetting = false;
    if (this.stopped || this.running !== undefined) return;
    if (index - this.markIndex < this.ports.every && !this.mustForget()) return;
    this.running = this.run().then(() => {
      this.running = undefined;
    }, this.ports.fatal);
  }

  /**
   * Whoever needs entries up to the next call of `applied` shall get a whole state in their place: what
   * they say is no longer true, or nothing that every member may read.
   */
  forget(): void {
    this.forgetting = true;
  }

  private mustForget(): boolean {
    const { holdLog, memoryLog } = this.ports;
    return this.forgetUpTo >= memoryLog.firstIndex() && !holdLog();
  }

  /** Resolves when the one under way has ended; none begins any more. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.running;
  }

  /** The state was replaced by one of this index, and the log reset. */
  reset(index: number): void {
    this.markIndex = index;
  }

  private async run(): Promise<void> {
    const { ports } = this;
    const { index, term, confState } = ports.applied();
    const backend = ports.backend();
    // Writes keep their order, so a synced empty one covers all that was applied before it.
    await backend.write(backend.newBatch(), { sync: true });
    if (backend !== ports.backend()) return;
    await ports.wal.saveSnapshot({ index, term, confState });
    if (backend !== ports.backend()) return;
    this.markIndex = index;
    ports.memoryLog.createSnapshot(index, confState, new Uint8Array(0));
    ports.saved(index);
    if (ports.holdLog()) return;
    const upTo = Math.max(index - ports.catchUp, Math.min(index, this.forgetUpTo));
    if (upTo < ports.memoryLog.firstIndex()) return;
    ports.memoryLog.compact(upTo);
    await ports.wal.compact(upTo);
  }
}
