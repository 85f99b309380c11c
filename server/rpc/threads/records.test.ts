import assert from "node:assert/strict";
import { test } from "node:test";
import { ThreadChannel } from "./channel.ts";
import { type RecordTarget, RecordWriter, readRecords } from "./records.ts";

type Read = readonly [
  type: number,
  connection: number,
  stream: number,
  value: number,
  text: string,
];

function reading(into: Read[]): RecordTarget {
  return {
    record: (type, connection, stream, value, bytes, from, to) =>
      void into.push([type, connection, stream, value, bytes.toString("latin1", from, to)]),
  };
}

test("records come out as they were put in, whatever their size", () => {
  const put: Read[] = [];
  const got: Read[] = [];
  const batches: number[] = [];
  const writer = new RecordWriter((batch, bytes) => {
    batches.push(bytes);
    readRecords(batch, bytes, reading(got));
  });
  const sizes = [0, 1, 2, 3, 4, 5, 1000, 65_536, 131_051, 131_052, 131_053, 500_001, 7];
  for (const [at, size] of sizes.entries()) {
    const text = String.fromCharCode(97 + at).repeat(size);
    const half = size >> 1;
    const whole = Buffer.from(text);
    writer.put(at, 2 ** 32 - 1, at * 2, at * 3, whole.subarray(0, half), whole.subarray(half));
    put.push([at, 2 ** 32 - 1, at * 2, at * 3, text]);
  }
  writer.flush();
  writer.flush();
  assert.deepEqual(got, put);
  assert.ok(batches.every((bytes) => bytes % 4 === 0 && bytes > 0));
});

test("what the other side has not read congests the channel until it has", () => {
  const sent: { records: ArrayBuffer; bytes: number }[] = [];
  let rooms = 0;
  const near = new ThreadChannel(
    { postMessage: (batch) => void sent.push(batch as (typeof sent)[0]) },
    { record() {}, room: () => void rooms++ },
  );
  const far = new ThreadChannel(
    { postMessage: (batch) => near.receive(batch as (typeof sent)[0]) },
    { record() {}, room() {} },
  );
  const piece = new Uint8Array(1 << 20);
  while (!near.congested) {
    near.put(5, 1, 1, 0, piece);
    near.flush();
  }
  assert.ok(sent.length >= 16 && sent.length <= 17, `${sent.length} pieces of a MiB`);
  const half = sent.splice(0, 7);
  for (const batch of half) far.receive(batch);
  far.flush();
  assert.equal(rooms, 0, "there is room only once half was read");
  for (const batch of sent.splice(0, 4)) far.receive(batch);
  far.flush();
  assert.equal(rooms, 1);
  assert.equal(near.congested, false);
});
