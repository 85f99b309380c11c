// Backups to a bucket: a real server of the S3 protocol in a pod beside the cluster.
import assert from "node:assert/strict";
import { dirname } from "node:path";
import { pods } from "#operator/platform/kubernetes/kinds.ts";
import { accessKeyId, buildS3Server, secretAccessKey } from "#test/operator/versitygw.ts";
import { type Context, get, makeBackup, over } from "./backup-cases.ts";
import type { Case } from "./case.ts";

const name = "db";
const copy = "copy";
const bucket = "backups";
const port = 7070;

/** The server as a pod and a Service `s3`: its program is this machine's, its folder goes with it. */
async function startServer({ kube, namespace }: Context): Promise<void> {
  const program = await buildS3Server();
  const script = `mkdir -p /data/root/${bucket} /data/meta && exec /s3/versitygw --port :${port} --access ${accessKeyId} --secret ${secretAccessKey} --region us-east-1 posix --sidecar /data/meta /data/root`;
  const labels = { app: "s3" };
  await kube.apply({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "s3", namespace, labels },
    spec: {
      terminationGracePeriodSeconds: 0,
      automountServiceAccountToken: false,
      containers: [
        {
          name: "s3",
          image: kube.storeImage,
          command: ["sh", "-c", script],
          readinessProbe: { tcpSocket: { port }, periodSeconds: 1 },
          volumeMounts: [
            { name: "program", mountPath: "/s3", readOnly: true },
            { name: "data", mountPath: "/data" },
          ],
        },
      ],
      volumes: [
        { name: "program", hostPath: { path: dirname(program), type: "Directory" } },
        { name: "data", emptyDir: {} },
      ],
    },
  });
  await kube.apply({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "s3", namespace },
    spec: { selector: labels, ports: [{ port }] },
  });
  for (const [secret, key] of [
    ["keys", secretAccessKey],
    ["wrong-keys", "wrong"],
  ]) {
    await kube.apply({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: secret, namespace },
      stringData: { accessKeyId, secretAccessKey: key },
    });
  }
  await kube.until("the S3 server is ready", async () => {
    const { status } = await kube.api.get(pods, namespace, "s3");
    const isReady = status?.conditions?.some(
      (one) => one.type === "Ready" && one.status === "True",
    );
    return isReady === true || JSON.stringify(status);
  });
}

/** The objects, as the server's folder has them. */
async function objects({ kube, namespace }: Context): Promise<readonly string[]> {
  const find = ["find", `/data/root/${bucket}`, "-name", "*.db"];
  const text = await kube.exec(namespace, "s3", ...find);
  return text.split("\n").filter((one) => one !== "");
}

export const bucketBackup: Case = {
  name: "backup-s3",
  what: "a snapshot to a bucket by the Job, a new cluster from it, wrong keys are told, the object goes with its EtcdBackup",
  async run({ kube, namespace }) {
    const context = { kube, namespace };
    await startServer(context);
    await kube.applyCluster(namespace, name, { replicas: 1 });
    const { clusterId } = await kube.settled(namespace, name, 1);
    await kube.startProbe(namespace, name);
    const endpoint = `--endpoints=http://${name}-client:2379`;
    await kube.etcdctl(namespace, endpoint, "put", "before", "kept");
    const s3 = (credentials: string) => ({
      s3: {
        bucket,
        prefix: "nightly",
        endpoint: `http://s3.${namespace}.svc.cluster.local:${port}`,
        forcePathStyle: true,
        credentials: { name: credentials },
      },
    });
    await makeBackup(context, "first", { target: s3("keys"), deletionPolicy: "Delete" });
    const { metadata, status } = await over(context, "first");
    assert.equal(status?.phase, "Complete", JSON.stringify(status));
    const file = `first-${metadata.uid?.slice(0, 8)}.db`;
    assert.equal(status?.location, `s3://${bucket}/nightly/${file}`);
    assert.equal(status?.clusterId, clusterId);
    assert.deepEqual(await objects(context), [`/data/root/${bucket}/nightly/${file}`]);

    const bootstrap = { restore: { backup: { name: "first" } } };
    await kube.applyCluster(namespace, copy, { replicas: 1, bootstrap });
    await kube.settled(namespace, copy, 1);
    assert.equal(await get(context, copy, "before"), "kept");

    await makeBackup(context, "refused", { target: s3("wrong-keys"), deadlineSeconds: 20 });
    const { status: refused } = await over(context, "refused");
    assert.equal(refused?.phase, "Failed");
    const [condition] = refused?.conditions ?? [];
    assert.match(condition?.message ?? "", /s3:\/\/backups/);

    await kube.kubectl(["-n", namespace, "delete", "etcdbackup", "first"]);
    await kube.until("its object is gone", async () => {
      const left = await objects(context);
      return left.length === 0 || left.join();
    });
    await kube.requireSound(namespace, name, true);
  },
};
