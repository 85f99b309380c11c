// What of a manifest is not kept on Kubernetes yet. Nothing that promises something is passed over in
// silence: the cluster is not begun, and a condition says which field it is and what to do. Pure.
import type { EtcdCluster } from "#operator/api/etcd-cluster.ts";
import type { PlanState } from "#operator/plan/types.ts";

/**
 * The first field that cannot be honoured, and what to do; undefined if all can. `cluster` is what its members still
 * need, `state` what is latched of one that is there.
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
  return tlsUnknown(cluster, state);
}

/** Where the state was lost with TLS between members under way, nobody knows what they have it from. */
function tlsUnknown(cluster: EtcdCluster, state: PlanState | undefined): string | undefined {
  if (cluster.spec.tls?.peer !== undefined) return undefined;
  const isSecure = state?.members.some((one) => one.peerUrl.startsWith("https:")) === true;
  return isSecure
    ? "members know each other by https, and spec.tls.peer does not say where their certificates come from: put it back, and take it away again once nothing is under way"
    : undefined;
}
