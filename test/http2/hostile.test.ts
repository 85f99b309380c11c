// Clients that mean harm, on real sockets: each is ended with the code that RFC 9113 has for it and
// counted, or stays within its bounds; another client is answered meanwhile.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { silentLog } from "#base/log.ts";
import { systemClock } from "#base/system-clock.ts";
import { errorCode, frameFlag, frameType, preface } from "#server/rpc/http2/frame.ts";
import { type ConnectionLimits, defaultLimits } from "#server/rpc/limits.ts";
import { startClientListeners } from "#server/rpc/listeners.ts";
import { ServiceRegistry } from "#server/rpc/service-registry.ts";
import { framed, RawClient } from "#test/fakes/raw-grpc.ts";
import { frame, literal, postBlock, request, settings, uint32 } from "./frames.ts";

const echo = "/hostile.Test/Echo";
const large = "/hostile.Test/Large";
const never = "/hostile.Test/Never";
const largeBytes = 1 << 20;
const quietMs = 1000;

class HostileServer implements AsyncDisposable {
  readonly registry = new ServiceRegistry();
  port = 0;
  private close: (() => Promise<void>) | undefined;

  async start(limits: Partial<ConnectionLimits>): Promise<void> {
    const unary = { requestStream: false, responseStream: false } as const;
    const { registry } = this;
    registry.add({ ...unary, path: echo, handle: (m, call) => call.reply(Uint8Array.from(m)) });
    registry.add({
      ...unary,
      path: large,
      handle: (_, call) => call.reply(Buffer.alloc(largeBytes)),
    });
    registry.add({ ...unary, path: never, handle: () => {} });
    const listeners = await startClientListeners({
      urls: ["http://127.0.0.1:0"],
      registry,
      http: (_request, response) => void response.end("http"),
      limits: { ...defaultLimits(1 << 20), ...limits },
      clock: systemClock,
      log: silentLog,
    });
    this.port = Number(listeners.addresses[0]!.split(":")[1]);
    this.close = () => listeners.close(0);
  }

  /** Another client is answered. */
  async serves(): Promise<void> {
    using client = new RawClient(`http://127.0.0.1:${this.port}`);
    const answer = await client.call({ path: echo, body: framed(Buffer.from("hello")) });
    assert.equal(answer.code, 0);
    assert.deepEqual(answer.body, framed(Buffer.from("hello")));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close?.();
  }
}

async function startServer(limits: Partial<ConnectionLimits> = {}): Promise<HostileServer> {
  const server = new HostileServer();
  await server.start(limits);
  return server;
}

/** One hostile connection. */
class Hostile implements Disposable {
  readonly socket: Socket;
  /** All that came, if it reads. */
  received = Buffer.alloc(0);
  readonly closed: Promise<unknown>;

  constructor(
    server: HostileServer,
    options: { readonly reads: boolean; readonly window?: number },
  ) {
    this.socket = connect(server.port, "127.0.0.1");
    this.socket.on("error", () => {});
    this.closed = once(this.socket, "close");
    if (options.reads)
      this.socket.on("data", (chunk) => {
        this.received = Buffer.concat([this.received, chunk]);
      });
    this.socket.write(preface);
    this.socket.write(options.window === undefined ? settings() : settings([4, options.window]));
  }

  /** False once the connection is over. */
  async send(bytes: Buffer): Promise<boolean> {
    const { socket } = this;
    if (socket.destroyed || !socket.writable) return false;
    if (!socket.write(bytes))
      await Promise.race([once(socket, "drain").catch(() => {}), this.closed]);
    // Turns of the loop for the server, which lives in the same process.
    await new Promise((resolve) => setImmediate(resolve));
    return !socket.destroyed && socket.writable;
  }

  /** Sends until the server has had enough. */
  async flood(batch: (round: number) => Buffer): Promise<void> {
    for (let round = 0; await this.send(batch(round)); round++)
      assert.ok(round < 5000, "it never ends");
    await this.closed;
  }

  /** The code of the GOAWAY, or undefined if none came. */
  goaway(): number | undefined {
    return this.frames()
      .find(({ type }) => type === frameType.goaway)
      ?.payload.readUInt32BE(4);
  }

  frames(): { type: number; streamId: number; payload: Buffer }[] {
    const out: { type: number; streamId: number; payload: Buffer }[] = [];
    const bytes = this.received;
    for (let at = 0; at + 9 <= bytes.length; ) {
      const end = at + 9 + bytes.readUIntBE(at, 3);
      out.push({
        type: bytes[at + 3]!,
        streamId: bytes.readUInt32BE(at + 5),
        payload: bytes.subarray(at + 9, end),
      });
      at = end;
    }
    return out;
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}

function many(count: number, one: (index: number) => Buffer): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, index) => one(index)));
}

function grpcRequest(streamId: number, path: string, ends = true): Buffer {
  const block = Buffer.concat([
    Buffer.of(0x83, 0x86, 0x04, path.length),
    Buffer.from(path),
    literal("content-type", "application/grpc"),
  ]);
  const message = ends
    ? frame(frameType.data, frameFlag.endStream, streamId, framed(Buffer.of(1)))
    : Buffer.alloc(0);
  return Buffer.concat([request(streamId, false, block), message]);
}

describe("ended with their code", () => {
  const calm = errorCode.enhanceYourCalm;
  const cases: Readonly<
    Record<string, { code: number; reason: string; batch: (round: number) => Buffer }>
  > = {
    "rapid resets": {
      code: calm,
      reason: "flood",
      batch: (round) =>
        many(100, (index) => {
          const id = (round * 100 + index) * 2 + 1;
          return Buffer.concat([
            grpcRequest(id, never),
            frame(frameType.rstStream, 0, id, uint32(errorCode.cancel)),
          ]);
        }),
    },
    "resets that the server is made to send": {
      code: calm,
      reason: "flood",
      batch: (round) =>
        many(100, (index) => {
          const id = (round * 100 + index) * 2 + 1;
          return Buffer.concat([
            grpcRequest(id, never),
            frame(frameType.windowUpdate, 0, id, uint32(0)),
          ]);
        }),
    },
    "malformed requests": {
      code: calm,
      reason: "flood",
      batch: (round) =>
        many(500, (index) => request((round * 500 + index) * 2 + 1, true, Buffer.of(0x83))),
    },
    continuations: {
      code: calm,
      reason: "header_block",
      batch: (round) =>
        round === 0
          ? frame(frameType.headers, 0, 1, postBlock)
          : frame(frameType.continuation, 0, 1, literal("a", "b")),
    },
    "header lists that go on": {
      code: calm,
      reason: "header_block",
      batch: (round) =>
        frame(
          round === 0 ? frameType.headers : frameType.continuation,
          0,
          1,
          many(100, () => literal("a", "v".repeat(100))),
        ),
    },
    pings: {
      code: calm,
      reason: "too_many_pings",
      batch: () => many(100, () => frame(frameType.ping, 0, 0, Buffer.alloc(8))),
    },
    settings: { code: calm, reason: "flood", batch: () => many(500, () => settings([3, 1])) },
    "window updates of closed streams": {
      code: calm,
      reason: "flood",
      batch: (round) =>
        round === 0 ? request(1) : many(500, () => frame(frameType.windowUpdate, 0, 1, uint32(1))),
    },
    "window updates beyond the largest": {
      code: errorCode.flowControlError,
      reason: "flow_control_error",
      batch: () => many(2, () => frame(frameType.windowUpdate, 0, 0, uint32(2 ** 31 - 1))),
    },
    "empty data": {
      code: calm,
      reason: "flood",
      batch: (round) =>
        round === 0 ? grpcRequest(1, never, false) : many(500, () => frame(frameType.data, 0, 1)),
    },
    priorities: {
      code: calm,
      reason: "flood",
      batch: () => many(500, () => frame(frameType.priority, 0, 1, Buffer.alloc(5, 3))),
    },
    "frames too large": {
      code: errorCode.frameSizeError,
      reason: "frame_size_error",
      batch: () => frame(frameType.data, 0, 1, Buffer.alloc(20_000)),
    },
    "a table beyond its size": {
      code: errorCode.compressionError,
      reason: "compression_error",
      batch: () => request(1, true, Buffer.from("3fe1ff03", "hex")),
    },
  };
  for (const [what, { code, reason, batch }] of Object.entries(cases)) {
    test(what, async () => {
      await using server = await startServer();
      using hostile = new Hostile(server, { reads: true });
      const served = server.serves();
      await hostile.flood(batch);
      await served;
      assert.deepEqual([...server.registry.endedConnections], [[reason, 1]]);
      // A reset of the socket, for bytes still on their way, may overtake the last frame.
      assert.ok([code, undefined].includes(hostile.goaway()), `code ${hostile.goaway()}`);
      await server.serves();
    });
  }
});

describe("bounded", () => {
  const bounded = async (before: number, mib: number): Promise<void> => {
    await sleep(0);
    const more = (process.memoryUsage().arrayBuffers - before) / 2 ** 20;
    assert.ok(more < mib, `${Math.round(more)} MiB were taken`);
  };

  for (const [what, window] of [
    ["answers that are never read", 2 ** 31 - 1],
    ["windows that stay at zero", 0],
  ] as const) {
    test(what, async () => {
      await using server = await startServer({ maxQueuedBytes: 16 << 20 });
      using hostile = new Hostile(server, { reads: false, window });
      await hostile.send(frame(frameType.windowUpdate, 0, 0, uint32(2 ** 30)));
      const before = process.memoryUsage().arrayBuffers;
      for (let id = 1; id < 400; id += 2) await hostile.send(grpcRequest(id, large));
      await server.serves();
      const refused = (): number => server.registry.refusedStreams.get("unread_answers") ?? 0;
      while (refused() + server.registry.find(large)!.counters.started < 200) await sleep(1);
      await bounded(before, 64);
      assert.ok(refused() > 100);
    });
  }

  test("statuses that are never read", async () => {
    await using server = await startServer({ stallMs: quietMs });
    using hostile = new Hostile(server, { reads: false });
    // One path, kept in the table, whose answer repeats it: ten bytes that ask for a hundred.
    const path = `/${"p".repeat(100)}`;
    const fields = [
      literal(":path", path, true),
      literal("content-type", "application/grpc", true),
    ];
    await hostile.send(request(1, true, Buffer.concat([Buffer.of(0x83, 0x86), ...fields])));
    const before = process.memoryUsage().arrayBuffers;
    const indexed = Buffer.of(0x83, 0x86, 0x80 | 63, 0x80 | 62);
    let ended = false;
    void hostile.closed.then(() => {
      ended = true;
    });
    let id = 3;
    while (!ended && id < 1 << 20) {
      const batch = many(1000, (index) => request(id + 2 * index, true, indexed));
      id += 2000;
      // It waits for room as long as the server takes nothing more.
      if (!(await Promise.race([hostile.send(batch), sleep(500).then(() => false)]))) break;
    }
    await server.serves();
    await bounded(before, 96);
  });

  test("requests that name their table's largest field again and again", async () => {
    await using server = await startServer();
    using hostile = new Hostile(server, { reads: true });
    const name = literal("a", "", true).subarray(0, 3);
    const value = Buffer.concat([Buffer.from("7f811e", "hex"), Buffer.alloc(4096 - 128, "v")]);
    const bomb = Buffer.concat([postBlock, name, value, Buffer.alloc(12_000, 0x80 | 62)]);
    await hostile.send(request(1, true, bomb));
    await hostile.send(request(3, true, bomb));
    await server.serves();
    assert.equal(server.registry.refusedStreams.get("header_size"), 2);
    assert.ok(!hostile.socket.destroyed);
  });

  test("streams that stay open, and small windows", async () => {
    await using server = await startServer();
    const count = 5000;
    using hostile = new Hostile(server, { reads: true, window: 1 });
    await hostile.send(many(count, (index) => grpcRequest(1 + index * 2, never, false)));
    const id = 1 + count * 2;
    await hostile.send(grpcRequest(id, large));
    for (let rounds = 0; rounds < 20; rounds++)
      await hostile.send(many(100, () => frame(frameType.windowUpdate, 0, id, uint32(1))));
    await server.serves();
    const method = server.registry.find(never)!;
    assert.equal(method.counters.started, count);
    hostile.socket.destroy();
    await hostile.closed;
    while (method.counters.handled[1] !== count) await sleep(1);
  });

  test("messages in pieces of a byte", async () => {
    await using server = await startServer();
    using hostile = new Hostile(server, { reads: true });
    const streams = 50;
    const announced = Buffer.of(0, 0, 15, 0, 0);
    await hostile.send(
      many(streams, (index) =>
        Buffer.concat([
          grpcRequest(1 + index * 2, never, false),
          frame(frameType.data, 0, 1 + index * 2, announced),
        ]),
      ),
    );
    const before = process.memoryUsage().heapUsed;
    for (let rounds = 0; rounds < 20; rounds++) {
      const piece = (index: number): Buffer =>
        frame(frameType.data, 0, 1 + (index % streams) * 2, Buffer.of(1));
      await hostile.send(many(5000, piece));
    }
    await server.serves();
    const more = (process.memoryUsage().heapUsed - before) / 2 ** 20;
    assert.ok(more < 48, `${Math.round(more)} MiB of heap for 0.1 MB`);
  });
});

test("clients that stop in the middle are ended, those that go on slowly are not", async () => {
  await using server = await startServer({ stallMs: quietMs });
  const open = (): Hostile => new Hostile(server, { reads: true });
  const idle = Array.from({ length: 200 }, open);
  const silent = Array.from({ length: 200 }, () => {
    const socket = connect(server.port, "127.0.0.1");
    socket.on("error", () => {});
    socket.resume();
    // Nothing behind the preface.
    socket.write(preface);
    return socket;
  });
  const inHeaders = open();
  await inHeaders.send(frame(frameType.headers, 0, 1, postBlock));
  const inBody = open();
  const data = frame(frameType.data, 0, 1, Buffer.alloc(100));
  await inBody.send(Buffer.concat([grpcRequest(1, never, false), data.subarray(0, 50)]));
  const goesOn = open();
  await goesOn.send(Buffer.concat([grpcRequest(1, never, false), data.subarray(0, 1)]));
  let over = false;
  const trickles = (async () => {
    // Always in the middle of a frame, but each time of the next.
    for (let at = 0; !over; at++) {
      await sleep(100);
      await goesOn.send(Buffer.concat([data.subarray(1), data.subarray(0, 1)]));
      await inHeaders.send(frame(frameType.continuation, 0, 1));
      await inBody.send(data.subarray(50 + (at % 25), 51 + (at % 25)));
    }
  })();
  await Promise.all([
    inHeaders.closed,
    inBody.closed,
    ...silent.map((socket) => socket.destroyed || once(socket, "close")),
  ]);
  over = true;
  await trickles;
  await server.serves();
  assert.equal(server.registry.endedConnections.get("stalled"), 202);
  assert.ok(!goesOn.socket.destroyed);
  for (const hostile of [...idle, goesOn]) {
    assert.ok(!hostile.socket.destroyed, "an idle connection is no fault");
    hostile.socket.destroy();
  }
});

test("a client that ends its side is gone, as for the reference", async () => {
  await using server = await startServer();
  using hostile = new Hostile(server, { reads: true });
  await hostile.send(grpcRequest(1, never));
  hostile.socket.end();
  await hostile.closed;
  assert.equal(server.registry.find(never)!.counters.handled[1], 1);
});
