// Our transport as the third member beside two reference members: what it reads and writes must be
// good enough for them to elect a leader, replicate and commit with its vote and its
// acknowledgements alone.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { type TestContext, test } from "node:test";
import { formatId, type MemberId } from "#base/ids.ts";
import { systemClock } from "#base/system-clock.ts";
import { type Entry, Message, MessageType } from "#proto/gen/raft.ts";
import { initialEntries } from "#server/membership/bootstrap-ids.ts";
import { adoptMembers, canJoin } from "#server/membership/joining.ts";
import { PeerClient } from "#server/peer/peer-client.ts";
import type { PeerTransport } from "#server/peer/transport.ts";
import { startOwnMember } from "#test/peer/own-member.ts";
import { startRaftMember } from "#test/peer/raft-member.ts";
import { type ReferencePair, referencePair } from "#test/peer/reference-pair.ts";
import { referenceOrSkip } from "#test/reference/reference.ts";

/** The least a follower must do: grants every vote, takes every entry, answers every heartbeat. */
class YesSayer {
  readonly entries: Entry[];
  leader: MemberId = 0n;
  private term = 1;
  private readonly id: MemberId;

  constructor(pair: ReferencePair) {
    this.id = pair.own.id;
    this.entries = initialEntries(pair.cluster.members);
  }

  readonly step = (message: Message, transport: PeerTransport): void => {
    if (message.type !== MessageType.MsgPreVote) this.term = Math.max(this.term, message.term);
    const reply = (type: MessageType, fields: Partial<Message> = {}): void =>
      transport.send([
        Message.create({ type, from: this.id, to: message.from, term: this.term, ...fields }),
      ]);
    switch (message.type) {
      case MessageType.MsgPreVote:
        reply(MessageType.MsgPreVoteResp, { term: message.term });
        break;
      case MessageType.MsgVote:
        reply(MessageType.MsgVoteResp);
        break;
      case MessageType.MsgHeartbeat:
        this.leader = message.from;
        reply(MessageType.MsgHeartbeatResp, { context: message.context });
        break;
      case MessageType.MsgApp: {
        this.leader = message.from;
        const known = this.entries[message.index - 1]?.term ?? 0;
        if (message.index > 0 && known !== message.logTerm) {
          const rejectHint = Math.min(message.index, this.entries.length);
          const logTerm = this.entries[rejectHint - 1]?.term ?? 0;
          const { index } = message;
          reply(MessageType.MsgAppResp, { reject: true, index, rejectHint, logTerm });
          break;
        }
        for (const entry of message.entries) {
          this.entries.length = Math.min(this.entries.length, entry.index - 1);
          this.entries.push(entry);
        }
        const index = message.index + message.entries.length;
        reply(MessageType.MsgAppResp, { index });
      }
    }
  };

  /** How many entries hold this text. */
  count(text: string): number {
    return this.entries.filter((entry) => Buffer.from(entry.data).includes(text)).length;
  }
}

async function pairFor(
  t: TestContext,
  flags: readonly string[] = [],
): Promise<ReferencePair | undefined> {
  const reference = await referenceOrSkip(t);
  if (reference === undefined) return undefined;
  const pair = await referencePair(reference, flags);
  t.after(() => pair.stop());
  return pair;
}

test("the reference elects, replicates and commits with our transport as its only follower", {
  timeout: 60_000,
}, async (t) => {
  const pair = await pairFor(t);
  if (pair === undefined) return;
  const follower = new YesSayer(pair);
  const own = await startOwnMember(pair, follower);
  t.after(() => own.stop());

  pair.start(0);
  await own.until(() => follower.leader === pair.others[0]!.id);
  assert.ok(
    own.received.some((one) => one.type === MessageType.MsgVote),
    "no vote was asked of us",
  );
  assert.equal(await pair.ctl("put", "first-key", "1"), "OK\n");
  await own.until(() => follower.count("first-key") === 1);

  pair.start(1);
  const big = "x".repeat(700_000);
  for (let i = 0; i < 3; i++) await pair.put(`big-key-${i}`, big);
  await own.until(() => [0, 1, 2].every((i) => follower.count(`big-key-${i}`) === 1));
  for (const other of pair.others) {
    while (own.transport.activeSince(other.id) === undefined) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  // The leader dies; the other one needs our vote, then our acknowledgements.
  const leads = pair.others.findIndex((one) => one.id === follower.leader);
  const rest = pair.others[1 - leads]!;
  await pair.kill(leads);
  await own.until(() => follower.leader === rest.id);
  assert.equal(await pair.ctl("put", "after-the-leader", "2"), "OK\n");
  assert.equal(await pair.ctl("get", "first-key", "--print-value-only"), "1\n");
  await own.until(() => follower.count("after-the-leader") === 1);

  // And it comes back.
  pair.start(leads);
  while (own.transport.activeSince(pair.others[leads]!.id) === undefined) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const indexes = follower.entries.map((entry) => entry.index);
  assert.deepEqual(
    indexes,
    Array.from(indexes, (_, i) => i + 1),
  );
});

test("our raft follows a reference leader, takes over, and serves reference followers", {
  timeout: 60_000,
}, async (t) => {
  const pair = await pairFor(t);
  if (pair === undefined) return;
  const own = await startRaftMember(pair, { seed: 7 });
  t.after(() => own.stop());
  const holds = (text: string): boolean =>
    own.committed.some((entry) => Buffer.from(entry.data).includes(text));
  const leaderIs = (id: MemberId): boolean => own.raft.status().leader === id;

  pair.start(0);
  pair.start(1);
  assert.equal(await pair.ctl("put", "followed", "1"), "OK\n");
  await own.until(() => holds("followed"));

  // Leadership is handed to us; proposals and reads of the others come to us from now on.
  if (!leaderIs(pair.own.id)) await pair.ctl("move-leader", formatId(pair.own.id));
  await own.until(() => own.raft.status().role === "leader");
  for (let i = 0; i < 20; i++) {
    const endpoint: string = pair.clientUrls[i % 2]!;
    assert.equal(await pair.ctl("--endpoints", endpoint, "put", "led", String(i)), "OK\n");
  }
  assert.ok(holds("led"));
  for (const endpoint of pair.clientUrls) {
    assert.equal(
      await pair.ctl("--endpoints", endpoint, "get", "led", "--print-value-only"),
      "19\n",
    );
  }

  // One of them dies and misses writes, which it then gets from our log.
  await pair.kill(0);
  const big = "y".repeat(400_000);
  for (let i = 0; i < 5; i++) await pair.put(`missed-${i}`, big);
  pair.start(0);
  const got = await pair.ctl(
    ...["--endpoints", pair.clientUrls[0]!, "--dial-timeout", "10s", "--command-timeout", "20s"],
    ...["get", "missed-", "--prefix", "--keys-only"],
  );
  assert.equal(got.trim().split(/\n+/).length, 5);
  assert.equal(own.raft.status().role, "leader");
  const hashes = await pair.ctl("endpoint", "hashkv");
  const [one, two] = hashes
    .trim()
    .split("\n")
    .map((line) => line.split(", ").slice(1).join());
  assert.equal(one, two);
});

test("snapshots cross in both directions: from a reference leader, and from us to a reference follower", {
  timeout: 60_000,
}, async (t) => {
  const pair = await pairFor(t, ["--snapshot-count", "10", "--snapshot-catchup-entries", "5"]);
  if (pair === undefined) return;
  pair.start(0);
  pair.start(1);
  for (let i = 0; i < 30; i++) await pair.ctl("put", `early-${i}`, "e".repeat(20_000));

  // The leader's log no longer reaches back to our first entry.
  const own = await startRaftMember(pair, { seed: 11 });
  t.after(() => own.stop());
  await own.until(() => own.raft.status().applied > 30);
  const snapshot = own.snapshot!;
  const metadata = snapshot.message.snapshot!.metadata!;
  assert.equal(own.log.firstIndex(), metadata.index + 1);
  assert.equal(snapshot.database.readUInt32LE(16), 0xed0cdaed, "the body is no bbolt file");
  assert.ok(snapshot.database.includes("early-7"));
  assert.deepEqual(
    metadata.confState?.voters,
    pair.cluster.members.map((one) => one.id),
  );

  // We lead and forget our log; a reference member that missed writes gets the database from us.
  await pair.ctl("move-leader", formatId(pair.own.id));
  await own.until(() => own.raft.status().role === "leader");
  await pair.kill(0);
  for (let i = 0; i < 10; i++) await pair.ctl("put", `early-${i + 30}`, "f");
  own.compact(await pair.database(1));
  pair.start(0);
  await own.until(() => own.sent.length > 0);
  assert.deepEqual(own.sent, [true]);
  assert.equal(await pair.ctl("put", "late", "1"), "OK\n");
  const endpoint = pair.clientUrls[0]!;
  const slow = ["--dial-timeout", "10s", "--command-timeout", "20s", "--endpoints", endpoint];
  const early = await pair.ctl(...slow, "get", "early-", "--prefix", "--keys-only");
  assert.equal(early.trim().split(/\n+/).length, 40);
  assert.equal(await pair.ctl(...slow, "get", "late", "--print-value-only"), "1\n");
});

test("a removed member is told so, and a new one joins as a learner and is promoted", {
  timeout: 60_000,
}, async (t) => {
  const pair = await pairFor(t);
  if (pair === undefined) return;
  const removed = await startRaftMember(pair, { seed: 5 });
  t.after(() => removed.stop());
  pair.start(0);
  pair.start(1);
  await pair.ctl("put", "before", "1");
  await removed.until(() =>
    removed.committed.some((one) => Buffer.from(one.data).includes("before")),
  );
  // Strict reconfiguration wants everybody connected for five seconds; so it is asked until then.
  const repeat = async (...args: string[]): Promise<void> => {
    for (;;) {
      try {
        await pair.ctl(...args);
        return;
      } catch (error) {
        if (!String(error).includes("unhealthy cluster")) throw error;
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
    }
  };
  // A proposal to a leader that goes would be lost.
  if (removed.raft.status().role === "leader") {
    removed.raft.transferLeader(pair.others[0]!.id);
    await removed.until(() => removed.raft.status().leader === pair.others[0]!.id);
  }
  await repeat("member", "remove", formatId(pair.own.id));
  await removed.until(() => removed.removed);
  await removed.stop();

  const [url] = pair.own.peerUrls as [string];
  await repeat("member", "add", "again", "--learner", "--peer-urls", url);
  const client = new PeerClient({ clock: systemClock });
  const remote = await client.members(pair.others[0]!.peerUrls[0]!, 5000);
  assert.equal(remote.clusterId, pair.cluster.clusterId);
  const joined = adoptMembers(
    new Map([
      ["again", [url]],
      ["ref0", pair.others[0]!.peerUrls],
      ["ref1", pair.others[1]!.peerUrls],
    ]),
    remote.members,
  );
  assert.ok(joined.ok);
  const self = joined.members.find((one) => one.name === "again")!;
  assert.equal(self.isLearner, true);
  assert.notEqual(self.id, pair.own.id);
  const versions = await client.versions(pair.others[0]!.peerUrls[0]!, 5000);
  assert.equal(canJoin("3.7.3", [versions.cluster], false), true);

  const own = await startRaftMember(pair, { seed: 6, joiningAs: self });
  t.after(() => own.stop());
  const holds = (text: string): boolean =>
    own.committed.some((one) => Buffer.from(one.data).includes(text));
  await own.until(() => holds("before"));
  // Promoted through the leader's peer URL, as a follower forwards it.
  const { leader } = own.raft.status();
  const leaderUrl = pair.others.find((one) => one.id === leader)!.peerUrls[0]!;
  await assert.rejects(client.promote(leaderUrl, 1n, undefined, 5000), {
    errorName: "memberNotFound",
  });
  const members = await client.promote(leaderUrl, self.id, undefined, 5000);
  assert.equal(members.find((one) => one.id === self.id)?.isLearner, false);
  await pair.ctl("move-leader", formatId(self.id));
  await own.until(() => own.raft.status().role === "leader");
  await pair.ctl("put", "after", "1");
  assert.ok(holds("after"));
});
