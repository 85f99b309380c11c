// A member as MemberList tells it.
import type { Member as MemberInfo } from "#proto/gen/cluster.ts";
import type { Member } from "#server/membership/member-json.ts";

/** The wire form of a member. */
export function toMemberInfo(member: Member): MemberInfo {
  return {
    ID: member.id,
    name: member.name,
    peerURLs: [...member.peerUrls],
    clientURLs: [...member.clientUrls],
    isLearner: member.isLearner,
  };
}
