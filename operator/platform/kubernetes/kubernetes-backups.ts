// The platform of backups on Kubernetes: snapshots are Jobs, what is deleted is deleted by Jobs too, and statuses
// are written with the version that was read. There are no finalizers, so that a namespace ends without the
// operator: an EtcdBackup that its schedule prunes is marked, its snapshot deleted, and then the object; one that a
// user deletes while no operator runs leaves its snapshot behind.
import type { Clock } from "#base/clock.ts";
import type { EtcdBackupScheduleStatus, EtcdBackupStatus } from "#operator/api/etcd-backup.ts";
import type { EtcdClusterSpec, EtcdClusterStatus } from "#operator/api/etcd-cluster.ts";
import { apiVersion } from "#operator/api/parts.ts";
import type { BackupStep, SnapshotRemoval, SnapshotRun } from "#operator/plan/backup.ts";
import type { PlanState } from "#operator/plan/types.ts";
import { type ApiClient, isConflict } from "#operator/platform/kubernetes/api-client.ts";
import { servedBy } from "#operator/platform/kubernetes/client-tls.ts";
import {
  certificateSecret,
  type JobAccess,
  keepCertificate,
  type PlannedAccess,
  planAccess,
} from "#operator/platform/kubernetes/job-access.ts";
import {
  type BackupObject,
  backups,
  type ClusterObject,
  type Job,
  jobs,
  type Pod,
  pods,
  type ScheduleObject,
  schedules,
} from "#operator/platform/kubernetes/kinds.ts";
import type { TemplateContent } from "#operator/platform/kubernetes/objects.ts";
import {
  backupLabels,
  type JobOptions,
  type JobSurroundings,
  jobName,
  locationOf,
  ownerOf,
  placeIn,
  pruneAnnotation,
  removalOf,
  runOf,
  snapshotJob,
  snapshotName,
  tlsFiles,
} from "#operator/platform/kubernetes/snapshot-jobs.ts";
import { schemeOf, schemesOf, tlsSources } from "#operator/platform/kubernetes/tls.ts";
import type {
  BackedUp,
  BackupPlatform,
  KeptBackup,
  KeptSchedule,
} from "#operator/reconcile-backups.ts";

/** Longer than any deletion of one file takes. */
const removalSeconds = 600;

/** An EtcdBackup with what the plan goes by, made of the object that was read. */
export interface KubernetesBackup extends KeptBackup {
  readonly object: BackupObject;
}

export interface KubernetesSchedule extends KeptSchedule {
  readonly object: ScheduleObject;
}

const createdMs = (object: BackupObject | ScheduleObject): number =>
  Date.parse(object.metadata.creationTimestamp ?? "") || 0;

export function keptBackup(object: BackupObject): KubernetesBackup {
  const { metadata, spec, status = {} } = object;
  const schedule = metadata.labels?.[backupLabels.schedule];
  return {
    object,
    name: metadata.name,
    ...(schedule === undefined ? {} : { schedule }),
    createdMs: createdMs(object),
    deleting: metadata.annotations?.[pruneAnnotation] === "true",
    spec,
    status,
  };
}

export function keptSchedule(object: ScheduleObject): KubernetesSchedule {
  const { metadata, spec, status = {} } = object;
  return { object, name: metadata.name, createdMs: createdMs(object), spec, status };
}

/** What the object of a cluster, as the operator has written it, says to its backups. */
export function backedUpOf(cluster: ClusterObject | undefined): BackedUp {
  if (cluster === undefined || cluster.metadata.deletionTimestamp !== undefined) {
    return { state: "absent", from: undefined };
  }
  const spec = cluster.spec as unknown as EtcdClusterSpec;
  const status = (cluster.status ?? {}) as EtcdClusterStatus;
  const plan = status.plan as PlanState | undefined;
  const serving = (status.members ?? [])
    .filter((one) => one.ready === true && (one.role === "follower" || one.role === "leader"))
    // One that is being restarted speaks now as it did, now as it will.
    .filter((one, _, all) => one.name !== plan?.restart?.name || all.length === 1)
    .sort((a, b) => Number(a.role === "leader") - Number(b.role === "leader"));
  const record = plan?.members.find((one) => one.name === serving[0]?.name);
  // A record says how its member was spoken to when it came, its template how it is now.
  const { tls } = (plan?.templates[record?.template ?? ""]?.content ??
    {}) as Partial<TemplateContent>;
  const wanted = schemeOf(tlsSources(servedBy(cluster).cluster).client);
  const served = schemesOf(tls?.client);
  const scheme = served.includes(wanted) ? wanted : served[0];
  const from = record?.clientUrl.replace(/^https?:/, `${scheme}:`);
  if (spec.paused) return { state: "paused", from };
  if (spec.replicas === 0 || plan?.asleep === true) return { state: "hibernated", from };
  return { state: plan?.clusterId === undefined ? "absent" : "runs", from };
}

export interface KubernetesBackupsOptions {
  readonly api: ApiClient;
  readonly clock: Clock;
  readonly namespace: string;
  /** Of the cluster, if there is one. */
  readonly cluster: ClusterObject | undefined;
  /** Image of the store, which has the program that Jobs run. */
  readonly image: string;
}

export class KubernetesBackups implements BackupPlatform {
  readonly #options: KubernetesBackupsOptions;
  #access: PlannedAccess = {};
  #writes = 0;

  constructor(options: KubernetesBackupsOptions) {
    this.#options = options;
  }

  get writes(): number {
    return this.#writes;
  }

  nowMs(): number {
    return this.#options.clock.wallMs();
  }

  /** What this backup is taken of, and as whom: nobody is asked as long as nobody can be let in. */
  async backedUp({ object }: KubernetesBackup): Promise<BackedUp> {
    const { api, cluster } = this.#options;
    const of = backedUpOf(cluster);
    const { phase } = object.status ?? {};
    const isOver = phase === "Complete" || phase === "Failed";
    if (cluster === undefined || of.from === undefined || isOver) return of;
    const access = await planAccess(api, cluster, object, of.from, this.nowMs());
    if (typeof access === "string") return { state: of.state, from: undefined, why: access };
    this.#access = access;
    return of;
  }

  async run(backup: KeptBackup): Promise<SnapshotRun> {
    const { object } = backup as KubernetesBackup;
    // What is done is not asked for again; what failed may still have to be stopped.
    if (object.status?.phase === "Complete") return { kind: "none" };
    const [job, pod] = await this.#job(jobName(object, ""));
    return runOf(job, pod);
  }

  async removal(backup: KeptBackup): Promise<SnapshotRemoval> {
    const { object } = backup as KubernetesBackup;
    const [job, pod] = await this.#job(jobName(object, "rm"));
    return removalOf(job, pod);
  }

  /** A Job and the pod that it had. */
  async #job(name: string): Promise<readonly [Job | undefined, Pod | undefined]> {
    return await findJob(this.#options.api, this.#options.namespace, name);
  }

  async writeBackup(backup: KeptBackup, status: EtcdBackupStatus): Promise<void> {
    const { object } = backup as KubernetesBackup;
    this.#writes++;
    await this.#options.api.replaceStatus(backups, { ...object, status });
  }

  async writeSchedule(schedule: KeptSchedule, status: EtcdBackupScheduleStatus): Promise<void> {
    const { object } = schedule as KubernetesSchedule;
    this.#writes++;
    await this.#options.api.replaceStatus(schedules, { ...object, status });
  }

  async act(backup: KeptBackup, step: BackupStep): Promise<void> {
    const { object } = backup as KubernetesBackup;
    const { api } = this.#options;
    switch (step.kind) {
      case "take":
        return this.#begin(jobName(object, ""), takeOptions(object, step.from, this.#access), () =>
          this.#certify(object),
        );
      case "stop": {
        const [job] = await this.#job(jobName(object, ""));
        this.#writes++;
        if (job !== undefined) await api.delete(jobs, job);
        return;
      }
      case "delete-snapshot":
        return this.#begin(jobName(object, "rm"), removalOptions(object, true));
      case "release":
        this.#writes++;
        return api.delete(backups, object);
      case "none":
      case "wait":
        return;
    }
  }

  /** One that ended is in the way of the next try: it goes first, and the next turn makes another. */
  async #begin(
    name: string,
    options: JobOptions,
    prepare: () => Promise<void> = async () => {},
  ): Promise<void> {
    const { api, namespace } = this.#options;
    const is = await api.find(jobs, namespace, name);
    this.#writes++;
    if (is !== undefined) return api.delete(jobs, is);
    await prepare();
    try {
      await api.create(jobs, snapshotJob(this.#surroundings(), options));
    } catch (error) {
      // Names end in the backup's UID: it is ours.
      if (!isConflict(error)) throw error;
    }
  }

  /** What the Job is to mount, before it is there. */
  async #certify(object: BackupObject): Promise<void> {
    const { by } = this.#access;
    if (by === undefined) return;
    const secret = await certificateSecret(object, by, this.nowMs());
    this.#writes++;
    await keepCertificate(this.#options.api, secret);
  }

  #surroundings(): JobSurroundings {
    const { namespace, cluster, image } = this.#options;
    const spec = cluster?.spec as unknown as EtcdClusterSpec | undefined;
    const pullPolicy = spec?.image?.pullPolicy ?? "IfNotPresent";
    return { namespace, image, pullPolicy, pod: spec?.pod };
  }

  /** Deletes the snapshot of a backup that a user has deleted. */
  async removeOrphan(object: BackupObject): Promise<void> {
    await this.#begin(jobName(object, "rm"), removalOptions(object, false));
  }

  async makeBackup(schedule: KeptSchedule, name: string): Promise<void> {
    const { namespace, api } = this.#options;
    const { clusterName, target, deletionPolicy, deadlineSeconds } = schedule.spec;
    this.#writes++;
    try {
      await api.create(backups, {
        apiVersion,
        kind: "EtcdBackup",
        metadata: { name, namespace, labels: { [backupLabels.schedule]: schedule.name } },
        spec: { clusterName, target, deletionPolicy, deadlineSeconds },
      });
    } catch (error) {
      if (!isConflict(error)) throw error;
      const is = await api.find(backups, namespace, name);
      if (is?.metadata.labels?.[backupLabels.schedule] === schedule.name) return;
      throw error;
    }
  }

  async deleteBackup(backup: KeptBackup): Promise<void> {
    const { namespace, api } = this.#options;
    const change = { metadata: { annotations: { [pruneAnnotation]: "true" } } };
    this.#writes++;
    await api.patch(backups, namespace, backup.name, change);
  }
}

/** A Job and the pod that it had. */
export async function findJob(
  api: ApiClient,
  namespace: string,
  name: string,
): Promise<readonly [Job | undefined, Pod | undefined]> {
  const job = await api.find(jobs, namespace, name);
  if (job === undefined || job.metadata.deletionTimestamp !== undefined) {
    return [undefined, undefined];
  }
  const labels = `batch.kubernetes.io/controller-uid=${job.metadata.uid}`;
  const { items } = await api.list(pods, { namespace, labels });
  return [job, items[0]];
}

export function takeOptions(
  object: BackupObject,
  from: string,
  { tls, login }: JobAccess,
): JobOptions {
  const { target, deadlineSeconds } = object.spec;
  const name = snapshotName(object);
  const location = locationOf(target, name);
  const timeoutMs = deadlineSeconds * 1000;
  return {
    name: jobName(object, ""),
    labels: { [backupLabels.backupUid]: object.metadata.uid ?? "", [backupLabels.task]: "take" },
    owner: ownerOf(object, "EtcdBackup"),
    deadlineSeconds,
    task: {
      kind: "take",
      from,
      timeoutMs,
      to: placeIn(target, name),
      location,
      ...(tls === undefined ? {} : { tls: { ...tlsFiles, serverName: tls.serverName } }),
      ...(login === undefined ? {} : { user: login.user }),
    },
    target,
    ...(tls === undefined ? {} : { tlsSecret: tls.secret }),
    ...(login === undefined ? {} : { passwordSecret: login.passwordSecret }),
  };
}

function removalOptions(object: BackupObject, isOwned: boolean): JobOptions {
  const { target } = object.spec;
  return {
    name: jobName(object, "rm"),
    labels: { [backupLabels.backupUid]: object.metadata.uid ?? "", [backupLabels.task]: "delete" },
    owner: isOwned ? ownerOf(object, "EtcdBackup") : undefined,
    deadlineSeconds: removalSeconds,
    task: { kind: "delete", at: placeIn(target, snapshotName(object)) },
    target,
  };
}
