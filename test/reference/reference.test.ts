import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";
import { referenceOrSkip, startReferenceCluster } from "./reference.ts";

const run = promisify(execFile);

test("a reference cluster starts, answers its etcdctl, restarts with its data and stops", async (t) => {
  const reference = await referenceOrSkip(t);
  if (reference === undefined) return;
  const cluster = await startReferenceCluster(reference, { size: 3 });
  try {
    const ctl = async (...args: string[]): Promise<string> =>
      (await run(reference.etcdctl, ["--endpoints", cluster.endpoints, ...args])).stdout;
    assert.equal(await ctl("put", "a", "1"), "OK\n");
    await cluster.members[1]?.stop();
    await cluster.members[1]?.start();
    assert.equal(
      await ctl("--endpoints", cluster.members[1]?.clientUrl ?? "", "get", "a"),
      "a\n1\n",
    );
  } finally {
    await cluster.stop();
  }
});
