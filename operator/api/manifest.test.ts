import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parseManifest, readManifest } from "#operator/api/manifest.ts";

const head = "apiVersion: etcd-ts.dev/v1alpha1\nkind: EtcdCluster\nmetadata:\n  name: c\n";

function failure(text: string, old?: string): string {
  try {
    parseManifest("c.yaml", text, old === undefined ? undefined : parseManifest("c.yaml", old));
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
  return "accepted";
}

test("the example is what npm start expects", () => {
  const file = join(import.meta.dirname, "..", "..", "examples", "cluster.yaml");
  const { metadata, spec } = parseManifest(file, readFileSync(file, "utf8"));
  assert.deepEqual(
    [metadata.name, spec.replicas, spec.options, spec.local],
    [
      "example",
      3,
      {},
      {
        dataFolder: "../.local/example",
        host: "127.0.0.1",
        clientPort: 2379,
        peerPort: 2380,
        portStep: 100,
      },
    ],
  );
});

test("defaults and options", () => {
  const text = `${head}spec:\n  replicas: 1\n  options:\n    snapshot-count: 10\n    pre-vote: false\n    log-level: debug\n`;
  const { spec } = parseManifest("c.yaml", text);
  assert.deepEqual(spec.options, { "snapshot-count": 10, "pre-vote": false, "log-level": "debug" });
  assert.deepEqual(spec.bootstrap, { static: {} });
  assert.equal(spec.storage.size, "8Gi");
  assert.equal(spec.pod.resources.requests["cpu"], "250m");
  assert.equal(spec.local.clientPort, 2379);
  assert.equal(spec.local.dataFolder, undefined);
});

const backup = (kind: string, name: string, more: string) =>
  `---\n${head.replace("EtcdCluster", kind).replace("name: c", `name: ${name}`)}spec:\n  clusterName: c\n  target: { volume: { claimName: v } }\n${more}`;

test("a cluster and its backups in one file", () => {
  const one = `${head}spec:\n  replicas: 1\n`;
  const text = `---\n${one}${backup("EtcdBackup", "b", "")}---\n${backup("EtcdBackupSchedule", "s", '  schedule: "@daily"\n')}`;
  const { cluster, backups, schedules } = readManifest("c.yaml", text);
  assert.equal(cluster.object.metadata.name, "c");
  assert.deepEqual(
    backups.map((each) => [each.object.metadata.name, each.object.spec]),
    [
      [
        "b",
        {
          clusterName: "c",
          target: { volume: { claimName: "v", path: "" } },
          deletionPolicy: "Retain",
          deadlineSeconds: 3600,
        },
      ],
    ],
  );
  assert.deepEqual(
    schedules.map((each) => [each.object.spec.timeZone, each.object.spec.retention.count]),
    [["UTC", 7]],
  );
  const rows = [
    [`${one}---\n${one}`, "c.yaml:11: metadata.name: there are two of EtcdCluster c"],
    [
      `${one}---\n${one.replace("name: c", "name: d")}`,
      "c.yaml:9: kind: one EtcdCluster in a file",
    ],
    [backup("EtcdBackup", "b", ""), "c.yaml: there is no EtcdCluster in it"],
    [
      `${one}${backup("EtcdBackup", "b", "")}${backup("EtcdBackup", "b", "")}`,
      /there are two of EtcdBackup b$/,
    ],
    [
      `${one}${backup("EtcdBackup", "../b", "")}`,
      "c.yaml:11: metadata.name: must be lower-case letters, digits, dashes and dots",
    ],
    [
      `${one}${backup("EtcdBackupSchedule", "s", "  schedule: now\n")}`,
      /^c\.yaml:15: spec\.schedule: must match /,
    ],
  ] as const;
  for (const [manifest, want] of rows) {
    if (typeof want === "string") assert.equal(failure(manifest), want);
    else assert.match(failure(manifest), want);
  }
});

test("what is wrong is named with its line and field", () => {
  const spec = (lines: string) => `${head}spec:\n  replicas: 3\n${lines}`;
  const rows = [
    ["a: [", /^c\.yaml:1: /],
    ["- a", "c.yaml:1: must be a map"],
    ["", "c.yaml:1: must be a map"],
    ["a: *b", /^c\.yaml: Unresolved alias/],
    ["a: b", "c.yaml:1: apiVersion: must be etcd-ts.dev/v1alpha1, not missing"],
    [
      head.replace("v1alpha1", "v9"),
      'c.yaml:1: apiVersion: must be etcd-ts.dev/v1alpha1, not "etcd-ts.dev/v9"',
    ],
    [
      head.replace("EtcdCluster", "Pod"),
      'c.yaml:2: kind: must be one of EtcdCluster, EtcdBackup, EtcdBackupSchedule, not "Pod"',
    ],
    [head.replace("name: c", "labels: {}"), "c.yaml:4: metadata.name: is missing"],
    [
      `${head.replace("name: c", "name: C_")}spec:\n  replicas: 1\n`,
      /^c\.yaml:1: the name must be lower-case letters, digits and dashes/,
    ],
    [head, "c.yaml:1: spec: is missing"],
    [`${head}spec: {}\n`, "c.yaml:5: spec.replicas: is missing"],
    [
      `${head}spec:\n  replicas: three\n`,
      'c.yaml:6: spec.replicas: must be an integer from 0 to 15, not "three"',
    ],
    [
      spec("  size: 3\n"),
      /^c\.yaml:7: spec\.size: is not known here; known are replicas, version,/,
    ],
    [spec("  options: [a]\n"), 'c.yaml:7: spec.options: must be a map, not ["a"]'],
    [spec("  options:\n    name: x\n"), /^c\.yaml:8: spec\.options\.name: is not known here/],
    [
      spec("  local:\n    clientPort: 0\n"),
      "c.yaml:8: spec.local.clientPort: must be an integer from 1 to 65535, not 0",
    ],
  ] as const;
  for (const [text, want] of rows) {
    if (typeof want === "string") assert.equal(failure(text), want, text);
    else assert.match(failure(text), want, text);
  }
  assert.match(failure(`${head}# ${"x".repeat(1 << 20)}`), /larger than/);
  assert.equal(
    failure(spec("  storage: { size: 1Gi }\n"), spec("  storage: { size: 2Gi }\n")),
    "c.yaml:7: spec.storage.size: a volume cannot shrink: name the same size or a larger one",
  );
});
