// --strict-reconfig-check: whether a change of membership would endanger the quorum, judged by the
// member that a client asked (facts: peer protocol §9). Pure: who is connected is passed in.
import type { MemberId } from "#base/ids.ts";
import type { EtcdErrorName } from "#proto/errors.ts";
import type { Member } from "#server/membership/member-json.ts";

/** A peer counts as healthy once it has been connected for so long. */
export const healthyAfterMs = 5000;

export interface Surroundings {
  /** All members, this one included. */
  readonly members: readonly Member[];
  readonly self: MemberId;
  /** For how many milliseconds a peer has been connected without a failure; undefined if it is not. */
  connectedMs(id: MemberId): number | undefined;
}

type Refusal = Extract<EtcdErrorName, "memberNotEnoughStarted" | "unhealthy">;

const isVoter = (member: Member): boolean => !member.isLearner;
const hasStarted = (member: Member): boolean => member.name !== "";

/** Voters that have been connected long enough; this member counts if it is a voter. */
function healthyVoters(around: Surroundings): number {
  return around.members.filter((member) => {
    if (!isVoter(member)) return false;
    return member.id === around.self || (around.connectedMs(member.id) ?? -1) >= healthyAfterMs;
  }).length;
}

const quorumOf = (voters: number): number => Math.floor(voters / 2) + 1;

/** Why a voter or learner cannot be added now, or undefined. */
export function addRefusal(around: Surroundings, isLearner: boolean): Refusal | undefined {
  const voters = around.members.filter(isVoter);
  if (!isLearner) {
    const started = voters.filter(hasStarted).length;
    const lonely = voters.length === 1 && started === 1;
    if (!lonely && started < quorumOf(voters.length + 1)) return "memberNotEnoughStarted";
  }
  if (voters.length > 1 && healthyVoters(around) < quorumOf(voters.length + 1)) return "unhealthy";
  return undefined;
}

/** Why a learner cannot be promoted now, or undefined. That it caught up is another question. */
export function promoteRefusal(around: Surroundings): Refusal | undefined {
  const voters = around.members.filter(isVoter);
  const started = voters.filter(hasStarted).length;
  return started + 1 < quorumOf(voters.length + 1) ? "memberNotEnoughStarted" : undefined;
}

/** Why a member cannot be removed now, or undefined. A learner always can. */
export function removeRefusal(around: Surroundings, target: MemberId): Refusal | undefined {
  if (around.members.some((one) => one.id === target && !isVoter(one))) return undefined;
  const voters = around.members.filter(isVoter);
  const remaining = voters.filter((one) => one.id !== target);
  if (remaining.filter(hasStarted).length < quorumOf(remaining.length)) {
    return "memberNotEnoughStarted";
  }
  if (target !== around.self && around.connectedMs(target) === undefined) return undefined;
  return healthyVoters(around) - 1 < quorumOf(voters.length - 1) ? "unhealthy" : undefined;
}
