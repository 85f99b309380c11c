// Members lost for a while, one rule each: without a majority nothing is acknowledged and nothing
// linearizable is read; a leader that was paused says nothing stale; who comes back catches up.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { status as code } from "@grpc/grpc-js";
import { type Cluster, startCluster } from "#test/cluster/cluster.ts";
import { runnerFromEnvironment } from "#test/cluster/launchers.ts";
import { b, interval, s } from "#test/contract/setting.ts";
import { Wire } from "#test/contract/wire.ts";
import { codeOf, leaderOf, put, until } from "./wires.ts";

let cluster: Cluster | undefined;
let wires: Wire[] = [];

const all = [0, 1, 2];

/** The value that a member serves, linearizable or of its own. */
async function valueAt(member: number, key: string, serializable: boolean): Promise<string> {
  const answer = await wires[member]!.kv.range({ key: b(key), serializable });
  return s(answer.kvs[0]?.value);
}

async function sameHashes(): Promise<void> {
  const { header } = await wires[0]!.kv.range({ key: b("any") });
  const revision = header?.revision ?? 0;
  const hashes = await Promise.all(
    all.map((i) => until("hash", () => wires[i]!.maintenance.hashKV({ revision }))),
  );
  assert.equal(new Set(hashes.map(({ hash }) => hash)).size, 1, "members hold different histories");
}

before(async () => {
  cluster = await startCluster({ runner: runnerFromEnvironment(), size: 3 });
  wires = cluster.endpoints().map((endpoint) => new Wire(endpoint));
});
after(async () => {
  for (const wire of wires) wire.close();
  await cluster?.stop();
});

for (const survivor of ["leader", "follower"] as const) {
  test(`two of three are down, a ${survivor} is left: writes fail by their deadline`, async () => {
    const { members } = cluster!;
    const key = `left-${survivor}`;
    await put(wires, key, "before");
    const leader = await leaderOf(wires, all);
    const left = survivor === "leader" ? leader : (leader + 1) % 3;
    await until("the survivor has the write", async () =>
      (await valueAt(left, key, true)) === "before" ? true : undefined,
    );
    const down = all.filter((i) => i !== left);
    await Promise.all(down.map((i) => members[i]!.kill("SIGKILL")));

    const { kv } = wires[left]!;
    const limit = { deadlineMs: 2_500 };
    // Several at once, of every kind, so that none slips through while the leader still believes.
    const writes = [
      ...Array.from({ length: 5 }, (_, i) =>
        kv.put({ key: b(`${key}-${i}`), value: b("never acknowledged") }, limit),
      ),
      kv.deleteRange({ key: b(key) }, limit),
      kv.txn(
        {
          success: [{ request: { $case: "requestPut", value: { key: b(key), value: b("txn") } } }],
        },
        limit,
      ),
    ];
    const reads = [kv.range({ key: b(key) }, limit), kv.range(interval(key), limit)];
    const codes = await Promise.all([...writes, ...reads].map(codeOf));
    for (const one of codes) {
      const failed = one === code.DEADLINE_EXCEEDED || one === code.UNAVAILABLE;
      assert.ok(failed, `a call without a majority ended with code ${one}`);
    }
    assert.equal(await valueAt(left, key, true), "before", "serializable reads go on");

    await Promise.all(down.map((i) => members[i]!.start()));
    await put(wires, `${key}-again`, "after");
    for (const i of all) {
      await until("all have it", async () =>
        (await valueAt(i, `${key}-again`, false)) === "after" ? true : undefined,
      );
    }
    await sameHashes();
  });
}

test("a paused leader: its clients time out, others go on, and it wakes up to the truth", async () => {
  const { members } = cluster!;
  await put(wires, "paused", "before");
  const old = await leaderOf(wires, all);
  const others = all.filter((i) => i !== old);
  members[old]!.pause();
  try {
    const inFlight = codeOf(
      wires[old]!.kv.put({ key: b("paused"), value: b("in flight") }, { deadlineMs: 1_500 }),
    );
    assert.equal(await inFlight, code.DEADLINE_EXCEEDED);
    assert.notEqual(await leaderOf(wires, others), old);
    await put(
      others.map((i) => wires[i]!),
      "paused",
      "meanwhile",
    );
  } finally {
    members[old]!.resume();
  }
  // Asked the moment it wakes, while it may still take itself for the leader. What was in flight
  // to it may come first or last, but never is "before" right again.
  const answers = await Promise.all(
    Array.from({ length: 10 }, () =>
      until("an answer of the old leader", () => valueAt(old, "paused", false)),
    ),
  );
  for (const answer of answers) {
    assert.ok(answer === "meanwhile" || answer === "in flight", `it answered ${answer}`);
  }
  const values = await Promise.all(all.map((i) => valueAt(i, "paused", false)));
  assert.equal(new Set(values).size, 1, values.join(", "));
  await sameHashes();
});

test("a member that comes back has everything that was written without it", async () => {
  const { members } = cluster!;
  const leader = await leaderOf(wires, all);
  const victim = (leader + 1) % 3;
  const others = all.filter((i) => i !== victim).map((i) => wires[i]!);
  await members[victim]!.kill("SIGKILL");
  for (let i = 0; i < 100; i++) await put(others, `back/${i}`, `${i}`);
  await members[victim]!.start();
  const answer = await wires[victim]!.kv.range({ ...interval("back/"), countOnly: true });
  assert.equal(answer.count, 100);
  await sameHashes();
});
