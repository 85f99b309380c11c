// What of a manifest is not kept on Kubernetes yet. Nothing that promises something is passed over in
// silence: the cluster is not begun, and a condition says which field it is and what to do. Pure.
import type { EtcdCluster } from "#operator/api/etcd-cluster.ts";

/** The first field that cannot be honoured, and what to do; undefined if all can. */
export function kubernetesProblem({ spec }: EtcdCluster): string | undefined {
  const { tls, auth, bootstrap, connectionSecret, metrics } = spec;
  const missing: readonly (readonly [string, boolean])[] = [
    ["spec.tls", tls?.client !== undefined || tls?.peer !== undefined],
    ["spec.auth", auth?.enabled === true],
    ["spec.bootstrap.restore", bootstrap.restore !== undefined],
    ["spec.connectionSecret", connectionSecret !== undefined],
    ["spec.metrics.serviceMonitor", metrics?.serviceMonitor === true],
  ];
  const [first] = missing.filter(([, isAsked]) => isAsked);
  return first === undefined
    ? undefined
    : `this version of the operator cannot do ${first[0]} on Kubernetes: leave it out`;
}
