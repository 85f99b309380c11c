// A cluster in a namespace of a Kubernetes, for cases that run anywhere.
import assert from "node:assert/strict";
import { chownSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { EtcdClusterStatus } from "#operator/api/etcd-cluster.ts";
import { claims, clusters, pods } from "#operator/platform/kubernetes/kinds.ts";
import type { Case, CaseContext, SiteCase } from "./case.ts";
import type { ProbeReport } from "./probe-report.ts";
import type { Look, Site, SiteStatus } from "./site.ts";
import { until } from "./until.ts";

const name = "db";
const memberLabel = "etcd-ts.dev/member";

/** The same on Kubernetes. */
export function onKubernetes({ runAt, ...info }: SiteCase): Case {
  return { ...info, run: (context) => runAt(new KubeSite(context)) };
}

class KubeSite implements Site {
  readonly kubernetes: CaseContext;

  constructor(context: CaseContext) {
    this.kubernetes = context;
  }

  create(spec: object): Promise<void> {
    const { kube, namespace } = this.kubernetes;
    return kube.applyCluster(namespace, name, spec);
  }

  async change(spec: object): Promise<void> {
    const { kube, namespace } = this.kubernetes;
    await kube.api.patch(clusters, namespace, name, { spec });
  }

  scale(replicas: number): Promise<void> {
    const { kube, namespace } = this.kubernetes;
    return kube.scale(namespace, name, replicas);
  }

  async settled(replicas: number): Promise<SiteStatus> {
    const { kube, namespace } = this.kubernetes;
    await kube.settled(namespace, name, replicas);
    return this.status();
  }

  async updated(replicas: number): Promise<SiteStatus> {
    const { kube, namespace } = this.kubernetes;
    await kube.updated(namespace, name, replicas);
    return this.status();
  }

  /** Empty until the operator has seen the manifest as it is now. */
  async status(): Promise<SiteStatus> {
    const { kube, namespace } = this.kubernetes;
    const { metadata, status = {} } = await kube.cluster(namespace, name);
    const is = status as EtcdClusterStatus;
    const { clusterId, members = [], conditions = [], observedGeneration } = is;
    const isSeen = observedGeneration === metadata.generation;
    const names = members.map((one) => one.name);
    return { clusterId, names, conditions: isSeen ? conditions : [] };
  }

  until(what: string, look: Look): Promise<void> {
    return until(what, look);
  }

  memberNames(): Promise<readonly string[]> {
    const { kube, namespace } = this.kubernetes;
    return kube.memberNames(namespace);
  }

  async running(): Promise<Readonly<Record<string, string>>> {
    const { kube, namespace } = this.kubernetes;
    const { items } = await kube.api.list(pods, { namespace, labels: memberLabel });
    return Object.fromEntries(items.map(({ metadata }) => [metadata.name, metadata.uid ?? ""]));
  }

  async argumentsOf(member: string): Promise<readonly string[]> {
    const { kube, namespace } = this.kubernetes;
    const { spec } = await kube.api.get(pods, namespace, member);
    const [container] = spec.containers as readonly { readonly args?: readonly string[] }[];
    return container?.args ?? [];
  }

  volumeNames(): Promise<readonly string[]> {
    const { kube, namespace } = this.kubernetes;
    return kube.claimNames(namespace);
  }

  async killMember(member: string): Promise<void> {
    const { kube, namespace } = this.kubernetes;
    const { [member]: old } = await this.running();
    await kube.kubectl(["-n", namespace, "delete", "pod", member, "--wait=false"]);
    await kube.until(`${member} has another pod`, async () => {
      const { [member]: now } = await this.running();
      return (now !== undefined && now !== old) || "it is the old one";
    });
  }

  async #claimOf(member: string): Promise<string> {
    const names = await this.volumeNames();
    const found = names.find((one) => one.startsWith(`${member}-`));
    return found ?? assert.fail(`${member} has no claim: ${names.join(", ")}`);
  }

  async loseVolumes(...members: readonly string[]): Promise<void> {
    const { kube, namespace } = this.kubernetes;
    const lost = await Promise.all(members.map((one) => this.#claimOf(one)));
    await kube.kubectl(["-n", namespace, "delete", "pvc", ...lost, "--wait=false"]);
    await kube.kubectl(["-n", namespace, "delete", "pod", ...members, "--wait=false"]);
  }

  async whileStopped(member: string, work: (folder: string) => Promise<void>): Promise<void> {
    const { kube, namespace } = this.kubernetes;
    const { metadata } = await kube.api.get(claims, namespace, await this.#claimOf(member));
    await this.change({ paused: true });
    await kube.until("it is paused", async () => {
      const { conditions } = await this.status();
      return conditions.some((one) => one.type === "Paused" && one.status === "True") || "not yet";
    });
    await kube.kubectl(["-n", namespace, "delete", "pod", member, "--wait=true"]);
    const folder = join(kube.body.volumeFolder(metadata.uid ?? ""), "data");
    const like = statSync(folder);
    await work(folder);
    // Files that root has made in a member's folder become the member's.
    for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
      chownSync(join(entry.parentPath, entry.name), like.uid, like.gid);
    }
    await this.change({ paused: false });
  }

  killOperator(): Promise<void> {
    return this.kubernetes.operator.kill();
  }

  async shell(script: string): Promise<string> {
    const { kube, namespace } = this.kubernetes;
    const env = `ETCDCTL_ENDPOINTS=http://${name}-client:2379`;
    return kube.exec(namespace, "probe", "env", env, "sh", "-c", script);
  }

  async etcdctl(...args: readonly string[]): Promise<string> {
    const { kube, namespace } = this.kubernetes;
    const endpoints = `--endpoints=http://${name}-client:2379`;
    return (await kube.etcdctl(namespace, endpoints, ...args)).trim();
  }

  startProbe(): Promise<void> {
    const { kube, namespace } = this.kubernetes;
    return kube.startProbe(namespace, name);
  }

  async requireSound(plannedWork: boolean): Promise<ProbeReport> {
    const { kube, namespace } = this.kubernetes;
    const report = await kube.requireSound(namespace, name, plannedWork);
    assert.equal(report.clusterId, (await kube.status(namespace, name)).clusterId);
    return report;
  }

  requireEqual(): Promise<void> {
    const { kube, namespace } = this.kubernetes;
    return kube.requireEqual(namespace, name);
  }
}
