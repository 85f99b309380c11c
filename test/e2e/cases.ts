// The cases: each in a namespace of its own, on a Kubernetes where the operator is installed. Each checks data:
// every write that was acknowledged is there, one cluster ID, equal hashes on all members.
import assert from "node:assert/strict";
import { pods } from "#operator/platform/kubernetes/kinds.ts";
import {
  corrupted,
  edited,
  joinerMended,
  operatorKilled,
  quorumLost,
  repair,
  scale,
} from "./anywhere-cases.ts";
import { backupCases } from "./backup-cases.ts";
import { bootstrapCases } from "./bootstrap-cases.ts";
import { bucketBackup } from "./bucket-case.ts";
import type { Case } from "./case.ts";
import { certManager } from "./cert-manager-case.ts";
import { clusterChart } from "./chart-case.ts";
import { secondControlPlane } from "./control-plane-case.ts";
import { growthByCsi } from "./csi-case.ts";
import { disruptionCases } from "./disruption-cases.ts";
import { formationCases } from "./formation-cases.ts";
import { killedCases } from "./killed-case.ts";
import { onKubernetes } from "./kube-site.ts";
import { nodeCases } from "./node-cases.ts";
import { securityCases } from "./security-cases.ts";
import { sizeCases } from "./size-cases.ts";
import { tampered } from "./tampered-case.ts";
import { helmUpgrade } from "./upgrade-case.ts";
import { versionCases } from "./version-cases.ts";

const name = "db";
/** How long a cluster at rest is watched for writes. */
const restMs = 12_000;
const deletionLimitMs = 60_000;

const create: Case = {
  name: "create",
  what: "three members; `etcdctl` through the client Service; the disruption budget; no write to the object at rest",
  isCore: true,
  async run({ kube, namespace, operator }) {
    await kube.applyCluster(namespace, name, { replicas: 3 });
    const status = await kube.settled(namespace, name, 3);
    assert.deepEqual(await kube.podNames(namespace), ["db-1", "db-2", "db-3"]);
    assert.deepEqual(await kube.memberNames(namespace), ["db-1", "db-2", "db-3"]);
    assert.equal((await kube.claimNames(namespace)).length, 3);
    await kube.startProbe(namespace, name);
    const { clusterId } = await kube.requireSound(namespace, name, true);
    assert.equal(clusterId, status.clusterId);
    // As a user: etcdctl in a pod, through the client Service.
    const ctl = (...args: readonly string[]) =>
      kube.etcdctl(namespace, `--endpoints=http://${name}-client:2379`, ...args);
    assert.equal((await ctl("put", "greeting", "hello")).trim(), "OK");
    assert.equal((await ctl("get", "greeting", "--print-value-only")).trim(), "hello");
    const budget = await kube.kubectl([
      ...["-n", namespace, "get", "pdb", name, "-o", "jsonpath={.spec.minAvailable}"],
    ]);
    assert.equal(budget, "2");
    // At rest nothing is written, whatever its members are busy with.
    const before = await kube.cluster(namespace, name);
    const writes = await operator.metric("etcd_operator_writes_total");
    await new Promise((resolve) => setTimeout(resolve, restMs));
    const after = await kube.cluster(namespace, name);
    assert.equal(after.metadata.resourceVersion, before.metadata.resourceVersion, "it was written");
    assert((await operator.metric("etcd_operator_writes_total")) >= writes);
  },
};

const refused: Case = {
  name: "bad-input",
  what: "refused at admission; an image that is not there and a field that is not kept yet become conditions",
  async run({ kube, namespace }) {
    await assert.rejects(
      kube.applyCluster(namespace, "wrong", { replicas: 99 }),
      /should be less than or equal to 15/,
    );
    // What only the world can tell is a condition, with what to do.
    await kube.applyCluster(namespace, "nowhere", {
      replicas: 1,
      image: { repository: "localhost/no-such-image", tag: "1", pullPolicy: "Never" },
    });
    await kube.applyCluster(namespace, "later", {
      replicas: 1,
      tls: { peer: { operator: {}, clientAuth: false } },
    });
    const message = async (cluster: string, type: string) => {
      const { conditions } = await kube.status(namespace, cluster);
      return conditions?.find((one) => one.type === type)?.message ?? "";
    };
    await kube.until("the condition names the image's trouble", async () => {
      const text = await message("nowhere", "Available");
      return text.includes("ErrImageNeverPull") || text;
    });
    await kube.until("the condition names the field", async () => {
      const text = await message("later", "Degraded");
      return text.includes("spec.tls.peer.clientAuth") || text;
    });
    // Mended, it comes up.
    await kube.applyCluster(namespace, "later", {
      replicas: 1,
      tls: { peer: { operator: {}, clientAuth: true } },
    });
    await kube.settled(namespace, "later", 1);
  },
};

const deletion: Case = {
  name: "delete",
  what: "an EtcdCluster under Retain and Delete; the same name again beside old volumes; a namespace within 60 s with the operator up and down",
  isAlone: true,
  async run({ kube, namespace, operator }) {
    await kube.applyCluster(namespace, name, { replicas: 1 });
    const first = await kube.settled(namespace, name, 1);
    const kept = await kube.claimNames(namespace);
    const gone = async () => {
      const there = [...(await kube.podNames(namespace)), ...(await kube.memberNames(namespace))];
      return there.length === 0 || there.join();
    };
    await kube.kubectl(["-n", namespace, "delete", "etcdcluster", name]);
    await kube.until("its pods and members are gone", gone, deletionLimitMs);
    assert.deepEqual(await kube.claimNames(namespace), kept, "Retain keeps the volumes");
    // Made again under the same name it is another cluster, and leaves old volumes alone.
    await kube.applyCluster(namespace, name, { replicas: 1, deletionPolicy: "Delete" });
    const second = await kube.settled(namespace, name, 1);
    assert.notEqual(second.clusterId, first.clusterId);
    await kube.startProbe(namespace, name);
    await kube.requireSound(namespace, name, true);
    assert.equal((await kube.claimNames(namespace)).length, 2);
    await kube.kubectl(["-n", namespace, "delete", "etcdcluster", name]);
    await kube.until("its volume is gone too", async () => {
      const names = await kube.claimNames(namespace);
      return names.join() === kept.join() || names.join();
    });
    // A namespace ends with the operator up, and with it down.
    for (const replicas of [1, 0]) {
      const other = `${namespace}-${replicas}`;
      await kube.createNamespace(other);
      await kube.applyCluster(other, name, { replicas: 1 });
      await kube.settled(other, name, 1);
      await operator.scale(replicas);
      await kube.kubectl(["delete", "namespace", other, "--wait=false"]);
      const ended = async () => !(await kube.hasNamespace(other)) || "it is still there";
      await kube.until(`namespace ${other} is gone`, ended, deletionLimitMs);
    }
    await operator.scale(1);
  },
};

const helm: Case = {
  name: "helm",
  what: "lint, template with good and bad values, `helm test`, uninstall under a running cluster, install again",
  isCore: true,
  isAlone: true,
  async run({ kube, namespace, operator }) {
    await operator.lint();
    await operator.test();
    await kube.applyCluster(namespace, name, { replicas: 1 });
    const { clusterId } = await kube.settled(namespace, name, 1);
    await kube.startProbe(namespace, name);
    const [pod] = (await kube.api.list(pods, { namespace, labels: "etcd-ts.dev/member" })).items;
    await operator.uninstall();
    // The cluster goes on without it, and under the next one.
    await kube.requireSound(namespace, name, true);
    await operator.install();
    await kube.scale(namespace, name, 2);
    const grown = await kube.settled(namespace, name, 2);
    assert.equal(grown.clusterId, clusterId);
    const same = await kube.api.get(pods, namespace, "db-1");
    assert.equal(same.metadata.uid, pod?.metadata.uid, "its pod was made anew");
    await kube.requireSound(namespace, name, true);
  },
};

export const cases: readonly Case[] = [
  create,
  ...bootstrapCases,
  ...formationCases,
  ...[scale, repair, operatorKilled].map(onKubernetes),
  refused,
  ...disruptionCases,
  tampered,
  growthByCsi,
  ...nodeCases,
  ...[corrupted, quorumLost, edited, joinerMended].map(onKubernetes),
  ...sizeCases,
  ...versionCases,
  ...securityCases,
  certManager,
  ...backupCases,
  bucketBackup,
  secondControlPlane,
  clusterChart,
  ...killedCases,
  deletion,
  helm,
  helmUpgrade,
];
