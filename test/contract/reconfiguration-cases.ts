// Changes of membership and moves of leadership: what is refused, with which words, and that nothing
// is changed then. The members that are added here never start; test/membership starts them.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, describe, test } from "node:test";
import type { Member } from "#proto/gen/cluster.ts";
import { type ContractCluster, type ContractRunner, startContractCluster } from "./cluster.ts";
import { refuses } from "./setting.ts";
import { Wire } from "./wire.ts";

const badUrls = "etcdserver: given member URLs are invalid";
const notEnoughStarted = "etcdserver: re-configuration failed due to not enough started members";
const notFound = "etcdserver: member not found";
const notLearner = "etcdserver: can only promote a learner member";
const notInSync = "etcdserver: can only promote a learner member which is in sync with leader";
const unhealthy = "etcdserver: unhealthy cluster";
const urlExists = "etcdserver: Peer URLs already exists";
const badTransferee = "etcdserver: bad leader transferee";
const unknown = 0xbadn;

/** Where peers of these members would be; nobody listens there. */
const nowhere = (n: number): string => `http://127.0.0.1:${n}`;

/** One line for each member, in the order of the list. */
const shown = (members: readonly Member[]): string[] =>
  members.map(
    ({ name, peerURLs, isLearner }) =>
      `${name} ${peerURLs.join(",")}${isLearner ? " learner" : ""}`,
  );

/** The ID of a member that was added in that second. */
function idAddedAt(peerUrls: readonly string[], second: number): bigint {
  const hash = createHash("sha1").update([...peerUrls].sort().join("") + String(second));
  return hash.digest().readBigUInt64BE(0);
}

interface Roles {
  readonly leader: Wire;
  readonly follower: Wire;
  readonly leaderId: bigint;
  readonly followerId: bigint;
  readonly leaderUrl: string;
}

class Members {
  readonly wires: Wire[];
  private readonly cluster: ContractCluster;
  private probes = 1000;

  constructor(cluster: ContractCluster) {
    this.cluster = cluster;
    this.wires = cluster.endpoints().map((endpoint) => new Wire(endpoint));
  }

  get clock() {
    return this.cluster.clock;
  }

  async stop(): Promise<void> {
    for (const wire of this.wires) wire.close();
    await this.cluster.stop();
  }

  async roles(): Promise<Roles> {
    const statuses = await Promise.all(this.wires.map((wire) => wire.maintenance.status({})));
    const at = statuses.findIndex((one) => one.header?.memberId === one.leader);
    const other = (at + 1) % this.wires.length;
    const id = (i: number): bigint => statuses[i]!.header!.memberId;
    return {
      leader: this.wires[at]!,
      follower: this.wires[other]!,
      leaderId: id(at),
      followerId: id(other),
      leaderUrl: this.cluster.members[at]!.clientUrl,
    };
  }

  async list(): Promise<Member[]> {
    return (await this.wires[0]!.cluster.memberList({ linearizable: true })).members;
  }

  /** Runs `attempt`, which is refused, and checks that the list is the same afterwards. */
  async refused(attempt: () => Promise<unknown>, code: number, message: string): Promise<void> {
    const before = shown(await this.list());
    await refuses(attempt(), code, message);
    assert.deepEqual(shown(await this.list()), before, "nothing was changed");
  }

  /** Until all members have been connected for five seconds, which the strict check asks for. */
  async healthy(wire: Wire): Promise<void> {
    const endMs = this.clock.monotonicMs() + 30_000;
    for (;;) {
      assert.ok(this.clock.monotonicMs() < endMs, "not healthy within 30 seconds");
      try {
        // Another one each time: the ID is made of URLs and second, and never comes back.
        const peerURLs = [nowhere(++this.probes)];
        const added = await wire.cluster.memberAdd({ peerURLs, isLearner: true });
        await wire.cluster.memberRemove({ ID: added.member!.ID });
        return;
      } catch (error) {
        assert.equal((error as { details?: string }).details, unhealthy);
        await new Promise<void>((resolve) => this.clock.after(200, resolve));
      }
    }
  }
}

/** The cases of Cluster.Member* and Maintenance.MoveLeader on clusters of their own. */
export function reconfigurationSuite(runner: ContractRunner): void {
  describe("changes of membership among three", () => {
    let members: Members;
    before(async () => {
      members = new Members(await startContractCluster(runner, { size: 3 }));
    });
    after(() => members?.stop());

    describe("peer URLs that are refused", () => {
      const rows: readonly [title: string, peerURLs: string[]][] = [
        ["none", []],
        ["an empty one", [""]],
        ["no URL", ["nonsense"]],
        ["another scheme", ["ftp://127.0.0.1:1"]],
        ["no port", ["http://127.0.0.1"]],
        ["a path", ["http://127.0.0.1:1/path"]],
        ["a slash", ["http://127.0.0.1:1/"]],
        ["a good one and a bad one", [nowhere(1), "nonsense"]],
      ];
      for (const [title, peerURLs] of rows) {
        test(title, async () => {
          const { leader } = await members.roles();
          await members.refused(() => leader.cluster.memberAdd({ peerURLs }), 3, badUrls);
        });
      }
    });

    test("a member of whom nobody knows", async () => {
      const { leader, follower } = await members.roles();
      for (const { cluster } of [leader, follower]) {
        const [ID, peerURLs] = [unknown, [nowhere(9)]];
        await members.refused(() => cluster.memberRemove({ ID }), 5, notFound);
        await members.refused(() => cluster.memberPromote({ ID }), 5, notFound);
        await members.refused(() => cluster.memberUpdate({ ID, peerURLs }), 5, notFound);
        await members.refused(() => cluster.memberRemove({ ID: 0n }), 5, notFound);
      }
    });

    test("a voter is not promoted", async () => {
      const { leader, follower, followerId } = await members.roles();
      for (const { cluster } of [leader, follower]) {
        await members.refused(() => cluster.memberPromote({ ID: followerId }), 9, notLearner);
      }
    });

    test("peer URLs of another member", async () => {
      const { leader, followerId, leaderId } = await members.roles();
      const { cluster } = leader;
      await members.healthy(leader);
      const taken = (await members.list()).find(({ ID }) => ID === leaderId)!.peerURLs[0]!;
      for (const isLearner of [true, false]) {
        const peerURLs = [nowhere(9), taken];
        await members.refused(() => cluster.memberAdd({ peerURLs, isLearner }), 9, urlExists);
      }
      const peerURLs = [taken];
      await members.refused(() => cluster.memberUpdate({ ID: followerId, peerURLs }), 9, urlExists);
    });

    for (const role of ["leader", "follower"] as const) {
      test(`a learner is added, updated and removed through the ${role}`, async () => {
        const { cluster } = (await members.roles())[role];
        await members.healthy((await members.roles())[role]);
        const before = await members.list();
        const base = role === "leader" ? 0 : 100;
        const peerURLs = [nowhere(12 + base), nowhere(11 + base)];
        const fromSecond = Math.floor(members.clock.wallMs() / 1000);
        const added = await cluster.memberAdd({ peerURLs, isLearner: true });
        const toSecond = Math.floor(members.clock.wallMs() / 1000);
        assert.equal(added.header?.revision, 0);
        const { ID } = added.member!;
        const { name, clientURLs, isLearner } = added.member!;
        assert.deepEqual([name, clientURLs, isLearner], ["", [], true]);
        assert.deepEqual(added.member!.peerURLs, [...peerURLs].reverse(), "sorted");
        const seconds = Array.from({ length: toSecond - fromSecond + 1 }, (_, i) => fromSecond + i);
        assert.ok(
          seconds.some((second) => idAddedAt(peerURLs, second) === ID),
          "the ID is made of URLs and time",
        );
        assert.deepEqual(added.members, await members.list());
        assert.equal(added.members.length, before.length + 1);
        const ids = added.members.map((one) => one.ID);
        assert.deepEqual(
          ids,
          [...ids].sort((x, y) => (x < y ? -1 : 1)),
        );

        await members.refused(
          () => cluster.memberAdd({ peerURLs: [nowhere(13)], isLearner: true }),
          9,
          "etcdserver: too many learner members in cluster",
        );
        await members.refused(() => cluster.memberPromote({ ID }), 9, notInSync);

        const moved = await cluster.memberUpdate({ ID, peerURLs: [nowhere(15), nowhere(14)] });
        assert.equal(moved.header?.revision, 0);
        assert.deepEqual(moved.members, await members.list());
        const now = moved.members.find((one) => one.ID === ID);
        assert.deepEqual(now?.peerURLs, [nowhere(15), nowhere(14)], "as given");
        assert.equal(now?.isLearner, true, "still a learner");

        const removed = await cluster.memberRemove({ ID });
        assert.equal(removed.header?.revision, 0);
        assert.deepEqual(removed.members, before);
        assert.deepEqual(await members.list(), before);
        await members.refused(() => cluster.memberRemove({ ID }), 5, notFound);
        await members.refused(() => cluster.memberPromote({ ID }), 5, notFound);
        await members.refused(() => cluster.memberUpdate({ ID, peerURLs }), 5, notFound);
      });
    }

    test("the leader counts promotions that it refused", async () => {
      const { leaderUrl } = await members.roles();
      const text = await (await fetch(`${leaderUrl}/metrics`)).text();
      for (const reason of [
        notInSync,
        "membership: ID not found",
        notLearner.replace("etcdserver", "membership"),
      ]) {
        assert.ok(
          new RegExp(
            `^etcd_server_learner_promote_failures\\{Reason="${reason}"\\} [1-9]`,
            "m",
          ).test(text),
          reason,
        );
      }
      assert.match(text, /^etcd_server_learner_promote_successes 0$/m);
    });

    test("leadership is moved by the leader alone, to a voter", async () => {
      const { leader, follower, leaderId, followerId } = await members.roles();
      const move = (wire: Wire, targetID: bigint) => wire.maintenance.moveLeader({ targetID });
      const notLeader = "etcdserver: not leader";
      await refuses(move(follower, followerId), 9, notLeader);
      await refuses(move(follower, unknown), 9, notLeader);
      await refuses(move(leader, unknown), 9, badTransferee);
      await refuses(move(leader, 0n), 9, badTransferee);
      await members.healthy(leader);
      const added = await leader.cluster.memberAdd({ peerURLs: [nowhere(1)], isLearner: true });
      const { ID } = added.member!;
      await refuses(move(leader, ID), 9, badTransferee);
      await leader.cluster.memberRemove({ ID });
      assert.equal((await move(leader, leaderId)).header, undefined);
      assert.equal((await members.roles()).leaderId, leaderId, "to itself: nothing happens");
      // Raft gives a transfer up when the one message of it is late, on a busy machine; etcd then keeps
      // the caller waiting to the end, and never tries again by itself.
      let raftTerm = 0;
      for (let attempt = 1; ; attempt++) {
        ({ raftTerm } = await leader.maintenance.status({}));
        try {
          assert.equal((await move(leader, followerId)).header, undefined);
          break;
        } catch (error) {
          if (attempt === 3 || (await members.roles()).leaderId !== leaderId) throw error;
        }
      }
      const after = await leader.maintenance.status({});
      assert.deepEqual([after.leader, after.raftTerm], [followerId, raftTerm + 1]);
    });

    // The last case: it leaves a cluster of five of which two never come.
    test("voters that have not started count for the quorum", async () => {
      const { leader, followerId } = await members.roles();
      const { cluster } = leader;
      await members.healthy(leader);
      const absent = [];
      for (const port of [21, 22]) {
        absent.push((await cluster.memberAdd({ peerURLs: [nowhere(port)] })).member!.ID);
      }
      await members.refused(
        () => cluster.memberAdd({ peerURLs: [nowhere(23)] }),
        2,
        notEnoughStarted,
      );
      await members.refused(() => cluster.memberRemove({ ID: followerId }), 2, notEnoughStarted);
      // Three are connected of the four that six would need.
      const peerURLs = [nowhere(24)];
      await members.refused(() => cluster.memberAdd({ peerURLs, isLearner: true }), 14, unhealthy);
      for (const ID of absent) await cluster.memberRemove({ ID });
      assert.equal((await members.list()).length, 3);
    });
  });

  describe("changes of membership of one", () => {
    let members: Members;
    before(async () => {
      members = new Members(await startContractCluster(runner, { size: 1 }));
    });
    after(() => members?.stop());

    test("the last one cannot be removed", async () => {
      const [own] = await members.list();
      const [wire] = members.wires;
      const removal = () => wire!.cluster.memberRemove({ ID: own!.ID });
      await members.refused(removal, 2, notEnoughStarted);
    });

    test("one of two cannot be removed while the other has not started", async () => {
      const [own] = await members.list();
      const { cluster } = members.wires[0]!;
      const { member } = await cluster.memberAdd({ peerURLs: [nowhere(31)], isLearner: true });
      await members.refused(() => cluster.memberRemove({ ID: own!.ID }), 2, notEnoughStarted);
      await cluster.memberRemove({ ID: member!.ID });
    });

    test("its peer URLs are updated", async () => {
      const [own] = await members.list();
      const { cluster } = members.wires[0]!;
      const peerURLs = [...own!.peerURLs, nowhere(32)];
      const updated = await cluster.memberUpdate({ ID: own!.ID, peerURLs });
      assert.deepEqual(updated.members, [{ ...own!, peerURLs }]);
    });
  });

  describe("without --strict-reconfig-check, with --max-learners=3", () => {
    let members: Members;
    before(async () => {
      const flags = ["--strict-reconfig-check=false", "--max-learners=3"];
      members = new Members(await startContractCluster(runner, { size: 3, flags }));
    });
    after(() => members?.stop());

    test("nobody has to be connected for long", async () => {
      const { cluster } = members.wires[0]!;
      for (const port of [41, 42, 43]) {
        await cluster.memberAdd({ peerURLs: [nowhere(port)], isLearner: true });
      }
      await members.refused(
        () => cluster.memberAdd({ peerURLs: [nowhere(44)], isLearner: true }),
        9,
        "etcdserver: too many learner members in cluster",
      );
      for (const port of [45, 46]) await cluster.memberAdd({ peerURLs: [nowhere(port)] });
      const { followerId } = await members.roles();
      // Three of five are up; the quorum of four is three.
      await cluster.memberRemove({ ID: followerId });
    });
  });
}
