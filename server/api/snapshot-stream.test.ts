import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import type { Clock, Timer } from "#base/clock.ts";
import { SnapshotResponse } from "#proto/gen/maintenance.ts";
import { sendSnapshot } from "#server/api/snapshot-stream.ts";
import type { Responder } from "#server/rpc/service-registry.ts";
import { FakeMember } from "#test/fakes/api-member.ts";

/** A connection that takes `room` messages at a time. */
class Line implements Responder {
  readonly peerCommonName = undefined;
  readonly peer = "here";
  readonly timeoutMs = undefined;
  readonly sent: SnapshotResponse[] = [];
  ended = false;
  finished = false;
  room = Number.POSITIVE_INFINITY;
  drain = (): void => {};
  over: (() => void)[] = [];

  metadata(): undefined {}
  addMetadata(): void {}
  reply(): void {
    assert.fail("a stream");
  }
  failure: readonly [number, string] | undefined;
  fail(code: number, message: string): void {
    this.failure = [code, message];
    this.leave();
  }
  holdRequests(): void {}
  onEnded(run: () => void): void {
    this.over.push(run);
  }
  onDrain(run: () => void): void {
    this.drain = run;
  }
  write(message: Uint8Array): boolean {
    this.sent.push(SnapshotResponse.decode(message));
    return --this.room > 0;
  }
  end(): void {
    this.finished = true;
  }
  /** The client goes away. */
  leave(): void {
    this.ended = true;
    for (const run of this.over) run();
  }
}

/** Timers that fire when a test says so. */
class Timers implements Clock {
  readonly set = new Map<() => void, number>();

  monotonicMs(): number {
    return 0;
  }
  wallMs(): number {
    return 0;
  }
  after(delayMs: number, run: () => void): Timer {
    this.set.set(run, delayMs);
    return { cancel: () => void this.set.delete(run) };
  }
  every(): Timer {
    return assert.fail("nothing is done again and again");
  }
}

const turns = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await new Promise(setImmediate);
};

function member(bytes: number): FakeMember {
  const fake = new FakeMember();
  fake.copy = Uint8Array.from({ length: bytes }, (_, i) => i % 251);
  return fake;
}

for (const bytes of [0, 1, 32_768, 32_769, 300_000]) {
  test(`a state of ${bytes} bytes leaves in blobs of 32 KiB, with its SHA-256 last`, async () => {
    const fake = member(bytes);
    const line = new Line();
    await sendSnapshot(fake, line, new Timers());
    const last = line.sent.pop()!;
    assert.deepEqual(Buffer.from(last.blob), createHash("sha256").update(fake.copy).digest());
    assert.equal(last.remainingBytes, 0);
    let left = bytes;
    for (const { blob, header, remainingBytes, version } of line.sent) {
      assert.equal(blob.length, Math.min(32_768, left));
      left -= blob.length;
      assert.equal(remainingBytes, left);
      assert.equal(version, "3.7.0");
      assert.equal(header, undefined);
    }
    assert.deepEqual(Buffer.concat(line.sent.map(({ blob }) => blob)), Buffer.from(fake.copy));
    assert.equal(line.finished, true);
    assert.equal(line.failure, undefined);
    assert.equal(fake.copiesRemoved, 1);
  });
}

test("a client that reads slowly is sent what it takes and no more", async () => {
  const line = new Line();
  line.room = 3;
  const fake = member(300_000);
  const sending = sendSnapshot(fake, line, new Timers());
  await turns();
  assert.equal(line.sent.length, 3);
  line.room = 2;
  line.drain();
  await turns();
  assert.equal(line.sent.length, 5);
  line.room = Number.POSITIVE_INFINITY;
  line.drain();
  await sending;
  assert.equal(line.sent.length, 11);
});

test("a client that takes nothing for a minute is told so and lets go of the copy", async () => {
  const line = new Line();
  const fake = member(300_000);
  const clock = new Timers();
  line.room = 2;
  const sending = sendSnapshot(fake, line, clock);
  await turns();
  const [first] = clock.set.keys();
  line.room = 3;
  line.drain();
  await turns();
  assert.equal(line.sent.length, 5);
  assert.equal(clock.set.has(first!), false, "each blob that leaves begins a new minute");
  assert.deepEqual([...clock.set.values()], [60_000]);
  for (const run of clock.set.keys()) run();
  await sending;
  assert.deepEqual(line.failure, [
    10,
    "etcdserver: snapshot given up: the client has read next to nothing for 60 seconds",
  ]);
  assert.deepEqual([fake.copiesRemoved, line.sent.length, line.finished], [1, 5, false]);
});

test("a client that goes away lets go of the copy", async () => {
  const line = new Line();
  line.room = 1;
  const fake = member(300_000);
  const clock = new Timers();
  const sending = sendSnapshot(fake, line, clock);
  await turns();
  assert.equal(fake.copiesRemoved, 0);
  line.leave();
  await sending;
  assert.equal(line.sent.length, 1);
  assert.equal(fake.copiesRemoved, 1);
  assert.equal(line.finished, false);
  assert.equal(clock.set.size, 0);
});
