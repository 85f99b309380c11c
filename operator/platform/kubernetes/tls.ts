// What a manifest says of TLS, as the objects of a cluster need it: where the certificates of each port come
// from, under which names members are reached, what a member's pod mounts and is told. Pure.
import type { EtcdCluster } from "#operator/api/etcd-cluster.ts";
import { parseDuration } from "#operator/api/quantity.ts";
import type { MemberRecord, PeerScheme, WantedCertificates } from "#operator/plan/types.ts";
import { clientName, headlessName, type Identity } from "#operator/platform/kubernetes/names.ts";

export type Side = "client" | "peer";

/** Where the certificates of one port come from. Part of a template: whoever changes it restarts members. */
export type TlsSource = {
  readonly asksClients: boolean;
  /** Plain text is served beside, on the same port. */
  readonly plaintext?: true;
} & (
  | /** A CA of the operator's. */ { readonly kind: "operator" }
  | { readonly kind: "cert-manager" }
  | { readonly kind: "given"; readonly secret: string }
);

/** Undefined: plain. */
export interface TlsSources {
  readonly client?: TlsSource;
  readonly peer?: TlsSource;
}

/** Whoever changes the value of this annotation of an EtcdCluster gets another CA. */
export const rotateAnnotation = "etcd-ts.dev/rotate-ca";

const mountRoot = "/etc/etcd/tls";
/** Readable for the group of the pod. */
const fileMode = 0o440;

type TlsSpec = NonNullable<EtcdCluster["spec"]["tls"]>;
type PortSpec = NonNullable<TlsSpec[Side]>;

function sourceOf(spec: PortSpec | undefined, plaintext = false): TlsSource | undefined {
  if (spec === undefined) return undefined;
  const more = { asksClients: spec.clientAuth, ...(plaintext ? { plaintext } : {}) } as const;
  if (spec.secret !== undefined) return { kind: "given", secret: spec.secret.name, ...more };
  return { kind: spec.certManager === undefined ? "operator" : "cert-manager", ...more };
}

/** `bridge`: members serve each other plain text beside TLS, while they change over. */
export function tlsSources({ spec }: EtcdCluster, bridge = false): TlsSources {
  const client = sourceOf(spec.tls?.client, spec.tls?.client?.plaintext);
  const peer = sourceOf(spec.tls?.peer, bridge);
  return {
    ...(client === undefined ? {} : { client }),
    ...(peer === undefined ? {} : { peer }),
  };
}

/** The ports whose certificates come from here. */
export function sidesFrom(sources: TlsSources, kind: TlsSource["kind"]): readonly Side[] {
  return (["client", "peer"] as const).filter((side) => sources[side]?.kind === kind);
}

export const schemeOf = (source: TlsSource | undefined): "http" | "https" =>
  source === undefined ? "http" : "https";

/** What a port serves, the better one first. */
export function schemesOf(source: TlsSource | undefined): readonly ("http" | "https")[] {
  if (source === undefined) return ["http"];
  return source.plaintext === true ? ["https", "http"] : ["https"];
}

/** What to tell clients who are to speak `wanted`: that where all members serve it, else what all do; undefined: nothing. */
export function schemeForAll(
  wanted: PeerScheme,
  served: readonly (readonly PeerScheme[])[],
): PeerScheme | undefined {
  const schemes = wanted === "https" ? (["https", "http"] as const) : (["http", "https"] as const);
  return schemes.find((scheme) => served.every((one) => one.includes(scheme)));
}

/** A CA's time of grace for clients: a tenth of the time in which certificates are renewed. */
const graceParts = 10;
const maxGraceMs = 7 * 24 * 3_600_000;

/** What the plan is to do about certificates; undefined if the operator makes none. */
export function wantedCertificates(cluster: EtcdCluster): WantedCertificates | undefined {
  const { client, peer } = cluster.spec.tls ?? {};
  const made = [client?.operator, peer?.operator].filter((one) => one !== undefined);
  if (made.length === 0) return undefined;
  // A member has one certificate for both ports: the one that ends first counts.
  const terms = made.map(({ validity, renewBefore }) => ({
    validityMs: parseDuration(validity) ?? 0,
    renewBeforeMs: parseDuration(renewBefore) ?? 0,
  }));
  const validityMs = Math.min(...terms.map((one) => one.validityMs));
  const renewBeforeMs = Math.min(...terms.map((one) => one.renewBeforeMs));
  const request = cluster.metadata.annotations?.[rotateAnnotation];
  return {
    validityMs,
    renewBeforeMs,
    graceMs: Math.min(Math.floor(renewBeforeMs / graceParts), maxGraceMs),
    ...(request === undefined ? {} : { request }),
  };
}

/** Names of the client Service; whoever connects by it expects one of them. */
export function serviceNames({ name, namespace }: Identity, domain: string): readonly string[] {
  const service = clientName(name);
  const short = `${service}.${namespace}`;
  return [service, short, `${short}.svc`, `${short}.svc.${domain}`];
}

/** The name that the operator expects of every member, by whatever address it reaches it. */
export const serverNameOf = ({ name, namespace }: Identity): string =>
  `${clientName(name)}.${namespace}.svc`;

/** The headless Service's full name: the domain of SRV records, which all members and nobody else have. */
export const peersDomain = ({ name, namespace }: Identity, domain: string): string =>
  `${headlessName(name)}.${namespace}.svc.${domain}`;

/** What a member's certificate is for; the addresses of pods, which change, are not among it. */
export function memberNames(
  identity: Identity,
  domain: string,
  member: string,
  { spec }: EtcdCluster,
): readonly string[] {
  const { namespace } = identity;
  const host = `${member}.${headlessName(identity.name)}`;
  const names = [
    // First, for it is what others look up to see that a connection is this member's.
    `${host}.${namespace}.svc.${domain}`,
    `${host}.${namespace}.svc`,
    `${host}.${namespace}`,
    host,
    member,
    peersDomain(identity, domain),
    ...(spec.bootstrap.dns?.domain === undefined ? [] : [spec.bootstrap.dns.domain]),
    ...serviceNames(identity, domain),
    "localhost",
    "127.0.0.1",
    "::1",
    ...(spec.tls?.extraSans ?? []),
  ];
  return [...new Set(names)];
}

/** Names of the objects that hold certificates. */
export const authorityName = (cluster: string): string => `${cluster}-ca`;
export const leafName = (member: string, memberUid: string): string =>
  `${member}-${memberUid.slice(0, 8)}-tls`;

/** The Secret with what others let the operator connect by. */
export const givenSecretName = (
  { name }: Identity,
  source: Exclude<TlsSource, { readonly kind: "operator" }>,
): string => (source.kind === "given" ? source.secret : operatorSource(name));

/** Of cert-manager, for this port of a member: each port may have an issuer of its own. */
export const memberSecretName = (member: string, memberUid: string, side: Side): string =>
  `${member}-${memberUid.slice(0, 8)}-${side}-tls`;
/** Of cert-manager, for the operator, and for those who read the Secret that tells how to connect. */
export const operatorSource = (cluster: string): string => `${cluster}-operator-tls`;
export const connectionSource = (cluster: string): string => `${cluster}-connection-tls`;

/** Mounts of a pod: whole folders, for a file that is mounted alone never changes. */
export function tlsMounts(
  identity: Identity,
  sources: TlsSources,
  member: { readonly name: string; readonly uid: string },
): { readonly volumes: readonly object[]; readonly volumeMounts: readonly object[] } {
  const sides = (["client", "peer"] as const).filter((side) => sources[side] !== undefined);
  return {
    volumes: sides.map((side) => ({
      name: `tls-${side}`,
      ...volumeSource(identity, sources[side]!, member, side),
    })),
    volumeMounts: sides.map((side) => ({
      name: `tls-${side}`,
      mountPath: `${mountRoot}/${side}`,
      readOnly: true,
    })),
  };
}

function volumeSource(
  { name }: Identity,
  source: TlsSource,
  member: { readonly name: string; readonly uid: string },
  side: Side,
): object {
  const keys = (...names: readonly string[]) => names.map((key) => ({ key, path: key }));
  switch (source.kind) {
    case "operator": {
      const trust = { name: authorityName(name), items: keys("ca.crt") };
      const sources = [
        { secret: { name: leafName(member.name, member.uid), items: keys("tls.crt", "tls.key") } },
        { configMap: trust },
      ];
      return { projected: { defaultMode: fileMode, sources } };
    }
    case "cert-manager": {
      const secretName = memberSecretName(member.name, member.uid, side);
      return { secret: { secretName, defaultMode: fileMode } };
    }
    case "given":
      return { secret: { secretName: source.secret, defaultMode: fileMode } };
  }
}

/** A member's flags of TLS. */
export function tlsArguments(
  { peerUrl }: MemberRecord,
  { client, peer }: TlsSources,
): readonly string[] {
  const domain = new URL(peerUrl).hostname.replace(/^[^.]*\./, "");
  const file = (side: Side, name: string) => `${mountRoot}/${side}/${name}`;
  return [
    ...(client === undefined
      ? []
      : [
          `--cert-file=${file("client", "tls.crt")}`,
          `--key-file=${file("client", "tls.key")}`,
          ...(client.asksClients
            ? ["--client-cert-auth", `--trusted-ca-file=${file("client", "ca.crt")}`]
            : []),
        ]),
    ...(peer === undefined
      ? []
      : [
          `--peer-cert-file=${file("peer", "tls.crt")}`,
          `--peer-key-file=${file("peer", "tls.key")}`,
          "--peer-client-cert-auth",
          `--peer-trusted-ca-file=${file("peer", "ca.crt")}`,
          // The same CA signs certificates of clients, who are no members.
          ...(peer.kind === "given" ? [] : [`--peer-cert-allowed-hostname=${domain}`]),
        ]),
  ];
}

/** Whether a member with these arguments has certificates for this port. */
export function speaksTls(memberArguments: readonly string[], side: Side): boolean {
  const flag = side === "client" ? "--cert-file=" : "--peer-cert-file=";
  return memberArguments.some((one) => one.startsWith(flag));
}

/** The schemes by which a member with these arguments answers other members. */
export const peerSchemesIn = (memberArguments: readonly string[]): readonly string[] =>
  schemesAt(memberArguments, "--listen-peer-urls=");

/** The same of clients. */
export const clientSchemesIn = (memberArguments: readonly string[]): readonly PeerScheme[] =>
  schemesAt(memberArguments, "--listen-client-urls=");

function schemesAt(memberArguments: readonly string[], flag: string): readonly PeerScheme[] {
  const urls = memberArguments.find((one) => one.startsWith(flag))?.slice(flag.length);
  return (urls ?? "").split(",").map((one) => (one.startsWith("https:") ? "https" : "http"));
}

/** How to connect to a member with these arguments, which may be older than the manifest; `wanted` if that can be. */
export function schemeIn(
  memberArguments: readonly string[],
  wanted: "http" | "https",
): "http" | "https" {
  const served = clientSchemesIn(memberArguments);
  if (served.includes(wanted)) return wanted;
  return served.includes("https") ? "https" : "http";
}

/** How etcdctl reaches the member in whose pod it runs, by the arguments of that member: with its own certificate. */
export function etcdctlIn(memberArguments: readonly string[]): readonly string[] {
  const isSecure = memberArguments.some((one) => one.startsWith("--listen-client-urls=https:"));
  if (!isSecure) return ["etcdctl", "--endpoints=http://127.0.0.1:2379"];
  const file = (name: string) => `${mountRoot}/client/${name}`;
  return [
    "etcdctl",
    "--endpoints=https://localhost:2379",
    `--cacert=${file("ca.crt")}`,
    `--cert=${file("tls.crt")}`,
    `--key=${file("tls.key")}`,
  ];
}
