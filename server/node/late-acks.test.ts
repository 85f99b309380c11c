// Which acknowledgements wait, and for what.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Message, MessageType } from "#proto/gen/raft.ts";
import { LateAcks } from "#server/node/late-acks.ts";

interface Ack {
  readonly index: number;
  readonly term?: number;
  readonly to?: bigint;
  readonly reject?: boolean;
}

function ack({ index, term = 1, to = 2n, reject = false }: Ack): Message {
  return Message.fromPartial({ type: MessageType.MsgAppResp, to, term, index, reject });
}

const vote = Message.fromPartial({ type: MessageType.MsgVoteResp, to: 2n, term: 1 });

const turns: readonly {
  readonly name: string;
  readonly messages: readonly Message[];
  readonly commitOnly: boolean;
  readonly waits: boolean;
}[] = [
  {
    name: "says again what was said",
    messages: [ack({ index: 5 })],
    commitOnly: true,
    waits: true,
  },
  { name: "says less", messages: [ack({ index: 4 })], commitOnly: true, waits: true },
  { name: "says more", messages: [ack({ index: 6 })], commitOnly: true, waits: false },
  // It may answer a probe after a lost acknowledgement.
  {
    name: "answers more than a commit index",
    messages: [ack({ index: 5 })],
    commitOnly: false,
    waits: false,
  },
  {
    name: "of another term",
    messages: [ack({ index: 5, term: 2 })],
    commitOnly: true,
    waits: false,
  },
  {
    name: "to another leader",
    messages: [ack({ index: 5, to: 3n })],
    commitOnly: true,
    waits: false,
  },
  {
    name: "a refusal",
    messages: [ack({ index: 5, reject: true })],
    commitOnly: true,
    waits: false,
  },
  { name: "no acknowledgement", messages: [vote], commitOnly: true, waits: false },
  {
    name: "with something else",
    messages: [ack({ index: 5 }), vote],
    commitOnly: true,
    waits: false,
  },
];

for (const { name, messages, commitOnly, waits } of turns)
  test(`${name}: ${waits ? "waits for the tick" : "leaves at once"}`, () => {
    const acks = new LateAcks();
    const first = [ack({ index: 5 })];
    assert.equal(acks.pass(first, false), first);
    assert.deepEqual(acks.pass(messages, commitOnly), waits ? [] : messages);
    assert.deepEqual(acks.due(), waits ? messages : []);
    assert.deepEqual(acks.due(), []);
  });

test("nothing waits before something was said", () => {
  const acks = new LateAcks();
  assert.equal(acks.pass([ack({ index: 0 })], true).length, 1);
  assert.deepEqual(acks.due(), []);
});

test("the next acknowledgement stands for the one that waits", () => {
  const acks = new LateAcks();
  acks.pass([ack({ index: 5 })], false);
  acks.pass([ack({ index: 5 })], true);
  assert.equal(acks.pass([ack({ index: 6 })], false).length, 1);
  assert.deepEqual(acks.due(), []);
});
