// EtcdCluster, the manifest of one cluster: its types and defaults. The same object is read by the
// Kubernetes and the local platform; `spec.local` concerns the latter only.

export const apiVersion = "etcd-ts.dev/v1alpha1";
export const kind = "EtcdCluster";

export interface EtcdCluster {
  readonly metadata: { readonly name: string };
  readonly spec: EtcdClusterSpec;
}

export interface EtcdClusterSpec {
  /** How many voting members; 1 to maxReplicas. */
  readonly replicas: number;
  /** Flags of every member, by name without dashes. */
  readonly options: Readonly<Record<string, string>>;
  readonly local: LocalSpec;
}

/** Where the members are when they are processes of this machine. */
export interface LocalSpec {
  /** Folder of all data, relative to the manifest's; undefined: in the user's state folder. */
  readonly dataFolder: string | undefined;
  /** Address to listen on and to advertise. */
  readonly host: string;
  /** Ports of the first member; the n-th next has n × portStep more. */
  readonly clientPort: number;
  readonly peerPort: number;
  readonly portStep: number;
}

/** More voters make writes slower and nothing safer. */
export const maxReplicas = 9;

export const localDefaults: LocalSpec = {
  dataFolder: undefined,
  host: "127.0.0.1",
  clientPort: 2379,
  peerPort: 2380,
  portStep: 100,
};

/** Flags that the operator sets itself, so that a manifest must not. */
export const ownFlags: ReadonlySet<string> = new Set([
  "name",
  "data-dir",
  "wal-dir",
  "listen-client-urls",
  "listen-peer-urls",
  "advertise-client-urls",
  "initial-advertise-peer-urls",
  "initial-cluster",
  "initial-cluster-state",
  "initial-cluster-token",
  "config-file",
  "force-new-cluster",
  "discovery",
  "discovery-srv",
  "discovery-endpoints",
  "discovery-token",
]);
