// The backups and schedules of an API server: watches them and their Jobs, runs one turn of their plans for each
// that changed or that is due, and tells of failures by events, metrics and the condition BackupHealthy of the
// cluster.
import { isDeepStrictEqual } from "node:util";
import type { Clock } from "#base/clock.ts";
import { errorText } from "#base/errors.ts";
import type { EtcdBackupStatus } from "#operator/api/etcd-backup.ts";
import type { EtcdClusterStatus } from "#operator/api/etcd-cluster.ts";
import { backupHealth } from "#operator/plan/backup-health.ts";
import { scheduleProblem } from "#operator/plan/backup-schedule.ts";
import { isEndingNamespace, isNotFound } from "#operator/platform/kubernetes/api-client.ts";
import {
  type BackupObject,
  backups,
  type ClusterObject,
  clusters,
  jobs,
  type Kind,
  type KubeObject,
  schedules,
} from "#operator/platform/kubernetes/kinds.ts";
import {
  backedUpOf,
  KubernetesBackups,
  keptBackup,
  keptSchedule,
} from "#operator/platform/kubernetes/kubernetes-backups.ts";
import { backupLabels, pruneAnnotation } from "#operator/platform/kubernetes/snapshot-jobs.ts";
import { mergeConditions } from "#operator/platform/kubernetes/status.ts";
import { watchKind } from "#operator/platform/kubernetes/watcher.ts";
import { eventOf } from "#operator/process/events.ts";
import { type ControllerOptions, turnQueue } from "#operator/process/turn-queue.ts";
import type { WorkQueue } from "#operator/process/work-queue.ts";
import {
  type BackupFailpoint,
  reconcileBackup,
  reconcileSchedule,
} from "#operator/reconcile-backups.ts";

/** Something changed: what comes of it is looked at soon. */
const movingMs = 100;
/** Nothing is looked at more seldom, whatever a watch has missed. */
const maxRestMs = 60_000;
const minRestMs = 200;

type Again = { readonly againMs: number } | undefined;

export class BackupController {
  readonly #options: ControllerOptions;
  readonly #queue: WorkQueue;
  /** Backups that were deleted with their snapshots, by the key of their last look. */
  readonly #orphans = new Map<string, BackupObject>();

  constructor(options: ControllerOptions) {
    this.#options = options;
    this.#queue = turnQueue(options, "backup", (key) => this.#work(key));
  }

  /** Follows everything until it is stopped. */
  async run(): Promise<void> {
    const { namespaces, stop } = this.#options;
    const api = this.#options.api.stoppedBy(stop);
    const follow = <T extends KubeObject>(
      kind: Kind<T>,
      namespace: string | undefined,
      onObject: (object: T, isGone: boolean) => void,
      labels?: string,
    ) => {
      const selected = labels === undefined ? {} : { labels };
      return watchKind<T>({ ...this.#options, api, kind, namespace, onObject, ...selected });
    };
    await Promise.all(
      (namespaces ?? [undefined]).flatMap((namespace) => [
        follow(backups, namespace, (one, isGone) => this.#onBackup(one, isGone)),
        follow(schedules, namespace, (one) => this.#ask("schedule", one, one.metadata.name)),
        follow(
          jobs,
          namespace,
          (one) => {
            const owner = one.metadata.ownerReferences?.[0];
            if (owner?.kind === "EtcdBackup") this.#ask("backup", one, owner.name);
          },
          backupLabels.backupUid,
        ),
      ]),
    );
    if (!stop.aborted) throw new Error("the watches of backups ended");
    await this.#queue.stop();
  }

  #ask(what: string, { metadata }: KubeObject, name: string): void {
    this.#queue.ask(`${what}/${metadata.namespace}/${name}`);
  }

  #onBackup(object: BackupObject, isGone: boolean): void {
    const { metadata, spec, status } = object;
    const mayBeThere = spec.deletionPolicy === "Delete" && status?.startedAt !== undefined;
    if (isGone && mayBeThere && metadata.annotations?.[pruneAnnotation] !== "true") {
      this.#orphans.set(`${metadata.namespace}/${metadata.uid}`, object);
      this.#ask("orphan", object, metadata.uid ?? "");
    }
    this.#ask("backup", object, metadata.name);
    this.#ask("health", object, spec.clusterName);
    const schedule = metadata.labels?.[backupLabels.schedule];
    if (schedule !== undefined) this.#ask("schedule", object, schedule);
  }

  async #work(key: string): Promise<Again> {
    const [what, namespace = "", name = ""] = key.split("/");
    try {
      switch (what) {
        case "backup":
          return await this.#backup(namespace, name);
        case "schedule":
          return await this.#schedule(namespace, name);
        case "orphan":
          return await this.#orphan(namespace, name);
        default:
          return await this.#health(namespace, name);
      }
    } catch (error) {
      // It went, or its namespace goes and all that is in it.
      if (isNotFound(error) || isEndingNamespace(error)) return undefined;
      throw error;
    }
  }

  #platform(namespace: string, cluster: ClusterObject | undefined): KubernetesBackups {
    const { image } = this.#options.defaults;
    return new KubernetesBackups({ ...this.#options, namespace, cluster, image });
  }

  async #backup(namespace: string, name: string): Promise<Again> {
    const { api, clock, failpoint, metrics } = this.#options;
    const object = await api.find(backups, namespace, name);
    if (object === undefined || object.metadata.deletionTimestamp !== undefined) return undefined;
    const cluster = await api.find(clusters, namespace, object.spec.clusterName);
    const platform = this.#platform(namespace, cluster);
    const kept = keptBackup(object);
    const of = await platform.backedUp(kept);
    const decision = await reconcileBackup(platform, kept, of, failpoint);
    await this.#tell(object, decision.status);
    metrics.acted(`backup-${decision.step.kind}`, platform.writes);
    if (platform.writes > 0) return { againMs: movingMs };
    return decision.step.kind === "wait" ? this.#until(decision.step.untilMs, clock) : undefined;
  }

  #until(ms: number, clock: Clock): Again {
    return { againMs: Math.min(maxRestMs, Math.max(minRestMs, ms - clock.wallMs())) };
  }

  /** Events and metrics of what changed. */
  async #tell(object: BackupObject, status: EtcdBackupStatus): Promise<void> {
    const before = object.status ?? {};
    const condition = status.conditions?.[0];
    const was = before.conditions?.[0];
    const { metrics, log } = this.#options;
    const { namespace, name } = object.metadata;
    const isDone = status.phase !== before.phase;
    if (isDone && status.phase === "Complete") {
      metrics.backedUp("complete");
      log.info({ backup: `${namespace}/${name}`, revision: status.revision }, "backup complete");
    }
    if (isDone && status.phase === "Failed") metrics.backedUp("failed");
    const isNew = condition?.reason !== was?.reason || condition?.message !== was?.message;
    if (condition === undefined || !isNew) return;
    const isGood = condition.status === "True" && condition.reason !== "NotDeleted";
    await this.#event(backups, object, isGood ? "Normal" : "Warning", condition);
  }

  async #schedule(namespace: string, name: string): Promise<Again> {
    const { api, clock, failpoint, metrics } = this.#options;
    const object = await api.find(schedules, namespace, name);
    if (object === undefined || object.metadata.deletionTimestamp !== undefined) {
      metrics.forgetSchedule(namespace, name);
      return undefined;
    }
    const { spec, status = {} } = object;
    const problem = scheduleProblem(spec.schedule, spec.timeZone);
    const [condition] = mergeConditions(
      status.conditions ?? [],
      [
        {
          type: "Valid",
          status: problem === undefined ? "True" : "False",
          reason: problem === undefined ? "Valid" : "InvalidSchedule",
          message: problem ?? "",
        },
      ],
      object.metadata.generation ?? 0,
      new Date(clock.wallMs()).toISOString().replace(/\.[0-9]+Z$/, "Z"),
    );
    if (condition === undefined) return undefined;
    const kept = keptSchedule({ ...object, status: { ...status, conditions: [condition] } });
    if (!isDeepStrictEqual(status.conditions, [condition])) {
      const platform = this.#platform(namespace, undefined);
      await platform.writeSchedule(kept, kept.status);
      this.#queue.ask(`health/${namespace}/${spec.clusterName}`);
      if (problem !== undefined) await this.#event(schedules, object, "Warning", condition);
      return { againMs: movingMs };
    }
    if (problem !== undefined) return undefined;
    const cluster = await api.find(clusters, namespace, spec.clusterName);
    const labels = `${backupLabels.schedule}=${name}`;
    const own = (await api.list(backups, { namespace, labels })).items.map(keptBackup);
    const platform = this.#platform(namespace, cluster);
    const of = backedUpOf(cluster);
    const decision = await reconcileSchedule(platform, kept, own, of, failpoint);
    const { lastSuccessAt } = decision.status;
    const ms = lastSuccessAt === undefined ? kept.createdMs : Date.parse(lastSuccessAt);
    metrics.scheduled(namespace, name, ms);
    metrics.acted("backup-schedule", platform.writes);
    if (platform.writes > 0) return { againMs: movingMs };
    return decision.untilMs === undefined ? undefined : this.#until(decision.untilMs, clock);
  }

  async #orphan(namespace: string, uid: string): Promise<Again> {
    const key = `${namespace}/${uid}`;
    const object = this.#orphans.get(key);
    if (object === undefined) return undefined;
    const { failpoint } = this.#options;
    failpoint("latched:backup-orphan" satisfies BackupFailpoint);
    await this.#platform(namespace, undefined).removeOrphan(object);
    failpoint("acted:backup-orphan" satisfies BackupFailpoint);
    this.#orphans.delete(key);
    return undefined;
  }

  /** Writes BackupHealthy of a cluster where it changed. */
  async #health(namespace: string, name: string): Promise<Again> {
    const { api, clock } = this.#options;
    const cluster = await api.find(clusters, namespace, name);
    // One that was never looked at has no status to add to.
    if (cluster?.status === undefined) return undefined;
    const isOf = (one: { readonly spec: { readonly clusterName: string } }) =>
      one.spec.clusterName === name;
    const [foundBackups, foundSchedules] = await Promise.all([
      api.list(backups, { namespace }),
      api.list(schedules, { namespace }),
    ]);
    const health = backupHealth(
      foundSchedules.items.filter(isOf).map(({ metadata, spec }) => ({
        name: metadata.name,
        problem: scheduleProblem(spec.schedule, spec.timeZone),
      })),
      foundBackups.items
        .filter(isOf)
        .map(({ metadata, status = {} }) => ({ name: metadata.name, status })),
    );
    const old = (cluster.status as EtcdClusterStatus).conditions ?? [];
    const others = old.filter((one) => one.type !== "BackupHealthy");
    const time = new Date(clock.wallMs()).toISOString().replace(/\.[0-9]+Z$/, "Z");
    const generation = cluster.metadata.generation ?? 0;
    const own =
      health === undefined
        ? []
        : mergeConditions(old, [{ type: "BackupHealthy", ...health }], generation, time);
    const was = old.find((one) => one.type === "BackupHealthy");
    const [is] = own;
    if (was?.status === is?.status && was?.reason === is?.reason && was?.message === is?.message) {
      return undefined;
    }
    const conditions = [...others, ...own];
    const status = { ...cluster.status, conditions };
    await api.replaceStatus(clusters, { ...cluster, status });
    this.#options.metrics.acted("backup-health", 1);
    if (is?.status === "False") await this.#event(clusters, cluster, "Warning", is);
    return undefined;
  }

  async #event(
    kind: Pick<Kind<KubeObject>, "apiVersion" | "kind">,
    object: KubeObject,
    type: "Normal" | "Warning",
    said: { readonly reason: string; readonly message: string },
  ): Promise<void> {
    const { api, log } = this.#options;
    try {
      await eventOf(api, this.#options, kind, object, type, said);
    } catch (error) {
      log.debug({ error: errorText(error) }, "an event could not be made");
    }
  }
}
