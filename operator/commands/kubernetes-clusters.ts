// Clusters of a Kubernetes for the commands: read as kubectl reads them, with the rights of whoever asks. What
// only a member can do is asked of etcdctl in its own pod.
import { PassThrough, Writable } from "node:stream";
import { Exec, KubeConfig, type V1Status } from "@kubernetes/client-node";
import type { Clock } from "#base/clock.ts";
import { errorText, OperatingError } from "#base/errors.ts";
import type { EtcdBackupSpec } from "#operator/api/etcd-backup.ts";
import type { EtcdClusterSpec, EtcdClusterStatus } from "#operator/api/etcd-cluster.ts";
import { apiVersion } from "#operator/api/parts.ts";
import type { BackupReport, ClusterReport } from "#operator/commands/report.ts";
import { ApiClient } from "#operator/platform/kubernetes/api-client.ts";
import { secretText } from "#operator/platform/kubernetes/authorities.ts";
import { clusterOf } from "#operator/platform/kubernetes/cluster-turn.ts";
import { rootSecretName } from "#operator/platform/kubernetes/connection-secret.ts";
import {
  type BackupObject,
  backups,
  type ClusterObject,
  clusters,
  pods,
  type ScheduleObject,
  schedules,
  secrets,
} from "#operator/platform/kubernetes/kinds.ts";
import { etcdctlIn } from "#operator/platform/kubernetes/tls.ts";

const lookMs = 500;

export interface KubernetesFlags {
  readonly namespace?: string;
  readonly allNamespaces?: boolean;
  readonly kubeconfig?: string;
  readonly context?: string;
}

export class KubernetesClusters {
  readonly namespace: string;
  readonly #config: KubeConfig;
  readonly #api: ApiClient;

  /** Throws OperatingError NO_KUBECONFIG. */
  constructor(flags: KubernetesFlags) {
    this.#config = new KubeConfig();
    try {
      if (flags.kubeconfig === undefined) this.#config.loadFromDefault();
      else this.#config.loadFromFile(flags.kubeconfig);
      if (flags.context !== undefined) this.#config.setCurrentContext(flags.context);
      this.#api = new ApiClient(this.#config, new AbortController().signal);
    } catch (cause) {
      const text = `there is no API server to talk to: set KUBECONFIG, or name a manifest with -f for a local cluster (${errorText(cause)})`;
      throw new OperatingError("NO_KUBECONFIG", text, { cause });
    }
    const context = this.#config.getContextObject(this.#config.getCurrentContext());
    this.namespace = flags.namespace ?? context?.namespace ?? "default";
  }

  /** Undefined namespace: of all. */
  async all(namespace: string | undefined): Promise<readonly ClusterReport[]> {
    const { items } = await this.#api.list(clusters, { namespace });
    return items.map((one) => reportOf(one, [], []));
  }

  /** Throws OperatingError NO_CLUSTER. */
  async one(name: string): Promise<ClusterReport> {
    const { namespace } = this;
    const object = await this.#object(name);
    const [itsSchedules, itsBackups] = await Promise.all([
      this.#api.list(schedules, { namespace }),
      this.#api.list(backups, { namespace }),
    ]);
    return reportOf(
      object,
      itsSchedules.items.filter((one) => one.spec.clusterName === name),
      itsBackups.items.filter((one) => one.spec.clusterName === name),
    );
  }

  async #object(name: string): Promise<ClusterObject> {
    const { namespace } = this;
    const object = await this.#api.find(clusters, namespace, name);
    if (object !== undefined) return object;
    const text = `there is no EtcdCluster ${name} in namespace ${namespace}: -n names another one, status -A shows all`;
    throw new OperatingError("NO_CLUSTER", text);
  }

  /** The target of the schedule `named`, or of the only one. Throws OperatingError NO_TARGET. */
  async targetOf(
    clusterName: string,
    named: string | undefined,
  ): Promise<EtcdBackupSpec["target"]> {
    const { items } = await this.#api.list(schedules, { namespace: this.namespace });
    const own = items.filter((one) => one.spec.clusterName === clusterName);
    const fitting = named === undefined ? own : own.filter((one) => one.metadata.name === named);
    const [only, second] = fitting;
    if (only !== undefined && second === undefined) return only.spec.target;
    const names = own.map((one) => one.metadata.name).join(", ");
    const text =
      own.length === 0
        ? `${clusterName} has no EtcdBackupSchedule that says where backups go: name a volume with --claim or a bucket with --bucket`
        : `name one of the schedules of ${clusterName} with --like (${names}), or --claim or --bucket`;
    throw new OperatingError("NO_TARGET", text);
  }

  /** Makes an EtcdBackup. Rejects if there is one of this name. */
  async makeBackup(
    name: string,
    clusterName: string,
    target: EtcdBackupSpec["target"],
  ): Promise<void> {
    const { namespace } = this;
    await this.#object(clusterName);
    // The server fills in the rest.
    const spec = { clusterName, target } as EtcdBackupSpec;
    await this.#api.create(backups, {
      apiVersion,
      kind: "EtcdBackup",
      metadata: { name, namespace },
      spec,
    });
  }

  /** Resolves once the backup is complete or failed; `onFault` is told what keeps it. */
  async backupEnd(
    name: string,
    clock: Clock,
    onFault: (message: string) => void,
  ): Promise<BackupReport> {
    let told = "";
    for (;;) {
      const object = await this.#api.get(backups, this.namespace, name);
      const report = backupReport(object);
      if (report.phase === "Complete" || report.phase === "Failed") return report;
      const condition = object.status?.conditions?.[0];
      if (condition?.status === "False" && condition.message !== told) {
        told = condition.message;
        onFault(told);
      }
      await new Promise<void>((resolve) => clock.after(lookMs, resolve));
    }
  }

  /** What a failed backup says. */
  async backupFault(name: string): Promise<string> {
    const { status } = await this.#api.get(backups, this.namespace, name);
    return status?.conditions?.[0]?.message ?? "";
  }

  /** Undefined: authentication is off. Throws OperatingError NO_PASSWORD. */
  async #rootPassword(name: string): Promise<string | undefined> {
    const { identity, cluster } = clusterOf(await this.#object(name));
    if (cluster.spec.auth?.enabled !== true) return undefined;
    const secretName = rootSecretName(identity, cluster);
    const secret = await this.#api.find(secrets, this.namespace, secretName);
    const password = secretText(secret, "password");
    if (password !== "") return password;
    const text = `the Secret ${secretName} holds no password of root, without which no leader is moved while authentication is on`;
    throw new OperatingError("NO_PASSWORD", text);
  }

  /** Asks etcdctl in the leader's own pod, as root where authentication is on. Rejects with what it said. */
  async moveLeader(cluster: string, leader: string, toMemberId: string): Promise<void> {
    const password = await this.#rootPassword(cluster);
    const said: string[] = [];
    const sink = () =>
      new Writable({
        write(chunk: Buffer, _encoding, done) {
          said.push(chunk.toString());
          done();
        },
      });
    const { spec } = await this.#api.get(pods, this.namespace, leader);
    const [container] = spec.containers as readonly { readonly args?: readonly string[] }[];
    const asked = [...etcdctlIn(container?.args ?? []), "move-leader", toMemberId];
    // By its input, for everybody there sees its arguments; left open, so that nothing of it is lost.
    const command = password === undefined ? asked : ["sh", "-c", asRoot, "sh", ...asked];
    const input = password === undefined ? null : new PassThrough();
    input?.write(`${password}\n`);
    const status = await new Promise<V1Status>((resolve, reject) => {
      const exec = new Exec(this.#config);
      exec
        .exec(this.namespace, leader, "etcd", command, sink(), sink(), input, false, resolve)
        .catch(reject);
    });
    input?.destroy();
    if (status.status === "Success") return;
    const text = said.join("").trim() || status.message || "etcdctl failed";
    throw new OperatingError("MOVE_FAILED", `${leader} does not hand over: ${text}`);
  }
}

/** Reads root's password and runs its arguments as root. */
const asRoot =
  'IFS= read -r ETCDCTL_PASSWORD; export ETCDCTL_PASSWORD ETCDCTL_USER=root; exec "$@"';

function reportOf(
  { metadata, spec, status = {} }: ClusterObject,
  itsSchedules: readonly ScheduleObject[],
  itsBackups: readonly BackupObject[],
): ClusterReport {
  const { replicas } = spec as unknown as EtcdClusterSpec;
  const { clusterId, version, conditions = [], step, members = [] } = status as EtcdClusterStatus;
  return {
    namespace: metadata.namespace,
    name: metadata.name,
    wanted: replicas,
    clusterId,
    version,
    conditions,
    step: step === undefined ? undefined : `${step.kind} ${step.member ?? ""}`.trim(),
    members: members.map((one) => ({
      name: one.name,
      id: one.id,
      role: one.role ?? "unknown",
      isReady: one.ready === true,
      version: one.version,
      sizeBytes: one.sizeBytes,
      clientUrl: undefined,
    })),
    schedules: itsSchedules.map(({ metadata: { name }, spec: { schedule, suspend }, status }) => ({
      name,
      schedule,
      isSuspended: suspend,
      lastSuccessAt: status?.lastSuccessAt,
      nextAt: status?.nextScheduledAt,
    })),
    backups: itsBackups.map(backupReport),
  };
}

function backupReport({ metadata, status = {} }: BackupObject): BackupReport {
  const { phase = "Pending", revision, sizeBytes, completedAt, location } = status;
  return { name: metadata.name, phase, revision, sizeBytes, completedAt, location };
}
