// What a case does on a Kubernetes: applies manifests as users do, looks at objects, waits for what they come to.
// Every wait is for something that can be read, with a deadline that only a hang reaches, and says at its end
// what was there instead.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { KubeConfig } from "@kubernetes/client-node";
import type { EtcdClusterStatus } from "#operator/api/etcd-cluster.ts";
import { ApiClient } from "#operator/platform/kubernetes/api-client.ts";
import {
  type ClusterObject,
  claims,
  clusters,
  type Kind,
  type KubeObject,
  members,
  pods,
} from "#operator/platform/kubernetes/kinds.ts";
import { type Body, output } from "./body.ts";
import { execIn } from "./pod-exec.ts";
import {
  type AskProbe,
  type ProbeReport,
  probeWrites,
  requestDeadlineMs,
  requireEqual,
  requireWritten,
} from "./probe-report.ts";
import type { Look } from "./site.ts";
import { until } from "./until.ts";

const namespaces: Kind<KubeObject> = { apiVersion: "v1", kind: "Namespace", plural: "namespaces" };

export class Kube {
  readonly body: Body;
  readonly api: ApiClient;
  readonly storeImage: string;

  constructor(body: Body, storeImage: string) {
    const config = new KubeConfig();
    config.loadFromFile(body.kubeconfig);
    this.body = body;
    this.storeImage = storeImage;
    this.api = new ApiClient(config, new AbortController().signal);
  }

  kubectl(args: readonly string[], input?: string): Promise<string> {
    return output(this.body.kubectl, args, { KUBECONFIG: this.body.kubeconfig }, input);
  }

  /** What a command in a pod writes to stdout; it may be run twice (pod-exec.ts). */
  exec(namespace: string, pod: string, ...command: readonly string[]): Promise<string> {
    return execIn((args) => this.kubectl(args), namespace, pod, command);
  }

  async apply(manifest: object): Promise<void> {
    await this.kubectl(["apply", "-f", "-"], JSON.stringify(manifest));
  }

  /** Repeats `look` until it answers true; what it answers else, or how to find it out, is why it failed. */
  until(what: string, look: Look, limitMs?: number): Promise<void> {
    return until(what, look, limitMs);
  }

  async createNamespace(name: string): Promise<void> {
    await this.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name } });
  }

  /** An empty one: what an earlier run has left under this name is waited for to go. */
  async freshNamespace(name: string): Promise<void> {
    if (await this.hasNamespace(name)) {
      await this.kubectl(["delete", "namespace", name, "--wait=false"]);
      const gone = async () => !(await this.hasNamespace(name)) || "it is still there";
      await this.until(`namespace ${name} of an earlier run is gone`, gone);
    }
    await this.createNamespace(name);
  }

  async hasNamespace(name: string): Promise<boolean> {
    const { items } = await this.api.list(namespaces, {});
    return items.some((one) => one.metadata.name === name);
  }

  /** Applies an EtcdCluster with pods that fit many into a small node. */
  async applyCluster(namespace: string, name: string, spec: object): Promise<void> {
    await this.apply({
      apiVersion: clusters.apiVersion,
      kind: clusters.kind,
      metadata: { name, namespace },
      spec: {
        storage: { size: "1Gi" },
        pod: {
          resources: { requests: { cpu: "10m", memory: "64Mi" } },
          terminationGracePeriodSeconds: 10,
        },
        ...spec,
      },
    });
  }

  cluster(namespace: string, name: string): Promise<ClusterObject> {
    return this.api.get(clusters, namespace, name);
  }

  async status(namespace: string, name: string): Promise<EtcdClusterStatus> {
    return ((await this.cluster(namespace, name)).status ?? {}) as EtcdClusterStatus;
  }

  async scale(namespace: string, name: string, replicas: number): Promise<void> {
    await this.kubectl(["-n", namespace, "scale", `etcdcluster/${name}`, `--replicas=${replicas}`]);
  }

  /** Which pods the members of a namespace have, and how often their containers were started again. */
  async memberStarts(namespace: string) {
    const { items } = await this.api.list(pods, { namespace, labels: "etcd-ts.dev/member" });
    return items.map(({ metadata, status }) => [
      metadata.uid,
      status?.containerStatuses?.map((one) => one.restartCount),
    ]);
  }

  /** Waits until as many members as wanted serve and nothing is under way. */
  async settled(namespace: string, name: string, replicas: number): Promise<EtcdClusterStatus> {
    await this.until(`${namespace}/${name} has ${replicas} members that serve`, async () => {
      const object = await this.cluster(namespace, name);
      const { metadata } = object;
      const status = (object.status ?? {}) as EtcdClusterStatus;
      const of = (type: string) => status.conditions?.find((one) => one.type === type)?.status;
      const isSo =
        status.observedGeneration === metadata.generation &&
        status.replicas === replicas &&
        status.readyReplicas === replicas &&
        status.members?.length === replicas &&
        of("Available") === "True" &&
        of("Progressing") === "False" &&
        of("Degraded") === "False";
      return isSo || (() => this.describe(namespace));
    });
    return this.status(namespace, name);
  }

  /** Waits until as many members as wanted are as the manifest now says, and settled. */
  async updated(namespace: string, name: string, replicas: number): Promise<EtcdClusterStatus> {
    await this.until("all members are updated", async () => {
      const { metadata } = await this.cluster(namespace, name);
      const { updatedReplicas, observedGeneration } = await this.status(namespace, name);
      const isSeen = observedGeneration === metadata.generation;
      return (isSeen && updatedReplicas === replicas) || `${updatedReplicas} are`;
    });
    return this.settled(namespace, name, replicas);
  }

  names(status: EtcdClusterStatus): readonly string[] {
    return (status.members ?? []).map((one) => one.name);
  }

  async podNames(namespace: string): Promise<readonly string[]> {
    const { items } = await this.api.list(pods, { namespace, labels: "etcd-ts.dev/member" });
    return items.map((one) => one.metadata.name).sort();
  }

  async claimNames(namespace: string): Promise<readonly string[]> {
    const { items } = await this.api.list(claims, { namespace });
    return items.map((one) => one.metadata.name).sort();
  }

  async memberNames(namespace: string): Promise<readonly string[]> {
    const { items } = await this.api.list(members, { namespace });
    return items.map((one) => one.metadata.name).sort();
  }

  /** What is in a namespace, for messages. */
  async describe(namespace: string): Promise<string> {
    const list = await this.kubectl(["-n", namespace, "get", "ec,em,pods,pvc", "--no-headers"]);
    const { items } = await this.api.list(clusters, { namespace });
    const conditions = items.flatMap(
      (one) => (one.status?.["conditions"] ?? []) as readonly object[],
    );
    return `${list}\n${JSON.stringify(conditions)}`;
  }

  /**
   * Starts writing to a cluster, over TLS with what the Secret `connection` holds, as `user` (NAME:PASSWORD);
   * `askProbe` says what came of it.
   */
  async startProbe(
    namespace: string,
    cluster: string,
    connection?: string,
    user?: string,
  ): Promise<void> {
    const source = readFileSync(join(import.meta.dirname, "probe.mts"), "utf8");
    const name = "probe";
    await this.apply({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name, namespace },
      data: { "probe.mts": source },
    });
    await this.apply({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, namespace },
      spec: {
        terminationGracePeriodSeconds: 1,
        automountServiceAccountToken: false,
        containers: [
          {
            name,
            image: this.storeImage,
            command: [
              "/opt/etcd-ts/node_modules/.bin/node",
              "/probe/probe.mts",
              `${connection === undefined ? "http" : "https"}://${cluster}-client.${namespace}.svc.cluster.local:2379`,
              String(requestDeadlineMs),
              ...(connection === undefined ? [] : ["/connection"]),
            ],
            ...(user === undefined ? {} : { env: [{ name: "PROBE_USER", value: user }] }),
            volumeMounts: [
              { name, mountPath: "/probe" },
              ...(connection === undefined
                ? []
                : [{ name: "connection", mountPath: "/connection" }]),
            ],
          },
        ],
        volumes: [
          { name, configMap: { name } },
          ...(connection === undefined
            ? []
            : [{ name: "connection", secret: { secretName: connection } }]),
        ],
      },
    });
    await this.until("the prober writes", () => probeWrites(this.#ask(namespace)));
  }

  async askProbe<T>(namespace: string, path: string): Promise<T> {
    const url = `/api/v1/namespaces/${namespace}/pods/probe:8080/proxy/${path}`;
    return JSON.parse(await this.kubectl(["get", "--raw", url])) as T;
  }

  #ask(namespace: string): AskProbe {
    return (path) => this.askProbe(namespace, path);
  }

  /** What a URL answers to whoever is in the cluster. */
  async fetchFromProbe(namespace: string, url: string): Promise<string> {
    const script = "fetch(process.argv[1]).then((r) => r.text()).then(console.log)";
    const node = "/opt/etcd-ts/node_modules/.bin/node";
    return this.exec(namespace, "probe", node, "-e", script, url);
  }

  /** As a user: etcdctl in the prober's pod. */
  etcdctl(namespace: string, ...args: readonly string[]): Promise<string> {
    return this.exec(namespace, "probe", "etcdctl", ...args);
  }

  /** Every acknowledged write is there, and in planned work no write failed. */
  requireWritten(namespace: string, plannedWork = true): Promise<ProbeReport> {
    return requireWritten(this.#ask(namespace), plannedWork);
  }

  /** The same, and all members have the same keys. */
  async requireSound(
    namespace: string,
    cluster: string,
    plannedWork: boolean,
  ): Promise<ProbeReport> {
    const report = await this.requireWritten(namespace, plannedWork);
    await this.requireEqual(namespace, cluster);
    return report;
  }

  /** All members have the same keys. */
  async requireEqual(namespace: string, cluster: string): Promise<void> {
    const names = this.names(await this.status(namespace, cluster));
    const hosts = names.map((one) => `${one}.${cluster}-peers.${namespace}.svc.cluster.local`);
    await requireEqual(this.#ask(namespace), hosts, until);
  }
}
