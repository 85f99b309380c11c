// The plan on real processes: a cluster is made, updated, made room in, freed of a corrupt member and
// deleted, the operator killed at every single step of each. At the end every kind of step that comes on one
// machine was cut off at both its failpoints.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { judgeFailpoints } from "#test/operator/failpoint-table.ts";
import { LocalChecks } from "#test/operator/local-checks.ts";
import { LocalRun } from "#test/operator/local-operator.ts";

const quota = 2 << 20;

test("create, update, make room, replace, delete: the operator killed at every step", async (t) => {
  const run = await LocalRun.open(3);
  const checks = new LocalChecks(run, t);
  const { client } = checks;
  const options = { "quota-backend-bytes": quota };
  try {
    run.want({ replicas: 3, options });
    await run.throughEveryStep();
    await client.kv.put("key", "value");
    await checks.holds("create", ["t-1", "t-2", "t-3"]);

    run.want({ replicas: 3, options: { ...options, "snapshot-count": 20_000 } });
    await run.throughEveryStep();
    await checks.holds("other options", ["t-1", "t-2", "t-3"]);
    assert.equal(Object.keys(run.plan().templates).length, 1);

    const big = Buffer.alloc(700_000, 1);
    await assert.rejects(async () => {
      for (let at = 0; at < 8; at++) await client.kv.put("big", big);
    }, /space exceeded/);
    await run.throughEveryStep();
    await client.kv.put("big", "small");
    assert.deepEqual((await client.maintenance.alarms()).alarms, []);
    await checks.holds("full databases", ["t-1", "t-2", "t-3"]);

    const corrupt = (await client.cluster.list()).members.find((one) => one.name === "t-2");
    const response = await fetch(`${run.endpoints[0]}/v3/maintenance/alarm`, {
      method: "POST",
      body: JSON.stringify({ action: "ACTIVATE", memberID: String(corrupt?.ID), alarm: "CORRUPT" }),
    });
    assert(response.ok, await response.text());
    await run.throughEveryStep();
    assert.deepEqual((await client.maintenance.alarms()).alarms, []);
    await checks.holds("a corrupt member", ["t-1", "t-3", "t-4"]);

    run.want({ replicas: 3, options, deletionPolicy: "Delete" });
    const isGone = (point: string) => point === "acted:release";
    await run.throughEveryStep(["delete", run.manifest], isGone);
    assert.deepEqual(readdirSync(run.data()), [], "nothing is left");
    judgeFailpoints("local-plan", run.killedAt);
  } finally {
    checks.close();
    await run.close();
  }
});
