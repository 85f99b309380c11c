// A ServiceMonitor, by which the Prometheus Operator finds what members count: at /metrics of their plain port, which
// the headless Service has. Its kind is only there where that operator is installed. Pure.
import type { EtcdCluster } from "#operator/api/etcd-cluster.ts";
import type { Kind, KubeObject } from "#operator/platform/kubernetes/kinds.ts";
import {
  clusterOwner,
  commonLabels,
  type Identity,
  selectorOf,
} from "#operator/platform/kubernetes/objects.ts";

export interface ServiceMonitor extends KubeObject {
  readonly spec: Readonly<Record<string, unknown>>;
}

export const serviceMonitors: Kind<ServiceMonitor> = {
  apiVersion: "monitoring.coreos.com/v1",
  kind: "ServiceMonitor",
  plural: "servicemonitors",
};

/** Undefined if none is wanted. */
export function serviceMonitor(
  identity: Identity,
  { spec }: EtcdCluster,
): ServiceMonitor | undefined {
  const { metrics } = spec;
  if (metrics?.serviceMonitor !== true) return undefined;
  const { name, namespace } = identity;
  return {
    apiVersion: serviceMonitors.apiVersion,
    kind: serviceMonitors.kind,
    metadata: {
      ...{ name, namespace },
      labels: commonLabels(identity),
      ownerReferences: [clusterOwner(identity)],
    },
    spec: {
      selector: { matchLabels: selectorOf(identity) },
      namespaceSelector: { matchNames: [namespace] },
      // Only the headless Service has a port of this name.
      endpoints: [{ port: "metrics", path: "/metrics", interval: metrics.interval }],
    },
  };
}

export const monitorMissing =
  "there is no kind ServiceMonitor here: install the Prometheus Operator's definitions, or set spec.metrics.serviceMonitor to false";
