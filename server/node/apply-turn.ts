// Applies a run of committed entries: one state batch for all of them, written without a sync (the
// log replays what a crash loses), one delivery to watchers, then all answers. Data, applied index
// and term go in the same batch, and every entry moves the index, whatever it did.
import { assert } from "#base/assert.ts";
import { uint64Bytes, utf8 } from "#base/bytes.ts";
import { EtcdError, etcdError } from "#proto/errors.ts";
import { ConfChange, type Entry, EntryType } from "#proto/gen/raft.ts";
import type { Applier } from "#server/apply/applier.ts";
import { type Command, decodeCommand } from "#server/apply/command.ts";
import { prefetch } from "#server/apply/kv.ts";
import type { Backend, WritableBatch } from "#server/mvcc/backend.ts";
import type { MvccStore } from "#server/mvcc/store.ts";
import type { WatchHub } from "#server/mvcc/watch-hub.ts";
import type { PendingProposals } from "#server/node/pending-proposals.ts";
import type { SlowApplies } from "#server/node/slow-applies.ts";

export const consistentIndexKey = utf8("consistent_index");
export const termKey = utf8("term");
export const confStateKey = utf8("confState");

/** Bytes applied and not yet written at which applying waits for the disk. */
const maxUnwrittenBytes = 64 * 1024 * 1024;

export interface ApplyTurnPorts {
  readonly applier: Applier;
  readonly store: MvccStore;
  readonly hub: WatchHub;
  readonly pending: PendingProposals;
  backend(): Backend;
  /** Applies a change of membership to state, raft and transport; what its proposer is answered. */
  applyConfChange(change: ConfChange, batch: WritableBatch): object | EtcdError;
  /** The first entry of a leader's term was applied. */
  emptyEntry(term: number): void;
  /** Everything up to this index has been applied. */
  applied(index: number): void;
  readonly slow: SlowApplies;
  /** A command was applied; counted, and nothing kept of it. */
  timed?(command: Command, result: object, tookMs: number): void;
  monotonicMs(): number;
  fatal(error: unknown): void;
}

/** Readers find in memory what is not written yet, so nobody waits for it. */
const lazily = { sync: false, lazily: true } as const;

interface Settled {
  readonly id: bigint;
  readonly result: object;
}

/** The applied position, and the way there. */
export class ApplyTurn {
  private readonly ports: ApplyTurnPorts;
  private index: number;
  private entryTerm: number;
  private writing: Promise<void> = Promise.resolve();
  private waiting = false;
  /** When the last command was applied, or this run of entries began. */
  private sinceMs = 0;
  /** Changes of membership that were applied, and raft has not been told yet. */
  private changes: Settled[] = [];

  /** `index` and `term` are those that the state batch on disk carries; 0 for none. */
  constructor(ports: ApplyTurnPorts, index: number, term: number) {
    this.ports = ports;
    this.index = index;
    this.entryTerm = term;
  }

  get appliedIndex(): number {
    return this.index;
  }

  get appliedTerm(): number {
    return this.entryTerm;
  }

  /**
   * True while a run of entries waits for the disk, some of it applied and in no written batch:
   * nothing may then be deleted on the ground of what it has scheduled.
   */
  get isWaiting(): boolean {
    return this.waiting;
  }

  /**
   * The state was replaced by a snapshot, which may hold what reads wait for. It may also hold the
   * effects of proposals made here, whose entries will never be applied: nobody can tell any more,
   * so whoever waits is told at once what he would be told after the request timeout.
   */
  reset(index: number, term: number): void {
    this.index = index;
    this.entryTerm = term;
    this.ports.pending.rejectAll(() => etcdError("timeout"));
    this.ports.applied(index);
  }

  /** Resolves when everything applied before the call has reached the backend. */
  flushed(): Promise<void> {
    return this.writing;
  }

  /** Applies entries in order; undefined if nothing had to be waited for. */
  apply(entries: readonly Entry[]): Promise<void> | undefined {
    assert(entries[0]?.index === this.index + 1, "a gap between what was applied and what comes");
    const commands: Command[] = [];
    for (const entry of entries) {
      if (entry.type !== EntryType.EntryNormal || entry.data.length === 0) continue;
      const command = decodeCommand(entry.data);
      assert(
        command !== undefined,
        `entry ${entry.index} holds a command that this version does not know: it needs a newer one`,
      );
      commands.push(command);
    }
    const { store } = this.ports;
    this.sinceMs = this.ports.monotonicMs();
    const overfull = store.unwrittenBytes > maxUnwrittenBytes;
    const cold = commands.length === 0 ? undefined : prefetch(store, commands);
    const applying =
      cold === undefined && !overfull
        ? this.run(entries, commands, 0, 0, this.ports.backend().newBatch(), [])
        : this.applySlowly(entries, commands, cold, overfull);
    if (applying === undefined) return undefined;
    this.waiting = true;
    return applying.finally(() => {
      this.waiting = false;
    });
  }

  private async applySlowly(
    entries: readonly Entry[],
    commands: readonly Command[],
    cold: ReturnType<typeof prefetch>,
    overfull: boolean,
  ): Promise<void> {
    if (overfull) await this.writing;
    const pins = await cold;
    try {
      await this.run(entries, commands, 0, 0, this.ports.backend().newBatch(), []);
    } finally {
      pins?.release();
    }
  }

  /** Goes on from `entries[at]`; a promise only if one command's reads have become cold meanwhile. */
  private run(
    entries: readonly Entry[],
    commands: readonly Command[],
    at: number,
    commandAt: number,
    batch: WritableBatch,
    settled: Settled[],
  ): Promise<void> | undefined {
    const { ports } = this;
    let next = commandAt;
    for (let i = at; i < entries.length; i++) {
      const entry = entries[i]!;
      if (entry.type !== EntryType.EntryNormal) {
        this.confChange(entry, batch);
      } else if (entry.data.length === 0) {
        ports.emptyEntry(entry.term);
      } else {
        const command = commands[next]!;
        const cold = prefetch(ports.store, [command]);
        if (cold !== undefined) {
          return cold.then(async (pins) => {
            try {
              await this.run(entries, commands, i, next, batch, settled);
            } finally {
              pins.release();
            }
          });
        }
        next++;
        const { id } = command.header;
        const answers = ports.pending.has(id);
        const result = ports.applier.apply(command, batch, answers, this.index);
        if (answers) settled.push({ id, result });
        const nowMs = ports.monotonicMs();
        ports.timed?.(command, result, nowMs - this.sinceMs);
        if (nowMs - this.sinceMs > ports.slow.limitMs)
          ports.slow.note(nowMs - this.sinceMs, command, result);
        this.sinceMs = nowMs;
      }
      this.index = entry.index;
      this.entryTerm = entry.term;
    }
    this.finish(batch, settled);
    return undefined;
  }

  /**
   * Raft has taken over what was applied. Only now is a change of membership answered: while one is
   * unapplied raft makes an empty entry of the next, and nobody would ever be told.
   */
  advanced(): void {
    if (this.changes.length === 0) return;
    const { changes } = this;
    this.changes = [];
    this.settle(changes);
  }

  private settle(settled: readonly Settled[]): void {
    for (const { id, result } of settled) {
      this.ports.pending.settle(id, result, result instanceof EtcdError);
    }
  }

  private confChange(entry: Entry, batch: WritableBatch): void {
    assert(entry.type === EntryType.EntryConfChange, "etcd members never propose a joint change");
    const change = ConfChange.decode(entry.data);
    const result = this.ports.applyConfChange(change, batch);
    this.changes.push({ id: change.id, result });
  }

  private finish(batch: WritableBatch, settled: readonly Settled[]): void {
    const { ports } = this;
    batch.put("meta", consistentIndexKey, uint64Bytes(this.index));
    batch.put("meta", termKey, uint64Bytes(this.entryTerm));
    const revision = ports.store.currentRevision;
    this.writing = ports
      .backend()
      .write(batch, lazily)
      .then(() => ports.store.written(revision), ports.fatal);
    ports.hub.deliver();
    ports.applied(this.index);
    this.settle(settled);
  }
}
