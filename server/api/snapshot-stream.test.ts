import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { SnapshotResponse } from "#proto/gen/maintenance.ts";
import { sendSnapshot } from "#server/api/snapshot-stream.ts";
import type { Responder } from "#server/rpc/service-registry.ts";
import { FakeMember } from "#test/fakes/api-member.ts";

/** A connection that takes `room` messages at a time. */
class Line implements Responder {
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
  fail(): void {
    assert.fail("no failure");
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
    await sendSnapshot(fake, line);
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
    assert.equal(fake.copiesRemoved, 1);
  });
}

test("a client that reads slowly is sent what it takes and no more", async () => {
  const line = new Line();
  line.room = 3;
  const fake = member(300_000);
  const sending = sendSnapshot(fake, line);
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

test("a client that goes away lets go of the copy", async () => {
  const line = new Line();
  line.room = 1;
  const fake = member(300_000);
  const sending = sendSnapshot(fake, line);
  await turns();
  assert.equal(fake.copiesRemoved, 0);
  line.leave();
  await sending;
  assert.equal(line.sent.length, 1);
  assert.equal(fake.copiesRemoved, 1);
  assert.equal(line.finished, false);
});
