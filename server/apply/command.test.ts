import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8 } from "#base/bytes.ts";
import { InternalRaftRequest, RequestHeader } from "#proto/gen/internal.ts";
import { PutRequest } from "#proto/gen/kv.ts";
import { decodeCommand, encodeCommand } from "#server/apply/command.ts";

const header = { id: 0x1234567890abcdefn, username: "ann", authRevision: 7 };
const put = PutRequest.fromPartial({ key: utf8("k"), value: utf8("v".repeat(300)), lease: 5n });

test("a command is read by the generated codec as the same request", () => {
  const read = InternalRaftRequest.decode(encodeCommand("put", put, header));
  assert.deepEqual(
    [read.header, read.put?.value.length, read.put?.lease],
    [{ ID: header.id, username: "ann", authRevision: 7 }, 300, 5n],
  );
});

test("a command written by the generated codec is read alike", () => {
  const bytes = InternalRaftRequest.encode(
    InternalRaftRequest.fromPartial({ header: RequestHeader.fromPartial({ ID: 9n }), put }),
  ).finish();
  const read = decodeCommand(bytes);
  assert.equal(read?.kind, "put");
  assert.deepEqual(read?.header, { id: 9n, username: "", authRevision: 0 });
});

test("a kind that is not known is no command, not an empty one", () => {
  assert.equal(decodeCommand(Uint8Array.of(0xf2, 0x06, 0x02, 0x08, 0x01)), undefined);
});

test("a latch is a list of alarms to those who do not know it", () => {
  const latch = { capability: "v2", members: [1n, 2n] };
  const bytes = encodeCommand("capabilityLatch", latch, header);
  const read = decodeCommand(bytes);
  assert.deepEqual([read?.kind, read?.payload, read?.header], ["capabilityLatch", latch, header]);
  const { alarm, header: theirs } = InternalRaftRequest.decode(bytes);
  assert.deepEqual(alarm, { action: 0, memberID: 0n, alarm: 0 });
  assert.equal(theirs?.ID, header.id);
});

test("cut bytes throw", () => {
  const bytes = encodeCommand("put", put, header);
  for (const cut of [1, 5, bytes.length - 1]) {
    assert.throws(() => decodeCommand(bytes.subarray(0, cut)), `cut at ${cut}`);
  }
});
