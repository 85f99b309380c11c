// Compaction by itself: the leader proposes one from time to time, so that history does not grow for
// ever. By time (`periodic`): every member notes its revision each tenth of the retention (of an hour
// if that is less), and nothing is compacted before the retention has passed once since its start; then
// what was current a retention and one look ago is compacted, each retention, at least each hour. By number
// (`revision`): every five minutes all but the newest revisions go. A follower notes and waits, so that
// a new leader goes on where the old one was. What fails is tried again at the next look, as in etcd.
import type { Clock, Timer } from "#base/clock.ts";
import { errorText } from "#base/errors.ts";
import { formatGoDuration } from "#base/go-duration.ts";
import type { Log } from "#base/log.ts";
import { isEtcdError } from "#proto/errors.ts";

export type AutoCompactionRule =
  | { readonly mode: "periodic"; readonly retentionMs: number }
  | { readonly mode: "revision"; readonly revisions: number };

export interface AutoCompactionPorts {
  readonly rule: AutoCompactionRule;
  readonly clock: Clock;
  readonly log: Log;
  isLeader(): boolean;
  currentRevision(): number;
  /** Proposes a compaction. Rejects with `compacted` if that much is gone already. */
  compact(revision: number): Promise<unknown>;
}

const hourMs = 3_600_000;
const looksAnInterval = 10;
const revisionLookMs = 300_000;

export class AutoCompaction {
  private readonly ports: AutoCompactionPorts;
  /** Between looks. */
  private readonly lookMs: number;
  /** Periodic: the revisions at the last looks, the oldest first, one retention ago at most. */
  private readonly noted: number[] = [];
  private readonly keep: number;
  /** How long after the last compaction the next is due: first a whole retention. */
  private waitMs: number;
  private lastMs = 0;
  private lastRevision = 0;
  private timer: Timer | undefined;
  private stopped = false;

  constructor(ports: AutoCompactionPorts) {
    const { rule } = ports;
    this.ports = ports;
    if (rule.mode === "revision") {
      this.lookMs = revisionLookMs;
      this.keep = 0;
      this.waitMs = 0;
      return;
    }
    this.lookMs = Math.min(rule.retentionMs, hourMs) / looksAnInterval;
    this.keep = Math.floor(rule.retentionMs / this.lookMs) + 1;
    this.waitMs = rule.retentionMs;
  }

  start(): void {
    this.lastMs = this.ports.clock.monotonicMs();
    this.next();
  }

  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
  }

  private next(): void {
    if (this.stopped) return;
    const { clock, currentRevision, rule } = this.ports;
    if (rule.mode === "periodic") {
      this.noted.push(currentRevision());
      if (this.noted.length > this.keep) this.noted.shift();
    }
    this.timer = clock.after(this.lookMs, () => {
      void this.look().finally(() => this.next());
    });
  }

  private async look(): Promise<void> {
    const { ports } = this;
    if (!ports.isLeader()) return;
    const { rule } = ports;
    const revision =
      rule.mode === "periodic" ? this.noted[0]! : ports.currentRevision() - rule.revisions;
    if (revision <= 0 || revision === this.lastRevision) return;
    const startedMs = ports.clock.monotonicMs();
    if (rule.mode === "periodic") {
      if (startedMs - this.lastMs < this.waitMs) return;
      this.waitMs = Math.min(rule.retentionMs, hourMs);
    }
    const fields = {
      revision,
      ...(rule.mode === "periodic"
        ? { "compact-period": formatGoDuration(rule.retentionMs) }
        : { "revision-compaction-retention": rule.revisions }),
    };
    ports.log.info(fields, `starting auto ${rule.mode} compaction`);
    try {
      await ports.compact(revision);
    } catch (error) {
      if (!isEtcdError(error, "compacted")) {
        ports.log.warn(
          { ...fields, "retry-interval": formatGoDuration(this.lookMs), error: errorText(error) },
          `failed auto ${rule.mode} compaction`,
        );
        return;
      }
    }
    this.lastRevision = revision;
    this.lastMs = ports.clock.monotonicMs();
    const took = formatGoDuration(this.lastMs - startedMs);
    ports.log.info({ ...fields, took }, `completed auto ${rule.mode} compaction`);
  }
}
