// Certificates that the operator makes for one cluster, in one turn: reads what is kept, carries out add-ca, issue
// and drop-cas, and sees to it that the bundle which members mount is what the CAs say. Every write names the
// version that was read, so that two operators never both go on.
import type { ObservedTrust, WantedCertificates } from "#operator/plan/types.ts";
import { isConflict } from "#operator/platform/kubernetes/api-client.ts";
import {
  type Authority,
  authorityData,
  authorityId,
  bundleOf,
  keptAuthorities,
  namesAnnotation,
  namesId,
  observedTrust,
  secretText,
} from "#operator/platform/kubernetes/authorities.ts";
import { issue, makeAuthority, sha256 } from "#operator/platform/kubernetes/certificates.ts";
import type { ClusterTurn } from "#operator/platform/kubernetes/cluster-turn.ts";
import {
  type ConfigMap,
  configMaps,
  type Kind,
  type KubeObject,
  type MemberObject,
  type Secret,
  secrets,
} from "#operator/platform/kubernetes/kinds.ts";
import {
  clusterOwner,
  commonLabels,
  isOwnedBy,
  memberLabels,
  memberOwner,
  selectorText,
} from "#operator/platform/kubernetes/objects.ts";
import { notOurs } from "#operator/platform/kubernetes/owned.ts";
import { authorityName, leafName, memberNames } from "#operator/platform/kubernetes/tls.ts";

export interface CertificateSetup extends ClusterTurn {
  readonly clusterDomain: string;
  readonly wanted: WantedCertificates;
}

export class ClusterCertificates {
  readonly #setup: CertificateSetup;
  #kept: readonly Secret[] = [];
  #bundle: ConfigMap | undefined;
  #authorities: readonly Authority[] | undefined = [];

  constructor(setup: CertificateSetup) {
    this.#setup = setup;
  }

  /** Oldest first; undefined if what is kept cannot be read. */
  get authorities(): readonly Authority[] | undefined {
    return this.#authorities;
  }

  get bundle(): string {
    return bundleOf(this.#authorities ?? []);
  }

  /** Reads what is kept. */
  async load(): Promise<void> {
    const { api, identity } = this.#setup;
    const { namespace, name, uid } = identity;
    const [listed, bundle] = await Promise.all([
      api.list(secrets, { namespace, labels: selectorText(identity) }),
      api.find(configMaps, namespace, authorityName(name)),
    ]);
    this.#kept = listed.items;
    // One of an earlier cluster of this name is on its way out.
    this.#bundle = bundle !== undefined && isOwnedBy(bundle, uid) ? bundle : undefined;
    this.#authorities = keptAuthorities(this.#secret(authorityName(name)), this.#bundle);
  }

  #secret(name: string): Secret | undefined {
    return this.#kept.find((one) => one.metadata.name === name);
  }

  /** The Secret of a member's certificate. */
  leafSecret(member: MemberObject | undefined): Secret | undefined {
    if (member === undefined) return undefined;
    return this.#secret(leafName(member.metadata.name, member.metadata.uid ?? ""));
  }

  #names(member: string): readonly string[] {
    const { identity, clusterDomain, cluster } = this.#setup;
    return memberNames(identity, clusterDomain, member, cluster);
  }

  /** Undefined if it cannot be read. */
  trust(members: readonly MemberObject[]): ObservedTrust | undefined {
    if (this.#authorities === undefined) return undefined;
    const leaves = members.flatMap((one) => {
      const { name } = one.metadata;
      const secret = this.leafSecret(one);
      return secret === undefined ? [] : [{ member: name, secret, names: this.#names(name) }];
    });
    return observedTrust(this.#authorities, leaves);
  }

  /** Changes whenever a member has something else to load. */
  contentId(member: MemberObject): string {
    const secret = this.leafSecret(member);
    return sha256(secretText(secret, "tls.crt") + this.bundle).slice(0, 16);
  }

  /** Sees to it that members can mount what the CAs say. */
  async publish(): Promise<void> {
    const { identity } = this.#setup;
    if (this.#authorities === undefined || this.#authorities.length === 0) return;
    const data = { "ca.crt": this.bundle };
    if (this.#bundle?.data?.["ca.crt"] === data["ca.crt"]) return;
    const { namespace, name } = identity;
    const metadata = this.#metadata(authorityName(name), namespace);
    this.#bundle = await this.#put(configMaps, this.#bundle, { metadata, data });
  }

  async addCa(request: string | undefined): Promise<void> {
    const { identity, wanted } = this.#setup;
    const nowMs = this.#setup.nowMs();
    const made = await makeAuthority(identity.name, wanted.validityMs, nowMs);
    const authority: Authority = {
      ...made,
      sinceMs: nowMs,
      ...(request === undefined ? {} : { request }),
    };
    await this.#keep([...this.#readable(), authority]);
  }

  async dropCas(): Promise<void> {
    await this.#keep(this.#readable().slice(-1));
  }

  /** Makes the certificate of a member by the CA with this ID. */
  async issue(member: MemberObject, ca: string): Promise<void> {
    const { identity, wanted } = this.#setup;
    const { name, uid = "" } = member.metadata;
    const authority = this.#readable().find((one) => authorityId(one) === ca);
    if (authority?.key === undefined) {
      throw new Error(`CA ${ca} can sign nothing: its key is lost`);
    }
    const names = this.#names(name);
    const { validityMs } = wanted;
    const { cert, key } = await issue(
      { cert: authority.cert, key: authority.key },
      { commonName: name, names, validityMs },
      this.#setup.nowMs(),
    );
    const encode = (text: string) => Buffer.from(text).toString("base64");
    const secret: Secret = {
      metadata: {
        name: leafName(name, uid),
        namespace: identity.namespace,
        labels: memberLabels(identity, name),
        annotations: { [namesAnnotation]: namesId(names) },
        ownerReferences: [memberOwner(member)],
      },
      type: "kubernetes.io/tls",
      data: { "tls.crt": encode(cert), "tls.key": encode(key) },
    };
    const written = await this.#put(secrets, this.leafSecret(member), secret);
    this.#replaceKept(written);
  }

  #readable(): readonly Authority[] {
    if (this.#authorities !== undefined) return this.#authorities;
    const { namespace, name } = this.#setup.identity;
    throw new Error(
      `Secret ${namespace}/${authorityName(name)} holds no CAs that can be read: delete it, and new ones are made`,
    );
  }

  /** The CAs first, then what members mount: cut off between the two, the next turn publishes. */
  async #keep(authorities: readonly Authority[]): Promise<void> {
    const { namespace, name } = this.#setup.identity;
    const secretName = authorityName(name);
    const secret: Secret = {
      metadata: this.#metadata(secretName, namespace),
      type: "kubernetes.io/tls",
      data: authorityData(authorities),
    };
    this.#replaceKept(await this.#put(secrets, this.#secret(secretName), secret));
    this.#authorities = authorities;
    await this.publish();
  }

  #replaceKept(secret: Secret): void {
    const { name } = secret.metadata;
    this.#kept = [...this.#kept.filter((one) => one.metadata.name !== name), secret];
  }

  #metadata(name: string, namespace: string): KubeObject["metadata"] {
    const { identity } = this.#setup;
    return {
      name,
      namespace,
      labels: commonLabels(identity),
      ownerReferences: [clusterOwner(identity)],
    };
  }

  /** Made, or replaced as long as nobody else has changed it. */
  async #put<T extends KubeObject>(kind: Kind<T>, is: T | undefined, wanted: T): Promise<T> {
    const { api, write } = this.#setup;
    const object = { ...wanted, apiVersion: kind.apiVersion, kind: kind.kind };
    if (is === undefined) {
      try {
        return await write(() => api.create(kind, object));
      } catch (error) {
        if (!isConflict(error)) throw error;
        throw notOurs(kind.kind, wanted.metadata.name);
      }
    }
    const { resourceVersion = "" } = is.metadata;
    const metadata = { ...object.metadata, resourceVersion };
    return await write(() => api.replace(kind, { ...object, metadata }));
  }
}
