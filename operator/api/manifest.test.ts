import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parseManifest } from "#operator/api/manifest.ts";

const head = "apiVersion: etcd-ts.dev/v1alpha1\nkind: EtcdCluster\nmetadata:\n  name: c\n";

function failure(text: string): string {
  try {
    parseManifest("c.yaml", text);
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
  return "accepted";
}

test("the example is what npm start expects", () => {
  const file = join(import.meta.dirname, "..", "..", "examples", "cluster.yaml");
  assert.deepEqual(parseManifest(file, readFileSync(file, "utf8")), {
    metadata: { name: "example" },
    spec: {
      replicas: 3,
      options: {},
      local: {
        dataFolder: "../.local/example",
        host: "127.0.0.1",
        clientPort: 2379,
        peerPort: 2380,
        portStep: 100,
      },
    },
  });
});

test("defaults and options", () => {
  const text = `${head}spec:\n  replicas: 1\n  options:\n    snapshot-count: 10\n    pre-vote: false\n    log-level: debug\n`;
  const { spec } = parseManifest("c.yaml", text);
  assert.deepEqual(spec.options, {
    "snapshot-count": "10",
    "pre-vote": "false",
    "log-level": "debug",
  });
  assert.equal(spec.local.clientPort, 2379);
  assert.equal(spec.local.dataFolder, undefined);
});

test("what is wrong is named with its line and field", () => {
  const spec = (lines: string) => `${head}spec:\n  replicas: 3\n${lines}`;
  const rows = [
    ["a: [", /^c\.yaml:1: /],
    ["- a", "c.yaml:1: must be a map"],
    ["", "c.yaml:1: apiVersion must be etcd-ts.dev/v1alpha1, not undefined"],
    [
      head.replace("v1alpha1", "v9"),
      "c.yaml:1: apiVersion must be etcd-ts.dev/v1alpha1, not etcd-ts.dev/v9",
    ],
    [head.replace("EtcdCluster", "Pod"), "c.yaml:2: kind must be EtcdCluster, not Pod"],
    [
      head.replace("name: c", "name: C_"),
      'c.yaml:4: metadata.name must be lower-case letters, digits and dashes, at most 40, not "C_"',
    ],
    [head, "c.yaml:1: spec.replicas is missing"],
    [`${head}spec: {}\n`, "c.yaml:5: spec.replicas is missing"],
    [
      `${head}spec:\n  replicas: three\n`,
      'c.yaml:6: spec.replicas must be an integer from 1 to 9, not "three"',
    ],
    [
      `${head}spec:\n  replicas: 0\n`,
      "c.yaml:6: spec.replicas must be an integer from 1 to 9, not 0",
    ],
    [
      spec("  size: 3\n"),
      "c.yaml:7: spec.size is not known here; known are replicas, options, local",
    ],
    [spec("  options: [a]\n"), "c.yaml:7: spec.options must be a map of flags"],
    [spec("  options:\n    name: x\n"), "c.yaml:8: spec.options.name is set by the operator"],
    [spec("  options:\n    --a: x\n"), "c.yaml:8: spec.options.--a is no name of a flag"],
    [
      spec("  options:\n    a: [x]\n"),
      "c.yaml:8: spec.options.a must be a text, a number or true or false",
    ],
    [
      spec("  local:\n    host: here\n"),
      "c.yaml:8: spec.local.host must be an IP address, not here",
    ],
    [
      spec("  local:\n    clientPort: 0\n"),
      "c.yaml:8: spec.local.clientPort must be an integer from 1 to 65535, not 0",
    ],
    [
      spec("  local:\n    peerPort: 2479\n"),
      "c.yaml:8: spec.local gives port 2479 to two listeners",
    ],
    [
      spec("  local:\n    portStep: 10000\n    peerPort: 50000\n"),
      "c.yaml:8: spec.local leads to port 70000; the last one is 65535",
    ],
  ] as const;
  for (const [text, want] of rows) {
    if (typeof want === "string") assert.equal(failure(text), want, text);
    else assert.match(failure(text), want, text);
  }
  assert.match(failure(`${head}# ${"x".repeat(1 << 20)}`), /larger than/);
});
