// What everything that acts for one cluster in one turn has: the API server, the cluster, the time, and a way to
// write that is counted.
import type { EtcdCluster } from "#operator/api/etcd-cluster.ts";
import type { PeerScheme } from "#operator/plan/types.ts";
import type { ApiClient } from "#operator/platform/kubernetes/api-client.ts";
import type { ClusterObject } from "#operator/platform/kubernetes/kinds.ts";
import type { Identity } from "#operator/platform/kubernetes/names.ts";

export interface ClusterTurn {
  readonly api: ApiClient;
  readonly identity: Identity;
  readonly cluster: EtcdCluster;
  /** How clients are to speak to members in the end; by `cluster` if left out, which may still have TLS. */
  readonly clientScheme?: PeerScheme;
  nowMs(): number;
  /** Counts a write. */
  write<T>(write: () => Promise<T>): Promise<T>;
}

/** Who a cluster is and what it is to be: the server has judged it by the schema that the type comes from. */
export function clusterOf(object: ClusterObject): {
  readonly identity: Identity;
  readonly cluster: EtcdCluster;
} {
  const { name, namespace = "default", uid = "" } = object.metadata;
  return {
    identity: { name, namespace, uid },
    cluster: object as unknown as EtcdCluster,
  };
}
