import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8 } from "#base/bytes.ts";
import { maxPendingReads, ReadIndexQueue } from "#server/raft/read-index.ts";

const voters = { incoming: [1n, 2n, 3n], outgoing: [] };

function queueOf(count: number): ReadIndexQueue {
  const queue = new ReadIndexQueue();
  for (let i = 1; i <= count; i++) queue.add({ from: 1n, context: utf8(`r${i}`), index: i });
  queue.echoSelf(1n);
  return queue;
}

function taken(queue: ReadIndexQueue): number[] {
  return queue.takeConfirmed(voters).map((read) => read.index);
}

test("the context counts reads, 8 bytes little-endian, and is empty without reads", () => {
  assert.equal(new ReadIndexQueue().heartbeatContext().length, 0);
  const queue = queueOf(258);
  assert.deepEqual([...queue.heartbeatContext()], [2, 1, 0, 0, 0, 0, 0, 0]);
  queue.echo(2n, queue.heartbeatContext());
  assert.equal(taken(queue).length, 258);
  assert.equal(queue.heartbeatContext().length, 0);
  queue.add({ from: 1n, context: utf8("x"), index: 1 });
  assert.deepEqual([...queue.heartbeatContext()], [3, 1, 0, 0, 0, 0, 0, 0]);
});

test("an echo confirms the reads that came before its heartbeat, and no later ones", () => {
  const queue = queueOf(2);
  const sent = queue.heartbeatContext();
  queue.add({ from: 1n, context: utf8("r3"), index: 3 });
  queue.echoSelf(1n);
  queue.echo(2n, sent);
  assert.deepEqual(taken(queue), [1, 2]);
  queue.echo(3n, sent);
  assert.deepEqual(taken(queue), [], "an old echo is worth nothing");
  queue.echo(3n, queue.heartbeatContext());
  assert.deepEqual(taken(queue), [3]);
});

test("learners' and strangers' echoes do not count; joint ones need both majorities", () => {
  const queue = queueOf(1);
  queue.echo(9n, queue.heartbeatContext());
  assert.deepEqual(taken(queue), []);
  queue.echo(2n, queue.heartbeatContext());
  assert.equal(queue.takeConfirmed({ incoming: [1n, 2n, 3n], outgoing: [3n, 4n] }).length, 0);
  assert.equal(queue.takeConfirmed({ incoming: [1n, 2n, 3n], outgoing: [2n] }).length, 1);
});

test("contexts that this leader never sent are ignored", () => {
  const queue = queueOf(1);
  for (const context of [
    [],
    [1],
    [2, 0, 0, 0, 0, 0, 0, 0],
    [255, 255, 255, 255, 255, 255, 255, 255],
  ]) {
    queue.echo(2n, new Uint8Array(context));
    assert.deepEqual(taken(queue), []);
  }
});

test("a new term starts counting anew", () => {
  const queue = queueOf(3);
  const old = queue.heartbeatContext();
  queue.clear();
  queue.add({ from: 1n, context: utf8("n"), index: 9 });
  queue.echoSelf(1n);
  queue.echo(2n, old);
  assert.deepEqual(taken(queue), []);
});

test("the queue is bounded", () => {
  const queue = queueOf(maxPendingReads);
  assert.equal(queue.add({ from: 1n, context: utf8("x"), index: 1 }), false);
  assert.equal(queue.size, maxPendingReads);
});
