// What nodes do to clusters: one that is drained, and one that is cut off.
import assert from "node:assert/strict";
import { pods } from "#operator/platform/kubernetes/kinds.ts";
import { amiss } from "./anywhere-cases.ts";
import type { Case, CaseContext } from "./case.ts";
import { operatorNamespace } from "./operator-release.ts";

const name = "db";
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
        const text = amiss(await kube.status(namespace, name));
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
        const text = amiss(await kube.status(namespace, name));
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

export const nodeCases: readonly Case[] = [drained, cutOff];
