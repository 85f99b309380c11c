// The plan on real processes: a cluster is scaled, loses a volume, sleeps and wakes, loses its quorum and
// goes on with the survivor, the operator killed at every single step of each.
import assert from "node:assert/strict";
import { existsSync, rmSync } from "node:fs";
import { test } from "node:test";
import { LocalChecks } from "#test/operator/local-checks.ts";
import { LocalRun } from "#test/operator/local-operator.ts";

test("scale, lose a volume, sleep, lose the quorum: the operator killed at every step", async (t) => {
  const run = await LocalRun.open(3);
  const checks = new LocalChecks(run, t);
  const { client } = checks;
  try {
    run.want({ replicas: 3 });
    await run.toRest();
    await client.kv.put("key", "value");
    await checks.holds("create", ["t-1", "t-2", "t-3"]);

    run.want({ replicas: 2 });
    await run.throughEveryStep();
    const left = run.plan().members.map((one) => one.name);
    await checks.holds("scale down", left);
    const gone = ["t-1", "t-2", "t-3"].filter((name) => !left.includes(name));
    assert.equal(gone.length, 1);
    assert(!existsSync(run.data(gone[0] ?? "")), "its volume is gone");

    run.want({ replicas: 3 });
    await run.throughEveryStep();
    await checks.holds("scale up", [...left, "t-4"]);

    rmSync(run.data("t-4"), { recursive: true });
    await run.throughEveryStep();
    await checks.holds("a lost volume", [...left, "t-5"]);

    run.want({ replicas: 0 });
    await run.throughEveryStep();
    await assert.rejects(client.kv.range("key", {}, { timeoutMs: 1000 }));
    run.want({ replicas: 3 });
    await run.throughEveryStep();
    await checks.holds("hibernate and wake", [...left, "t-5"]);

    const [survivor = "", ...others] = [...left, "t-5"];
    for (const name of others) run.ruin(name);
    // An operator may look before the survivor has answered it: until then there is no way out to tell.
    const isTold = (point: string, text: string) => point === "rest" && /go on with/.test(text);
    const lost = await run.throughEveryStep(undefined, isTold);
    const confirm = /set spec\.recovery\.confirm: ([0-9a-f]+\/1)\./.exec(lost)?.[1];
    assert(confirm !== undefined && lost.includes(`go on with ${survivor} alone`), lost);
    run.want({ replicas: 3, recovery: { confirm } });
    await run.throughEveryStep();
    // --force-new-cluster keeps the cluster's ID.
    await checks.holds("a lost quorum", [survivor, "t-6", "t-7"]);
    assert.equal(run.plan().usedConfirm, confirm);

    // One that stays takes the members over and stops them as its own.
    const one = run.start(["local", run.manifest]);
    await one.says(/Ctrl-C stops/);
    assert.match(one.text, /still runs and is taken over/);
    one.child.kill("SIGINT");
    assert.equal(await one.exited, "code 0", one.text);
  } finally {
    checks.close();
    await run.close();
  }
});
