import assert from "node:assert/strict";
import { test } from "node:test";
import type { MemberId } from "#base/ids.ts";
import { etcdError } from "#proto/errors.ts";
import type { ConfChange } from "#proto/gen/raft.ts";
import type { Member } from "#server/node/member.ts";
import { Reconfiguration } from "#server/node/reconfiguration.ts";
import { sha1 } from "#server/sha1.ts";

const [leader, learner] = [1n as MemberId, 2n as MemberId];

class Rig {
  role: "leader" | "follower" = "leader";
  match = { [1]: 100, [2]: 90 };
  nowMs = 1_700_000_000_999;
  readonly proposed: Omit<ConfChange, "id">[] = [];
  readonly passedOn: string[] = [];
  readonly reconfiguration: Reconfiguration;

  constructor(isStrict = false) {
    const record = (id: MemberId, isLearner: boolean) => ({
      id,
      peerUrls: [`http://${id}`],
      isLearner,
      name: `m${id}`,
      clientUrls: [],
    });
    const list = [record(leader, false), record(learner, true)];
    const member = {
      parts: {
        memberId: leader,
        clock: {
          wallMs: () => this.nowMs,
          monotonicMs: () => 0,
          after: (_: number, run: () => void) => setImmediate(run),
        },
        timings: { requestTimeoutMs: 1000 },
        members: { list: () => list, get: (id: MemberId) => list.find((one) => one.id === id) },
        peers: { activeSince: () => undefined },
        raft: {
          status: () => ({
            role: this.role,
            progress:
              this.role === "leader"
                ? new Map([
                    [leader, { match: this.match[1] }],
                    [learner, { match: this.match[2] }],
                  ])
                : new Map(),
          }),
        },
      },
      leadership: { leader },
      caughtUp: () => Promise.resolve(),
      proposer: {
        proposeChange: async (change: Omit<ConfChange, "id">) => {
          this.proposed.push(change);
          return list;
        },
      },
    } as unknown as Member;
    const peers = {
      promote: async (url: string, id: MemberId, authorization: string | undefined) => {
        this.passedOn.push(`${url} ${id} ${authorization}`);
        if (this.passedOn.length === 1) throw new Error("no connection");
        throw etcdError("learnerNotReady");
      },
    };
    this.reconfiguration = new Reconfiguration({ member, peers, sha1, isStrict });
  }
}

test("a learner that holds nine tenths of the leader's log is promoted, one that holds less is not", async () => {
  const rig = new Rig();
  await rig.reconfiguration.promote(learner, undefined);
  assert.equal(
    Buffer.from(rig.proposed[0]!.context).toString(),
    '{"id":2,"peerURLs":null,"isPromote":true}',
  );
  rig.match = { [1]: 100, [2]: 89 };
  await assert.rejects(rig.reconfiguration.promote(learner, undefined), /in sync with leader/);
  await assert.rejects(rig.reconfiguration.promote(9n as MemberId, undefined), /member not found/);
  assert.equal(rig.proposed.length, 1);
  assert.equal(rig.reconfiguration.promotions.succeeded, 1);
  assert.deepEqual(
    [...rig.reconfiguration.promotions.failed],
    [
      ["etcdserver: can only promote a learner member which is in sync with leader", 1],
      ["membership: ID not found", 1],
    ],
  );
});

test("who does not lead passes a promotion on, with the caller's token, and takes the leader's answer", async () => {
  const rig = new Rig();
  rig.role = "follower";
  await assert.rejects(rig.reconfiguration.promote(learner, "token"), /in sync with leader/);
  assert.deepEqual(rig.passedOn, ["http://1 2 token", "http://1 2 token"]);
  assert.equal(rig.reconfiguration.promotions.failed.size, 0, "the leader counts it");
  await assert.rejects(rig.reconfiguration.promoteHere(learner), /not leader/);
});

test("the same URLs, added in another second, are another member", async () => {
  const rig = new Rig();
  const urls = ["http://b:1", "http://a:1"];
  const first = await rig.reconfiguration.add(urls, true);
  rig.nowMs++;
  const second = await rig.reconfiguration.add([...urls].reverse(), true);
  assert.notEqual(first.member.ID, second.member.ID);
  rig.nowMs -= 1;
  const again = await rig.reconfiguration.add(urls, false);
  assert.equal(again.member.ID, first.member.ID);
  assert.deepEqual(again.member.peerURLs, ["http://a:1", "http://b:1"]);
});

test("the strict check looks before anything is proposed", async () => {
  const rig = new Rig(true);
  await assert.rejects(rig.reconfiguration.remove(leader), /not enough started members/);
  assert.deepEqual(rig.proposed, []);
  await new Rig(false).reconfiguration.remove(leader);
});
