// Authentication in a cluster of both kinds of servers: users, roles and tokens made through one kind
// hold on the other, also on a member that had them by a whole state.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { eventually } from "#test/cluster/eventually.ts";
import { b, refuses, s } from "#test/contract/setting.ts";
import type { CallOptions, Wire } from "#test/contract/wire.ts";
import { earlySnapshots, MixedCluster } from "./mixed-cluster.ts";

const kinds = ["ours", "reference", "reference"] as const;
const READ = 0;
const READWRITE = 2;
const denied = [7, "etcdserver: permission denied"] as const;
const userEmpty = [3, "etcdserver: user name is empty"] as const;
const authFailed = [3, "etcdserver: authentication failed, invalid user ID or password"] as const;
const cheapHashes = ["--bcrypt-cost=4"];

describe(`authentication in a cluster of ${kinds.join(", ")}`, () => {
  let group: MixedCluster;
  before(async () => {
    group = await MixedCluster.start(kinds, earlySnapshots, {
      ours: cheapHashes,
      reference: cheapHashes,
      "reference-3.6": cheapHashes,
      "reference-3.5": cheapHashes,
    });
  });
  after(() => group?.stop());

  const login = (at: number, name: string, password = name): Promise<CallOptions> =>
    eventually(`${name} logs in through member ${at}`, async () => {
      const { token } = await group.wires[at]!.auth.authenticate({ name, password });
      return { metadata: { token }, deadlineMs: 5000 };
    });

  /** What alice may and may not, through this member. */
  const holds = async (at: number): Promise<void> => {
    const { kv } = group.wires[at]!;
    const alice = await login(at, "alice");
    const key = b(`app/by-${at}`);
    await kv.put({ key, value: b("x") }, alice);
    assert.equal((await kv.range({ key }, alice)).kvs.length, 1);
    assert.equal(s((await kv.range({ key: b("shared") }, alice)).kvs[0]!.value), "all");
    await refuses(kv.put({ key: b("shared"), value: b("x") }, alice), ...denied);
    await refuses(kv.range({ key: b("secret") }, alice), ...denied);
    await refuses(kv.range({ key: b("app/"), rangeEnd: b("b") }, alice), ...denied);
    await refuses(kv.range({ key }), ...userEmpty);
    await refuses(group.wires[at]!.auth.userList({}, alice), ...denied);
    await refuses(
      group.wires[at]!.auth.authenticate({ name: "alice", password: "no" }),
      ...authFailed,
    );
  };

  const authRevisions = async (root: CallOptions): Promise<void> => {
    await eventually("all have the same revision of users", async () => {
      const told = await Promise.all(
        group.wires.map(async (wire) => (await wire.auth.authStatus({}, root)).authRevision),
      );
      assert.equal(new Set(told).size, 1, told.join(", "));
    });
  };

  const moveLeaderTo = (at: number, root: CallOptions): Promise<void> =>
    eventually(`member ${at} leads`, async () => {
      const statuses = await Promise.all(
        group.wires.map((wire) => wire.maintenance.status({}, root)),
      );
      const targetID = statuses[at]!.header!.memberId;
      const leader = statuses.findIndex((one) => one.header!.memberId === one.leader);
      if (leader === at) return;
      await group.wires[leader]!.maintenance.moveLeader({ targetID }, root);
      throw new Error("just moved");
    });

  test("what is set through etcd holds on all, and tokens are good everywhere", async () => {
    const { auth, kv } = group.wires[1]!;
    for (const name of ["root", "alice"]) await auth.userAdd({ name, password: name });
    await auth.userGrantRole({ user: "root", role: "root" });
    await auth.roleAdd({ name: "app" });
    const grant = (permType: 0 | 2, key: string, rangeEnd = "") =>
      auth.roleGrantPermission({
        name: "app",
        perm: { permType, key: b(key), rangeEnd: b(rangeEnd) },
      });
    await grant(READWRITE, "app/", "app0");
    await grant(READ, "shared");
    await auth.userGrantRole({ user: "alice", role: "app" });
    await kv.put({ key: b("shared"), value: b("all") });
    await auth.authEnable({});
    for (const at of kinds.keys()) await holds(at);
    const root = await login(1, "root");
    await authRevisions(root);
    for (const from of kinds.keys()) {
      const alice = await login(from, "alice");
      for (const wire of group.wires) {
        // A token counts where the log has told of it.
        await eventually(`a token of member ${from} counts`, () =>
          wire.kv.range({ key: b("shared") }, alice),
        );
      }
    }
  });

  test("what is set through ours holds on etcd", async () => {
    const { auth }: Wire = group.wires[0]!;
    const root = await login(0, "root");
    await auth.userAdd({ name: "bob", password: "bob" }, root);
    const bob = await login(2, "bob");
    await refuses(group.wires[2]!.kv.range({ key: b("shared") }, bob), ...denied);
    await auth.userGrantRole({ user: "bob", role: "app" }, root);
    const again = await login(2, "bob");
    await group.wires[2]!.kv.range({ key: b("shared") }, again);
    await auth.userDelete({ name: "bob" }, root);
    await authRevisions(root);
    await refuses(
      group.wires[2]!.auth.authenticate({ name: "bob", password: "bob" }),
      ...authFailed,
    );
  });

  for (const [name, at, leader, sign] of [
    ["ours has them by a state from etcd", 0, 1, /installed a received state/],
    ["etcd has them by a state from ours", 1, 0, /applied snapshot/],
  ] as const) {
    test(name, async () => {
      await moveLeaderTo(leader, await login(leader, "root"));
      await group.kill(at);
      const root = await login(leader, "root");
      for (let i = 0; i < 400; i += 50) {
        await Promise.all(
          Array.from({ length: 50 }, (_, j) =>
            group.wires[leader]!.kv.put({ key: b(`fill/${i + j}`), value: b("x") }, root),
          ),
        );
      }
      await group.member(at).start();
      await group.member(at).waitForLog(sign);
      for (const one of kinds.keys()) await holds(one);
      await authRevisions(await login(leader, "root"));
    });
  }

  test("switched off through ours, all hash the same", async () => {
    await group.wires[0]!.auth.authDisable({}, await login(0, "root"));
    await eventually("it is off everywhere", () =>
      Promise.all(group.wires.map((wire) => wire.kv.range({ key: b("secret") }))),
    );
    await group.agree();
  });
});
