// What the API server has of one cluster. Objects are found by their labels, and what belongs to a member by its name
// too: labels are anybody's to edit, and a volume must not count as lost because somebody took them away.
import type { PlanState } from "#operator/plan/types.ts";
import type { ClusterTurn } from "#operator/platform/kubernetes/cluster-turn.ts";
import {
  claims,
  type Kind,
  type KubeObject,
  members,
  pods,
} from "#operator/platform/kubernetes/kinds.ts";
import {
  annotations,
  claimName,
  isOwnedBy,
  memberLabels,
  selectorText,
} from "#operator/platform/kubernetes/objects.ts";
import { type Found, objectsOf } from "#operator/platform/kubernetes/observe.ts";

/** Everything of the cluster. What has lost its labels gets them back, unless the cluster is paused. */
export async function find(turn: ClusterTurn, state: PlanState | undefined): Promise<Found> {
  const { api, identity } = turn;
  const selector = { namespace: identity.namespace, labels: selectorText(identity) };
  const [foundMembers, foundClaims, foundPods] = await Promise.all([
    api.list(members, selector),
    api.list(claims, selector),
    api.list(pods, selector),
  ]);
  const found = {
    members: foundMembers.items,
    claims: foundClaims.items,
    pods: foundPods.items,
  };
  const more = await Promise.all(
    (state?.members ?? []).map(({ name }) => unlabelled(turn, found, name, state?.token)),
  );
  return {
    members: [...found.members, ...more.flatMap((one) => one.member ?? [])],
    claims: [...found.claims, ...more.flatMap((one) => one.claim ?? [])],
    pods: [...found.pods, ...more.flatMap((one) => one.pod ?? [])],
  };
}

/** What is there of a member without being found by its labels. */
async function unlabelled(turn: ClusterTurn, found: Found, name: string, token?: string) {
  const is = objectsOf(found, name);
  const look = async <T extends KubeObject>(
    kind: Kind<T>,
    itsName: string,
    isOwn: (object: T) => boolean,
  ): Promise<T | undefined> => {
    const object = await turn.api.find(kind, turn.identity.namespace, itsName);
    return object === undefined || !isOwn(object) ? undefined : labelled(turn, kind, object, name);
  };
  const { uid } = turn.identity;
  const member = is.member ?? (await look(members, name, (one) => isOwnedBy(one, uid)));
  const memberUid = member?.metadata.uid;
  // Without its EtcdMember nothing says whose they are.
  if (memberUid === undefined) return {};
  const [claim, pod] = await Promise.all([
    is.claim ??
      look(
        claims,
        claimName(name, memberUid),
        ({ metadata }) => metadata.annotations?.[annotations.token] === token,
      ),
    is.pod ?? look(pods, name, (one) => isOwnedBy(one, memberUid)),
  ]);
  return {
    ...(is.member === undefined ? { member } : {}),
    ...(is.claim === undefined ? { claim } : {}),
    ...(is.pod === undefined ? { pod } : {}),
  };
}

async function labelled<T extends KubeObject>(
  { api, identity, cluster, write }: ClusterTurn,
  kind: Kind<T>,
  object: T,
  member: string,
): Promise<T> {
  const labels = { ...object.metadata.labels, ...memberLabels(identity, member) };
  const { name } = object.metadata;
  if (!cluster.spec.paused) {
    await write(() => api.patch(kind, identity.namespace, name, { metadata: { labels } }));
  }
  return { ...object, metadata: { ...object.metadata, labels } };
}
