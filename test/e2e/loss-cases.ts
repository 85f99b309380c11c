// What nodes and disks do to clusters: a node that is drained, one that is cut off, data that differs, a quorum that
// is lost for good and gone on without; and a manifest that changes while the last change is still under way.
import assert from "node:assert/strict";
import { chownSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { EtcdClusterStatus } from "#operator/api/etcd-cluster.ts";
import { claims, clusters, pods } from "#operator/platform/kubernetes/kinds.ts";
import { alter } from "#test/corruption/alter.ts";
import type { Case, CaseContext } from "./case.ts";
import { operatorNamespace } from "./operator-release.ts";

const name = "db";
const endpoints = `--endpoints=http://${name}-client:2379`;
const three = ["db-1", "db-2", "db-3"];

/** Of three members, each on another node; and their claims, which are to stay. */
async function spread({ kube, namespace }: CaseContext) {
  await kube.applyCluster(namespace, name, { replicas: 3 });
  const { clusterId } = await kube.settled(namespace, name, 3);
  await kube.startProbe(namespace, name);
  const nodes = await Promise.all(
    three.map(async (one) => (await kube.api.get(pods, namespace, one)).spec.nodeName ?? ""),
  );
  assert.equal(new Set(nodes).size, 3, `three nodes are needed, the pods are on ${nodes}`);
  return { clusterId, nodes, claimed: await kube.claimNames(namespace) };
}

/** The same members on the same volumes. */
async function unchanged(
  { kube, namespace }: CaseContext,
  before: { readonly clusterId: string | undefined; readonly claimed: readonly string[] },
): Promise<void> {
  const status = await kube.settled(namespace, name, 3);
  assert.deepEqual([status.clusterId, kube.names(status)], [before.clusterId, three]);
  assert.deepEqual(await kube.claimNames(namespace), before.claimed);
}

/** What the cluster says is amiss. */
function said({ conditions = [] }: EtcdClusterStatus): string {
  return conditions
    .filter((one) => one.status === (one.type === "Available" ? "False" : "True"))
    .map((one) => `${one.reason}: ${one.message}`)
    .join("\n");
}

const drained: Case = {
  name: "node-drained",
  what: "a node is drained: its member is evicted, waits for its volume, comes back with its node; nobody is replaced",
  isAlone: true,
  async run(context) {
    const { kube, namespace } = context;
    const before = await spread(context);
    const [, node = ""] = before.nodes;
    const { metadata } = await kube.api.get(pods, namespace, "db-2");
    try {
      // Members have a folder for temporary files, which goes with the pod.
      const which = ["--pod-selector=etcd-ts.dev/member", "--delete-emptydir-data"];
      await kube.kubectl(["drain", node, ...which, "--timeout=120s"]);
      await kube.until("db-2 has no node to be on", async () => {
        const is = await kube.api.find(pods, namespace, "db-2");
        const isNew = is !== undefined && is.metadata.uid !== metadata.uid;
        const phase = is?.status?.phase;
        return (isNew && phase === "Pending" && is.spec.nodeName === undefined) || `${phase}`;
      });
      await kube.until("the condition names who is missed", async () => {
        const text = said(await kube.status(namespace, name));
        return text.includes("db-2") || text;
      });
      // The budget lets nobody else go.
      const other = before.nodes[2] ?? "";
      await assert.rejects(
        kube.kubectl(["drain", other, ...which, "--timeout=10s"]),
        /global timeout reached|disruption budget/,
      );
      await kube.kubectl(["uncordon", other]);
      assert.deepEqual(await kube.memberNames(namespace), three);
    } finally {
      for (const one of before.nodes) await kube.kubectl(["uncordon", one]);
    }
    await unchanged(context, before);
    await kube.requireSound(namespace, name, true);
  },
};

const cutOff: Case = {
  name: "node-cut-off",
  what: "a node loses its network for two minutes: the others go on, nobody is replaced, its member catches up",
  isAlone: true,
  async run(context) {
    const { kube, namespace } = context;
    const before = await spread(context);
    const operators = (await kube.api.list(pods, { namespace: operatorNamespace })).items;
    const needed = new Set([kube.body.nodes[0], ...operators.map((one) => one.spec.nodeName)]);
    const node = before.nodes.find((one) => !needed.has(one));
    assert(node !== undefined, `the control plane and the operator are on all of ${before.nodes}`);
    const member = three[before.nodes.indexOf(node)] ?? "";
    const restore = kube.body.cutOff(node);
    try {
      await kube.until(`the condition names ${member}`, async () => {
        const text = said(await kube.status(namespace, name));
        return text.includes(member) || text;
      });
      await kube.until(`Kubernetes has noticed ${node}`, async () => {
        const path = 'jsonpath={.status.conditions[?(@.type=="Ready")].status}';
        const ready = await kube.kubectl(["get", "node", node, "-o", path]);
        return ready === "Unknown" || ready;
      });
      // Long enough for an operator that takes silence for loss.
      await new Promise((resolve) => setTimeout(resolve, 60_000));
      assert.deepEqual(await kube.memberNames(namespace), three);
      assert.deepEqual(await kube.claimNames(namespace), before.claimed);
    } finally {
      restore();
    }
    await unchanged(context, before);
    await kube.requireSound(namespace, name, false);
  },
};

/** Files that root has made in a member's folder become the member's. */
function giveBack(folder: string, like: { readonly uid: number; readonly gid: number }): void {
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    chownSync(join(entry.parentPath, entry.name), like.uid, like.gid);
  }
}

const corrupted: Case = {
  name: "member-corrupted",
  what: "one member's data is altered while it is stopped: the leader's check names it, and another takes its place",
  async run(context) {
    const { kube, namespace } = context;
    await kube.applyCluster(namespace, name, {
      replicas: 3,
      // Let in, for the leader to find.
      options: {
        "feature-gates": "InitialCorruptCheck=false",
        "corrupt-check-time": "3s",
      },
    });
    const { clusterId } = await kube.settled(namespace, name, 3);
    await kube.startProbe(namespace, name);
    const ctl = (...args: readonly string[]) => kube.etcdctl(namespace, endpoints, ...args);
    await ctl("put", "altered", "no");
    await kube.requireSound(namespace, name, true);
    const claimed = await kube.claimNames(namespace);
    const itsClaim = claimed.find((one) => one.startsWith("db-3-")) ?? "";
    const { metadata } = await kube.api.get(claims, namespace, itsClaim);
    await kube.api.patch(clusters, namespace, name, { spec: { paused: true } });
    await kube.until("it is paused", async () => {
      const { conditions = [] } = await kube.status(namespace, name);
      return conditions.some((one) => one.type === "Paused" && one.status === "True") || "not yet";
    });
    await kube.kubectl(["-n", namespace, "delete", "pod", "db-3", "--wait=true"]);
    const folder = join(kube.body.volumeFolder(metadata.uid ?? ""), "data");
    const like = statSync(folder);
    await alter(folder, "altered", "change");
    giveBack(folder, like);
    await kube.api.patch(clusters, namespace, name, { spec: { paused: false } });
    await kube.until("db-3 is replaced by db-4", async () => {
      const names = kube.names(await kube.status(namespace, name)).join();
      return names === "db-1,db-2,db-4" || names;
    });
    const healed = await kube.settled(namespace, name, 3);
    assert.equal(healed.clusterId, clusterId);
    assert.equal((await ctl("get", "altered", "--print-value-only")).trim(), "no");
    assert.equal((await ctl("alarm", "list")).trim(), "");
    await kube.requireSound(namespace, name, false);
  },
};

const quorumLost: Case = {
  name: "quorum-lost",
  what: "two of three volumes are deleted: the condition names the way out, once it is confirmed the survivor goes on, and two others join it",
  async run(context) {
    const { kube, namespace } = context;
    await kube.applyCluster(namespace, name, { replicas: 3 });
    const { clusterId } = await kube.settled(namespace, name, 3);
    await kube.startProbe(namespace, name);
    const ctl = (...args: readonly string[]) => kube.etcdctl(namespace, endpoints, ...args);
    await ctl("put", "before", "kept");
    // On all three: what only those who go have is lost with them.
    await kube.requireSound(namespace, name, true);
    const gone = (await kube.claimNames(namespace)).filter((one) => !one.startsWith("db-1-"));
    assert.equal(gone.length, 2);
    await kube.kubectl(["-n", namespace, "delete", "pvc", ...gone, "--wait=false"]);
    await kube.kubectl(["-n", namespace, "delete", "pod", "db-2", "db-3", "--wait=false"]);
    let confirm = "";
    await kube.until("the condition names the way out", async () => {
      const text = said(await kube.status(namespace, name));
      confirm = /spec\.recovery\.confirm: ([0-9a-f]+\/[0-9]+)/.exec(text)?.[1] ?? "";
      return (confirm !== "" && text.includes("go on with db-1 alone")) || text;
    });
    assert.equal(confirm, `${clusterId}/1`);
    // Not without being told to, nor by another word.
    await kube.api.patch(clusters, namespace, name, {
      spec: { recovery: { confirm: `${clusterId}/2` } },
    });
    await kube.until("another word is seen and does nothing", async () => {
      const { metadata } = await kube.cluster(namespace, name);
      const status = await kube.status(namespace, name);
      const isSeen = status.observedGeneration === metadata.generation;
      return (isSeen && said(status).includes("QuorumLost")) || said(status);
    });
    await kube.api.patch(clusters, namespace, name, { spec: { recovery: { confirm } } });
    const status = await kube.settled(namespace, name, 3);
    assert.deepEqual([status.clusterId, kube.names(status)[0]], [clusterId, "db-1"]);
    assert(kube.names(status).every((one) => one !== "db-2" && one !== "db-3"));
    assert.equal((await ctl("get", "before", "--print-value-only")).trim(), "kept");
    assert.equal((await ctl("put", "after", "1")).trim(), "OK");
    const { spec } = await kube.api.get(pods, namespace, "db-1");
    assert(!JSON.stringify(spec.containers).includes("--force-new-cluster"), "forced for good");
    await kube.requireEqual(namespace, name);
  },
};

const edited: Case = {
  name: "edited-while-scaling",
  what: "1 → 5, changed to 3 with other options while the third joins; → 5, changed to 1 while the fourth joins",
  async run(context) {
    const { kube, namespace } = context;
    await kube.applyCluster(namespace, name, { replicas: 1 });
    const { clusterId } = await kube.settled(namespace, name, 1);
    await kube.startProbe(namespace, name);
    const reaches = (count: number) =>
      kube.until(`member ${count} is on its way`, async () => {
        const names = await kube.memberNames(namespace);
        return names.length >= count || names.join();
      });
    await kube.scale(namespace, name, 5);
    await reaches(3);
    await kube.api.patch(clusters, namespace, name, {
      spec: { replicas: 3, options: { "snapshot-count": 5000 } },
    });
    const first = await kube.settled(namespace, name, 3);
    await kube.until("all have the options", async () => {
      const { items } = await kube.api.list(pods, { namespace, labels: "etcd-ts.dev/member" });
      const have = items.filter(({ spec }) =>
        JSON.stringify(spec.containers).includes("--snapshot-count=5000"),
      );
      return (items.length === 3 && have.length === 3) || `${have.length} of ${items.length}`;
    });
    await kube.settled(namespace, name, 3);
    await kube.requireSound(namespace, name, true);
    await kube.scale(namespace, name, 5);
    await reaches(4);
    await kube.scale(namespace, name, 1);
    const last = await kube.settled(namespace, name, 1);
    assert.deepEqual([first.clusterId, last.clusterId], [clusterId, clusterId]);
    await kube.until("only one member's objects are left", async () => {
      const there = [await kube.podNames(namespace), await kube.claimNames(namespace)];
      return there.every((names) => names.length === 1) || JSON.stringify(there);
    });
    await kube.requireSound(namespace, name, true);
  },
};

export const lossCases: readonly Case[] = [drained, cutOff, corrupted, quorumLost, edited];
