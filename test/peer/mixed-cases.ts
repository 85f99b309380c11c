// What must hold of clusters of both kinds of servers, as processes: whoever leads, whoever dies,
// whoever falls behind, the members agree, and no client can tell through which kind it asks.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { eventually } from "#test/cluster/eventually.ts";
import { b, createWatch, interval, s } from "#test/contract/setting.ts";
import { earlySnapshots, MixedCluster, type MixedKind } from "./mixed-cluster.ts";

/** One cluster of these kinds; the short form leaves out what hangs on time and on numbers. */
export function describeCluster(kinds: readonly MixedKind[], depth: "whole" | "short"): void {
  describe(`a cluster of ${kinds.join(", ")}`, () => {
    let group: MixedCluster;
    before(async () => {
      group = await MixedCluster.start(kinds);
    });
    after(() => group?.stop());

    test("each leads in turn: writes, reads, leases and watches through each", async () => {
      for (const at of kinds.keys()) {
        await group.lead(at);
        await group.underLoad(() => servesThroughEach(group, `led-by-${at}`));
      }
      await group.agree();
    });

    test("a compaction drops the same on all", async () => {
      for (const at of kinds.keys()) {
        await group.fill(`compacted-${at}`, 50);
        const revision = (await group.holdsEverything(at)) - 5;
        await group.wires[at]!.kv.compact({ revision, physical: true });
      }
      await eventually("all have compacted", () => group.agree());
    });

    test("all are killed at once", async () => {
      await group.put("before-all", "acknowledged");
      await Promise.all(kinds.map((_, at) => group.kill(at)));
      await Promise.all(kinds.map((_, at) => group.member(at).start()));
      await group.agree();
    });

    if (depth === "short") return;

    test("an expired lease takes its keys, whoever leads", async () => {
      for (const at of kinds.keys()) {
        await group.lead(at);
        await expiresEverywhere(group, `expiry-${at}/`);
      }
      await group.agree();
    });

    test("each is killed under load, comes back and catches up", async () => {
      await group.underLoad(async () => {
        for (const at of kinds.keys()) {
          await group.lead(at);
          await killAndReturn(group, at, `leader-${at}`);
          await group.leader();
          await killAndReturn(group, at, `later-${at}`);
        }
      });
      await group.agree();
    });
  });
}

/** Followers that the log no longer reaches, between ours and members of `kind`. */
export function describeFallenBehind(kind: MixedKind): void {
  describe(`a member that the log no longer reaches, beside ${kind}`, () => {
    let group: MixedCluster;
    before(async () => {
      group = await MixedCluster.start(["ours", kind, kind], earlySnapshots);
    });
    after(() => group?.stop());

    /** Leaves `at` behind while `leader` compacts its log; it must come back by a whole state. */
    const fallBehind = async (at: number, leader: number, sign: RegExp): Promise<void> => {
      await group.lead(leader);
      const { ID } = await group.wires[leader]!.lease.leaseGrant({ TTL: 6000 });
      await group.kill(at);
      await group.fill(`behind-${at}-${leader}`, 400);
      const key = `leased-while-${at}-was-away`;
      await group.wires[leader]!.kv.put({ key: b(key), value: b("x"), lease: ID });
      await group.member(at).start();
      await group.member(at).waitForLog(sign);
      await group.agree();
      const { keys } = await group.wires[at]!.lease.leaseTimeToLive({ ID, keys: true });
      assert.deepEqual(keys.map(s), [key], "leases came with the state");
      // What it received must last: started again it serves the same.
      await group.kill(at);
      await group.fill(`again-${at}-${leader}`, 5);
      await group.member(at).start();
      await group.agree();
    };

    test("ours, by a state from a reference leader", () =>
      fallBehind(0, 1, /installed a received state/));
    test("a reference member, by a state from ours as leader", () =>
      fallBehind(1, 0, /applied snapshot/));
    test("and it leads the others afterwards", async () => {
      for (const at of [1, 0]) {
        await group.lead(at);
        await group.fill(`led-${at}`, 100);
      }
      await group.agree();
    });
  });
}

async function servesThroughEach(group: MixedCluster, round: string): Promise<void> {
  const { wires } = group;
  const watches = wires.map((wire) => wire.watch());
  try {
    for (const watch of watches) {
      await createWatch(watch, interval(`${round}/`));
    }
    for (const at of wires.keys()) {
      const key = `${round}/${at}`;
      const { ID } = await wires[at]!.lease.leaseGrant({ TTL: 600 });
      const other = wires[(at + 1) % wires.length]!;
      await other.kv.put({ key: b(key), value: b("leased"), lease: ID });
      const left = await wires[(at + 2) % wires.length]!.lease.leaseTimeToLive({ ID, keys: true });
      assert.equal(left.grantedTTL, 600);
      assert.deepEqual(left.keys.map(s), [key]);
      for (const wire of wires) {
        const alive = wire.keepAlive();
        alive.send({ ID });
        assert.equal((await alive.next()).TTL, 600, "kept alive through each");
        alive.cancel();
        assert.equal((await wire.kv.range({ key: b(key) })).count, 1, "read through each");
      }
      await other.lease.leaseRevoke({ ID });
      for (const wire of wires) assert.equal((await wire.kv.range({ key: b(key) })).count, 0);
      await group.put(`${round}/kept/${at}`, `by ${at}`, at);
    }
    const seen = await Promise.all(watches.map((watch) => eventsOf(watch, wires.length * 3)));
    for (const events of seen) assert.deepEqual(events, seen[0]);
  } finally {
    for (const watch of watches) watch.cancel();
  }
}

type Watch = ReturnType<MixedCluster["wires"][number]["watch"]>;

/** The next `count` events of a watch as `type key@revision`. */
async function eventsOf(watch: Watch, count: number): Promise<string[]> {
  const events: string[] = [];
  while (events.length < count) {
    for (const { type, kv } of (await watch.next()).events) {
      events.push(`${type} ${s(kv!.key)}@${kv!.modRevision}`);
    }
  }
  return events;
}

async function expiresEverywhere(group: MixedCluster, prefix: string): Promise<void> {
  const { wires } = group;
  for (const [at, wire] of wires.entries()) {
    const { ID } = await wire.lease.leaseGrant({ TTL: 1 });
    await wire.kv.put({ key: b(`${prefix}${at}`), value: b("short"), lease: ID });
  }
  for (const at of wires.keys()) {
    await eventually("the keys are gone", async () =>
      assert.deepEqual(await group.values(at, prefix), []),
    );
  }
}

async function killAndReturn(group: MixedCluster, at: number, round: string): Promise<void> {
  await group.kill(at);
  await group.fill(round, 30);
  await group.member(at).start();
  await group.holdsEverything(at);
}
