import assert from "node:assert/strict";
import { test } from "node:test";
import { text, utf8 } from "#base/bytes.ts";
import type { StateBatch } from "#base/state-batch.ts";
import { ConfChange, ConfChangeType } from "#proto/gen/raft.ts";
import {
  type Member,
  MemberJsonError,
  memberJson,
  parseMember,
  parseMembers,
  promotionJson,
} from "#server/membership/member-json.ts";
import { Members, type MembershipRecords, membershipError } from "#server/membership/members.ts";
import { addRefusal, promoteRefusal, removeRefusal } from "#server/membership/reconfiguration.ts";

const { ConfChangeAddNode, ConfChangeAddLearnerNode, ConfChangeRemoveNode, ConfChangeUpdateNode } =
  ConfChangeType;

const member = (id: bigint, fields: Partial<Member> = {}): Member => ({
  id,
  peerUrls: [`http://10.0.0.${id}:2380`],
  isLearner: false,
  name: "",
  clientUrls: [],
  ...fields,
});

const change = (type: ConfChangeType, id: bigint, context = ""): ConfChange =>
  ConfChange.create({ type, nodeId: id, context: utf8(context) });
const add = (one: Member): ConfChange =>
  change(one.isLearner ? ConfChangeAddLearnerNode : ConfChangeAddNode, one.id, memberJson(one));

/** A batch that keeps what it holds as text. */
class TextBatch implements StateBatch {
  readonly records = new Map<string, string>();

  put(bucket: string, key: Uint8Array, value: Uint8Array): void {
    this.records.set(`${bucket}/${text(key)}`, text(value));
  }

  delete(bucket: string, key: Uint8Array): void {
    this.records.delete(`${bucket}/${text(key)}`);
  }

  bucket(name: string): (readonly [Uint8Array, Uint8Array])[] {
    return [...this.records]
      .filter(([key]) => key.startsWith(`${name}/`))
      .map(([key, value]) => [utf8(key.slice(name.length + 1)), utf8(value)] as const);
  }

  stored(): MembershipRecords {
    return {
      members: this.bucket("members"),
      membersRemoved: this.bucket("members_removed"),
      cluster: this.bucket("cluster"),
    };
  }
}

test("member JSON has etcd's keys, order and escapes, and keeps every bit of an ID", () => {
  const rows: readonly (readonly [Member, string])[] = [
    [
      member(2n ** 64n - 1n, { peerUrls: ["http://a:1"] }),
      '{"id":18446744073709551615,"peerURLs":["http://a:1"]}',
    ],
    [
      member(9007199254740993n, {
        peerUrls: ["http://a:1", "http://b:1"],
        isLearner: true,
        name: 'x<&>\u2028"',
        clientUrls: ["http://c:2"],
      }),
      '{"id":9007199254740993,"peerURLs":["http://a:1","http://b:1"],"isLearner":true,' +
        '"name":"x\\u003c\\u0026\\u003e\\u2028\\"","clientURLs":["http://c:2"]}',
    ],
  ];
  for (const [value, json] of rows) {
    assert.equal(memberJson(value), json);
    assert.deepEqual(parseMembers(`[${json}]\n`), [value]);
  }
  assert.deepEqual(parseMember(promotionJson(7n)), {
    ...member(7n, { peerUrls: [] }),
    isPromote: true,
  });
  for (const bad of [
    "",
    "[]",
    "{}",
    '{"id":-1}',
    '{"id":1.5}',
    '{"id":"1"}',
    '{"id":1e3}',
    '{"id":18446744073709551616}',
    '{"id":1,"peerURLs":[1]}',
    '{"id":1,"name":2}',
  ]) {
    assert.throws(() => parseMember(bad), MemberJsonError, bad);
  }
});

test("changes are judged by what is stored", () => {
  const members = new Members();
  const batch = new TextBatch();
  members.expect([member(1n), member(2n)]);
  assert.deepEqual(
    members.list().map((one) => one.id),
    [1n, 2n],
  );
  for (const one of [member(1n), member(2n), member(4n, { isLearner: true })]) {
    assert.equal(members.apply(add(one), batch).kind, "added");
  }
  members.apply(add(member(9n)), batch);
  assert.deepEqual(members.apply(change(ConfChangeRemoveNode, 9n), batch), {
    kind: "removed",
    id: 9n,
  });

  const rows: readonly (readonly [ConfChange, string | undefined])[] = [
    [add(member(1n, { peerUrls: ["http://new:1"] })), "idExists"],
    [add(member(9n)), "idRemoved"],
    [add(member(5n, { peerUrls: ["http://x:1", "http://10.0.0.2:2380"] })), "peerUrlExists"],
    [add(member(5n, { isLearner: true })), "tooManyLearners"],
    [add(member(5n)), undefined],
    [change(ConfChangeAddNode, 5n, promotionJson(5n)), "idNotFound"],
    [change(ConfChangeAddNode, 1n, promotionJson(1n)), "notLearner"],
    [change(ConfChangeAddNode, 4n, promotionJson(4n)), undefined],
    [change(ConfChangeUpdateNode, 5n, memberJson(member(5n))), "idNotFound"],
    [
      change(
        ConfChangeUpdateNode,
        1n,
        memberJson(member(1n, { peerUrls: ["http://10.0.0.2:2380"] })),
      ),
      "peerUrlExists",
    ],
    [change(ConfChangeUpdateNode, 1n, memberJson(member(1n))), undefined],
    [change(ConfChangeUpdateNode, 9n, memberJson(member(9n))), "idRemoved"],
    [change(ConfChangeRemoveNode, 5n), "idNotFound"],
    [change(ConfChangeRemoveNode, 9n), "idRemoved"],
    [change(ConfChangeRemoveNode, 1n), undefined],
  ];
  const before = new Map(batch.records);
  for (const [asked, fault] of rows) {
    assert.equal(members.fault(asked), fault);
    if (fault === undefined) continue;
    assert.deepEqual(members.apply(asked, batch), { kind: "refused", fault });
  }
  assert.deepEqual(batch.records, before, "a refused change writes nothing");
  assert.equal(membershipError("idRemoved").message, "etcdserver: member not found");
});

test("an update keeps a learner a learner, a promotion keeps all but that", () => {
  const members = new Members();
  const batch = new TextBatch();
  members.apply(add(member(1n)), batch);
  members.apply(add(member(2n, { isLearner: true })), batch);
  members.setAttributes(2n, { name: "two", clientUrls: ["http://c:1"] }, batch);
  assert.equal(members.setAttributes(3n, { name: "three", clientUrls: [] }, batch), undefined);
  const moved = member(2n, { peerUrls: ["http://moved:1"], name: "liar" });
  members.apply(change(ConfChangeUpdateNode, 2n, memberJson(moved)), batch);
  assert.equal(
    batch.records.get("members/2"),
    '{"id":2,"peerURLs":["http://moved:1"],"isLearner":true,"name":"two","clientURLs":["http://c:1"]}',
  );
  assert.deepEqual(members.confState(), {
    voters: [1n],
    learners: [2n],
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
  });
  members.apply(change(ConfChangeAddNode, 2n, promotionJson(2n)), batch);
  assert.equal(
    batch.records.get("members/2"),
    '{"id":2,"peerURLs":["http://moved:1"],"name":"two","clientURLs":["http://c:1"]}',
  );
});

test("what was stored is loaded again", () => {
  const members = new Members();
  const batch = new TextBatch();
  members.expect([member(1n), member(2n), member(255n)]);
  for (const id of [1n, 2n, 255n]) members.apply(add(member(id)), batch);
  members.apply(change(ConfChangeRemoveNode, 255n), batch);
  members.setClusterVersion("3.7.0", batch);
  members.setDowngrade({ enabled: true, targetVersion: "3.6.0" }, batch);
  assert.equal(batch.records.get("members_removed/ff"), "removed");
  assert.equal(batch.records.get("cluster/clusterVersion"), "3.7.0");
  assert.equal(batch.records.get("cluster/downgrade"), '{"target-version":"3.6.0","enabled":true}');
  const again = new Members();
  again.expect([member(1n), member(2n), member(255n)]);
  again.load(batch.stored());
  assert.deepEqual(again.list(), members.list());
  assert.deepEqual(
    again.list().map((one) => one.id),
    [1n, 2n],
  );
  assert.equal(again.isRemoved(255n), true);
  assert.equal(again.get(255n), undefined);
  assert.equal(again.clusterVersion, "3.7.0");
  assert.deepEqual(again.downgrade, { enabled: true, targetVersion: "3.6.0" });
});

test("strict reconfiguration keeps the quorum", () => {
  const started = (id: bigint): Member => member(id, { name: `n${id}` });
  const fresh = (id: bigint): Member => member(id);
  const around = (
    members: readonly Member[],
    connected: readonly bigint[],
    briefly: readonly bigint[] = [],
  ) => ({
    members,
    self: 1n,
    connectedMs: (id: bigint) =>
      connected.includes(id) ? 5000 : briefly.includes(id) ? 4999 : undefined,
  });
  const one = [started(1n)];
  const two = [started(1n), started(2n)];
  const three = [started(1n), started(2n), started(3n)];
  const rows: readonly (readonly [string | undefined, string | undefined, string])[] = [
    [addRefusal(around(one, []), false), undefined, "the second of two"],
    [addRefusal(around([fresh(1n)], []), false), "memberNotEnoughStarted", "none started"],
    [addRefusal(around([started(1n), fresh(2n)], [2n]), false), "memberNotEnoughStarted", "1 of 2"],
    [addRefusal(around([started(1n), fresh(2n)], [2n]), true), undefined, "a learner with 1 of 2"],
    [addRefusal(around(two, [2n]), false), undefined, "two healthy"],
    [addRefusal(around(two, [], [2n]), false), "unhealthy", "connected too briefly"],
    [addRefusal(around(three, [2n]), false), "unhealthy", "two of three, four to be"],
    [addRefusal(around(three, [2n, 3n]), true), undefined, "three of three"],
    [promoteRefusal(around(one, [])), undefined, "promotion beside one"],
    [promoteRefusal(around([fresh(1n)], [])), "memberNotEnoughStarted", "promotion beside none"],
    [removeRefusal(around(three, [2n, 3n]), 3n), undefined, "one of three"],
    [removeRefusal(around(three, [2n]), 3n), undefined, "the dead one of three"],
    [removeRefusal(around(three, [2n]), 2n), "unhealthy", "a living one beside a dead one"],
    [
      removeRefusal(around([started(1n), fresh(2n), fresh(3n)], [2n]), 3n),
      "memberNotEnoughStarted",
      "leaving 1 of 2",
    ],
    [
      removeRefusal(around([started(1n), member(2n, { isLearner: true })], []), 2n),
      undefined,
      "a learner",
    ],
    [removeRefusal(around(two, [2n]), 2n), undefined, "one of two"],
  ];
  for (const [got, wanted, name] of rows) assert.equal(got, wanted, name);
});
