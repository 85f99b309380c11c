import assert from "node:assert/strict";
import { test } from "node:test";
import { pauseAfter, type Work, WorkQueue } from "#operator/process/work-queue.ts";
import { SteppedClock, settled } from "#test/fakes/stepped-clock.ts";

function queueOf(work: Work, workers = 2) {
  const clock = new SteppedClock();
  const failures: string[] = [];
  const queue = new WorkQueue({
    clock,
    workers,
    work,
    onFailure: (key, error) => failures.push(`${key}: ${error}`),
  });
  return { clock, queue, failures };
}

/** Work that ends when it is told to. */
function heldWork() {
  const begun: string[] = [];
  const ends = new Map<string, (error?: Error) => void>();
  const work: Work = (key) =>
    new Promise((resolve, reject) => {
      begun.push(key);
      ends.set(key, (error) => (error === undefined ? resolve({ againMs: 1000 }) : reject(error)));
    });
  return { begun, end: (key: string, error?: Error) => ends.get(key)?.(error), work };
}

test("a key is looked at by one worker at a time, and once more if it was asked for meanwhile", async () => {
  const { begun, end, work } = heldWork();
  const { queue } = queueOf(work);
  for (let i = 0; i < 3; i++) queue.ask("a");
  assert.deepEqual(begun, ["a"]);
  queue.ask("a");
  queue.ask("a");
  end("a");
  await settled();
  assert.deepEqual(begun, ["a", "a"]);
  end("a");
  await settled();
  assert.deepEqual(begun, ["a", "a"]);
});

test("no more keys are looked at together than there are workers, in the order asked", async () => {
  const { begun, end, work } = heldWork();
  const { queue } = queueOf(work, 2);
  for (const key of ["a", "b", "c", "d"]) queue.ask(key);
  assert.deepEqual(begun, ["a", "b"]);
  assert.equal(queue.depth, 2);
  end("b");
  await settled();
  assert.deepEqual(begun, ["a", "b", "c"]);
});

test("a failed key waits longer each time; changes do not cut the pause, its own edit does", async () => {
  const { begun, end, work } = heldWork();
  const { queue, clock, failures } = queueOf(work);
  queue.ask("a");
  end("a", new Error("no"));
  await settled();
  assert.deepEqual(failures, ["a: Error: no"]);
  queue.ask("a");
  assert.equal(begun.length, 1);
  await clock.pass(pauseAfter(1));
  assert.equal(begun.length, 2);
  end("a", new Error("no"));
  await settled();
  await clock.pass(pauseAfter(1));
  assert.equal(begun.length, 2, "the second pause is longer");
  queue.ask("a", true);
  assert.equal(begun.length, 3);
  assert.deepEqual([1, 2, 3, 30].map(pauseAfter), [200, 400, 800, 60_000]);
});

test("a key comes again after the time that it wants, and never if it wants none", async () => {
  const answers = [{ againMs: 50 }, undefined];
  let looks = 0;
  const { queue, clock } = queueOf(async () => answers[looks++]);
  queue.ask("a");
  await settled();
  await clock.pass(50);
  await settled();
  assert.equal(looks, 2);
  assert.equal(queue.size, 0);
  await clock.pass(100_000);
  assert.equal(looks, 2);
});

test("stop begins nothing and waits for what runs", async () => {
  const { begun, end, work } = heldWork();
  const { queue } = queueOf(work, 1);
  queue.ask("a");
  queue.ask("b");
  let isStopped = false;
  const stopped = queue.stop().then(() => {
    isStopped = true;
  });
  await settled();
  assert.equal(isStopped, false);
  end("a");
  await stopped;
  assert.deepEqual(begun, ["a"]);
});
