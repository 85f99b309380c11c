// First members that do not find each other at once: SRV records that come late or never, a pod that has no place
// yet, and tokens of a v2 discovery service that are used up.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pods } from "#operator/platform/kubernetes/kinds.ts";
import { argumentsOf, startService } from "./bootstrap-cases.ts";
import type { Case, CaseContext } from "./case.ts";

const name = "db";
const outsideDomain = "records.e2e.example";
/** A node that may take a member has this label. */
const placeLabel = "e2e.etcd-ts.dev/late-target";
/** Long enough that an operator that waits for nothing would have made pods. */
const steadyMs = 5000;

/** The reason and the message of its condition Degraded. */
async function degraded({ kube, namespace }: CaseContext, cluster = name): Promise<string> {
  const { conditions = [] } = await kube.status(namespace, cluster);
  const is = conditions.find((one) => one.type === "Degraded");
  return `${is?.status} ${is?.reason}: ${is?.message}`;
}

/** There is a condition with these words, an event that warns of it, and no pod of the cluster. */
async function requireRefused(
  context: CaseContext,
  cluster: string,
  reason: string,
  words: readonly string[],
): Promise<void> {
  const { kube, namespace } = context;
  await kube.until(`${cluster}: the condition says ${reason}`, async () => {
    const text = await degraded(context, cluster);
    const isSo = text.startsWith(`True ${reason}: `) && words.every((one) => text.includes(one));
    return isSo || text;
  });
  const path = "jsonpath={range .items[*]}{.type} {.message}{'\\n'}{end}";
  const of = `involvedObject.name=${cluster},reason=${reason}`;
  await kube.until(`${cluster}: an event warns of it`, async () => {
    const events = await kube.kubectl([
      ...["-n", namespace, "get", "events", "--field-selector", of, "-o", path],
    ]);
    const isSo = events
      .split("\n")
      .some((one) => one.startsWith("Warning ") && words.every((word) => one.includes(word)));
    return isSo || `events: ${events}`;
  });
  const itsPods = (await kube.podNames(namespace)).filter((one) => one.startsWith(`${cluster}-`));
  assert.deepEqual(itsPods, []);
}

/** A DNS server of an outside domain, in a pod; what it answers says who is to be named from now on. */
async function startRecords({
  kube,
  namespace,
}: CaseContext): Promise<(hosts: readonly string[]) => Promise<void>> {
  const pod = "records";
  const file = "/tmp/hosts";
  const script = readFileSync(join(import.meta.dirname, "records.mts"), "utf8");
  const metadata = { name: pod, namespace };
  await kube.apply({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata,
    data: { "records.mts": script },
  });
  await kube.apply({
    apiVersion: "v1",
    kind: "Pod",
    metadata,
    spec: {
      terminationGracePeriodSeconds: 1,
      automountServiceAccountToken: false,
      containers: [
        {
          name: pod,
          image: kube.storeImage,
          command: ["/opt/etcd-ts/node_modules/.bin/node", "/records/records.mts", "5353", file],
          volumeMounts: [{ name: pod, mountPath: "/records" }],
        },
      ],
      volumes: [{ name: pod, configMap: { name: pod } }],
    },
  });
  await kube.kubectl(["-n", namespace, "wait", "--for=condition=Ready", `pod/${pod}`]);
  const { status } = await kube.api.get(pods, namespace, pod);
  await kube.body.forwardDomain(outsideDomain, `${status?.podIP}:5353`);
  // By arguments: what is given to an exec as its input may not arrive.
  const write = `printf '%s\\n' "$@" >${file}`;
  return async (hosts) => {
    await kube.exec(namespace, pod, "sh", "-c", write, "sh", ...hosts);
  };
}

const lateRecords: Case = {
  name: "dns-records-late",
  what: "an outside domain: without records, with one too few and with a wrong one a condition and an event name what is missing; once all are there the cluster forms",
  async run(context) {
    const { kube, namespace } = context;
    const targets = [1, 2, 3].map((at) => `db-${at}.db-peers.${namespace}.svc.cluster.local`);
    const [first = "", second = "", third = ""] = targets;
    try {
      const answer = await startRecords(context);
      await kube.applyCluster(namespace, name, {
        replicas: 3,
        bootstrap: { dns: { domain: outsideDomain } },
      });
      const all = targets.map((one) => `${one}:2380`).join(", ");
      await requireRefused(context, name, "DnsRecords", [`do not name ${all}:`]);
      await answer([first, third]);
      await requireRefused(context, name, "DnsRecords", [`do not name ${second}:2380:`]);
      await answer([first, "elsewhere.example", third]);
      await requireRefused(context, name, "DnsRecords", [second, "elsewhere.example:2380"]);
      await new Promise((resolve) => setTimeout(resolve, steadyMs));
      assert.deepEqual(await kube.podNames(namespace), []);
      await answer(targets);
      const { clusterId } = await kube.settled(namespace, name, 3);
      for (const pod of ["db-1", "db-2", "db-3"]) {
        const args = await argumentsOf(context, pod);
        assert(args.includes(`--discovery-srv=${outsideDomain}`), args.join(" "));
        assert(!args.some((one) => one.startsWith("--initial-cluster=")), args.join(" "));
      }
      await kube.startProbe(namespace, name);
      // Nobody looks again once it is formed.
      await answer([]);
      await kube.scale(namespace, name, 1);
      assert.equal((await kube.settled(namespace, name, 1)).clusterId, clusterId);
      await kube.requireSound(namespace, name, true);
    } finally {
      await kube.body.forwardDomain(outsideDomain, undefined);
    }
  },
};

const lateTarget: Case = {
  name: "dns-target-late",
  what: "by the headless Service: a third pod that has no node is named by the condition, and nobody begins without it; once it has one the cluster forms",
  async run(context) {
    const { kube, namespace } = context;
    const label = (node: string, is: string) =>
      kube.kubectl(["label", "node", node, `${placeLabel}${is}`, "--overwrite"]);
    const [last = "", ...others] = [...kube.body.nodes].reverse();
    assert.equal(others.length, 2, "this case needs three nodes");
    try {
      for (const node of others) await label(node, "=yes");
      await kube.applyCluster(namespace, name, {
        replicas: 3,
        bootstrap: { dns: {} },
        pod: {
          resources: { requests: { cpu: "10m", memory: "64Mi" } },
          nodeSelector: { [placeLabel]: "yes" },
          affinity: {
            podAntiAffinity: {
              requiredDuringSchedulingIgnoredDuringExecution: [
                {
                  topologyKey: "kubernetes.io/hostname",
                  labelSelector: { matchLabels: { "etcd-ts.dev/cluster": name } },
                },
              ],
            },
          },
        },
      });
      await kube.until("a condition names the pod that has no node", async () => {
        const { conditions = [] } = await kube.status(namespace, name);
        const available = conditions.find((one) => one.type === "Available");
        const text = `${available?.status} ${available?.message}`;
        return /^False .*db-[123]: it has no node: /.test(text) || text;
      });
      await kube.until("the others wait for its record", async () => {
        const names = await kube.podNames(namespace);
        const logs = await Promise.all(
          names.map((pod) =>
            kube
              .kubectl(["-n", namespace, "logs", pod, "-c", "await-records"])
              .catch(() => "it has not run"),
          ),
        );
        const waiting = logs.filter((log) =>
          /waiting for 3 members in .*: there are 2, /.test(log),
        );
        return waiting.length === 2 || logs.join("; ");
      });
      assert.equal((await kube.status(namespace, name)).clusterId, undefined);
      await label(last, "=yes");
      await kube.settled(namespace, name, 3);
      await kube.startProbe(namespace, name);
      const { clusterId } = await kube.requireSound(namespace, name, true);
      assert.equal((await kube.status(namespace, name)).clusterId, clusterId);
    } finally {
      for (const node of kube.body.nodes) await label(node, "-");
    }
  },
};

const fullToken: Case = {
  name: "discovery-token-full",
  what: "v2 tokens that somebody made: one all of whose places are taken and one for another size are refused by a condition and an event; a good one forms the cluster, and is then used up",
  async run(context) {
    const { kube, namespace } = context;
    const service = await startService(context);
    const url = `${service}/v2/keys/_etcd/registry`;
    await kube.settled(namespace, "discovery", 1);
    await kube.startProbe(namespace, "discovery");
    // As whoever runs a discovery service makes them.
    const put = async (key: string, value: string) => {
      const script =
        "fetch(process.argv[1], { method: 'PUT', body: new URLSearchParams({ value: process.argv[2] }) }).then((r) => r.text()).then(console.log)";
      const node = "/opt/etcd-ts/node_modules/.bin/node";
      const text = await kube.exec(namespace, "probe", node, "-e", script, `${url}/${key}`, value);
      assert((JSON.parse(text) as { node?: object }).node !== undefined, text);
    };
    const full = "11111111-old";
    await put(`${full}/_config/size`, "3");
    for (const id of ["a1", "a2", "a3"]) await put(`${full}/${id}`, `old-${id}=http://${id}:2380`);
    const apply = (cluster: string, token: string) =>
      kube.applyCluster(namespace, cluster, {
        replicas: 3,
        bootstrap: { discovery: { url, token } },
      });
    await apply("late", full);
    await requireRefused(context, "late", "DiscoveryTaken", [full, "3 members have registered"]);
    await put("for-five/_config/size", "5");
    await apply("small", "for-five");
    await requireRefused(context, "small", "DiscoveryTaken", ["for-five is for 5 members, not 3"]);
    await put("good/_config/size", "3");
    await apply(name, "good");
    const { clusterId } = await kube.settled(namespace, name, 3);
    for (const pod of ["db-1", "db-2", "db-3"]) {
      const args = await argumentsOf(context, pod);
      assert(args.includes(`--discovery=${url}/good`), args.join(" "));
    }
    const at = `--endpoints=http://${name}-client:2379`;
    assert.equal((await kube.etcdctl(namespace, at, "put", "of", name)).trim(), "OK");
    await kube.requireEqual(namespace, name);
    await apply("second", "good");
    await requireRefused(context, "second", "DiscoveryTaken", ["good is in use"]);
    assert.equal((await kube.status(namespace, name)).clusterId, clusterId);
    await kube.requireSound(namespace, "discovery", true);
  },
};

export const formationCases: readonly Case[] = [lateRecords, lateTarget, fullToken];
