import assert from "node:assert/strict";
import { test } from "node:test";
import { InvariantError } from "#base/assert.ts";
import { seededRandom } from "#base/random.ts";
import { UnfinishedBytes } from "#base/unfinished-bytes.ts";
import {
  encodeStatusMessage,
  type FramingFault,
  MessageReader,
  metadataField,
  parseTimeoutMs,
  writePrefix,
} from "./grpc-framing.ts";

function frameMessage(message: Buffer): Buffer {
  const prefix = Buffer.alloc(5);
  writePrefix(prefix, message.length);
  return Buffer.concat([prefix, message]);
}

function readAll(chunks: readonly Buffer[], maxBytes: number) {
  const messages: string[] = [];
  const faults: FramingFault[] = [];
  const target = {
    onMessage: (message: Uint8Array) => void messages.push(Buffer.from(message).toString("latin1")),
    onFault: (fault: FramingFault) => void faults.push(fault),
  };
  const reader = new MessageReader(target, maxBytes, new UnfinishedBytes(1 << 20));
  for (const chunk of chunks) reader.push(chunk);
  return { messages, faults, partial: reader.partial };
}

test("messages come out whole however the bytes are cut", () => {
  const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 31));
  const random = seededRandom(seed);
  const replay = `SEED=${seed} node --test server/rpc/grpc-framing.test.ts`;
  for (let round = 0; round < 500; round++) {
    const messages = Array.from({ length: random.below(6) }, () =>
      String.fromCharCode(97 + random.below(26)).repeat(random.below(4) * random.below(40)),
    );
    const bytes = Buffer.concat(messages.map((message) => frameMessage(Buffer.from(message))));
    const chunks: Buffer[] = [];
    for (let at = 0; at < bytes.length; ) {
      const size = 1 + random.below(random.chance(0.5) ? 8 : 200);
      chunks.push(bytes.subarray(at, at + size));
      at += size;
    }
    const got = readAll(chunks, 1000);
    assert.deepEqual(got, { messages, faults: [], partial: false }, replay);
  }
});

test("a call that ends with its message keeps nothing of what stands behind it", () => {
  const unfinished = new UnfinishedBytes(1 << 20);
  const target = { onMessage: () => reader.drop(), onFault: () => assert.fail("a fault") };
  const reader: MessageReader = new MessageReader(target, 1000, unfinished);
  reader.push(Buffer.concat([frameMessage(Buffer.from("a")), Buffer.of(0, 0, 0, 0, 9, 1)]));
  assert.equal(unfinished.held, 0);
});

test("a message that comes byte by byte costs no more than twice its bytes", () => {
  const unfinished = new UnfinishedBytes(1 << 20);
  const got: number[] = [];
  const target = {
    onMessage: (message: Uint8Array) => void got.push(message.length),
    onFault: () => assert.fail("a fault"),
  };
  const reader = new MessageReader(target, 20_000, unfinished);
  const bytes = frameMessage(Buffer.alloc(20_000));
  for (let at = 0; at < bytes.length; at++) {
    reader.push(bytes.subarray(at, at + 1));
    assert.ok(unfinished.held <= 2 * (at + 1));
  }
  assert.deepEqual(got, [20_000]);
  assert.equal(unfinished.held, 0);
});

test("a length beyond the limit faults before its bytes arrive, once", () => {
  const prefix = Buffer.of(0, 0, 0, 1, 1);
  const got = readAll([frameMessage(Buffer.from("ok")), prefix, Buffer.alloc(300)], 256);
  assert.deepEqual(got.messages, ["ok"]);
  assert.deepEqual(got.faults, [
    { code: 8, message: "grpc: received message larger than max (257 vs. 256)" },
  ]);
});

test("a message of exactly the limit passes", () => {
  const message = Buffer.alloc(256, "x");
  assert.equal(readAll([frameMessage(message)], 256).messages[0], message.toString());
});

test("timeouts", () => {
  const cases: readonly (readonly [string, number | string])[] = [
    ["1H", 3_600_000],
    ["2M", 120_000],
    ["5S", 5000],
    ["99999999m", 99_999_999],
    ["1500u", 1.5],
    ["S", 'transport: timeout string is too short: "S"'],
    ["123456789S", 'transport: timeout string is too long: "123456789S"'],
    ["5s", 'transport: timeout unit is not recognized: "5s"'],
    ["-5S", 'strconv.ParseUint: parsing "-5": invalid syntax'],
  ];
  for (const [header, expected] of cases) assert.equal(parseTimeoutMs(header), expected, header);
});

test("status messages are percent-encoded outside printable ASCII", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["etcdserver: key not found", "etcdserver: key not found"],
    ["100%", "100%25"],
    ["a\nb", "a%0Ab"],
    ["ü€", "%C3%BC%E2%82%AC"],
    ['"~ ', '"~ '],
  ];
  for (const [plain, encoded] of cases) {
    assert.equal(encodeStatusMessage(plain), encoded);
    assert.equal(decodeURIComponent(encodeStatusMessage(plain)), plain);
  }
});

test("what all readers hold together is bounded, and given back", () => {
  const unfinished = new UnfinishedBytes(1000);
  const faults: FramingFault[] = [];
  let messages = 0;
  const target = {
    onMessage: () => void messages++,
    onFault: (fault: FramingFault) => void faults.push(fault),
  };
  const message = frameMessage(Buffer.alloc(400));
  const readers = [1, 2, 3, 4].map(() => new MessageReader(target, 1000, unfinished));
  for (const reader of readers) reader.push(message.subarray(0, 300));
  assert.deepEqual([faults.length, faults[0]?.code], [1, 8], "the fourth is one too many");
  assert.equal(unfinished.held, 900);
  readers[0]!.push(message.subarray(300));
  readers[1]!.drop();
  readers[2]!.push(message.subarray(300, 301));
  assert.deepEqual([messages, unfinished.held], [1, 405], "grown to what it wants");
  readers[2]!.drop();
  assert.equal(unfinished.held, 0);
});

test("metadata of answers", () => {
  const good: readonly (readonly [name: string, value: string | Uint8Array, sent: string])[] = [
    ["a-key", "some text", "some text"],
    ["empty", "", ""],
    ["a-bin", Uint8Array.of(0, 255, 1, 2), "AP8BAg"],
    ["empty-bin", new Uint8Array(0), ""],
  ];
  for (const [name, value, sent] of good)
    assert.deepEqual(metadataField(name, value), { name, value: sent });
  const bad: readonly (readonly [name: string, value: string | Uint8Array])[] = [
    ["", "x"],
    [":status", "200"],
    ["Upper", "x"],
    ["grpc-status", "0"],
    ["a-bin", "text"],
    ["text", Uint8Array.of(1)],
    ["a", "two\r\nlines"],
    ["a", " led by space"],
    ["a", "\u00fc"],
  ];
  for (const [name, value] of bad)
    assert.throws(() => metadataField(name, value), InvariantError, `${name}: ${value}`);
});
