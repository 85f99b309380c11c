import assert from "node:assert/strict";
import { test } from "node:test";
import { Entry, Message, MessageType } from "#proto/gen/raft.ts";
import { countWithin, entryBytes, newMessage, payloadBytes } from "#server/raft/message.ts";

const sizes = [0, 1, 127, 128, 16_383, 16_384, 2 ** 31, 2 ** 40, Number.MAX_SAFE_INTEGER];

test("the size of an entry is that of its encoding", () => {
  for (const value of sizes) {
    for (const length of [0, 1, 127, 128, 20_000]) {
      const entry: Entry = { type: 1, term: value, index: value, data: new Uint8Array(length) };
      assert.equal(entryBytes(entry), Entry.encode(entry).finish().length);
    }
  }
});

test("limits count whole entries, and always let one through", () => {
  const entries = [1, 2, 3].map(
    (index) => ({ type: 0, term: 1, index, data: new Uint8Array(10) }) as Entry,
  );
  const size = entryBytes(entries[0]!);
  assert.equal(countWithin(entries, { from: 0, to: 3 }, 0), 1);
  assert.equal(countWithin(entries, { from: 0, to: 3 }, 2 * size), 2);
  assert.equal(countWithin(entries, { from: 1, to: 2 }, 100 * size), 1);
  assert.equal(countWithin(entries, { from: 3, to: 3 }, 100 * size), 0);
  assert.equal(payloadBytes(entries), 30);
});

test("a message crosses the wire unchanged", () => {
  const message = newMessage(MessageType.MsgApp, { from: 2n ** 63n + 1n, to: 3n, term: 2 ** 40 });
  assert.deepEqual(Message.decode(Message.encode(message).finish()), {
    ...message,
    entries: [],
    responses: [],
  });
});
