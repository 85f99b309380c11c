import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { seededRandom } from "#base/random.ts";
import { type Entry, Message, MessageType } from "#proto/gen/raft.ts";
import { BinaryWriter } from "#proto/wire.ts";
import {
  AppendDecoder,
  AppendEncoder,
  FrameError,
  isLinkHeartbeat,
  MessageDecoder,
  readSnapshotEnvelope,
  writeMessageFrame,
  writeMessageHeartbeat,
} from "#server/peer/framing.ts";

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ""), "hex");
const entry = (term: number, index: number, data: string): Entry => ({
  type: 0,
  term,
  index,
  data: Buffer.from(data),
});
const append = (fields: Partial<Message>): Message =>
  Message.create({ type: MessageType.MsgApp, to: 2n, from: 1n, ...fields });
/** Equality of messages regardless of which Uint8Array class holds their bytes. */
const bytesOf = (message: Message): string =>
  Buffer.from(Message.encode(message).finish()).toString("hex");

test("the message stream's heartbeat is etcd's, and is dropped whether zeros are written or not", () => {
  const writer = new BinaryWriter();
  writeMessageHeartbeat(writer);
  assert.deepEqual(writer.finish(), hex("0000000000000002 0808"));
  const seen: Message[] = [];
  const decoder = new MessageDecoder((message) => seen.push(message));
  decoder.push(hex("0000000000000002 0808"));
  // As a 3.5 member writes it: every scalar, and an empty snapshot.
  decoder.push(
    hex("000000000000001e 0808 1000 1800 2000 2800 3000 4000 4a0a12080a022800 1000 1800 5000 5800"),
  );
  assert.equal(seen.length, 0);
});

test("a message stream in chunks of any size gives the same messages", () => {
  const writer = new BinaryWriter();
  const messages = [
    Message.create({ type: MessageType.MsgHeartbeat, to: 2n, from: 1n, term: 3 }),
    append({ term: 3, logTerm: 2, index: 9, entries: [entry(3, 10, "x".repeat(300))], commit: 8 }),
    Message.create({ type: MessageType.MsgVote, to: 2n, from: 0xfedcba9876543210n, term: 4 }),
  ];
  for (const message of messages) {
    writeMessageFrame(writer, message);
    writeMessageHeartbeat(writer);
  }
  const bytes = writer.finish();
  for (let size = 1; size <= bytes.length; size++) {
    const seen: Message[] = [];
    const decoder = new MessageDecoder((message) => seen.push(message));
    for (let at = 0; at < bytes.length; at += size) {
      decoder.push(Buffer.from(bytes.subarray(at, at + size)));
    }
    assert.deepEqual(seen.map(bytesOf), messages.map(bytesOf), `chunks of ${size} bytes`);
  }
});

test("msgappv2: which record an append becomes", () => {
  const encoder = new AppendEncoder();
  const rows: readonly (readonly [Message, number])[] = [
    [append({ term: 5, logTerm: 4, index: 6, entries: [entry(5, 7, "a")] }), 2],
    [append({ term: 5, logTerm: 5, index: 7, entries: [entry(5, 8, "b"), entry(5, 9, "c")] }), 1],
    [append({ term: 5, logTerm: 5, index: 9, commit: 9 }), 1],
    [append({ term: 5, logTerm: 5, index: 8, entries: [entry(5, 9, "c")] }), 2],
    [append({ term: 5, logTerm: 5, index: 9, entries: [entry(5, 10, "d")] }), 1],
    [append({ term: 6, logTerm: 5, index: 10, entries: [] }), 2],
    [append({ term: 6, logTerm: 6, index: 10, entries: [] }), 1],
  ];
  const bytes: Buffer[] = [];
  for (const [message, type] of rows) {
    const writer = new BinaryWriter();
    encoder.write(writer, message);
    const record = writer.finish();
    assert.equal(record[0], type);
    bytes.push(record);
  }
  const writer = new BinaryWriter();
  encoder.heartbeat(writer);
  assert.deepEqual(writer.finish(), hex("00"));

  const whole = Buffer.concat([...bytes, hex("00")]);
  for (let size = 1; size <= whole.length; size++) {
    const seen: Message[] = [];
    const decoder = new AppendDecoder(2n, 1n, (message) => seen.push(message));
    for (let at = 0; at < whole.length; at += size) {
      decoder.push(Buffer.from(whole.subarray(at, at + size)));
    }
    assert.deepEqual(
      seen.map(bytesOf),
      rows.map(([message]) => bytesOf(message)),
      `chunks of ${size} bytes`,
    );
  }
});

test("msgappv2: a record of entries, byte for byte", () => {
  const encoder = new AppendEncoder();
  const writer = new BinaryWriter();
  encoder.write(writer, append({ term: 2, logTerm: 1, index: 3 }));
  encoder.write(
    writer,
    append({ term: 2, logTerm: 2, index: 3, entries: [entry(2, 4, "v")], commit: 3 }),
  );
  assert.deepEqual(
    writer.finish(),
    hex(`02 000000000000000c 0803 1002 1801 2002 2801 3003
         01 0000000000000001 0000000000000007 1002 1804 220176 0000000000000003`),
  );
});

test("malformed frames are refused", () => {
  const ignore = (): void => {};
  assert.throws(() => new MessageDecoder(ignore).push(hex("0000000020000001")), FrameError);
  assert.throws(() => new MessageDecoder(ignore).push(hex("ffffffffffffffff")), FrameError);
  assert.throws(() => new MessageDecoder(ignore).push(hex("0000000000000002 08ff")), /varint/);
  assert.throws(() => new AppendDecoder(2n, 1n, ignore).push(hex("03")), FrameError);
  assert.throws(
    () => new AppendDecoder(2n, 1n, ignore).push(hex("01 ffffffffffffffff 00000000000000ff")),
    FrameError,
  );
  // More entries than any leader puts into a record, before any of them is there.
  assert.throws(
    () => new AppendDecoder(2n, 1n, ignore).push(hex("01 0000000000100001 0000000000000000")),
    FrameError,
  );
  assert.throws(
    () =>
      new AppendDecoder(2n, 1n, ignore).push(
        hex("01 0000000000000002 0000000020000000 0000000000000000"),
      ),
    FrameError,
  );
});

test("random bytes never do more than throw", () => {
  const seed = Number(process.env["SEED"] ?? Date.now() % 4294967296);
  const random = seededRandom(seed);
  for (let round = 0; round < 2000; round++) {
    const bytes = Buffer.from(
      Array.from({ length: random.below(80) }, () =>
        random.chance(0.6) ? random.below(4) : random.below(256),
      ),
    );
    for (const make of [
      () => new MessageDecoder(() => {}),
      () => new AppendDecoder(2n, 1n, () => {}),
    ]) {
      try {
        make().push(bytes);
      } catch (error) {
        const code = (error as { code?: string }).code;
        assert.ok(
          code === "MALFORMED_PEER_FRAME" || code === "MALFORMED_PROTOBUF",
          `SEED=${seed} node --test server/peer/framing.test.ts: ${error}`,
        );
      }
    }
  }
});

test("a snapshot's envelope ends where its database begins", async () => {
  const message = Message.create({ type: MessageType.MsgSnap, to: 2n, from: 1n, term: 7 });
  const writer = new BinaryWriter();
  writeMessageFrame(writer, message);
  const bytes = Buffer.concat([writer.finish(), Buffer.from("database")]);
  for (let size = 1; size <= bytes.length; size++) {
    const chunks = (async function* () {
      for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
    })();
    const envelope = await readSnapshotEnvelope(chunks);
    assert.equal(bytesOf(envelope.message), bytesOf(message));
    const rest: Buffer[] = [];
    for await (const chunk of envelope.body) rest.push(chunk);
    assert.equal(Buffer.concat(rest).toString(), "database", `chunks of ${size} bytes`);
  }
  const cut = (async function* () {
    yield bytes.subarray(0, 10);
  })();
  await assert.rejects(readSnapshotEnvelope(cut), FrameError);
  assert.equal(isLinkHeartbeat(message), false);
});

/** Recorded between members of etcd 3.7.3 by test/peer/capture.ts. */
const recorded = (name: string): Buffer =>
  readFileSync(new URL(`./testdata/${name}-3.7.3.bin`, import.meta.url));

test("a recorded msgappv2 stream is understood, and written again byte for byte", () => {
  const bytes = recorded("msgapp");
  const messages: Message[] = [];
  const encoder = new AppendEncoder();
  const writer = new BinaryWriter();
  const seen = { message: 0, entries: 0, heartbeat: 0 };
  let from = 0n;
  let to = 0n;
  // The connection implies who speaks to whom; a full message says it.
  new AppendDecoder(0n, 0n, (message) => {
    if (from === 0n) ({ from, to } = message);
  }).push(bytes);
  let at = 0;
  const decoder = new AppendDecoder(to, from, (message) => messages.push(message));
  // Byte by byte, so that each record is written again at the place where it was read.
  for (let end = 1; end <= bytes.length; end++) {
    const before = messages.length;
    const starts = at === end - 1;
    decoder.push(Buffer.from(bytes.subarray(end - 1, end)));
    if (starts && bytes[at] === 0) {
      encoder.heartbeat(writer);
      seen.heartbeat++;
      at = end;
    } else if (messages.length > before) {
      encoder.write(writer, messages.at(-1)!);
      seen[bytes[at] === 1 ? "entries" : "message"]++;
      at = end;
    }
  }
  assert.equal(at, bytes.length, "the recording does not end with a whole record");
  assert.deepEqual(writer.finish(), bytes);
  assert.ok(seen.message > 0 && seen.entries > 20 && seen.heartbeat > 0, JSON.stringify(seen));
  const data = Buffer.concat(messages.flatMap((one) => one.entries.map((entry) => entry.data)));
  for (let i = 0; i < 20; i++) assert.ok(data.includes(`value-${i}`), `value-${i} is missing`);
});

test("a recorded message stream is understood", () => {
  const bytes = recorded("message");
  const messages: Message[] = [];
  new MessageDecoder((message) => messages.push(message)).push(bytes);
  const types = new Set(messages.map((one) => one.type));
  for (const type of [MessageType.MsgProp, MessageType.MsgAppResp, MessageType.MsgHeartbeatResp]) {
    assert.ok(types.has(type), `no message of type ${type}`);
  }
  assert.equal(new Set(messages.map((one) => `${one.from} ${one.to}`)).size, 1);
});

test("a recorded snapshot is a message and the beginning of a bbolt file", async () => {
  const { message, body } = await readSnapshotEnvelope(
    (async function* () {
      yield recorded("snapshot");
    })(),
  );
  assert.equal(message.type, MessageType.MsgSnap);
  assert.equal(message.snapshot?.metadata?.confState?.voters.length, 3);
  assert.equal(JSON.parse(Buffer.from(message.snapshot.data).toString()).CurrentVersion, 2);
  const parts: Buffer[] = [];
  for await (const part of body) parts.push(part);
  assert.equal(Buffer.concat(parts).readUInt32LE(16), 0xed0cdaed);
});
