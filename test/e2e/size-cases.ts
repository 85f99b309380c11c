// Clusters of every size that people ask for: made, grown, shrunk and grown again, under writes throughout.
import assert from "node:assert/strict";
import type { Case, CaseContext } from "./case.ts";

const name = "db";

/** Changes the size and waits until it is so: the same cluster, every write there, equal hashes. */
async function resize(
  { kube, namespace }: CaseContext,
  replicas: number,
  clusterId: string | undefined,
): Promise<readonly string[]> {
  await kube.scale(namespace, name, replicas);
  const status = await kube.settled(namespace, name, replicas);
  assert.equal(status.clusterId, clusterId);
  const report = await kube.requireSound(namespace, name, true);
  assert.equal(report.clusterId, clusterId);
  return kube.names(status);
}

/** What of those who left is there still goes; what is there belongs to `names`. */
async function requireOnly(
  { kube, namespace }: CaseContext,
  names: readonly string[],
): Promise<void> {
  await kube.until(`only ${names.join(", ")} have objects`, async () => {
    const [itsPods, itsMembers, itsClaims] = [
      await kube.podNames(namespace),
      await kube.memberNames(namespace),
      await kube.claimNames(namespace),
    ];
    const wanted = [...names].sort().join();
    const isSo =
      itsPods.join() === wanted &&
      itsMembers.join() === wanted &&
      itsClaims.length === names.length;
    return isSo || JSON.stringify([itsPods, itsMembers, itsClaims]);
  });
}

const sizes: Case = {
  name: "sizes",
  what: "created with 1, 3 and 5 members; 1 → 3 → 5 → 3 → 1, then up to 3 again: no request fails, no name is used twice",
  isLong: true,
  async run(context) {
    const { kube, namespace } = context;
    await kube.applyCluster(namespace, name, { replicas: 1 });
    const { clusterId } = await kube.settled(namespace, name, 1);
    await kube.startProbe(namespace, name);
    // Others are created while this one is written to.
    for (const count of [3, 5]) {
      const other = `of-${count}`;
      await kube.applyCluster(namespace, other, { replicas: count, deletionPolicy: "Delete" });
      const made = await kube.settled(namespace, other, count);
      const wanted = Array.from({ length: count }, (_, at) => `${other}-${at + 1}`);
      assert.deepEqual(kube.names(made), wanted);
      assert.notEqual(made.clusterId, clusterId);
      const at = `--endpoints=http://${other}-client:2379`;
      assert.equal((await kube.etcdctl(namespace, at, "put", "of", other)).trim(), "OK");
      const got = await kube.etcdctl(namespace, at, "get", "of", "--print-value-only");
      assert.equal(got.trim(), other);
      await kube.requireEqual(namespace, other);
      await kube.kubectl(["-n", namespace, "delete", "etcdcluster", other, "--wait=false"]);
    }
    const seen = new Set(["db-1"]);
    let before: readonly string[] = ["db-1"];
    for (const count of [3, 5, 3, 1, 3]) {
      const names = await resize(context, count, clusterId);
      await requireOnly(context, names);
      const came = names.filter((one) => !before.includes(one));
      assert.equal(came.length, Math.max(0, count - before.length), names.join());
      for (const one of came) {
        assert(!seen.has(one), `${one} was another member's name`);
        seen.add(one);
      }
      before = names;
    }
  },
};

const elevenToNine: Case = {
  name: "eleven-to-nine",
  what: "eleven members are created, and two of them leave one after the other: no request fails",
  isLong: true,
  async run(context) {
    const { kube, namespace } = context;
    await kube.applyCluster(namespace, name, {
      replicas: 11,
      pod: {
        resources: { requests: { cpu: "5m", memory: "32Mi" } },
        terminationGracePeriodSeconds: 10,
      },
    });
    const { clusterId } = await kube.settled(namespace, name, 11);
    await kube.startProbe(namespace, name);
    const names = await resize(context, 9, clusterId);
    await requireOnly(context, names);
    const budget = ["-n", namespace, "get", "pdb", name, "-o", "jsonpath={.spec.minAvailable}"];
    assert.equal(await kube.kubectl(budget), "5");
  },
};

export const sizeCases: readonly Case[] = [sizes, elevenToNine];
