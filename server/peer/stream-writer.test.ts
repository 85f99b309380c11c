import assert from "node:assert/strict";
import type { Buffer } from "node:buffer";
import { EventEmitter } from "node:events";
import type { ServerResponse } from "node:http";
import { test } from "node:test";
import type { Clock } from "#base/clock.ts";
import { Message, MessageType } from "#proto/gen/raft.ts";
import { MessageDecoder } from "#server/peer/framing.ts";
import { StreamWriter, streamQueueLimit } from "#server/peer/stream-writer.ts";

/** A response that takes writes until it is told that it is full. */
class FakeResponse extends EventEmitter {
  readonly writes: Buffer[] = [];
  full = false;
  destroyed = false;

  write(frames: Buffer): boolean {
    this.writes.push(frames);
    return !this.full;
  }

  destroy(): void {
    this.destroyed = true;
    this.emit("close");
  }
}

function setUp() {
  const periods: { ms: number; run: () => void; live: boolean }[] = [];
  const clock: Clock = {
    monotonicMs: () => 0,
    wallMs: () => 0,
    after: () => ({ cancel() {} }),
    every(ms, run) {
      const period = { ms, run, live: true };
      periods.push(period);
      return {
        cancel() {
          period.live = false;
        },
      };
    },
  };
  const events: string[] = [];
  const counters = {
    sentBytes: 0,
    receivedBytes: 0,
    sentFailures: 0,
    receivedFailures: 0,
    disconnects: 0,
  };
  const writer = new StreamWriter("message", {
    clock,
    counters,
    heartbeatPeriodMs: 1234,
    opened: () => events.push("opened"),
    closed: (dropped) => events.push(`closed, ${dropped.length} dropped`),
  });
  const attach = (): FakeResponse => {
    const response = new FakeResponse();
    writer.attach(response as unknown as ServerResponse);
    return response;
  };
  return { writer, attach, events, periods, counters };
}

const message = (term: number): Message =>
  Message.create({ type: MessageType.MsgVote, from: 1n, to: 2n, term });

function terms(writes: readonly Buffer[]): number[] {
  const seen: number[] = [];
  const decoder = new MessageDecoder((one) => seen.push(one.term));
  for (const frames of writes) decoder.push(frames);
  return seen;
}

test("what one turn queues leaves in one write", () => {
  const { writer, attach, counters } = setUp();
  const response = attach();
  for (let i = 1; i <= 10; i++) writer.push(message(i));
  assert.equal(response.writes.length, 0);
  writer.flush();
  assert.equal(response.writes.length, 1);
  assert.deepEqual(terms(response.writes), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  assert.equal(counters.sentBytes, response.writes[0]!.length);
});

test("a full connection is waited for, in order and within the limit", () => {
  const { writer, attach, events, periods } = setUp();
  const response = attach();
  response.full = true;
  writer.push(message(1));
  writer.flush();
  for (let i = 0; i < streamQueueLimit; i++) assert.equal(writer.push(message(2 + i)), true);
  assert.equal(writer.push(message(0)), false);
  writer.flush();
  periods[0]!.run();
  assert.equal(response.writes.length, 1, "written although the connection is full");
  response.full = false;
  response.emit("drain");
  const expected = Array.from({ length: streamQueueLimit + 1 }, (_, i) => i + 1);
  assert.deepEqual(terms(response.writes), expected);
  assert.deepEqual(events, ["opened"]);
});

test("a stream that ends or is replaced reports what it had not written", () => {
  const { writer, attach, events, periods } = setUp();
  const first = attach();
  first.full = true;
  writer.push(message(1));
  writer.flush();
  writer.push(message(2));
  const second = attach();
  assert.equal(first.destroyed, true);
  assert.equal(periods[0]!.live, false);
  assert.deepEqual(terms(second.writes), [], "of the replaced stream's queue nothing is sent");
  second.full = true;
  writer.push(message(3));
  writer.flush();
  writer.push(message(4));
  second.destroy();
  assert.equal(writer.attached, false);
  assert.deepEqual(events, ["opened", "closed, 1 dropped", "opened", "closed, 1 dropped"]);
  assert.equal(periods[1]!.live, false);
});

test("link heartbeats are written while the stream is attached", () => {
  const { attach, periods } = setUp();
  const response = attach();
  assert.equal(periods[0]!.ms, 1234);
  periods[0]!.run();
  assert.equal(response.writes[0]!.toString("hex"), "00000000000000020808");
});
