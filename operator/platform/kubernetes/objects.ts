// What a cluster consists of on Kubernetes, as objects: Services, a disruption budget, and for each member an
// EtcdMember, a volume claim and a pod. Pure.
//
// Pods are owned by their EtcdMember and that by the EtcdCluster, so that whoever deletes a cluster or its
// namespace has them deleted by Kubernetes itself, with the operator up or down: there are no finalizers.
// Claims are owned by nobody under deletionPolicy Retain. No name is used twice: serials only grow, and a
// claim's name ends in the UID of its EtcdMember.
import type { EtcdCluster } from "#operator/api/etcd-cluster.ts";
import { apiVersion, group } from "#operator/api/parts.ts";
import { optionArguments, type ServerOptions } from "#operator/api/server-options.ts";
import type { MemberRecord, PeerScheme, PlanState, Step } from "#operator/plan/types.ts";
import { quorumOf } from "#operator/plan/view.ts";
import { findParts } from "#operator/platform/kubernetes/find.ts";
import type {
  Claim,
  DisruptionBudget,
  KubeObject,
  MemberObject,
  OwnerReference,
  Pod,
  Service,
} from "#operator/platform/kubernetes/kinds.ts";
import { clientName, headlessName, type Identity } from "#operator/platform/kubernetes/names.ts";
import { containerSecurity, podSecurity } from "#operator/platform/kubernetes/pod-security.ts";
import {
  schemeForAll,
  schemeOf,
  schemesOf,
  type TlsSources,
  tlsArguments,
  tlsMounts,
  tlsSources,
} from "#operator/platform/kubernetes/tls.ts";

export { clientName, headlessName, type Identity } from "#operator/platform/kubernetes/names.ts";

export const clientPort = 2379;
export const peerPort = 2380;
/** Plain HTTP for probes and Prometheus: a kubelet has no client certificate. */
export const metricsPort = 2381;
const volumeMount = "/var/lib/etcd";
/** Of a member, on its volume. */
export const dataFolder = `${volumeMount}/data`;
export const labels = {
  cluster: `${group}/cluster`,
  clusterUid: `${group}/cluster-uid`,
  member: `${group}/member`,
  voter: `${group}/voter`,
} as const;

export const annotations = {
  template: `${group}/template`,
  forced: `${group}/forced`,
  token: `${group}/token`,
  /** On a pod: which certificates it is to have loaded. */
  certificates: `${group}/certificates`,
  /** On an EtcdMember, with its UID as value: its volume counts as lost. */
  replace: `${group}/replace`,
} as const;

/** What a member is run with, inside a Template. */
export interface TemplateContent {
  readonly image: string;
  readonly pullPolicy: string;
  readonly options: ServerOptions;
  readonly pod: EtcdCluster["spec"]["pod"];
  /** Undefined: plain. */
  readonly tls?: TlsSources;
}

export const claimName = (member: string, memberUid: string): string =>
  `${member}-${memberUid.slice(0, 8)}`;

/** The full name of the headless Service, which is the domain of its SRV records too. */
export const headlessDomain = ({ name, namespace }: Identity, domain: string): string =>
  `${headlessName(name)}.${namespace}.svc.${domain}`;

/** `domain` is the cluster's own, as cluster.local. */
export function memberUrls(
  identity: Identity,
  domain: string,
  serial: number,
  { client, peer }: TlsSources = {},
): { readonly peerUrl: string; readonly clientUrl: string } {
  const host = `${identity.name}-${serial}.${headlessDomain(identity, domain)}`;
  return {
    peerUrl: `${schemeOf(peer)}://${host}:${peerPort}`,
    clientUrl: `${schemeOf(client)}://${host}:${clientPort}`,
  };
}

/** Labels by which all that belongs to a cluster is found. */
export const selectorOf = ({ name, uid }: Identity): Readonly<Record<string, string>> => ({
  [labels.cluster]: name,
  [labels.clusterUid]: uid,
});

export const selectorText = (identity: Identity): string =>
  Object.entries(selectorOf(identity))
    .map(([name, value]) => `${name}=${value}`)
    .join(",");

export const commonLabels = (identity: Identity): Readonly<Record<string, string>> => ({
  "app.kubernetes.io/name": "etcd-ts",
  "app.kubernetes.io/instance": identity.name,
  "app.kubernetes.io/managed-by": "etcd-operator",
  ...selectorOf(identity),
});

export const memberLabels = (identity: Identity, member: string) => ({
  ...commonLabels(identity),
  [labels.member]: member,
});

export const clusterOwner = ({ name, uid }: Identity): OwnerReference => ({
  apiVersion,
  kind: "EtcdCluster",
  name,
  uid,
  controller: true,
  blockOwnerDeletion: true,
});

export const memberOwner = (member: MemberObject): OwnerReference => ({
  apiVersion,
  kind: "EtcdMember",
  name: member.metadata.name,
  uid: member.metadata.uid ?? "",
  controller: true,
  blockOwnerDeletion: true,
});

/** The Services and the budget of a cluster, as they should be. */
export function surroundings(
  identity: Identity,
  cluster: EtcdCluster,
  state: PlanState | undefined,
  clientScheme: PeerScheme = schemeOf(tlsSources(cluster).client),
): { readonly services: readonly Service[]; readonly budget: DisruptionBudget | undefined } {
  const { service, disruptionBudget } = cluster.spec;
  const { namespace, name } = identity;
  const tls = tlsSources(cluster);
  const clientEntry = { port: clientPort, targetPort: "client", protocol: "TCP" };
  const ports = [{ name: "etcd-client", ...clientEntry }];
  // By these names DNS gives SRV records, and they say whether to speak TLS.
  const schemes = (state?.members ?? []).map(({ template }) => {
    const { tls } = (state?.templates[template]?.content ?? {}) as Partial<TemplateContent>;
    return schemesOf(tls?.client);
  });
  const clientsSpeak = schemeForAll(clientScheme, schemes) ?? clientScheme;
  const srvName = (base: string, isSecure: boolean) => `${base}${isSecure ? "-ssl" : ""}`;
  const owned = { namespace, ownerReferences: [clusterOwner(identity)] };
  const headless: Service = {
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      ...owned,
      name: headlessName(name),
      labels: commonLabels(identity),
      annotations: service.headlessAnnotations ?? {},
    },
    spec: {
      clusterIP: "None",
      // Members must find each other before they are ready.
      publishNotReadyAddresses: true,
      selector: selectorOf(identity),
      ports: [
        { name: srvName("etcd-client", clientsSpeak === "https"), ...clientEntry },
        {
          name: srvName("etcd-server", tls.peer !== undefined),
          ...{ port: peerPort, targetPort: "peer", protocol: "TCP" },
        },
        { name: "metrics", port: metricsPort, targetPort: "metrics", protocol: "TCP" },
      ],
    },
  };
  const client: Service = {
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      ...owned,
      name: clientName(name),
      labels: { ...service.labels, ...commonLabels(identity) },
      annotations: service.annotations ?? {},
    },
    spec: {
      type: service.type,
      ...(service.loadBalancerClass === undefined
        ? {}
        : { loadBalancerClass: service.loadBalancerClass }),
      selector: selectorOf(identity),
      ports: ports.map((port) => ({
        ...port,
        ...(service.nodePort === undefined ? {} : { nodePort: service.nodePort }),
      })),
    },
  };
  const voters = (state?.members ?? []).filter(isVoter).length;
  const budget: DisruptionBudget | undefined =
    disruptionBudget.enabled && voters > 0
      ? {
          apiVersion: "policy/v1",
          kind: "PodDisruptionBudget",
          metadata: { ...owned, name, labels: commonLabels(identity) },
          spec: {
            minAvailable: quorumOf(voters),
            selector: { matchLabels: { ...selectorOf(identity), [labels.voter]: "true" } },
          },
        }
      : undefined;
  return { services: [headless, client], budget };
}

/** Counts for the budget: has a vote, or is to have one from the beginning. */
export function isVoter(record: MemberRecord): boolean {
  if (record.phase === "leaving") return record.isOut !== true && record.because === "surplus";
  return record.phase !== "joining";
}

export function memberObject(
  identity: Identity,
  record: MemberRecord,
  state: PlanState,
): MemberObject {
  return {
    apiVersion,
    kind: "EtcdMember",
    metadata: {
      name: record.name,
      namespace: identity.namespace,
      labels: memberLabels(identity, record.name),
      ownerReferences: [clusterOwner(identity)],
    },
    spec: {
      clusterName: identity.name,
      clusterUid: identity.uid,
      token: state.token,
      serial: record.serial,
      peerUrl: record.peerUrl,
    },
  };
}

export function claim(identity: Identity, cluster: EtcdCluster, member: MemberObject): Claim {
  const { storage, deletionPolicy } = cluster.spec;
  const { size, storageClassName } = storage;
  const { name, uid = "" } = member.metadata;
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: {
      name: claimName(name, uid),
      namespace: identity.namespace,
      labels: memberLabels(identity, name),
      annotations: { [annotations.token]: member.spec.token },
      ...(deletionPolicy === "Delete" ? { ownerReferences: [clusterOwner(identity)] } : {}),
    },
    spec: {
      ...({ accessModes: ["ReadWriteOnce"] } as object),
      ...(storageClassName === undefined ? {} : { storageClassName }),
      resources: { requests: { storage: size } },
    },
  };
}

/** What a pod mounts as its data: its claim, or a folder that goes with it. */
export function dataVolume(claimed: Claim | undefined, size: string): object {
  return claimed === undefined
    ? { emptyDir: { sizeLimit: size } }
    : { persistentVolumeClaim: { claimName: claimed.metadata.name } };
}

/** The pod of a member, for one start of the plan, with `data` as its volume; `bootstrap` is the manifest's, for a first start. */
export function pod(
  identity: Identity,
  bootstrap: EtcdCluster["spec"]["bootstrap"],
  member: MemberObject,
  record: MemberRecord,
  data: object,
  step: Extract<Step, { kind: "start" }>,
): Pod {
  const content = step.template.content as unknown as TemplateContent;
  const { name } = record;
  const wanted = content.pod;
  const like = {
    image: content.image,
    imagePullPolicy: content.pullPolicy,
    resources: wanted.resources,
    securityContext: containerSecurity(wanted.containerSecurityContext),
  };
  const found = findParts(step.join, record.peerUrl, bootstrap.discovery, like);
  const tls = content.tls ?? {};
  const mounted = tlsMounts(identity, tls, { name, uid: member.metadata.uid ?? "" });
  const probe = (path: string, more: object) => ({
    httpGet: { path, port: "metrics", scheme: "HTTP" },
    timeoutSeconds: 5,
    ...more,
  });
  const spec = {
    hostname: name,
    subdomain: headlessName(identity.name),
    // Names of members are complete: fewer look-ups.
    dnsConfig: { options: [{ name: "ndots", value: "2" }] },
    restartPolicy: "Always",
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: wanted.terminationGracePeriodSeconds,
    securityContext: podSecurity(wanted.securityContext),
    affinity: wanted.affinity ?? keepApart(identity),
    ...optional("nodeSelector", wanted.nodeSelector),
    ...optional("tolerations", wanted.tolerations),
    ...optional("priorityClassName", wanted.priorityClassName),
    ...optional("serviceAccountName", wanted.serviceAccountName),
    ...optional("imagePullSecrets", wanted.imagePullSecrets),
    ...optional(
      "topologySpreadConstraints",
      wanted.topologySpread?.map((one) => ({
        ...one,
        labelSelector: { matchLabels: selectorOf(identity) },
      })),
    ),
    ...(found.initContainers.length === 0 ? {} : { initContainers: found.initContainers }),
    containers: [
      {
        name: "etcd",
        ...like,
        command: ["/usr/bin/etcd"],
        args: memberArguments(record, step, content, found.args),
        // Where its options could hide from its arguments.
        env: [{ name: "TMPDIR", value: "/tmp" }, ...found.env],
        ports: [
          { name: "client", containerPort: clientPort, protocol: "TCP" },
          { name: "peer", containerPort: peerPort, protocol: "TCP" },
          { name: "metrics", containerPort: metricsPort, protocol: "TCP" },
        ],
        // A large log may take long to replay: an hour. From then on it must answer.
        startupProbe: probe("/livez", { periodSeconds: 2, failureThreshold: 1800 }),
        livenessProbe: probe("/livez", { periodSeconds: 10, failureThreshold: 6 }),
        readinessProbe: probe("/readyz", { periodSeconds: 3, failureThreshold: 2 }),
        volumeMounts: [
          { name: "data", mountPath: volumeMount },
          { name: "tmp", mountPath: "/tmp" },
          ...found.volumeMounts,
          ...mounted.volumeMounts,
        ],
      },
    ],
    volumes: [
      { name: "data", ...data },
      { name: "tmp", emptyDir: {} },
      ...found.volumes,
      ...mounted.volumes,
    ],
  };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace: identity.namespace,
      labels: {
        ...wanted.labels,
        ...memberLabels(identity, name),
        ...(isVoter(record) ? { [labels.voter]: "true" } : {}),
      },
      annotations: {
        ...wanted.annotations,
        [annotations.template]: step.template.id,
        ...(step.force ? { [annotations.forced]: "true" } : {}),
      },
      ownerReferences: [memberOwner(member)],
    },
    spec,
  };
}

function optional<T>(name: string, value: T | undefined): object {
  return value === undefined ? {} : { [name]: value };
}

/** Members of one cluster on different nodes where that can be. */
function keepApart(identity: Identity): object {
  const term = {
    topologyKey: "kubernetes.io/hostname",
    labelSelector: { matchLabels: selectorOf(identity) },
  };
  return {
    podAntiAffinity: {
      preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, podAffinityTerm: term }],
    },
  };
}

function memberArguments(
  record: MemberRecord,
  { join, force }: Extract<Step, { kind: "start" }>,
  { options, tls = {} }: TemplateContent,
  find: readonly string[],
): readonly string[] {
  const { name, peerUrl } = record;
  // The host stays; how it is spoken to may change.
  const { host } = new URL(record.clientUrl);
  const schemes = schemesOf(tls.client);
  const listening = schemes.map((one) => `${one}://0.0.0.0:${clientPort}`);
  const advertised = schemes.map((one) => `${one}://${host}`);
  const among = schemesOf(tls.peer).map((one) => `${one}://0.0.0.0:${peerPort}`);
  return [
    `--name=${name}`,
    `--data-dir=${dataFolder}`,
    `--listen-client-urls=${listening.join(",")}`,
    `--advertise-client-urls=${advertised.join(",")}`,
    `--listen-peer-urls=${among.join(",")}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--listen-metrics-urls=http://0.0.0.0:${metricsPort}`,
    ...find,
    `--initial-cluster-token=${join.token}`,
    `--initial-cluster-state=${join.state}`,
    ...tlsArguments(record, tls),
    ...optionArguments(options),
    ...(force ? ["--force-new-cluster"] : []),
  ];
}

/** Whether all that `wanted` says is so in `is`, which may hold more, as defaults of the server. */
export function holds(is: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted)) {
    return (
      Array.isArray(is) &&
      is.length === wanted.length &&
      wanted.every((one, at) => holds(is[at], one))
    );
  }
  if (typeof wanted === "object" && wanted !== null) {
    const had = (is ?? {}) as Readonly<Record<string, unknown>>;
    return Object.entries(wanted).every(([name, value]) => holds(had[name], value));
  }
  return is === wanted;
}

/** Whether an object belongs to this very cluster, not to one of the same name from before. */
export function isOwnedBy(object: KubeObject, uid: string): boolean {
  return object.metadata.ownerReferences?.some((one) => one.uid === uid) ?? false;
}
