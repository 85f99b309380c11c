// A snapshot may arrive while older entries are still being applied: raft then has the snapshot's
// configuration already, and the older changes must not be laid upon it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyBytes } from "#base/bytes.ts";
import { seededRandom } from "#base/random.ts";
import {
  ConfChangeType,
  ConfChangeV2,
  type ConfState,
  EntryType,
  Message,
  MessageType,
} from "#proto/gen/raft.ts";
import { etcdLimits } from "#server/raft/config.ts";
import { MemoryLog } from "#server/raft/memory-log.ts";
import { RawNode } from "#server/raft/raw-node.ts";

const joint: ConfState = {
  voters: [1n, 2n, 3n],
  learners: [],
  votersOutgoing: [1n, 2n, 4n],
  learnersNext: [],
  autoLeave: true,
};
const simple: ConfState = { ...joint, votersOutgoing: [], autoLeave: false };
const later: ConfState = { ...simple, voters: [1n, 2n, 3n, 5n] };

function followerInJointConfiguration(): { raw: RawNode; log: MemoryLog } {
  const log = new MemoryLog();
  log.applySnapshot({ data: emptyBytes, metadata: { confState: joint, index: 10, term: 2 } });
  const raw = new RawNode({
    id: 3n,
    electionTicks: 10,
    heartbeatTicks: 1,
    storage: log,
    applied: 10,
    hardState: { term: 2, vote: 0n, commit: 10 },
    confState: joint,
    ...etcdLimits,
    checkQuorum: true,
    preVote: true,
    random: seededRandom(1),
  });
  return { raw, log };
}

test("a change from before a snapshot that came meanwhile is applied to what was, not to what is", () => {
  const { raw, log } = followerInJointConfiguration();
  const leave = { type: EntryType.EntryConfChangeV2, term: 2, index: 11, data: emptyBytes };
  const append = { type: MessageType.MsgApp, from: 1n, to: 3n, term: 2, index: 10, logTerm: 2 };
  raw.step(Message.fromPartial({ ...append, entries: [leave], commit: 11 }));
  const ready = raw.ready();
  assert.deepEqual(
    ready.committed.map((entry) => entry.index),
    [11],
  );

  const snapshot = { data: emptyBytes, metadata: { confState: later, index: 20, term: 2 } };
  raw.step(Message.fromPartial({ type: MessageType.MsgSnap, from: 1n, to: 3n, term: 2, snapshot }));

  log.append(ready.entries);
  assert.deepEqual(raw.applyConfChange(ConfChangeV2.decode(emptyBytes)), simple);
  raw.advance();

  const install = raw.ready();
  assert.equal(install.snapshot?.metadata?.index, 20);
  log.applySnapshot(install.snapshot!);
  raw.advance();
  const change = {
    id: 0n,
    type: ConfChangeType.ConfChangeRemoveNode,
    nodeId: 5n,
    context: emptyBytes,
  };
  assert.deepEqual(raw.applyConfChange(change), simple, "the snapshot's configuration counts now");
});
