// Cases that are the same on Kubernetes and on processes of one machine: a cluster grows and shrinks, its members
// and volumes go, its databases fill up and differ, it sleeps, its operator dies, its quorum is lost.
import assert from "node:assert/strict";
import { pods } from "#operator/platform/kubernetes/kinds.ts";
import { alter } from "#test/corruption/alter.ts";
import type { CaseContext, SiteCase } from "./case.ts";
import type { Site, SiteStatus } from "./site.ts";

const three = ["db-1", "db-2", "db-3"];

/** Three members, a prober that writes, and the cluster's ID. */
async function threeMembers(site: Site, spec: object = {}): Promise<string | undefined> {
  await site.create({ replicas: 3, ...spec });
  const { clusterId } = await site.settled(3);
  await site.startProbe();
  return clusterId;
}

async function sameAtLast(site: Site, clusterId: string | undefined): Promise<SiteStatus> {
  const status = await site.settled(3);
  assert.equal(status.clusterId, clusterId);
  return status;
}

/** Waits until these are the members. */
function become(site: Site, names: readonly string[]): Promise<void> {
  return site.until(`the members are ${names.join(", ")}`, async () => {
    const is = (await site.status()).names.join();
    return is === names.join() || is;
  });
}

function reaches(site: Site, count: number): Promise<void> {
  return site.until(`member ${count} is on its way`, async () => {
    const names = await site.memberNames();
    return names.length >= count || names.join();
  });
}

/** Waits until nothing is left of those who went. */
function onlyOneIsLeft(site: Site, name: string): Promise<void> {
  return site.until("only one member's objects are left", async () => {
    const there = [Object.keys(await site.running()), await site.memberNames()];
    const isSo = there.every((names) => names.length === 1 && names[0] === name);
    const volumes = await site.volumeNames();
    return (isSo && volumes.length === 1) || JSON.stringify([there, volumes]);
  });
}

/** What the cluster says is amiss. */
export function amiss({ conditions = [] }: Pick<Partial<SiteStatus>, "conditions">): string {
  return conditions
    .filter((one) => one.status === (one.type === "Available" ? "False" : "True"))
    .map((one) => `${one.reason}: ${one.message}`)
    .join("\n");
}

function budgetIs({ kube, namespace }: CaseContext, wanted: string): Promise<void> {
  return kube.until("the budget counts those who joined", async () => {
    const path = "jsonpath={.status.currentHealthy} {.status.disruptionsAllowed}";
    const is = await kube.kubectl(["-n", namespace, "get", "pdb", "db", "-o", path]);
    return is === wanted || is;
  });
}

export const scale: SiteCase = {
  name: "scale",
  what: "1 → 3 → 1 without a request that fails for ten seconds; volumes of those who left are gone; on Kubernetes the budget counts who joined",
  isCore: true,
  async runAt(site) {
    await site.create({ replicas: 1 });
    const { clusterId } = await site.settled(1);
    await site.startProbe();
    await site.scale(3);
    const grown = await site.settled(3);
    await site.requireSound(true);
    if (site.kubernetes !== undefined) await budgetIs(site.kubernetes, "3 1");
    await site.scale(1);
    const shrunk = await site.settled(1);
    await site.requireSound(true);
    assert.deepEqual([grown.clusterId, shrunk.clusterId], [clusterId, clusterId]);
    await onlyOneIsLeft(site, shrunk.names[0] ?? "");
  },
};

export const repair: SiteCase = {
  name: "repair",
  what: "a member is ended and comes back on its volume; one is ended with its volume deleted, and another takes the place",
  isCore: true,
  async runAt(site) {
    const clusterId = await threeMembers(site);
    // A member that ends comes back on its volume.
    const volumes = await site.volumeNames();
    await site.killMember("db-2");
    const back = await site.settled(3);
    assert.deepEqual(back.names, three);
    assert.deepEqual(await site.volumeNames(), volumes);
    await site.requireSound(true);
    // A volume that goes takes its member along, and another one comes, under another name.
    await site.loseVolumes("db-2");
    await become(site, ["db-1", "db-3", "db-4"]);
    await sameAtLast(site, clusterId);
    assert.deepEqual(await site.memberNames(), ["db-1", "db-3", "db-4"]);
    const now = await site.volumeNames();
    const stayed = volumes.filter((one) => now.includes(one));
    assert.deepEqual([now.length, stayed.length], [3, 2], `${volumes} became ${now}`);
    await site.requireSound(false);
  },
};

export const operatorKilled: SiteCase = {
  name: "operator-killed",
  what: "1 → 3, the operator killed while each of the two members joins",
  isCore: true,
  async runAt(site) {
    await site.create({ replicas: 1 });
    const { clusterId } = await site.settled(1);
    await site.startProbe();
    await site.scale(3);
    // Once while a member joins, once while the next one does.
    for (const count of [2, 3]) {
      await reaches(site, count);
      await site.killOperator();
    }
    const grown = await sameAtLast(site, clusterId);
    assert.deepEqual(grown.names, three);
    await site.requireSound(true);
  },
};

export const hibernate: SiteCase = {
  name: "hibernate",
  what: "replicas 0 and 3 again: nothing runs, all volumes and all data stay; then 1",
  async runAt(site) {
    const clusterId = await threeMembers(site);
    const volumes = await site.volumeNames();
    await site.scale(0);
    await site.until("no member runs", async () => {
      const names = Object.keys(await site.running());
      return names.length === 0 || names.join();
    });
    assert.deepEqual(await site.volumeNames(), volumes);
    await site.scale(3);
    await sameAtLast(site, clusterId);
    assert.deepEqual(await site.volumeNames(), volumes);
    await site.requireSound(false);
    await site.scale(1);
    await site.settled(1);
    await site.requireSound(false);
  },
};

export const noSpace: SiteCase = {
  name: "no-space",
  what: "a database filled up to its quota by history: compacted, defragmented, writable again",
  async runAt(site) {
    const clusterId = await threeMembers(site, { options: { "quota-backend-bytes": 16 << 20 } });
    // One key over and over: no more data than before, but much history.
    const said = await site.shell(`folder=$(mktemp -d)
      head -c 1400000 /dev/zero | tr '\\0' x >"$folder/value"
      for i in $(seq 30); do
        etcdctl put big <"$folder/value" >/dev/null 2>"$folder/error" && continue
        grep -q 'database space exceeded' "$folder/error" && { echo full; break; }
        cat "$folder/error"
      done
      rm -r "$folder"`);
    assert.match(said, /full/);
    await site.until("it can be written again", async () => {
      return (await site.etcdctl("put", "after", "1")) === "OK" || "no";
    });
    await sameAtLast(site, clusterId);
    assert.equal(await site.etcdctl("alarm", "list"), "");
    await site.requireSound(false);
  },
};

export const options: SiteCase = {
  name: "options-under-load",
  what: "options, and resources of pods, changed under load: one member at a time, no request fails",
  async runAt(site) {
    const clusterId = await threeMembers(site);
    const before = await site.running();
    await site.change({
      options: { "snapshot-count": 5000 },
      pod: { resources: { requests: { cpu: "11m" } } },
    });
    await site.until("all members were started anew", async () => {
      const now = await site.running();
      return (
        three.every((one) => now[one] !== undefined && now[one] !== before[one]) ||
        JSON.stringify(now)
      );
    });
    const status = await site.updated(3);
    assert.deepEqual([status.clusterId, status.names], [clusterId, three]);
    for (const member of three) {
      const args = await site.argumentsOf(member);
      assert(args.includes("--snapshot-count=5000"), `${member}: ${args.join(" ")}`);
      if (site.kubernetes === undefined) continue;
      const { kube, namespace } = site.kubernetes;
      const { spec } = await kube.api.get(pods, namespace, member);
      assert.match(JSON.stringify(spec.containers), /"cpu":"11m"/);
    }
    await site.requireSound(true);
  },
};

export const corrupted: SiteCase = {
  name: "member-corrupted",
  what: "one member's data is altered while it is stopped: the leader's check names it, and another takes its place",
  async runAt(site) {
    const clusterId = await threeMembers(site, {
      // Let in, for the leader to find.
      options: {
        "feature-gates": "InitialCorruptCheck=false",
        "corrupt-check-time": "3s",
      },
    });
    await site.etcdctl("put", "altered", "no");
    await site.requireSound(true);
    await site.whileStopped("db-3", (folder) => alter(folder, "altered", "change"));
    await become(site, ["db-1", "db-2", "db-4"]);
    await sameAtLast(site, clusterId);
    assert.equal(await site.etcdctl("get", "altered", "--print-value-only"), "no");
    assert.equal(await site.etcdctl("alarm", "list"), "");
    await site.requireSound(false);
  },
};

export const quorumLost: SiteCase = {
  name: "quorum-lost",
  what: "two of three volumes are deleted: the condition names the way out, once it is confirmed the survivor goes on, and two others join it",
  async runAt(site) {
    const clusterId = await threeMembers(site);
    await site.etcdctl("put", "before", "kept");
    // On all three: what only those who go have is lost with them.
    await site.requireSound(true);
    await site.loseVolumes("db-2", "db-3");
    let confirm = "";
    await site.until("the condition names the way out", async () => {
      const text = amiss(await site.status());
      confirm = /spec\.recovery\.confirm: ([0-9a-f]+\/[0-9]+)/.exec(text)?.[1] ?? "";
      return (confirm !== "" && text.includes("go on with db-1 alone")) || text;
    });
    assert.equal(confirm, `${clusterId}/1`);
    // Not without being told to, nor by another word.
    await site.change({ recovery: { confirm: `${clusterId}/2` } });
    await site.until("another word is seen and does nothing", async () => {
      const text = amiss(await site.status());
      return text.includes("QuorumLost") || text;
    });
    await site.change({ recovery: { confirm } });
    const status = await sameAtLast(site, clusterId);
    assert.equal(status.names[0], "db-1");
    assert(!status.names.some((one) => one === "db-2" || one === "db-3"), status.names.join());
    assert.equal(await site.etcdctl("get", "before", "--print-value-only"), "kept");
    assert.equal(await site.etcdctl("put", "after", "1"), "OK");
    const args = await site.argumentsOf("db-1");
    assert(!args.includes("--force-new-cluster"), "forced for good");
    await site.requireEqual();
  },
};

export const edited: SiteCase = {
  name: "edited-while-scaling",
  what: "1 → 5, changed to 3 with other options while the third joins; → 5, changed to 1 while the fourth joins",
  async runAt(site) {
    await site.create({ replicas: 1 });
    const { clusterId } = await site.settled(1);
    await site.startProbe();
    await site.scale(5);
    await reaches(site, 3);
    await site.change({ replicas: 3, options: { "snapshot-count": 5000 } });
    const first = await site.updated(3);
    for (const member of first.names) {
      const args = await site.argumentsOf(member);
      assert(args.includes("--snapshot-count=5000"), `${member}: ${args.join(" ")}`);
    }
    await site.requireSound(true);
    await site.scale(5);
    await reaches(site, 4);
    await site.scale(1);
    const last = await site.settled(1);
    assert.deepEqual([first.clusterId, last.clusterId], [clusterId, clusterId]);
    await onlyOneIsLeft(site, last.names[0] ?? "");
    await site.requireSound(true);
  },
};

export const joinerMended: SiteCase = {
  name: "joiner-mended",
  what: "1 → 3 with options that no member starts with: once they are good, the one that joins has them at once and keeps its name; no request fails",
  async runAt(site) {
    await site.create({ replicas: 1 });
    const { clusterId } = await site.settled(1);
    await site.startProbe();
    // Members refuse a heartbeat that is longer than an election.
    await site.change({ replicas: 3, options: { "heartbeat-interval": 5000 } });
    await site.until("db-2 was started with them", async () => {
      const names = Object.keys(await site.running());
      return names.includes("db-2") || names.join();
    });
    assert((await site.argumentsOf("db-2")).includes("--heartbeat-interval=5000"));
    await site.change({ options: { "heartbeat-interval": 150 } });
    const status = await site.updated(3);
    assert.deepEqual([status.clusterId, status.names], [clusterId, three]);
    for (const member of three) {
      const args = await site.argumentsOf(member);
      assert(args.includes("--heartbeat-interval=150"), `${member}: ${args.join(" ")}`);
    }
    await site.requireSound(true);
  },
};
