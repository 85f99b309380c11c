// What a member tells the cluster about itself and its version: after its start, its name and
// client URLs, tried until it succeeds; as leader, the cluster version, looked at every four seconds
// and on the first commit of its term, and the end of a downgrade (facts: peer protocol §9, §12).
import type { Clock, Timer } from "#base/clock.ts";
import { errorText } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import {
  clusterVersionToPropose,
  isDowngraded,
  serverVersion,
} from "#server/membership/cluster-version.ts";
import type { Member as MemberRecord } from "#server/membership/member-json.ts";
import type { Member } from "#server/node/member.ts";

const versionPeriodMs = 4000;
/** `--downgrade-check-time` if it is not given. */
const etcdDowngradeCheckMs = 5000;
/** Between two attempts to publish: doubled after each, up to the longest. */
const firstRetryMs = 100;
const longestRetryMs = 1000;

export interface PublicationPorts {
  readonly member: Member;
  readonly clock: Clock;
  readonly log: Log;
  readonly name: string;
  readonly clientUrls: readonly string[];
  /** How often a leader looks whether a downgrade is over; 0: never. */
  readonly downgradeCheckMs?: number;
  /** The server version that a member's /version tells; undefined if it cannot be asked. */
  versionOf(member: MemberRecord): Promise<string | undefined>;
}

export class Publication {
  private readonly ports: PublicationPorts;
  private timers: Timer[] = [];
  private asking = false;
  private stopped = false;
  /** Ends the pause before the next attempt to publish. */
  private endPause = (): void => {};

  constructor(ports: PublicationPorts) {
    this.ports = ports;
  }

  /** Announces this member; resolves once the announcement is applied here. */
  async publish(): Promise<void> {
    const { clock, log, member, name, clientUrls } = this.ports;
    const request = {
      memberID: member.parts.memberId as bigint,
      memberAttributes: { name, clientUrls: [...clientUrls] },
    };
    let logged = "";
    for (let retryMs = firstRetryMs; !this.stopped; ) {
      try {
        await member.proposer.propose("clusterMemberAttrSet", request);
        log.info(
          {
            "local-member-id": (member.parts.memberId as bigint).toString(16),
            "cluster-id": (member.parts.clusterId as bigint).toString(16),
          },
          "published local member to cluster through raft",
        );
        return;
      } catch (error) {
        if (this.stopped) return;
        const reason = errorText(error);
        // One who joins a large cluster is told the same until it has caught up.
        if (reason !== logged)
          log.warn({ error: reason }, "failed to publish local member to cluster through raft");
        logged = reason;
        await new Promise<void>((resolve) => {
          const pause = clock.after(retryMs, resolve);
          this.endPause = () => {
            pause.cancel();
            resolve();
          };
        });
        retryMs = Math.min(2 * retryMs, longestRetryMs);
      }
    }
  }

  /** Begins to watch over the cluster version; only a leader does anything. */
  start(): void {
    this.ports.member.onLeading = () => void this.decideVersion();
    const { clock, downgradeCheckMs = etcdDowngradeCheckMs } = this.ports;
    this.timers.push(clock.every(versionPeriodMs, () => void this.decideVersion()));
    if (downgradeCheckMs === 0) return;
    this.timers.push(clock.every(downgradeCheckMs, () => void this.endDowngrade()));
  }

  stop(): void {
    this.stopped = true;
    this.endPause();
    for (const timer of this.timers) timer.cancel();
  }

  private async decideVersion(): Promise<void> {
    const { log, member } = this.ports;
    if (this.asking || this.stopped || !member.leadership.isLeader) return;
    this.asking = true;
    try {
      const { members } = member.parts;
      const versions = await this.versions();
      const { enabled, targetVersion } = members.downgrade;
      const target = enabled ? targetVersion : undefined;
      const wanted = clusterVersionToPropose(members.clusterVersion, versions, target);
      if (wanted === undefined || !member.leadership.isLeader) return;
      await member.proposer.propose("clusterVersionSet", { ver: wanted });
      log.info({ "cluster-version": wanted }, "set cluster version");
    } catch (error) {
      log.warn({ error: errorText(error) }, "failed to set the cluster version");
    } finally {
      this.asking = false;
    }
  }

  /** A downgrade is over once every server is of its version. */
  private async endDowngrade(): Promise<void> {
    const { log, member } = this.ports;
    const { members } = member.parts;
    const { enabled, targetVersion } = members.downgrade;
    if (!enabled || this.stopped || !member.leadership.isLeader) return;
    if (!isDowngraded(targetVersion, await this.versions())) return;
    if (this.stopped || members.downgrade.targetVersion !== targetVersion) return;
    log.info({ "cluster-version": targetVersion }, "the cluster has been downgraded");
    try {
      await member.proposer.propose("downgradeInfoSet", { enabled: false, ver: "" });
    } catch (error) {
      log.warn({ error: errorText(error) }, "failed to cancel downgrade");
    }
  }

  private versions(): Promise<(string | undefined)[]> {
    const { member, versionOf } = this.ports;
    const { members, memberId } = member.parts;
    return Promise.all(
      members.list().map((one) => (one.id === memberId ? serverVersion : versionOf(one))),
    );
  }
}
