// Checkpoints of leases between both kinds of servers, as processes: `npm run test:peer -- test/peer/lease-checkpoints`.
// By hand alone, for both write one five minutes after a lease was granted and no sooner.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { asEachCallsIt, MixedCluster, type MixedKind } from "./mixed-cluster.ts";

const gates = asEachCallsIt(
  ["--feature-gates=LeaseCheckpoint=true"],
  ["--experimental-enable-lease-checkpoint"],
);
const TTL = 900;
/** The first checkpoint is written when so much is left; the member looks twice a second. */
const left = TTL - 300;
const slack = 4;

/** `first` leads and writes the checkpoint, `next` counts on from it. */
async function countsOn(kinds: readonly MixedKind[], first: number, next: number): Promise<void> {
  const group = await MixedCluster.start(kinds, gates);
  try {
    const timeToLive = async (at: number, ID: bigint): Promise<number> => {
      const answer = await group.wires[at]!.lease.leaseTimeToLive({ ID });
      assert.equal(answer.grantedTTL, TTL);
      return answer.TTL;
    };
    await group.lead(first);
    const { ID } = await group.wires[first]!.lease.leaseGrant({ TTL });
    while ((await timeToLive(first, ID)) > left - slack) await sleep(1000);
    // One that is renewed begins anew wherever it counts.
    const renewed = await group.wires[first]!.lease.leaseGrant({ TTL });
    await group.lead(next);
    const afterMove = await timeToLive(next, ID);
    assert.ok(afterMove <= left + slack && afterMove > left - 60, `${afterMove} s are left`);
    assert.ok((await timeToLive(next, renewed.ID)) > TTL - 60);
    const alive = group.wires[next]!.keepAlive();
    alive.send({ ID: renewed.ID });
    assert.equal((await alive.next()).TTL, TTL);
    alive.cancel();
    // And it is on all disks.
    await Promise.all(kinds.map((_, at) => group.kill(at)));
    await Promise.all(kinds.map((_, at) => group.member(at).start()));
    for (const at of [first, next]) {
      await group.lead(at);
      const afterStart = await timeToLive(at, ID);
      assert.ok(afterStart <= left + slack && afterStart > left - 60, `${afterStart} s are left`);
    }
  } finally {
    await group.stop();
  }
}

describe("checkpoints of leases", { concurrency: true }, () => {
  test("ours writes them, and the reference counts on", () =>
    countsOn(["ours", "reference", "reference"], 0, 1));
  test("the reference writes them, and ours counts on", () =>
    countsOn(["ours", "ours", "reference"], 2, 0));
});
