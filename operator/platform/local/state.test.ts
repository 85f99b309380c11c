import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { etcdCluster } from "#operator/api/definitions.ts";
import type { EtcdCluster } from "#operator/api/etcd-cluster.ts";
import { judge } from "#operator/api/validate.ts";
import { localTemplate } from "#operator/platform/local/local-platform.ts";
import { openState, writeState } from "#operator/platform/local/state.ts";

test("a cluster's folder and what is remembered of it are the user's alone", () => {
  const top = mkdtempSync(join(tmpdir(), "state-"));
  try {
    const judged = judge(etcdCluster.schema, { metadata: { name: "c" }, spec: { replicas: 1 } });
    assert.ok(judged.ok);
    const one = judged.value as EtcdCluster;
    const folder = join(top, "made", "c");
    const state = openState(folder, one, localTemplate(one));
    writeState(folder, state);
    const mode = (path: string): number => statSync(path).mode & 0o777;
    assert.deepEqual(
      [mode(folder), mode(join(top, "made")), mode(join(folder, "cluster.json"))],
      [0o700, 0o700, 0o600],
    );
  } finally {
    rmSync(top, { recursive: true, force: true });
  }
});
