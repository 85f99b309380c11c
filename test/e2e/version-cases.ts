// Updates of the version under writes: one minor version at a time, who does not serve first, the leader last; and one
// whose first member does not come back. The images are one build under the tags of several versions.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { clusters, type Pod, pods } from "#operator/platform/kubernetes/kinds.ts";
import type { Case, CaseContext } from "./case.ts";

const name = "db";
const packageFile = join(import.meta.dirname, "..", "..", "package.json");
const { version: own } = JSON.parse(readFileSync(packageFile, "utf8")) as { version: string };

/** The version that is so many minor ones further than the operator's own. */
function later(minors: number): string {
  const [major = 0, minor = 0] = own.split(".").map(Number);
  return `${major}.${minor + minors}.0`;
}

/** Gives the store's image the tag of a later version on every node. */
async function tag({ kube }: CaseContext, version: string): Promise<string> {
  const image = kube.storeImage.replace(/:[^:]*$/, `:${version}`);
  await kube.body.tagImage(kube.storeImage, image);
  return image;
}

const imageOf = ({ spec }: Pod): string | undefined =>
  (spec.containers as readonly { readonly name: string; readonly image?: string }[]).find(
    (one) => one.name === "etcd",
  )?.image;

/** The members' pods, the oldest first. */
async function podsByAge({ kube, namespace }: CaseContext): Promise<readonly Pod[]> {
  const { items } = await kube.api.list(pods, { namespace, labels: "etcd-ts.dev/member" });
  const made = (pod: Pod) => Date.parse(String(pod.metadata.creationTimestamp ?? ""));
  return [...items].sort((a, b) => made(a) - made(b));
}

const uids = (of: readonly Pod[]) => of.map(({ metadata }) => metadata.uid ?? "").sort();

async function degraded({ kube, namespace }: CaseContext): Promise<string> {
  const { conditions = [] } = await kube.status(namespace, name);
  const is = conditions.find((one) => one.type === "Degraded");
  return `${is?.status} ${is?.reason}: ${is?.message}`;
}

function change({ kube, namespace }: CaseContext, spec: object): Promise<unknown> {
  return kube.api.patch(clusters, namespace, name, { spec });
}

/** The messages of the cluster's events of this reason. */
async function events(
  { kube, namespace }: CaseContext,
  type: string,
  reason: string,
): Promise<string> {
  const of = `involvedObject.name=${name},type=${type},reason=${reason}`;
  const path = "jsonpath={range .items[*]}{.message}{'\\n'}{end}";
  return kube.kubectl(["-n", namespace, "get", "events", "--field-selector", of, "-o", path]);
}

const update: Case = {
  name: "version-under-load",
  what: "the version: two minor ones at once are refused by a condition, and back at admission; one is an update of one member at a time, who does not serve first, the leader last; no request fails",
  async run(context) {
    const { kube, namespace } = context;
    const image = await tag(context, later(1));
    await kube.applyCluster(namespace, name, { replicas: 3 });
    const { clusterId } = await kube.settled(namespace, name, 3);
    await kube.startProbe(namespace, name);
    const before = uids(await podsByAge(context));
    await change(context, { version: later(2) });
    await kube.until("the condition names the versions", async () => {
      const text = await degraded(context);
      const isSo = text.startsWith("True VersionSkipsMinor: ") && text.includes(`runs ${own}`);
      return (isSo && text.includes(later(2))) || text;
    });
    assert.deepEqual(uids(await podsByAge(context)), before);
    await assert.rejects(change(context, { version: own }), /one minor version at a time/);

    // A follower that does not serve: its container cannot be started.
    const { leader, members = [] } = await kube.status(namespace, name);
    const ill = members.find((one) => one.name !== leader)?.name ?? "";
    const wrong = "etcd=localhost/no-such-image:1";
    await kube.kubectl(["-n", namespace, "set", "image", `pod/${ill}`, wrong]);
    await kube.until(`${ill} does not serve`, async () => {
      const now = (await kube.status(namespace, name)).members ?? [];
      return now.find((one) => one.name === ill)?.ready === false || JSON.stringify(now);
    });
    await change(context, { version: later(1) });
    const status = await kube.updated(namespace, name, 3);
    assert.deepEqual([status.clusterId, status.version], [clusterId, later(1)]);
    const after = await podsByAge(context);
    assert.deepEqual(after.map(imageOf), [image, image, image]);
    assert(uids(after).every((one) => !before.includes(one)));
    const order = after.map((one) => one.metadata.name);
    assert.equal(order[0], ill, `restarted in this order: ${order.join()}`);
    const moves = await events(context, "Normal", "MovingLeader");
    assert(moves.includes(`is to lead instead of ${order[2]}`), `${order.join()}; ${moves}`);
    await kube.requireSound(namespace, name, true);
  },
};

const backedOut: Case = {
  name: "version-backed-out",
  what: "an image that does not start: the first member gets its old one back, the others are not touched, a condition and an event say so; then the right image; no request fails",
  isAlone: true,
  async run(context) {
    const { kube, namespace, operator } = context;
    const good = await tag(context, later(1));
    await operator.install("--set=extraArgs={--restart-patience=30s}");
    try {
      await kube.applyCluster(namespace, name, { replicas: 3 });
      const { clusterId } = await kube.settled(namespace, name, 3);
      await kube.startProbe(namespace, name);
      const before = await podsByAge(context);
      const [old] = before.map(imageOf);
      // There is no store in the operator's image: its container ends at once, again and again.
      const [repository, wrongTag] = operator.image;
      await change(context, { version: later(1), image: { repository, tag: wrongTag } });
      await kube.until(
        "the first member has its old image back, and a condition says so",
        async () => {
          const text = await degraded(context);
          const { readyReplicas } = await kube.status(namespace, name);
          const isSo = text.startsWith("True UpdateFailed: ") && readyReplicas === 3;
          return isSo || `${readyReplicas} ready; ${text}`;
        },
      );
      const after = await podsByAge(context);
      assert.deepEqual(after.map(imageOf), [old, old, old]);
      const same = uids(after).filter((one) => uids(before).includes(one));
      assert.equal(same.length, 2, "more than the first member was restarted");
      assert.match(await events(context, "Warning", "UpdateFailed"), /was put back/);
      await kube.requireSound(namespace, name, true);
      // With what it was before, there is nothing to do; with an image that starts, all are updated.
      await change(context, { version: null, image: null });
      await kube.settled(namespace, name, 3);
      assert.deepEqual(uids(await podsByAge(context)), uids(after));
      await change(context, { version: later(1) });
      const status = await kube.updated(namespace, name, 3);
      assert.deepEqual([status.clusterId, status.version], [clusterId, later(1)]);
      assert.deepEqual((await podsByAge(context)).map(imageOf), [good, good, good]);
      await kube.requireSound(namespace, name, true);
    } finally {
      await operator.install();
    }
  },
};

export const versionCases: readonly Case[] = [update, backedOut];
