// The operator is upgraded with helm, from the release before, whose kinds somebody had applied with kubectl.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { pods } from "#operator/platform/kubernetes/kinds.ts";
import type { Case, CaseContext } from "./case.ts";
import { operatorNamespace } from "./operator-release.ts";
import { previousRelease } from "./previous-release.ts";

const name = "db";
const crds = join(import.meta.dirname, "..", "..", "crds");
const made = { operator: { validity: "1h", renewBefore: "5m" } };
const definitionNames = readdirSync(crds).map((file) => file.replace(/\.yaml$/, ".etcd-ts.dev"));

/** Applied once more, the definitions are taken and stay what they are. */
async function applyAgain({ kube }: CaseContext, folder: string): Promise<void> {
  await kube.kubectl(["apply", "-f", folder]);
  const path = "jsonpath={range .items[*]}{.metadata.name} {.metadata.generation}{'\\n'}{end}";
  const generations = () => kube.kubectl(["get", "crd", ...definitionNames, "-o", path]);
  const before = await generations();
  await kube.kubectl(["apply", "-f", folder]);
  assert.equal(await generations(), before);
}

/** As somebody has them who never gave them to helm: without its marks, applied twice. */
async function applyByHand(context: CaseContext, folder: string): Promise<void> {
  const { kube } = context;
  const named = definitionNames.map((one) => `crd/${one}`);
  await applyAgain(context, folder);
  const marks = ["meta.helm.sh/release-name-", "meta.helm.sh/release-namespace-"];
  await kube.kubectl(["annotate", ...named, ...marks, "helm.sh/resource-policy-"]);
  await kube.kubectl(["label", ...named, "app.kubernetes.io/managed-by-"]);
}

/** As docs/operator.md says. */
async function adopt({ kube }: CaseContext): Promise<void> {
  const named = definitionNames.map((one) => `crd/${one}`);
  await kube.kubectl([
    ...["annotate", ...named, "meta.helm.sh/release-name=etcd-operator"],
    `meta.helm.sh/release-namespace=${operatorNamespace}`,
  ]);
  await kube.kubectl(["label", ...named, "app.kubernetes.io/managed-by=Helm"]);
}

/** UID and restarts of each pod of a cluster. */
async function running({ kube, namespace }: CaseContext, cluster: string): Promise<string> {
  const { items } = await kube.api.list(pods, {
    namespace,
    labels: `etcd-ts.dev/cluster=${cluster},etcd-ts.dev/member`,
  });
  const all = items.map(({ metadata, status }) => {
    const restarts = status?.containerStatuses?.map((one) => one.restartCount);
    return `${metadata.name} ${metadata.uid} ${restarts?.join()}`;
  });
  return all.sort().join("; ");
}

export const helmUpgrade: Case = {
  name: "helm-upgrade",
  what: "from an earlier release, whose kinds were applied with kubectl: helm adopts them once they are marked; clusters that name their image are not restarted, one that follows the operator is updated; kinds applied twice over it",
  isAlone: true,
  async run(context) {
    const { kube, namespace, operator } = context;
    const previous = await previousRelease();
    const { images } = previous;
    console.log(`       upgraded from ${previous.what}`);
    if (images !== undefined) await kube.body.load([images.store, images.operator]);
    await operator.uninstall();
    try {
      await applyByHand(context, previous.definitions);
      await operator.installFrom(previous, "--set=crds.enabled=false");
      const at = images?.store.reference ?? kube.storeImage;
      const [repository, tag] = [at.replace(/:[^:]*$/, ""), at.replace(/^.*:/, "")];
      const image = { repository, tag };
      await kube.applyCluster(namespace, name, { replicas: 3, image });
      await kube.applyCluster(namespace, "secured", {
        ...{ replicas: 1, image, tls: { client: made, peer: made } },
        connectionSecret: { name: "secured-connection" },
      });
      await kube.applyCluster(namespace, "follows", { replicas: 3 });
      const { clusterId } = await kube.settled(namespace, name, 3);
      const secured = await kube.settled(namespace, "secured", 1);
      const follows = await kube.settled(namespace, "follows", 3);
      await kube.startProbe(namespace, name);
      const ctl = (...args: readonly string[]) =>
        kube.etcdctl(namespace, "--endpoints=http://follows-client:2379", ...args);
      assert.equal((await ctl("put", "before", "kept")).trim(), "OK");
      const before = [await running(context, name), await running(context, "secured")];

      await assert.rejects(operator.install(), /meta\.helm\.sh\/release-name/);
      await adopt(context);
      await operator.install();
      await operator.test();
      const after = await kube.updated(namespace, "follows", 3);
      assert.equal(after.clusterId, follows.clusterId);
      const { items } = await kube.api.list(pods, {
        namespace,
        labels: "etcd-ts.dev/cluster=follows,etcd-ts.dev/member",
      });
      assert(items.every(({ spec }) => JSON.stringify(spec.containers).includes(kube.storeImage)));
      assert.equal((await ctl("get", "before", "--print-value-only")).trim(), "kept");
      await kube.requireEqual(namespace, "follows");
      // The others were looked at by now, and let be.
      await kube.settled(namespace, name, 3);
      assert.equal((await kube.settled(namespace, "secured", 1)).clusterId, secured.clusterId);
      assert.deepEqual([await running(context, name), await running(context, "secured")], before);
      await kube.requireSound(namespace, name, true);

      // Applied twice over what helm has, and helm again over that.
      await applyAgain(context, crds);
      await operator.install();
      await kube.scale(namespace, name, 1);
      assert.equal((await kube.settled(namespace, name, 1)).clusterId, clusterId);
      await kube.requireSound(namespace, name, true);
    } finally {
      await adopt(context).catch(() => {});
      await operator.install();
    }
  },
};
