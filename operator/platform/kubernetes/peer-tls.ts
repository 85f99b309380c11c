// TLS between members as the manifest wants it and as it still is: what it was made of is kept in the plan's state
// until the last member has given it up, and until then the cluster goes on having it.
import type { EtcdCluster } from "#operator/api/etcd-cluster.ts";
import type { PlanState, WantedPeers } from "#operator/plan/types.ts";
import {
  contentId,
  kubernetesTemplate,
  type StoreDefaults,
} from "#operator/platform/kubernetes/template.ts";
import { schemeOf, tlsSources } from "#operator/platform/kubernetes/tls.ts";

type PeerSpec = NonNullable<NonNullable<EtcdCluster["spec"]["tls"]>["peer"]>;

/** The cluster as its members still need it: with the TLS between them that the manifest no longer names. */
export function withKeptTls(cluster: EtcdCluster, state: PlanState | undefined): EtcdCluster {
  const kept = state?.peerTls?.content as PeerSpec | undefined;
  const { spec } = cluster;
  if (kept === undefined || spec.tls?.peer !== undefined) return cluster;
  return { ...cluster, spec: { ...spec, tls: { ...spec.tls, peer: kept } } };
}

/** How members are to speak to each other; `served` is the same cluster as its members still need it. */
export function wantedPeers(
  cluster: EtcdCluster,
  served: EtcdCluster,
  defaults: StoreDefaults,
): WantedPeers {
  const peer = cluster.spec.tls?.peer;
  const hasTls = served.spec.tls?.peer !== undefined;
  return {
    scheme: schemeOf(tlsSources(cluster).peer),
    ...(hasTls ? { bridge: kubernetesTemplate(served, defaults, true) } : {}),
    ...(peer === undefined ? {} : { tls: { id: contentId(peer), content: peer } }),
  };
}
