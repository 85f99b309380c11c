// What the v2 API sees of a member (server/api/v2-member.ts). The first write of a cluster latches the
// capability: see server/membership/capabilities.ts.
import { type ClusterId, formatId, type MemberId } from "#base/ids.ts";
import { etcdError } from "#proto/errors.ts";
import type { Member as MemberInfo } from "#proto/gen/cluster.ts";
import type { V2Request } from "#proto/gen/extension.ts";
import { commandCost } from "#server/apply/quota.ts";
import type { Member } from "#server/node/member.ts";
import { toMemberInfo } from "#server/node/member-info.ts";
import type { Reconfiguration } from "#server/node/reconfiguration.ts";
import type { V2Stats } from "#server/node/v2-stats.ts";
import { V2Error } from "#server/v2store/errors.ts";
import type { V2Store, V2Written } from "#server/v2store/v2-store.ts";

/** What lies beside the member. */
export interface V2Surroundings {
  readonly reconfiguration: Pick<Reconfiguration, "add" | "remove" | "update">;
  readonly passwords: {
    hash(password: string): Promise<string>;
    matches(password: string, hash: string): Promise<boolean>;
  };
  /** True if the common name of a client's certificate is a user's. */
  readonly namesUsers: boolean;
  readonly stats: V2Stats;
}

export class NodeV2 {
  readonly clusterId: ClusterId;
  readonly store: V2Store;
  private readonly member: Member;
  readonly reconfiguration: V2Surroundings["reconfiguration"];
  readonly passwords: V2Surroundings["passwords"];
  readonly namesUsers: boolean;
  readonly stats: Readonly<Record<"self" | "leader" | "store", () => string | undefined>>;
  private latching: Promise<V2Error | undefined> | undefined;

  constructor(member: Member, around: V2Surroundings) {
    this.member = member;
    this.reconfiguration = around.reconfiguration;
    this.passwords = around.passwords;
    this.namesUsers = around.namesUsers;
    this.stats = {
      self: () => around.stats.self(),
      leader: () => around.stats.leaderJson(),
      store: () => member.parts.v2.statsJson(),
    };
    this.clusterId = member.parts.clusterId;
    this.store = member.parts.v2;
  }

  async write(request: V2Request): Promise<V2Written | V2Error> {
    const { parts, proposer } = this.member;
    if (!parts.capabilities.isLatched("v2")) {
      this.latching ??= this.latch().finally(() => {
        this.latching = undefined;
      });
      const refused = await this.latching;
      if (refused !== undefined) return refused;
    }
    const cost = commandCost({ kind: "v2", payload: request });
    if (cost > 0 && parts.backend().sizeBytes() + cost >= parts.quotaBytes) {
      this.member.raiseNoSpace();
      throw etcdError("noSpace");
    }
    return (await proposer.propose("v2", request)) as V2Written | V2Error;
  }

  linearize(): Promise<void> | undefined {
    return this.member.linearize();
  }

  wallMs(): number {
    return this.member.parts.clock.wallMs();
  }

  raftIndex(): number {
    return this.member.committedIndex;
  }

  raftTerm(): number {
    return this.member.raftTerm;
  }

  members(): MemberInfo[] {
    return this.member.parts.members.list().map(toMemberInfo);
  }

  leader(): MemberId {
    return this.member.leadership.leader;
  }

  isRemoved(id: MemberId): boolean {
    return this.member.parts.members.isRemoved(id);
  }

  isGuarded(): boolean {
    return this.member.parts.auth.isEnabled;
  }

  /** Latches the capability; resolves with what stands against it. */
  private async latch(): Promise<V2Error | undefined> {
    const { capabilities, members } = this.member.parts;
    const ids = members.list().map(({ id }) => id);
    const [unaware] = capabilities.unaware("v2", ids);
    if (unaware !== undefined) return this.unavailable(unaware);
    const result = await this.member.proposer.propose("capabilityLatch", {
      capability: "v2",
      members: ids as readonly bigint[] as bigint[],
    });
    if ((result as { readonly latched: boolean }).latched) return undefined;
    const text = "the members of the cluster changed meanwhile: try again";
    return new V2Error("unavailable", text, this.store.index);
  }

  private unavailable(id: MemberId): V2Error {
    const name = this.member.parts.members.get(id)?.name ?? "";
    const who = name === "" ? formatId(id) : `${formatId(id)} (${name})`;
    const text = `member ${who} has not announced that it knows the v2 API, which needs every member to be of etcd-ts`;
    return new V2Error("unavailable", text, this.store.index);
  }
}
