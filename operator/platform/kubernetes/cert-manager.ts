// The certificates that a cluster asks of cert-manager, as objects of its kind Certificate: one for each member and
// port, one for the operator, one for applications. cert-manager puts what its issuer signs into a Secret of the
// same name, with ca.crt, tls.crt and tls.key, and renews it. Pure.
import { isIP } from "node:net";
import type { EtcdCluster } from "#operator/api/etcd-cluster.ts";
import type { Kind, KubeObject, MemberObject } from "#operator/platform/kubernetes/kinds.ts";
import {
  clusterOwner,
  commonLabels,
  type Identity,
  memberLabels,
  memberOwner,
} from "#operator/platform/kubernetes/objects.ts";
import { operatorUser } from "#operator/platform/kubernetes/operator-access.ts";
import {
  connectionSource,
  memberNames,
  memberSecretName,
  operatorSource,
  type Side,
  sidesFrom,
  tlsSources,
} from "#operator/platform/kubernetes/tls.ts";

export interface Certificate extends KubeObject {
  readonly spec: Readonly<Record<string, unknown>>;
  readonly status?: {
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly message?: string;
    }[];
  };
}

export const certificates: Kind<Certificate> = {
  apiVersion: "cert-manager.io/v1",
  kind: "Certificate",
  plural: "certificates",
};

export const certManagerMissing =
  "there is no kind Certificate here: install cert-manager, or choose operator or secret in spec.tls";

const clientUsages = ["digital signature", "client auth"];
const memberUsages = ["digital signature", "server auth", "client auth"];

/** Who a certificate is for, besides its names. */
interface Subject {
  readonly commonName: string;
  /** None: of a client alone. */
  readonly names: readonly string[];
}

function certificate(
  metadata: KubeObject["metadata"],
  cluster: EtcdCluster,
  side: Side,
  { commonName, names }: Subject,
): Certificate {
  const issuerRef = cluster.spec.tls?.[side]?.certManager?.issuerRef;
  if (issuerRef === undefined) throw new Error(`spec.tls.${side} names no issuer`);
  const addresses = names.filter((one) => isIP(one) !== 0);
  const hosts = names.filter((one) => isIP(one) === 0);
  return {
    apiVersion: certificates.apiVersion,
    kind: certificates.kind,
    metadata,
    spec: {
      secretName: metadata.name,
      commonName,
      ...(hosts.length === 0 ? {} : { dnsNames: hosts }),
      ...(addresses.length === 0 ? {} : { ipAddresses: addresses }),
      usages: names.length === 0 ? clientUsages : memberUsages,
      privateKey: { algorithm: "ECDSA", size: 256, rotationPolicy: "Always" },
      issuerRef,
    },
  };
}

/** One for each port whose certificates come from there. */
export function memberCertificates(
  identity: Identity,
  cluster: EtcdCluster,
  domain: string,
  member: MemberObject,
): readonly Certificate[] {
  const { name, uid = "" } = member.metadata;
  const names = memberNames(identity, domain, name, cluster);
  return sidesFrom(tlsSources(cluster), "cert-manager").map((side) => {
    const metadata = {
      name: memberSecretName(name, uid, side),
      namespace: identity.namespace,
      labels: memberLabels(identity, name),
      ownerReferences: [memberOwner(member)],
    };
    return certificate(metadata, cluster, side, { commonName: name, names });
  });
}

/** The operator's own, and that of the Secret that tells how to connect. */
export function clusterCertificates(
  identity: Identity,
  cluster: EtcdCluster,
): readonly Certificate[] {
  if (tlsSources(cluster).client?.kind !== "cert-manager") return [];
  const connection = cluster.spec.connectionSecret?.name;
  const wanted = [
    [operatorSource(identity.name), operatorUser],
    ...(connection === undefined ? [] : [[connectionSource(identity.name), connection] as const]),
  ] as const;
  return wanted.map(([name, commonName]) => {
    const metadata = {
      name,
      namespace: identity.namespace,
      labels: commonLabels(identity),
      ownerReferences: [clusterOwner(identity)],
    };
    return certificate(metadata, cluster, "client", { commonName, names: [] });
  });
}

/** What cert-manager says of one that is not there yet; undefined: nothing is amiss. */
export function certificateTrouble({ metadata, status }: Certificate): string | undefined {
  const ready = status?.conditions?.find((one) => one.type === "Ready");
  if (ready?.status !== "False") return undefined;
  return `Certificate ${metadata.name}: ${(ready.message ?? "it is not ready").slice(0, 300)}`;
}
