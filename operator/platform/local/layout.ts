// Where the members of a local cluster are: names, URLs, folders and the command line of each. Pure.
import { isIPv6 } from "node:net";
import { join } from "node:path";
import type { EtcdCluster } from "#operator/api/etcd-cluster.ts";
import { optionArguments } from "#operator/api/server-options.ts";

/** One member as it is started. */
export interface LocalMember {
  readonly name: string;
  readonly clientUrl: string;
  readonly peerUrl: string;
  readonly clientPort: number;
  readonly peerPort: number;
  readonly dataFolder: string;
  readonly logFile: string;
  /** Flags, without the program. */
  readonly args: readonly string[];
}

/** Everything that a local cluster is made of. */
export interface LocalLayout {
  readonly clusterName: string;
  readonly host: string;
  readonly folder: string;
  readonly stateFile: string;
  /** As --initial-cluster says it. */
  readonly initialCluster: string;
  readonly members: readonly LocalMember[];
}

/** The layout of `cluster` below `folder`, an absolute path. Names are `<cluster>-<serial>`. */
export function localLayout(cluster: EtcdCluster, folder: string): LocalLayout {
  const { name } = cluster.metadata;
  const { host, clientPort, peerPort, portStep } = cluster.spec.local;
  const url = (port: number) => `http://${isIPv6(host) ? `[${host}]` : host}:${port}`;
  const places = Array.from({ length: cluster.spec.replicas }, (_, at) => ({
    name: `${name}-${at + 1}`,
    clientPort: clientPort + at * portStep,
    peerPort: peerPort + at * portStep,
  }));
  const initialCluster = places.map((one) => `${one.name}=${url(one.peerPort)}`).join(",");
  const options = optionArguments(cluster.spec.options);
  const members = places.map((place) => {
    const clientUrl = url(place.clientPort);
    const peerUrl = url(place.peerPort);
    const dataFolder = join(folder, place.name);
    return {
      ...place,
      clientUrl,
      peerUrl,
      dataFolder,
      logFile: join(folder, `${place.name}.log`),
      args: [
        `--name=${place.name}`,
        `--data-dir=${dataFolder}`,
        `--listen-client-urls=${clientUrl}`,
        `--advertise-client-urls=${clientUrl}`,
        `--listen-peer-urls=${peerUrl}`,
        `--initial-advertise-peer-urls=${peerUrl}`,
        `--initial-cluster=${initialCluster}`,
        `--initial-cluster-token=local/${name}`,
        "--initial-cluster-state=new",
        ...options,
      ],
    };
  });
  return {
    clusterName: name,
    host,
    folder,
    stateFile: join(folder, "cluster.json"),
    initialCluster,
    members,
  };
}
