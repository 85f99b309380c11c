// Whether a peer answers, and since when: from the first stream or POST that worked until the first
// failure (facts: peer protocol §7).
import type { Clock } from "#base/clock.ts";
import { formatId, type MemberId } from "#base/ids.ts";
import type { Log } from "#base/log.ts";

/** What went over the wire; for metrics. */
export interface PeerCounters {
  sentBytes: number;
  receivedBytes: number;
  sentFailures: number;
  receivedFailures: number;
  /** How often the peer became inactive. */
  disconnects: number;
}

export class PeerStatus {
  readonly counters: PeerCounters = {
    sentBytes: 0,
    receivedBytes: 0,
    sentFailures: 0,
    receivedFailures: 0,
    disconnects: 0,
  };
  private since: number | undefined;
  private readonly id: MemberId;
  private readonly clock: Clock;
  private readonly log: Log;

  constructor(id: MemberId, clock: Clock, log: Log) {
    this.id = id;
    this.clock = clock;
    this.log = log;
  }

  /** Monotonic milliseconds, or undefined while the peer does not answer. */
  get activeSince(): number | undefined {
    return this.since;
  }

  activate(): void {
    if (this.since !== undefined) return;
    this.since = this.clock.monotonicMs();
    this.log.info({ "remote-peer-id": formatId(this.id) }, "peer became active");
  }

  deactivate(action: string, error: string): void {
    if (this.since === undefined) return;
    this.since = undefined;
    this.counters.disconnects++;
    this.log.warn({ "remote-peer-id": formatId(this.id), action, error }, "peer became inactive");
  }
}
