// The loop that drives raft: one Ready a turn of the event loop. Batching is by turn, not by timer:
// what arrives while a log batch is being synced forms the next one.
//
// Order within a turn (server/raft/ready.ts): a leader's messages leave while its own disk works,
// everybody else's after it; entries are applied only once this member's own log holds them synced,
// so those that an earlier turn has synced are applied while this turn's sync runs; a change of
// configuration is applied before a follower's messages of that turn leave. That a lone entry is
// committed, its proposer learns first, and then the followers.
import { assert } from "#base/assert.ts";
import type { Clock } from "#base/clock.ts";
import {
  type Entry,
  EntryType,
  type HardState,
  type Message,
  type Snapshot,
} from "#proto/gen/raft.ts";
import { LateAcks } from "#server/node/late-acks.ts";
import type { Ready, SoftState } from "#server/raft/ready.ts";

/** What the loop needs of raft; RawNode is one. */
export interface Raft {
  hasReady(): boolean;
  ready(): Ready;
  advance(): void;
}

/** The log in memory that raft reads from; MemoryLog is one. */
export interface ReadableLog {
  lastIndex(): number;
  append(entries: readonly Entry[]): void;
  setHardState(hardState: HardState): void;
}

/** The log on disk. */
export interface LogWriter {
  save(hardState: HardState | undefined, entries: readonly Entry[], sync: boolean): Promise<void>;
}

export interface LoopPorts {
  readonly raft: Raft;
  readonly log: ReadableLog;
  readonly wal: LogWriter;
  readonly clock: Pick<Clock, "monotonicMs">;
  send(messages: readonly Message[]): void;
  /** Applies in order; undefined if that was possible at once. */
  apply(entries: readonly Entry[]): Promise<void> | undefined;
  /** Raft was told that the turn is done, applying included. */
  advanced(): void;
  /** Replaces state and log by the snapshot; resolves when both are durable. */
  install(snapshot: Snapshot): Promise<void>;
  onSoftState(state: SoftState): void;
  onReadState(context: Uint8Array, index: number): void;
  onHardState(state: HardState): void;
  onSynced(durationMs: number, bytes: number): void;
  /** Calls `run` in a later turn of the event loop. */
  schedule(run: () => void): void;
  /** The process cannot go on: a log write failed, or an invariant broke. */
  fatal(error: unknown): void;
}

export class ReadyLoop {
  private readonly ports: LoopPorts;
  private role: SoftState["role"] = "follower";
  private state: "idle" | "scheduled" | "running" | "stopped" = "idle";
  /** Not on the disk yet: differs from what is there in the commit index alone. */
  private unsaved: HardState | undefined;
  private ended: (() => void) | undefined;
  private readonly lateAcks = new LateAcks();
  /** What a leader sends once the answers of its turn have left. */
  private postponed: readonly Message[] | undefined;

  constructor(ports: LoopPorts) {
    this.ports = ports;
  }

  /** Call after anything that may have given raft work; cheap when the loop is already awake. */
  wake(): void {
    if (this.state !== "idle" || !this.ports.raft.hasReady()) return;
    this.state = "scheduled";
    this.ports.schedule(this.run);
  }

  /** A tick has passed: what waited for something to go with leaves alone. */
  tick(): void {
    const due = this.lateAcks.due();
    if (due.length > 0) this.ports.send(due);
  }

  /** Stops after the turn under way; resolves when it is over. */
  stop(): Promise<void> {
    const running = this.state === "running";
    this.state = "stopped";
    if (!running) return Promise.resolve();
    return new Promise((resolve) => {
      this.ended = resolve;
    });
  }

  private readonly run = (): void => {
    if (this.state !== "scheduled") return;
    this.state = "running";
    this.turns().then(
      () => {
        if (this.state === "running") this.state = "idle";
        this.ended?.();
        this.wake();
      },
      (error: unknown) => {
        this.state = "stopped";
        this.ended?.();
        this.ports.fatal(error);
      },
    );
  };

  private async turns(): Promise<void> {
    while (this.state === "running" && this.ports.raft.hasReady()) await this.turn();
  }

  private async turn(): Promise<void> {
    const { ports } = this;
    const ready = ports.raft.ready();
    if (ready.softState !== undefined) {
      this.role = ready.softState.role;
      ports.onSoftState(ready.softState);
    }
    if (ready.hardState !== undefined) ports.onHardState(ready.hardState);
    for (const read of ready.readStates) ports.onReadState(read.context, read.index);
    const leads = this.role === "leader";
    // Whoever put a lone entry is answered before the others learn that it is committed. Not so a
    // change of membership: once it is applied, who was removed can be told nothing any more.
    const isLone = ready.entries.length === 0 && ready.committed.length === 1;
    const answersFirst = leads && isLone && !changesConfiguration(ready.committed);
    this.sendPostponed();
    if (leads && !answersFirst) ports.send(ready.messages);
    if (ready.snapshot !== undefined) await ports.install(ready.snapshot);

    const { committed } = ready;
    // New entries may replace a conflicting suffix, which is then no longer what was synced.
    const firstNew = ready.entries[0]?.index ?? Number.POSITIVE_INFINITY;
    const synced = Math.min(ports.log.lastIndex(), firstNew - 1);
    const saving = this.save(ready);
    const ahead = saving === undefined ? committed.length : countUpTo(committed, synced);
    assert(
      ahead > 0 || !answersFirst,
      "a lone committed entry of a turn without entries is synced",
    );
    if (ahead > 0) {
      const applying = ports.apply(
        ahead === committed.length ? committed : committed.slice(0, ahead),
      );
      if (answersFirst) this.postpone(ready.messages);
      if (applying !== undefined) {
        // A failing save must not go unseen while this waits.
        await (saving === undefined ? applying : Promise.all([applying, saving]));
      }
    }
    if (saving !== undefined) await saving;
    if (ready.entries.length > 0) ports.log.append(ready.entries);
    if (ready.hardState !== undefined) ports.log.setHardState(ready.hardState);

    const rest = ahead === 0 ? committed : committed.slice(ahead);
    if (!leads && !changesConfiguration(committed)) {
      this.answer(ready);
      if (rest.length > 0) await ports.apply(rest);
    } else {
      if (rest.length > 0) await ports.apply(rest);
      if (!leads) this.answer(ready);
    }
    ports.raft.advance();
    ports.advanced();
  }

  private answer({ messages, entries, committed }: Ready): void {
    if (messages.length === 0) return;
    this.ports.send(this.lateAcks.pass(messages, entries.length === 0 && committed.length > 0));
  }

  /** Answers leave in a later turn of the event loop, and what is scheduled now behind them. */
  private postpone(messages: readonly Message[]): void {
    if (messages.length === 0) return;
    this.postponed = messages;
    this.ports.schedule(this.sendPostponed);
  }

  private readonly sendPostponed = (): void => {
    const { postponed } = this;
    if (postponed === undefined) return;
    this.postponed = undefined;
    this.ports.send(postponed);
  };

  /**
   * A commit index alone is no reason to write: it goes with the next entries. A crash may lose it
   * (Raft, figure 2: it is volatile), and a start takes it to be at least what was applied.
   */
  private save(ready: Ready): Promise<void> | undefined {
    const hardState = ready.hardState ?? this.unsaved;
    if (ready.entries.length === 0 && !ready.mustSync) {
      this.unsaved = hardState;
      return undefined;
    }
    this.unsaved = undefined;
    const { ports } = this;
    const start = ports.clock.monotonicMs();
    const saved = ports.wal.save(hardState, ready.entries, ready.mustSync);
    let bytes = 0;
    for (const entry of ready.entries) bytes += entry.data.length;
    return saved.then(() => {
      ports.onSynced(ports.clock.monotonicMs() - start, bytes);
    });
  }
}

function countUpTo(entries: readonly Entry[], index: number): number {
  const first = entries[0];
  return first === undefined ? 0 : Math.min(entries.length, Math.max(0, index - first.index + 1));
}

function changesConfiguration(entries: readonly Entry[]): boolean {
  return entries.some((entry) => entry.type !== EntryType.EntryNormal);
}
