import assert from "node:assert/strict";
import { test } from "node:test";
import type { Timer } from "#base/clock.ts";
import type { MemberId } from "#base/ids.ts";
import { silentLog } from "#base/log.ts";
import { EtcdError } from "#proto/errors.ts";
import { type ConfChange, ConfChangeType } from "#proto/gen/raft.ts";
import { MemoryBackend } from "#server/backend/memory-backend.ts";
import { memberJson } from "#server/membership/member-json.ts";
import { Members } from "#server/membership/members.ts";
import { MembershipChanges } from "#server/node/membership-changes.ts";

const self = 1n as MemberId;

class Rig {
  readonly told: string[] = [];
  readonly pending = new Map<number, () => void>();
  readonly members = new Members();
  readonly changes: MembershipChanges;
  private readonly backend = new MemoryBackend();

  constructor() {
    const { told } = this;
    this.changes = new MembershipChanges({
      memberId: self,
      clock: {
        monotonicMs: () => 0,
        wallMs: () => 0,
        after: (delayMs, run): Timer => {
          this.pending.set(delayMs, run);
          return { cancel: () => this.pending.delete(delayMs) };
        },
        every: () => assert.fail("nothing happens for ever"),
      },
      log: silentLog,
      members: this.members,
      raft: {
        applyConfChange: (change) => {
          told.push(`raft ${(change as ConfChange).nodeId}`);
          return this.members.confState();
        },
      },
      peers: {
        addPeer: (id, urls) => void told.push(`add ${id} ${urls}`),
        updatePeer: (id, urls) => void told.push(`update ${id} ${urls}`),
        removePeer: (id) => void told.push(`remove ${id}`),
      },
      forgetLog: () => void told.push("forget the log"),
      onRemoved: () => void told.push("removed"),
    });
    for (const id of [1n, 2n]) this.change(ConfChangeType.ConfChangeAddNode, id);
    told.length = 0;
  }

  change(type: ConfChangeType, nodeId: bigint, url = `http://${nodeId}`): object {
    const isLearner = type === ConfChangeType.ConfChangeAddLearnerNode;
    const member = { id: nodeId as MemberId, peerUrls: [url], isLearner, name: "", clientUrls: [] };
    const context = Buffer.from(memberJson(member));
    return this.changes.apply({ id: 0n, type, nodeId, context }, this.backend.newBatch());
  }
}

test("others are connected to, and the proposer is told all members", () => {
  const rig = new Rig();
  const answer = rig.change(ConfChangeType.ConfChangeAddLearnerNode, 3n);
  assert.deepEqual(answer, rig.members.list());
  rig.change(ConfChangeType.ConfChangeUpdateNode, 3n, "http://elsewhere");
  rig.change(ConfChangeType.ConfChangeUpdateNode, 1n, "http://here");
  assert.deepEqual(rig.told, [
    "raft 3",
    "add 3 http://3",
    "raft 3",
    "update 3 http://elsewhere",
    "raft 1",
  ]);
});

test("a refused change is nothing for raft, which must still hear of it", () => {
  const rig = new Rig();
  const answer = rig.change(ConfChangeType.ConfChangeAddNode, 3n, "http://2");
  assert.ok(answer instanceof EtcdError);
  assert.match(answer.message, /Peer URLs already exists/);
  assert.deepEqual(rig.told, ["raft 0"]);
});

test("a removed member is talked to for longer than it stays", () => {
  const rig = new Rig();
  rig.change(ConfChangeType.ConfChangeRemoveNode, 2n);
  assert.deepEqual(rig.told, ["raft 2"]);
  const [[talkMs, talked]] = [...rig.pending] as [[number, () => void]];
  talked();
  assert.deepEqual(rig.told, ["raft 2", "remove 2"]);
  rig.pending.clear();
  rig.change(ConfChangeType.ConfChangeRemoveNode, 1n);
  const [[stayMs, stayed]] = [...rig.pending] as [[number, () => void]];
  assert.ok(stayMs < talkMs);
  stayed();
  assert.deepEqual(rig.told.slice(2), ["raft 1", "removed"]);
});

test("a member that stops waits for nothing", () => {
  const rig = new Rig();
  rig.change(ConfChangeType.ConfChangeRemoveNode, 2n);
  rig.changes.stop();
  rig.change(ConfChangeType.ConfChangeRemoveNode, 1n);
  assert.equal(rig.pending.size, 0);
});

test("the log is forgotten when the cluster version goes down, not when it goes up", () => {
  const rig = new Rig();
  for (const [before, now] of [
    [undefined, "3.6.0"],
    ["3.6.0", "3.7.0"],
    ["3.7.0", "3.7.0"],
  ] as const) {
    rig.changes.clusterVersionSet(before, now);
  }
  assert.deepEqual(rig.told, []);
  rig.changes.clusterVersionSet("3.7.0", "3.6.0");
  assert.deepEqual(rig.told, ["forget the log"]);
});
