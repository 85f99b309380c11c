import assert from "node:assert/strict";
import { test } from "node:test";
import { etcdBackupSchedule, etcdCluster } from "#operator/api/definitions.ts";
import type { EtcdBackupSchedule } from "#operator/api/etcd-backup.ts";
import type { EtcdCluster } from "#operator/api/etcd-cluster.ts";
import { judge } from "#operator/api/validate.ts";
import {
  fieldsWithoutEffect,
  localBackupProblem,
  localProblem,
} from "#operator/platform/local/fit.ts";

function problem(spec: object): string | undefined {
  const given = { metadata: { name: "c" }, spec: { replicas: 3, ...spec } };
  const judged = judge(etcdCluster.schema, given);
  assert(judged.ok, JSON.stringify(judged));
  const found = localProblem(given, judged.value as EtcdCluster, 3);
  return found === undefined ? undefined : `${found.path.join(".")}: ${found.message}`;
}

test("what a local cluster cannot honour is refused by name", () => {
  const rows: readonly (readonly [object, string | undefined])[] = [
    [{}, undefined],
    [{ bootstrap: { static: {} } }, undefined],
    [{ storage: { size: "1Gi" }, pod: { labels: { a: "b" } } }, undefined],
    [{ tls: { client: { operator: {} } } }, "spec.tls: cannot be had in a local cluster"],
    [{ auth: {} }, "spec.auth: cannot be had"],
    [{ version: "0.2.0" }, "spec.version: cannot be had"],
    [{ bootstrap: { dns: {} } }, "spec.bootstrap.dns: cannot be had"],
    [{ bootstrap: { restore: { volume: { claimName: "v" } } } }, undefined],
    [
      { bootstrap: { restore: { s3: { bucket: "abc", credentials: { name: "k" } } } } },
      "spec.bootstrap.restore.s3: cannot be had in a local cluster: name a volume",
    ],
    [{ local: { host: "12" } }, "spec.local.host: must be an IP address, not 12"],
    [{ local: { peerPort: 2479 } }, "spec.local: gives port 2479 to two listeners"],
    [
      { local: { portStep: 10_000, peerPort: 50_000 } },
      "spec.local: leads to port 70000; the last one is 65535",
    ],
  ];
  for (const [spec, want] of rows) {
    const found = problem(spec);
    if (want === undefined) assert.equal(found, undefined);
    else assert(found?.startsWith(want), found);
  }
});

test("of backups what cannot be here, or ever", () => {
  const cluster = { metadata: { name: "c" } } as EtcdCluster;
  const good = { clusterName: "c", schedule: "@daily", target: { volume: { claimName: "v" } } };
  const rows: readonly (readonly [object, string | undefined])[] = [
    [{}, undefined],
    [{ clusterName: "d" }, "spec.clusterName: must be c, as the cluster beside it"],
    [
      { target: { s3: { bucket: "abc", credentials: { name: "k" } } } },
      "spec.target.s3: cannot be had in a local cluster",
    ],
    [{ schedule: "0 99 * * *" }, "spec.schedule: "],
    [{ timeZone: "Europe/Nowhere" }, "spec.schedule: "],
  ];
  for (const [spec, want] of rows) {
    const given = { metadata: { name: "s" }, spec: { ...good, ...spec } };
    const judged = judge(etcdBackupSchedule.schema, given);
    assert(judged.ok, JSON.stringify(judged));
    const found = localBackupProblem(judged.value as EtcdBackupSchedule, cluster);
    const text = found === undefined ? undefined : `${found.path.join(".")}: ${found.message}`;
    if (want === undefined) assert.equal(text, undefined);
    else assert(text?.startsWith(want), text);
  }
});

test("what has no effect is named", () => {
  assert.deepEqual(fieldsWithoutEffect({ spec: { replicas: 1, pod: {}, storage: {} } }), [
    "spec.storage",
    "spec.pod",
  ]);
  assert.deepEqual(fieldsWithoutEffect(null), []);
});
