// Joining a cluster that exists, and not bootstrapping one twice: what the answers of its members
// mean (facts: peer protocol §9). Pure: the caller asks.
import { formatId } from "#base/ids.ts";
import { majorMinor } from "#server/membership/cluster-version.ts";
import type { Member } from "#server/membership/member-json.ts";

export type JoinResult =
  | { readonly ok: true; readonly members: readonly Member[] }
  | { readonly ok: false; readonly reason: string };

/** `localhost` and its address count as one, as they do after a look-up. */
const resolved = (url: string): string => url.replace(/^(https?:\/\/)localhost:/, "$1127.0.0.1:");

function sameUrls(
  a: readonly string[],
  b: readonly string[],
  placeOf: (url: string) => string,
): boolean {
  if (a.length !== b.length) return false;
  const left = a.map(placeOf).sort();
  const right = b.map(placeOf).sort();
  return left.every((url, i) => url === right[i]);
}

/**
 * Gives the members of --initial-cluster (peer URLs by name) the IDs that they have in the running
 * cluster; the newcomer finds its own ID under its name. etcd's reason if the two do not fit.
 * `placeOf` names the place that a URL leads to: equal names, one place.
 */
export function adoptMembers(
  peerUrlsByName: ReadonlyMap<string, readonly string[]>,
  existing: readonly Member[],
  placeOf: (url: string) => string = resolved,
): JoinResult {
  if (peerUrlsByName.size !== existing.length) {
    return { ok: false, reason: "member count is unequal" };
  }
  const local = [...peerUrlsByName].map(([name, urls]) => ({ name, peerUrls: [...urls].sort() }));
  const members: Member[] = [];
  for (const member of existing) {
    const at = local.findIndex((one) => sameUrls(one.peerUrls, member.peerUrls, placeOf));
    if (at < 0) {
      const known = `ID: ${formatId(member.id)}, peerURLs: ${member.peerUrls.join(",")}`;
      return {
        ok: false,
        reason: `PeerURLs: no match found for existing member (${known})`,
      };
    }
    const [{ name, peerUrls }] = local.splice(at, 1) as [(typeof local)[number]];
    members.push({ ...member, name, peerUrls });
  }
  members.sort((a, b) => (a.id < b.id ? -1 : 1));
  return { ok: true, members };
}

/** True if this member was part of the cluster before: it has announced its client URLs. */
export function wasBootstrapped(own: Member, remote: readonly Member[]): boolean {
  return remote.some((one) => one.id === own.id && one.clientUrls.length > 0);
}

/**
 * Whether a member of API level `own` may join: some reachable member must run a cluster version of
 * [3.0, own], and none another. `clusterVersions` holds an element for each answer; undefined for a
 * version that is not decided, which does not fit either. While the cluster downgrades, it must be one minor below `own`.
 */
export function canJoin(
  own: string,
  clusterVersions: readonly (string | undefined)[],
  downgrading: boolean,
): boolean {
  const number = (text: string): number => {
    const [major, minor] = (majorMinor(text) ?? "0.0").split(".").map(Number);
    return major! * 1000 + minor!;
  };
  const top = number(own);
  const fits = (text: string | undefined): boolean => {
    if (text === undefined) return false;
    const version = number(text);
    return downgrading ? version + 1 === top : version >= 3000 && version <= top;
  };
  return clusterVersions.length > 0 && clusterVersions.every(fits);
}
