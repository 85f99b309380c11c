import assert from "node:assert/strict";
import { test } from "node:test";
import type { MemberId } from "#base/ids.ts";
import { silentLog } from "#base/log.ts";
import type { Member } from "#server/membership/member-json.ts";
import type { Members } from "#server/membership/members.ts";
import { Handover } from "#server/node/handover.ts";
import type { Leadership } from "#server/node/leadership.ts";

class Rig {
  nowMs = 0;
  stopped = false;
  leader = 1n;
  readonly asked: string[] = [];
  /** What happens while somebody waits. */
  meanwhile: () => void = () => {};
  readonly handover: Handover;

  /** Since when each peer answers; learners are those above 10. */
  constructor(since: Readonly<Record<string, number | undefined>>) {
    const rig = this;
    const list = Object.keys({ 1: 0, ...since }).map(
      (id) => ({ id: BigInt(id), isLearner: Number(id) > 10 }) as Member,
    );
    this.handover = new Handover({
      memberId: 1n as MemberId,
      clock: {
        monotonicMs: () => this.nowMs,
        wallMs: () => 0,
        after: (delayMs, run) => {
          this.nowMs += delayMs;
          this.meanwhile();
          setImmediate(run);
          return { cancel() {} };
        },
        every: () => assert.fail("nothing happens for ever"),
      },
      log: silentLog,
      members: { list: () => list } as unknown as Members,
      leadership: {
        get isLeader() {
          return rig.leader === 1n;
        },
        get leader() {
          return rig.leader;
        },
      } as Leadership,
      activeSince: (id) => since[String(id)],
      transferLeader: (to) => void this.asked.push(String(to)),
      isStopped: () => this.stopped,
    });
  }
}

const heirs: readonly [title: string, since: Record<string, number | undefined>, heir: string[]][] =
  [
    ["the voter that has answered for the longest time", { 2: 50, 3: 20, 4: 30 }, ["3"]],
    ["no learner", { 2: 50, 11: 1 }, ["2"]],
    ["nobody who does not answer", { 2: undefined, 3: 70 }, ["3"]],
    ["nobody, if nobody answers", { 2: undefined }, []],
    ["nobody, alone", {}, []],
  ];
for (const [title, since, heir] of heirs) {
  test(`before a stop leadership goes to ${title}`, async () => {
    const rig = new Rig(since);
    await rig.handover.away(1000);
    assert.deepEqual(rig.asked, heir);
  });
}

test("it is waited for until this member leads no more", async () => {
  const rig = new Rig({ 2: 0 });
  rig.meanwhile = () => {
    if (rig.nowMs >= 100) rig.leader = 0n;
  };
  await rig.handover.away(1000);
  assert.equal(rig.nowMs, 100);
});

test("a follower has nothing to hand over", async () => {
  const rig = new Rig({ 2: 0 });
  rig.leader = 2n;
  await rig.handover.away(1000);
  assert.deepEqual(rig.asked, []);
});

test("a move is done when that member leads, and given up after the limit or a stop", async () => {
  const rig = new Rig({ 2: 0, 3: 0 });
  rig.meanwhile = () => {
    rig.leader = rig.nowMs < 50 ? 0n : 2n;
  };
  assert.equal(await rig.handover.to(2n as MemberId, 1000), true);
  assert.equal(await rig.handover.to(3n as MemberId, 1000), false);
  rig.stopped = true;
  assert.equal(await rig.handover.to(3n as MemberId, 60_000), false);
  assert.ok(rig.nowMs < 2000);
});
