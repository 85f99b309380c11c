// TLS for clients as the manifest wants it and as it still is: what it was made of is kept in the plan's state until
// the last member has given it up. Until then members have it, and the operator connects with it.
import type { EtcdCluster } from "#operator/api/etcd-cluster.ts";
import type { PeerScheme, PlanState, Template, WantedClients } from "#operator/plan/types.ts";
import { clusterOf } from "#operator/platform/kubernetes/cluster-turn.ts";
import type { ClusterObject } from "#operator/platform/kubernetes/kinds.ts";
import type { TemplateContent } from "#operator/platform/kubernetes/objects.ts";
import { withKeptTls } from "#operator/platform/kubernetes/peer-tls.ts";
import {
  contentId,
  kubernetesTemplate,
  type StoreDefaults,
} from "#operator/platform/kubernetes/template.ts";
import { schemesOf } from "#operator/platform/kubernetes/tls.ts";

type ClientSpec = NonNullable<NonNullable<EtcdCluster["spec"]["tls"]>["client"]>;

/**
 * So long both are served once the Secret for applications says another scheme: a Secret that is mounted follows with
 * the kubelet's next look, which may take a minute and a half.
 */
const graceMs = 120_000;

const keptClient = (state: PlanState | undefined): ClientSpec | undefined =>
  state?.clientTls?.content as ClientSpec | undefined;

/** What is wanted next of a manifest. */
export interface Aim {
  /** As members are to be. */
  readonly cluster: EtcdCluster;
  readonly otherOrigin?: NonNullable<WantedClients["otherOrigin"]>;
}

/**
 * Certificates from elsewhere are of a CA that nobody who connects knows, the operator neither: members give up what
 * they have before they get them. That takes TLS from clients, which is only done while the manifest lets them speak
 * plain text.
 */
export function aimOf(cluster: EtcdCluster, state: PlanState | undefined): Aim {
  const kept = keptClient(state);
  const client = cluster.spec.tls?.client;
  if (kept === undefined || client === undefined || originOf(kept) === originOf(client)) {
    return { cluster };
  }
  if (client.plaintext) return { cluster: withClient(cluster, undefined), otherOrigin: {} };
  const message =
    "members' certificates for clients come from elsewhere than spec.tls.client says now: set it as it was; for another origin set plaintext: true first, by way of which members go through plain text";
  return { cluster: withClient(cluster, kept), otherOrigin: { message } };
}

/** Names of Secrets are not looked at: what is in them is its owner's. */
function originOf({ secret, certManager }: ClientSpec): string {
  if (secret !== undefined) return "given";
  if (certManager === undefined) return "operator";
  const { name, kind, group } = certManager.issuerRef;
  return `${group}/${kind}/${name}`;
}

function withClient(cluster: EtcdCluster, client: ClientSpec | undefined): EtcdCluster {
  const { spec } = cluster;
  const { client: _, ...rest } = spec.tls ?? { extraSans: [] };
  const tls = client === undefined ? rest : { ...rest, client };
  return { ...cluster, spec: { ...spec, tls: tls as NonNullable<typeof spec.tls> } };
}

/** The cluster as its members still need it, on both ports; `aim` is the cluster as they are to be. */
export function servedCluster(aim: EtcdCluster, state: PlanState | undefined): EtcdCluster {
  const kept = keptClient(state);
  const cluster = withKeptTls(aim, state);
  if (kept === undefined || aim.spec.tls?.client !== undefined) return cluster;
  return withClient(cluster, { ...kept, plaintext: true });
}

/** How members are to speak to clients; undefined: there was never any TLS. */
export function wantedClients(
  { cluster, otherOrigin }: Aim,
  state: PlanState | undefined,
  defaults: StoreDefaults,
): WantedClients | undefined {
  const served = servedCluster(cluster, state);
  const client = served.spec.tls?.client;
  if (client === undefined) return undefined;
  const both = { ...client, plaintext: true };
  const bridge = kubernetesTemplate(withClient(cluster, both), defaults);
  const peersBridge =
    served.spec.tls?.peer === undefined
      ? undefined
      : kubernetesTemplate(withClient(served, both), defaults, true);
  const declared = cluster.spec.tls?.client;
  const known = [
    ...Object.values(state?.templates ?? {}),
    kubernetesTemplate(cluster, defaults),
    bridge,
    ...(peersBridge === undefined ? [] : [peersBridge]),
  ];
  return {
    bridge,
    ...(peersBridge === undefined ? {} : { peersBridge }),
    ...(declared === undefined ? {} : { tls: { id: contentId(declared), content: declared } }),
    schemes: Object.fromEntries(known.map((one) => [one.id, schemesServed(one)])),
    graceMs: cluster.spec.connectionSecret === undefined ? 0 : graceMs,
    ...(otherOrigin === undefined ? {} : { otherOrigin }),
  };
}

const schemesServed = ({ content }: Template): readonly PeerScheme[] =>
  schemesOf((content as Partial<TemplateContent>).tls?.client);

/** The same of an object as the operator has written it. */
export function servedBy(object: ClusterObject): ReturnType<typeof clusterOf> {
  const { identity, cluster } = clusterOf(object);
  const state = object.status?.["plan"] as PlanState | undefined;
  return { identity, cluster: servedCluster(aimOf(cluster, state).cluster, state) };
}
