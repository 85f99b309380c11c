import assert from "node:assert/strict";
import { test } from "node:test";
import type { MemberId } from "#base/ids.ts";
import { silentLog } from "#base/log.ts";
import { AutoDisarm } from "#server/node/auto-disarm.ts";
import { SteppedClock } from "#test/fakes/stepped-clock.ts";

class Rig {
  readonly clock = new SteppedClock();
  leads = true;
  size = 1000;
  raised: MemberId[] = [7n as MemberId];
  failure: Error | undefined;
  readonly disarmed: number[] = [];
  readonly disarm: AutoDisarm;

  constructor(quotaBytes = 1000) {
    this.disarm = new AutoDisarm({
      clock: this.clock,
      log: silentLog,
      quotaBytes,
      isLeader: () => this.leads,
      sizeBytes: () => this.size,
      raised: () => this.raised,
      disarm: async (id) => {
        this.disarmed.push(this.clock.monotonicMs() / 1000);
        if (this.failure !== undefined) throw this.failure;
        this.raised = this.raised.filter((one) => one !== id);
      },
    });
    this.disarm.start();
  }

  seconds(count: number): Promise<void> {
    return this.clock.pass(count * 1000);
  }
}

test("an alarm is taken back once there has been room for half a minute", async () => {
  const rig = new Rig();
  await rig.seconds(60);
  assert.deepEqual(rig.disarmed, [], "full");
  rig.size = 901;
  await rig.seconds(60);
  assert.deepEqual(rig.disarmed, [], "not enough room");
  rig.size = 900;
  await rig.seconds(30);
  assert.deepEqual(rig.disarmed, []);
  await rig.seconds(5);
  assert.deepEqual(rig.disarmed, [155], "seen at 125");
  await rig.seconds(600);
  assert.deepEqual(rig.disarmed, [155], "once");
});

test("room that does not last, or a leader that does not, begins anew", async () => {
  const rig = new Rig();
  rig.size = 0;
  await rig.seconds(30);
  rig.size = 950;
  await rig.seconds(5);
  rig.size = 0;
  await rig.seconds(30);
  rig.leads = false;
  await rig.seconds(5);
  rig.leads = true;
  await rig.seconds(30);
  assert.deepEqual(rig.disarmed, []);
  await rig.seconds(5);
  assert.deepEqual(rig.disarmed, [105]);
});

test("what fails is tried again half a minute later; every alarm is taken back", async () => {
  const rig = new Rig();
  rig.size = 0;
  rig.failure = new Error("timed out");
  rig.raised.push(8n as MemberId);
  await rig.seconds(35);
  rig.failure = undefined;
  await rig.seconds(65);
  assert.deepEqual(rig.disarmed, [35, 70, 70]);
  assert.deepEqual(rig.raised, []);
});

test("a leader without a quota never judges, and a stop leaves nothing", async () => {
  const rig = new Rig(Number.POSITIVE_INFINITY);
  await rig.seconds(600);
  assert.deepEqual(rig.disarmed, []);
  const other = new Rig();
  other.disarm.stop();
  assert.equal(other.clock.waiting, 0);
});
