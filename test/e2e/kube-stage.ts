// The bodies that are a Kubernetes: the operator installed with helm, each case in a namespace of its own.
import { locatePrograms } from "#test/kubernetes/binaries.ts";
import { buildImages, type KubernetesName, keptBody, startBody } from "./body.ts";
import { cases } from "./cases.ts";
import { Kube } from "./kube.ts";
import { OperatorRelease, operatorNamespace } from "./operator-release.ts";
import type { Stage } from "./stage.ts";

export interface KubeStageOptions {
  readonly nodes: number;
  /** It stays up, and one that has stayed is gone on with. */
  readonly keep: boolean;
  say(text: string): void;
}

const namespaceOf = (name: string): string => `e2e-${name}`;

/** Starts a body, builds the images of this checkout and installs the operator. */
export async function startKubernetes(
  name: KubernetesName,
  { nodes, keep, say }: KubeStageOptions,
): Promise<Stage> {
  const programs = await locatePrograms(["helm"]);
  if (typeof programs === "string") throw new Error(programs);
  const [helm = ""] = programs;
  const building = buildImages();
  const both = building.then(({ store, operator }) => {
    say(`images ${store.reference} and ${operator.reference}`);
    return [store, operator];
  });
  const kept = keep ? await keptBody(name, nodes, both) : undefined;
  const body = kept ?? (await startBody(name, nodes, both));
  const down = async () => {
    if (!keep) await body.down();
  };
  try {
    const images = await building;
    const kube = new Kube(body, images.store.reference);
    const operator = new OperatorRelease(kube, helm, images);
    say(`body ${body.name} is up, KUBECONFIG=${body.kubeconfig}`);
    await operator.install();
    say(`the operator is installed in ${operatorNamespace}`);
    return { ...stageOn(kube, operator), down };
  } catch (error) {
    await down();
    throw error;
  }
}

function stageOn(kube: Kube, operator: OperatorRelease): Omit<Stage, "down"> {
  return {
    async run(name) {
      const found = cases.find((one) => one.name === name);
      if (found === undefined) throw new Error(`there is no case ${name} of Kubernetes`);
      const namespace = namespaceOf(name);
      await kube.freshNamespace(namespace);
      await found.run({ kube, operator, namespace });
      await kube.kubectl(["delete", "namespace", namespace, "--wait=false"]);
    },
    async withoutOperator(work) {
      await operator.scale(0);
      try {
        await work();
      } finally {
        await operator.scale(1);
      }
    },
    async describe(name) {
      const there = ["-n", namespaceOf(name), "get", "ec,em,pods,pvc,events", "-o", "wide"];
      return [await kube.kubectl(there).catch(String), await operator.logs().catch(String)].join(
        "\n",
      );
    },
  };
}
