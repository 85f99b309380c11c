// How a Job that takes a snapshot is let in by members with TLS or authentication: with the operator's own user,
// whose certificate is made for this backup alone and ends soon after its deadline; with the Secret that the
// members' certificates are given by; or with root's password. All of it is in Secrets that the Job mounts or reads.
import { group } from "#operator/api/parts.ts";
import type { ApiClient } from "#operator/platform/kubernetes/api-client.ts";
import { rootUser } from "#operator/platform/kubernetes/authentication.ts";
import {
  type Authority,
  bundleOf,
  keptAuthorities,
  secretText,
  trustedByAll,
} from "#operator/platform/kubernetes/authorities.ts";
import { issue } from "#operator/platform/kubernetes/certificates.ts";
import { servedBy } from "#operator/platform/kubernetes/client-tls.ts";
import { rootSecretName } from "#operator/platform/kubernetes/connection-secret.ts";
import {
  type BackupObject,
  type ClusterObject,
  configMaps,
  type Secret,
  secrets,
} from "#operator/platform/kubernetes/kinds.ts";
import { isOwnedBy } from "#operator/platform/kubernetes/objects.ts";
import { certificateUser, operatorUser } from "#operator/platform/kubernetes/operator-access.ts";
import { jobName, ownerOf } from "#operator/platform/kubernetes/snapshot-jobs.ts";
import {
  authorityName,
  givenSecretName,
  serverNameOf,
  tlsSources,
} from "#operator/platform/kubernetes/tls.ts";
import { isSecure } from "#operator/platform/local/etcd-view.ts";

/** A node's clock may be behind, and a Job is ended a little after its deadline. */
const spareMs = 10 * 60_000;

/** What a Job's pod has. */
export interface JobAccess {
  /** Undefined: plain. */
  readonly tls?: {
    /** Secret with ca.crt, tls.crt and tls.key. */
    readonly secret: string;
    /** Expected of every member's certificate. */
    readonly serverName: string;
  };
  /** Undefined: authentication is off, or the certificate says who asks. */
  readonly login?: { readonly user: string; readonly passwordSecret: string };
}

/** Who a Job is to be, before anything is made; `by`: the CA that signs a certificate of its own. */
export interface PlannedAccess extends JobAccess {
  readonly by?: {
    readonly authority: Authority & { readonly key: string };
    readonly bundle: string;
  };
}

export const certificateSecretName = (backup: BackupObject): string => `${jobName(backup, "")}-tls`;

/** What is to be had now to ask at `from`; a text says what is missing, and what to do. Reads only. */
export async function planAccess(
  api: Pick<ApiClient, "find">,
  object: ClusterObject,
  backup: BackupObject,
  from: string,
  nowMs: number,
): Promise<PlannedAccess | string> {
  const { identity, cluster } = servedBy(object);
  const client = isSecure(from) ? tlsSources(cluster).client : undefined;
  const find = (name: string) => api.find(secrets, identity.namespace, name);
  const { auth } = cluster.spec;
  let login: JobAccess["login"];
  // While plain text is served beside TLS, the user of the certificate may be about to be made.
  const isNamed = certificateUser(client) !== undefined && client?.plaintext !== true;
  if (auth?.enabled === true && !isNamed) {
    const passwordSecret = rootSecretName(identity, cluster);
    if (secretText(await find(passwordSecret), "password") === "") {
      return `Secret ${passwordSecret} holds no password of ${rootUser}, which the snapshot needs`;
    }
    login = { user: rootUser, passwordSecret };
  }
  const withLogin = login === undefined ? {} : { login };
  if (client === undefined) return withLogin;
  const serverName = serverNameOf(identity);
  if (client.kind !== "operator") {
    const secret = givenSecretName(identity, client);
    const is = await find(secret);
    const missing = ["ca.crt", "tls.crt", "tls.key"].filter((key) => secretText(is, key) === "");
    if (missing.length === 0) return { ...withLogin, tls: { secret, serverName } };
    return `Secret ${secret}, whose certificate the snapshot needs, has no ${missing.join(", no ")}`;
  }
  const name = authorityName(identity.name);
  const [kept, bundle] = await Promise.all([
    find(name),
    api.find(configMaps, identity.namespace, name),
  ]);
  const own = <T extends Secret>(one: T | undefined) =>
    one !== undefined && isOwnedBy(one, identity.uid) ? one : undefined;
  const authorities = keptAuthorities(own(kept), own(bundle)) ?? [];
  const authority = trustedByAll(authorities, nowMs);
  if (authority === undefined) return `Secret ${name} has no CA that can sign a certificate yet`;
  const by = { authority, bundle: bundleOf(authorities) };
  return { ...withLogin, tls: { secret: certificateSecretName(backup), serverName }, by };
}

/** The Secret of a certificate for this backup alone. */
export async function certificateSecret(
  backup: BackupObject,
  { authority, bundle }: NonNullable<PlannedAccess["by"]>,
  nowMs: number,
): Promise<Secret> {
  const validityMs = backup.spec.deadlineSeconds * 1000 + spareMs;
  const request = { commonName: operatorUser, names: [], validityMs };
  const { cert, key } = await issue(authority, request, nowMs);
  const encode = (text: string) => Buffer.from(text).toString("base64");
  const { namespace = "default", uid = "" } = backup.metadata;
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: {
      name: certificateSecretName(backup),
      namespace,
      labels: {
        "app.kubernetes.io/managed-by": "etcd-operator",
        [`${group}/backup-uid`]: uid,
      },
      ownerReferences: [ownerOf(backup, "EtcdBackup")],
    },
    type: "kubernetes.io/tls",
    data: { "ca.crt": encode(bundle), "tls.crt": encode(cert), "tls.key": encode(key) },
  };
}

/** Makes that Secret, or what it holds anew. */
export async function keepCertificate(api: ApiClient, secret: Secret): Promise<void> {
  const { namespace = "default", name } = secret.metadata;
  const is = await api.find(secrets, namespace, name);
  if (is === undefined) {
    await api.create(secrets, secret);
    return;
  }
  const { resourceVersion = "" } = is.metadata;
  await api.replace(secrets, { ...secret, metadata: { ...secret.metadata, resourceVersion } });
}
