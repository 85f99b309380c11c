// A downgrade of the cluster by one minor version, as clients ask for it. It is only allowed and
// announced here; the leader then lowers the cluster version (publication.ts), members of the older
// version take the place of this one's, and the job ends by itself (facts: peer protocol §12).
import { errorText } from "#base/errors.ts";
import { etcdError } from "#proto/errors.ts";
import type { ApiDowngrades } from "#server/api/member.ts";
import {
  allowedDowngrade,
  clusterVersionOf,
  majorMinor,
} from "#server/membership/cluster-version.ts";
import type { Member } from "#server/node/member.ts";

export class Downgrades implements ApiDowngrades {
  private readonly member: Member;

  constructor(member: Member) {
    this.member = member;
  }

  async validate(version: string): Promise<string> {
    await this.allowed(version);
    return this.clusterVersion();
  }

  async enable(version: string): Promise<string> {
    const { log } = this.member.parts;
    let target: string;
    try {
      target = await this.allowed(version);
    } catch (error) {
      log.warn({ error: errorText(error) }, "reject downgrade request");
      throw error;
    }
    await this.member.proposer.propose("downgradeInfoSet", { enabled: true, ver: target });
    return this.clusterVersion();
  }

  async cancel(): Promise<string> {
    const { log, members } = this.member.parts;
    await this.member.linearize();
    if (members.downgrade.enabled) {
      await this.member.proposer.propose("downgradeInfoSet", { enabled: false, ver: "" });
    } else {
      // As in etcd, which answers as if there had been one.
      const { message } = etcdError("noInflightDowngrade");
      log.warn({ error: message }, "failed to cancel downgrade");
    }
    return this.clusterVersion();
  }

  /** The target as a cluster version. Rejects with what speaks against it, in etcd's order. */
  private async allowed(version: string): Promise<string> {
    const { members } = this.member.parts;
    const target = clusterVersionOf(version);
    if (target === undefined) throw etcdError("wrongDowngradeVersionFormat");
    if (members.clusterVersion === undefined) throw etcdError("clusterVersionNotFound");
    await this.member.linearize();
    if (target !== allowedDowngrade(members.clusterVersion)) {
      throw etcdError("invalidDowngradeVersion");
    }
    if (members.downgrade.enabled) throw etcdError("downgradeInProgress");
    return target;
  }

  private clusterVersion(): string {
    const { clusterVersion } = this.member.parts.members;
    return clusterVersion === undefined ? "" : (majorMinor(clusterVersion) ?? "");
  }
}
