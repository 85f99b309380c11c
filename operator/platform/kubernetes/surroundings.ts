// What a cluster has besides its members, and of which the plan does not speak: the Services, the budget and the
// pods that it counts, the owners of claims. Each is written only where it differs.
import type { MemberRecord, PlanState } from "#operator/plan/types.ts";
import type { ClusterTurn } from "#operator/platform/kubernetes/cluster-turn.ts";
import { claims, disruptionBudgets, pods, services } from "#operator/platform/kubernetes/kinds.ts";
import {
  clusterOwner,
  holds,
  isOwnedBy,
  isVoter,
  labels,
  surroundings,
} from "#operator/platform/kubernetes/objects.ts";
import { type Found, objectsOf } from "#operator/platform/kubernetes/observe.ts";
import { requireOwn } from "#operator/platform/kubernetes/owned.ts";

/** The Services and the budget. Throws an ApiError NotOurs if one of their names is somebody else's. */
export async function keepSurroundings(turn: ClusterTurn, state: PlanState): Promise<void> {
  const { api, identity, cluster } = turn;
  const wanted = surroundings(identity, cluster, state, turn.clientScheme);
  for (const service of wanted.services) {
    const { name } = service.metadata;
    const is = await api.find(services, identity.namespace, name);
    if (is === undefined) {
      await turn.write(() => api.create(services, service));
      continue;
    }
    requireOwn(identity, is, "Service");
    const { spec, metadata } = service;
    const change = { spec, metadata: { annotations: metadata.annotations } };
    if (holds(is, change)) continue;
    await turn.write(() => api.patch(services, identity.namespace, name, change));
  }
  await keepBudget(turn, wanted.budget);
}

async function keepBudget(
  { api, identity, write }: ClusterTurn,
  wanted: ReturnType<typeof surroundings>["budget"],
): Promise<void> {
  const { namespace, name } = identity;
  const is = await api.find(disruptionBudgets, namespace, name);
  if (is === undefined) {
    if (wanted !== undefined) await write(() => api.create(disruptionBudgets, wanted));
    return;
  }
  requireOwn(identity, is, "PodDisruptionBudget");
  if (wanted === undefined) {
    await write(() => api.delete(disruptionBudgets, is));
  } else if (!holds(is.spec, wanted.spec)) {
    const { spec } = wanted;
    await write(() => api.patch(disruptionBudgets, namespace, name, { spec }));
  }
}

/** The budget counts pods by their label: that follows who has a vote. */
export async function labelVoters(
  { api, identity, write }: ClusterTurn,
  records: readonly MemberRecord[],
  found: Found,
): Promise<void> {
  for (const record of records) {
    const { pod } = objectsOf(found, record.name);
    if (pod === undefined || pod.metadata.deletionTimestamp !== undefined) continue;
    const isMarked = pod.metadata.labels?.[labels.voter] === "true";
    if (isMarked === isVoter(record)) continue;
    const label = { metadata: { labels: { [labels.voter]: isMarked ? null : "true" } } };
    await write(() => api.patch(pods, identity.namespace, record.name, label));
  }
}

/** Under deletionPolicy Delete claims go with the cluster, under Retain nobody owns them. */
export async function ownClaims(
  { api, identity, cluster, write }: ClusterTurn,
  found: Found,
): Promise<void> {
  const isOwned = cluster.spec.deletionPolicy === "Delete";
  for (const one of found.claims) {
    const its = objectsOf(found, one.metadata.labels?.[labels.member] ?? "").claim;
    // A copy is whoever's that made it.
    if (its !== undefined && its !== one) continue;
    if (isOwnedBy(one, identity.uid) === isOwned) continue;
    const ownerReferences = isOwned ? [clusterOwner(identity)] : [];
    const change = { metadata: { ownerReferences } };
    await write(() => api.patch(claims, identity.namespace, one.metadata.name, change));
  }
}
