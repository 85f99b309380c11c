// From one version of ours to the next, and back: the data folder that every kept version made still
// opens and holds the same; a cluster is upgraded member by member in place under load, and taken
// back the same way, without losing an acknowledged write or an event of a watch, all members holding
// equal data throughout.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { seededRandom } from "#base/random.ts";
import { systemClock } from "#base/system-clock.ts";
import { EtcdClient } from "#client/client.ts";
import { isEtcdError } from "#proto/errors.ts";
import { type Cluster, startCluster } from "#test/cluster/cluster.ts";
import { held } from "./held.ts";
import { keptVersions, ownEtcd, startMember, unpackData, unpackServer } from "./kept-version.ts";

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "etcd-ts-upgrade-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function clientOf(t: TestContext, endpoints: readonly string[], seed = 1): EtcdClient {
  const client = new EtcdClient({
    endpoints,
    clock: systemClock,
    random: seededRandom(seed),
    callTimeoutMs: 10_000,
  });
  t.after(() => client.close());
  return client;
}

test("a kept version is one before this, and says so", (t) => {
  assert(keptVersions.length > 0);
  const own = JSON.parse(readFileSync(join(ownEtcd, "..", "..", "package.json"), "utf8")).version;
  assert(!keptVersions.includes(own), `package.json must name a version after ${own}`);
  for (const version of keptVersions) {
    const said = execFileSync(unpackServer(version, folderFor(t)), ["--version"]).toString();
    assert.match(said, new RegExp(`etcd-ts ${version.replaceAll(".", "\\.")}$`, "m"));
  }
});

for (const version of keptVersions) {
  test(`the data folder of ${version} opens, and holds what it held`, async (t) => {
    const folder = folderFor(t);
    const expected = unpackData(version, folder);
    const dataDir = join(folder, "data");
    // The second start finds what the first has made of it.
    for (let start = 0; start < 2; start++) {
      const member = await startMember(ownEtcd, dataDir);
      const client = clientOf(t, [member.endpoint]);
      assert.deepEqual(await held(client), expected);
      client.close();
      await member.stop();
    }
  });
}

/** Put when all is over. */
const endKey = "load/end";

/** Clients that each put one key after the other; a write without an answer is left in doubt. */
class Load {
  readonly acknowledged = new Map<string, number>();
  private readonly stopping = new AbortController();
  private readonly running: Promise<void>[] = [];
  private readonly waiting: { readonly count: number; readonly resolve: () => void }[] = [];

  add(client: EtcdClient, name: string): void {
    this.running.push(this.run(client, name));
  }

  private async run(client: EtcdClient, name: string): Promise<void> {
    for (let i = 0; !this.stopping.signal.aborted; i++) {
      const key = `load/${name}/${i}`;
      try {
        const { header } = await client.kv.put(key, key);
        this.acknowledged.set(key, header!.revision);
      } catch {
        // In doubt; and a member that is down refuses at once.
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      for (const one of this.waiting) if (this.acknowledged.size >= one.count) one.resolve();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Resolves once so many more writes were acknowledged than until now. */
  more(count: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.waiting.push({ count: this.acknowledged.size + count, resolve });
    return promise;
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.all(this.running);
  }
}

/** Takes every event of the load's keys, through whatever happens to the members. */
async function watchLoad(client: EtcdClient): Promise<Map<string, number>> {
  const seen = new Map<string, number>();
  let last = 0;
  const watcher = client.watch.watch("load/", { rangeEnd: Buffer.from("load0"), startRevision: 1 });
  for await (const { events } of watcher) {
    for (const { kv } of events) {
      const key = Buffer.from(kv!.key).toString();
      if (key === endKey) return seen;
      assert(kv!.modRevision > last, `revision ${kv!.modRevision} came after ${last}`);
      last = kv!.modRevision;
      seen.set(key, last);
    }
  }
  throw new Error("the watch ended");
}

/** HashKV of every member at one revision, which all of them have reached, and behind one compaction. */
async function assertEqualData(
  members: readonly EtcdClient[],
  revision: number,
  step: string,
): Promise<void> {
  for (let i = 0; ; i++) {
    try {
      const hashes = await Promise.all(members.map((one) => one.maintenance.hashKv(revision)));
      // A member that has not applied a compaction hashes what it dropped as well.
      if (new Set(hashes.map((one) => one.compactRevision)).size === 1) {
        const found = hashes.map(({ hash }) => hash);
        assert.equal(new Set(found).size, 1, `${step}: members differ: ${found.join(", ")}`);
        return;
      }
      if (i >= 100) throw new Error(`${step}: compactions do not reach all members`);
    } catch (error) {
      if (i >= 100 || !isEtcdError(error, "futureRevision")) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function assertNothingLost(client: EtcdClient, load: Load): Promise<void> {
  const { kvs } = await client.kv.range("load/", { rangeEnd: Buffer.from("load0") });
  const found = new Map(kvs.map((kv) => [Buffer.from(kv.key).toString(), kv]));
  for (const [key, revision] of load.acknowledged) {
    const kv = found.get(key);
    assert(kv !== undefined, `${key}, acknowledged at revision ${revision}, is lost`);
    assert.deepEqual([Buffer.from(kv.value).toString(), kv.modRevision], [key, revision]);
  }
}

const before = keptVersions.at(-1)!;

test(`a cluster of ${before} is upgraded member by member under load, and taken back`, async (t) => {
  const oldEtcd = unpackServer(before, folderFor(t));
  const files = new Map(["m1", "m2", "m3"].map((name) => [name, oldEtcd]));
  const cluster: Cluster = await startCluster({
    runner: "ours",
    size: 3,
    wrap: (command) => {
      const name = command.args.find((one) => one.startsWith("--name="))!.slice("--name=".length);
      return { ...command, file: files.get(name)! };
    },
  });
  t.after(() => cluster.stop());
  const all = clientOf(t, cluster.endpoints());
  const each = cluster.members.map(({ endpoint }) => clientOf(t, [endpoint]));
  const lease = await all.lease.grant(3600);
  await all.kv.put("leased", "1", { lease: lease.ID });
  const watching = watchLoad(clientOf(t, cluster.endpoints(), 7));
  // What else fails first closes its client.
  watching.catch(() => {});
  const load = new Load();
  for (let i = 0; i < 4; i++) load.add(clientOf(t, cluster.endpoints(), i + 2), `${i}`);
  try {
    for (const [step, file] of [
      ["up", ownEtcd],
      ["back", oldEtcd],
    ] as const) {
      for (const member of cluster.members) {
        await load.more(20);
        // One way each: a clean stop, and a kill.
        await member.kill(member.name === "m3" ? "SIGKILL" : "SIGTERM");
        await load.more(20);
        files.set(member.name, file);
        await member.start();
        await load.more(20);
        const { header } = await all.kv.put("step", `${step} ${member.name}`);
        if (member.name === "m2") await all.kv.compact(header!.revision - 10);
        await assertEqualData(each, header!.revision, `${step} ${member.name}`);
      }
    }
  } finally {
    await load.stop();
  }
  await assertNothingLost(all, load);
  const { header } = await all.kv.put(endKey, "1");
  const seen = await watching;
  for (const [key, revision] of load.acknowledged) {
    assert.equal(seen.get(key), revision, `the watch missed ${key}`);
  }
  await assertEqualData(each, header!.revision, "end");
  const { keys, grantedTTL } = await all.lease.timeToLive(lease.ID, { keys: true });
  assert.deepEqual([keys.length, grantedTTL], [1, 3600]);
  assert.deepEqual((await all.maintenance.alarms()).alarms, []);
});
