// The Jobs that take, delete and restore snapshots: in the namespace of their cluster, where its claims and
// Secrets are, with the program `etcd-snapshot` of the store's image. Pure.
//
// A backup's Job is tried once: whether it is tried again, and when, is the plan's to say. A restore's, which a
// node may take along, is tried three times.
import type { EtcdBackupSpec } from "#operator/api/etcd-backup.ts";
import type { EtcdClusterSpec } from "#operator/api/etcd-cluster.ts";
import { apiVersion, group } from "#operator/api/parts.ts";
import type { SnapshotRemoval, SnapshotRun } from "#operator/plan/backup.ts";
import type { ObservedMember } from "#operator/plan/types.ts";
import type { Job, KubeObject, OwnerReference, Pod } from "#operator/platform/kubernetes/kinds.ts";
import { podTrouble } from "#operator/platform/kubernetes/observe.ts";
import { containerSecurity, podSecurity } from "#operator/platform/kubernetes/pod-security.ts";
import {
  parseResult,
  passwordVariable,
  type SnapshotTask,
  taskVariable,
} from "#operator/snapshot/task.ts";

export const backupLabels = {
  backupUid: `${group}/backup-uid`,
  schedule: `${group}/schedule`,
  task: `${group}/snapshot-task`,
} as const;

/** On an EtcdBackup: its schedule wants it gone, with its snapshot if its policy says so. */
export const pruneAnnotation = `${group}/prune`;

const backupMount = "/backup";
const dataMount = "/var/lib/etcd";
const caMount = "/ca";
/** A Job that nobody owns goes by itself after so long. */
const orphanSeconds = 600;
const uidLength = 8;
/** Longest name of a Job, whose pods' names add to it. */
const maxJobName = 52;

type Target = EtcdBackupSpec["target"];
type S3 = NonNullable<Target["s3"]>;

/** The snapshot of a backup within its target: made again under the same name it is another file. */
export function snapshotName(backup: KubeObject): string {
  const { name, uid = "" } = backup.metadata;
  return `${name}-${uid.slice(0, uidLength)}.db`;
}

const joined = (...parts: readonly string[]): string =>
  parts
    .filter((one) => one !== "")
    .join("/")
    .replace(/\/{2,}/g, "/");

/** How status names the snapshot. */
export function locationOf(target: Target, name: string): string {
  const { volume, s3 } = target;
  if (volume !== undefined) return joined(volume.claimName, volume.path, name);
  return s3 === undefined ? "" : `s3://${s3.bucket}/${joined(s3.prefix, name)}`;
}

function bucketOf({ bucket, endpoint, region, forcePathStyle }: S3) {
  return {
    bucket,
    forcePathStyle,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? {} : { region }),
  };
}

/** A place as the Job sees it; `name` is added to the target's folder or prefix. */
export function placeIn({ volume, s3 }: Target, name: string) {
  if (volume !== undefined) {
    return { kind: "file", path: joined(backupMount, volume.path, name) } as const;
  }
  if (s3 === undefined) throw new Error("a target is a volume or a bucket");
  return { kind: "s3", key: joined(s3.prefix, name), ...bucketOf(s3) } as const;
}

/** Where and with what a Job runs. */
export interface JobSurroundings {
  readonly namespace: string;
  readonly image: string;
  readonly pullPolicy: string;
  /** Of its cluster, if there is one: nodes that it may run on, Secrets to pull with. */
  readonly pod: Partial<EtcdClusterSpec["pod"]> | undefined;
}

export interface JobOptions {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Undefined: it goes by itself after a while. */
  readonly owner: OwnerReference | undefined;
  readonly deadlineSeconds: number;
  readonly task: SnapshotTask;
  readonly target: Target;
  /** The claim of the member that is restored into. */
  readonly dataClaim?: string;
  /** Secret with ca.crt, tls.crt and tls.key, where the members speak TLS. */
  readonly tlsSecret?: string;
  /** Secret with the password of whoever logs in. */
  readonly passwordSecret?: string;
}

const tlsMount = "/tls";

/** Where a Job finds the files of its `tlsSecret`. */
export const tlsFiles = {
  ca: `${tlsMount}/ca.crt`,
  cert: `${tlsMount}/tls.crt`,
  key: `${tlsMount}/tls.key`,
} as const;

export const ownerOf = (object: KubeObject, kind: string): OwnerReference => ({
  apiVersion,
  kind,
  name: object.metadata.name,
  uid: object.metadata.uid ?? "",
  controller: true,
  blockOwnerDeletion: true,
});

/** The name of a Job about `object`: long names are cut, their UIDs tell them apart. */
export function jobName(object: KubeObject, what: "" | "rm" | "restore"): string {
  const { name, uid = "" } = object.metadata;
  const tail = `-${uid.slice(0, uidLength)}${what === "" ? "" : `-${what}`}`;
  const head = name.replaceAll(".", "-").slice(0, maxJobName - tail.length);
  return `${head.replace(/-+$/, "")}${tail}`;
}

export function snapshotJob(surroundings: JobSurroundings, options: JobOptions): Job {
  const { namespace, image, pullPolicy, pod = {} } = surroundings;
  const { name, labels, owner, deadlineSeconds, task, target, dataClaim } = options;
  const { tlsSecret, passwordSecret } = options;
  const { volume, s3 } = target;
  const mounts = [
    { name: "tmp", mountPath: "/tmp" },
    ...(volume === undefined ? [] : [{ name: "backup", mountPath: backupMount }]),
    ...(s3?.ca === undefined ? [] : [{ name: "ca", mountPath: caMount, readOnly: true }]),
    ...(dataClaim === undefined ? [] : [{ name: "data", mountPath: dataMount }]),
    ...(tlsSecret === undefined ? [] : [{ name: "tls", mountPath: tlsMount, readOnly: true }]),
  ];
  const claimed = (claimName: string) => ({ persistentVolumeClaim: { claimName } });
  const volumes = [
    { name: "tmp", emptyDir: {} },
    ...(volume === undefined ? [] : [{ name: "backup", ...claimed(volume.claimName) }]),
    ...(s3?.ca === undefined ? [] : [{ name: "ca", secret: { secretName: s3.ca.name } }]),
    ...(dataClaim === undefined ? [] : [{ name: "data", ...claimed(dataClaim) }]),
    ...(tlsSecret === undefined
      ? []
      : [{ name: "tls", secret: { secretName: tlsSecret, defaultMode: 0o440 } }]),
  ];
  const podLabels = { "app.kubernetes.io/managed-by": "etcd-operator", ...labels };
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: {
      name,
      namespace,
      labels: podLabels,
      ...(owner === undefined ? {} : { ownerReferences: [owner] }),
    },
    spec: {
      backoffLimit: task.kind === "restore" ? 2 : 0,
      activeDeadlineSeconds: deadlineSeconds,
      ...(owner === undefined ? { ttlSecondsAfterFinished: orphanSeconds } : {}),
      template: {
        metadata: { labels: podLabels },
        spec: {
          restartPolicy: "Never",
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          securityContext: podSecurity(pod.securityContext),
          ...(pod.nodeSelector === undefined ? {} : { nodeSelector: pod.nodeSelector }),
          ...(pod.tolerations === undefined ? {} : { tolerations: pod.tolerations }),
          ...(pod.imagePullSecrets === undefined ? {} : { imagePullSecrets: pod.imagePullSecrets }),
          containers: [
            {
              name: "snapshot",
              image,
              imagePullPolicy: pullPolicy,
              command: ["/usr/bin/etcd-snapshot"],
              env: [
                { name: taskVariable, value: JSON.stringify(task) },
                { name: "TMPDIR", value: "/tmp" },
                ...(s3 === undefined ? [] : s3Environment(s3)),
                ...(passwordSecret === undefined
                  ? []
                  : [secretVariable(passwordVariable, passwordSecret, "password")]),
              ],
              terminationMessagePolicy: "FallbackToLogsOnError",
              resources: { requests: { cpu: "50m", memory: "128Mi" } },
              securityContext: containerSecurity(pod.containerSecurityContext),
              volumeMounts: mounts,
            },
          ],
          volumes,
        },
      },
    },
  };
}

const secretVariable = (name: string, secret: string, key: string) => ({
  name,
  valueFrom: { secretKeyRef: { name: secret, key } },
});

function s3Environment({ credentials, ca }: S3) {
  return [
    secretVariable("AWS_ACCESS_KEY_ID", credentials.name, "accessKeyId"),
    secretVariable("AWS_SECRET_ACCESS_KEY", credentials.name, "secretAccessKey"),
    ...(ca === undefined ? [] : [{ name: "NODE_EXTRA_CA_CERTS", value: `${caMount}/ca.crt` }]),
  ];
}

const conditionOf = ({ status }: Job, type: string) =>
  status?.conditions?.find((one) => one.type === type && one.status === "True");

/** The last words of a Job's pod, and else what Kubernetes says of it. */
function lastWords(job: Job, pod: Pod | undefined): string {
  const { terminated } = pod?.status?.containerStatuses?.[0]?.state ?? {};
  const told = terminated?.message?.trim() ?? "";
  if (told !== "") return told.slice(-1000);
  const why = conditionOf(job, "Failed");
  return why?.message ?? terminated?.reason ?? "its pod is gone";
}

const endOf = (job: Job): number =>
  Date.parse(conditionOf(job, "Failed")?.lastTransitionTime ?? "") || 0;

/** How far the snapshot of a Job is. */
export function runOf(job: Job | undefined, pod: Pod | undefined): SnapshotRun {
  if (job === undefined) return { kind: "none" };
  if (conditionOf(job, "Complete") !== undefined) {
    const words = lastWords(job, pod);
    const result = parseResult(words);
    if (result !== undefined) return { kind: "done", ...result };
    const message = `its Job ended well and did not say how: ${words}`;
    const atMs = Date.parse(job.status?.completionTime ?? "") || 0;
    return { kind: "failed", message, atMs };
  }
  if (conditionOf(job, "Failed") !== undefined) {
    return { kind: "failed", message: lastWords(job, pod), atMs: endOf(job) };
  }
  const trouble = podTrouble(pod);
  return { kind: "running", ...(trouble === undefined ? {} : { trouble }) };
}

export function removalOf(job: Job | undefined, pod: Pod | undefined): SnapshotRemoval {
  if (job === undefined) return { kind: "none" };
  if (conditionOf(job, "Complete") !== undefined) return { kind: "done" };
  if (conditionOf(job, "Failed") === undefined) return { kind: "running" };
  return { kind: "failed", message: lastWords(job, pod), atMs: endOf(job) };
}

export function restoredOf(job: Job | undefined, pod: Pod | undefined): ObservedMember["restored"] {
  const run = removalOf(job, pod);
  if (run.kind === "none") return undefined;
  return run.kind === "failed" ? { kind: "failed", message: run.message } : { kind: run.kind };
}
