// A second Kubernetes over a cluster that the operator runs: its API server and controller manager are processes of
// this machine, which reach the members by the nodes' ports.
import assert from "node:assert/strict";
import { ApiException, AppsV1Api, CoreV1Api } from "@kubernetes/client-node";
import { clusters, type Kind, type KubeObject, pods } from "#operator/platform/kubernetes/kinds.ts";
import { locateKubernetes } from "#test/kubernetes/binaries.ts";
import { startControlPlane } from "#test/kubernetes/control-plane.ts";
import type { Case } from "./case.ts";

const name = "db";
const inner = "inside";
const configMaps = 300;
/** Requests under way at once. */
const width = 16;
const nodePort = 32379;

interface Node extends KubeObject {
  readonly status?: {
    readonly addresses?: readonly { readonly type: string; readonly address: string }[];
  };
}
const nodes: Kind<Node> = { apiVersion: "v1", kind: "Node", plural: "nodes" };

/** Calls `each` for 0 … count-1, `width` at once. */
async function forEach(count: number, each: (n: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < count) await each(next++);
  };
  await Promise.all(Array.from({ length: width }, lane));
}

/** As a controller does: what a member that goes left open is asked again. */
async function createOnce(core: CoreV1Api, n: number): Promise<void> {
  const body = { metadata: { name: `c-${n}` }, data: { n: String(n) } };
  for (let tries = 0; ; tries++) {
    try {
      await core.createNamespacedConfigMap({ namespace: inner, body });
      return;
    } catch (error) {
      if (!(error instanceof ApiException)) throw error;
      if (tries > 0 && error.code === 409) return;
      if (error.code < 500 || tries === 10) throw error;
    }
  }
}

export const secondControlPlane: Case = {
  name: "control-plane",
  what: "kube-apiserver and controller manager of a second Kubernetes over three members: 300 ConfigMaps and a Deployment's objects while every member is restarted; nothing is lost or complained of",
  async run({ kube, namespace }) {
    const service = { type: "NodePort", nodePort };
    await kube.applyCluster(namespace, name, { replicas: 3, service });
    const { clusterId } = await kube.settled(namespace, name, 3);
    await kube.startProbe(namespace, name);
    const { items } = await kube.api.list(nodes, {});
    const endpoints = items
      .flatMap((one) => one.status?.addresses ?? [])
      .filter((one) => one.type === "InternalIP")
      .map((one) => `http://${one.address}:${nodePort}`);
    const binaries = await locateKubernetes();
    if (typeof binaries === "string") throw new Error(binaries);
    await using plane = await startControlPlane(binaries, endpoints);
    const core = plane.config.makeApiClient(CoreV1Api);
    const apps = plane.config.makeApiClient(AppsV1Api);
    await core.createNamespace({ body: { metadata: { name: inner } } });
    const template = {
      metadata: { labels: { app: "a" } },
      spec: { containers: [{ name: "a", image: "none" }] },
    };
    const selector = { matchLabels: { app: "a" } };
    const deployment = { metadata: { name: "a" }, spec: { replicas: 3, selector, template } };
    await apps.createNamespacedDeployment({ namespace: inner, body: deployment });
    const before = new Map(
      (await kube.api.list(pods, { namespace, labels: "etcd-ts.dev/member" })).items.map((one) => [
        one.metadata.name,
        one.metadata.uid,
      ]),
    );
    const restart = async () => {
      const spec = { pod: { annotations: { again: "1" } } };
      await kube.api.patch(clusters, namespace, name, { spec });
      return kube.updated(namespace, name, 3);
    };
    const [restarted] = await Promise.all([
      restart(),
      forEach(configMaps, (n) => createOnce(core, n)),
    ]);
    assert.equal(restarted.clusterId, clusterId);
    for (const [pod, uid] of before) {
      assert.notEqual((await kube.api.get(pods, namespace, pod)).metadata.uid, uid, pod);
    }
    // All of it, page by page.
    const found = new Map<string, string>();
    let next: string | undefined;
    do {
      const page = await core.listNamespacedConfigMap({
        namespace: inner,
        limit: 50,
        ...(next === undefined ? {} : { _continue: next }),
      });
      for (const { metadata, data } of page.items) {
        if (metadata?.name?.startsWith("c-")) found.set(metadata.name, data?.["n"] ?? "");
      }
      next = page.metadata?._continue || undefined;
    } while (next !== undefined);
    assert.equal(found.size, configMaps);
    for (const [key, n] of found) assert.equal(key, `c-${n}`);
    await kube.until("the Deployment's pods are made", async () => {
      const { items: made } = await core.listNamespacedPod({ namespace: inner });
      return made.length === 3 || `${made.length} are`;
    });
    await core.deleteNamespace({ name: inner });
    await kube.until("the second Kubernetes' namespace is gone", async () => {
      const { items: left } = await core.listNamespace();
      return left.every((one) => one.metadata?.name !== inner) || "it is still there";
    });
    assert(plane.apiServer.isRunning, plane.apiServer.logTail());
    await kube.requireSound(namespace, name, true);
  },
};
