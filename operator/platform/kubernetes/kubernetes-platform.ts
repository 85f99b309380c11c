// The plan's platform on Kubernetes, for one cluster and one turn: everything is read from the API server,
// not from a cache, and the state is written with the version that was read, so that two operators can
// never both go on.
import { isDeepStrictEqual } from "node:util";
import type { Clock } from "#base/clock.ts";
import type { Random } from "#base/random.ts";
import type { EtcdCluster } from "#operator/api/etcd-cluster.ts";
import { parseQuantity } from "#operator/api/quantity.ts";
import { schemeOfUrl } from "#operator/plan/peer-switch.ts";
import type {
  Addresses,
  MemberRecord,
  Observed,
  ObservedMember,
  PlanState,
  Step,
  Wanted,
} from "#operator/plan/types.ts";
import { viewOf } from "#operator/plan/view.ts";
import type { ApiClient } from "#operator/platform/kubernetes/api-client.ts";
import {
  type Aim,
  aimOf,
  servedCluster,
  wantedClients,
} from "#operator/platform/kubernetes/client-tls.ts";
import {
  ClusterSecurity,
  type SecurityMemory,
} from "#operator/platform/kubernetes/cluster-security.ts";
import { type ClusterTurn, clusterOf } from "#operator/platform/kubernetes/cluster-turn.ts";
import { bootstrapOf } from "#operator/platform/kubernetes/find.ts";
import { Formation } from "#operator/platform/kubernetes/formation.ts";
import { find } from "#operator/platform/kubernetes/found.ts";
import {
  type ClusterObject,
  clusters,
  type MemberObject,
  members,
} from "#operator/platform/kubernetes/kinds.ts";
import type { Loaded } from "#operator/platform/kubernetes/loaded.ts";
import { isEphemeral, MemberSteps } from "#operator/platform/kubernetes/member-steps.ts";
import {
  clientPort,
  headlessDomain,
  type Identity,
  labels,
  memberUrls,
  peerPort,
} from "#operator/platform/kubernetes/objects.ts";
import {
  addressOf,
  argumentsOf,
  ephemeralVolumeOf,
  type Found,
  type MemberObjects,
  objectsOf,
  processOf,
  remnantsOf,
  volumeOf,
} from "#operator/platform/kubernetes/observe.ts";
import { askPeerPort } from "#operator/platform/kubernetes/peer-port.ts";
import { wantedPeers, withKeptTls } from "#operator/platform/kubernetes/peer-tls.ts";
import { observeRestore } from "#operator/platform/kubernetes/restores.ts";
import { memberObjectStatus, mirrorOf, statusOf } from "#operator/platform/kubernetes/status.ts";
import {
  keepSurroundings,
  labelVoters,
  ownClaims,
} from "#operator/platform/kubernetes/surroundings.ts";
import { kubernetesTemplate, type StoreDefaults } from "#operator/platform/kubernetes/template.ts";
import {
  clientSchemesIn,
  peerSchemesIn,
  schemeIn,
  schemeOf,
  tlsSources,
  wantedCertificates,
} from "#operator/platform/kubernetes/tls.ts";
import { growthOf, type Refusals } from "#operator/platform/kubernetes/volume-growth.ts";
import type { EtcdView } from "#operator/platform/local/etcd-view.ts";
import { type Platform, type Turn, wantedBySpec } from "#operator/reconcile.ts";

export interface KubernetesPlatformOptions extends SecurityMemory {
  readonly api: ApiClient;
  /** As it was read just now. */
  readonly object: ClusterObject;
  readonly clock: Clock;
  readonly random: Random;
  readonly defaults: StoreDefaults;
  /** How long a member may take to come back from a restart before it gets its old settings. */
  readonly restartPatienceMs: number;
  /** Volumes that could not grow, kept from one turn to the next. */
  readonly refusals: Refusals;
  /** The domain of names in the cluster, as cluster.local. */
  readonly clusterDomain: string;
}

export class KubernetesPlatform implements Platform {
  readonly addresses: Addresses;
  readonly identity: Identity;
  /** As its members still need it: it has TLS until the last one has given it up. */
  readonly cluster: EtcdCluster;
  /** As its members are to be. */
  readonly #aim: Aim;
  readonly #options: KubernetesPlatformOptions;
  readonly #api: ApiClient;
  readonly #etcd: EtcdView;
  readonly #security: ClusterSecurity;
  readonly #acts: ClusterTurn;
  readonly #members: MemberSteps;
  readonly #formation: Formation;
  #object: ClusterObject;
  #found: Found = { members: [], claims: [], pods: [] };
  #turn: Turn | undefined;
  #writes = 0;

  constructor(options: KubernetesPlatformOptions) {
    const { object, clusterDomain } = options;
    this.#options = options;
    this.#api = options.api;
    this.#etcd = options.etcd;
    this.#object = object;
    const { identity, cluster } = clusterOf(object);
    this.identity = identity;
    this.#aim = aimOf(cluster, this.state());
    this.cluster = servedCluster(this.#aim.cluster, this.state());
    this.#acts = {
      api: options.api,
      identity: this.identity,
      cluster: this.cluster,
      clientScheme: schemeOf(tlsSources(this.#aim.cluster).client),
      nowMs: () => this.nowMs(),
      write: async (write) => {
        this.#writes++;
        return await write();
      },
    };
    this.#security = new ClusterSecurity({ ...options, ...this.#acts });
    this.#formation = new Formation({ ...options, ...this.#acts });
    this.#members = new MemberSteps({ ...options, ...this.#acts, found: () => this.#found });
    const { tls } = this.#security;
    this.addresses = (serial) => memberUrls(this.identity, clusterDomain, serial, tls);
  }

  /** How often this turn wrote to the API server. */
  get writes(): number {
    return this.#writes;
  }

  get found(): Found {
    return this.#found;
  }

  wanted(): Wanted {
    const volumeBytes = this.#volumeBytes();
    const certificates = wantedCertificates(this.cluster);
    const { defaults } = this.#options;
    const aim = this.#aim.cluster;
    const clients = wantedClients(this.#aim, this.state(), defaults);
    return {
      ...wantedBySpec(this.cluster),
      ...(certificates === undefined ? {} : { certificates }),
      name: this.identity.name,
      uid: this.identity.uid,
      restartPatienceMs: this.#options.restartPatienceMs,
      template: kubernetesTemplate(aim, defaults),
      peers: wantedPeers(aim, withKeptTls(aim, this.state()), defaults),
      ...(clients === undefined ? {} : { clients }),
      bootstrap: bootstrapOf(
        this.cluster,
        headlessDomain(this.identity, this.#options.clusterDomain),
      ),
      ...(volumeBytes === undefined ? {} : { volumeBytes }),
      isEphemeral: isEphemeral(this.cluster),
      // A cluster that is deleted is taken away by Kubernetes itself: its objects have owners.
      deleting: false,
    };
  }

  nowMs(): number {
    return this.#options.clock.wallMs();
  }

  state(): PlanState | undefined {
    return this.#object.status?.["plan"] as PlanState | undefined;
  }

  async observe(state: PlanState | undefined): Promise<Observed> {
    this.#found = await find(this.#acts, state);
    await this.#security.secure();
    const trust = this.#security.trust(this.#found.members);
    const records = state?.members ?? [];
    const urls = records.flatMap((one) => this.#urlOf(one.name) ?? []);
    this.#etcd.keep(urls);
    const isGivenUp = state?.abandoning === true;
    const wanted = this.wanted();
    const [membership, registry, srvRecords, ...observed] = await Promise.all([
      this.#etcd.membership(urls),
      this.#formation.registry(wanted, state),
      this.#formation.records(wanted, state),
      ...records.map((record) => {
        const leaf = trust?.leaves[record.name]?.fingerprint ?? "";
        const published = { bundle: trust?.bundle ?? "", leaf };
        return this.#observeOne(record, isGivenUp, published, state);
      }),
    ]);
    return {
      members: observed,
      ...(state === undefined ? await this.#remains() : { remnants: [] }),
      ...(membership === undefined ? {} : { membership }),
      ...(trust === undefined ? {} : { trust }),
      ...registry,
      ...(srvRecords === undefined ? {} : { records: srvRecords }),
    };
  }

  /** What is there though there is no record of it: of this cluster, or of one of the same name. */
  async #remains(): Promise<Pick<Observed, "remnants" | "mirrors">> {
    const { namespace, name, uid } = this.identity;
    const { items } = await this.#api.list(members, {
      namespace,
      labels: `${labels.cluster}=${name}`,
    });
    // What another cluster owns goes with it.
    const kept = items.filter(
      ({ spec, metadata }) => spec.clusterUid === uid || metadata.ownerReferences === undefined,
    );
    const mirrors = kept.map((one) =>
      mirrorOf(one, this.addresses(one.spec.serial, new Set()).clientUrl),
    );
    return { remnants: remnantsOf(this.#found, undefined), mirrors };
  }

  #urlOf(name: string): string | undefined {
    const { pod } = objectsOf(this.#found, name);
    // While TLS is switched on or off members differ.
    const scheme = schemeIn(argumentsOf(pod), schemeOf(this.#security.tls.client));
    return addressOf(pod, clientPort, scheme);
  }

  async #observeOne(
    record: MemberRecord,
    isGivenUp: boolean,
    published: Loaded,
    state: PlanState | undefined,
  ): Promise<ObservedMember> {
    const objects = objectsOf(this.#found, record.name);
    const restore =
      state?.clusterId === undefined && !record.started ? this.#members.restore() : undefined;
    const restored =
      restore === undefined ? undefined : await observeRestore(restore, objects.member);
    const url = this.#urlOf(record.name);
    const [answer, loaded, peerPort] = await Promise.all([
      url === undefined ? undefined : this.#etcd.answer(url),
      this.#security.loadedBy(objects.pod, published),
      this.#peerPortOf(record, objects, state),
    ]);
    const isLeft = isGivenUp || record.isOut === true;
    const volume = isEphemeral(this.cluster)
      ? ephemeralVolumeOf(record, objects, isLeft)
      : volumeOf(record, objects, isLeft);
    return {
      name: record.name,
      volume,
      runs: processOf(objects.pod),
      ...growthOf(objects.claim, this.#volumeBytes(), this.#options.refusals, this.nowMs()),
      ...(answer === undefined ? {} : { answer }),
      ...(loaded === undefined ? {} : { loaded }),
      ...(peerPort === undefined ? {} : { peerPort }),
      ...(restored === undefined ? {} : { restored }),
      ...(objects.pod === undefined
        ? {}
        : { clientSchemes: clientSchemesIn(argumentsOf(objects.pod)) }),
    };
  }

  /** Whether it can be dialled by the scheme that is wanted, while some are still known by the other one. */
  async #peerPortOf(
    record: MemberRecord,
    { member, pod }: MemberObjects,
    state: PlanState | undefined,
  ): Promise<ObservedMember["peerPort"]> {
    const scheme = schemeOf(tlsSources(this.#aim.cluster).peer);
    const isSwitching = state?.members.some((one) => schemeOfUrl(one.peerUrl) !== scheme) === true;
    const address = pod?.status?.podIP;
    if (!isSwitching || member === undefined || address === undefined) return undefined;
    // Not before it is to answer so.
    if (!peerSchemesIn(argumentsOf(pod)).includes(scheme)) return undefined;
    const where = { address, port: peerPort, name: new URL(record.peerUrl).hostname };
    return askPeerPort(where, scheme, await this.#security.peerMaterial(member));
  }

  #volumeBytes(): number | undefined {
    if (isEphemeral(this.cluster)) return undefined;
    return parseQuantity(this.cluster.spec.storage.size);
  }

  /** What was decided, before anything is done about it. */
  decided(turn: Turn): void {
    this.#turn = turn;
  }

  async surround(state: PlanState): Promise<void> {
    await this.#security.publish();
    await keepSurroundings(this.#acts, state);
  }

  async write(_state: PlanState): Promise<void> {
    await this.#writeStatus();
  }

  /**
   * Writes the status where the turn changed it, and unless the cluster is paused what follows from it: the
   * statuses of EtcdMembers, labels of voters, owners of claims.
   */
  async tell(): Promise<void> {
    await this.#writeStatus();
    const { decision, observed } = this.#turn ?? {};
    const state = decision?.state;
    if (state === undefined || observed === undefined || this.cluster.spec.paused) return;
    await labelVoters(this.#acts, state.members, this.#found);
    await ownClaims(this.#acts, this.#found);
    const urls = state.members.flatMap((one) => this.#urlOf(one.name) ?? []);
    await this.#security.tell(observed, this.#found, urls);
    const { addresses } = this;
    const wanted = this.wanted();
    const view = viewOf({ wanted, state, observed, addresses, nowMs: this.nowMs() }, state);
    for (const one of view.members) {
      const objects = objectsOf(this.#found, one.record.name);
      const { member } = objects;
      // Made in this very turn: the next one tells of it.
      if (member === undefined || member.metadata.deletionTimestamp !== undefined) continue;
      await this.#keepPeerUrl(member, one.record);
      const { started, ...told } = memberObjectStatus(state, one, objects);
      // Without volumes this says whether there ever was a pod: only who makes one knows.
      const status = isEphemeral(this.cluster) ? told : { ...told, started };
      const is = Object.entries(status).every(
        ([field, value]) => (member.status?.[field] ?? null) === value,
      );
      if (is) continue;
      const { namespace } = this.identity;
      const { name } = member.metadata;
      await this.#acts.write(() =>
        this.#api.patch(members, namespace, name, { status }, "/status"),
      );
    }
  }

  /** The URL is kept with the member, for the day the record is lost. */
  async #keepPeerUrl({ metadata, spec }: MemberObject, { peerUrl }: MemberRecord): Promise<void> {
    if (spec.peerUrl === peerUrl) return;
    const change = { spec: { peerUrl } };
    const { namespace } = this.identity;
    await this.#acts.write(() => this.#api.patch(members, namespace, metadata.name, change));
  }

  async #writeStatus(): Promise<void> {
    if (this.#turn === undefined) return;
    const time = new Date(this.nowMs()).toISOString().replace(/\.[0-9]+Z$/, "Z");
    const cluster = this.#object as unknown as EtcdCluster;
    const status = statusOf(this.identity, cluster, this, this.#turn, time);
    if (isDeepStrictEqual(plain(status), plain(this.#object.status))) return;
    this.#writes++;
    this.#object = await this.#api.replaceStatus(clusters, {
      ...this.#object,
      status: status as unknown as Readonly<Record<string, unknown>>,
    });
  }

  async act(step: Step, state: PlanState): Promise<void> {
    const urls = state.members.flatMap((one) => this.#urlOf(one.name) ?? []);
    switch (step.kind) {
      case "note":
      case "wait":
      case "release":
        return;
      case "create-volume":
        return this.#members.createVolume(step.member, state);
      case "start":
        await this.#security.request(await this.#members.member(step.member, state));
        return this.#members.start(step, state);
      case "stop":
        return this.#members.stop(step.member);
      case "delete-volume":
        return this.#members.deleteVolume(step.member);
      case "add-learner":
        return this.#etcd.addLearner(urls, step.peerUrl);
      case "promote":
        return this.#etcd.promote(urls, step.memberId);
      case "remove":
        return this.#etcd.remove(urls, step.memberId);
      case "update-peer-url":
        return this.#etcd.updatePeerUrl(urls, step.memberId, step.peerUrl);
      case "move-leader":
        return this.#etcd.moveLeader(this.#requireUrl(step.member), step.toMemberId);
      case "compact":
        return this.#etcd.compact(urls);
      case "defragment":
        return this.#etcd.defragment(this.#requireUrl(step.member));
      case "disarm":
        return this.#etcd.disarm(urls, step.memberId, step.alarm);
      case "restore":
        return this.#members.beginRestore(step, state);
      case "open-registry":
        return this.#formation.open(step.find, step.size);
      case "grow-volume":
        return this.#members.growVolume(step.member, step.bytes);
      case "add-ca":
        return this.#security.certificates.addCa(step.request);
      case "issue": {
        const member = await this.#members.member(step.member, state);
        return this.#security.certificates.issue(member, step.ca);
      }
      case "drop-cas":
        return this.#security.certificates.dropCas();
    }
  }

  #requireUrl(name: string): string {
    const url = this.#urlOf(name);
    if (url === undefined) throw new Error(`${name} has no address`);
    return url;
  }
}

/** As it reads after a round trip through the server: fields without a value are not there. */
function plain(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}
