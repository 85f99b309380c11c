// The plan on real processes: a cluster is made, scaled up and down, and a member whose folder is deleted is
// replaced, the operator being killed after the write and after the act of every kind of step on the way.
// What was written stays readable, the cluster keeps its ID.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { seededRandom } from "#base/random.ts";
import { systemClock } from "#base/system-clock.ts";
import { EtcdClient } from "#client/client.ts";
import { eventually } from "#test/cluster/eventually.ts";
import { releasePorts, reservePorts } from "#test/cluster/ports.ts";

const operator = join(import.meta.dirname, "..", "..", "bin", "etcd-operator");

/** Failpoints of each operation, in the order in which they come. */
const both = (kinds: readonly string[]): readonly string[] =>
  kinds.flatMap((kind) => [`latched:${kind}`, `acted:${kind}`]);
// Notes come before, between and after: what is killed at one has done the rest before.
const create = both(["create-volume", "start", "note"]);
const scaleUp = both(["add-learner", "promote"]);
// A removed member ends by itself, so that its process need not be stopped in a later life of the operator.
const scaleDown = both(["remove", "delete-volume"]);
const replace = ["acted:stop", ...both(["add-learner", "promote"])];

class Operator {
  readonly child: ChildProcess;
  readonly exited: Promise<string>;
  text = "";

  constructor(manifest: string, failpoint: string | undefined) {
    const { ETCD_OPERATOR_FAILPOINT: _, ...env } = process.env;
    this.child = spawn(operator, ["local", manifest], {
      stdio: ["ignore", "pipe", "pipe"],
      env: failpoint === undefined ? env : { ...env, ETCD_OPERATOR_FAILPOINT: failpoint },
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding("utf8").on("data", (data: string) => {
        this.text += data;
      });
    }
    this.exited = new Promise((resolve) => {
      this.child.once("close", (code, signal) => resolve(signal ?? `code ${code}`));
    });
  }
}

test("create, scale up, scale down, replace, the operator killed at every step", async () => {
  const folder = mkdtempSync(join(tmpdir(), "operator-"));
  const ports = (await reservePorts(24)).sort((a, b) => a - b);
  const file = join(folder, "cluster.yaml");
  // Three members with two ports each, side by side.
  const base = ports.find((port, at) => ports[at + 5] === port + 5) ?? assert.fail("no free run");
  const peer = base + 1;
  const want = (replicas: number) =>
    writeFileSync(
      file,
      `apiVersion: etcd-ts.dev/v1alpha1
kind: EtcdCluster
metadata: { name: t }
spec:
  replicas: ${replicas}
  local: { dataFolder: data, clientPort: ${base}, peerPort: ${peer}, portStep: 2 }
`,
    );
  const endpoints = [0, 2, 4].map((more) => `http://127.0.0.1:${base + more}`);
  const client = new EtcdClient({
    endpoints,
    clock: systemClock,
    random: seededRandom(1),
    callTimeoutMs: 5000,
  });
  let last: Operator | undefined;
  /** Runs operators that die at these points, in turn, then one that stays until `done` holds. */
  const through = async (points: readonly string[], done: () => Promise<void>) => {
    for (const point of points) {
      const one = new Operator(file, point);
      last = one;
      const how = await Promise.race([one.exited, eventually(point, done).then(() => "done")]);
      if (how === "done") {
        one.child.kill("SIGKILL");
        await one.exited;
        assert.fail(`${point} was never reached:\n${one.text}`);
      }
      assert.equal(how, "SIGKILL", `${point}: ${how}\n${one.text}`);
    }
    const one = new Operator(file, undefined);
    last = one;
    await eventually("the operation is done", done).catch((error: unknown) => {
      throw new Error(one.text, { cause: error });
    });
    one.child.kill("SIGKILL");
    await one.exited;
  };
  const voters = async (count: number) => {
    const { members } = await client.cluster.list();
    assert.equal(members.length, count, "members");
    assert(
      members.every((one) => !one.isLearner && one.name !== ""),
      "all vote",
    );
    const state = JSON.parse(readFileSync(join(folder, "data", "cluster.json"), "utf8")) as {
      plan: { members: { phase: string }[] };
    };
    assert.deepEqual(
      state.plan.members.map((one) => one.phase),
      Array.from({ length: count }, () => "voter"),
    );
  };
  const clusterId = async () => (await client.cluster.list()).header?.clusterId;
  try {
    want(1);
    await through(create, () => voters(1));
    await client.kv.put("key", "value");
    const id = await clusterId();
    want(2);
    await through(scaleUp, () => voters(2));
    want(3);
    await through([], () => voters(3));
    want(2);
    await through(scaleDown, () => voters(2));
    want(1);
    await through(["latched:stop"], () => voters(1));
    want(3);
    await through([], () => voters(3));
    const before = (await client.cluster.list()).members.map((one) => one.name);
    rmSync(join(folder, "data", before[0] ?? ""), { recursive: true });
    await through(replace, async () => {
      await voters(3);
      const { members } = await client.cluster.list();
      assert(!members.some((one) => one.name === before[0]), "it is replaced");
    });
    assert.equal(await clusterId(), id, "one cluster all along");
    assert.equal(String(Buffer.from((await client.kv.range("key")).kvs[0]?.value ?? "")), "value");

    // The last operator takes the members over and stops them as its own.
    const one = new Operator(file, undefined);
    last = one;
    await eventually("taken over", async () => assert.match(one.text, /Ctrl-C stops/));
    assert.match(one.text, /still runs and is taken over/);
    one.child.kill("SIGINT");
    assert.equal(await one.exited, "code 0", one.text);
  } finally {
    client.close();
    last?.child.kill("SIGKILL");
    await last?.exited;
    const state = readFileSync(join(folder, "data", "cluster.json"), "utf8");
    const { processes } = JSON.parse(state) as { processes: Record<string, { pid: number }> };
    for (const { pid } of Object.values(processes)) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It has ended.
      }
    }
    releasePorts(ports);
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
});
