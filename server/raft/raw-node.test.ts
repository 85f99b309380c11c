import assert from "node:assert/strict";
import { test } from "node:test";
import { InvariantError } from "#base/assert.ts";
import { emptyBytes, text, utf8 } from "#base/bytes.ts";
import { type Message, MessageType } from "#proto/gen/raft.ts";
import { entriesOf, Single } from "#server/raft/testing/single.ts";

function appends(messages: readonly Message[], to = 2n): number[][] {
  return messages
    .filter((message) => message.type === MessageType.MsgApp && message.to === to)
    .map((message) => message.entries.map((entry) => entry.index));
}

/** A leader in state replicate towards 2 and 3, with entry 1 committed. */
function leader(options: ConstructorParameters<typeof Single>[0] = {}): Single {
  const single = new Single(options);
  single.lead();
  single.acknowledge(2n, 1);
  single.acknowledge(3n, 1);
  single.settle();
  return single;
}

test("ready and advance alternate", () => {
  const { node } = new Single();
  assert.throws(() => node.advance(), InvariantError);
  node.ready();
  assert.throws(() => node.ready(), InvariantError);
  node.advance();
  assert.equal(node.hasReady(), false);
});

test("all proposals of a turn leave in one message to each follower", () => {
  const single = leader();
  for (const data of ["a", "b", "c"]) assert.equal(single.propose(data), "ok");
  const messages = single.turn();
  assert.deepEqual(appends(messages, 2n), [[2, 3, 4]]);
  assert.deepEqual(appends(messages, 3n), [[2, 3, 4]]);
});

test("messages are cut at maxMessageBytes and bounded in number, an ack refills the window", () => {
  const single = leader({ maxMessageBytes: 40, maxInflightMessages: 2 });
  for (let i = 0; i < 8; i++) single.propose("0123456789");
  assert.deepEqual(appends(single.turn()), [
    [2, 3],
    [4, 5],
  ]);
  assert.equal(single.node.status().progress.get(2n)?.paused, true);
  single.acknowledge(2n, 3);
  assert.deepEqual(appends(single.turn()), [[6, 7]]);
});

test("bytes in flight are bounded", () => {
  const single = leader({ maxMessageBytes: 1, maxInflightBytes: 25 });
  for (let i = 0; i < 8; i++) single.propose("0123456789");
  assert.deepEqual(appends(single.turn()), [[2], [3], [4]]);
});

test("an entry larger than any limit travels alone", () => {
  const single = leader({ maxMessageBytes: 10, maxCommittedBytesPerReady: 10 });
  single.propose("a".repeat(1000));
  single.propose("b");
  assert.deepEqual(appends(single.turn()), [[2], [3]]);
  single.acknowledge(2n, 3);
  const applied = single.node.ready().committed.map((entry) => entry.index);
  assert.deepEqual(applied, [2]);
});

test("the uncommitted limit frees as entries are handed out; empty data is never refused", () => {
  const single = leader({ maxUncommittedBytes: 8 });
  assert.equal(single.propose("longer than the limit"), "ok");
  assert.equal(single.propose("x"), "dropped-uncommitted-limit");
  assert.equal(single.propose(""), "ok");
  single.settle();
  single.acknowledge(2n, 3);
  single.settle();
  assert.equal(single.propose("x"), "ok");
});

test("what comes between ready and advance is in the next Ready", () => {
  const single = leader();
  single.propose("a");
  const first = single.node.ready();
  single.propose("b");
  single.acknowledge(2n, 2);
  single.log.append(first.entries);
  single.node.advance();
  const second = single.node.ready();
  assert.deepEqual(
    second.entries.map((entry) => entry.index),
    [3],
  );
  assert.deepEqual(
    second.committed.map((entry) => entry.index),
    [2],
  );
});

test("committed entries come with the Ready that persists them, at the latest", () => {
  const single = new Single();
  single.receive("MsgApp", { term: 1, entries: entriesOf(1, [1, 1]), commit: 2 });
  const ready = single.node.ready();
  assert.deepEqual([ready.entries.length, ready.committed.length], [2, 2]);
});

test("a tail that a new leader replaces while it is written is written again", () => {
  const single = new Single();
  single.receive("MsgApp", { term: 1, entries: entriesOf(1, [1, 1, 1]) });
  const first = single.node.ready();
  single.receive("MsgApp", { term: 2, index: 1, logTerm: 1, entries: entriesOf(2, [2]) });
  single.log.append(first.entries);
  single.node.advance();
  const second = single.node.ready();
  assert.deepEqual(
    second.entries.map(({ term, index }) => [term, index]),
    [[2, 2]],
  );
  single.log.append(second.entries);
  single.node.advance();
  assert.deepEqual([single.log.lastIndex(), single.log.term(2)], [2, 2]);
});

test("a leader deposed while it writes does not count its own disk", () => {
  const single = leader();
  single.propose("a");
  const ready = single.node.ready();
  single.receive("MsgVote", { term: 9, index: 9, logTerm: 9 });
  single.log.append(ready.entries);
  single.node.advance();
  single.settle();
  assert.deepEqual([single.node.status().role, single.node.status().commit], ["follower", 1]);
});

test("a sync is asked for by entries, term and vote, not by the commit index", () => {
  const single = leader();
  single.propose("a");
  single.turn();
  single.acknowledge(2n, 2);
  const ready = single.node.ready();
  assert.deepEqual([ready.hardState?.commit, ready.mustSync], [2, false]);
});

test("acknowledgements of one turn are merged into the last", () => {
  const single = new Single();
  single.receive("MsgApp", { term: 1, entries: entriesOf(1, [1]) });
  single.receive("MsgApp", { term: 1, index: 1, logTerm: 1, entries: entriesOf(2, [1]) });
  single.receive("MsgApp", { term: 1, entries: entriesOf(1, [1]) });
  assert.deepEqual(
    single.turn().map(({ index }) => index),
    [2],
  );
});

test("local and termless messages, and answers of strangers, are not looked at", () => {
  const single = leader();
  assert.equal(single.receive("MsgHup", {}), "ignored-local-message");
  assert.equal(single.receive("MsgStorageAppend", { term: 9 }), "ignored-local-message");
  assert.equal(single.receive("MsgApp", { term: 0 }), "ignored-local-message");
  assert.equal(single.receive("MsgAppResp", { from: 9n, term: 99 }), "ignored-unknown-sender");
  assert.equal(single.node.status().role, "leader");
});

test("malformed messages change nothing", () => {
  const follower = new Single();
  follower.receive("MsgApp", { term: 1, entries: entriesOf(5, [1]) });
  follower.receive("MsgSnap", { term: 1 });
  follower.receive("MsgReadIndexResp", { term: 1, index: 4 });
  follower.settle();
  assert.equal(follower.log.lastIndex(), 0);
  const single = leader();
  single.acknowledge(2n, 1000);
  single.receive("MsgReadIndex", { from: 2n });
  single.receive("MsgProp", { from: 2n });
  single.settle();
  assert.deepEqual([single.node.status().commit, single.log.lastIndex()], [1, 1]);
});

test("a forwarded change that cannot be decoded becomes an empty entry", () => {
  const single = leader();
  for (const type of [1, 2, 7] as const) {
    const data = new Uint8Array([0x08, 0xff]);
    const entries = [{ type: type as 1, term: 0, index: 0, data }];
    assert.equal(single.receive("MsgProp", { entries }), "ok");
  }
  const { entries } = single.node.ready();
  assert.deepEqual(
    entries.map(({ type, data }) => [type, data.length]),
    [
      [0, 0],
      [0, 0],
      [0, 0],
    ],
  );
});

test("proposals and reads of a follower are forwarded without a term", () => {
  const single = new Single();
  assert.equal(single.propose("x"), "dropped-no-leader");
  assert.equal(single.node.readIndex(utf8("r")), "dropped-no-leader");
  single.receive("MsgHeartbeat", { term: 4, from: 3n });
  single.settle();
  assert.equal(single.propose("x"), "ok");
  assert.equal(single.node.readIndex(utf8("r")), "ok");
  const sent = single.settle();
  assert.deepEqual(
    sent.map(({ type, to, from, term, entries }) => [type, to, from, term, text(entries[0]!.data)]),
    [
      [MessageType.MsgProp, 3n, 1n, 0, "x"],
      [MessageType.MsgReadIndex, 3n, 1n, 0, "r"],
    ],
  );
  single.receive("MsgReadIndexResp", { term: 4, from: 3n, index: 7, entries: sent[1]!.entries });
  assert.deepEqual(
    single.node.ready().readStates.map(({ index }) => index),
    [7],
  );
});

test("a follower behind the log gets a snapshot only if it lives, and replication goes on after it", () => {
  const single = leader({ checkQuorum: true });
  const confState = {
    voters: [1n, 2n, 3n],
    learners: [],
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
  };
  for (let i = 0; i < 5; i++) single.propose("x");
  single.settle();
  single.acknowledge(2n, 6);
  single.settle();
  single.log.createSnapshot(6, confState, emptyBytes);
  single.log.compact(6);
  // Two quorum checks without a word from 3.
  for (let i = 0; i < 10; i++) single.node.tick();
  single.acknowledge(2n, 6);
  single.node.reportUnreachable(3n);
  single.propose("y");
  const kinds = () =>
    single
      .settle()
      .filter(({ to }) => to === 3n)
      .map(({ type }) => type);
  assert.equal(kinds().includes(MessageType.MsgSnap), false);
  single.receive("MsgHeartbeatResp", { from: 3n, term: 1 });
  assert.equal(kinds().includes(MessageType.MsgSnap), true);
  assert.equal(single.node.status().progress.get(3n)?.state, "snapshot");
  single.node.reportSnapshot(3n, "finish");
  single.acknowledge(3n, 6);
  assert.deepEqual(appends(single.settle(), 3n), [[7]]);
  assert.equal(single.node.status().progress.get(3n)?.state, "replicate");
});

test("a snapshot replaces log and configuration; one that brings nothing only commits", () => {
  const confState = {
    voters: [1n, 2n],
    learners: [4n],
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
  };
  const snapshot = (index: number, term: number) => ({
    data: emptyBytes,
    metadata: { confState, index, term },
  });
  const single = new Single({ terms: [1, 1, 1] });
  single.receive("MsgSnap", { term: 2, snapshot: snapshot(2, 1) });
  assert.equal(single.node.status().commit, 2);
  assert.equal(single.node.ready().snapshot, undefined);
  single.node.advance();
  single.receive("MsgSnap", { term: 2, snapshot: snapshot(9, 2) });
  const received = single.node.ready();
  assert.deepEqual([received.snapshot?.metadata?.index, received.committed.length], [9, 0]);
  assert.equal(received.messages.at(-1)?.index, 9);
  single.log.applySnapshot(received.snapshot!);
  single.node.advance();
  assert.deepEqual([single.node.status().applied, single.node.status().commit], [9, 9]);
  single.receive("MsgSnap", { term: 2, snapshot: snapshot(5, 2) });
  assert.equal(single.turn().at(-1)?.index, 9, "an old one is answered with what is committed");
});

test("a snapshot without this member is refused", () => {
  const confState = {
    voters: [2n, 3n],
    learners: [],
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
  };
  const single = new Single();
  const snapshot = { data: emptyBytes, metadata: { confState, index: 9, term: 1 } };
  single.receive("MsgSnap", { term: 1, snapshot });
  assert.equal(single.node.ready().snapshot, undefined);
});

test("leadership goes to nobody who cannot have it", () => {
  const single = leader({ voters: [1n, 2n, 3n], learners: [4n] });
  for (const id of [1n, 4n, 9n]) single.node.transferLeader(id);
  assert.deepEqual(single.settle(), []);
  single.node.transferLeader(2n);
  assert.equal(single.propose("x"), "dropped-transferring");
  assert.deepEqual(
    single.settle().map(({ type }) => type),
    [MessageType.MsgTimeoutNow],
  );
  for (let i = 0; i < 10; i++) single.node.tick();
  assert.equal(single.propose("x"), "ok");
});

test("reads of a deposed leader are never answered", () => {
  const single = leader();
  single.node.readIndex(utf8("stale"));
  const beat = single.settle().find(({ type }) => type === MessageType.MsgHeartbeat);
  single.receive("MsgVote", { term: 5, index: 9, logTerm: 9 });
  single.receive("MsgHeartbeatResp", { term: 5, context: beat!.context });
  single.settle();
  assert.equal(
    single.readies.some(({ readStates }) => readStates.length > 0),
    false,
  );
});

test("a leader's disk vouches only for what it held at the last Ready", () => {
  const single = leader();
  single.propose("a");
  const ready = single.node.ready();
  single.propose("b");
  single.acknowledge(2n, 3);
  single.log.append(ready.entries);
  single.node.advance();
  assert.equal(single.node.status().commit, 2);
});

test("a vote for itself in an earlier term does not count in a later one", () => {
  const single = new Single({ voters: [1n] });
  single.node.campaign();
  single.node.ready();
  single.node.campaign();
  single.node.advance();
  assert.deepEqual([single.node.status().role, single.node.status().term], ["candidate", 2]);
  single.turn();
  assert.equal(single.node.status().role, "leader");
});

test("a tail replaced by one of equal length is written again", () => {
  const single = new Single();
  single.receive("MsgApp", { term: 1, entries: entriesOf(1, [1, 1, 1]) });
  const first = single.node.ready();
  single.receive("MsgApp", { term: 2, index: 2, logTerm: 1, entries: entriesOf(3, [2]) });
  single.log.append(first.entries);
  single.node.advance();
  single.settle();
  assert.equal(single.log.term(3), 2);
});

test("nobody campaigns with a snapshot half installed", () => {
  const confState = {
    voters: [1n, 2n],
    learners: [],
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
  };
  const single = new Single();
  const snapshot = { data: emptyBytes, metadata: { confState, index: 9, term: 1 } };
  single.receive("MsgSnap", { term: 1, snapshot });
  single.node.campaign();
  assert.equal(single.node.status().role, "follower");
  single.turn();
  single.node.campaign();
  assert.equal(single.node.status().role, "candidate");
});

test("a leader elected again begins anew: no transfer, no reads of before", () => {
  const single = leader();
  single.node.readIndex(utf8("before"));
  single.node.transferLeader(2n);
  const beat = single.settle().find(({ type }) => type === MessageType.MsgHeartbeat);
  single.receive("MsgHeartbeat", { term: 5 });
  single.settle();
  single.lead();
  assert.deepEqual([single.node.status().term, single.node.status().leadTransferee], [6, 0n]);
  assert.equal(single.propose("x"), "ok");
  single.receive("MsgHeartbeatResp", { term: 6, context: beat!.context });
  single.settle();
  assert.equal(
    single.readies.some(({ readStates }) => readStates.length > 0),
    false,
  );
});

test("a new member is given time before it counts as inactive", () => {
  const single = new Single({ voters: [1n], checkQuorum: true });
  single.lead([]);
  single.node.proposeConfChange({ id: 0n, type: 0, nodeId: 2n, context: emptyBytes });
  single.settle();
  for (let i = 0; i < 10; i++) single.node.tick();
  assert.equal(single.node.status().role, "leader");
  for (let i = 0; i < 10; i++) single.node.tick();
  assert.equal(single.node.status().role, "follower");
});

test("whatever a leader sends puts off the follower's campaign", () => {
  for (const kind of ["MsgApp", "MsgHeartbeat", "MsgSnap"] as const) {
    const single = new Single();
    for (let round = 0; round < 10; round++) {
      single.receive(kind, { term: 1 });
      for (let i = 0; i < 9; i++) single.node.tick();
    }
    assert.equal(single.node.status().role, "follower", kind);
  }
});
