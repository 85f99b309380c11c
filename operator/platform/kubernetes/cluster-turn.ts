// What everything that acts for one cluster in one turn has: the API server, the cluster, the time, and a way to
// write that is counted.
import type { EtcdCluster } from "#operator/api/etcd-cluster.ts";
import type { ApiClient } from "#operator/platform/kubernetes/api-client.ts";
import type { Identity } from "#operator/platform/kubernetes/names.ts";

export interface ClusterTurn {
  readonly api: ApiClient;
  readonly identity: Identity;
  readonly cluster: EtcdCluster;
  nowMs(): number;
  /** Counts a write. */
  write<T>(write: () => Promise<T>): Promise<T>;
}
