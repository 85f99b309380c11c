// What a cluster asks of cert-manager, kept as it should be in one turn. A pod whose Secrets are not there yet waits
// for them; what cert-manager says meanwhile is told by a condition.
import { ApiError, isNotFound } from "#operator/platform/kubernetes/api-client.ts";
import {
  type Certificate,
  certificates,
  certificateTrouble,
  certManagerMissing,
  clusterCertificates,
  memberCertificates,
} from "#operator/platform/kubernetes/cert-manager.ts";
import type { ClusterTurn } from "#operator/platform/kubernetes/cluster-turn.ts";
import type { MemberObject } from "#operator/platform/kubernetes/kinds.ts";
import { holds, isOwnedBy, selectorText } from "#operator/platform/kubernetes/objects.ts";
import { notOurs } from "#operator/platform/kubernetes/owned.ts";

export interface RequestSetup extends ClusterTurn {
  readonly clusterDomain: string;
}

export class RequestedCertificates {
  readonly #setup: RequestSetup;
  #are: readonly Certificate[] = [];

  constructor(setup: RequestSetup) {
    this.#setup = setup;
  }

  /** Reads them, and asks for those of the operator and of applications; says what is in the way. */
  async keep(): Promise<string | undefined> {
    const { api, identity, cluster } = this.#setup;
    const selector = { namespace: identity.namespace, labels: selectorText(identity) };
    try {
      this.#are = (await api.list(certificates, selector)).items;
    } catch (error) {
      if (!isNotFound(error)) throw error;
      return certManagerMissing;
    }
    const troubles = this.#are.flatMap((one) => certificateTrouble(one) ?? []);
    return (await this.#ask(clusterCertificates(identity, cluster))) ?? troubles[0];
  }

  /** Asks for those of a member; says what is in the way. */
  keepOf(member: MemberObject): Promise<string | undefined> {
    const { identity, cluster, clusterDomain } = this.#setup;
    return this.#ask(memberCertificates(identity, cluster, clusterDomain, member));
  }

  async #ask(wanted: readonly Certificate[]): Promise<string | undefined> {
    try {
      for (const one of wanted) await this.#put(one);
      return undefined;
    } catch (error) {
      if (isNotFound(error)) return certManagerMissing;
      // cert-manager judges what it is asked for itself.
      const isRefused = error instanceof ApiError && (error.status === 400 || error.status === 422);
      if (isRefused) return `cert-manager refuses a Certificate: ${error.message}`;
      throw error;
    }
  }

  async #put(wanted: Certificate): Promise<void> {
    const { api, identity, write } = this.#setup;
    const { name } = wanted.metadata;
    const is =
      this.#are.find((one) => one.metadata.name === name) ??
      (await api.find(certificates, identity.namespace, name));
    if (is === undefined) {
      const made = await write(() => api.create(certificates, wanted));
      this.#are = [...this.#are, made];
      return;
    }
    const [owner] = wanted.metadata.ownerReferences ?? [];
    if (!isOwnedBy(is, owner?.uid ?? "")) throw notOurs(certificates.kind, name);
    const { spec } = wanted;
    if (holds(is.spec, spec)) return;
    await write(() => api.patch(certificates, identity.namespace, name, { spec }));
  }
}
