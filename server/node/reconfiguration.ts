// Changes of membership as clients ask for them: judged by this member where that is asked for
// (--strict-reconfig-check), proposed, and answered with the members after the change. Whether a
// learner may be promoted is known to the leader alone, so anybody else passes that on to it (facts:
// peer protocol §9).
import { utf8 } from "#base/bytes.ts";
import { errorText } from "#base/errors.ts";
import type { MemberId } from "#base/ids.ts";
import { etcdError, isEtcdError } from "#proto/errors.ts";
import { type ConfChange, ConfChangeType } from "#proto/gen/raft.ts";
import type { ClusterReconfiguration } from "#server/api/member.ts";
import { memberIdOf, type Sha1 } from "#server/membership/bootstrap-ids.ts";
import {
  type Member as MemberRecord,
  memberJson,
  promotionJson,
} from "#server/membership/member-json.ts";
import { membershipFaults } from "#server/membership/members.ts";
import {
  addRefusal,
  promoteRefusal,
  removeRefusal,
  type Surroundings,
} from "#server/membership/reconfiguration.ts";
import { askLeader } from "#server/node/ask-leader.ts";
import type { Member } from "#server/node/member.ts";
import { toMemberInfo } from "#server/node/member-info.ts";

/** How long a promotion waits for this member to apply what is committed. */
const catchUpMs = 1000;
/** The share of the leader's log that a learner must hold. */
const readyShare = 0.9;

/** Asks the member behind a peer URL to promote a learner; server/peer's client does. */
export interface PromotionPeers {
  promote(
    url: string,
    id: MemberId,
    authorization: string | undefined,
    timeoutMs: number,
  ): Promise<readonly MemberRecord[]>;
}

export interface ReconfigurationPorts {
  readonly member: Member;
  readonly peers: PromotionPeers;
  readonly sha1: Sha1;
  /** `--strict-reconfig-check` */
  readonly isStrict: boolean;
}

/** Why a promotion failed, in the words of etcd's log. */
function reasonOf(error: unknown): string {
  const { idNotFound, notLearner } = membershipFaults;
  for (const [text, name] of [idNotFound, notLearner]) if (isEtcdError(error, name)) return text;
  return errorText(error);
}

type Change = Omit<ConfChange, "id">;

export class Reconfiguration implements ClusterReconfiguration {
  readonly promotions = { succeeded: 0, failed: new Map<string, number>() };
  private readonly ports: ReconfigurationPorts;

  constructor(ports: ReconfigurationPorts) {
    this.ports = ports;
  }

  async add(peerUrls: readonly string[], isLearner: boolean) {
    const { member, sha1 } = this.ports;
    const addedSeconds = Math.floor(member.parts.clock.wallMs() / 1000);
    const id = memberIdOf({ peerUrls, token: "", addedSeconds }, sha1);
    this.check((around) => addRefusal(around, isLearner));
    const added = { id, peerUrls: [...peerUrls].sort(), isLearner, name: "", clientUrls: [] };
    const { ConfChangeAddLearnerNode, ConfChangeAddNode } = ConfChangeType;
    const members = await this.propose({
      type: isLearner ? ConfChangeAddLearnerNode : ConfChangeAddNode,
      nodeId: id,
      context: utf8(memberJson(added)),
    });
    return { member: toMemberInfo(added), members: members.map(toMemberInfo) };
  }

  async remove(id: MemberId) {
    this.check((around) => removeRefusal(around, id));
    const type = ConfChangeType.ConfChangeRemoveNode;
    const members = await this.propose({ type, nodeId: id, context: new Uint8Array(0) });
    return members.map(toMemberInfo);
  }

  async update(id: MemberId, peerUrls: readonly string[]) {
    const updated = { id, peerUrls, isLearner: false, name: "", clientUrls: [] };
    const type = ConfChangeType.ConfChangeUpdateNode;
    const context = utf8(memberJson(updated));
    const members = await this.propose({ type, nodeId: id, context });
    return members.map(toMemberInfo);
  }

  async promote(id: MemberId, authorization: string | undefined) {
    const { member, peers } = this.ports;
    const { clock, members, timings } = member.parts;
    let after: readonly MemberRecord[];
    try {
      after = await this.promoteHere(id);
    } catch (error) {
      if (!isEtcdError(error, "notLeader")) throw error;
      const address = {
        clock,
        requestTimeoutMs: timings.requestTimeoutMs,
        leaderUrls: () => members.get(member.leadership.leader)?.peerUrls ?? [],
      };
      after = await askLeader(address, (url, timeoutMs) =>
        peers.promote(url, id, authorization, timeoutMs),
      );
    }
    return after.map(toMemberInfo);
  }

  /** Promotes if this member leads, else rejects with notLeader. The members afterwards. */
  async promoteHere(id: MemberId): Promise<readonly MemberRecord[]> {
    const { promotions } = this;
    try {
      const members = await this.promoteAsLeader(id);
      promotions.succeeded++;
      return members;
    } catch (error) {
      if (!isEtcdError(error, "notLeader")) {
        const reason = reasonOf(error);
        promotions.failed.set(reason, (promotions.failed.get(reason) ?? 0) + 1);
      }
      throw error;
    }
  }

  private async promoteAsLeader(id: MemberId): Promise<readonly MemberRecord[]> {
    const { member } = this.ports;
    await member.caughtUp(catchUpMs);
    const { progress, role } = member.parts.raft.status();
    if (role !== "leader") throw etcdError("notLeader");
    const learner = progress.get(id);
    if (learner === undefined) throw etcdError("memberNotFound");
    const own = progress.get(member.parts.memberId)?.match ?? 0;
    if (learner.match < own * readyShare) throw etcdError("learnerNotReady");
    this.check((around) => promoteRefusal(around));
    const type = ConfChangeType.ConfChangeAddNode;
    return this.propose({ type, nodeId: id, context: utf8(promotionJson(id)) });
  }

  private check(refusal: (around: Surroundings) => ReturnType<typeof addRefusal>): void {
    if (!this.ports.isStrict) return;
    const { clock, members, memberId, peers } = this.ports.member.parts;
    const refused = refusal({
      members: members.list(),
      self: memberId,
      connectedMs: (id) => {
        const since = peers.activeSince(id);
        return since === undefined ? undefined : clock.monotonicMs() - since;
      },
    });
    if (refused !== undefined) throw etcdError(refused);
  }

  private async propose(change: Change): Promise<readonly MemberRecord[]> {
    return (await this.ports.member.proposer.proposeChange(change)) as readonly MemberRecord[];
  }
}
