// The contract against members in this process under simulated time; and what that runner promises
// beside it: a kill loses what was not synced and nothing else, a pause holds everything, and a
// stopped cluster leaves neither timer nor socket.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type ContractCluster, startContractCluster } from "./cluster.ts";
import { b, createWatch, refuses, revisionOf } from "./setting.ts";
import { contractSuite } from "./suite.ts";
import { Wire } from "./wire.ts";

/** Timers, sockets and whatever else keeps this process alive; the test runner has some too. */
const atTheBeginning = process.getActiveResourcesInfo().sort();

contractSuite("inprocess");

describe("members in process", () => {
  let cluster: ContractCluster;
  let wires: Wire[] = [];

  /** Where the leader is among the members, as one of them sees it. */
  async function leaderSeenBy(at: number): Promise<number> {
    const statuses = await Promise.all(wires.map((wire) => wire.maintenance.status({})));
    const { leader } = statuses[at]!;
    return statuses.findIndex((status) => status.header?.memberId === leader);
  }

  before(async () => {
    cluster = await startContractCluster("inprocess", { size: 3 });
    wires = cluster.endpoints().map((endpoint) => new Wire(endpoint));
  });
  after(async () => {
    for (const wire of wires) wire.close();
    await cluster.stop();
  });

  test("a power cut of all loses nothing that was acknowledged", async () => {
    for (let i = 0; i < 20; i++) await wires[i % 3]!.kv.put({ key: b("cut"), value: b(String(i)) });
    const { hash, hashRevision } = await wires[0]!.maintenance.hashKV({});
    await Promise.all(cluster.members.map((member) => member.kill("SIGKILL")));
    assert.ok(cluster.members.every((member) => !member.isRunning));
    await Promise.all(cluster.members.map((member) => member.start()));
    for (const wire of wires) {
      const read = await wire.kv.range({ key: b("cut") });
      assert.deepEqual([read.kvs[0]?.version, String(read.kvs[0]?.value)], [20, "19"]);
      const again = await wire.maintenance.hashKV({ revision: hashRevision });
      assert.equal(again.hash, hash);
    }
  });

  test("time goes on by itself, and a paused member's does not", async () => {
    const at = await leaderSeenBy(0);
    const other = wires[(at + 1) % 3]!;
    const { leader } = await other.maintenance.status({});
    const watch = wires[at]!.watch();
    await createWatch(watch, { key: b("paused") });
    cluster.members[at]!.pause();
    const held = wires[at]!.maintenance.status({});
    let isHeld = true;
    void held.then(() => {
      isHeld = false;
    });
    const pausedMs = cluster.clock.monotonicMs();
    for (;;) {
      const now = (await other.maintenance.status({})).leader;
      if (now !== leader && now !== 0n) break;
      await new Promise<void>((resolve) => cluster.clock.after(50, resolve));
    }
    const electedMs = cluster.clock.monotonicMs() - pausedMs;
    assert.ok(electedMs > 500, `elected after ${electedMs} ms, well before any election timeout`);
    const written = await other.kv.put({ key: b("paused"), value: b("1") });
    assert.ok(isHeld, "a paused member has answered");
    cluster.members[at]!.resume();
    await held;
    const seen = await watch.next();
    assert.equal(seen.events[0]?.kv?.modRevision, revisionOf(written));
    watch.cancel();
  });

  test("a killed member's connections are cut, and nobody listens", async () => {
    const [member, wire] = [cluster.members[2]!, wires[2]!];
    const watch = wire.watch();
    await createWatch(watch, { key: b("killed") });
    await member.kill("SIGKILL");
    // A stop would have said so; who is killed says nothing.
    await refuses(watch.next(), 14, /^(?!.*server stopped)/);
    await refuses(wire.kv.range({ key: b("killed") }), 14, /./);
    await member.start();
    const fresh = new Wire(member.endpoint);
    assert.equal((await fresh.kv.range({ key: b("killed") })).count, 0);
    fresh.close();
  });
});

// Of each member the runner itself asserts it at its stop; this is the whole process.
test("when all clusters have stopped, no timer and no socket is left", async () => {
  // A handle is released in the turn after the one that closed it, and a client notices after that.
  for (let turn = 0; turn < 1000; turn++) {
    if (process.getActiveResourcesInfo().length === atTheBeginning.length) break;
    await new Promise(setImmediate);
  }
  assert.deepEqual(process.getActiveResourcesInfo().sort(), atTheBeginning);
});
