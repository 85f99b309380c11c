import assert from "node:assert/strict";
import { test } from "node:test";
import { InvariantError } from "#base/assert.ts";
import { Inflights } from "#server/raft/inflights.ts";
import { Progress } from "#server/raft/progress.ts";

const limits = { count: 4, bytes: 0 };

function replicating(match: number, next: number): Progress {
  const progress = new Progress(2n, next, false, limits);
  progress.acknowledge(match);
  progress.becomeReplicate();
  progress.next = next;
  return progress;
}

test("the in-flight ring frees in order, around its end", () => {
  const ring = new Inflights({ count: 3, bytes: 0 });
  for (let round = 0; round < 5; round++) {
    const base = round * 10;
    for (const index of [1, 2, 3]) ring.add(base + index, 5);
    assert.equal(ring.full, true);
    assert.throws(() => ring.add(base + 4, 5), InvariantError);
    ring.freeTo(base);
    assert.equal(ring.count, 3);
    ring.freeTo(base + 2);
    assert.equal(ring.count, 1);
    ring.add(base + 5, 5);
    ring.freeTo(base + 9);
    assert.equal(ring.count, 0);
  }
});

test("the in-flight ring is full by bytes too, the last message may overshoot", () => {
  const ring = new Inflights({ count: 100, bytes: 10 });
  ring.add(1, 9);
  assert.equal(ring.full, false);
  ring.add(2, 50);
  assert.equal(ring.full, true);
  ring.freeTo(1);
  assert.equal(ring.full, true);
  ring.freeTo(2);
  assert.equal(ring.full, false);
});

test("the in-flight ring keeps its order while it grows", () => {
  const ring = new Inflights({ count: 64, bytes: 0 });
  for (let index = 1; index <= 4; index++) ring.add(index, 1);
  ring.freeTo(2);
  for (let index = 5; index <= 60; index++) ring.add(index, 1);
  assert.equal(ring.count, 58);
  ring.freeTo(59);
  assert.equal(ring.count, 1);
});

test("a probe pauses after one message with entries, not after an empty one", () => {
  const progress = new Progress(2n, 5, false, limits);
  progress.sent(0, 0);
  assert.equal(progress.paused, false);
  progress.sent(1, 10);
  assert.equal(progress.paused, true);
  assert.equal(progress.next, 5, "a probe is not optimistic");
});

test("replication is optimistic and pauses when the window is full", () => {
  const progress = replicating(4, 5);
  for (let i = 0; i < 4; i++) progress.sent(2, 10);
  assert.equal(progress.next, 13);
  assert.equal(progress.paused, true);
  progress.acknowledge(6);
  progress.inflights.freeTo(6);
  assert.equal(progress.paused, false);
  assert.equal(progress.inflights.count, 3);
});

const rejections = [
  { state: "replicate", match: 5, next: 10, rejected: 5, hint: 5, stale: true, after: 10 },
  { state: "replicate", match: 5, next: 10, rejected: 4, hint: 4, stale: true, after: 10 },
  { state: "replicate", match: 5, next: 10, rejected: 9, hint: 9, stale: false, after: 6 },
  { state: "probe", match: 0, next: 10, rejected: 8, hint: 8, stale: true, after: 10 },
  { state: "probe", match: 0, next: 10, rejected: 9, hint: 9, stale: false, after: 9 },
  { state: "probe", match: 0, next: 10, rejected: 9, hint: 2, stale: false, after: 3 },
  { state: "probe", match: 0, next: 1, rejected: 0, hint: 0, stale: false, after: 1 },
  { state: "probe", match: 4, next: 10, rejected: 9, hint: 2, stale: false, after: 5 },
] as const;

for (const { state, match, next, rejected, hint, stale, after } of rejections) {
  test(`in ${state} at match ${match} next ${next} a rejection of ${rejected} hinting ${hint} gives next ${after}`, () => {
    const progress = new Progress(2n, next, false, limits);
    progress.acknowledge(match);
    if (state === "replicate") progress.becomeReplicate();
    progress.next = next;
    progress.flowPaused = state === "probe";
    assert.equal(progress.reject(rejected, hint), !stale);
    assert.equal(progress.next, after);
    if (state === "probe") assert.equal(progress.paused, stale);
  });
}

test("after a snapshot the member is probed behind it, after a failed one behind its match", () => {
  for (const { failed, next } of [
    { failed: false, next: 21 },
    { failed: true, next: 4 },
  ]) {
    const progress = replicating(3, 9);
    progress.becomeSnapshot(20);
    assert.equal(progress.paused, true);
    if (failed) progress.pendingSnapshot = 0;
    progress.becomeProbe();
    assert.equal(progress.next, next);
    assert.equal(progress.state, "probe");
  }
});

test("old acknowledgements change nothing", () => {
  const progress = replicating(5, 8);
  assert.equal(progress.acknowledge(5), false);
  assert.equal(progress.acknowledge(4), false);
  assert.equal(progress.match, 5);
  assert.equal(progress.acknowledge(12), true);
  assert.equal(progress.next, 13, "next stays above match");
});

test("a commit index is told once", () => {
  const progress = replicating(5, 8);
  assert.equal(progress.canBumpCommit(6), true);
  progress.sentCommit = 6;
  assert.equal(progress.canBumpCommit(6), false);
  assert.equal(progress.canBumpCommit(7), true);
  progress.sentCommit = 7;
  assert.equal(progress.canBumpCommit(9), false, "the follower cannot commit beyond what it has");
});
