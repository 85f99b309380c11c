// A connection on a socket that takes what it is given when the test says so.
import assert from "node:assert/strict";
import type { Buffer } from "node:buffer";
import { Duplex } from "node:stream";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { frame, request, settings } from "#test/http2/frames.ts";
import { frameType, preface } from "./http2/frame.ts";
import { BlockPool, QueuedBytes } from "./http2/output.ts";
import { defaultLimits } from "./limits.ts";
import { type ConnectionHost, ServerConnection } from "./server-connection.ts";

class CountingPool extends BlockPool {
  readonly out = new Set<Buffer>();

  override take(small?: boolean): Buffer {
    const block = super.take(small);
    this.out.add(block);
    return block;
  }

  override give(block: Buffer): void {
    assert.ok(this.out.delete(block), "a block was given back twice");
    super.give(block);
  }
}

/** Takes a write when `take` is called. */
class SlowSocket extends Duplex {
  sent = 0;
  private readonly waiting: (() => void)[] = [];

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.waiting.push(() => {
      this.sent += chunk.length;
      done();
    });
  }

  takeOne(): boolean {
    const next = this.waiting.shift();
    next?.();
    return next !== undefined;
  }
}

class Rig implements ConnectionHost {
  readonly limits = { ...defaultLimits(1000), stallMs: 1000, keepaliveTimeoutMs: 10_000 };
  readonly pool = new CountingPool();
  readonly queued = new QueuedBytes(1 << 30);
  readonly socket = new SlowSocket();
  readonly connection: ServerConnection;
  readonly faults: string[] = [];
  private due: ServerConnection[] = [];
  now = 0;

  constructor() {
    this.connection = new ServerConnection(this.socket, this);
    this.connection.http2.receive(preface);
    this.connection.http2.receive(settings());
  }

  nowMs(): number {
    return this.now;
  }
  request(_: ServerConnection, stream: Parameters<ConnectionHost["request"]>[1]) {
    stream.respond({ fields: [{ name: ":status", value: "200" }], recurs: true }, true);
    return { onData() {}, onEnd() {}, onReset() {}, onWritable() {} };
  }
  flushLater(connection: ServerConnection): void {
    this.due.push(connection);
  }
  closed(): void {}
  refused(): void {}
  faulted(reason: string): void {
    this.faults.push(reason);
  }

  flush(): void {
    const { due } = this;
    this.due = [];
    for (const connection of due) connection.flush();
  }

  async takeAll(): Promise<void> {
    do {
      this.flush();
      await turn();
    } while (this.socket.takeOne() || this.due.length > 0);
  }
}

test("a socket that takes nothing keeps few blocks, however often there is little to send", async () => {
  const rig = new Rig();
  for (let round = 0; round < 500; round++) {
    rig.connection.http2.receive(settings());
    rig.flush();
  }
  assert.ok(rig.pool.out.size <= 6, `${rig.pool.out.size} blocks`);
  await rig.takeAll();
  assert.equal(rig.pool.out.size, 0);
  assert.equal(rig.socket.sent, 9 + 18 + 13 + 501 * 9, "nothing is lost");
});

test("while reading is held nothing is read, and all of it is once it goes on", async () => {
  const rig = new Rig();
  const { connection, socket } = rig;
  socket.push(request(1));
  await turn();
  const { progress } = connection.http2;
  connection.holdReading(true);
  socket.push(request(3));
  socket.push(request(5));
  await turn();
  // Answers that leave restart only what waits for them to leave.
  await rig.takeAll();
  assert.equal(connection.http2.progress, progress);
  connection.holdReading(false);
  await turn();
  assert.equal(connection.http2.progress, progress + 2);
  assert.equal(connection.http2.lastStreamId, 5);
});

test("a socket that is lost gives all blocks back", async () => {
  const rig = new Rig();
  for (let round = 0; round < 50; round++) {
    rig.connection.http2.receive(request(1 + 2 * round));
    rig.flush();
  }
  rig.socket.destroy();
  await turn();
  rig.socket.takeOne();
  rig.flush();
  await turn();
  assert.equal(rig.pool.out.size, 0);
  assert.equal(rig.connection.http2.streams.size, 0);
});

test("a client that takes something now and then has not stalled, one that takes nothing has", async () => {
  const rig = new Rig();
  rig.flush();
  for (let round = 0; round < 20; round++) {
    // Always as much unsent as before: only what was taken tells.
    rig.connection.http2.receive(settings());
    rig.flush();
    rig.socket.takeOne();
    await turn();
    rig.now += 900;
    rig.connection.look(rig.now);
  }
  assert.deepEqual(rig.faults, []);
  rig.connection.http2.receive(settings());
  rig.flush();
  for (let looks = 0; looks < 4; looks++) {
    rig.now += 900;
    rig.connection.look(rig.now);
  }
  assert.deepEqual(rig.faults, ["stalled"]);
  assert.ok(rig.socket.destroyed);
});

test("a connection that is to close does so when its last stream is reset", async () => {
  const rig = new Rig();
  rig.request = () => ({ onData() {}, onEnd() {}, onReset() {}, onWritable() {} });
  rig.socket.push(request(1));
  await turn();
  rig.connection.leave();
  await rig.takeAll();
  assert.ok(!rig.socket.writableEnded, "a stream runs");
  rig.socket.push(frame(frameType.rstStream, 0, 1, new Uint8Array(4)));
  await turn();
  await rig.takeAll();
  assert.ok(rig.socket.writableEnded);
});

test("a fault behind a graceful close still closes soon", async () => {
  const rig = new Rig();
  rig.connection.leave();
  await rig.takeAll();
  rig.socket.push(frame(frameType.ping, 0, 1));
  await turn();
  assert.deepEqual(rig.faults, ["protocol_error"]);
  rig.connection.look(5000);
  assert.ok(rig.socket.destroyed);
});

test("pings: how far apart they must be, with a call open and without one", async () => {
  const minute = 60_000;
  const rows = [
    // With a call, --grpc-keepalive-min-time counts; the third that comes too early is one too many.
    { call: true, everyMs: 5000, ends: false },
    { call: true, everyMs: 4999, ends: true },
    // Without one, two hours.
    { call: false, everyMs: 5000, ends: true },
    { call: false, everyMs: 119 * minute, ends: true },
    { call: false, everyMs: 120 * minute, ends: false },
  ];
  for (const { call, everyMs, ends } of rows) {
    const rig = new Rig();
    rig.request = () => ({ onData() {}, onEnd() {}, onReset() {}, onWritable() {} });
    if (call) rig.socket.push(request(1));
    await turn();
    await rig.takeAll();
    rig.now = 3 * 120 * minute;
    for (let i = 0; i < 6; i++) {
      rig.socket.push(frame(frameType.ping, 0, 0, new Uint8Array(8)));
      await turn();
      rig.now += everyMs;
    }
    assert.deepEqual(rig.faults, ends ? ["too_many_pings"] : [], `${call} ${everyMs}`);
  }
});
