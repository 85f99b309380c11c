// Secrets for people and applications. The one that tells applications how to connect: endpoints, the CAs that members are verified by, and a client
// certificate. Its common name is the Secret's own name: where authentication is on, whoever uses it is the user of
// that name, whom an administrator gives roles.
import { randomBytes } from "node:crypto";
import type { EtcdCluster } from "#operator/api/etcd-cluster.ts";
import type { WantedCertificates } from "#operator/plan/types.ts";
import { rootUser } from "#operator/platform/kubernetes/authentication.ts";
import {
  type Authority,
  bundleOf,
  endOf,
  secretText,
  trustedByAll,
} from "#operator/platform/kubernetes/authorities.ts";
import {
  type CertifiedKey,
  fits,
  isIssuedBy,
  issue,
  parsedCertificate,
} from "#operator/platform/kubernetes/certificates.ts";
import type { Secret } from "#operator/platform/kubernetes/kinds.ts";
import { clientName, type Identity } from "#operator/platform/kubernetes/names.ts";
import { clientPort, clusterOwner, commonLabels } from "#operator/platform/kubernetes/objects.ts";
import { schemeOf, type TlsSource } from "#operator/platform/kubernetes/tls.ts";

export interface ConnectionInput {
  readonly identity: Identity;
  readonly clusterDomain: string;
  /** Name of the Secret, and of the user. */
  readonly name: string;
  readonly source: TlsSource | undefined;
  /** CAs of the operator's own, oldest first. */
  readonly authorities: readonly Authority[];
  readonly terms: WantedCertificates | undefined;
  /** All members that run have loaded the newest CA. */
  readonly areAllAware: boolean;
  /** The Secret that the members' certificates are given by, or what cert-manager made for applications. */
  readonly given: Secret | undefined;
  readonly is: Secret | undefined;
  readonly nowMs: number;
}

const passwordBytes = 24;
const encode = (text: string): string => Buffer.from(text).toString("base64");

/** The Secret as it should be; the certificate stays the one that is there as long as that is good. */
export async function connectionSecret(input: ConnectionInput): Promise<Secret> {
  const { identity, clusterDomain, name, source, authorities, given } = input;
  const host = `${clientName(identity.name)}.${identity.namespace}.svc.${clusterDomain}`;
  const endpoints = encode(`${schemeOf(source)}://${host}:${clientPort}`);
  const pair = source?.kind === "operator" ? await clientPair(input) : undefined;
  const ca = source?.kind === "operator" ? encode(bundleOf(authorities)) : given?.data?.["ca.crt"];
  const { "tls.crt": cert, "tls.key": key } =
    source?.kind === "cert-manager" ? (given?.data ?? {}) : {};
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: {
      name,
      namespace: identity.namespace,
      labels: commonLabels(identity),
      ownerReferences: [clusterOwner(identity)],
    },
    type: "Opaque",
    data: {
      endpoints,
      ...(ca === undefined ? {} : { "ca.crt": ca }),
      ...(pair === undefined ? {} : { "tls.crt": encode(pair.cert), "tls.key": encode(pair.key) }),
      ...(cert === undefined || key === undefined ? {} : { "tls.crt": cert, "tls.key": key }),
    },
  };
}

/** Where root's password is. */
export const rootSecretName = ({ name }: Identity, { spec }: EtcdCluster): string =>
  spec.auth?.rootPassword?.name ?? `${name}-root`;

/** Root's password, made once. */
export function rootSecret(identity: Identity): Secret {
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: {
      name: `${identity.name}-root`,
      namespace: identity.namespace,
      labels: commonLabels(identity),
      ownerReferences: [clusterOwner(identity)],
    },
    type: "kubernetes.io/basic-auth",
    data: {
      username: encode(rootUser),
      password: encode(randomBytes(passwordBytes).toString("base64url")),
    },
  };
}

async function clientPair(input: ConnectionInput): Promise<CertifiedKey | undefined> {
  const { authorities, terms, areAllAware, is, nowMs, name } = input;
  const newest = authorities.at(-1);
  // A CA that a member does not know yet is no good.
  const wanted =
    areAllAware && newest?.key !== undefined
      ? { ...newest, key: newest.key }
      : trustedByAll(authorities, nowMs);
  if (wanted === undefined || terms === undefined) return undefined;
  const pair = { cert: secretText(is, "tls.crt"), key: secretText(is, "tls.key") };
  const cert = parsedCertificate(pair.cert);
  if (cert !== undefined && fits(cert, pair.key)) {
    const isBy = (one: Authority) => {
      const authority = parsedCertificate(one.cert);
      return authority !== undefined && isIssuedBy(cert, authority);
    };
    const leftMs = Date.parse(cert.validTo) - nowMs;
    const known = areAllAware ? isBy(wanted) : authorities.some(isBy);
    if (known && leftMs > Math.min(terms.renewBeforeMs, endOf(wanted) - nowMs - 1)) return pair;
  }
  const { validityMs } = terms;
  return issue(wanted, { commonName: name, names: [], validityMs }, nowMs);
}
