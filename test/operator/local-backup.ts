// Backups and restores on real processes: a snapshot is taken, one by a schedule pushes an older one out, and
// a new cluster begins with one, the operator killed at every single step of each.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { KeptBackup } from "#operator/reconcile-backups.ts";
import { judgeBackupFailpoints, judgeFailpoints } from "#test/operator/failpoint-table.ts";
import { LocalChecks } from "#test/operator/local-checks.ts";
import { LocalRun } from "#test/operator/local-operator.ts";

const etcdutl = join(import.meta.dirname, "..", "..", "bin", "etcdutl");
const object = (kind: string, name: string, spec: object) => ({
  apiVersion: "etcd-ts.dev/v1alpha1",
  kind,
  metadata: { name },
  spec: { clusterName: "t", target: { volume: { claimName: "v", path: "p" } }, ...spec },
});

async function commands(run: LocalRun): Promise<void> {
  const ask = async (code: number, ...args: readonly string[]): Promise<string> => {
    const one = run.start([...args, "-f", run.manifest]);
    assert.equal(await one.exited, `code ${code}`, one.text);
    return one.text;
  };
  const members = await ask(0, "members");
  const roles = () => members.match(/(leader|follower) +yes/g);
  assert.equal(roles()?.length, 3, members);
  const heir = /^(t-[0-9]) .*follower/m.exec(members)?.[1] ?? "";
  assert.match(await ask(0, "leader", "move", heir), new RegExp(`^${heir} leads instead of t-`));
  assert.match(await ask(0, "leader", "move", heir), /leads already/);
  assert.match(await ask(1, "leader", "move", "t-9"), /there is no member t-9: there are t-1/);
  const status = await ask(0, "status");
  assert.match(status, new RegExp(`Available +True(.|\\n)*${heir} .* leader +yes`));
  const said = await ask(0, "backup", "now", "--claim", "w", "--name", "by-hand");
  assert.match(said, /^BACKUP .*\nby-hand +Complete +[0-9]+ /);
  assert.match(await ask(1, "backup", "now", "--claim", "w", "--name", "by-hand"), /already/);
  assert.match(await ask(1, "backup", "now"), /name one schedule .* --like, or a folder/);
  run.stopMembers();
  assert.match(await ask(3, "status"), /Available +False/);
}

test("back up, prune, restore: the operator killed at every step", async (t) => {
  const run = await LocalRun.open(3);
  const shared = (...names: readonly string[]) => join(run.folder, "etcd-ts.backups", ...names);
  const kept = (name: string): KeptBackup =>
    JSON.parse(readFileSync(shared("backups", `${name}.json`), "utf8"));
  const snapshots = () => readdirSync(shared("volumes", "v", "p"));
  const before = new LocalChecks(run, t);
  const after = new LocalChecks(run, t);
  try {
    run.want({ replicas: 1 });
    await run.toRest();
    await before.client.kv.put("key", "value");
    const { header } = await before.client.kv.put("key", "value");

    const one = object("EtcdBackup", "b", {});
    run.want({ replicas: 1 }, one);
    await run.through([
      "latched:backup-take",
      "acted:backup-take",
      "snapshot:checked",
      "snapshot:kept",
      "done:backup",
    ]);
    const { status } = kept("b");
    assert.equal(status.phase, "Complete");
    const file = status.location ?? "";
    assert.deepEqual(
      snapshots().map((name) => join(shared("volumes", "v", "p"), name)),
      [file],
    );
    const told = execFileSync(etcdutl, ["snapshot", "status", file, "-w", "json"]).toString();
    assert.equal((JSON.parse(told) as { revision: number }).revision, header?.revision);
    assert.equal(status.revision, header?.revision);
    assert.equal(status.clusterId, run.plan().clusterId);
    assert.equal(status.sha256, execFileSync("sha256sum", [file]).toString().slice(0, 64));

    // A run that an earlier operator made, with its snapshot, of a schedule that keeps one.
    await before.client.kv.put("later", "lost");
    const createdMs = 1_000_000_000_000;
    const old = { ...kept("b"), name: "s-1", schedule: "s", createdMs };
    const deletionPolicy = "Delete";
    const completedAt = new Date(createdMs).toISOString();
    writeFileSync(
      shared("backups", "s-1.json"),
      JSON.stringify({
        ...old,
        spec: { ...old.spec, deletionPolicy },
        status: { ...old.status, completedAt },
      }),
    );
    const oldFile = `s-1-${(createdMs / 1000).toString(16)}.db`;
    writeFileSync(shared("volumes", "v", "p", oldFile), "a snapshot");
    const schedule = object("EtcdBackupSchedule", "s", {
      schedule: "@yearly",
      immediate: true,
      retention: { count: 1 },
    });
    run.want({ replicas: 1 }, one, schedule);
    await run.through(["made:backup", "done:backup", "pruned:backup"]);
    assert(snapshots().includes(oldFile));
    await run.through([
      "latched:backup-delete-snapshot",
      "acted:backup-delete-snapshot",
      "latched:backup-release",
      "acted:backup-release",
    ]);
    assert(!snapshots().includes(oldFile), "its snapshot was deleted");
    const names = readdirSync(shared("backups")).sort();
    assert.equal(names.length, 2, names.join());
    assert.match(names[1] ?? "", /^s-[0-9]{8}\.json$/, "one run, under the name of its minute");
    assert.equal(snapshots().length, 2);
    const { status: itsStatus } = JSON.parse(readFileSync(shared("schedules", "s.json"), "utf8"));
    assert(itsStatus.lastSuccessAt !== undefined && itsStatus.nextScheduledAt !== undefined);

    run.want({ replicas: 1, deletionPolicy: "Delete" });
    const isGone = (point: string) => point === "acted:release";
    await run.throughEveryStep(["delete", run.manifest], isGone);
    assert.equal(snapshots().length, 2, "backups outlive their cluster");

    // A seed begins with the snapshot, the others join it.
    run.want({ replicas: 3, bootstrap: { restore: { backup: { name: "b" } } } });
    await run.through(["latched:restore", "acted:restore", "restore:beside", "restore:moved"]);
    // Who joins is cut off at every step in local-sizes.
    await run.toRest();
    await after.holds("restore", ["t-1", "t-2", "t-3"]);
    const { header: now, kvs } = await after.client.kv.range("later");
    assert.deepEqual(kvs, [], "what came after the snapshot is not in it");
    assert((now?.revision ?? 0) > 1_000_000_000, "revisions go on above all that were seen");
    assert.deepEqual(
      readdirSync(run.data("t-1")).filter((name) => name.includes("part")),
      [],
    );
    judgeFailpoints("local-backup", run.killedAt);
    judgeBackupFailpoints(run.killedAt);
  } finally {
    before.close();
    after.close();
    await run.close();
  }
});

test("the commands, on members whose operator is away", async () => {
  const run = await LocalRun.open(3);
  try {
    run.want({ replicas: 3 });
    await run.toRest();
    await commands(run);
  } finally {
    await run.close();
  }
});

test("a snapshot that cannot be restored begins no cluster", async () => {
  const run = await LocalRun.open(1);
  try {
    const volume = join(run.folder, "etcd-ts.backups", "volumes", "v");
    mkdirSync(volume, { recursive: true });
    writeFileSync(join(volume, "bad.db"), "no snapshot");
    run.want({ replicas: 1, bootstrap: { restore: { volume: { claimName: "v" } } } });
    const said = await run.toRest();
    assert.match(said, /bad\.db cannot be restored: .+: delete this object/);
    assert(!existsSync(run.data("t-1", "member")));
  } finally {
    await run.close();
  }
});
