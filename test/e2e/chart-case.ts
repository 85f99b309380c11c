// The chart of a cluster, as somebody uses it who never writes an EtcdCluster: installed, tested, upgraded and
// uninstalled, with backups by the clock, and watched by a Prometheus Operator once its kinds are there.
import assert from "node:assert/strict";
import { join } from "node:path";
import { backups, clusters, schedules } from "#operator/platform/kubernetes/kinds.ts";
import type { Case, CaseContext } from "./case.ts";

const chart = join(import.meta.dirname, "..", "..", "helm", "etcd-cluster");
const name = "db";
const goneLimitMs = 60_000;
const group = "monitoring.coreos.com";

/** A kind of the Prometheus Operator's, as much of it as is needed to keep objects. */
function definition(kind: string): object {
  const plural = `${kind.toLowerCase()}s`;
  const schema = {
    openAPIV3Schema: {
      type: "object",
      required: ["spec"],
      properties: { spec: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
    },
  };
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: "Namespaced",
      names: { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List` },
      versions: [{ name: "v1", served: true, storage: true, schema }],
    },
  };
}

const monitoring = ["ServiceMonitor", "PrometheusRule"];
const definitionNames = monitoring.map((kind) => `${kind.toLowerCase()}s.${group}`);

/** Values of every use of the chart here: small pods, the image under test, a schedule. */
function values(image: string): readonly string[] {
  return [
    ...["--set=storage.size=1Gi,resources.requests.cpu=10m,resources.requests.memory=64Mi"],
    `--set=test.image=${image}`,
    "--set=backup.claim.create=true,backup.claim.size=1Gi",
    "--set=backup.schedules[0].name=often,backup.schedules[0].schedule=* * * * *",
    "--set=backup.schedules[0].immediate=true,backup.schedules[0].retention.count=1",
  ];
}

async function requireGood({ kube, operator, namespace }: CaseContext): Promise<void> {
  const own = values(kube.storeImage);
  await operator.helmIn(namespace, "lint", "--strict", chart, ...own);
  const wrong = [
    ...["replicas=-1", "replicas=99", "nosuch=1", "deletionPolicy=Sometimes"],
    "backup.schedules[0].name=x,backup.schedules[0].schedule=",
  ];
  for (const one of wrong) {
    const args = ["template", name, chart, "--kube-version=1.33.0", `--set=${one}`];
    await assert.rejects(operator.helmIn(namespace, ...args), `the chart lets ${one} pass`);
  }
}

async function backedUp({ kube, namespace }: CaseContext): Promise<void> {
  await kube.until("the schedule has made a good backup", async () => {
    const { items } = await kube.api.list(backups, { namespace });
    const phases = items.map(({ status }) => status?.phase);
    return phases.includes("Complete") || phases.join();
  });
}

export const clusterChart: Case = {
  name: "cluster-chart",
  what: "helm/etcd-cluster: lint, bad values, install with a schedule, `helm test`, monitors before and after their kinds are there, upgraded under load (size and options), uninstalled: volumes and backups stay",
  isLong: true,
  async run(context) {
    const { kube, operator, namespace } = context;
    const helm = (...args: readonly string[]) => operator.helmIn(namespace, ...args);
    await requireGood(context);
    await helm("install", name, chart, "--set=replicas=1", ...values(kube.storeImage));
    const { clusterId } = await kube.settled(namespace, name, 1);
    await kube.startProbe(namespace, name);
    await helm("test", name, "--timeout=3m");
    await backedUp(context);

    const upgrade = (...args: readonly string[]) =>
      helm("upgrade", name, chart, "--reuse-values", ...args);
    const watched = "--set=metrics.serviceMonitor.enabled=true,metrics.prometheusRule.enabled=true";
    const bigger = ["--set=replicas=3", "--set=options.snapshot-count=5000"];
    // Without the kinds helm refuses it as a whole, and says why.
    const { metadata } = await kube.cluster(namespace, name);
    await assert.rejects(upgrade(watched, ...bigger), /no matches for kind "(Serv|Prom)/);
    const after = await kube.cluster(namespace, name);
    assert.equal(after.metadata.generation, metadata.generation, "it was changed all the same");
    for (const kind of monitoring) await kube.apply(definition(kind));
    try {
      const established = definitionNames.map((one) => `crd/${one}`);
      await kube.kubectl(["wait", "--for=condition=Established", ...established]);
      await upgrade(watched, ...bigger);
      const status = await kube.updated(namespace, name, 3);
      assert.equal(status.clusterId, clusterId);
      const { spec } = await kube.cluster(namespace, name);
      assert.deepEqual(
        [spec["replicas"], (spec["options"] as object | undefined) ?? {}],
        [3, { "snapshot-count": 5000 }],
      );
      await kube.requireSound(namespace, name, true);
      await helm("test", name, "--timeout=3m");
      const own = await kube.kubectl([
        ...["-n", namespace, "get", definitionNames.join(","), "-o", "name"],
      ]);
      assert.deepEqual(own.trim().split("\n").sort(), [
        `prometheusrule.${group}/${name}`,
        `servicemonitor.${group}/${name}`,
      ]);
      // What the monitor would ask: the metrics of all members through the chart's own Service.
      const slices = await kube.kubectl([
        ...["-n", namespace, "get", "endpointslices", "-l"],
        ...[`kubernetes.io/service-name=${name}-metrics`, "-o"],
        "jsonpath={range .items[*]}{.endpoints[*].addresses[*]}{' '}{end}",
      ]);
      assert.equal(slices.trim().split(/\s+/).length, 3, slices);
      const url = `http://${name}-metrics.${namespace}.svc.cluster.local:2381/metrics`;
      assert.match(await kube.fetchFromProbe(namespace, url), /^etcd_server_has_leader 1$/m);

      await upgrade("--set=replicas=1");
      assert.equal((await kube.settled(namespace, name, 1)).clusterId, clusterId);
      await kube.requireSound(namespace, name, true);
      await helm("uninstall", name, "--wait", "--timeout=2m");
      await kube.until(
        "nothing of the release but volumes is left",
        async () => {
          const there = [
            ...(await kube.podNames(namespace)),
            ...(await kube.memberNames(namespace)),
            ...(await kube.api.list(clusters, { namespace })).items.map((one) => one.kind),
            ...(await kube.api.list(schedules, { namespace })).items.map((one) => one.kind),
          ];
          const own = await kube.kubectl([
            ...["-n", namespace, "get", definitionNames.join(","), "-o", "name"],
          ]);
          return (there.length === 0 && own === "") || `${there.join()} ${own}`;
        },
        goneLimitMs,
      );
    } finally {
      await kube.kubectl(["delete", "crd", ...definitionNames, "--ignore-not-found"]);
    }
    // The data of the last member, and the claim of the backups, with what is on it.
    const kept = await kube.claimNames(namespace);
    assert.equal(kept.length, 2, kept.join());
    assert(kept.includes(`${name}-backups`), kept.join());
  },
};
