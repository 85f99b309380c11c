// The operator as users install it: with helm, from this checkout's chart and images.
import { join } from "node:path";
import { pods } from "#operator/platform/kubernetes/kinds.ts";
import { type Image, output } from "./body.ts";
import type { Kube } from "./kube.ts";

const chart = join(import.meta.dirname, "..", "..", "helm", "etcd-operator");
export const operatorNamespace = "etcd-operator";
const selector = "app.kubernetes.io/name=etcd-operator";

export interface Images {
  readonly store: Image;
  readonly operator: Image;
}

const split = ({ reference }: Image): readonly [string, string] => {
  const at = reference.lastIndexOf(":");
  return [reference.slice(0, at), reference.slice(at + 1)];
};

export class OperatorRelease {
  readonly #kube: Kube;
  readonly #helm: string;
  readonly #images: Images;

  constructor(kube: Kube, helm: string, images: Images) {
    this.#kube = kube;
    this.#helm = helm;
    this.#images = images;
  }

  helm(...args: readonly string[]): Promise<string> {
    return this.helmIn(operatorNamespace, ...args);
  }

  /** Of another release, in another namespace. */
  helmIn(namespace: string, ...args: readonly string[]): Promise<string> {
    const { kubeconfig } = this.#kube.body;
    return output(this.#helm, ["-n", namespace, ...args], { KUBECONFIG: kubeconfig });
  }

  /** Values that every use of the chart needs. */
  get values(): readonly string[] {
    return this.#valuesFor(this.#images);
  }

  #valuesFor(images: Images): readonly string[] {
    const [repository, tag] = split(images.operator);
    const [storeRepository, storeTag] = split(images.store);
    return [
      `--set=image.repository=${repository},image.tag=${tag}`,
      `--set=storeImage.repository=${storeRepository},storeImage.tag=${storeTag}`,
      "--set=resources.requests.cpu=10m",
    ];
  }

  /** The chart's objects; helm must be told for which Kubernetes where it asks none. */
  #template(...args: readonly string[]): Promise<string> {
    return this.helm("template", "x", chart, "--kube-version=1.33.0", ...args);
  }

  async lint(): Promise<void> {
    await this.helm("lint", "--strict", chart, ...this.values);
    const text = await this.#template(...this.values);
    if (!text.includes("helm.sh/resource-policy: keep"))
      throw new Error("the kinds would not stay");
    const scoped = await this.#template("--set=watchNamespaces={one,two}");
    if (/^kind: ClusterRole/m.test(scoped))
      throw new Error("rights for all namespaces, unasked for");
    for (const wrong of ["image.tag=latest", "replicaCount=-1", "nosuch=1", "logLevel=loud"]) {
      const isTaken = await this.#template(`--set=${wrong}`).then(
        () => true,
        () => false,
      );
      if (isTaken) throw new Error(`values.schema.json lets ${wrong} pass`);
    }
  }

  /** Repository and tag of its image. */
  get image(): readonly [string, string] {
    return split(this.#images.operator);
  }

  /** Installs it, or upgrades what is installed, with these values besides. */
  async install(...more: readonly string[]): Promise<void> {
    const args = ["--install", "--create-namespace", "--wait", "--timeout=5m", ...this.values];
    await this.helm("upgrade", "etcd-operator", chart, ...args, ...more);
  }

  /** Another release of it, from its own chart and images. */
  async installFrom(
    release: { readonly chart: string; readonly images: Images | undefined },
    ...more: readonly string[]
  ): Promise<void> {
    const values = this.#valuesFor(release.images ?? this.#images);
    const args = ["--create-namespace", "--wait", "--timeout=5m", ...values, ...more];
    await this.helm("install", "etcd-operator", release.chart, ...args);
  }

  async test(): Promise<void> {
    await this.helm("test", "etcd-operator", "--timeout=5m");
  }

  async uninstall(): Promise<void> {
    await this.helm("uninstall", "etcd-operator", "--wait", "--timeout=2m");
  }

  /** Ends the operator at once, as a machine that fails would; Kubernetes starts another. */
  async kill(): Promise<void> {
    await this.#kube.kubectl([
      ...["-n", operatorNamespace, "delete", "pods", "-l", selector],
      ...["--grace-period=0", "--force", "--wait=false"],
    ]);
  }

  async scale(replicas: number): Promise<void> {
    const to = ["-n", operatorNamespace];
    await this.#kube.kubectl([
      ...to,
      "scale",
      "deployment/etcd-operator",
      `--replicas=${replicas}`,
    ]);
    await this.#kube.until(`${replicas} operators`, async () => {
      const found = await this.#kube.api.list(pods, {
        namespace: operatorNamespace,
        labels: selector,
      });
      return found.items.length === replicas || `${found.items.length} pods`;
    });
    if (replicas === 0) return;
    await this.#kube.kubectl([...to, "rollout", "status", "deployment/etcd-operator"]);
  }

  /** A counter of the operator's that is working now. */
  async metric(name: string): Promise<number> {
    const path = `/api/v1/namespaces/${operatorNamespace}/services/etcd-operator-metrics:8080/proxy/metrics`;
    const text = await this.#kube.kubectl(["get", "--raw", path]);
    const line = text.split("\n").find((one) => one.startsWith(`${name} `));
    if (line === undefined) throw new Error(`there is no ${name} at /metrics`);
    return Number(line.split(" ")[1]);
  }

  logs(): Promise<string> {
    return this.#kube.kubectl(["-n", operatorNamespace, "logs", "-l", selector, "--tail=200"]);
  }
}
