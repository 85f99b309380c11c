// What a member tells the cluster about itself and its version: after its start, its name and
// client URLs, tried until it succeeds; as leader, the cluster version, looked at every four seconds
// and on the first commit of its term (facts: peer protocol §9, §12).
import type { Clock, Timer } from "#base/clock.ts";
import { errorText } from "#base/errors.ts";
import type { MemberId } from "#base/ids.ts";
import type { Log } from "#base/log.ts";
import { clusterVersionToPropose, serverVersion } from "#server/membership/cluster-version.ts";
import type { Member as MemberRecord } from "#server/membership/member-json.ts";
import type { Member } from "#server/node/member.ts";

const versionPeriodMs = 4000;
const retryMs = 100;

export interface PublicationPorts {
  readonly member: Member;
  readonly clock: Clock;
  readonly log: Log;
  readonly name: string;
  readonly clientUrls: readonly string[];
  /** The server version that a member's /version tells; undefined if it cannot be asked. */
  versionOf(member: MemberRecord): Promise<string | undefined>;
}

export class Publication {
  private readonly ports: PublicationPorts;
  private timer: Timer | undefined;
  private asking = false;
  private stopped = false;

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
    while (!this.stopped) {
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
        log.warn(
          { error: errorText(error) },
          "failed to publish local member to cluster through raft",
        );
        await new Promise<void>((resolve) => clock.after(retryMs, resolve));
      }
    }
  }

  /** Begins to watch over the cluster version; only a leader does anything. */
  start(): void {
    this.ports.member.onLeading = () => void this.decideVersion();
    this.timer = this.ports.clock.every(versionPeriodMs, () => void this.decideVersion());
  }

  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
  }

  private async decideVersion(): Promise<void> {
    const { log, member } = this.ports;
    if (this.asking || this.stopped || !member.leadership.isLeader) return;
    this.asking = true;
    try {
      const { members, memberId } = member.parts;
      const versions = await Promise.all(
        members.list().map((one) => this.versionOf(one, memberId)),
      );
      const wanted = clusterVersionToPropose(members.clusterVersion, versions);
      if (wanted === undefined || !member.leadership.isLeader) return;
      await member.proposer.propose("clusterVersionSet", { ver: wanted });
      log.info({ "cluster-version": wanted }, "set cluster version");
    } catch (error) {
      log.warn({ error: errorText(error) }, "failed to set the cluster version");
    } finally {
      this.asking = false;
    }
  }

  private versionOf(one: MemberRecord, self: MemberId): Promise<string | undefined> {
    return one.id === self ? Promise.resolve(serverVersion) : this.ports.versionOf(one);
  }
}
