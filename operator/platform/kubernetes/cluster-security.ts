// What of TLS, authentication and the Secrets for people one turn sees to, besides the plan: reads certificates,
// publishes what members mount, lets the operator connect, and tells members and applications what changed.
import { isDeepStrictEqual } from "node:util";
import type { EtcdCluster } from "#operator/api/etcd-cluster.ts";
import type { Observed, ObservedTrust } from "#operator/plan/types.ts";
import { isNotFound } from "#operator/platform/kubernetes/api-client.ts";
import { type Authentication, rootUser } from "#operator/platform/kubernetes/authentication.ts";
import { secretText } from "#operator/platform/kubernetes/authorities.ts";
import { ClusterCertificates } from "#operator/platform/kubernetes/cluster-certificates.ts";
import type { ClusterTurn } from "#operator/platform/kubernetes/cluster-turn.ts";
import {
  connectionSecret,
  rootSecret,
  rootSecretName,
} from "#operator/platform/kubernetes/connection-secret.ts";
import {
  type MemberObject,
  type Pod,
  pods,
  type Secret,
  secrets,
} from "#operator/platform/kubernetes/kinds.ts";
import { askLoaded, type Loaded } from "#operator/platform/kubernetes/loaded.ts";
import {
  annotations,
  holds,
  type Identity,
  metricsPort,
} from "#operator/platform/kubernetes/objects.ts";
import {
  addressOf,
  argumentsOf,
  type Found,
  objectsOf,
} from "#operator/platform/kubernetes/observe.ts";
import {
  certificateUser,
  type OperatorAccess,
} from "#operator/platform/kubernetes/operator-access.ts";
import { requireOwn } from "#operator/platform/kubernetes/owned.ts";
import type { PeerMaterial } from "#operator/platform/kubernetes/peer-port.ts";
import { RequestedCertificates } from "#operator/platform/kubernetes/requested-certificates.ts";
import {
  monitorMissing,
  serviceMonitor,
  serviceMonitors,
} from "#operator/platform/kubernetes/service-monitor.ts";
import {
  clientSchemesIn,
  connectionSource,
  givenSecretName,
  memberSecretName,
  schemeForAll,
  schemeOf,
  sidesFrom,
  speaksTls,
  type TlsSource,
  type TlsSources,
  tlsSources,
  wantedCertificates,
} from "#operator/platform/kubernetes/tls.ts";
import type { EtcdView } from "#operator/platform/local/etcd-view.ts";

/** How often a kubelet is reminded of certificates that a member has not loaded. */
const remindMs = 5000;
const requestTrouble = "CertificateNotReady";

/** What is kept of a cluster from turn to turn. */
export interface SecurityMemory {
  readonly etcd: EtcdView;
  readonly access: OperatorAccess;
  readonly authentication: Authentication;
  /** What is in the way of things besides the plan, by reason: told with the next turn's conditions. */
  readonly troubles: Map<string, string>;
}

export interface SecuritySetup extends SecurityMemory, ClusterTurn {
  readonly clusterDomain: string;
}

/** Of one cluster and one turn. */
export class ClusterSecurity {
  readonly tls: TlsSources;
  readonly #setup: SecuritySetup;
  readonly #identity: Identity;
  readonly #cluster: EtcdCluster;
  /** Undefined: the operator makes none. */
  readonly #certificates: ClusterCertificates | undefined;
  /** Undefined: cert-manager makes none. */
  readonly #requested: RequestedCertificates | undefined;
  #isRead = false;
  #root: Secret | undefined;

  constructor(setup: SecuritySetup) {
    this.#setup = setup;
    this.#identity = setup.identity;
    this.#cluster = setup.cluster;
    this.tls = tlsSources(setup.cluster);
    const wanted = wantedCertificates(setup.cluster);
    this.#certificates =
      wanted === undefined ? undefined : new ClusterCertificates({ ...setup, wanted });
    const asked = sidesFrom(this.tls, "cert-manager");
    this.#requested = asked.length === 0 ? undefined : new RequestedCertificates(setup);
  }

  /** Throws if the operator makes none. */
  get certificates(): ClusterCertificates {
    if (this.#certificates === undefined) throw new Error("no certificates are made here");
    return this.#certificates;
  }

  /** What the plan goes by; undefined if the operator makes none, or they cannot be read. */
  trust(members: readonly MemberObject[]): ObservedTrust | undefined {
    return this.#certificates?.trust(members);
  }

  /** What must be there before anything else: what members mount, root's password, the monitor. */
  async publish(): Promise<void> {
    await this.#read();
    await this.#certificates?.publish();
    setTrouble(this.#setup.troubles, requestTrouble, await this.#requested?.keep());
    await this.#makeRootSecret();
    await this.#keepMonitor();
  }

  /** Asks for what a member's pod mounts. Throws if it cannot be asked for. */
  async request(member: MemberObject): Promise<void> {
    const trouble = await this.#requested?.keepOf(member);
    if (trouble === undefined) return;
    setTrouble(this.#setup.troubles, requestTrouble, trouble);
    throw new Error(trouble);
  }

  /** What follows from what was seen. */
  async tell(observed: Observed, found: Found, urls: readonly string[]): Promise<void> {
    if (this.#requested !== undefined) await this.#keepRequested(this.#requested, found);
    await this.#remind(observed, found);
    await this.#keepConnection(observed, found);
    await this.#keepAuthentication(observed, urls);
  }

  /** Names that changed become the certificates'. */
  async #keepRequested(requested: RequestedCertificates, found: Found): Promise<void> {
    for (const member of found.members) {
      if (member.metadata.deletionTimestamp !== undefined) continue;
      const trouble = await requested.keepOf(member);
      if (trouble !== undefined) setTrouble(this.#setup.troubles, requestTrouble, trouble);
    }
  }

  /** The certificates that the operator makes, once in a turn. */
  async #read(): Promise<void> {
    if (this.#isRead) return;
    await this.#certificates?.load();
    this.#isRead = true;
  }

  /** From now on members are asked with what they can be asked with. */
  async secure(): Promise<void> {
    await this.#read();
    const { client } = this.tls;
    const { access } = this.#setup;
    this.#root = await this.#rootSecret();
    const password = secretText(this.#root, "password");
    const given = await this.#givenSecret(client);
    this.#requireAuthority(given);
    const shown = {
      authorities: this.#certificates?.authorities ?? [],
      given,
      ...(password === "" ? {} : { user: { name: rootUser, password } }),
    };
    this.#setup.etcd.use(await access.access(this.#identity, client, shown, this.#setup.nowMs()));
  }

  /** Some issuers sign and do not say by which CA. */
  #requireAuthority(made: Secret | undefined): void {
    if (this.tls.client?.kind !== "cert-manager" || made === undefined) return;
    const isMissing = secretText(made, "ca.crt") === "" && secretText(made, "tls.crt") !== "";
    const { name } = made.metadata;
    const text = `Secret ${name} has no ca.crt, which members and clients are verified by: name an issuer that gives it, as a CA or Vault does`;
    setTrouble(this.#setup.troubles, "AuthorityMissing", isMissing ? text : undefined);
  }

  get #certificateUser(): string | undefined {
    return certificateUser(this.tls.client);
  }

  get #rootName(): string {
    return rootSecretName(this.#identity, this.#cluster);
  }

  async #rootSecret(): Promise<Secret | undefined> {
    if (this.#cluster.spec.auth === undefined) return undefined;
    return this.#setup.api.find(secrets, this.#identity.namespace, this.#rootName);
  }

  /** Root's password, made if nobody gave one. */
  async #makeRootSecret(): Promise<void> {
    const { auth } = this.#cluster.spec;
    if (auth?.enabled !== true || auth.rootPassword !== undefined) return;
    const is = await this.#rootSecret();
    if (is !== undefined) requireOwn(this.#identity, is, "Secret");
    else await this.#setup.write(() => this.#setup.api.create(secrets, rootSecret(this.#identity)));
  }

  /** Authentication as the manifest says. */
  async #keepAuthentication({ membership }: Observed, urls: readonly string[]): Promise<void> {
    const { auth } = this.#cluster.spec;
    const { authentication, troubles } = this.#setup;
    if (auth === undefined) return;
    const trouble = await authentication.keep({
      etcd: this.#setup.etcd,
      urls,
      enabled: auth.enabled,
      rootSecret: this.#rootName,
      root: this.#root,
      certificateUser: this.#certificateUser,
      isListed: membership !== undefined,
    });
    setTrouble(troubles, "AuthenticationFailed", trouble);
  }

  async #givenSecret(source: TlsSource | undefined): Promise<Secret | undefined> {
    if (source === undefined || source.kind === "operator") return undefined;
    const name = givenSecretName(this.#identity, source);
    return this.#setup.api.find(secrets, this.#identity.namespace, name);
  }

  /** What the Secret that tells how to connect is made of, where others make the certificates. */
  async #connectionSource(client: TlsSource | undefined): Promise<Secret | undefined> {
    if (client?.kind !== "cert-manager") return this.#givenSecret(client);
    const { namespace, name } = this.#identity;
    return this.#setup.api.find(secrets, namespace, connectionSource(name));
  }

  /** What this member says it has loaded; `published` is what there is to load. */
  async loadedBy(pod: Pod | undefined, published: Loaded): Promise<Loaded | undefined> {
    const url = addressOf(pod, metricsPort);
    if (this.#certificates === undefined || url === undefined) return undefined;
    const started = argumentsOf(pod);
    const sides = sidesFrom(this.tls, "operator").filter((side) => speaksTls(started, side));
    // One from before TLS was switched on has nothing to load: nobody need wait for it.
    if (sides.length === 0) return published;
    return askLoaded(url, this.tls, sides, published.bundle);
  }

  /** What this member mounts for its peer port; undefined while it is not there. */
  async peerMaterial(member: MemberObject): Promise<PeerMaterial | undefined> {
    const { peer } = this.tls;
    if (peer === undefined) return undefined;
    const { name, uid = "" } = member.metadata;
    const isOwn = peer.kind === "operator";
    const mounted = peer.kind === "given" ? peer.secret : memberSecretName(name, uid, "peer");
    const secret = isOwn
      ? this.#certificates?.leafSecret(member)
      : await this.#setup.api.find(secrets, this.#identity.namespace, mounted);
    const ca = isOwn ? (this.#certificates?.bundle ?? "") : secretText(secret, "ca.crt");
    const [cert, key] = [secretText(secret, "tls.crt"), secretText(secret, "tls.key")];
    if (ca === "" || cert === "" || key === "") return undefined;
    return { ca, cert, key };
  }

  async #keepMonitor(): Promise<void> {
    const { troubles } = this.#setup;
    const wanted = serviceMonitor(this.#identity, this.#cluster);
    const reason = "ServiceMonitorMissing";
    if (wanted === undefined) {
      troubles.delete(reason);
      return;
    }
    const { namespace, name } = this.#identity;
    const is = await this.#setup.api.find(serviceMonitors, namespace, name);
    if (is === undefined) {
      try {
        // Neither is there an object, nor perhaps its kind, which a list tells without writing.
        await this.#setup.api.list(serviceMonitors, { namespace });
      } catch (error) {
        if (!isNotFound(error)) throw error;
        troubles.set(reason, monitorMissing);
        return;
      }
      await this.#setup.write(() => this.#setup.api.create(serviceMonitors, wanted));
    } else {
      requireOwn(this.#identity, is, "ServiceMonitor");
      const { spec } = wanted;
      if (!holds(is.spec, spec)) {
        await this.#setup.write(() =>
          this.#setup.api.patch(serviceMonitors, namespace, name, { spec }),
        );
      }
    }
    troubles.delete(reason);
  }

  /** The Secret that tells applications how to connect. */
  async #keepConnection({ trust, members: all }: Observed, found: Found): Promise<void> {
    const wanted = this.#cluster.spec.connectionSecret;
    if (wanted === undefined) return;
    // Nobody is sent where not all members listen; where there is no such scheme, what is there stays.
    const served = found.pods.map((one) => clientSchemesIn(argumentsOf(one)));
    const scheme = schemeForAll(this.#setup.clientScheme ?? schemeOf(this.tls.client), served);
    if (scheme === undefined) return;
    const client = scheme === "https" ? this.tls.client : undefined;
    if (client?.kind === "operator" && trust?.cas.length === 0) return;
    const given = await this.#connectionSource(client);
    // One that is deleted, or not made yet, takes nothing from applications.
    if (client !== undefined && client.kind !== "operator" && secretText(given, "ca.crt") === "") {
      return;
    }
    const { namespace } = this.#identity;
    const { name } = wanted;
    const is = await this.#setup.api.find(secrets, namespace, name);
    if (is !== undefined) requireOwn(this.#identity, is, "Secret");
    const running = all.filter(({ runs }) => runs.kind === "running");
    const secret = await connectionSecret({
      identity: this.#identity,
      clusterDomain: this.#setup.clusterDomain,
      name,
      source: client,
      authorities: this.#certificates?.authorities ?? [],
      terms: wantedCertificates(this.#cluster),
      areAllAware:
        running.length > 0 && running.every(({ loaded }) => loaded?.bundle === trust?.bundle),
      given,
      is,
      nowMs: this.#setup.nowMs(),
    });
    if (is === undefined) await this.#setup.write(() => this.#setup.api.create(secrets, secret));
    else if (!isDeepStrictEqual(is.data, secret.data)) {
      const { resourceVersion = "" } = is.metadata;
      const metadata = { ...secret.metadata, resourceVersion };
      await this.#setup.write(() => this.#setup.api.replace(secrets, { ...secret, metadata }));
    }
  }

  /**
   * A kubelet looks at what a pod mounts when the pod changes, else once a minute or so: an annotation that says
   * what is to be loaded makes it look, and again as long as the member says that it has not.
   */
  async #remind(observed: Observed, found: Found): Promise<void> {
    const certificates = this.#certificates;
    if (certificates === undefined || observed.trust === undefined) return;
    const { bundle, leaves } = observed.trust;
    const { namespace } = this.#identity;
    for (const { name, loaded } of observed.members) {
      const { pod: itsPod, member } = objectsOf(found, name);
      if (itsPod === undefined || member === undefined || loaded === undefined) continue;
      if (itsPod.metadata.deletionTimestamp !== undefined) continue;
      const isLoaded = loaded.bundle === bundle && loaded.leaf === leaves[name]?.fingerprint;
      if (isLoaded) continue;
      const id = certificates.contentId(member);
      const value = `${id}.${Math.floor(this.#setup.nowMs() / remindMs)}`;
      if (itsPod.metadata.annotations?.[annotations.certificates] === value) continue;
      const change = { metadata: { annotations: { [annotations.certificates]: value } } };
      await this.#setup.write(() => this.#setup.api.patch(pods, namespace, name, change));
    }
  }
}

function setTrouble(troubles: Map<string, string>, reason: string, text: string | undefined): void {
  if (text === undefined) troubles.delete(reason);
  else troubles.set(reason, text);
}
