// The rules of the Raft paper and of the thesis, by section, each on one node whose peers are the
// test. What takes several members is in testdata.
import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyBytes, text, utf8 } from "#base/bytes.ts";
import { seededRandom } from "#base/random.ts";
import { type Message, MessageType } from "#proto/gen/raft.ts";
import { campaignTransferContext } from "#server/raft/message.ts";
import { entriesOf, Single, type SingleOptions } from "#server/raft/testing/single.ts";

type Kind = keyof typeof MessageType;

function ofType(messages: readonly Message[], kind: Kind): Message[] {
  return messages.filter((message) => message.type === MessageType[kind]);
}

/** A node in the role, at term 1 (a pre-candidate: at term 0). */
function inRole(role: string, options: SingleOptions = {}): Single {
  const single = new Single({ ...options, preVote: role === "pre-candidate" });
  if (role === "follower") single.receive("MsgHeartbeat", { term: 1 });
  if (role === "leader") single.lead();
  if (role === "candidate" || role === "pre-candidate") single.node.campaign();
  single.settle();
  assert.equal(single.node.status().role, role);
  return single;
}

for (const role of ["follower", "pre-candidate", "candidate", "leader"]) {
  test(`§5.1 a ${role} that sees a later term becomes a follower in it`, () => {
    const single = inRole(role);
    single.receive("MsgApp", { term: 5 });
    const { role: now, term, vote, leader } = single.node.status();
    assert.deepEqual([now, term, vote, leader], ["follower", 5, 0n, 2n]);
  });

  test(`§5.1 a ${role} ignores the leaders of earlier terms`, () => {
    const single = inRole(role);
    single.receive("MsgHeartbeat", { term: 7, from: 3n });
    single.settle();
    single.receive("MsgApp", { term: 6, entries: entriesOf(1, [6]) });
    assert.equal(single.node.status().leader, 3n);
    single.settle();
    assert.equal(single.node.status().term, 7);
    assert.equal(single.log.term(1) === 6, false, "nothing was appended");
  });
}

test("§5.2 nodes start as followers of nobody and campaign after their timeout", () => {
  const single = new Single();
  assert.equal(single.node.status().role, "follower");
  for (let i = 0; i < 19; i++) single.node.tick();
  const requests = ofType(single.settle(), "MsgVote");
  assert.deepEqual(
    requests.map(({ to, term }) => [to, term]),
    [
      [2n, 1],
      [3n, 1],
    ],
  );
  assert.equal(single.node.status().vote, 1n);
});

test("§5.2 election timeouts are spread over [T, 2T), anew in each term", () => {
  const seen = new Set<number>();
  const single = new Single({ random: seededRandom(7) });
  for (let round = 0; round < 400; round++) {
    const { term } = single.node.status();
    let ticks = 0;
    while (single.node.status().term === term) {
      single.node.tick();
      ticks++;
    }
    seen.add(ticks);
  }
  assert.deepEqual(
    [...seen].sort((a, b) => a - b),
    [10, 11, 12, 13, 14, 15, 16, 17, 18, 19],
  );
});

test("§5.2 a leader sends heartbeats each heartbeat interval", () => {
  const single = new Single({ heartbeatTicks: 3 });
  single.lead();
  const beats = [1, 2, 3, 4, 5, 6].map(() => {
    single.node.tick();
    return ofType(single.settle(), "MsgHeartbeat").length;
  });
  assert.deepEqual(beats, [0, 0, 2, 0, 0, 2]);
});

const elections: [size: number, granted: number, refused: number, role: string][] = [
  [3, 0, 0, "candidate"],
  [3, 1, 0, "leader"],
  [3, 0, 1, "candidate"],
  [3, 0, 2, "follower"],
  [5, 1, 2, "candidate"],
  [5, 2, 2, "leader"],
  [5, 1, 3, "follower"],
  [4, 1, 1, "candidate"],
  [4, 2, 0, "leader"],
  [4, 1, 2, "follower"],
];

for (const [size, granted, refused, role] of elections) {
  test(`§5.2 of ${size} voters, ${granted} others grant and ${refused} refuse: ${role}`, () => {
    const voters = Array.from({ length: size }, (_, i) => BigInt(i + 1));
    const single = new Single({ voters });
    single.node.campaign();
    single.settle();
    for (let i = 0; i < granted + refused; i++) {
      const fields = { from: BigInt(i + 2), term: 1, reject: i >= granted };
      single.receive("MsgVoteResp", fields);
      single.receive("MsgVoteResp", { ...fields, reject: false });
    }
    assert.equal(single.node.status().role, role);
  });
}

test("§5.2 the vote for itself counts only once it is on disk", () => {
  const single = new Single({ voters: [1n] });
  single.node.campaign();
  const ready = single.node.ready();
  assert.deepEqual([ready.hardState?.vote, ready.mustSync], [1n, true]);
  assert.equal(single.node.status().role, "candidate");
  single.node.advance();
  assert.equal(single.node.status().role, "leader");
});

test("§5.2 one vote a term, first come first served, repeated to the same candidate", () => {
  const single = new Single();
  const request = { term: 3, index: 0, logTerm: 0 };
  const granted = [2n, 3n, 2n].map((from) => {
    single.receive("MsgVote", { ...request, from });
    return !ofType(single.settle(), "MsgVoteResp")[0]!.reject;
  });
  assert.deepEqual(granted, [true, false, true]);
});

test("§5.2 a candidate that hears from the leader of its term follows it", () => {
  for (const kind of ["MsgApp", "MsgHeartbeat", "MsgSnap"] as const) {
    const single = inRole("candidate");
    single.receive(kind, { term: 1, from: 3n });
    const { role, leader, term } = single.node.status();
    assert.deepEqual([role, leader, term], ["follower", 3n, 1]);
  }
});

test("§5.3 an entry commits once a majority has it, the own disk included", () => {
  const single = new Single({ voters: [1n, 2n, 3n, 4n, 5n] });
  single.lead();
  single.propose("x");
  const ready = single.node.ready();
  assert.equal(ofType(ready.messages, "MsgApp").length, 0, "probing: one message at a time");
  single.log.append(ready.entries);
  single.acknowledge(2n, 1);
  single.acknowledge(3n, 1);
  assert.equal(single.node.status().commit, 1);
  single.acknowledge(2n, 2);
  single.acknowledge(3n, 2);
  assert.equal(single.node.status().commit, 1, "two of five, and the own disk is not done");
  single.node.advance();
  assert.equal(single.node.status().commit, 2);
});

test("§5.3 a leader never overwrites its own log, followers learn the commit index with appends", () => {
  const single = new Single();
  const [first] = ofType(single.lead(), "MsgApp");
  assert.deepEqual([first?.index, first?.logTerm, first?.entries.length], [0, 0, 1]);
  single.acknowledge(2n, 1);
  const next = ofType(single.settle(), "MsgApp").find((message) => message.to === 2n);
  assert.deepEqual([next?.index, next?.commit], [1, 1]);
  assert.deepEqual(
    single.applied.map((entry) => entry.index),
    [1],
  );
});

test("§5.3 a follower acknowledges only what it was sent, and applies what is committed", () => {
  const single = new Single();
  single.receive("MsgApp", { term: 2, entries: entriesOf(1, [1, 2]), commit: 1 });
  const [answer] = ofType(single.settle(), "MsgAppResp");
  assert.deepEqual([answer?.index, answer?.reject], [2, false]);
  assert.deepEqual(
    single.applied.map(({ data }) => text(data)),
    ["1/1"],
  );
  single.receive("MsgHeartbeat", { term: 2, commit: 2 });
  single.settle();
  assert.deepEqual(
    single.applied.map(({ data }) => text(data)),
    ["1/1", "2/2"],
  );
});

const hints: [terms: number[], index: number, logTerm: number, hint: number, hintTerm: number][] = [
  [[], 5, 2, 0, 0],
  [[1, 1], 5, 2, 2, 1],
  [[1, 1, 3, 3], 4, 2, 2, 1],
  [[1, 1, 2, 2], 9, 5, 4, 2],
  [[3, 3, 3], 2, 2, 0, 0],
];

for (const [terms, index, logTerm, hint, hintTerm] of hints) {
  test(`§5.3 a log of terms ${terms} rejects ${logTerm}/${index}, hinting ${hintTerm}/${hint}`, () => {
    const single = new Single({ terms });
    single.receive("MsgApp", { term: 6, index, logTerm });
    const [answer] = ofType(single.settle(), "MsgAppResp");
    assert.deepEqual(
      [answer?.reject, answer?.index, answer?.rejectHint, answer?.logTerm],
      [true, index, hint, hintTerm],
    );
  });
}

test("§5.3 a leader skips all entries of terms later than the follower's", () => {
  const single = new Single({ terms: [1, 3, 3, 3, 5, 5, 5] });
  single.lead();
  const term = single.node.status().term;
  single.receive("MsgAppResp", { term, index: 7, reject: true, rejectHint: 6, logTerm: 2 });
  const [probe] = ofType(single.settle(), "MsgApp");
  assert.deepEqual([probe?.index, probe?.logTerm], [1, 1]);
});

test("§5.4.2 entries of earlier terms commit only with one of the present term", () => {
  const single = new Single({ terms: [1, 2, 2] });
  single.lead();
  single.acknowledge(2n, 3);
  assert.equal(single.node.status().commit, 0);
  single.acknowledge(2n, 4);
  assert.equal(single.node.status().commit, 4);
});

test("§8 a new leader's first entry is empty", () => {
  const single = new Single({ terms: [1] });
  single.lead();
  const entries = single.log.entries(2, 3, 1000);
  assert.ok(typeof entries !== "string");
  assert.deepEqual([entries[0]?.data.length, entries[0]?.term], [0, 2]);
});

test("thesis §4.2.1 learners neither campaign nor count", () => {
  const learner = new Single({ voters: [2n, 3n], learners: [1n] });
  for (let i = 0; i < 50; i++) learner.node.tick();
  learner.node.campaign();
  learner.receive("MsgTimeoutNow", { term: 1 });
  assert.deepEqual(learner.settle(), []);

  const leader = new Single({ voters: [1n, 2n], learners: [3n, 4n] });
  leader.lead([3n, 4n]);
  assert.equal(leader.node.status().role, "candidate");
  leader.receive("MsgVoteResp", { from: 2n, term: 1 });
  leader.settle();
  leader.acknowledge(3n, 1);
  leader.acknowledge(4n, 1);
  assert.equal(leader.node.status().commit, 0);
  leader.acknowledge(2n, 1);
  assert.equal(leader.node.status().commit, 1);
});

test("thesis §4.1 a new leader takes no change before all earlier entries are applied", () => {
  const single = new Single({ terms: [1, 1] });
  single.lead();
  const change = { id: 0n, type: 0, nodeId: 4n, context: emptyBytes } as const;
  single.node.proposeConfChange(change);
  single.settle();
  const last = single.log.entries(4, 5, 1000);
  assert.ok(typeof last !== "string");
  assert.deepEqual([last[0]?.type, last[0]?.data.length], [0, 0], "it became an empty entry");
  single.acknowledge(2n, 4);
  single.settle();
  single.node.proposeConfChange(change);
  single.settle();
  single.acknowledge(2n, 5);
  single.settle();
  assert.equal(single.node.status().progress.has(4n), true);
});

test("thesis §4.1 nobody campaigns with a committed change unapplied", () => {
  const single = new Single();
  const entries = entriesOf(1, [1]);
  entries[0] = { ...entries[0]!, type: 1, data: new Uint8Array([0x10, 0, 0x18, 1]) };
  single.receive("MsgApp", { term: 1, entries, commit: 1 });
  single.node.campaign();
  assert.equal(single.node.status().role, "follower");
  single.settle();
  single.node.campaign();
  assert.equal(single.node.status().role, "candidate");
});

test("thesis §4.2.3 requests to vote are ignored while the leader is alive, unless it asked", () => {
  for (const kind of ["MsgVote", "MsgPreVote"] as const) {
    const single = new Single({ checkQuorum: true });
    single.receive("MsgHeartbeat", { term: 1 });
    single.settle();
    for (let i = 0; i < 9; i++) single.node.tick();
    single.receive(kind, { term: 2, from: 3n });
    assert.deepEqual(single.settle(), []);
    assert.equal(single.node.status().term, 1);
    single.receive("MsgVote", { term: 2, from: 3n, context: campaignTransferContext });
    assert.equal(ofType(single.settle(), "MsgVoteResp")[0]?.reject, false);
  }
});

test("thesis §6.2 a leader of nobody steps down within an election timeout", () => {
  const single = new Single({ checkQuorum: true });
  single.lead();
  single.acknowledge(2n, 1);
  for (let i = 0; i < 10; i++) single.node.tick();
  assert.equal(single.node.status().role, "leader");
  for (let i = 0; i < 10; i++) single.node.tick();
  assert.equal(single.node.status().role, "follower");
});

test("thesis §6.2 a node stuck in a later term frees itself by answering old leaders", () => {
  const single = new Single({ checkQuorum: true, terms: [5] });
  single.receive("MsgHeartbeat", { term: 3 });
  const [answer] = ofType(single.settle(), "MsgAppResp");
  assert.deepEqual([answer?.term, answer?.index], [5, 0]);
});

test("thesis §6.4 reads before the first commit of a term wait for it", () => {
  const single = new Single({ terms: [1] });
  single.lead();
  assert.equal(single.node.readIndex(utf8("r")), "ok");
  assert.deepEqual(ofType(single.settle(), "MsgHeartbeat"), []);
  single.acknowledge(2n, 2);
  const [beat] = ofType(single.settle(), "MsgHeartbeat");
  assert.deepEqual([...beat!.context], [1, 0, 0, 0, 0, 0, 0, 0]);
  single.receive("MsgHeartbeatResp", { term: 2, context: beat!.context });
  const { readStates } = single.node.ready();
  assert.deepEqual(
    readStates.map(({ index, context }) => [index, text(context)]),
    [[2, "r"]],
  );
});

test("thesis §6.4 a lone voter answers reads by itself, once it has committed in its term", () => {
  const single = new Single({ voters: [1n] });
  single.lead([]);
  single.node.readIndex(utf8("r"));
  assert.deepEqual(
    single.node.ready().readStates.map(({ index }) => index),
    [1],
  );
});

test("thesis §6.4 followers echo any context of a heartbeat", () => {
  const single = new Single();
  const context = new Uint8Array([7, 0, 255]);
  single.receive("MsgHeartbeat", { term: 1, context });
  assert.deepEqual(ofType(single.settle(), "MsgHeartbeatResp")[0]?.context, context);
});

test("thesis §9.6 a granted pre-vote changes nothing, and bears the term that was asked for", () => {
  const single = new Single({ preVote: true, terms: [1] });
  single.receive("MsgPreVote", { term: 9, index: 1, logTerm: 1, from: 3n });
  single.receive("MsgPreVote", { term: 9, index: 1, logTerm: 1, from: 2n });
  single.receive("MsgPreVote", { term: 9, index: 0, logTerm: 0, from: 2n });
  const answers = ofType(single.settle(), "MsgPreVoteResp");
  assert.deepEqual(
    answers.map(({ term, reject }) => [term, reject]),
    [
      [9, false],
      [9, false],
      [1, true],
    ],
  );
  assert.deepEqual([single.node.status().term, single.node.status().vote], [1, 0n]);
});

test("thesis §9.6 a majority of pre-votes starts the election, a rejection's term is taken over", () => {
  const single = inRole("pre-candidate");
  single.receive("MsgPreVoteResp", { term: 1 });
  assert.deepEqual([single.node.status().role, single.node.status().term], ["candidate", 1]);
  const other = inRole("pre-candidate");
  other.receive("MsgPreVoteResp", { term: 8, reject: true });
  assert.deepEqual([other.node.status().role, other.node.status().term], ["follower", 8]);
});
