// How first members find each other, on Kubernetes: what spec.bootstrap says, what a pod is told of it, and
// which Secrets it needs. Pure.
import type { EtcdCluster } from "#operator/api/etcd-cluster.ts";
import type { Bootstrap, Find, JoinInfo } from "#operator/plan/types.ts";
import type { RegistryAccess } from "#operator/platform/discovery-registry.ts";
import type { Secret } from "#operator/platform/kubernetes/kinds.ts";

/** Where the store's image has its files (images/files.ts). */
const imageHome = "/opt/etcd-ts";
const caFolder = "/etc/etcd/discovery-ca";
const certificateFolder = "/etc/etcd/discovery-certificate";

type Discovery = NonNullable<EtcdCluster["spec"]["bootstrap"]["discovery"]>;

/** The plan's words for spec.bootstrap; `ownDomain` is that of the headless Service. */
export function bootstrapOf({ spec }: EtcdCluster, ownDomain: string): Bootstrap {
  const { discovery, dns, restore } = spec.bootstrap;
  if (restore !== undefined) return { kind: "restore", source: restore };
  if (dns !== undefined) {
    const { domain = ownDomain } = dns;
    return { kind: "dns", domain, isOutside: domain !== ownDomain };
  }
  if (discovery === undefined) return { kind: "static" };
  const { url, endpoints = [], token } = discovery;
  const given = token === undefined ? {} : { token };
  return url === undefined
    ? { kind: "discovery-v3", endpoints, ...given }
    : { kind: "discovery", url, ...given };
}

/** Names of the Secrets that the operator reads to reach a discovery service. */
export function accessSecrets({ spec }: EtcdCluster): readonly string[] {
  const { ca, clientCertificate, credentials } = spec.bootstrap.discovery ?? {};
  return [ca, clientCertificate, credentials].flatMap((one) => one?.name ?? []);
}

/** What they hold; an Error that says which key is missing. */
export function accessOf(
  { spec }: EtcdCluster,
  secrets: ReadonlyMap<string, Secret | undefined>,
): RegistryAccess {
  const { ca, clientCertificate, credentials } = spec.bootstrap.discovery ?? {};
  const read = (name: string, key: string): Buffer => {
    const value = secrets.get(name)?.data?.[key];
    if (value === undefined) throw new Error(`Secret ${name} has no ${key}: see spec.bootstrap`);
    return Buffer.from(value, "base64");
  };
  const tls = {
    ...(ca === undefined ? {} : { ca: read(ca.name, "ca.crt") }),
    ...(clientCertificate === undefined
      ? {}
      : {
          cert: read(clientCertificate.name, "tls.crt"),
          key: read(clientCertificate.name, "tls.key"),
        }),
  };
  return {
    ...(Object.keys(tls).length === 0 ? {} : { tls }),
    ...(credentials === undefined
      ? {}
      : {
          user: {
            name: read(credentials.name, "username").toString("utf8"),
            password: read(credentials.name, "password").toString("utf8"),
          },
        }),
  };
}

/** Name of the SRV records of members whose peer URLs are like this one. */
export function recordName(domain: string, peerUrl: string): string {
  return `_etcd-server${peerUrl.startsWith("https:") ? "-ssl" : ""}._tcp.${domain}`;
}

/** What a pod has besides, so that its member finds the others. */
export interface FindParts {
  readonly args: readonly string[];
  readonly env: readonly object[];
  readonly volumeMounts: readonly object[];
  readonly volumes: readonly object[];
  readonly initContainers: readonly object[];
}

const nothing: FindParts = { args: [], env: [], volumeMounts: [], volumes: [], initContainers: [] };

/** `discovery` is what the manifest says besides the token, `gate` what the container of the gate is like. */
export function findParts(
  join: JoinInfo,
  peerUrl: string,
  discovery: Discovery | undefined,
  gate: object,
): FindParts {
  const { find, initialCluster } = join;
  switch (find?.kind) {
    case undefined:
      return { ...nothing, args: [`--initial-cluster=${initialCluster}`] };
    case "discovery":
      return { ...nothing, args: [`--discovery=${find.url}`] };
    case "discovery-v3":
      return v3Parts(find, discovery ?? {});
    case "dns":
      return {
        ...nothing,
        args: [`--discovery-srv=${find.domain}`],
        // The records of a headless Service come one by one, with the pods: whoever looks early sees few.
        initContainers: [
          {
            name: "await-records",
            ...gate,
            command: [`${imageHome}/node_modules/.bin/node`],
            args: [
              `${imageHome}/server/discovery/await-records.ts`,
              recordName(find.domain, peerUrl),
              String(find.size),
            ],
          },
        ],
      };
  }
}

function v3Parts(
  { endpoints, token }: Extract<Find, { kind: "discovery-v3" }>,
  { ca, clientCertificate, credentials }: Discovery,
): FindParts {
  const secret = (name: string, secretName: string, folder: string) => ({
    volume: { name, secret: { secretName, defaultMode: 0o440 } },
    mount: { name, mountPath: folder, readOnly: true },
  });
  const mounted = [
    ...(ca === undefined ? [] : [secret("discovery-ca", ca.name, caFolder)]),
    ...(clientCertificate === undefined
      ? []
      : [secret("discovery-certificate", clientCertificate.name, certificateFolder)]),
  ];
  const isTls = mounted.length > 0 || endpoints.some((one) => one.startsWith("https:"));
  // Not among the arguments, which everyone may read who may read pods.
  const variable = (name: string, key: string) => ({
    name,
    valueFrom: { secretKeyRef: { name: credentials?.name, key } },
  });
  return {
    ...nothing,
    args: [
      `--discovery-token=${token}`,
      `--discovery-endpoints=${endpoints.join(",")}`,
      ...(isTls ? ["--discovery-insecure-transport=false"] : []),
      ...(ca === undefined ? [] : [`--discovery-cacert=${caFolder}/ca.crt`]),
      ...(clientCertificate === undefined
        ? []
        : [
            `--discovery-cert=${certificateFolder}/tls.crt`,
            `--discovery-key=${certificateFolder}/tls.key`,
          ]),
    ],
    env:
      credentials === undefined
        ? []
        : [
            variable("ETCD_DISCOVERY_USER", "username"),
            variable("ETCD_DISCOVERY_PASSWORD", "password"),
          ],
    volumeMounts: mounted.map((one) => one.mount),
    volumes: mounted.map((one) => one.volume),
  };
}
