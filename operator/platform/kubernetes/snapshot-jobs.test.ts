import assert from "node:assert/strict";
import { test } from "node:test";
import type { BackupObject, ClusterObject, Job, Pod } from "#operator/platform/kubernetes/kinds.ts";
import { backedUpOf } from "#operator/platform/kubernetes/kubernetes-backups.ts";
import {
  jobName,
  locationOf,
  ownerOf,
  placeIn,
  removalOf,
  restoredOf,
  runOf,
  snapshotJob,
  snapshotName,
} from "#operator/platform/kubernetes/snapshot-jobs.ts";

const uid = "12345678-aaaa-bbbb-cccc-000000000000";
const volume = { volume: { claimName: "v", path: "a/b" } };
const s3 = {
  s3: {
    bucket: "bucket",
    prefix: "p/",
    forcePathStyle: true,
    endpoint: "https://s3:9000",
    credentials: { name: "keys" },
    ca: { name: "ca" },
  },
};
const backup = (name: string): BackupObject => ({
  metadata: { name, namespace: "ns", uid },
  spec: { clusterName: "c", target: volume, deletionPolicy: "Delete", deadlineSeconds: 60 },
});

test("where a snapshot is", () => {
  assert.equal(snapshotName(backup("b")), "b-12345678.db");
  const rows = [
    [volume, "v/a/b/x.db", { kind: "file", path: "/backup/a/b/x.db" }],
    [{ volume: { claimName: "v", path: "" } }, "v/x.db", { kind: "file", path: "/backup/x.db" }],
    [
      s3,
      "s3://bucket/p/x.db",
      {
        kind: "s3",
        bucket: "bucket",
        key: "p/x.db",
        forcePathStyle: true,
        endpoint: "https://s3:9000",
      },
    ],
  ] as const;
  for (const [target, location, place] of rows) {
    assert.equal(locationOf(target, "x.db"), location);
    assert.deepEqual(placeIn(target, "x.db"), place);
  }
});

test("names of Jobs are short and differ by UID", () => {
  assert.equal(jobName(backup("b"), ""), "b-12345678");
  assert.equal(jobName(backup("b.c"), "rm"), "b-c-12345678-rm");
  const long = jobName(backup("x".repeat(200)), "restore");
  assert(long.length <= 52 && long.endsWith("-12345678-restore"), long);
});

const surroundings = { namespace: "ns", image: "store:1", pullPolicy: "Never", pod: undefined };
const specOf = (job: Job) => {
  const { template } = job.spec as { template: { spec: Record<string, unknown> } };
  const [container] = template.spec["containers"] as {
    env: readonly { name: string }[];
    volumeMounts: readonly { name: string; mountPath: string }[];
  }[];
  assert(container !== undefined);
  return { pod: template.spec, container };
};

test("a Job has its claims, its credentials and no rights", () => {
  const make = (target: typeof volume | typeof s3, dataClaim?: string) =>
    snapshotJob(surroundings, {
      name: "j",
      labels: { a: "b" },
      owner: ownerOf(backup("b"), "EtcdBackup"),
      deadlineSeconds: 60,
      task: { kind: "delete", at: placeIn(target, "x.db") },
      target,
      ...(dataClaim === undefined ? {} : { dataClaim }),
    });
  const onVolume = specOf(make(volume, "data-claim"));
  assert.deepEqual(
    onVolume.container.volumeMounts.map((one) => `${one.name} ${one.mountPath}`),
    ["tmp /tmp", "backup /backup", "data /var/lib/etcd"],
  );
  assert.deepEqual(onVolume.pod["volumes"], [
    { name: "tmp", emptyDir: {} },
    { name: "backup", persistentVolumeClaim: { claimName: "v" } },
    { name: "data", persistentVolumeClaim: { claimName: "data-claim" } },
  ]);
  assert.equal(onVolume.pod["automountServiceAccountToken"], false);
  const inBucket = specOf(make(s3));
  assert.deepEqual(
    inBucket.container.env.map((one) => one.name),
    [
      "ETCD_SNAPSHOT_TASK",
      "TMPDIR",
      "AWS_ACCESS_KEY_ID",
      "AWS_SECRET_ACCESS_KEY",
      "NODE_EXTRA_CA_CERTS",
    ],
  );
  // What it says must not give secrets away.
  assert(!JSON.stringify(make(s3)).includes('"value":"keys"'));
  const { ownerReferences } = make(volume).metadata;
  assert.equal(ownerReferences?.[0]?.uid, uid);
});

const result = { location: "l", clusterId: "c", revision: 3, sizeBytes: 4, sha256: "s" };
const podThatSaid = (message: string): Pod => ({
  metadata: { name: "p" },
  spec: { containers: [] },
  status: {
    containerStatuses: [{ restartCount: 0, state: { terminated: { exitCode: 0, message } } }],
  },
});
const job = (type?: string, message = "why"): Job => ({
  metadata: { name: "j" },
  spec: {},
  status: {
    completionTime: "2026-11-30T09:00:00Z",
    conditions:
      type === undefined
        ? []
        : [{ type, status: "True", message, lastTransitionTime: "2026-11-30T09:00:00Z" }],
  },
});
const atMs = Date.parse("2026-11-30T09:00:00Z");

test("what a Job and its pod say", () => {
  assert.deepEqual(runOf(undefined, undefined), { kind: "none" });
  assert.deepEqual(runOf(job(), undefined), { kind: "running" });
  const homeless: Pod = {
    metadata: { name: "p" },
    spec: { containers: [] },
    status: {
      conditions: [{ type: "PodScheduled", status: "False", message: "no claim nowhere" } as never],
    },
  };
  assert.deepEqual(runOf(job(), homeless), {
    kind: "running",
    trouble: "it has no node: no claim nowhere",
  });
  assert.deepEqual(runOf(job("Complete"), podThatSaid(JSON.stringify(result))), {
    kind: "done",
    ...result,
  });
  assert.deepEqual(runOf(job("Failed"), podThatSaid("disk full\n")), {
    kind: "failed",
    message: "disk full",
    atMs,
  });
  assert.deepEqual(runOf(job("Failed", "DeadlineExceeded"), undefined), {
    kind: "failed",
    message: "DeadlineExceeded",
    atMs,
  });
  // A snapshot nobody knows anything of is none.
  const silent = runOf(job("Complete"), undefined);
  assert.equal(silent.kind, "failed");
  assert.deepEqual(removalOf(job("Complete"), undefined), { kind: "done" });
  assert.deepEqual(restoredOf(job("Failed"), podThatSaid("bad file")), {
    kind: "failed",
    message: "bad file",
  });
  assert.equal(restoredOf(undefined, undefined), undefined);
});

test("of whom a snapshot is taken: a follower that serves, before the leader", () => {
  const plan = {
    clusterId: "abc",
    members: ["c-1", "c-2", "c-3"].map((name) => ({
      ...{ name, clientUrl: `http://${name}`, template: name === "c-1" ? "both" : "plain" },
    })),
    templates: {
      plain: { content: {} },
      both: { content: { tls: { client: { kind: "operator", plaintext: true } } } },
    },
  };
  const secure = { tls: { client: { operator: {}, plaintext: true } } };
  const restarting = (name: string) => ({ restart: { name } });
  const member = (name: string, role: string, ready: boolean) => ({ name, role, ready });
  const cluster = (spec: object, members: readonly object[], more: object = {}): ClusterObject => ({
    metadata: { name: "c" },
    spec: { replicas: 3, paused: false, ...spec },
    status: { plan: { ...plan, ...more }, members },
  });
  const three = [
    member("c-1", "leader", true),
    member("c-2", "follower", false),
    member("c-3", "follower", true),
  ];
  const rows = [
    [undefined, "absent", undefined],
    [cluster({}, three), "runs", "http://c-3"],
    [cluster({}, three.slice(0, 2)), "runs", "http://c-1"],
    [cluster({}, [member("c-2", "learner", true)]), "runs", undefined],
    [cluster({ paused: true }, three), "paused", "http://c-3"],
    [cluster({ replicas: 0 }, []), "hibernated", undefined],
    [cluster({}, [], { clusterId: undefined }), "absent", undefined],
    // While TLS is switched on, each is asked as it can be, and one that is being restarted only if it is alone.
    [cluster(secure, three), "runs", "http://c-3"],
    [cluster(secure, three, restarting("c-3")), "runs", "https://c-1"],
    [cluster(secure, three.slice(2), restarting("c-3")), "runs", "http://c-3"],
    [cluster({}, three, restarting("c-3")), "runs", "http://c-1"],
    // TLS that is given up is used as long as it is there.
    [
      cluster({}, three, { ...restarting("c-3"), clientTls: { content: { operator: {} } } }),
      "runs",
      "https://c-1",
    ],
  ] as const;
  for (const [object, state, from] of rows) assert.deepEqual(backedUpOf(object), { state, from });
});
