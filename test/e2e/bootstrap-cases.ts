// The ways in which members find each other the first time, each on the real thing: a registry of the v2 and of
// the v3 kind in a cluster that this operator runs, and SRV records of Kubernetes' own DNS.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pods } from "#operator/platform/kubernetes/kinds.ts";
import type { Case, CaseContext } from "./case.ts";

const name = "db";
const example = join(import.meta.dirname, "..", "..", "examples", "discovery.yaml");

/** The arguments of a member's first container. */
export async function argumentsOf(
  { kube, namespace }: CaseContext,
  pod: string,
): Promise<readonly string[]> {
  const { spec } = await kube.api.get(pods, namespace, pod);
  const [container] = spec.containers as readonly { readonly args?: readonly string[] }[];
  return container?.args ?? [];
}

/** All members' arguments hold `flag`, and none the list of the others. */
async function requireArguments(context: CaseContext, flag: string): Promise<void> {
  for (const pod of [`${name}-1`, `${name}-2`, `${name}-3`]) {
    const args = await argumentsOf(context, pod);
    assert(
      args.some((one) => one.startsWith(flag)),
      `${pod} has no ${flag}: ${args.join(" ")}`,
    );
    assert(!args.some((one) => one.startsWith("--initial-cluster=")), args.join(" "));
  }
}

/** Whoever comes later is told of the others, and is one of the same cluster. */
async function requireLaterMember(context: CaseContext, clusterId: string): Promise<void> {
  const { kube, namespace } = context;
  // A volume that goes: a member that joins, long after the first ones found each other.
  const lost = (await kube.claimNames(namespace)).find((one) => one.startsWith(`${name}-2-`)) ?? "";
  await kube.kubectl(["-n", namespace, "delete", "pvc", lost, "--wait=false"]);
  await kube.kubectl(["-n", namespace, "delete", "pod", `${name}-2`, "--wait=false"]);
  await kube.until(`${name}-2 is replaced`, async () => {
    const names = kube.names(await kube.status(namespace, name));
    return names.join() === `${name}-1,${name}-3,${name}-4` || names.join();
  });
  const healed = await kube.settled(namespace, name, 3);
  assert.equal(healed.clusterId, clusterId);
  const args = await argumentsOf(context, `${name}-4`);
  assert(args.includes("--initial-cluster-state=existing"), args.join(" "));
  assert(!args.some((one) => one.startsWith("--discovery")), args.join(" "));
  await kube.requireSound(namespace, name, false);
}

/** A cluster named discovery in the case's namespace, made from the example; answers its client URL. */
export async function startService({
  kube,
  namespace,
}: Pick<CaseContext, "kube" | "namespace">): Promise<string> {
  await kube.kubectl(["-n", namespace, "apply", "-f", "-"], readFileSync(example, "utf8"));
  await kube.settled(namespace, "discovery", 1);
  return `http://discovery-client.${namespace}.svc.cluster.local:2379`;
}

/** What etcdctl says from within a member of the discovery service. */
function ctl({ kube, namespace }: CaseContext, ...args: readonly string[]): Promise<string> {
  return kube.exec(namespace, "discovery-1", "etcdctl", ...args);
}

const discovery: Case = {
  name: "bootstrap-discovery",
  what: "`examples/discovery.yaml` serves as the v2 registry: the pods' arguments, three registrations; a lost volume's successor is told of the others",
  isCore: true,
  async run(context) {
    const { kube, namespace } = context;
    const service = await startService(context);
    const url = `${service}/v2/keys/_etcd/registry`;
    await kube.applyCluster(namespace, name, { replicas: 3, bootstrap: { discovery: { url } } });
    const { clusterId = "" } = await kube.settled(namespace, name, 3);
    const { uid = "" } = (await kube.cluster(namespace, name)).metadata;
    const path = `${url}/${uid}-1`;
    await requireArguments(context, `--discovery=${path}`);
    await kube.startProbe(namespace, name);
    const folder = await kube.fetchFromProbe(namespace, path);
    const { node } = JSON.parse(folder) as { node: { nodes?: readonly { value: string }[] } };
    const registered = (node.nodes ?? []).map((one) => one.value.split("=")[0]).sort();
    assert.deepEqual(registered, ["db-1", "db-2", "db-3"]);
    await kube.requireSound(namespace, name, true);
    await requireLaterMember(context, clusterId);
  },
};

const discoveryV3: Case = {
  name: "bootstrap-discovery-v3",
  what: "the same service as a v3 registry; a used token that somebody gives is refused by a condition",
  async run(context) {
    const { kube, namespace } = context;
    const endpoints = [await startService(context)];
    await kube.applyCluster(namespace, name, {
      replicas: 3,
      bootstrap: { discovery: { endpoints } },
    });
    const { clusterId } = await kube.settled(namespace, name, 3);
    const { uid = "" } = (await kube.cluster(namespace, name)).metadata;
    await requireArguments(context, `--discovery-token=${uid}-1`);
    const folder = `/_etcd/registry/${uid}-1/members/`;
    const list = await ctl(context, "get", "--prefix", "--keys-only", folder);
    assert.equal(list.split("\n").filter((line) => line.startsWith(folder)).length, 3, list);
    await kube.startProbe(namespace, name);
    await kube.requireSound(namespace, name, true);
    // A token that is used up is said to be, by a condition; nobody is started with it.
    await kube.applyCluster(namespace, "late", {
      replicas: 3,
      bootstrap: { discovery: { endpoints, token: `${uid}-1` } },
    });
    await kube.until("the condition names the token", async () => {
      const { conditions = [] } = await kube.status(namespace, "late");
      const degraded = conditions.find((one) => one.type === "Degraded");
      const isSo = degraded?.reason === "DiscoveryTaken" && degraded.message.includes(`${uid}-1`);
      return isSo || JSON.stringify(conditions);
    });
    assert.deepEqual(
      (await kube.podNames(namespace)).filter((one) => one.startsWith("late")),
      [],
    );
    assert.equal((await kube.status(namespace, name)).clusterId, clusterId);
  },
};

/** A token of which nothing came is given up with all that was made for it, and another one made. */
const discoveryAgain: Case = {
  name: "bootstrap-second-attempt",
  what: "a volume lost before all had registered: everything of the attempt is deleted, and another token made",
  isAlone: true,
  async run(context) {
    const { kube, namespace } = context;
    // All nodes take pods until the service runs.
    const service = await startService(context);
    // Members on different nodes, and only one node that takes pods: whoever comes after it waits.
    const affinity = {
      podAntiAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [
          {
            topologyKey: "kubernetes.io/hostname",
            labelSelector: { matchLabels: { "etcd-ts.dev/cluster": name } },
          },
        ],
      },
    };
    await kube.kubectl(["cordon", ...kube.body.nodes.slice(1)]);
    try {
      await kube.applyCluster(namespace, name, {
        replicas: 3,
        bootstrap: { discovery: { url: `${service}/v2/keys/_etcd/registry` } },
        pod: { resources: { requests: { cpu: "10m", memory: "64Mi" } }, affinity },
      });
      const { uid = "" } = (await kube.cluster(namespace, name)).metadata;
      const folder = `/v2/keys/_etcd/registry/${uid}-1`;
      await kube.until("one member has registered", async () => {
        const { items } = await kube.api.list(pods, {
          namespace,
          labels: "etcd-ts.dev/member=discovery-1",
        });
        const script = `fetch("http://${items[0]?.status?.podIP}:2379${folder}").then((r) => r.text()).then(console.log)`;
        const node = "/opt/etcd-ts/node_modules/.bin/node";
        const text = await kube.exec(namespace, "discovery-1", node, "-e", script);
        return text.includes(`${name}-1=`) || text;
      });
      const claim = (await kube.claimNames(namespace)).find((one) => one.startsWith("db-1-")) ?? "";
      await kube.kubectl(["-n", namespace, "delete", "pvc", claim, "--wait=false"]);
      await kube.kubectl(["-n", namespace, "delete", "pod", "db-1", "--wait=false"]);
      await kube.until("another attempt has begun", async () => {
        const names = kube.names(await kube.status(namespace, name));
        return names.join() === "db-4,db-5,db-6" || names.join();
      });
    } finally {
      await kube.kubectl(["uncordon", ...kube.body.nodes.slice(1)]);
    }
    await kube.settled(namespace, name, 3);
    const { uid = "" } = (await kube.cluster(namespace, name)).metadata;
    const args = await argumentsOf(context, "db-5");
    assert(
      args.some((one) => one.endsWith(`/${uid}-2`)),
      args.join(" "),
    );
    await kube.until("nothing of the first attempt is left", async () => {
      const names = [await kube.memberNames(namespace), await kube.podNames(namespace)].flat();
      const left = names.filter((one) => /^db-[123]$/.test(one));
      return left.length === 0 || left.join();
    });
  },
};

const dns: Case = {
  name: "bootstrap-dns",
  what: "the headless Service's SRV records: the pods' arguments, three names in one answer; an outside domain without records is refused by a condition",
  isCore: true,
  async run(context) {
    const { kube, namespace } = context;
    await kube.applyCluster(namespace, name, { replicas: 3, bootstrap: { dns: {} } });
    const { clusterId = "" } = await kube.settled(namespace, name, 3);
    const domain = `${name}-peers.${namespace}.svc.cluster.local`;
    await requireArguments(context, `--discovery-srv=${domain}`);
    // The log of who waited for the records, and the DNS server's own: it gave all three in one answer.
    const gate = await kube.kubectl(["-n", namespace, "logs", "db-1", "-c", "await-records"]);
    const named = `_etcd-server._tcp.${domain} names 3 members`;
    assert(gate.includes(named), gate);
    for (const member of ["db-1", "db-2", "db-3"])
      assert(gate.includes(`${member}.${domain}:2380`));
    const asked = (await kube.body.dnsLog())
      .split("\n")
      .filter((line) => line.includes(`_etcd-server._tcp.${domain}.`) && line.includes("NOERROR"));
    assert(asked.length >= 3, `the DNS server was asked ${asked.length} times`);
    await kube.startProbe(namespace, name);
    await kube.requireSound(namespace, name, true);
    await requireLaterMember(context, clusterId);
    // Records of somebody else's are only looked at, and what is missing is said.
    await kube.applyCluster(namespace, "outside", {
      replicas: 3,
      bootstrap: { dns: { domain: "no-such.example.org" } },
    });
    await kube.until("the condition names the records", async () => {
      const { conditions = [] } = await kube.status(namespace, "outside");
      const degraded = conditions.find((one) => one.type === "Degraded");
      const isSo = degraded?.reason === "DnsRecords" && degraded.message.includes("no-such");
      return isSo || JSON.stringify(conditions);
    });
  },
};

export const bootstrapCases: readonly Case[] = [discovery, discoveryV3, discoveryAgain, dns];
