// The connection byte by byte: what RFC 9113 asks for and h2spec does not show, and every bound.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { seededRandom } from "#base/random.ts";
import { frame, literal, postBlock, request, settings, uint32 } from "#test/http2/frames.ts";
import { type ConnectionEvents, Http2Connection } from "./connection.ts";
import { errorCode, frameFlag, frameType, maxFrameBytes, preface } from "./frame.ts";
import type { HeaderList } from "./header-encoder.ts";
import { BlockPool, QueuedBytes } from "./output.ts";
import type { RequestHeaders } from "./request-headers.ts";
import type { Http2Stream } from "./stream.ts";

const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const replay = `SEED=${seed} node --test server/rpc/http2/connection.test.ts`;

const okList: HeaderList = { fields: [{ name: ":status", value: "200" }], recurs: true };
const noPrefix = new Uint8Array(0);

interface Sent {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

/** One connection, and what it said. */
class Rig implements ConnectionEvents {
  readonly http2: Http2Connection;
  readonly log: string[] = [];
  readonly total = new QueuedBytes(1 << 30);
  readonly streams: Http2Stream[] = [];
  readonly headers: RequestHeaders[] = [];
  nowMs = 0;
  onRequest: (stream: Http2Stream) => void = () => {};
  onData: (stream: Http2Stream) => void = () => {};

  constructor(limits: Partial<{ maxConcurrentStreams: number; maxQueuedBytes: number }> = {}) {
    this.http2 = new Http2Connection(
      { maxConcurrentStreams: 100, maxHeaderBytes: 4096, maxQueuedBytes: 1 << 20, ...limits },
      this,
      new BlockPool(),
      this.total,
      () => this.nowMs,
    );
    this.receive(preface);
    this.receive(settings());
    this.sent();
  }

  request(stream: Http2Stream, headers: RequestHeaders) {
    this.streams.push(stream);
    this.headers.push(headers);
    this.onRequest(stream);
    const note = (what: string): void => void this.log.push(`${stream.id} ${what}`);
    return {
      onData: (_bytes: Buffer, from: number, to: number) => {
        note(`data ${to - from}`);
        this.onData(stream);
      },
      onEnd: () => note("end"),
      onReset: () => note("reset"),
      onWritable: () => note("writable"),
    };
  }

  wantsFlush(): void {}
  pinged(sentSince: boolean): void {
    this.log.push(`ping ${sentSince}`);
  }
  ponged(): void {
    this.log.push("pong");
  }
  refused(reason: string): void {
    this.log.push(`refused ${reason}`);
  }

  receive(bytes: Buffer): boolean {
    return this.http2.receive(bytes);
  }

  /** The frames that went out since the last call. */
  sent(): Sent[] {
    const bytes = Buffer.concat(this.http2.parcel().chunks);
    const frames: Sent[] = [];
    for (let at = 0; at < bytes.length; ) {
      const end = at + 9 + bytes.readUIntBE(at, 3);
      const [type, flags] = [bytes[at + 3]!, bytes[at + 4]!];
      const streamId = bytes.readUInt32BE(at + 5);
      frames.push({ type, flags, streamId, payload: bytes.subarray(at + 9, end) });
      at = end;
    }
    return frames;
  }

  dataBytes(): number {
    return this.sent()
      .filter(({ type }) => type === frameType.data)
      .reduce((sum, { payload }) => sum + payload.length, 0);
  }

  fault(): number | undefined {
    return this.http2.fault?.code;
  }
}

test("a request and its answer, cut at every byte", () => {
  const bytes = Buffer.concat([
    request(1, false),
    frame(frameType.data, 0, 1, Buffer.from("abc")),
    frame(frameType.data, frameFlag.endStream | frameFlag.padded, 1, Buffer.from("\x02dezz")),
  ]);
  for (let cut = 0; cut <= bytes.length; cut++) {
    const rig = new Rig();
    rig.receive(bytes.subarray(0, cut));
    rig.receive(bytes.subarray(cut));
    assert.deepEqual(rig.log, ["1 data 3", "1 data 2", "1 end"], `cut at ${cut}`);
    const [headers] = rig.headers;
    assert.equal(headers?.path, "/a");
    assert.equal(headers?.method, "POST");
    rig.streams[0]!.respond(okList, false);
    rig.streams[0]!.write(noPrefix, Buffer.from("answer"));
    rig.streams[0]!.finish(okList);
    assert.deepEqual(
      rig.sent().map(({ type, flags }) => [type, flags]),
      [
        [frameType.headers, frameFlag.endHeaders],
        [frameType.data, 0],
        [frameType.headers, frameFlag.endHeaders | frameFlag.endStream],
      ],
    );
    assert.equal(rig.http2.streams.size, 0);
  }
});

test("an answer that leaves the request unread ends with a reset of NO_ERROR behind it", () => {
  const rig = new Rig();
  rig.receive(request(1, false));
  rig.streams[0]!.respond(okList, true);
  const [headers, reset] = rig.sent();
  assert.equal(headers?.type, frameType.headers);
  assert.equal(reset?.type, frameType.rstStream);
  assert.equal(reset?.payload.readUInt32BE(), errorCode.noError);
  // What is on its way is no fault, and gives the connection its window back.
  assert.ok(rig.receive(frame(frameType.data, 0, 1, Buffer.alloc(100))));
  assert.deepEqual(rig.sent(), []);
});

test("equal header blocks share one decoded request", () => {
  const rig = new Rig();
  rig.receive(Buffer.concat([request(1), request(3)]));
  assert.equal(rig.headers[0], rig.headers[1]);
  // A block that adds to the table must be decoded each time.
  const adds = Buffer.concat([postBlock, Buffer.from("4001630164", "hex")]);
  const flags = frameFlag.endHeaders | frameFlag.endStream;
  for (const id of [5, 7]) rig.receive(frame(frameType.headers, flags, id, adds));
  assert.notEqual(rig.headers[2], rig.headers[3]);
  assert.equal(rig.headers[3]?.get("c"), "d");
});

describe("flow control", () => {
  test("data waits for the stream's window, then for the connection's", () => {
    const rig = new Rig();
    rig.receive(settings([4, 10]));
    rig.receive(request(1));
    const stream = rig.streams[0]!;
    stream.respond(okList, false);
    stream.write(noPrefix, Buffer.alloc(100_000));
    stream.finish(okList);
    assert.equal(rig.dataBytes(), 10);
    rig.receive(frame(frameType.windowUpdate, 0, 1, uint32(5)));
    assert.equal(rig.dataBytes(), 5);
    rig.receive(frame(frameType.windowUpdate, 0, 1, uint32(1 << 20)));
    assert.equal(rig.dataBytes(), 65_535 - 15, "the connection's window");
    rig.receive(frame(frameType.windowUpdate, 0, 0, uint32(1 << 20)));
    assert.equal(rig.dataBytes(), 100_000 - 65_535);
    assert.equal(rig.http2.queuedBytes, 0);
  });

  test("a smaller initial window makes windows negative, and is made good", () => {
    const rig = new Rig();
    rig.receive(settings([4, 100]));
    rig.receive(request(1));
    rig.streams[0]!.respond(okList, false);
    rig.streams[0]!.write(noPrefix, Buffer.alloc(150));
    assert.equal(rig.dataBytes(), 100);
    rig.receive(settings([4, 0]));
    rig.receive(frame(frameType.windowUpdate, 0, 1, uint32(100)));
    assert.equal(rig.dataBytes(), 0, "the window is 0 now");
    rig.receive(frame(frameType.windowUpdate, 0, 1, uint32(30)));
    assert.equal(rig.dataBytes(), 30);
  });

  test("streams held up by the connection get a frame each in turn", () => {
    const rig = new Rig();
    rig.receive(settings([4, 1 << 20]));
    rig.receive(Buffer.concat([request(1), request(3)]));
    for (const stream of rig.streams) {
      stream.respond(okList, false);
      stream.write(noPrefix, Buffer.alloc(200_000));
    }
    rig.sent();
    rig.receive(frame(frameType.windowUpdate, 0, 0, uint32(4 * maxFrameBytes)));
    const ids = rig.sent().map(({ streamId }) => streamId);
    assert.deepEqual(ids, [1, 3, 1, 3]);
  });

  test("a socket that is full holds data back", () => {
    const rig = new Rig();
    rig.receive(request(1));
    rig.http2.congested = true;
    rig.streams[0]!.respond(okList, false);
    rig.streams[0]!.write(noPrefix, Buffer.alloc(10));
    assert.equal(rig.dataBytes(), 0);
    rig.http2.congested = false;
    rig.http2.resume();
    assert.equal(rig.dataBytes(), 10);
  });

  test("a writer is asked to hold back, and told when there is room", () => {
    const rig = new Rig();
    rig.receive(settings([4, 0]));
    rig.receive(request(1));
    const stream = rig.streams[0]!;
    stream.respond(okList, false);
    assert.equal(stream.write(noPrefix, Buffer.alloc(60_000)), true);
    assert.equal(stream.write(noPrefix, Buffer.alloc(60_000)), false);
    rig.receive(frame(frameType.windowUpdate, 0, 1, uint32(60_000)));
    assert.ok(!rig.log.includes("1 writable"), "half of it still waits");
    rig.receive(frame(frameType.windowUpdate, 0, 0, uint32(1 << 20)));
    rig.receive(frame(frameType.windowUpdate, 0, 1, uint32(60_000)));
    assert.ok(rig.log.includes("1 writable"));
  });

  test("the client's window is given back as its data is taken, not before", () => {
    const rig = new Rig();
    rig.receive(request(1, false));
    const stream = rig.streams[0]!;
    stream.hold(true);
    const half = Math.ceil((1 << 19) / maxFrameBytes);
    for (let i = 0; i < half; i++)
      rig.receive(frame(frameType.data, 0, 1, Buffer.alloc(maxFrameBytes)));
    assert.deepEqual(rig.sent(), []);
    assert.deepEqual(rig.log, []);
    stream.hold(false);
    const [update] = rig.sent();
    assert.equal(update?.type, frameType.windowUpdate);
    assert.equal(update?.payload.readUInt32BE(), 1 << 19);
    assert.equal(rig.log.length, half);
  });

  test("data beyond a window is a fault", () => {
    const rig = new Rig();
    rig.receive(request(1, false));
    rig.streams[0]!.hold(true);
    for (let i = 0; i <= (1 << 20) / maxFrameBytes; i++)
      rig.receive(frame(frameType.data, 0, 1, Buffer.alloc(maxFrameBytes)));
    const reset = rig.sent().find(({ type }) => type === frameType.rstStream);
    assert.equal(reset?.payload.readUInt32BE(), errorCode.flowControlError);
    assert.deepEqual(rig.log.slice(-1), ["1 reset"]);
  });
});

describe("bounds", () => {
  const flood = (what: string, one: () => Buffer) =>
    test(`a flood of ${what} ends the connection, its rate does not`, () => {
      const rig = new Rig();
      rig.receive(request(1, false));
      for (let i = 0; i < 20; i++) {
        for (let j = 0; j < 900; j++) assert.ok(rig.receive(one()), `${rig.http2.fault?.message}`);
        rig.nowMs += 1000;
        rig.sent();
      }
      let count = 0;
      while (rig.receive(one())) {
        count++;
        assert.ok(count < 20_000, "it never ends");
      }
      assert.equal(rig.fault(), errorCode.enhanceYourCalm);
    });
  flood("pings", () => frame(frameType.ping, 0, 0, Buffer.alloc(8)));
  flood("settings", () => settings([3, 7]));
  flood("priorities", () => frame(frameType.priority, 0, 1, Buffer.from("0000000301", "hex")));
  flood("empty data", () => frame(frameType.data, 0, 1));
  flood("unknown frames", () => frame(77, 0, 0));
  let id = 1;
  flood("resets", () => {
    id += 2;
    return Buffer.concat([request(id), frame(frameType.rstStream, 0, id, uint32(8))]);
  });

  test("a header block without end", () => {
    const rig = new Rig();
    rig.receive(frame(frameType.headers, 0, 1, postBlock));
    let frames = 0;
    while (rig.receive(frame(frameType.continuation, 0, 1))) frames++;
    assert.equal(rig.fault(), errorCode.enhanceYourCalm);
    assert.ok(frames < 100);
  });

  test("fields beyond the header limit refuse the request, not the connection", () => {
    const rig = new Rig();
    const long = Buffer.concat([
      postBlock,
      Buffer.from("00017a7fe11f", "hex"),
      Buffer.alloc(4096 + 96, "v"),
    ]);
    rig.receive(frame(frameType.headers, frameFlag.endHeaders | frameFlag.endStream, 1, long));
    assert.equal(rig.sent()[0]?.type, frameType.rstStream);
    rig.receive(request(3));
    assert.equal(rig.streams.length, 1);
  });

  test("streams beyond the limit are refused", () => {
    const rig = new Rig({ maxConcurrentStreams: 2 });
    rig.receive(Buffer.concat([request(1), request(3), request(5)]));
    assert.equal(rig.streams.length, 2);
    const [reset] = rig.sent();
    assert.equal(reset?.payload.readUInt32BE(), errorCode.refusedStream);
  });

  test("a client that does not read its answers gets no new requests in", () => {
    const rig = new Rig({ maxQueuedBytes: 1000 });
    rig.receive(settings([4, 0]));
    rig.receive(request(1));
    rig.streams[0]!.respond(okList, false);
    rig.streams[0]!.write(noPrefix, Buffer.alloc(2000));
    rig.receive(request(3));
    assert.equal(rig.streams.length, 1);
    rig.receive(frame(frameType.rstStream, 0, 1, uint32(8)));
    assert.equal(rig.http2.queuedBytes, 0);
    rig.receive(request(5));
    assert.equal(rig.streams.length, 2);
  });
});

test("after GOAWAY running streams finish and new ones are not begun", () => {
  const rig = new Rig();
  rig.receive(request(1));
  rig.http2.goaway(errorCode.noError, "");
  rig.receive(request(3));
  assert.equal(rig.streams.length, 1);
  const [goaway] = rig.sent();
  assert.equal(goaway?.payload.readUInt32BE(), 1, "the last stream that is served");
  rig.streams[0]!.respond(okList, true);
  assert.equal(rig.sent().length, 1);
});

test("a connection that is lost tells every stream once", () => {
  const rig = new Rig();
  rig.receive(Buffer.concat([request(1), request(3, false)]));
  rig.http2.abandon();
  rig.http2.abandon();
  assert.deepEqual(rig.log, ["1 end", "1 reset", "3 reset"]);
});

test("a request held when its answer ends gives its window back", () => {
  const rig = new Rig();
  rig.receive(request(1, false));
  const stream = rig.streams[0]!;
  stream.hold(true);
  for (let i = 0; i < 20; i++) rig.receive(frame(frameType.data, 0, 1, Buffer.alloc(1000)));
  rig.receive(frame(frameType.data, frameFlag.endStream, 1, Buffer.alloc(1000)));
  stream.respond(okList, true);
  rig.http2.checkAccounts();
  stream.hold(false);
  assert.deepEqual(rig.log, [], "nothing is handed on behind the end");
  rig.http2.checkAccounts();
});

test("a receiver that ends its stream gets nothing more of what was held", () => {
  const rig = new Rig();
  rig.onData = (stream) => stream.reset(errorCode.cancel);
  rig.receive(request(1, false));
  rig.streams[0]!.hold(true);
  rig.receive(frame(frameType.data, 0, 1, Buffer.alloc(10)));
  rig.receive(frame(frameType.data, frameFlag.endStream, 1, Buffer.alloc(20)));
  rig.streams[0]!.hold(false);
  assert.deepEqual(rig.log, ["1 data 10", "1 reset"]);
  rig.http2.checkAccounts();
});

test("trailers that cross our reset are no fault, HEADERS on what the client closed are", () => {
  const rig = new Rig({ maxConcurrentStreams: 2 });
  rig.receive(Buffer.concat([request(1, false), request(3, false), request(5, false)]));
  rig.streams[0]!.respond(okList, true);
  rig.streams[1]!.reset(errorCode.cancel);
  rig.sent();
  // Answered, reset and refused ones: data and trailers were on their way.
  for (const id of [1, 3, 5]) {
    assert.ok(rig.receive(frame(frameType.data, 0, id, Buffer.alloc(10))));
    assert.ok(
      rig.receive(request(id, true, literal("a", "b", true))),
      `${rig.http2.fault?.message}`,
    );
  }
  assert.deepEqual(rig.sent(), []);
  rig.receive(request(7, true));
  rig.streams[2]!.respond(okList, true);
  assert.ok(!rig.receive(request(7, true)));
  assert.equal(rig.fault(), errorCode.streamClosed);
});

test("no GOAWAY names a later stream than the one before", () => {
  const rig = new Rig();
  rig.receive(request(1));
  rig.http2.goaway(errorCode.noError, "");
  rig.receive(request(3, false));
  assert.ok(rig.receive(request(3, true, literal("a", "b"))), "trailers of what is ignored");
  rig.receive(frame(frameType.ping, 0, 1));
  const ids = rig
    .sent()
    .filter(({ type }) => type === frameType.goaway)
    .map(({ payload }) => payload.readUInt32BE());
  assert.deepEqual(ids, [1, 1]);
});

test("streams that a client makes us reset are a flood like its own resets", () => {
  const rig = new Rig();
  let id = 1;
  let count = 0;
  for (; count < 20_000; count++, id += 2) {
    rig.receive(request(id, false));
    if (!rig.receive(frame(frameType.windowUpdate, 0, id, uint32(0)))) break;
  }
  assert.equal(rig.http2.fault?.reason, "flood");
});

test("answers that nobody takes bound what is asked for", () => {
  const rig = new Rig();
  const long = { fields: [{ name: "grpc-message", value: "v".repeat(4000) }], recurs: false };
  rig.onRequest = (stream) => stream.respond(long, true);
  for (let id = 1; id < 8000; id += 2) rig.receive(request(id));
  assert.ok(rig.http2.output.bytes < 5 << 20, `${rig.http2.output.bytes}`);
  assert.ok(rig.log.includes("refused unread_answers"));
  rig.sent();
  rig.receive(request(9001));
  assert.equal(rig.streams.at(-1)?.id, 9001);
});

test("while all connections hold too much, those that hold most get no requests", () => {
  const rig = new Rig({ maxQueuedBytes: 1 << 24 });
  rig.receive(settings([4, 0]));
  rig.receive(request(1));
  rig.streams[0]!.respond(okList, false);
  rig.streams[0]!.write(noPrefix, Buffer.alloc(2 << 20));
  rig.total.held += 1 << 30;
  rig.receive(request(3));
  assert.equal(rig.streams.length, 1);
  rig.receive(frame(frameType.rstStream, 0, 1, uint32(8)));
  rig.receive(request(5));
  assert.equal(rig.streams.length, 2, "it holds nothing now");
  assert.equal(rig.total.held, 1 << 30);
});

test("one SETTINGS frame of many windows moves streams once", () => {
  const rig = new Rig();
  rig.receive(request(1));
  rig.streams[0]!.respond(okList, false);
  rig.streams[0]!.write(noPrefix, Buffer.alloc(100_000));
  rig.sent();
  rig.receive(frame(frameType.windowUpdate, 0, 0, uint32(1 << 20)));
  rig.receive(settings([4, 1 << 20], [4, 65_535]));
  assert.equal(rig.dataBytes(), 0);
  rig.receive(settings([4, 1 << 20], [4, 65_536]));
  assert.equal(rig.dataBytes(), 1);
});

test("progress is told from standing still in the middle of a frame", () => {
  const rig = new Rig();
  const before = rig.http2.progress;
  const data = frame(frameType.data, 0, 1, Buffer.alloc(100));
  rig.receive(request(1, false));
  rig.receive(data.subarray(0, 50));
  assert.ok(rig.http2.unfinished && rig.http2.progress > before);
  const { progress } = rig.http2;
  rig.receive(data.subarray(50, 60));
  assert.equal(rig.http2.progress, progress);
  rig.receive(Buffer.concat([data.subarray(60), data.subarray(0, 1)]));
  assert.ok(rig.http2.unfinished && rig.http2.progress > progress);
  rig.receive(data.subarray(1));
  const { progress: quiet } = rig.http2;
  rig.receive(frame(frameType.headers, 0, 3, postBlock));
  rig.receive(frame(frameType.continuation, 0, 3));
  assert.equal(rig.http2.progress, quiet, "a block without end is none");
});

test("whatever frames come, the connection goes on or ends with a GOAWAY", () => {
  const random = seededRandom(seed);
  for (let round = 0; round < 400; round++) {
    const rig = new Rig();
    rig.onRequest = (stream) => {
      if (random.chance(0.3)) return;
      stream.respond(okList, random.chance(0.3));
      if (stream.localEnded) return;
      stream.write(noPrefix, Buffer.alloc(random.below(40_000)));
      if (random.chance(0.7)) stream.finish(okList);
    };
    for (let step = 0; step < 60; step++) {
      const type = random.below(11);
      const payload =
        type === frameType.headers && random.chance(0.7)
          ? Buffer.from(postBlock)
          : Buffer.from(Array.from({ length: random.below(20) }, () => random.below(256)));
      if (random.chance(0.1) && payload.length > 0) payload[random.below(payload.length)]! ^= 255;
      const bytes = frame(type, random.below(64), random.below(12), payload);
      const cut = random.below(bytes.length);
      const goesOn = rig.receive(bytes.subarray(0, cut)) && rig.receive(bytes.subarray(cut));
      if (goesOn) continue;
      assert.notEqual(rig.fault(), undefined, replay);
      assert.equal(rig.sent().at(-1)?.type, frameType.goaway, replay);
      assert.equal(rig.http2.streams.size, 0, replay);
      break;
    }
    rig.http2.abandon();
    assert.equal(rig.http2.queuedBytes, 0, replay);
  }
});
