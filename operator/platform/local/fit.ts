// What of a manifest holds on one machine. What promises something to clients that cannot be kept here is
// refused by name; what only tells Kubernetes where and how to run pods has nothing to act on, and is
// named once at the start. Pure.
import { isIP } from "node:net";
import type { EtcdBackup, EtcdBackupSchedule } from "#operator/api/etcd-backup.ts";
import type { EtcdCluster } from "#operator/api/etcd-cluster.ts";
import type { Problem } from "#operator/api/validate.ts";
import { scheduleProblem } from "#operator/plan/backup-schedule.ts";

type Plain = Readonly<Record<string, unknown>>;

/** Fields that a local cluster cannot honour, and why. */
const refused: Readonly<Record<string, string>> = {
  version: "members are processes of this version: leave it out",
  tls: "members of a local cluster speak plain HTTP so far: leave it out",
  auth: "is not switched on for a local cluster: use etcdctl auth enable",
  connectionSecret: "there are no Secrets here: leave it out",
  metrics: "there is no ServiceMonitor here: /metrics is on each client URL anyway",
};

/** Fields that are for Kubernetes alone. */
const withoutEffect = ["image", "storage", "service", "pod", "disruptionBudget"] as const;

const noS3 = "cannot be had in a local cluster: name a volume, which is a folder here";

const bootstraps = ["discovery", "dns"] as const;

/** Names of the fields in `given`, the manifest as it was written, that have no effect here. */
export function fieldsWithoutEffect(given: unknown): readonly string[] {
  const spec = specOf(given);
  return withoutEffect.filter((name) => spec[name] !== undefined).map((name) => `spec.${name}`);
}

function specOf(given: unknown): Plain {
  return ((given as { spec?: Plain } | null)?.spec ?? {}) as Plain;
}

/** The first thing that cannot be so on this machine; `slots` is how many members need ports. */
export function localProblem(
  given: unknown,
  cluster: EtcdCluster,
  slots: number,
): Problem | undefined {
  const spec = specOf(given);
  for (const [name, why] of Object.entries(refused)) {
    if (spec[name] === undefined) continue;
    return { path: ["spec", name], message: `cannot be had in a local cluster: ${why}` };
  }
  for (const name of bootstraps) {
    if (cluster.spec.bootstrap[name] === undefined) continue;
    return {
      path: ["spec", "bootstrap", name],
      message: "cannot be had in a local cluster: its members are told of each other (static)",
    };
  }
  if (cluster.spec.bootstrap.restore?.s3 !== undefined) {
    return { path: ["spec", "bootstrap", "restore", "s3"], message: noS3 };
  }
  return portProblem(cluster, slots);
}

function portProblem({ spec }: EtcdCluster, slots: number): Problem | undefined {
  const { host, clientPort, peerPort, portStep } = spec.local;
  const path = ["spec", "local"];
  if (isIP(host) === 0) {
    return { path: [...path, "host"], message: `must be an IP address, not ${host}` };
  }
  const ports = Array.from({ length: slots }, (_, at) => at * portStep).flatMap((more) => [
    clientPort + more,
    peerPort + more,
  ]);
  const tooHigh = ports.find((one) => one > 65_535);
  if (tooHigh !== undefined) {
    return { path, message: `leads to port ${tooHigh}; the last one is 65535` };
  }
  const twice = ports.find((one, at) => ports.indexOf(one) !== at);
  return twice === undefined
    ? undefined
    : { path, message: `gives port ${twice} to two listeners` };
}

/** The first thing of a backup or schedule that cannot be so on this machine. */
export function localBackupProblem(
  { spec }: EtcdBackup | EtcdBackupSchedule,
  cluster: EtcdCluster,
): Problem | undefined {
  const { name } = cluster.metadata;
  if (spec.clusterName !== name) {
    return { path: ["spec", "clusterName"], message: `must be ${name}, as the cluster beside it` };
  }
  if (spec.target.s3 !== undefined) return { path: ["spec", "target", "s3"], message: noS3 };
  if (!("schedule" in spec)) return undefined;
  const message = scheduleProblem(spec.schedule, spec.timeZone);
  return message === undefined ? undefined : { path: ["spec", "schedule"], message };
}
