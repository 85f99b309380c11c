// The clusters of an API server: watches them and what belongs to them, and runs one turn of the plan for
// each that changed, or that has to be looked at again. What members say of themselves comes without a
// watch, so a cluster at rest is asked every few seconds; nothing is written then.
import { errorText } from "#base/errors.ts";
import type { Decision } from "#operator/plan/types.ts";
import {
  type ApiClient,
  isEndingNamespace,
  isNotFound,
} from "#operator/platform/kubernetes/api-client.ts";
import { Authentication } from "#operator/platform/kubernetes/authentication.ts";
import { kubernetesProblem } from "#operator/platform/kubernetes/fit.ts";
import {
  type ClusterObject,
  claims,
  clusters,
  type KubeObject,
  members,
  pods,
} from "#operator/platform/kubernetes/kinds.ts";
import { KubernetesPlatform } from "#operator/platform/kubernetes/kubernetes-platform.ts";
import { labels } from "#operator/platform/kubernetes/objects.ts";
import { objectsOf, podTrouble } from "#operator/platform/kubernetes/observe.ts";
import { OperatorAccess } from "#operator/platform/kubernetes/operator-access.ts";
import { refusedTurn } from "#operator/platform/kubernetes/status.ts";
import type { Refusals } from "#operator/platform/kubernetes/volume-growth.ts";
import { watchKind } from "#operator/platform/kubernetes/watcher.ts";
import { EtcdView } from "#operator/platform/local/etcd-view.ts";
import { eventOf } from "#operator/process/events.ts";
import { type ControllerOptions, turnQueue } from "#operator/process/turn-queue.ts";
import type { WorkQueue } from "#operator/process/work-queue.ts";
import { reconcile, type Turn } from "#operator/reconcile.ts";
import { isEtcdError } from "#proto/errors.ts";

/** A cluster at rest is looked at so often. */
const restMs = 10_000;
/** One that waits for its members. */
const waitMs = 1000;
/** One that has just done something: what came of it shows soon. */
const movingMs = 50;
/** A member that takes longer counts as one that does not answer. */
const askTimeoutMs = 3000;
/** The same step again, as long as nothing changes. */
const sameStepMs = 500;

export interface ClusterControllerOptions extends ControllerOptions {
  readonly clusterDomain: string;
  readonly restartPatienceMs: number;
}

interface Followed {
  readonly uid: string;
  readonly etcd: EtcdView;
  readonly refusals: Refusals;
  readonly access: OperatorAccess;
  readonly authentication: Authentication;
  readonly troubles: Map<string, string>;
  /** What was last said of it. */
  said: string;
  lastStep: string;
}

export class Controller {
  readonly #options: ClusterControllerOptions;
  readonly #queue: WorkQueue;
  readonly #followed = new Map<string, Followed>();

  constructor(options: ClusterControllerOptions) {
    this.#options = options;
    this.#queue = turnQueue(options, "cluster", (key) => this.#work(key));
    options.metrics.watchQueue(
      () => this.#queue.depth,
      () => this.#followed.size,
    );
  }

  /** Follows everything until it is stopped. */
  async run(): Promise<void> {
    const { namespaces, stop } = this.#options;
    // A turn under way is finished when all this stops, a watch is not.
    const api = this.#options.api.stoppedBy(stop);
    const watches = (namespaces ?? [undefined]).flatMap((namespace) => [
      this.#watchClusters(api, namespace),
      ...[pods, claims, members].map((kind) =>
        watchKind<KubeObject>({
          ...this.#options,
          api,
          kind,
          namespace,
          labels: labels.clusterUid,
          onObject: (object) => {
            const name = object.metadata.labels?.[labels.cluster];
            if (name !== undefined) this.#queue.ask(`${object.metadata.namespace}/${name}`);
          },
        }),
      ),
    ]);
    await Promise.all(watches);
    if (!stop.aborted) throw new Error("the watches ended");
    await this.#queue.stop();
    for (const { etcd } of this.#followed.values()) etcd.close();
  }

  #watchClusters(api: ApiClient, namespace: string | undefined): Promise<void> {
    return watchKind<ClusterObject>({
      ...this.#options,
      api,
      kind: clusters,
      namespace,
      onObject: ({ metadata }) => this.#queue.ask(`${metadata.namespace}/${metadata.name}`, true),
    });
  }

  async #work(key: string): Promise<{ readonly againMs: number } | undefined> {
    const { api, clock, random, metrics, failpoint } = this.#options;
    const [namespace = "", name = ""] = key.split("/");
    const object = await api.find(clusters, namespace, name);
    if (object === undefined) {
      this.#forget(key);
      return undefined;
    }
    // What belongs to it goes by itself, owner after owner.
    if (object.metadata.deletionTimestamp !== undefined) return { againMs: restMs };
    const { uid = "" } = object.metadata;
    let followed = this.#followed.get(key);
    if (followed === undefined || followed.uid !== uid) {
      this.#forget(key);
      followed = {
        uid,
        etcd: new EtcdView({ clock, random, askTimeoutMs }),
        refusals: new Map(),
        access: new OperatorAccess(),
        authentication: new Authentication(),
        troubles: new Map(),
        said: "",
        lastStep: "",
      };
      this.#followed.set(key, followed);
    }
    const platform = new KubernetesPlatform({ ...this.#options, ...followed, object });
    const endTimer = metrics.turn();
    try {
      const problem = kubernetesProblem(platform.cluster, platform.state());
      if (problem !== undefined) {
        const turn = refusedTurn("NotSupported", problem);
        platform.decided(turn);
        await this.#say(followed, platform, turn);
        await platform.tell();
        return { againMs: restMs };
      }
      // Before there is a record, what is there may be in use by what is to be taken over.
      const state = platform.state();
      if (state !== undefined && !platform.cluster.spec.paused) await platform.surround(state);
      let first: Turn | undefined;
      const turn = await reconcile(platform, failpoint, (decided) => {
        const told = withTroubles(withTrouble(decided, platform), followed.troubles);
        first = told;
        platform.decided(told);
        // Said before it is done, so that a step that fails is seen too.
        void this.#say(followed, platform, told);
      });
      await platform.tell();
      metrics.acted(turn.decision.step.kind, platform.writes);
      return { againMs: this.#pauseAfter(followed, first ?? turn) };
    } catch (error) {
      // The object went, or somebody else wrote it: the next turn reads it anew.
      if (isNotFound(error)) return { againMs: movingMs };
      // Its namespace goes, and all that is in it: nothing can be made there any more, nor need it be.
      if (isEndingNamespace(error)) return { againMs: restMs };
      // A quorum lets nobody join until all its voters have been connected for five seconds.
      if (isEtcdError(error, "unhealthy")) return { againMs: waitMs };
      throw error;
    } finally {
      endTimer();
    }
  }

  #pauseAfter(followed: Followed, turn: Turn): number {
    const { decision, isMoving } = turn;
    const { step, reason } = decision;
    const name = `${step.kind} ${"member" in step ? step.member : ""}`;
    const isSame = followed.lastStep === name && step.kind !== "note";
    followed.lastStep = name;
    if (isMoving && step.kind !== "wait") return isSame ? sameStepMs : movingMs;
    if (isMoving) return movingMs;
    return reason.kind === "waiting" ? waitMs : restMs;
  }

  #forget(key: string): void {
    this.#followed.get(key)?.etcd.close();
    this.#followed.delete(key);
  }

  /** Logs and makes an event of what is decided, once for each thing. */
  async #say(followed: Followed, platform: KubernetesPlatform, turn: Turn): Promise<void> {
    const { decision } = turn;
    const { reason, step } = decision;
    const essence = `${reason.word}: ${reason.message}`;
    if (followed.said === essence) return;
    const isFirst = followed.said === "";
    followed.said = essence;
    const { log } = this.#options;
    const { namespace, name } = platform.identity;
    log.info(
      { cluster: `${namespace}/${name}`, step: step.kind, reason: reason.word },
      reason.message,
    );
    // After a start of the operator, what was so already is no event.
    if (reason.kind === "steady" && isFirst) return;
    if (wasSaid(platform, decision)) return;
    await this.#event(platform, reason.kind === "blocked" ? "Warning" : "Normal", decision);
  }

  async #event(
    platform: KubernetesPlatform,
    type: "Normal" | "Warning",
    { reason }: Decision,
  ): Promise<void> {
    const { api, log } = this.#options;
    const { identity } = platform;
    try {
      await eventOf(api, this.#options, clusters, { metadata: identity }, type, {
        reason: reason.word,
        message: reason.message,
      });
    } catch (error) {
      log.debug({ error: errorText(error) }, "an event could not be made");
    }
  }
}

/** Whether the status says so already: an operator that was started again does not repeat it. */
function wasSaid(platform: KubernetesPlatform, { reason }: Decision): boolean {
  const conditions = platform.cluster.status?.conditions ?? [];
  return conditions.some((one) => one.reason === reason.word && one.message === reason.message);
}

/** What is in the way of things besides the plan: the cluster is not all that was asked for. */
function withTroubles(turn: Turn, troubles: ReadonlyMap<string, string>): Turn {
  const [first] = troubles;
  if (first === undefined) return turn;
  const [reason] = first;
  const message = [...troubles.values()].join("; ");
  const conditions = turn.conditions.map((one) =>
    one.type === "Degraded" && one.status === "False"
      ? { ...one, status: "True" as const, reason, message }
      : one,
  );
  return { ...turn, conditions };
}

/** What Kubernetes says of pods that do not run, added where members are missed. */
function withTrouble(turn: Turn, platform: KubernetesPlatform): Turn {
  const { state } = turn.decision;
  const troubles = (state?.members ?? []).flatMap(({ name }) => {
    const trouble = podTrouble(objectsOf(platform.found, name).pod);
    return trouble === undefined ? [] : [`${name}: ${trouble}`];
  });
  if (troubles.length === 0) return turn;
  const text = troubles.join("; ");
  const conditions = turn.conditions.map((one) =>
    (one.type === "Available" && one.status === "False") ||
    (one.type === "Degraded" && one.status === "True")
      ? { ...one, message: `${one.message}. ${text}` }
      : one,
  );
  return { ...turn, conditions };
}
