// Backups on a real Kubernetes: to a claim, by a schedule that prunes, a failure that is told, and a new cluster that
// begins with one beside the one that it is of.
import assert from "node:assert/strict";
import { join } from "node:path";
import type { EtcdBackupSpec } from "#operator/api/etcd-backup.ts";
import {
  type BackupObject,
  backups,
  jobs,
  pods,
  schedules,
  secrets,
} from "#operator/platform/kubernetes/kinds.ts";
import { output } from "./body.ts";
import type { Case, CaseContext } from "./case.ts";

const name = "db";
const copy = "copy";
const claimName = "backups";
const operatorProgram = join(import.meta.dirname, "..", "..", "bin", "kubectl-etcd_ts");

export type Context = Pick<CaseContext, "kube" | "namespace">;

export const volume = (path: string) => ({ volume: { claimName, path } });

export async function makeBackup(
  { kube, namespace }: Context,
  backup: string,
  spec: Partial<EtcdBackupSpec>,
): Promise<void> {
  const { apiVersion, kind } = backups;
  const metadata = { name: backup, namespace };
  await kube.apply({ apiVersion, kind, metadata, spec: { clusterName: name, ...spec } });
}

export async function makeClaim({ kube, namespace }: Context): Promise<void> {
  await kube.apply({
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name: claimName, namespace },
    spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
  });
}

/** The backup once it is over. */
export async function over({ kube, namespace }: Context, backup: string): Promise<BackupObject> {
  await kube.until(`backup ${backup} is over`, async () => {
    const { status } = await kube.api.get(backups, namespace, backup);
    const isOver = status?.phase === "Complete" || status?.phase === "Failed";
    return isOver || JSON.stringify(status ?? {});
  });
  return await kube.api.get(backups, namespace, backup);
}

async function health({ kube, namespace }: Context): Promise<string> {
  const { conditions } = await kube.status(namespace, name);
  const is = conditions?.find((one) => one.type === "BackupHealthy");
  return `${is?.status} ${is?.reason}: ${is?.message}`;
}

/** The files on the claim, through a pod that mounts it. */
export async function files({ kube, namespace }: Context): Promise<readonly string[]> {
  const pod = "files";
  await kube.apply({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: pod, namespace },
    spec: {
      restartPolicy: "Never",
      terminationGracePeriodSeconds: 0,
      containers: [
        {
          name: pod,
          image: kube.storeImage,
          command: ["sh", "-c", "find /backup -type f"],
          volumeMounts: [{ name: "backup", mountPath: "/backup" }],
        },
      ],
      volumes: [{ name: "backup", persistentVolumeClaim: { claimName } }],
    },
  });
  await kube.until("the files are listed", async () => {
    const { status } = await kube.api.get(pods, namespace, pod);
    return status?.phase === "Succeeded" || JSON.stringify(status?.phase);
  });
  const listed = await kube.kubectl(["-n", namespace, "logs", pod]);
  await kube.kubectl(["-n", namespace, "delete", "pod", pod]);
  return listed.trim().split("\n").sort();
}

/** As a user: a plugin of kubectl. */
export function plugin({ kube, namespace }: Context, ...args: readonly string[]): Promise<string> {
  const env = { KUBECONFIG: kube.body.kubeconfig };
  return output(operatorProgram, [...args, "-n", namespace], env);
}

export async function get(
  { kube, namespace }: Context,
  cluster: string,
  key: string,
): Promise<string> {
  const endpoint = `--endpoints=http://${cluster}-client:2379`;
  return (await kube.etcdctl(namespace, endpoint, "get", key, "--print-value-only")).trim();
}

const backupAndRestore: Case = {
  name: "backup-and-restore",
  what: "a snapshot to a claim, a schedule that prunes every minute, a new cluster of three from the first one beside the old, a failure that is told; the kubectl plugin",
  isCore: true,
  isLong: true,
  async run({ kube, namespace }) {
    const context = { kube, namespace };
    await makeClaim(context);
    await kube.applyCluster(namespace, name, { replicas: 1 });
    const { clusterId } = await kube.settled(namespace, name, 1);
    await kube.startProbe(namespace, name);
    const endpoint = `--endpoints=http://${name}-client:2379`;
    await kube.etcdctl(namespace, endpoint, "put", "before", "kept");

    await makeBackup(context, "first", { target: volume("manual") });
    const { metadata, status } = await over(context, "first");
    const file = `first-${metadata.uid?.slice(0, 8)}.db`;
    assert.equal(status?.phase, "Complete", JSON.stringify(status));
    assert.equal(status?.location, `${claimName}/manual/${file}`);
    assert.equal(status?.clusterId, clusterId);
    assert((status?.revision ?? 0) > 1 && (status?.sizeBytes ?? 0) > 0);
    assert.match(status?.sha256 ?? "", /^[0-9a-f]{64}$/);
    await kube.etcdctl(namespace, endpoint, "put", "after", "lost");

    // The plugin's own, a row of a table.
    const said = await plugin(context, "backup", "now", name, "--claim", claimName);
    assert.match(said, /^BACKUP .*\n\S+ +Complete +[0-9]+ /);
    assert.match(
      await plugin(context, "members", name),
      /^MEMBER .*\ndb-1 +[0-9a-f]+ +leader +yes /,
    );

    // A schedule: at once, then every minute, and only the last one stays.
    await kube.apply({
      apiVersion: schedules.apiVersion,
      kind: schedules.kind,
      metadata: { name: "often", namespace },
      spec: {
        clusterName: name,
        schedule: "* * * * *",
        immediate: true,
        retention: { count: 1 },
        target: volume("often"),
      },
    });
    const runs = async () => {
      const labels = "etcd-ts.dev/schedule=often";
      return (await kube.api.list(backups, { namespace, labels })).items;
    };
    const seen = new Set<string>();
    const look = async () => {
      const there = await runs();
      for (const one of there) seen.add(one.metadata.name);
      return there.length;
    };
    await kube.until("a run has begun", async () => (await look()) > 0 || "none has");

    // Meanwhile a new cluster of three begins with the first one; the old one is as it was.
    const bootstrap = { restore: { backup: { name: "first" } } };
    await kube.applyCluster(namespace, copy, { replicas: 3, bootstrap });
    const restored = await kube.settled(namespace, copy, 3);
    assert.notEqual(restored.clusterId, clusterId);
    assert.equal(await get(context, copy, "before"), "kept");
    assert.equal(await get(context, copy, "after"), "");
    assert.equal(await get(context, name, "after"), "lost");
    const restores = (await kube.api.list(jobs, { namespace })).items.filter((one) =>
      one.metadata.name.endsWith("-restore"),
    );
    assert.deepEqual(restores, [], "the Job of the restore is gone");

    // Who leads is asked of the members themselves.
    const heir = restored.members?.find((one) => one.role === "follower")?.name ?? "";
    assert.match(await plugin(context, "leader", "move", copy, heir), new RegExp(`^${heir} leads`));
    await kube.until(`${heir} leads`, async () => {
      const { leader } = await kube.status(namespace, copy);
      return leader === heir || String(leader);
    });
    assert.match(await plugin(context, "status", copy), /Available +True/);

    await kube.until("one run has pushed another out", async () => {
      const count = await look();
      return (seen.size >= 2 && count === 1) || [...seen].join(", ");
    });
    await kube.kubectl([
      ...["-n", namespace, "patch", "etcdbackupschedule", "often", "--type=merge"],
      ...["-p", '{"spec":{"suspend":true}}'],
    ]);
    const [left] = await runs();
    const { status: done } = await over(context, left?.metadata.name ?? "");
    assert.equal(done?.phase, "Complete", JSON.stringify(done));
    const kept = (await files(context)).filter((one) => one.startsWith("/backup/often/"));
    assert.deepEqual(kept, [done?.location?.replace(claimName, "/backup")], "others are deleted");
    assert.match(left?.metadata.name ?? "", /^often-[0-9]{8}$/);
    const is = await kube.api.get(schedules, namespace, "often");
    assert(is.status?.lastSuccessAt !== undefined, "status has the last run");
    await kube.until("BackupHealthy is True", async () => {
      const now = await health(context);
      return now.startsWith("True BackupComplete") || now;
    });

    // What fails is told: by the backup, an event, and the cluster.
    const target = { volume: { claimName: "nowhere", path: "" } };
    await makeBackup(context, "bad", { target, deadlineSeconds: 10 });
    const { status: failed } = await over(context, "bad");
    assert.equal(failed?.phase, "Failed");
    await kube.until("BackupHealthy is False", async () => {
      const now = await health(context);
      return now.startsWith("False BackupFailed") || now;
    });
    const events = ["get", "events", "-o", "jsonpath={.items[*].reason}"];
    await kube.until("there is an event", async () => {
      const reasons = await kube.kubectl(["-n", namespace, ...events]);
      return reasons.includes("DeadlineExceeded") || reasons;
    });
    await kube.requireSound(namespace, name, true);
  },
};

const connection = "db-connection";
const made = { operator: {} };
const secured = {
  replicas: 3,
  tls: { client: made, peer: made },
  connectionSecret: { name: connection },
};

const securedBackup: Case = {
  name: "backup-secured",
  what: "snapshots of a cluster with TLS by the operator, then with authentication too, of one with authentication alone by root's password; a new cluster without either from the first",
  async run({ kube, namespace }) {
    const context = { kube, namespace };
    await makeClaim(context);
    await kube.applyCluster(namespace, name, secured);
    const { clusterId } = await kube.settled(namespace, name, 3);
    await kube.startProbe(namespace, name, connection);
    const ctl = (...args: readonly string[]) =>
      kube.etcdctl(
        namespace,
        `--endpoints=https://${name}-client:2379`,
        ...["--cacert=/connection/ca.crt", "--cert=/connection/tls.crt"],
        ...["--key=/connection/tls.key", ...args],
      );
    await ctl("put", "before", "kept");
    const complete = async (backup: string, spec: Partial<EtcdBackupSpec> = {}) => {
      await makeBackup(context, backup, { target: volume(backup), ...spec });
      const { status, metadata } = await over(context, backup);
      assert.equal(status?.phase, "Complete", JSON.stringify(status));
      return { ...status, uid: metadata.uid ?? "" };
    };
    const first = await complete("over-tls");
    assert.equal(first.clusterId, clusterId);
    // The key is this backup's own, and goes with it.
    const secretName = `over-tls-${first.uid.slice(0, 8)}-tls`;
    const { metadata } = await kube.api.get(secrets, namespace, secretName);
    assert.equal(metadata.ownerReferences?.[0]?.uid, first.uid);

    // The prober's user may write what it writes, once there are users.
    await ctl("user", "add", connection, "--no-password");
    await ctl("role", "add", "prober");
    await ctl("role", "grant-permission", "prober", "readwrite", "probe", "probf");
    await ctl("user", "grant-role", connection, "prober");
    await kube.applyCluster(namespace, name, { ...secured, auth: {} });
    await kube.until("authentication is on", async () => {
      const refused = await ctl("put", "a", "b").catch(String);
      return refused.includes("permission denied") || refused;
    });
    const second = await complete("with-users");
    assert((second.revision ?? 0) > (first.revision ?? 0));

    await kube.applyCluster(namespace, "users", { replicas: 1, auth: {} });
    await kube.settled(namespace, "users", 1);
    await kube.until("authentication is on there too", async () => {
      const put = ["--endpoints=http://users-client:2379", "put", "a", "b"];
      const refused = await kube.etcdctl(namespace, ...put).catch(String);
      return refused.includes("user name is empty") || refused;
    });
    await complete("by-password", { clusterName: "users" });

    const bootstrap = { restore: { backup: { name: "over-tls" } } };
    await kube.applyCluster(namespace, copy, { replicas: 1, bootstrap });
    await kube.settled(namespace, copy, 1);
    assert.equal(await get(context, copy, "before"), "kept");
    await kube.requireWritten(namespace);
  },
};

export const backupCases: readonly Case[] = [backupAndRestore, securedBackup];
