// The operator killed before and after every step of every operation that there is on Kubernetes: clusters go on
// serving, and the next operator goes on where the last one was. Each case has operations of its own; together they
// reach every failpoint (killed-table.ts).
import assert from "node:assert/strict";
import { backups, clusters, jobs, schedules } from "#operator/platform/kubernetes/kinds.ts";
import { type Context, files, get, makeBackup, makeClaim } from "./backup-cases.ts";
import { startService } from "./bootstrap-cases.ts";
import type { Case } from "./case.ts";
import { ExecOperator } from "./exec-operator.ts";
import { judgeKilled, neverReached, type Operation } from "./killed-table.ts";

const name = "db";
const connection = "db-connection";
const made = { operator: { validity: "1h", renewBefore: "5m" } };
const claimName = "backups";

type Passed = Map<Operation, readonly string[]>;

class Walk {
  readonly context: Context;
  readonly exec: ExecOperator;
  readonly #passed: Passed;
  #clusterId: string | undefined;

  constructor(context: Context, exec: ExecOperator, passed: Passed) {
    this.context = context;
    this.exec = exec;
    this.#passed = passed;
  }

  #note(operation: Operation, points: readonly string[]): void {
    this.#passed.set(operation, [...(this.#passed.get(operation) ?? []), ...points]);
  }

  change(cluster: string, spec: object): Promise<unknown> {
    const { kube, namespace } = this.context;
    return kube.api.patch(clusters, namespace, cluster, { spec });
  }

  /** Every step of an operation that was asked for; then one that lives says that the cluster has settled. */
  async through(
    operation: Operation,
    cluster: string,
    replicas: number,
    last?: string,
  ): Promise<void> {
    const { kube, namespace } = this.context;
    const began = Date.now();
    const points = await this.exec.throughEveryStep(last);
    this.#note(operation, points);
    await this.exec.during<unknown>(() =>
      replicas === 0
        ? kube.until(`${cluster} sleeps`, async () => {
            const names = await kube.podNames(namespace);
            const left = names.filter((one) => one.startsWith(`${cluster}-`));
            return left.length === 0 || left.join();
          })
        : kube.settled(namespace, cluster, replicas),
    );
    const seconds = Math.round((Date.now() - began) / 1000);
    console.log(`       ${operation}: ${points.length} kills, ${seconds} s`);
  }

  /** One operator for each of the points, killed there. */
  async to(operation: Operation, ...points: readonly string[]): Promise<void> {
    for (const point of points) {
      assert.equal(await this.exec.until([point]), point);
      this.#note(operation, [point]);
    }
  }

  /** One operator that is killed at the point that it comes to by what is done meanwhile. */
  async meanwhile(operation: Operation, point: string, work: () => Promise<void>): Promise<void> {
    assert.equal(await this.exec.until([point], work), point);
    this.#note(operation, [point]);
  }

  /** From now on the prober writes to the cluster. */
  async probe(secret?: string): Promise<void> {
    const { kube, namespace } = this.context;
    await kube.startProbe(namespace, name, secret);
    this.#clusterId = (await kube.status(namespace, name)).clusterId;
  }

  /** No request has failed, nothing is lost, all members have the same, it is the same cluster. */
  async sound(isServed = true): Promise<void> {
    const { kube, namespace } = this.context;
    const report = await kube.requireSound(namespace, name, isServed);
    assert.equal(report.clusterId, this.#clusterId);
  }
}

/** The life of a cluster that others find by discovery. */
async function members(walk: Walk): Promise<void> {
  const { kube, namespace } = walk.context;
  const service = await walk.exec.during(() => startService(walk.context));
  // What is paused never comes to rest, so that an operation of another one is over when that one rests.
  await walk.change("discovery", { paused: true });
  await kube.applyCluster(namespace, name, {
    replicas: 2,
    storage: { size: "1Gi", storageClassName: "plain-growing" },
    bootstrap: { discovery: { url: `${service}/v2/keys/_etcd/registry` } },
  });
  await walk.through("create", name, 2);
  await walk.probe();

  await walk.change(name, { replicas: 3 });
  await walk.through("scale up", name, 3);
  await walk.sound();

  await walk.change(name, { options: { "snapshot-count": 5000 } });
  await walk.through("update", name, 3);
  await walk.sound();

  const lost = kube.names(await kube.status(namespace, name))[1] ?? "";
  const itsClaim = (await kube.claimNames(namespace)).find((one) => one.startsWith(`${lost}-`));
  await kube.kubectl(["-n", namespace, "delete", "pvc", itsClaim ?? "", "--wait=false"]);
  await kube.kubectl(["-n", namespace, "delete", "pod", lost, "--wait=false"]);
  await kube.until(`the claim of ${lost} is gone`, async () => {
    const there = await kube.claimNames(namespace);
    return !there.includes(itsClaim ?? "") || there.join();
  });
  await walk.through("replace", name, 3);
  assert(!kube.names(await kube.status(namespace, name)).includes(lost));
  await walk.sound();

  await walk.change(name, { replicas: 2 });
  await walk.through("scale down", name, 2);
  await walk.sound();

  await walk.change(name, { storage: { size: "2Gi" } });
  await walk.through("grow", name, 2);
  await walk.sound();

  await walk.change(name, { replicas: 0 });
  await walk.through("sleep", name, 0);
  await walk.change(name, { replicas: 2 });
  await walk.through("wake", name, 2);
  // Nobody could write meanwhile; what was written is there.
  await walk.sound(false);
}

/** Everything that the operator makes for TLS, and makes anew. */
async function certificates(walk: Walk): Promise<void> {
  const { kube, namespace } = walk.context;
  await kube.applyCluster(namespace, name, {
    replicas: 1,
    tls: { client: made, peer: made },
    connectionSecret: { name: connection },
  });
  await walk.through("create with TLS", name, 1);
  await walk.probe(connection);

  await walk.change(name, { replicas: 2 });
  await walk.through("scale up with TLS", name, 2);
  await walk.sound();

  await kube.kubectl(["-n", namespace, "annotate", "etcdcluster", name, "etcd-ts.dev/rotate-ca=1"]);
  await walk.through("rotate", name, 2, "acted:drop-cas");
  await walk.sound();
}

/** Full databases are put right, and then their members speak TLS with each other. */
async function fullDatabase(walk: Walk): Promise<void> {
  const { kube, namespace } = walk.context;
  const full = "full";
  const at = `--endpoints=http://${full}-client:2379`;
  const ctl = (...args: readonly string[]) => kube.etcdctl(namespace, at, ...args);
  const fill = `head -c 700000 /dev/zero | tr '\\0' x >/tmp/big; for i in 1 2 3 4 5 6 7 8; do etcdctl ${at} put big </tmp/big || exit 0; done; exit 1`;
  await kube.exec(namespace, "probe", "sh", "-c", fill);
  assert.match(await ctl("alarm", "list"), /NOSPACE/);
  await walk.through("make room", full, 2);
  assert.equal((await ctl("alarm", "list")).trim(), "");
  assert.equal((await ctl("put", "after", "1")).trim(), "OK");
  await walk.change(full, { tls: { peer: made } });
  await walk.through("TLS between members", full, 2);
  assert.match(await ctl("member", "list"), /https:[^,]*:2380/);
  await walk.change(full, { paused: true });
}

/** Backups, and a cluster that begins with one. */
async function backedUp(walk: Walk): Promise<void> {
  const { context } = walk;
  const { kube, namespace } = context;
  const target = { volume: { claimName, path: "p" } };
  const Delete = { target, deletionPolicy: "Delete" } as const;
  const fileOf = async (backup: string) => {
    const { metadata } = await kube.api.get(backups, namespace, backup);
    return `/backup/p/${backup}-${metadata.uid?.slice(0, 8)}.db`;
  };
  const hasPhase = (backup: string) =>
    kube.until(`backup ${backup} is seen`, async () => {
      const { status } = await kube.api.get(backups, namespace, backup);
      return status?.phase !== undefined || "it has no phase";
    });
  const erase = (backup: string) =>
    kube.kubectl(["-n", namespace, "delete", "etcdbackup", backup, "--wait=false"]);
  const noFile = (file: string) =>
    kube.until(`${file} is gone`, async () => {
      const there = await files(context);
      return !there.includes(file) || there.join();
    });
  await makeClaim(context);
  const endpoint = `--endpoints=http://${name}-client:2379`;
  assert.equal((await kube.etcdctl(namespace, endpoint, "put", "before", "kept")).trim(), "OK");

  await makeBackup(context, "first", Delete);
  await walk.to("back up", "latched:backup-take", "acted:backup-take", "done:backup");
  const { status } = await kube.api.get(backups, namespace, "first");
  assert.equal(status?.phase, "Complete", JSON.stringify(status));

  // It becomes one of a schedule that keeps one: the next pushes it out.
  const old = await fileOf("first");
  assert((await files(context)).includes(old));
  await kube.kubectl(["-n", namespace, "label", "etcdbackup", "first", "etcd-ts.dev/schedule=s"]);
  await kube.apply({
    apiVersion: schedules.apiVersion,
    kind: schedules.kind,
    metadata: { name: "s", namespace },
    spec: {
      ...Delete,
      clusterName: name,
      schedule: "@yearly",
      immediate: true,
      retention: { count: 1 },
    },
  });
  await walk.to("prune", "made:backup", "pruned:backup");
  await walk.to("prune", "latched:backup-delete-snapshot", "acted:backup-delete-snapshot");
  await walk.to("prune", "latched:backup-release", "acted:backup-release");
  const kept = (await kube.api.list(backups, { namespace })).items.map((one) => one.metadata.name);
  assert.equal(kept.length, 1, kept.join());
  const [run = ""] = kept;
  assert.match(run, /^s-[0-9]{8}$/);
  assert.deepEqual(await files(context), [await fileOf(run)]);

  await walk.change(name, { paused: true });
  await kube.applyCluster(namespace, "copy", {
    replicas: 1,
    bootstrap: { restore: { backup: { name: run } } },
  });
  await walk.through("restore", "copy", 1);
  assert.equal(await get(context, "copy", "before"), "kept");

  // One that cannot begin is stopped when its time is over, also if nobody was left to do so then: the deadline of
  // its Job is another one.
  await makeBackup(context, "late", {
    target: { volume: { claimName: "no-such-claim", path: "" } },
  });
  await walk.to("give up", "acted:backup-take");
  await kube.api.patch(backups, namespace, "late", { spec: { deadlineSeconds: 10 } });
  await walk.to("give up", "latched:backup-stop", "acted:backup-stop");
  const late = await kube.api.get(backups, namespace, "late");
  assert.equal(late.status?.phase, "Failed", JSON.stringify(late.status));
  await kube.until("its Job is gone", async () => {
    const { items } = await kube.api.list(jobs, { namespace });
    const its = items.filter((one) => one.metadata.name.startsWith("late-"));
    return its.length === 0 || JSON.stringify(its);
  });

  // One that a user deletes is gone at once: whoever sees that makes the Job, or dies and the snapshot stays.
  const left = await fileOf(run);
  await makeBackup(context, "second", Delete);
  await walk.meanwhile("delete a backup", "latched:backup-orphan", async () => {
    await hasPhase("second");
    await erase(run);
  });
  await walk.to("delete a backup", "done:backup");
  const gone = await fileOf("second");
  assert((await files(context)).includes(left));
  await makeBackup(context, "third", Delete);
  await walk.meanwhile("delete a backup", "acted:backup-orphan", async () => {
    await hasPhase("third");
    await erase("second");
  });
  await noFile(gone);
}

async function backupsAndFull(walk: Walk): Promise<void> {
  const { kube, namespace } = walk.context;
  await kube.applyCluster(namespace, name, { replicas: 1 });
  // Whoever is killed before the act has latched that a member is defragmented: the second one is.
  await kube.applyCluster(namespace, "full", {
    replicas: 2,
    options: { "quota-backend-bytes": 2 << 20 },
  });
  await walk.exec.during(async () => {
    await kube.settled(namespace, name, 1);
    await kube.settled(namespace, "full", 2);
  });
  await walk.probe();
  await walk.change(name, { paused: true });
  await fullDatabase(walk);
  await walk.change(name, { paused: false });
  await backedUp(walk);
  await walk.sound();
}

/** A case of these operations, which fails if a failpoint that they are to reach was not. */
const killed = (
  operations: readonly Operation[],
  walk: (walk: Walk) => Promise<void>,
  info: Pick<Case, "name" | "what">,
): Case & { readonly operations: readonly Operation[] } => ({
  ...info,
  operations,
  hasOwnOperator: true,
  async run({ kube, namespace }) {
    const exec = await ExecOperator.open(kube, namespace, neverReached);
    try {
      const passed: Passed = new Map();
      await walk(new Walk({ kube, namespace }, exec, passed));
      judgeKilled(operations, passed);
      console.log(`       ${exec.kills} operators were killed`);
    } finally {
      await exec.close();
    }
  },
});

export const killedCases = [
  killed(
    ["create", "scale up", "update", "replace", "scale down", "grow", "sleep", "wake"],
    members,
    {
      name: "operator-killed-members",
      what: "the operator killed before and after every step: create by discovery, scale, other options, a lost volume, larger volumes, sleep, wake; no request fails while it is awake",
    },
  ),
  killed(
    [
      "make room",
      "TLS between members",
      "back up",
      "prune",
      "restore",
      "give up",
      "delete a backup",
    ],
    backupsAndFull,
    {
      name: "operator-killed-backups",
      what: "the same: a full database, URLs of members, backups taken, pruned, restored from, given up and deleted",
    },
  ),
  killed(["create with TLS", "scale up with TLS", "rotate"], certificates, {
    name: "operator-killed-certificates",
    what: "the same: a cluster with TLS is made, scaled, and gets another CA",
  }),
];
