// Cases on processes of one machine: those that are the same anywhere, and those that are about what is different
// here: a file for an object, a folder for a volume, Ctrl-C for an operator.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { KeptBackup } from "#operator/reconcile-backups.ts";
import { Operator } from "#test/operator/local-operator.ts";
import {
  corrupted,
  edited,
  hibernate,
  joinerMended,
  noSpace,
  operatorKilled,
  options,
  quorumLost,
  repair,
  scale,
} from "./anywhere-cases.ts";
import { output } from "./body.ts";
import type { CaseInfo } from "./case.ts";
import type { LocalSite } from "./local-site.ts";

interface LocalCase extends CaseInfo {
  runAt(site: LocalSite): Promise<void>;
}

const operatorProgram = join(import.meta.dirname, "..", "..", "bin", "etcd-operator");
/** How long a cluster at rest is watched for writes, and a paused one for acts. */
const restMs = 12_000;

/** What a command of the operator's prints. */
const ask = (site: LocalSite, ...args: readonly string[]): Promise<string> =>
  output(operatorProgram, [...args, "-f", site.manifest]);

const create: LocalCase = {
  name: "create",
  what: "three members and, beside them, one; nothing is written at rest; a second operator is refused; stopped and started again",
  isCore: true,
  async runAt(site) {
    await site.create({ replicas: 3 });
    const { clusterId, names } = await site.settled(3);
    assert.deepEqual(names, ["db-1", "db-2", "db-3"]);
    await site.startProbe();
    const one = await site.beside("one");
    await one.create({ replicas: 1 });
    const alone = await one.settled(1);
    assert.deepEqual(alone.names, ["one-1"]);
    assert.notEqual(alone.clusterId, clusterId);
    assert.equal(await site.etcdctl("put", "greeting", "hello"), "OK");
    assert.equal(await site.etcdctl("get", "greeting", "--print-value-only"), "hello");
    assert.equal(await one.etcdctl("get", "greeting", "--print-value-only"), "");
    await site.requireSound(true);

    const written = () => statSync(site.data("cluster.json")).mtimeMs;
    const before = written();
    await sleep(restMs);
    assert.equal(written(), before, "cluster.json was written");
    const second = new Operator(["local", site.manifest], []);
    assert.equal(await second.exited, "code 1");
    assert.match(second.text, /^etcd-operator: db is run by process \d+ already: /);
    await site.requireSound(true);

    await site.stop();
    assert.deepEqual(await site.running(), {});
    site.startOperator();
    assert.equal((await site.settled(3)).clusterId, clusterId);
    assert.equal(await site.etcdctl("get", "greeting", "--print-value-only"), "hello");
    await site.requireSound(false);
  },
};

/** What no local cluster can have, and the field that is named. */
const refusals: readonly (readonly [object, RegExp])[] = [
  [{ replicas: 99 }, /spec\.replicas: must be an integer from 0 to 15, not 99/],
  [{ storage: { size: "much" } }, /spec\.storage\.size: /],
  [
    { tls: { client: { operator: {}, plaintext: true } } },
    /spec\.tls: cannot be had in a local cluster: /,
  ],
  [{ auth: {} }, /spec\.auth: cannot be had in a local cluster: /],
  [{ version: "0.2.0" }, /spec\.version: cannot be had in a local cluster: /],
  [{ connectionSecret: { name: "x" } }, /spec\.connectionSecret: cannot be had in a local/],
];
/** The same of what is said once, when the cluster is made. */
const refusalsAtStart: typeof refusals = [
  ...refusals,
  [{ bootstrap: { dns: {} } }, /spec\.bootstrap\.dns: cannot be had in a local cluster: /],
  [
    { bootstrap: { discovery: { url: "http://127.0.0.1:1/v2/keys/x" } } },
    /spec\.bootstrap\.discovery: cannot be had in a local cluster: /,
  ],
];

const refused: LocalCase = {
  name: "bad-input",
  what: "a manifest that is wrong, or wants what is not to be had here, is refused by the name of its field, at the start and as a change; what runs goes on",
  async runAt(site) {
    const never = await site.beside("never");
    for (const [spec, message] of refusalsAtStart) {
      await never.create({ replicas: 1, ...spec });
      assert.equal(await never.operator.exited, "code 1", never.said);
      assert.match(never.operator.text, message);
    }
    assert(!existsSync(never.data("cluster.json")), "something was begun");
    await site.create({ replicas: 3 });
    await site.settled(3);
    await site.startProbe();
    const before = await site.running();
    for (const [spec, message] of refusals) await assert.rejects(site.change(spec), message);
    assert.deepEqual(await site.running(), before);
    await site.requireSound(true);
  },
};

const pause: LocalCase = {
  name: "pause",
  what: "nothing is done while paused: not a new size, nor for a volume that was lost; gone on with afterwards",
  async runAt(site) {
    await site.create({ replicas: 3 });
    const { clusterId } = await site.settled(3);
    await site.startProbe();
    await site.change({ paused: true });
    await site.change({ replicas: 1 });
    await site.loseVolumes("db-2");
    // So long an operator that is not paused would have scaled down and replaced it.
    await sleep(restMs);
    const { conditions, names } = await site.status();
    assert(conditions.some((one) => one.type === "Paused" && one.status === "True"));
    assert.deepEqual(names, ["db-1", "db-2", "db-3"]);
    assert.deepEqual(await site.volumeNames(), ["db-1", "db-3"]);
    await site.change({ replicas: 3, paused: false });
    const status = await site.settled(3);
    assert.deepEqual([status.clusterId, status.names], [clusterId, ["db-1", "db-3", "db-4"]]);
    await site.requireSound(true);
  },
};

const deletion: LocalCase = {
  name: "delete",
  what: "`etcd-operator delete` under Retain and Delete; the same name again beside old folders is told of them",
  async runAt(site) {
    await site.create({ replicas: 1 });
    const { clusterId } = await site.settled(1);
    await site.startProbe();
    await site.requireSound(true);
    const remove = async () => {
      await site.stop();
      return await output(operatorProgram, ["delete", site.manifest]);
    };
    assert.match(await remove(), /db is deleted; the data stays in /);
    assert(!existsSync(site.data("cluster.json")));
    assert.deepEqual(await site.volumeNames(), ["db-1"], "Retain keeps the volumes");
    // Made again it leaves old volumes alone, and says that they are in the way.
    site.startOperator();
    await site.until("what is in the way is named", async () => {
      return site.operator.text.includes(site.data("db-1")) || site.operator.text;
    });
    assert.deepEqual(await site.running(), {});
    await site.stop();

    const other = await site.beside("other");
    await other.create({ replicas: 3, deletionPolicy: "Delete" });
    assert.notEqual((await other.settled(3)).clusterId, clusterId);
    await other.stop();
    await output(operatorProgram, ["delete", other.manifest]);
    assert.deepEqual(readdirSync(other.data()), [], "Delete keeps nothing");
  },
};

const backup = (name: string, spec: object) => ({
  apiVersion: "etcd-ts.dev/v1alpha1",
  kind: "EtcdBackup",
  metadata: { name },
  spec: { clusterName: "db", ...spec },
});
const volume = (path: string) => ({ volume: { claimName: "backups", path } });

const backupAndRestore: LocalCase = {
  name: "backup-and-restore",
  what: "a snapshot to a folder, a schedule that prunes every minute, a new cluster of three from the first one beside the old, a failure that is told; the commands",
  isCore: true,
  isLong: true,
  async runAt(site) {
    const shared = (...names: readonly string[]) => join(site.folder, "etcd-ts.backups", ...names);
    const over = async (name: string): Promise<KeptBackup> => {
      const read = () =>
        JSON.parse(readFileSync(shared("backups", `${name}.json`), "utf8")) as KeptBackup;
      await site.until(`backup ${name} is over`, async () => {
        const { phase } = read().status;
        return phase === "Complete" || phase === "Failed" || String(phase);
      });
      return read();
    };
    await site.create({ replicas: 1 });
    const { clusterId } = await site.settled(1);
    await site.startProbe();
    await site.etcdctl("put", "before", "kept");

    const first = backup("first", { target: volume("manual") });
    await site.want(first);
    const { status } = await over("first");
    assert.equal(status.phase, "Complete", JSON.stringify(status));
    assert.equal(status.clusterId, clusterId);
    assert.equal(statSync(status.location ?? "").size, status.sizeBytes);
    const told = await output("sha256sum", [status.location ?? ""]);
    assert.equal(told.slice(0, 64), status.sha256);
    await site.etcdctl("put", "after", "lost");

    const said = await ask(site, "backup", "now", "--claim", "backups");
    assert.match(said, /^BACKUP .*\n\S+ +Complete +[0-9]+ /);
    assert.match(await ask(site, "members"), /^MEMBER .*\ndb-1 +[0-9a-f]+ +leader +yes /);

    // A schedule: at once, then every minute, and only the last one stays.
    const schedule = (suspend: boolean) => ({
      ...backup("often", {
        schedule: "* * * * *",
        immediate: true,
        suspend,
        retention: { count: 1 },
        target: volume("often"),
      }),
      kind: "EtcdBackupSchedule",
    });
    await site.want(first, schedule(false));
    const runs = () => readdirSync(shared("backups")).filter((one) => one.startsWith("often-"));
    const seen = new Set<string>();

    // Meanwhile a new cluster of three begins with the first one; the old one is as it was.
    const copy = await site.beside("copy");
    await copy.create({ replicas: 3, bootstrap: { restore: { backup: { name: "first" } } } });
    const restored = await copy.settled(3);
    assert.notEqual(restored.clusterId, clusterId);
    const get = (of: LocalSite, key: string) => of.etcdctl("get", key, "--print-value-only");
    assert.equal(await get(copy, "before"), "kept");
    assert.equal(await get(copy, "after"), "");
    assert.equal(await get(site, "after"), "lost");
    const { members } = await copy.report();
    const heir = members.find((one) => one.role === "follower")?.name ?? "";
    assert.match(await ask(copy, "leader", "move", heir), new RegExp(`^${heir} leads`));
    assert.match(await ask(copy, "status"), /Available +True/);

    await site.until("one run has pushed another out", async () => {
      const now = runs();
      for (const one of now) seen.add(one);
      return (seen.size >= 2 && now.length === 1) || [...seen].join(", ");
    });
    await site.want(first, schedule(true));
    const [left = ""] = runs();
    const { status: last } = await over(left.replace(/\.json$/, ""));
    assert.equal(last.phase, "Complete", JSON.stringify(last));
    const files = readdirSync(shared("volumes", "backups", "often"));
    assert.deepEqual(
      files.map((one) => shared("volumes", "backups", "often", one)),
      [last.location],
      "others are deleted",
    );

    // What fails is told.
    mkdirSync(shared("volumes"), { recursive: true });
    writeFileSync(shared("volumes", "nowhere"), "no folder");
    const target = { volume: { claimName: "nowhere", path: "" } };
    await site.want(first, schedule(true), backup("bad", { target, deadlineSeconds: 10 }));
    const { status: failed } = await over("bad");
    assert.equal(failed.phase, "Failed");
    assert.match(site.said, /backup bad failed: /);
    await site.requireSound(true);
  },
};

export const localCases: readonly LocalCase[] = [
  create,
  scale,
  repair,
  operatorKilled,
  refused,
  hibernate,
  pause,
  noSpace,
  options,
  corrupted,
  quorumLost,
  edited,
  joinerMended,
  backupAndRestore,
  deletion,
];
