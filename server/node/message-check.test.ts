import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8 } from "#base/bytes.ts";
import type { MemberId } from "#base/ids.ts";
import { ConfChange, EntryType, Message, MessageType } from "#proto/gen/raft.ts";
import { encodeCommand } from "#server/apply/command.ts";
import { messageFault } from "#server/node/message-check.ts";

const own = 1n as MemberId;
type Fields = Parameters<typeof Message.fromPartial>[0];

function fault(fields: Fields): string | undefined {
  return messageFault(Message.fromPartial({ to: own, from: 2n, term: 3, ...fields }), own);
}

const { MsgApp, MsgHeartbeat, MsgProp, MsgSnap, MsgTransferLeader, MsgVote } = MessageType;
const most = Number.MAX_SAFE_INTEGER;
const header = { id: 5n, username: "", authRevision: 0 };
const command = encodeCommand("leaseRevoke", { ID: 7n }, header);
const entry = (index: number, term: number, type: number = EntryType.EntryNormal) =>
  ({ index, term, type, data: command }) as never;
const proposal = (type: EntryType, data: Uint8Array): Fields => ({
  type: MsgProp,
  term: 0,
  entries: [{ type, data }],
});
const version = (ver: string): Fields =>
  proposal(EntryType.EntryNormal, encodeCommand("clusterVersionSet", { ver }, header));
const change = (context: string) =>
  ConfChange.encode(ConfChange.fromPartial({ nodeId: 9n, context: utf8(context) })).finish();
const snapshot = (metadata: object | undefined): Fields => ({
  type: MsgSnap,
  snapshot: { metadata: metadata as never },
});
const voters = { voters: [1n, 2n] };

const faults: readonly (readonly [string, Fields])[] = [
  ["of this member", { type: MsgHeartbeat, from: own }],
  ["of nobody", { type: MsgVote, from: 0n }],
  ["a term beyond 2^53", { type: MsgVote, term: most }],
  ["a commit index beyond 2^53", { type: MsgHeartbeat, commit: most }],
  ["a gap between entries", { type: MsgApp, index: 4, entries: [entry(5, 3), entry(7, 3)] }],
  ["a gap before the entries", { type: MsgApp, index: 4, entries: [entry(6, 3)] }],
  ["terms that go back", { type: MsgApp, index: 4, entries: [entry(5, 3), entry(6, 2)] }],
  ["an entry of a later term", { type: MsgApp, index: 4, entries: [entry(5, 4)] }],
  ["an entry before it of a later term", { type: MsgApp, index: 4, logTerm: 4 }],
  ["an unknown type of entry", { type: MsgApp, index: 4, entries: [entry(5, 3, 3)] }],
  ["a proposal that is no command", proposal(EntryType.EntryNormal, utf8("hello"))],
  ["a proposal of nothing", proposal(EntryType.EntryNormal, utf8(""))],
  ["a proposal of an unknown command", proposal(EntryType.EntryNormal, Buffer.of(0xfa, 0x7f, 0))],
  ["a proposed change that is no change", proposal(EntryType.EntryConfChange, utf8("hello"))],
  ["a proposed member without JSON", proposal(EntryType.EntryConfChange, change("hello"))],
  ["a proposed member of another ID", proposal(EntryType.EntryConfChange, change('{"id":8}'))],
  ["a proposed joint change", proposal(EntryType.EntryConfChangeV2, utf8(""))],
  ["a proposed cluster version above ours", version("3.8.0")],
  ["a proposed cluster version that is none", version("3.x")],
  ["a snapshot without metadata", snapshot(undefined)],
  ["a snapshot without voters", snapshot({ index: 5, term: 2, confState: {} })],
  ["a snapshot of nothing", snapshot({ index: 0, term: 2, confState: voters })],
  [
    "a snapshot with one member in two parts",
    snapshot({ index: 5, term: 2, confState: { ...voters, learners: [1n] } }),
  ],
];
for (const [name, fields] of faults) {
  test(`refused: ${name}`, () => assert.notEqual(fault(fields), undefined));
}

const honest: readonly (readonly [string, Fields])[] = [
  ["entries of several terms", { type: MsgApp, index: 4, entries: [entry(5, 1), entry(6, 3)] }],
  ["an empty append", { type: MsgApp, index: 4, logTerm: 3, commit: 4 }],
  ["a forwarded command", proposal(EntryType.EntryNormal, command)],
  ["a forwarded new member", proposal(EntryType.EntryConfChange, change('{"id":9}'))],
  ["a forwarded cluster version", version("3.7.0")],
  ["a forwarded downgrade", version("3.6.0")],
  ["a transfer to the leader itself", { type: MsgTransferLeader, from: own }],
  ["a snapshot", snapshot({ index: 5, term: 2, confState: voters })],
];
for (const [name, fields] of honest) {
  test(`let through: ${name}`, () => assert.equal(fault(fields), undefined));
}
