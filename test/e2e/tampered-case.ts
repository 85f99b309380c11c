// What a cluster consists of, edited and deleted by hand under load: members keep their volumes and data, what went
// comes back, and a cluster beside it whose name is that of a member is left alone.
import assert from "node:assert/strict";
import {
  claims,
  disruptionBudgets,
  type Kind,
  type KubeObject,
  members,
  pods,
  secrets,
  services,
} from "#operator/platform/kubernetes/kinds.ts";
import type { Case, CaseContext } from "./case.ts";

const name = "db";
const names = ["db-1", "db-2", "db-3"];
/** A cluster that is called as a member of the other one. */
const neighbour = "db-1";
const connection = "db-connection";
const own = ["cluster", "cluster-uid", "member"].map((one) => `etcd-ts.dev/${one}`);

/** By name: UIDs, and for pods the claims that they have mounted. */
async function look({ kube, namespace }: CaseContext) {
  const all = async <T extends KubeObject>(kind: Kind<T>): Promise<readonly T[]> =>
    (await kube.api.list(kind, { namespace })).items;
  const uids = (objects: readonly KubeObject[]) =>
    Object.fromEntries(objects.map(({ metadata }) => [metadata.name, metadata.uid]));
  const [foundMembers, foundClaims, foundPods] = await Promise.all([
    all(members),
    all(claims),
    all(pods),
  ]);
  const mounted = foundPods.map(({ metadata, spec }) => {
    const { volumes = [] } = spec as {
      readonly volumes?: readonly { persistentVolumeClaim?: { claimName: string } }[];
    };
    return [metadata.name, volumes.flatMap((one) => one.persistentVolumeClaim?.claimName ?? [])];
  });
  const bare = [
    ...foundMembers,
    ...foundClaims,
    ...foundPods.filter((one) => one.metadata.name !== "probe"),
  ]
    .filter(({ metadata }) => own.some((one) => metadata.labels?.[one] === undefined))
    .map((one) => one.metadata.name);
  return {
    members: uids(foundMembers),
    claims: uids(foundClaims),
    pods: uids(foundPods),
    mounted: Object.fromEntries(mounted) as Readonly<Record<string, readonly string[]>>,
    /** Those that lack labels of the operator's. */
    bare,
  };
}

export const tampered: Case = {
  name: "tampered",
  what: "by hand, under load: labels taken off pods, claims and EtcdMembers, a claim copied with its labels, an EtcdMember deleted, Services, budget and connection Secret deleted and edited; a neighbour called as a member; nobody is replaced, no data lost",
  async run(context) {
    const { kube, namespace } = context;
    const kubectl = (...args: readonly string[]) => kube.kubectl(["-n", namespace, ...args]);
    await kube.applyCluster(namespace, neighbour, { replicas: 1 });
    await kube.applyCluster(namespace, name, {
      replicas: 3,
      connectionSecret: { name: connection },
    });
    await kube.settled(namespace, neighbour, 1);
    const { clusterId } = await kube.settled(namespace, name, 3);
    await kube.startProbe(namespace, name);
    const before = await look(context);
    assert.deepEqual(before.bare, []);
    const sound = async (isServed = true) => {
      const status = await kube.settled(namespace, name, 3);
      assert.deepEqual([status.clusterId, kube.names(status)], [clusterId, names]);
      await kube.requireSound(namespace, name, isServed);
    };

    // Labels are how all of it is found: without them nothing may count as gone.
    const off = own.map((one) => `${one}-`);
    const itsClaims = names.flatMap((one) => before.mounted[one] ?? []);
    assert.equal(itsClaims.length, 3);
    await kubectl("label", "pvc", ...itsClaims, ...off);
    await kubectl("label", "pod", "db-2", ...off);
    await kubectl("label", "etcdmember", "db-3", ...off);
    await kube.until("all have their labels back", async () => {
      const { bare } = await look(context);
      return bare.length === 0 || bare.join();
    });
    await sound();
    assert.deepEqual(await look(context), before);

    // A copy of a claim, as of somebody who tries something out, sorts before it.
    const [first = ""] = itsClaims;
    const { metadata, spec } = await kube.api.get(claims, namespace, first);
    const { volumeName: _, ...wanted } = spec;
    await kube.apply({
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name: "a-copy", namespace, labels: metadata.labels },
      spec: wanted,
    });
    await kubectl("delete", "pod", "db-1", "--wait=false");
    await kube.until("db-1 has another pod", async () => {
      const { pods } = await look(context);
      return (pods["db-1"] !== undefined && pods["db-1"] !== before.pods["db-1"]) || "not yet";
    });
    await sound();
    await kubectl("delete", "etcdmember", "db-2", "--wait=false");
    await kube.until("db-2 has another EtcdMember and pod", async () => {
      const { members, pods } = await look(context);
      const isNew =
        members["db-2"] !== before.members["db-2"] && pods["db-2"] !== before.pods["db-2"];
      return (isNew && members["db-2"] !== undefined && pods["db-2"] !== undefined) || "not yet";
    });
    await sound();
    assert.deepEqual((await look(context)).mounted, before.mounted, "each has its own volume");

    // What members do not need to go on.
    const base = { apiVersion: "v1", kind: "Secret" };
    const { data: kept } = await kube.api.get(secrets, namespace, connection);
    await kube.apply({
      ...base,
      metadata: { name: connection, namespace },
      data: { endpoints: Buffer.from("http://elsewhere:2379").toString("base64") },
    });
    await kubectl("delete", "service", `${name}-client`, `${name}-peers`);
    await kubectl("delete", "pdb", name);
    await kube.until("all of it is back", async () => {
      const secret = await kube.api.find(secrets, namespace, connection);
      const budget = await kube.api.find(disruptionBudgets, namespace, name);
      const client = await kube.api.find(services, namespace, `${name}-client`);
      const peers = await kube.api.find(services, namespace, `${name}-peers`);
      const isSame = JSON.stringify(secret?.data) === JSON.stringify(kept);
      const isBack = [isSame, budget, client, peers].map(Boolean);
      return isBack.every(Boolean) || isBack.join();
    });
    await kubectl("delete", "secret", connection);
    await kube.until("the Secret is back", async () => {
      const secret = await kube.api.find(secrets, namespace, connection);
      return JSON.stringify(secret?.data) === JSON.stringify(kept) || JSON.stringify(secret);
    });

    // The neighbour has gone through all of it untouched, and goes alone.
    const now = await look(context);
    for (const each of ["members", "pods"] as const) {
      assert.equal(now[each]["db-1-1"], before[each]["db-1-1"]);
    }
    await kubectl("delete", "etcdcluster", neighbour);
    await kube.until("the neighbour is gone", async () => {
      const { pods } = await look(context);
      return pods["db-1-1"] === undefined || "it has a pod";
    });
    await sound(false);
    assert.equal((await look(context)).pods["db-1"], now.pods["db-1"]);
  },
};
