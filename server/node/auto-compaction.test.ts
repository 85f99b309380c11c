import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLog } from "#base/log.ts";
import { etcdError } from "#proto/errors.ts";
import { AutoCompaction, type AutoCompactionRule } from "#server/node/auto-compaction.ts";
import { SteppedClock } from "#test/fakes/stepped-clock.ts";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

class Rig {
  readonly clock = new SteppedClock();
  leads = true;
  revision = 1;
  failure: Error | undefined;
  /** `minute: revision` of what was proposed. */
  readonly asked: string[] = [];
  readonly compaction: AutoCompaction;

  constructor(rule: AutoCompactionRule) {
    this.compaction = new AutoCompaction({
      rule,
      clock: this.clock,
      log: silentLog,
      isLeader: () => this.leads,
      currentRevision: () => this.revision,
      compact: (revision) => {
        this.asked.push(`${this.clock.monotonicMs() / minuteMs}: ${revision}`);
        return this.failure === undefined ? Promise.resolve() : Promise.reject(this.failure);
      },
    });
    this.compaction.start();
  }

  /** Each minute the revision rises by one, so it is the minute, plus one. */
  async minutes(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      this.revision++;
      await this.clock.pass(minuteMs);
    }
  }

  take(): string[] {
    return this.asked.splice(0);
  }
}

const periodic = (hours: number): AutoCompactionRule => ({
  mode: "periodic",
  retentionMs: hours * hourMs,
});

test("periodic, one hour: nothing in the first, then what was current an hour ago, each hour", async () => {
  const rig = new Rig(periodic(1));
  await rig.minutes(59);
  assert.deepEqual(rig.take(), []);
  await rig.minutes(1);
  assert.deepEqual(rig.take(), ["60: 1"], "the revision of the start");
  await rig.minutes(120);
  // As in etcd it is the note of one look more than an hour ago.
  assert.deepEqual(rig.take(), ["120: 55", "180: 115"]);
});

test("periodic, a day: nothing in the first day, then each hour what is a day old", async () => {
  const rig = new Rig(periodic(24));
  await rig.minutes(24 * 60 - 1);
  assert.deepEqual(rig.take(), []);
  await rig.minutes(1 + 120);
  assert.deepEqual(rig.take(), ["1440: 1", "1500: 55", "1560: 115"]);
});

test("periodic, ten minutes: a look each minute, a compaction each ten", async () => {
  const rig = new Rig({ mode: "periodic", retentionMs: 10 * minuteMs });
  await rig.minutes(30);
  assert.deepEqual(rig.take(), ["10: 1", "20: 10", "30: 20"]);
});

test("periodic: no writes, no compaction again", async () => {
  const rig = new Rig(periodic(1));
  await rig.clock.pass(5 * hourMs);
  assert.deepEqual(rig.take(), ["60: 1"]);
});

test("periodic: what fails is tried again at the next look; what is compacted already counts as done", async () => {
  const rig = new Rig(periodic(1));
  rig.failure = etcdError("timeout");
  await rig.minutes(72);
  assert.deepEqual(rig.take(), ["60: 1", "66: 1", "72: 7"]);
  rig.failure = etcdError("compacted");
  await rig.minutes(60);
  assert.deepEqual(rig.take(), ["78: 13"]);
});

test("periodic: a follower notes and waits; when it leads it compacts at its next look", async () => {
  const rig = new Rig(periodic(1));
  rig.leads = false;
  await rig.minutes(180);
  assert.deepEqual(rig.take(), []);
  rig.leads = true;
  await rig.minutes(6);
  assert.deepEqual(rig.take(), ["186: 121"]);
});

test("revision: each five minutes all but the newest go", async () => {
  const rig = new Rig({ mode: "revision", revisions: 100 });
  rig.revision = 100;
  await rig.clock.pass(5 * minuteMs);
  assert.deepEqual(rig.take(), [], "there are no more than that");
  rig.revision = 150;
  await rig.clock.pass(10 * minuteMs);
  assert.deepEqual(rig.take(), ["10: 50"], "once only");
  rig.failure = etcdError("timeout");
  rig.revision = 151;
  await rig.clock.pass(10 * minuteMs);
  assert.deepEqual(rig.take(), ["20: 51", "25: 51"]);
  rig.leads = false;
  await rig.clock.pass(10 * minuteMs);
  assert.deepEqual(rig.take(), []);
});

test("after a stop nothing is left and nothing happens", async () => {
  const rig = new Rig(periodic(1));
  rig.compaction.stop();
  assert.equal(rig.clock.waiting, 0);
  await rig.minutes(120);
  assert.deepEqual(rig.take(), []);
});
