// The restore of a seed on Kubernetes: a Job that fills the member's volume before its pod is made. Where the
// snapshot is follows from spec.bootstrap.restore each time anew, until the Job is there.
import type { EtcdCluster } from "#operator/api/etcd-cluster.ts";
import type { ObservedMember, Step } from "#operator/plan/types.ts";
import { type ApiClient, isConflict } from "#operator/platform/kubernetes/api-client.ts";
import {
  backups,
  type Claim,
  jobs,
  type MemberObject,
} from "#operator/platform/kubernetes/kinds.ts";
import { findJob } from "#operator/platform/kubernetes/kubernetes-backups.ts";
import { dataFolder, type TemplateContent } from "#operator/platform/kubernetes/objects.ts";
import {
  backupLabels,
  jobName,
  ownerOf,
  placeIn,
  restoredOf,
  snapshotJob,
} from "#operator/platform/kubernetes/snapshot-jobs.ts";

/** A large snapshot is fetched and unpacked within a day. */
const restoreSeconds = 86_400;

type RestoreSource = NonNullable<EtcdCluster["spec"]["bootstrap"]["restore"]>;
type Target = Parameters<typeof placeIn>[0];

export interface RestoreOf {
  readonly api: ApiClient;
  readonly namespace: string;
  readonly source: RestoreSource;
}

/** Where the snapshot is, as a target of which it is the folder or prefix; a text: why it cannot be had. */
async function targetOf({ api, namespace, source }: RestoreOf): Promise<Target | string> {
  const { backup, volume, s3 } = source;
  if (backup === undefined) return volume === undefined ? { ...(s3 && { s3 }) } : { volume };
  const is = await api.find(backups, namespace, backup.name);
  if (is === undefined) return `there is no EtcdBackup ${backup.name}`;
  const { phase = "Pending", location = "" } = is.status ?? {};
  if (phase !== "Complete") return `the EtcdBackup ${backup.name} is not complete: it is ${phase}`;
  const { target } = is.spec;
  if (target.volume !== undefined) {
    const { claimName } = target.volume;
    return { volume: { claimName, path: location.slice(claimName.length + 1) } };
  }
  if (target.s3 === undefined) return `the EtcdBackup ${backup.name} says no place`;
  return { s3: { ...target.s3, prefix: location.slice(`s3://${target.s3.bucket}/`.length) } };
}

/** How far the restore into a member's volume is. */
export async function observeRestore(
  of: RestoreOf,
  member: MemberObject | undefined,
): Promise<ObservedMember["restored"]> {
  if (member === undefined) return undefined;
  const [job, pod] = await findJob(of.api, of.namespace, jobName(member, "restore"));
  if (job !== undefined) return restoredOf(job, pod);
  const target = await targetOf(of);
  return typeof target === "string" ? { kind: "failed", message: target } : undefined;
}

/** Makes the Job. */
export async function beginRestore(
  of: RestoreOf,
  step: Extract<Step, { kind: "restore" }>,
  member: MemberObject,
  claim: Claim,
  content: TemplateContent,
): Promise<void> {
  const { api, namespace } = of;
  const target = await targetOf(of);
  if (typeof target === "string") throw new Error(target);
  const surroundings = {
    namespace,
    image: content.image,
    pullPolicy: content.pullPolicy,
    pod: content.pod,
  };
  const job = snapshotJob(surroundings, {
    name: jobName(member, "restore"),
    labels: { [backupLabels.task]: "restore" },
    owner: ownerOf(member, "EtcdMember"),
    deadlineSeconds: restoreSeconds,
    task: {
      kind: "restore",
      from: placeIn(target, ""),
      dataFolder,
      name: step.member,
      peerUrl: member.spec.peerUrl,
      initialCluster: step.join.initialCluster,
      token: step.join.token,
    },
    target,
    dataClaim: claim.metadata.name,
  });
  try {
    await api.create(jobs, job);
  } catch (error) {
    // Its name ends in the member's UID: it is ours.
    if (!isConflict(error)) throw error;
  }
}

/** Takes the Job away once the member may start: its pod would keep the volume on its node. */
export async function endRestore(of: RestoreOf, member: MemberObject): Promise<void> {
  const job = await of.api.find(jobs, of.namespace, jobName(member, "restore"));
  if (job !== undefined) await of.api.delete(jobs, job);
}
