// kube-apiserver with our members for its store: what a Kubernetes asks of etcd in earnest. Namespaces,
// a CRD, a thousand ConfigMaps written, listed in pages, watched, compacted under the watch and
// deleted; Deployments brought up; the leader killed in the middle of writes. `KUBERNETES_STORE=reference`
// runs the same over etcd.
import assert from "node:assert/strict";
import { after, before, type TestContext, test } from "node:test";
import {
  ApiException,
  ApiextensionsV1Api,
  AppsV1Api,
  CoreV1Api,
  CustomObjectsApi,
  type V1ConfigMap,
  type V1Deployment,
  Watch,
} from "@kubernetes/client-node";
import { seededRandom } from "#base/random.ts";
import { systemClock } from "#base/system-clock.ts";
import { EtcdClient } from "#client/client.ts";
import { type Cluster, startCluster } from "#test/cluster/cluster.ts";
import { eventually } from "#test/cluster/eventually.ts";
import { locateKubernetes } from "./binaries.ts";
import { type ControlPlane, startControlPlane } from "./control-plane.ts";

const configMapCount = 1000;
/** Requests under way at once. */
const width = 32;
const namespace = "store-test";

let store: Cluster | undefined;
let plane: ControlPlane | undefined;
let missing: string | undefined;
/** The line of the API server's log at which a member was killed. */
let killedAt = 0;

before(async () => {
  const binaries = await locateKubernetes();
  if (typeof binaries === "string") {
    if (process.env["CI"] === "true") throw new Error(binaries);
    missing = binaries;
    return;
  }
  const runner = process.env["KUBERNETES_STORE"] === "reference" ? "reference" : "ours";
  store = await startCluster({ runner, size: 3 });
  plane = await startControlPlane(
    binaries,
    store.members.map((member) => member.clientUrl),
  );
});

after(async () => {
  await plane?.[Symbol.asyncDispose]();
  await store?.stop();
});

interface Parts {
  readonly store: Cluster;
  readonly plane: ControlPlane;
  readonly core: CoreV1Api;
}

function partsOrSkip(t: TestContext): Parts | undefined {
  if (missing !== undefined) {
    t.skip(missing);
    return undefined;
  }
  assert(store !== undefined && plane !== undefined);
  return { store, plane, core: plane.config.makeApiClient(CoreV1Api) };
}

/** Calls `each` for 0 … count-1, so many at once. */
async function forEach(count: number, each: (n: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await each(next++);
  };
  await Promise.all(Array.from({ length: width }, lane));
}

/** What one watch was told, since it began. */
interface Watched {
  /** By type of event: the names it was told of. */
  readonly events: Record<string, string[]>;
  /** The error that ended it; undefined while it goes on. */
  readonly ended: () => unknown;
  readonly stop: () => void;
}

async function watch(path: string, resourceVersion?: string): Promise<Watched> {
  assert(plane !== undefined);
  const events: Record<string, string[]> = {};
  let ended: unknown;
  const controller = await new Watch(plane.config).watch(
    path,
    { resourceVersion },
    (type, object: V1ConfigMap & { code?: number }) => {
      events[type] ??= [];
      events[type].push(object.metadata?.name ?? String(object.code));
    },
    (error: unknown) => {
      ended = error ?? "ended";
    },
  );
  return { events, ended: () => ended, stop: () => controller.abort() };
}

async function codeOf(call: Promise<unknown>): Promise<number> {
  try {
    await call;
    return 200;
  } catch (error) {
    if (error instanceof ApiException) return error.code;
    throw error;
  }
}

function clientOf(endpoints: readonly string[]): EtcdClient {
  return new EtcdClient({ endpoints, clock: systemClock, random: seededRandom(1) });
}

const nameOf = (n: number): string => `map-${String(n).padStart(4, "0")}`;

/** Exactly these names, each once. */
function assertAllNamed(names: readonly string[] | undefined, what: string): void {
  const wanted = Array.from({ length: configMapCount }, (_, n) => nameOf(n));
  assert.deepEqual([...(names ?? [])].sort(), wanted, what);
}

test("namespaces are made, listed, and deleted with what is in them", async (t) => {
  const { core } = partsOrSkip(t) ?? {};
  if (core === undefined) return;
  for (const name of [namespace, "short-lived"]) {
    await core.createNamespace({ body: { metadata: { name } } });
  }
  assert.equal(
    await codeOf(core.createNamespace({ body: { metadata: { name: namespace } } })),
    409,
  );
  await core.createNamespacedConfigMap({
    namespace: "short-lived",
    body: { metadata: { name: "inside" }, data: { a: "b" } },
  });
  await core.deleteNamespace({ name: "short-lived" });
  await eventually("the namespace is gone", async () => {
    assert.equal(await codeOf(core.readNamespace({ name: "short-lived" })), 404);
  });
  const { items } = await core.listNamespace();
  assert(items.some(({ metadata }) => metadata?.name === namespace));
});

test("a CRD is served, and its objects are kept", async (t) => {
  const parts = partsOrSkip(t);
  if (parts === undefined) return;
  const extensions = parts.plane.config.makeApiClient(ApiextensionsV1Api);
  const objects = parts.plane.config.makeApiClient(CustomObjectsApi);
  const [group, version, plural] = ["test.example", "v1", "boxes"];
  await extensions.createCustomResourceDefinition({
    body: {
      metadata: { name: `${plural}.${group}` },
      spec: {
        group,
        scope: "Namespaced",
        names: { plural, singular: "box", kind: "Box" },
        versions: [
          {
            name: version,
            served: true,
            storage: true,
            schema: {
              openAPIV3Schema: {
                type: "object",
                properties: {
                  spec: { type: "object", properties: { size: { type: "integer", maximum: 9 } } },
                },
              },
            },
          },
        ],
      },
    },
  });
  const box = (name: string, size: number): object => ({
    apiVersion: `${group}/${version}`,
    kind: "Box",
    metadata: { name },
    spec: { size },
  });
  const at = { group, version, namespace, plural };
  await eventually("the CRD is established", async () => {
    await objects.createNamespacedCustomObject({ ...at, body: box("first", 1) });
  });
  assert.equal(
    await codeOf(objects.createNamespacedCustomObject({ ...at, body: box("too-big", 10) })),
    422,
  );
  const listed: { items: { metadata: { name: string } }[] } =
    await objects.listNamespacedCustomObject(at);
  assert.deepEqual(
    listed.items.map(({ metadata }) => metadata.name),
    ["first"],
  );
  await extensions.deleteCustomResourceDefinition({ name: `${plural}.${group}` });
  await eventually("the CRD is gone with its objects", async () => {
    assert.equal(await codeOf(objects.listNamespacedCustomObject(at)), 404);
  });
});

test("a thousand ConfigMaps: paged, watched, updated, compacted, deleted", async (t) => {
  const { core, store } = partsOrSkip(t) ?? {};
  if (core === undefined || store === undefined) return;
  const path = `/api/v1/namespaces/${namespace}/configmaps`;
  const label = { kind: "counted" };
  const first = await core.listNamespacedConfigMap({ namespace });
  const early = first.metadata?.resourceVersion;
  const watched = await watch(`${path}?labelSelector=kind%3Dcounted`, early);
  try {
    await forEach(configMapCount, async (n) => {
      await core.createNamespacedConfigMap({
        namespace,
        body: { metadata: { name: nameOf(n), labels: label }, data: { n: String(n), round: "0" } },
      });
    });
    await eventually("every creation is seen", async () =>
      assert.equal(watched.events["ADDED"]?.length, configMapCount),
    );
    assertAllNamed(watched.events["ADDED"], "created");

    // In pages, as of one revision: what is updated meanwhile does not show.
    const names: string[] = [];
    const rounds = new Set<string | undefined>();
    let next: string | undefined;
    let firstToken: string | undefined;
    do {
      const page = await core.listNamespacedConfigMap({
        namespace,
        labelSelector: "kind=counted",
        limit: 100,
        ...(next === undefined ? {} : { _continue: next }),
      });
      names.push(...page.items.map(({ metadata }) => metadata?.name ?? ""));
      for (const { data } of page.items) rounds.add(data?.["round"]);
      next = page.metadata?._continue;
      if (firstToken === undefined) {
        firstToken = next;
        await forEach(configMapCount, async (n) => {
          await core.replaceNamespacedConfigMap({
            namespace,
            name: nameOf(n),
            body: {
              metadata: { name: nameOf(n), labels: label },
              data: { n: String(n), round: "1" },
            },
          });
        });
      }
    } while (next !== undefined && next !== "");
    assertAllNamed(names, "in pages");
    assert.deepEqual([...rounds], ["0"]);
    await eventually("every update is seen", async () =>
      assert.equal(watched.events["MODIFIED"]?.length, configMapCount),
    );
    assertAllNamed(watched.events["MODIFIED"], "updated");

    // Compacted to now, while the watch goes on: what is older is gone for everyone else.
    const client = clientOf(store.endpoints());
    try {
      const { header } = await client.maintenance.status();
      await client.kv.compact(Number(header?.revision ?? 0), { physical: true });
    } finally {
      client.close();
    }
    assert.equal(
      await codeOf(
        core.listNamespacedConfigMap({
          namespace,
          labelSelector: "kind=counted",
          limit: 100,
          _continue: firstToken!,
        }),
      ),
      410,
      "a page of a compacted revision",
    );
    await core.deleteCollectionNamespacedConfigMap({ namespace, labelSelector: "kind=counted" });
    await eventually("every deletion is seen", async () =>
      assert.equal(watched.events["DELETED"]?.length, configMapCount),
    );
    assertAllNamed(watched.events["DELETED"], "deleted");
    assert.deepEqual(
      [Object.keys(watched.events).sort(), watched.ended()],
      [["ADDED", "DELETED", "MODIFIED"], undefined],
    );
  } finally {
    watched.stop();
  }
});

test("a Deployment's objects come up, are scaled, and go with it", async (t) => {
  const parts = partsOrSkip(t);
  if (parts === undefined) return;
  const apps = parts.plane.config.makeApiClient(AppsV1Api);
  const labels = { app: "web" };
  const body: V1Deployment = {
    metadata: { name: "web", labels },
    spec: {
      replicas: 3,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { containers: [{ name: "web", image: "localhost/none:1" }] },
      },
    },
  };
  await apps.createNamespacedDeployment({ namespace, body });
  const podsAre = (count: number): Promise<void> =>
    eventually(`${count} pods`, async () => {
      const { items } = await parts.core.listNamespacedPod({ namespace, labelSelector: "app=web" });
      assert.equal(items.length, count);
    });
  await podsAre(3);
  await apps.patchNamespacedDeploymentScale({
    namespace,
    name: "web",
    body: [{ op: "replace", path: "/spec/replicas", value: 5 }],
  });
  await podsAre(5);
  await apps.deleteNamespacedDeployment({
    namespace,
    name: "web",
    propagationPolicy: "Foreground",
  });
  await podsAre(0);
  await eventually("the Deployment is gone", async () => {
    assert.equal(await codeOf(apps.readNamespacedDeployment({ namespace, name: "web" })), 404);
  });
});

test("the leader is killed in the middle: what was answered is there", async (t) => {
  const parts = partsOrSkip(t);
  if (parts === undefined) return;
  const { core, store, plane } = parts;
  const acknowledged = new Map<string, string>();
  const rounds = 12;
  let killed: Promise<unknown> | undefined;
  const victim = await leaderOf(store);
  for (let round = 0; round < rounds; round++) {
    await forEach(width, async (n) => {
      const name = `during-${n}`;
      const value = `${round}`;
      const body = { metadata: { name }, data: { value } };
      const code = await codeOf(
        round === 0
          ? core.createNamespacedConfigMap({ namespace, body })
          : core.replaceNamespacedConfigMap({ namespace, name, body }),
      );
      // A write in flight when its member dies may fail; the next one goes to another member.
      if (code === 200) acknowledged.set(name, value);
      else assert(code >= 500 || code === 404 || code === 409, `${name}: ${code}`);
    });
    if (round === 3) {
      killedAt = plane.apiServer.lineCount();
      killed = victim.kill();
    }
  }
  await killed;
  assert.equal(acknowledged.size, width);
  const { items } = await core.listNamespacedConfigMap({ namespace });
  const kept = new Map(items.map(({ metadata, data }) => [metadata?.name, data?.["value"]]));
  for (const [name, value] of acknowledged) {
    assert(Number(kept.get(name)) >= Number(value), `${name}: ${kept.get(name)}, was ${value}`);
  }
  await victim.start();
  await eventually("equal hashes on all members", async () => {
    const hashes = await Promise.all(
      store.endpoints().map(async (endpoint) => {
        const client = clientOf([endpoint]);
        try {
          const { header, hash } = await client.maintenance.hashKv();
          return `${header?.revision}:${hash}`;
        } finally {
          client.close();
        }
      }),
    );
    assert.equal(new Set(hashes).size, 1, hashes.join(" "));
  });
});

async function leaderOf(cluster: Cluster): Promise<Cluster["members"][number]> {
  for (const member of cluster.members) {
    const client = clientOf([member.endpoint]);
    try {
      const { leader, header } = await client.maintenance.status();
      if (leader === header?.memberId) return member;
    } finally {
      client.close();
    }
  }
  throw new Error("no member says that it leads");
}

/** Lines of warning or worse in which the API server speaks of its store. */
const complaint =
  /^[WEF]\d{4}.*(etcd|mvcc|storage|watch chan|watcher|compact|revision|rpc error|context deadline)/i;
/** What a start of the API server says of its own APIs. */
const ofStart = /Skipping API storage\.k8s\.io/;
/** The API server's turn to compact, at a revision older than that of this test's own compaction. */
const ofCompaction = /compact failed: etcdserver: mvcc: required revision has been compacted/;
/**
 * What a killed member brings about with etcd as well: connections break, and a watch that heard
 * nothing since before the compaction cannot go on from there, so that its cache begins again.
 */
const ofKill =
  /addrConn\.createTransport failed to connect|transport is closing|error reading from server|Unavailable|etcdserver: leader changed|connection reset|no leader|request timed out|watch chan error: etcdserver: mvcc: required revision has been compacted|Terminating all watchers from cacher/;

test("nothing in the API server's log complains about the store", (t) => {
  const { plane } = partsOrSkip(t) ?? {};
  if (plane === undefined) return;
  const log = plane.apiServer.log();
  assert(log.length > 20 && killedAt > 20);
  assert(plane.apiServer.isRunning && plane.controllerManager.isRunning);
  const complaints = log.filter(
    (line, at) =>
      complaint.test(line) &&
      !ofStart.test(line) &&
      !ofCompaction.test(line) &&
      !(at >= killedAt && ofKill.test(line)),
  );
  assert.deepEqual(complaints, []);
});
