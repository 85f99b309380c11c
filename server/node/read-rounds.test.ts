import assert from "node:assert/strict";
import { test } from "node:test";
import { etcdError } from "#proto/errors.ts";
import { ReadRounds } from "#server/node/read-rounds.ts";

class Rig {
  applied = 10;
  readonly asked: Uint8Array[] = [];
  readonly log: string[] = [];
  private id = 0n;
  readonly rounds = new ReadRounds(
    {
      readIndex: (context) => void this.asked.push(context),
      nextRequestId: () => ++this.id,
      appliedIndex: () => this.applied,
    },
    7000,
  );

  read(name: string): void {
    this.rounds.read().then(
      () => this.log.push(name),
      (error: Error) => this.log.push(`${name}: ${error.message.replace("etcdserver: ", "")}`),
    );
  }

  tick(nowMs: number): void {
    this.rounds.tick(
      nowMs,
      () => etcdError("timeout"),
      () => etcdError("timeoutWaitAppliedIndex"),
    );
  }

  async taken(): Promise<readonly string[]> {
    await new Promise(setImmediate);
    return this.log.splice(0);
  }
}

test("reads share a round; one that comes while it runs waits for the next", async () => {
  const rig = new Rig();
  rig.read("a");
  rig.read("b");
  rig.rounds.begin(0);
  rig.read("late");
  rig.rounds.begin(0);
  assert.equal(rig.asked.length, 1);
  rig.rounds.answer(rig.asked[0]!, 10);
  assert.deepEqual(await rig.taken(), ["a", "b"]);
  assert.equal(rig.rounds.wanted, true);
  rig.rounds.begin(0);
  rig.rounds.answer(rig.asked[1]!, 10);
  assert.deepEqual(await rig.taken(), ["late"]);
});

test("a read waits until its index is applied, and holds up no later round", async () => {
  const rig = new Rig();
  rig.read("ahead");
  rig.rounds.begin(0);
  rig.rounds.answer(rig.asked[0]!, 12);
  rig.read("next");
  rig.rounds.begin(0);
  rig.rounds.answer(rig.asked[1]!, 10);
  assert.deepEqual(await rig.taken(), ["next"]);
  rig.applied = 11;
  rig.rounds.applied();
  assert.deepEqual(await rig.taken(), []);
  rig.applied = 12;
  rig.rounds.applied();
  assert.deepEqual(await rig.taken(), ["ahead"]);
});

test("a round without an answer is tried again with a fresh ID; the old answer counts no more", async () => {
  const rig = new Rig();
  rig.read("a");
  rig.rounds.begin(0);
  rig.tick(499);
  assert.equal(rig.asked.length, 1);
  rig.tick(500);
  assert.equal(rig.asked.length, 2);
  assert.notDeepEqual(rig.asked[0], rig.asked[1]);
  rig.rounds.answer(rig.asked[0]!, 10);
  assert.deepEqual(await rig.taken(), []);
  rig.rounds.answer(rig.asked[1]!, 10);
  assert.deepEqual(await rig.taken(), ["a"]);
  assert.equal(rig.rounds.slowTries, 1);
});

test("a new leader ends the round under way, not reads whose index is known", async () => {
  const rig = new Rig();
  rig.read("known");
  rig.rounds.begin(0);
  rig.rounds.answer(rig.asked[0]!, 11);
  rig.read("asking");
  rig.rounds.begin(0);
  rig.read("waiting");
  rig.rounds.leaderChanged(() => etcdError("leaderChanged"));
  assert.deepEqual(await rig.taken(), [`asking: ${etcdError("leaderChanged").message.slice(12)}`]);
  rig.rounds.answer(rig.asked[1]!, 10);
  rig.applied = 11;
  rig.rounds.applied();
  rig.rounds.begin(0);
  rig.rounds.answer(rig.asked[2]!, 11);
  assert.deepEqual(await rig.taken(), ["known", "waiting"]);
});

test("no read waits for ever, whatever is missing", async () => {
  const rig = new Rig();
  rig.read("unanswered");
  rig.rounds.begin(0);
  rig.read("second");
  rig.tick(7000);
  assert.deepEqual(await rig.taken(), ["unanswered: request timed out"]);
  rig.rounds.answer(rig.asked.at(-1)!, 99);
  rig.tick(20_999);
  assert.deepEqual(await rig.taken(), []);
  rig.tick(21_000);
  assert.deepEqual(await rig.taken(), [
    `second: ${etcdError("timeoutWaitAppliedIndex").message.slice(12)}`,
  ]);
});

test("at the end everybody is told", async () => {
  const rig = new Rig();
  rig.read("known");
  rig.rounds.begin(0);
  rig.rounds.answer(rig.asked[0]!, 11);
  rig.read("asking");
  rig.rounds.begin(0);
  rig.read("waiting");
  rig.rounds.rejectAll(() => etcdError("stopped"));
  assert.deepEqual((await rig.taken()).map((line) => line.split(":")[0]).sort(), [
    "asking",
    "known",
    "waiting",
  ]);
});
