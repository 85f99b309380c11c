// Whether a peer answers, and since when: from the first stream or POST that worked until the first
// failure (facts: peer protocol §7).
import type { Clock } from "#base/clock.ts";
import { formatId, type MemberId } from "#base/ids.ts";
import type { Log } from "#base/log.ts";

export class PeerStatus {
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
    this.log.warn({ "remote-peer-id": formatId(this.id), action, error }, "peer became inactive");
  }
}
