// What happens to clusters that live: pods and volumes that go, databases that fill up, sleep, pause, records that
// get lost, two operators at once, and nothing at all.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { claims, clusters, leases, pods } from "#operator/platform/kubernetes/kinds.ts";
import { hibernate, noSpace, options } from "./anywhere-cases.ts";
import type { AuditEntry } from "./body.ts";
import type { Case, CaseContext } from "./case.ts";
import { onKubernetes } from "./kube-site.ts";
import { operatorNamespace } from "./operator-release.ts";
import type { ProbeReport } from "./probe-report.ts";

const name = "db";
const leaseName = "etcd-operator.etcd-ts.dev";
/** How long idle clusters are watched for writes. */
const idleMs = 300_000;
/** Longer than a lease lasts. */
const pastLeaseMs = 20_000;

async function until3({ kube, namespace }: CaseContext, clusterId: string | undefined) {
  const status = await kube.settled(namespace, name, 3);
  assert.equal(status.clusterId, clusterId);
  return status;
}

async function podUid({ kube, namespace }: CaseContext, pod: string): Promise<string> {
  return (await kube.api.find(pods, namespace, pod))?.metadata.uid ?? "";
}

/** Of the first three members. */
function podUids(context: CaseContext): Promise<readonly string[]> {
  return Promise.all(["db-1", "db-2", "db-3"].map((one) => podUid(context, one)));
}

const podsGo: Case = {
  name: "pods-go",
  what: "a pod deleted, evicted by the API that minds the budget, and one that ended: each comes back on its volume",
  async run(context) {
    const { kube, namespace } = context;
    await kube.applyCluster(namespace, name, { replicas: 3 });
    const { clusterId } = await kube.settled(namespace, name, 3);
    const claimed = await kube.claimNames(namespace);
    await kube.startProbe(namespace, name);
    const ways: readonly (readonly [string, () => Promise<unknown>])[] = [
      ["db-1", () => kube.kubectl(["-n", namespace, "delete", "pod", "db-1", "--wait=false"])],
      [
        "db-2",
        () =>
          // Asked again as long as the budget counts db-1 as away, which it does until its pod is ready.
          kube.until("the budget lets db-2 go", async () => {
            await kube.kubectl(
              ["create", "-f", "-", "--raw", `/api/v1/namespaces/${namespace}/pods/db-2/eviction`],
              JSON.stringify({
                apiVersion: "policy/v1",
                kind: "Eviction",
                metadata: { name: "db-2", namespace },
              }),
            );
            return true;
          }),
      ],
      [
        // As a node that runs out of memory leaves it.
        "db-3",
        () =>
          kube.api.patch(
            pods,
            namespace,
            "db-3",
            { status: { phase: "Failed", reason: "Evicted", message: "for the test" } },
            "/status",
          ),
      ],
    ];
    for (const [pod, go] of ways) {
      const before = await podUid(context, pod);
      await go();
      await kube.until(`${pod} is another pod`, async () => {
        const uid = await podUid(context, pod);
        return (uid !== "" && uid !== before) || "it is the old one";
      });
      await until3(context, clusterId);
    }
    assert.deepEqual(await kube.claimNames(namespace), claimed);
    await kube.requireSound(namespace, name, true);
  },
};

const pause: Case = {
  name: "pause",
  what: "nothing is touched while paused; gone on with afterwards; deleted while paused",
  async run(context) {
    const { kube, namespace } = context;
    await kube.applyCluster(namespace, name, { replicas: 3 });
    const { clusterId } = await kube.settled(namespace, name, 3);
    await kube.startProbe(namespace, name);
    const set = (spec: object) => kube.api.patch(clusters, namespace, name, { spec });
    const paused = async () => {
      const { conditions = [], observedGeneration } = await kube.status(namespace, name);
      const { metadata } = await kube.cluster(namespace, name);
      const is = conditions.find((one) => one.type === "Paused")?.status;
      return (is === "True" && observedGeneration === metadata.generation) || `Paused is ${is}`;
    };
    await set({ paused: true });
    await kube.until("it is paused", paused);
    await kube.kubectl(["-n", namespace, "delete", "pod", "db-2", "--wait=false"]);
    await set({ replicas: 1 });
    await kube.until("it has seen the new size", paused);
    await kube.until("db-2 is gone", async () => (await podUid(context, "db-2")) === "" || "there");
    // So long an operator that is not paused would have made it again many times over.
    await sleep(15_000);
    assert.deepEqual(await kube.podNames(namespace), ["db-1", "db-3"]);
    await set({ replicas: 3, paused: false });
    await until3(context, clusterId);
    await kube.requireSound(namespace, name, true);
    await set({ paused: true });
    await kube.until("it is paused again", paused);
    await kube.kubectl(["-n", namespace, "delete", "etcdcluster", name, "--wait=false"]);
    await kube.until(
      "all pods and members are gone",
      async () => {
        const left = [await kube.podNames(namespace), await kube.memberNames(namespace)].flat();
        return left.length === 0 || left.join();
      },
      60_000,
    );
  },
};

const statusLost: Case = {
  name: "status-lost",
  what: "the status is wiped under a running cluster, as by a restored manifest: taken over, not begun anew, nobody restarted; orphans of another cluster are named",
  async run(context) {
    const { kube, namespace } = context;
    await kube.applyCluster(namespace, name, { replicas: 3 });
    const { clusterId } = await kube.settled(namespace, name, 3);
    await kube.startProbe(namespace, name);
    const before = await podUids(context);
    await kube.until("the status is wiped", async () => {
      await kube.api.replaceStatus(clusters, {
        ...(await kube.cluster(namespace, name)),
        status: {},
      });
      return true;
    });
    await until3(context, clusterId);
    assert.deepEqual(await podUids(context), before);
    // Taken over for good: it can be worked with.
    await kube.scale(namespace, name, 1);
    const { members = [] } = await kube.settled(namespace, name, 1);
    assert.equal(members.length, 1);
    await kube.requireSound(namespace, name, true);
    // Left behind by someone who let go of the object alone.
    await kube.kubectl(["-n", namespace, "delete", "etcdcluster", name, "--cascade=orphan"]);
    await kube.applyCluster(namespace, name, { replicas: 3 });
    await kube.until("the condition names what is in the way", async () => {
      const { conditions = [] } = await kube.status(namespace, name);
      const degraded = conditions.find((one) => one.type === "Degraded");
      return degraded?.reason === "RemnantsFound" || JSON.stringify(conditions);
    });
    const { missing, acknowledged } = await kube.askProbe<ProbeReport>(namespace, "report");
    assert(acknowledged > 0 && missing.length === 0, `not there: ${missing.join(", ")}`);
  },
};

const growth: Case = {
  name: "volume-growth",
  what: "a storage class that expands volumes, one after the other; one that does not: a condition, and all else goes on",
  async run(context) {
    const { kube, namespace } = context;
    await kube.applyCluster(namespace, name, {
      replicas: 3,
      storage: { size: "1Gi", storageClassName: "plain-growing" },
    });
    const { clusterId } = await kube.settled(namespace, name, 3);
    await kube.startProbe(namespace, name);
    await kube.api.patch(clusters, namespace, name, { spec: { storage: { size: "2Gi" } } });
    await kube.until("all volumes have the new size", async () => {
      const { items } = await kube.api.list(claims, { namespace });
      const sizes = items.map((one) => one.status?.capacity?.["storage"]);
      return sizes.join() === "2Gi,2Gi,2Gi" || sizes.join();
    });
    await until3(context, clusterId);
    await kube.requireSound(namespace, name, true);
    await kube.applyCluster(namespace, "fixed", { replicas: 1 });
    await kube.settled(namespace, "fixed", 1);
    await kube.api.patch(clusters, namespace, "fixed", { spec: { storage: { size: "2Gi" } } });
    await kube.until("the condition says why not", async () => {
      const { conditions = [] } = await kube.status(namespace, "fixed");
      const degraded = conditions.find((one) => one.type === "Degraded");
      return degraded?.reason === "VolumeGrowthRefused" || JSON.stringify(conditions);
    });
    // Nothing else waits for it, and a new member has the new size.
    await kube.scale(namespace, "fixed", 2);
    await kube.until("the second member has joined", async () => {
      const { readyReplicas } = await kube.status(namespace, "fixed");
      return readyReplicas === 2 || `${readyReplicas}`;
    });
    const { items } = await kube.api.list(claims, {
      namespace,
      labels: "etcd-ts.dev/member=fixed-2",
    });
    assert.equal(items[0]?.spec.resources?.requests?.["storage"], "2Gi");
  },
};

const ephemeral: Case = {
  name: "ephemeral",
  what: "no volumes: a pod that goes is replaced by another member, an update replaces all of them one at a time",
  async run(context) {
    const { kube, namespace } = context;
    await kube.applyCluster(namespace, name, { replicas: 3, storage: { ephemeral: true } });
    const { clusterId } = await kube.settled(namespace, name, 3);
    assert.deepEqual(await kube.claimNames(namespace), []);
    await kube.startProbe(namespace, name);
    await kube.kubectl(["-n", namespace, "delete", "pod", "db-2", "--wait=false"]);
    const are = (wanted: string) => async () => {
      const names = kube.names(await kube.status(namespace, name)).join();
      return names === wanted || names;
    };
    await kube.until("db-2 is replaced by db-4", are("db-1,db-3,db-4"));
    await until3(context, clusterId);
    await kube.requireSound(namespace, name, true);
    await kube.api.patch(clusters, namespace, name, {
      spec: { options: { "snapshot-count": 5000 } },
    });
    await kube.until("all are replaced", are("db-5,db-6,db-7"));
    await until3(context, clusterId);
    await kube.requireSound(namespace, name, true);
  },
};

/** Writes of the operator's pods that the API server has noted since `at`. */
function operatorWrites({ kube }: CaseContext, at: number): readonly AuditEntry[] {
  const account = `system:serviceaccount:${operatorNamespace}:`;
  return kube.body
    .auditLog()
    .slice(at)
    .filter((one) => one.user.username.startsWith(account));
}

const podOf = (entry: AuditEntry): string =>
  entry.user.extra?.["authentication.kubernetes.io/pod-name"]?.[0] ?? "";

const twoOperators: Case = {
  name: "two-operators",
  what: "the leader is stopped past its lease and let go on: the other one works, and no write of its own follows",
  isAlone: true,
  async run(context) {
    const { kube, namespace, operator } = context;
    await operator.scale(2);
    await kube.applyCluster(namespace, name, { replicas: 1 });
    const { clusterId } = await kube.settled(namespace, name, 1);
    await kube.startProbe(namespace, name);
    const holder = async () => {
      const { spec } = await kube.api.get(leases, operatorNamespace, leaseName);
      return (spec.holderIdentity ?? "").split("_")[0] ?? "";
    };
    const first = await holder();
    const pid = kube.body.pidIn(first, "operator/main.ts");
    process.kill(pid, "SIGSTOP");
    let resumedAt = 0;
    try {
      await sleep(pastLeaseMs);
      await kube.until("the other one leads", async () => {
        const now = await holder();
        return (now !== "" && now !== first) || `${now} leads`;
      });
      // In the middle of work, which the stopped one would go on with.
      await kube.scale(namespace, name, 3);
      await kube.until("the second member is on its way", async () => {
        const names = await kube.memberNames(namespace);
        return names.length >= 2 || names.join();
      });
      resumedAt = kube.body.auditLog().length;
    } finally {
      process.kill(pid, "SIGCONT");
    }
    const grown = await kube.settled(namespace, name, 3);
    assert.equal(grown.clusterId, clusterId);
    const writes = operatorWrites(context, resumedAt).filter(
      (one) => one.objectRef?.resource !== "leases",
    );
    assert(
      writes.some((one) => podOf(one) !== first),
      "nobody has written",
    );
    const its = writes.filter((one) => podOf(one) === first);
    assert.deepEqual(
      its.map((one) => `${one.verb} ${one.requestURI}`),
      [],
    );
    await kube.requireSound(namespace, name, true);
    await operator.scale(1);
  },
};

const idle: Case = {
  name: "idle",
  what: "three clusters at rest for five minutes: the API server has noted no write of the operator's but its lease's",
  isAlone: true,
  async run(context) {
    const { kube, namespace } = context;
    const sizes = { one: 1, two: 1, three: 3 };
    for (const [cluster, replicas] of Object.entries(sizes)) {
      await kube.applyCluster(namespace, cluster, { replicas });
    }
    for (const [cluster, replicas] of Object.entries(sizes)) {
      await kube.settled(namespace, cluster, replicas);
    }
    // What it still has to say of them.
    await sleep(5000);
    const began = kube.body.auditLog().length;
    await sleep(idleMs);
    const writes = operatorWrites(context, began);
    const others = writes.filter((one) => one.objectRef?.resource !== "leases");
    assert.deepEqual(
      others.map((one) => `${one.verb} ${one.requestURI}`),
      [],
    );
    assert(writes.length > 10, `the lease was renewed ${writes.length} times: is this its log?`);
  },
};

export const disruptionCases: readonly Case[] = [
  podsGo,
  onKubernetes(hibernate),
  pause,
  onKubernetes(noSpace),
  onKubernetes(options),
  statusLost,
  growth,
  ephemeral,
  twoOperators,
  idle,
];
