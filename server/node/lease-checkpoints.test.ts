import assert from "node:assert/strict";
import { test } from "node:test";
import type { LeaseId } from "#base/ids.ts";
import { type LeaseCheckpoint, LeaseCheckpoints } from "#server/node/lease-checkpoints.ts";

class Rig {
  leads = true;
  waiting = 0;
  proof: Promise<void> | undefined;
  failure: Error | undefined;
  /** How many checkpoints each entry held. */
  readonly entries: number[] = [];
  readonly checkpoints = new LeaseCheckpoints({
    isLeader: () => this.leads,
    linearize: () => this.proof,
    due: (max) => {
      const count = Math.min(max, this.waiting);
      this.waiting -= count;
      return Array.from(
        { length: count },
        (_, i): LeaseCheckpoint => ({ ID: BigInt(i + 1) as LeaseId, remainingTTL: 9 }),
      );
    },
    propose: (checkpoints) => {
      this.entries.push(checkpoints.length);
      return this.failure === undefined ? Promise.resolve() : Promise.reject(this.failure);
    },
  });
}

test("a thousand an entry, four entries a round", async () => {
  for (const [waiting, want] of [
    [0, []],
    [1, [1]],
    [1000, [1000]],
    [2500, [1000, 1000, 500]],
    [9000, [1000, 1000, 1000, 1000]],
  ] as const) {
    const rig = new Rig();
    rig.waiting = waiting;
    await rig.checkpoints.round();
    assert.deepEqual(rig.entries, want, `${waiting} due`);
  }
});

test("nothing without leadership, or without the proof of it; failures end the round", async () => {
  const rig = new Rig();
  rig.waiting = 5000;
  rig.leads = false;
  await rig.checkpoints.round();
  rig.leads = true;
  rig.proof = Promise.reject(new Error("no quorum"));
  await rig.checkpoints.round();
  assert.deepEqual(rig.entries, []);
  rig.proof = undefined;
  rig.failure = new Error("too many requests");
  await rig.checkpoints.round();
  assert.deepEqual(rig.entries, [1000]);
});

test("one round at a time", async () => {
  const rig = new Rig();
  let prove = (): void => {};
  rig.proof = new Promise((resolve) => (prove = resolve));
  rig.waiting = 2;
  const first = rig.checkpoints.round();
  rig.waiting = 7;
  await rig.checkpoints.round();
  prove();
  await first;
  assert.deepEqual(rig.entries, [2]);
});
