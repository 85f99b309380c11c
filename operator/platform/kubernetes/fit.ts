// What of a manifest is not kept on Kubernetes yet. Nothing that promises something is passed over in
// silence: the cluster is not begun, and a condition says which field it is and what to do. Pure.
import type { EtcdCluster } from "#operator/api/etcd-cluster.ts";
import type { PlanState } from "#operator/plan/types.ts";
import { tlsSources } from "#operator/platform/kubernetes/tls.ts";

/**
 * The first field that cannot be honoured, and what to do; undefined if all can. `state` is what is latched of a
 * cluster that is there.
 */
export function kubernetesProblem(
  cluster: EtcdCluster,
  state: PlanState | undefined,
): string | undefined {
  const { tls } = cluster.spec;
  const missing: readonly (readonly [string, boolean])[] = [
    ["spec.tls.peer.clientAuth: false", tls?.peer?.clientAuth === false],
  ];
  const [first] = missing.filter(([, isAsked]) => isAsked);
  if (first !== undefined) {
    return `this version of the operator cannot do ${first[0]} on Kubernetes: leave it out`;
  }
  return tlsChange(cluster, state);
}

/** A member's peer URL says whether it speaks TLS, and the others have it. */
function tlsChange(cluster: EtcdCluster, state: PlanState | undefined): string | undefined {
  const isWanted = tlsSources(cluster).peer !== undefined;
  const url = state?.members[0]?.peerUrl;
  if (url === undefined || url.startsWith("https:") === isWanted) return undefined;
  return isWanted
    ? "spec.tls.peer cannot be switched on for a cluster that was begun without it, for its members know each other by URLs without it: leave it out, or restore a snapshot into a new cluster"
    : "spec.tls.peer cannot be switched off for a cluster that was begun with it, for its members know each other by URLs with it: put it back, or restore a snapshot into a new cluster";
}
