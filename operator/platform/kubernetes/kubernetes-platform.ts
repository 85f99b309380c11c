// The plan's platform on Kubernetes, for one cluster and one turn: everything is read from the API server,
// not from a cache, and the state is written with the version that was read, so that two operators can
// never both go on.
import { isDeepStrictEqual } from "node:util";
import type { Clock } from "#base/clock.ts";
import { errorText } from "#base/errors.ts";
import type { Random } from "#base/random.ts";
import type { EtcdCluster } from "#operator/api/etcd-cluster.ts";
import { parseQuantity } from "#operator/api/quantity.ts";
import { findIn } from "#operator/plan/bootstrap.ts";
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
import {
  openRegistry,
  type RegistryAccess,
  readRegistry,
} from "#operator/platform/discovery-registry.ts";
import { type ApiClient, ApiError, isConflict } from "#operator/platform/kubernetes/api-client.ts";
import {
  ClusterSecurity,
  type SecurityMemory,
} from "#operator/platform/kubernetes/cluster-security.ts";
import {
  accessOf,
  accessSecrets,
  bootstrapOf,
  recordName,
} from "#operator/platform/kubernetes/find.ts";
import {
  type Claim,
  type ClusterObject,
  claims,
  clusters,
  disruptionBudgets,
  type MemberObject,
  members,
  pods,
  secrets,
  services,
} from "#operator/platform/kubernetes/kinds.ts";
import {
  claim,
  clientPort,
  clusterOwner,
  dataVolume,
  headlessDomain,
  holds,
  type Identity,
  isOwnedBy,
  isVoter,
  labels,
  memberObject,
  memberUrls,
  pod,
  selectorText,
  surroundings,
  type TemplateContent,
} from "#operator/platform/kubernetes/objects.ts";
import {
  addressOf,
  ephemeralVolumeOf,
  type Found,
  objectsOf,
  processOf,
  remnantsOf,
  volumeOf,
} from "#operator/platform/kubernetes/observe.ts";
import { requireOwn } from "#operator/platform/kubernetes/owned.ts";
import {
  beginRestore,
  endRestore,
  observeRestore,
  type RestoreOf,
} from "#operator/platform/kubernetes/restores.ts";
import { lookUpRecords } from "#operator/platform/kubernetes/srv-records.ts";
import { memberObjectStatus, mirrorOf, statusOf } from "#operator/platform/kubernetes/status.ts";
import { kubernetesTemplate, type StoreDefaults } from "#operator/platform/kubernetes/template.ts";
import { schemeOf, wantedCertificates } from "#operator/platform/kubernetes/tls.ts";
import { growthOf, type Refusals, refuse } from "#operator/platform/kubernetes/volume-growth.ts";
import type { EtcdView } from "#operator/platform/local/etcd-view.ts";
import { type Platform, type Turn, wantedBySpec } from "#operator/reconcile.ts";

export interface KubernetesPlatformOptions extends SecurityMemory {
  readonly api: ApiClient;
  /** As it was read just now. */
  readonly object: ClusterObject;
  readonly clock: Clock;
  readonly random: Random;
  readonly defaults: StoreDefaults;
  /** Volumes that could not grow, kept from one turn to the next. */
  readonly refusals: Refusals;
  /** The domain of names in the cluster, as cluster.local. */
  readonly clusterDomain: string;
}

export class KubernetesPlatform implements Platform {
  readonly addresses: Addresses;
  readonly identity: Identity;
  readonly cluster: EtcdCluster;
  readonly #options: KubernetesPlatformOptions;
  readonly #api: ApiClient;
  readonly #etcd: EtcdView;
  readonly #security: ClusterSecurity;
  #object: ClusterObject;
  #found: Found = { members: [], claims: [], pods: [] };
  #turn: Turn | undefined;
  #writes = 0;

  constructor(options: KubernetesPlatformOptions) {
    const { object, clusterDomain } = options;
    const { name, namespace = "default", uid = "" } = object.metadata;
    this.#options = options;
    this.#api = options.api;
    this.#etcd = options.etcd;
    this.#object = object;
    this.identity = { name, namespace, uid };
    // The server has judged it by the schema that the type comes from, and has filled in the defaults.
    this.cluster = object as unknown as EtcdCluster;
    this.#security = new ClusterSecurity({
      ...options,
      identity: this.identity,
      cluster: this.cluster,
      nowMs: () => this.nowMs(),
      write: (write) => this.#write(write),
    });
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
    return {
      ...wantedBySpec(this.cluster),
      ...(certificates === undefined ? {} : { certificates }),
      name: this.identity.name,
      uid: this.identity.uid,
      template: kubernetesTemplate(this.cluster, this.#options.defaults),
      bootstrap: bootstrapOf(
        this.cluster,
        headlessDomain(this.identity, this.#options.clusterDomain),
      ),
      ...(volumeBytes === undefined ? {} : { volumeBytes }),
      isEphemeral: this.#isEphemeral,
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
    const selector = { namespace: this.identity.namespace, labels: selectorText(this.identity) };
    const [foundMembers, foundClaims, foundPods] = await Promise.all([
      this.#api.list(members, selector),
      this.#api.list(claims, selector),
      this.#api.list(pods, selector),
    ]);
    this.#found = {
      members: foundMembers.items,
      claims: foundClaims.items,
      pods: foundPods.items,
    };
    await this.#security.secure();
    const trust = this.#security.trust(this.#found.members);
    const records = state?.members ?? [];
    const urls = records.flatMap((one) => this.#urlOf(one.name) ?? []);
    this.#etcd.keep(urls);
    const isGivenUp = state?.abandoning === true;
    const [membership, registry, srvRecords, ...observed] = await Promise.all([
      this.#etcd.membership(urls),
      this.#registry(state),
      this.#records(state),
      ...records.map((record) => this.#observeOne(record, isGivenUp, trust?.bundle ?? "", state)),
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

  /** The SRV records of an outside domain, until the cluster is formed. */
  async #records(state: PlanState | undefined): Promise<readonly string[] | undefined> {
    const { bootstrap } = this.wanted();
    if (bootstrap?.kind !== "dns" || bootstrap.isOutside !== true) return undefined;
    if (state === undefined || state.clusterId !== undefined) return undefined;
    const peerUrl = state.members[0]?.peerUrl ?? "";
    return lookUpRecords(recordName(bootstrap.domain, peerUrl));
  }

  /** What the discovery service of a cluster that is not formed yet holds. */
  async #registry(
    state: PlanState | undefined,
  ): Promise<Pick<Observed, "registry" | "registryTrouble">> {
    if (state?.attempt === undefined || state.clusterId !== undefined) return {};
    const find = findIn(this.wanted(), state);
    if (find === undefined || find.kind === "dns") return {};
    try {
      const access = await this.#registryAccess();
      return { registry: await readRegistry(find, access, this.#options) };
    } catch (error) {
      return { registryTrouble: errorText(error) };
    }
  }

  async #registryAccess(): Promise<RegistryAccess> {
    const { namespace } = this.identity;
    const names = accessSecrets(this.cluster);
    const found = names.map(
      async (name) => [name, await this.#api.find(secrets, namespace, name)] as const,
    );
    return accessOf(this.cluster, new Map(await Promise.all(found)));
  }

  #urlOf(name: string): string | undefined {
    const scheme = schemeOf(this.#security.tls.client);
    return addressOf(objectsOf(this.#found, name).pod, clientPort, scheme);
  }

  async #observeOne(
    record: MemberRecord,
    isGivenUp: boolean,
    bundle: string,
    state: PlanState | undefined,
  ): Promise<ObservedMember> {
    const objects = objectsOf(this.#found, record.name);
    const restore = state?.clusterId === undefined && !record.started ? this.#restore() : undefined;
    const restored =
      restore === undefined ? undefined : await observeRestore(restore, objects.member);
    const url = this.#urlOf(record.name);
    const [answer, loaded] = await Promise.all([
      url === undefined ? undefined : this.#etcd.answer(url),
      this.#security.loadedBy(objects.pod, bundle),
    ]);
    const isLeft = isGivenUp || record.isOut === true;
    const volume = this.#isEphemeral
      ? ephemeralVolumeOf(record, objects, isLeft)
      : volumeOf(record, objects, isLeft);
    return {
      name: record.name,
      volume,
      runs: processOf(objects.pod),
      ...growthOf(objects.claim, this.#volumeBytes(), this.#options.refusals, this.nowMs()),
      ...(answer === undefined ? {} : { answer }),
      ...(loaded === undefined ? {} : { loaded }),
      ...(restored === undefined ? {} : { restored }),
    };
  }

  get #isEphemeral(): boolean {
    return this.cluster.spec.storage.ephemeral;
  }

  #volumeBytes(): number | undefined {
    if (this.#isEphemeral) return undefined;
    return parseQuantity(this.cluster.spec.storage.size);
  }

  /** Where a first member's data comes from, if it is not to begin empty. */
  #restore(): RestoreOf | undefined {
    const { restore: source } = this.cluster.spec.bootstrap;
    const { namespace } = this.identity;
    return source === undefined ? undefined : { api: this.#api, namespace, source };
  }

  async #beginRestore(step: Extract<Step, { kind: "restore" }>, state: PlanState): Promise<void> {
    const restore = this.#restore();
    const { member, claim: itsClaim } = objectsOf(this.#found, step.member);
    const template = state.templates[this.#record(state, step.member).template];
    if (restore === undefined || member === undefined || itsClaim === undefined || !template) {
      throw new Error(`${step.member} has no volume to restore into`);
    }
    const content = template.content as unknown as TemplateContent;
    await this.#write(() => beginRestore(restore, step, member, itsClaim, content));
  }

  /** What was decided, before anything is done about it. */
  decided(turn: Turn): void {
    this.#turn = turn;
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
    await this.#labelVoters(state.members);
    await this.#ownClaims();
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
      const { started, ...told } = memberObjectStatus(state, one, objects);
      // Without volumes this says whether there ever was a pod: only who makes one knows.
      const status = this.#isEphemeral ? told : { ...told, started };
      const is = Object.entries(status).every(
        ([field, value]) => (member.status?.[field] ?? null) === value,
      );
      if (is) continue;
      const { namespace } = this.identity;
      const { name } = member.metadata;
      await this.#write(() => this.#api.patch(members, namespace, name, { status }, "/status"));
    }
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

  /** The Services and the budget: what the plan does not speak of. */
  async surround(state: PlanState): Promise<void> {
    const { namespace } = this.identity;
    await this.#security.publish();
    const wanted = surroundings(this.identity, this.cluster, state);
    for (const service of wanted.services) {
      const { name } = service.metadata;
      const is = await this.#api.find(services, namespace, name);
      if (is === undefined) {
        await this.#write(() => this.#api.create(services, service));
        continue;
      }
      requireOwn(this.identity, is, "Service");
      const { spec, metadata } = service;
      const change = { spec, metadata: { annotations: metadata.annotations } };
      if (holds(is, change)) continue;
      await this.#write(() => this.#api.patch(services, namespace, name, change));
    }
    await this.#keepBudget(wanted.budget);
  }

  async #keepBudget(wanted: ReturnType<typeof surroundings>["budget"]): Promise<void> {
    const { namespace, name } = this.identity;
    const is = await this.#api.find(disruptionBudgets, namespace, name);
    if (is === undefined) {
      if (wanted !== undefined) {
        await this.#write(() => this.#api.create(disruptionBudgets, wanted));
      }
      return;
    }
    requireOwn(this.identity, is, "PodDisruptionBudget");
    if (wanted === undefined) {
      await this.#write(() => this.#api.delete(disruptionBudgets, is));
    } else if (!holds(is.spec, wanted.spec)) {
      const { spec } = wanted;
      await this.#write(() => this.#api.patch(disruptionBudgets, namespace, name, { spec }));
    }
  }

  /** The budget counts pods by their label: that follows who has a vote. */
  async #labelVoters(records: readonly MemberRecord[]): Promise<void> {
    const { namespace } = this.identity;
    for (const record of records) {
      const { pod: itsPod } = objectsOf(this.#found, record.name);
      if (itsPod === undefined || itsPod.metadata.deletionTimestamp !== undefined) continue;
      const isMarked = itsPod.metadata.labels?.[labels.voter] === "true";
      if (isMarked === isVoter(record)) continue;
      const label = { metadata: { labels: { [labels.voter]: isMarked ? null : "true" } } };
      await this.#write(() => this.#api.patch(pods, namespace, record.name, label));
    }
  }

  /** Under deletionPolicy Delete claims go with the cluster, under Retain nobody owns them. */
  async #ownClaims(): Promise<void> {
    const { namespace } = this.identity;
    const isOwned = this.cluster.spec.deletionPolicy === "Delete";
    for (const one of this.#found.claims) {
      if (isOwnedBy(one, this.identity.uid) === isOwned) continue;
      const ownerReferences = isOwned ? [clusterOwner(this.identity)] : [];
      const change = { metadata: { ownerReferences } };
      await this.#write(() => this.#api.patch(claims, namespace, one.metadata.name, change));
    }
  }

  async #write<T>(write: () => Promise<T>): Promise<T> {
    this.#writes++;
    return await write();
  }

  async act(step: Step, state: PlanState): Promise<void> {
    const urls = state.members.flatMap((one) => this.#urlOf(one.name) ?? []);
    switch (step.kind) {
      case "note":
      case "wait":
      case "release":
        return;
      case "create-volume":
        return this.#createVolume(this.#record(state, step.member), state);
      case "start":
        return this.#start(step, state);
      case "stop": {
        const { pod: itsPod } = objectsOf(this.#found, step.member);
        if (itsPod === undefined || itsPod.metadata.deletionTimestamp !== undefined) return;
        await this.#write(() => this.#api.delete(pods, itsPod));
        return;
      }
      case "delete-volume": {
        const { member, claim: itsClaim } = objectsOf(this.#found, step.member);
        if (itsClaim !== undefined && itsClaim.metadata.deletionTimestamp === undefined) {
          await this.#write(() => this.#api.delete(claims, itsClaim));
        }
        // Last, for as long as it is there the member is not gone.
        if (itsClaim === undefined && member !== undefined) {
          await this.#write(() => this.#api.delete(members, member));
        }
        return;
      }
      case "add-learner":
        return this.#etcd.addLearner(urls, step.peerUrl);
      case "promote":
        return this.#etcd.promote(urls, step.memberId);
      case "remove":
        return this.#etcd.remove(urls, step.memberId);
      case "move-leader":
        return this.#etcd.moveLeader(this.#requireUrl(step.member), step.toMemberId);
      case "compact":
        return this.#etcd.compact(urls);
      case "defragment":
        return this.#etcd.defragment(this.#requireUrl(step.member));
      case "disarm":
        return this.#etcd.disarm(urls, step.memberId, step.alarm);
      case "restore":
        return this.#beginRestore(step, state);
      case "open-registry": {
        if (step.find.kind === "dns") return;
        const access = await this.#registryAccess();
        return openRegistry(step.find, step.size, access, this.#options);
      }
      case "grow-volume":
        return this.#growVolume(step.member, step.bytes);
      case "add-ca":
        return this.#security.certificates.addCa(step.request);
      case "issue": {
        const member = await this.#member(this.#record(state, step.member), state);
        return this.#security.certificates.issue(member, step.ca);
      }
      case "drop-cas":
        return this.#security.certificates.dropCas();
    }
  }

  #record(state: PlanState, name: string): MemberRecord {
    const record = state.members.find((one) => one.name === name);
    if (record === undefined) throw new Error(`there is no record of ${name}`);
    return record;
  }

  #requireUrl(name: string): string {
    const url = this.#urlOf(name);
    if (url === undefined) throw new Error(`${name} has no address`);
    return url;
  }

  /** The EtcdMember of a record, made if there is none. */
  async #member(record: MemberRecord, state: PlanState): Promise<MemberObject> {
    const { member } = objectsOf(this.#found, record.name);
    if (member !== undefined) return member;
    const wanted = memberObject(this.identity, record, state);
    try {
      return await this.#write(() => this.#api.create(members, wanted));
    } catch (error) {
      if (!isConflict(error)) throw error;
      const is = await this.#api.get(members, this.identity.namespace, record.name);
      requireOwn(this.identity, is, "EtcdMember");
      return is;
    }
  }

  async #createVolume(record: MemberRecord, state: PlanState): Promise<void> {
    const member = await this.#member(record, state);
    if (this.#isEphemeral) return;
    const wanted: Claim = claim(this.identity, this.cluster, member);
    await this.#write(() => this.#api.create(claims, wanted));
  }

  async #growVolume(name: string, bytes: number): Promise<void> {
    const { claim: itsClaim } = objectsOf(this.#found, name);
    if (itsClaim === undefined) return;
    const { metadata } = itsClaim;
    const change = {
      spec: { resources: { requests: { storage: this.cluster.spec.storage.size } } },
    };
    try {
      await this.#write(() =>
        this.#api.patch(claims, this.identity.namespace, metadata.name, change),
      );
    } catch (error) {
      // Its storage class cannot: said by a condition, and nothing else waits for it.
      if (!(error instanceof ApiError) || (error.status !== 403 && error.status !== 422))
        throw error;
      refuse(this.#options.refusals, metadata.name, bytes, error.message, this.nowMs());
    }
  }

  async #start(step: Extract<Step, { kind: "start" }>, state: PlanState): Promise<void> {
    const record = this.#record(state, step.member);
    const member = await this.#member(record, state);
    const { claim: itsClaim } = objectsOf(this.#found, step.member);
    if (itsClaim === undefined && !this.#isEphemeral) {
      throw new Error(`${step.member} has no volume claim`);
    }
    const restore = state.clusterId === undefined ? this.#restore() : undefined;
    if (restore !== undefined) await endRestore(restore, member);
    const { bootstrap, storage } = this.cluster.spec;
    const data = dataVolume(itsClaim, storage.size);
    const wanted = pod(this.identity, bootstrap, member, record, data, step);
    // Kept before it is so: whoever reads it there must not take lost data for none yet.
    const wasStarted = member.status?.["started"] === true;
    if (!wasStarted) await this.#markStarted(record.name, true);
    try {
      await this.#write(() => this.#api.create(pods, wanted));
    } catch (error) {
      if (!isConflict(error)) {
        const isRefused = error instanceof ApiError && error.status >= 400 && error.status < 500;
        if (isRefused && !wasStarted) await this.#markStarted(record.name, false);
        throw error;
      }
      const is = await this.#api.find(pods, this.identity.namespace, step.member);
      if (is !== undefined) this.#requireOwnPod(is, member);
    }
  }

  async #markStarted(name: string, started: boolean): Promise<void> {
    const { namespace } = this.identity;
    await this.#write(() =>
      this.#api.patch(members, namespace, name, { status: { started } }, "/status"),
    );
  }

  #requireOwnPod(is: { readonly metadata: ClusterObject["metadata"] }, member: MemberObject): void {
    if (isOwnedBy(is, member.metadata.uid ?? "")) return;
    throw new ApiError(409, "NotOurs", `Pod ${is.metadata.name} belongs to something else`);
  }
}

/** As it reads after a round trip through the server: fields without a value are not there. */
function plain(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}
