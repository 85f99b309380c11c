import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parse } from "yaml";

const root = join(import.meta.dirname, "..");

for (const name of ["etcd-operator", "etcd-cluster"]) {
  test(`the versions of the chart ${name} are the project's`, () => {
    const own = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
    const file = join(root, "helm", name, "Chart.yaml");
    const chart = parse(readFileSync(file, "utf8")) as Readonly<Record<string, unknown>>;
    assert.deepEqual([chart["version"], chart["appVersion"]], [own.version, own.version]);
  });
}
