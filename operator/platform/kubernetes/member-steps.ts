// The plan's steps that make and take away what one member consists of: its EtcdMember, claim and pod, and the Job
// that fills its volume. Each can be done twice, and be cut off at any point.
import type { EtcdCluster } from "#operator/api/etcd-cluster.ts";
import type { MemberRecord, PlanState, Step } from "#operator/plan/types.ts";
import { ApiError, isConflict } from "#operator/platform/kubernetes/api-client.ts";
import type { ClusterTurn } from "#operator/platform/kubernetes/cluster-turn.ts";
import {
  type Claim,
  claims,
  type KubeObject,
  type MemberObject,
  members,
  pods,
} from "#operator/platform/kubernetes/kinds.ts";
import {
  claim,
  dataVolume,
  isOwnedBy,
  memberObject,
  pod,
  type TemplateContent,
} from "#operator/platform/kubernetes/objects.ts";
import {
  type Found,
  type MemberObjects,
  objectsOf,
} from "#operator/platform/kubernetes/observe.ts";
import { requireOwn } from "#operator/platform/kubernetes/owned.ts";
import {
  beginRestore,
  endRestore,
  type RestoreOf,
} from "#operator/platform/kubernetes/restores.ts";
import { type Refusals, refuse } from "#operator/platform/kubernetes/volume-growth.ts";

export interface MemberStepsSetup extends ClusterTurn {
  /** What was found by the last look. */
  found(): Found;
  /** Volumes that could not grow, kept from one turn to the next. */
  readonly refusals: Refusals;
}

/** Its data goes with its pod. */
export const isEphemeral = ({ spec }: EtcdCluster): boolean => spec.storage.ephemeral;

/** Throws if there is none. */
export function recordOf(state: PlanState, name: string): MemberRecord {
  const record = state.members.find((one) => one.name === name);
  if (record === undefined) throw new Error(`there is no record of ${name}`);
  return record;
}

/** Of one cluster and one turn. */
export class MemberSteps {
  readonly #setup: MemberStepsSetup;

  constructor(setup: MemberStepsSetup) {
    this.#setup = setup;
  }

  /** Where a first member's data comes from, if it is not to begin empty. */
  restore(): RestoreOf | undefined {
    const { api, cluster, identity } = this.#setup;
    const { restore: source } = cluster.spec.bootstrap;
    return source === undefined ? undefined : { api, namespace: identity.namespace, source };
  }

  async beginRestore(step: Extract<Step, { kind: "restore" }>, state: PlanState): Promise<void> {
    const restore = this.restore();
    const { member, claim: itsClaim } = this.#objects(step.member);
    const template = state.templates[recordOf(state, step.member).template];
    if (restore === undefined || member === undefined || itsClaim === undefined || !template) {
      throw new Error(`${step.member} has no volume to restore into`);
    }
    const content = template.content as unknown as TemplateContent;
    await this.#setup.write(() => beginRestore(restore, step, member, itsClaim, content));
  }

  /** The EtcdMember of a record, made if there is none. */
  async member(name: string, state: PlanState): Promise<MemberObject> {
    const { member } = this.#objects(name);
    if (member !== undefined) return member;
    const { api, identity, write } = this.#setup;
    const wanted = memberObject(identity, recordOf(state, name), state);
    try {
      return await write(() => api.create(members, wanted));
    } catch (error) {
      if (!isConflict(error)) throw error;
      const is = await api.get(members, identity.namespace, name);
      requireOwn(identity, is, "EtcdMember");
      return is;
    }
  }

  async createVolume(name: string, state: PlanState): Promise<void> {
    const { api, identity, cluster, write } = this.#setup;
    const member = await this.member(name, state);
    if (isEphemeral(cluster)) return;
    const wanted: Claim = claim(identity, cluster, member);
    await write(() => api.create(claims, wanted));
  }

  async growVolume(name: string, bytes: number): Promise<void> {
    const { api, identity, cluster, refusals, write } = this.#setup;
    const { claim: itsClaim } = this.#objects(name);
    if (itsClaim === undefined) return;
    const { metadata } = itsClaim;
    const { size } = cluster.spec.storage;
    const change = { spec: { resources: { requests: { storage: size } } } };
    try {
      await write(() => api.patch(claims, identity.namespace, metadata.name, change));
    } catch (error) {
      // Its storage class cannot: said by a condition, and nothing else waits for it.
      if (!(error instanceof ApiError) || (error.status !== 403 && error.status !== 422)) {
        throw error;
      }
      refuse(refusals, metadata.name, bytes, error.message, this.#setup.nowMs());
    }
  }

  async deleteVolume(name: string): Promise<void> {
    const { api, write } = this.#setup;
    const { member, claim: itsClaim } = this.#objects(name);
    if (itsClaim !== undefined && itsClaim.metadata.deletionTimestamp === undefined) {
      await write(() => api.delete(claims, itsClaim));
    }
    // Last, for as long as it is there the member is not gone.
    if (itsClaim === undefined && member !== undefined) {
      await write(() => api.delete(members, member));
    }
  }

  async start(step: Extract<Step, { kind: "start" }>, state: PlanState): Promise<void> {
    const { api, identity, cluster, write } = this.#setup;
    const record = recordOf(state, step.member);
    const member = await this.member(step.member, state);
    const { claim: itsClaim } = this.#objects(step.member);
    if (itsClaim === undefined && !isEphemeral(cluster)) {
      throw new Error(`${step.member} has no volume claim`);
    }
    const restore = state.clusterId === undefined ? this.restore() : undefined;
    if (restore !== undefined) await endRestore(restore, member);
    const { bootstrap, storage } = cluster.spec;
    const data = dataVolume(itsClaim, storage.size);
    const wanted = pod(identity, bootstrap, member, record, data, step);
    // Kept before it is so: whoever reads it there must not take lost data for none yet.
    const wasStarted = member.status?.["started"] === true;
    if (!wasStarted) await this.#markStarted(record.name, true);
    try {
      await write(() => api.create(pods, wanted));
    } catch (error) {
      if (!isConflict(error)) {
        const isRefused = error instanceof ApiError && error.status >= 400 && error.status < 500;
        if (isRefused && !wasStarted) await this.#markStarted(record.name, false);
        throw error;
      }
      const is = await api.find(pods, identity.namespace, step.member);
      if (is !== undefined) requireOwnPod(is, member);
    }
  }

  /** Ends its pod, gently. */
  async stop(name: string): Promise<void> {
    const { api, write } = this.#setup;
    const { pod: itsPod } = this.#objects(name);
    if (itsPod === undefined || itsPod.metadata.deletionTimestamp !== undefined) return;
    await write(() => api.delete(pods, itsPod));
  }

  #objects(name: string): MemberObjects {
    return objectsOf(this.#setup.found(), name);
  }

  async #markStarted(name: string, started: boolean): Promise<void> {
    const { api, identity, write } = this.#setup;
    const change = { status: { started } };
    await write(() => api.patch(members, identity.namespace, name, change, "/status"));
  }
}

function requireOwnPod(is: KubeObject, member: MemberObject): void {
  if (isOwnedBy(is, member.metadata.uid ?? "")) return;
  throw new ApiError(409, "NotOurs", `Pod ${is.metadata.name} belongs to something else`);
}
