// Leadership moved on purpose: to a member that somebody named, or away from this one before it stops.
import type { Clock } from "#base/clock.ts";
import { formatId, type MemberId } from "#base/ids.ts";
import type { Log } from "#base/log.ts";
import type { Members } from "#server/membership/members.ts";
import type { Leadership } from "#server/node/leadership.ts";

/** How often it is looked whether a transfer is done. */
const lookMs = 10;

export interface HandoverPorts {
  readonly memberId: MemberId;
  readonly clock: Clock;
  readonly log: Log;
  readonly members: Members;
  readonly leadership: Leadership;
  /** Since when the peer answers without a failure, monotonic ms; undefined if it does not. */
  activeSince(id: MemberId): number | undefined;
  /** Has raft begin a transfer. */
  transferLeader(to: MemberId): void;
  isStopped(): boolean;
}

export class Handover {
  private readonly ports: HandoverPorts;

  constructor(ports: HandoverPorts) {
    this.ports = ports;
  }

  /**
   * A leader hands over to the voter that has answered for the longest time. Resolves when it leads
   * no more, at the latest after `limitMs`. Peers must still be connected.
   */
  async away(limitMs: number): Promise<void> {
    const { activeSince, leadership, members, memberId } = this.ports;
    if (this.ports.isStopped() || !leadership.isLeader) return;
    let heir: MemberId | undefined;
    let longest = Number.POSITIVE_INFINITY;
    for (const { id, isLearner } of members.list()) {
      const since = id === memberId || isLearner ? undefined : activeSince(id);
      if (since === undefined || since >= longest) continue;
      heir = id;
      longest = since;
    }
    if (heir !== undefined) await this.transfer(heir, limitMs, () => !leadership.isLeader);
  }

  /** Moves leadership to a voter; false if it does not lead after `limitMs`. */
  to(member: MemberId, limitMs: number): Promise<boolean> {
    return this.transfer(member, limitMs, () => this.ports.leadership.leader === member);
  }

  private async transfer(to: MemberId, limitMs: number, isDone: () => boolean): Promise<boolean> {
    const { clock, log, memberId } = this.ports;
    const ids = {
      "current-leader-member-id": formatId(memberId),
      "transferee-member-id": formatId(to),
    };
    log.info(ids, "leadership transfer starting");
    this.ports.transferLeader(to);
    const deadline = clock.monotonicMs() + limitMs;
    while (!isDone()) {
      if (this.ports.isStopped() || clock.monotonicMs() >= deadline) {
        log.warn(ids, "leadership transfer given up");
        return false;
      }
      await new Promise<void>((resolve) => clock.after(lookMs, resolve));
    }
    log.info(ids, "leadership transfer finished");
    return true;
  }
}
