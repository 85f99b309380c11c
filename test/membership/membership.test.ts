// Members that come and go, as processes: what the contract's cases cannot show, since there nobody
// who is added ever starts. RUNNER=reference runs it against etcd.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Cluster, type ClusterMember, startCluster } from "#test/cluster/cluster.ts";
import { eventually } from "#test/cluster/eventually.ts";
import { runnerFromEnvironment } from "#test/cluster/launchers.ts";
import { b, refuses, s } from "#test/contract/setting.ts";
import { Wire } from "#test/contract/wire.ts";

const runner = runnerFromEnvironment();
const TRY_LIMIT_MS = 2_000;

let cluster: Cluster | undefined;
const wires = new Map<string, Wire>();

function wireOf(member: ClusterMember): Wire {
  const wire = wires.get(member.name) ?? new Wire(member.endpoint);
  wires.set(member.name, wire);
  return wire;
}

function at(i: number): ClusterMember {
  const member = cluster?.members[i];
  assert.ok(member !== undefined, `there is no member ${i}`);
  return member;
}

/** What a member that was removed tells before it ends, with etcd's exit code. */
async function leftForGood(member: ClusterMember): Promise<void> {
  const { code } = await member.ended();
  // etcd's is 1 now and then, when a listener notices the end before the process does.
  assert.ok(code === 0 || (code === 1 && runner === "reference"), `exit code ${code}`);
  const log = member.log().join("\n");
  assert.match(log, /the member has been permanently removed from the cluster/);
  assert.match(log, /data-dir used by this member must be removed/);
}

const idOf = async (member: ClusterMember): Promise<bigint> =>
  (await wireOf(member).maintenance.status({})).header!.memberId;

/** Adds and starts a learner. */
async function joinAsLearner(present: readonly ClusterMember[]): Promise<ClusterMember> {
  const fresh = await cluster!.newMember(runner, present);
  const { cluster: via } = wireOf(present[0]!);
  await via.memberAdd({ peerURLs: [fresh.peerUrl], isLearner: true });
  await fresh.start();
  return fresh;
}

const putThrough = (member: ClusterMember, key: string, value: string) =>
  wireOf(member).kv.put({ key: b(key), value: b(value) }, { deadlineMs: TRY_LIMIT_MS });

async function read(member: ClusterMember, key: string): Promise<string> {
  const { kvs } = await wireOf(member).kv.range({ key: b(key) });
  return s(kvs[0]?.value);
}

before(async () => {
  // The strict check asks for five seconds of connection before each change; the contract is about it.
  const flags = ["--strict-reconfig-check=false"];
  cluster = await startCluster({ runner, size: 1, flags });
});
after(async () => {
  for (const wire of wires.values()) wire.close();
  await cluster?.stop();
});

/** Every method is refused but Status, a serializable Range and Snapshot. */
async function refusesAsLearner(wire: Wire): Promise<void> {
  const refused = [9, "etcdserver: rpc not supported for learner"] as const;
  const { auth, cluster: members, election, health, kv, lease, lock, maintenance } = wire;
  const services = { auth, members, election, health, kv, lease, lock, maintenance };
  let asked = 0;
  for (const [service, methods] of Object.entries(services)) {
    for (const [name, call] of Object.entries(methods)) {
      if (service === "maintenance" && name === "status") continue;
      await refuses((call as (request: object) => Promise<unknown>)({}), ...refused);
      asked++;
    }
  }
  assert.equal(asked, 44);
  const streams = {
    watch: wire.watch(),
    keepAlive: wire.keepAlive(),
    observe: wire.observe("x"),
    health: wire.healthWatch(""),
    rangeStream: wire.rangeStream({ key: b("key-0"), serializable: true }),
  };
  for (const stream of Object.values(streams)) await refuses(stream.next(), ...refused);
  await kv.range({ key: b("key-0"), serializable: true });
  assert.ok((await wire.snapshot().next()).blob.length > 0);
}

test("a learner joins, serves nothing but its own status, its data and copies, and is promoted once it is in sync", async () => {
  const first = at(0);
  for (let i = 0; i < 50; i++) await putThrough(first, `key-${i}`, `value-${i}`);
  const learner = await joinAsLearner([first]);
  const wire = wireOf(learner);
  const ID = await idOf(learner);
  assert.equal((await wire.maintenance.status({})).isLearner, true);
  await refusesAsLearner(wire);
  const { members } = await wireOf(first).cluster.memberList({ linearizable: true });
  const shown = members.find((one) => one.ID === ID);
  assert.deepEqual(
    [shown?.name, shown?.clientURLs, shown?.isLearner],
    [learner.name, [learner.clientUrl], true],
  );

  // A learner that does not answer falls behind.
  learner.pause();
  const { raftIndex } = await wireOf(first).maintenance.status({});
  for (let i = 0; i < raftIndex; i++) await putThrough(first, "behind", String(i));
  await refuses(
    wireOf(first).cluster.memberPromote({ ID }),
    9,
    "etcdserver: can only promote a learner member which is in sync with leader",
  );
  learner.resume();
  await eventually("the learner is promoted", () => wireOf(first).cluster.memberPromote({ ID }));
  await eventually("it serves", () => putThrough(learner, "promoted", "1"));
  assert.equal((await wire.maintenance.status({})).isLearner, false);
  assert.equal(await read(learner, "key-49"), "value-49");
  await refuses(
    wireOf(first).cluster.memberPromote({ ID }),
    9,
    "etcdserver: can only promote a learner member",
  );
});

test("a promotion asked of a follower is passed on to the leader", async () => {
  const [first, second] = [at(0), at(1)];
  const third = await joinAsLearner([first, second]);
  const ID = await idOf(third);
  const { leader } = await wireOf(first).maintenance.status({});
  const follower = (await idOf(first)) === leader ? second : first;
  const { members } = await eventually("the learner is promoted", () =>
    wireOf(follower).cluster.memberPromote({ ID }),
  );
  assert.deepEqual(
    members.map(({ isLearner }) => isLearner),
    [false, false, false],
  );
  await eventually("it serves", () => putThrough(third, "third", "1"));
});

test("leadership goes to another member before the leader stops", async () => {
  const members = [at(0), at(1), at(2)];
  const { leader, raftTerm } = await wireOf(members[0]!).maintenance.status({});
  const ids = await Promise.all(members.map(idOf));
  const leading = members[ids.indexOf(leader)]!;
  const others = members.filter((one) => one !== leading);
  await leading.kill("SIGTERM");
  assert.match(leading.log().join("\n"), /leadership transfer finished/);
  const { kv, maintenance } = wireOf(others[0]!);
  await eventually("a write", () => kv.put({ key: b("handed"), value: b("over") }));
  const now = await maintenance.status({});
  assert.equal(now.raftTerm, raftTerm + 1);
  assert.notEqual(now.leader, leader);
  await leading.start();
  assert.equal(await read(leading, "handed"), "over");
});

test("every member says when it is ready to be downgraded", async () => {
  const members = [at(0), at(1), at(2)];
  const { maintenance } = wireOf(members[0]!);
  await maintenance.downgrade({ action: 1, version: "3.6" });
  await Promise.all(members.map((one) => one.waitForLog(/The server is ready to downgrade/)));
  await maintenance.downgrade({ action: 2 });
});

test("a removed member says so and ends by itself, and cannot come back with its data", async () => {
  const members = [at(0), at(1), at(2)];
  const { leader } = await wireOf(members[0]!).maintenance.status({});
  const ids = await Promise.all(members.map(idOf));
  const gone = members.find((_, i) => ids[i] !== leader)!;
  const rest = members.filter((one) => one !== gone);
  // Asked itself, it still answers.
  const { members: left } = await wireOf(gone).cluster.memberRemove({ ID: await idOf(gone) });
  assert.equal(left.length, 2);
  await leftForGood(gone);
  await putThrough(rest[0]!, "removed", "1");
  await assert.rejects(gone.start(), /ended/);
  await leftForGood(gone);
});

test("a member that was removed while it was down learns of it from the others", async () => {
  const members = cluster!.members.filter((one) => one.isRunning);
  const fourth = await joinAsLearner(members);
  const ID = await idOf(fourth);
  await fourth.kill("SIGKILL");
  await wireOf(members[0]!).cluster.memberRemove({ ID });
  await assert.rejects(fourth.start(), /ended/);
  await leftForGood(fourth);
});

test("a member that was removed while it stood still keeps nobody waiting", async () => {
  const members = cluster!.members.filter((one) => one.isRunning);
  const other = await joinAsLearner(members);
  const ID = await idOf(other);
  await eventually("the learner is promoted", () =>
    wireOf(members[0]!).cluster.memberPromote({ ID }),
  );
  await eventually("it serves", () => putThrough(other, "stands", "1"));
  other.pause();
  await wireOf(members[0]!).cluster.memberRemove({ ID });
  // From then on it cannot learn of its removal from the log.
  const active = new RegExp(
    `^etcd_network_active_peers\\{.*Remote="${ID.toString(16)}"\\} 1$`,
    "m",
  );
  for (const { clientUrl } of members)
    await eventually("nobody talks to it any more", async () =>
      assert.doesNotMatch(await (await fetch(`${clientUrl}/metrics`)).text(), active),
    );
  const put = { key: b("stands"), value: b("2") };
  const failed = assert.rejects(
    wireOf(other).kv.put(put, { deadlineMs: 60_000 }),
    (error: Error) => {
      assert.doesNotMatch(error.message, /timed out/);
      return true;
    },
  );
  other.resume();
  await failed;
  await leftForGood(other);
});

test("the leader can remove itself", async () => {
  const members = cluster!.members.filter((one) => one.isRunning);
  const third = await joinAsLearner(members);
  const ID = await idOf(third);
  await eventually("the learner is promoted", () =>
    wireOf(members[0]!).cluster.memberPromote({ ID }),
  );
  const all = [...members, third];
  const ids = await Promise.all(all.map(idOf));
  const { leader } = await wireOf(members[0]!).maintenance.status({});
  const leading = all[ids.indexOf(leader)]!;
  const rest = all.filter((one) => one !== leading);
  const { members: left } = await wireOf(leading).cluster.memberRemove({ ID: leader });
  assert.equal(left.length, 2);
  await leftForGood(leading);
  await eventually("the others write", () => putThrough(rest[0]!, "without", "leader"));
  await eventually("all the others have it", async () =>
    assert.equal(await read(rest[1]!, "without"), "leader"),
  );
});
