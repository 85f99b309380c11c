// Cases of users, roles and permissions: how they are kept before authentication is on, what each method
// asks for once it is, and how long a token is worth something (facts: apply rules §7). One cluster for
// all; a case begins with the users that the ones before it made.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type ContractCluster, type ContractRunner, startContractCluster } from "./cluster.ts";
import { b, createWatch, refuses, s } from "./setting.ts";
import { type CallOptions, Wire } from "./wire.ts";

const invalid = 3;
const failed = 9;
const denied = 7;
const unauthenticated = 16;

const userEmpty = [invalid, "etcdserver: user name is empty"] as const;
const notPermitted = [denied, "etcdserver: permission denied"] as const;
const badToken = [unauthenticated, "etcdserver: invalid auth token"] as const;
const authFailed = [
  invalid,
  "etcdserver: authentication failed, invalid user ID or password",
] as const;
const badManagement = [invalid, "etcdserver: invalid auth management"] as const;

const READ = 0;
const WRITE = 1;
const READWRITE = 2;
const open = Buffer.of(0);

type Refusal = readonly [number, string];
type Txn = Parameters<Wire["kv"]["txn"]>[0];
type Op = NonNullable<Txn["success"]>[number];

const putOp = (key: string, more: object = {}): Op => ({
  request: { $case: "requestPut", value: { key: b(key), value: b("v"), ...more } },
});
const rangeOp = (key: string, rangeEnd = ""): Op => ({
  request: { $case: "requestRange", value: { key: b(key), rangeEnd: b(rangeEnd) } },
});
const deleteOp = (key: string, more: object = {}): Op => ({
  request: { $case: "requestDeleteRange", value: { key: b(key), ...more } },
});
const txnOp = (value: Txn): Op => ({ request: { $case: "requestTxn", value } });

export function authSuite(runner: ContractRunner): void {
  describe("authentication, on three members", () => {
    let cluster: ContractCluster;
    let wires: Wire[];
    let wire: Wire;
    const tokens = new Map<string, CallOptions>();

    /** Logs in, and remembers the token. */
    async function login(name: string, password = name, via = wire): Promise<CallOptions> {
      const { token } = await via.auth.authenticate({ name, password });
      const options = { metadata: { token } };
      tokens.set(name, options);
      return options;
    }
    const as = (name: string): CallOptions => {
      const options = tokens.get(name);
      assert.ok(options !== undefined, `${name} has not logged in`);
      return options;
    };
    const revision = async (): Promise<number> => (await wire.auth.authStatus({})).authRevision;
    const grant = (
      name: string,
      permType: 0 | 1 | 2,
      key: string,
      rangeEnd: Uint8Array = b(""),
      options?: CallOptions,
    ) =>
      wire.auth.roleGrantPermission({ name, perm: { permType, key: b(key), rangeEnd } }, options);

    before(async () => {
      const flags = ["--bcrypt-cost=4", "--max-txn-ops=20"];
      cluster = await startContractCluster(runner, { size: 3, flags });
      wires = cluster.endpoints().map((endpoint) => new Wire(endpoint));
      wire = wires[0]!;
    });
    after(async () => {
      for (const one of wires) one.close();
      await cluster.stop();
    });

    test("users and roles are kept while it is off, and each change counts once", async () => {
      const { auth } = wire;
      assert.deepEqual(
        await auth.authStatus({}).then(({ enabled, authRevision }) => [enabled, authRevision]),
        [false, 1],
      );
      await refuses(auth.authEnable({}), failed, "etcdserver: root user does not exist");
      await refuses(auth.userAdd({ name: "", password: "x" }), ...userEmpty);
      await auth.userAdd({ name: "root", password: "root" });
      await refuses(
        auth.userAdd({ name: "root", password: "x" }),
        failed,
        "etcdserver: user name already exists",
      );
      await refuses(auth.authEnable({}), failed, "etcdserver: root user does not have root role");
      assert.equal(await revision(), 2);
      // The role need not exist to be granted, only this one.
      await auth.userGrantRole({ user: "root", role: "root" });
      await auth.userGrantRole({ user: "root", role: "root" });
      assert.equal(await revision(), 3);
      const noRole = "etcdserver: role name not found";
      const noUser = "etcdserver: user name not found";
      await refuses(auth.userGrantRole({ user: "root", role: "r" }), failed, noRole);
      await refuses(auth.userGrantRole({ user: "nobody", role: "root" }), failed, noUser);
      await refuses(auth.userGet({ name: "nobody" }), failed, noUser);
      await refuses(auth.userDelete({ name: "nobody" }), failed, noUser);
      await refuses(auth.userChangePassword({ name: "nobody", password: "x" }), failed, noUser);
      await refuses(auth.userRevokeRole({ name: "nobody", role: "r" }), failed, noUser);
      await refuses(auth.roleAdd({ name: "" }), invalid, "etcdserver: role name is empty");
      await refuses(auth.roleGet({ role: "r" }), failed, noRole);
      await refuses(auth.roleDelete({ role: "r" }), failed, noRole);
      await refuses(grant("r", READ, "k"), failed, noRole);
      await refuses(auth.roleRevokePermission({ role: "r", key: b("k") }), failed, noRole);
      assert.equal(await revision(), 3, "what was refused has changed nothing");

      await auth.roleAdd({ name: "r" });
      await refuses(auth.roleAdd({ name: "r" }), failed, "etcdserver: role name already exists");
      await refuses(
        auth.roleGrantPermission({ name: "r" }),
        invalid,
        "etcdserver: permission not given",
      );
      for (const [key, end] of [
        ["", b("")],
        ["", open],
        ["b", b("b")],
        ["b", b("a")],
      ] as const) {
        await refuses(grant("r", READ, key, end), ...badManagement);
      }
      await grant("r", READ, "b", b("c"));
      await grant("r", WRITE, "a");
      await grant("r", READWRITE, "b", b("c"));
      await grant("r", READ, "d", open);
      const { perm } = await auth.roleGet({ role: "r" });
      assert.deepEqual(
        perm.map((one) => [one.permType, s(one.key), s(one.rangeEnd)]),
        [
          [WRITE, "a", ""],
          [READWRITE, "b", "c"],
          [READ, "d", "\0"],
        ],
      );
      const notGranted = "etcdserver: permission is not granted to the role";
      const revoke = (key: string, rangeEnd: string) =>
        auth.roleRevokePermission({ role: "r", key: b(key), rangeEnd: b(rangeEnd) });
      await refuses(revoke("b", ""), failed, notGranted);
      await revoke("b", "c");
      await refuses(revoke("b", "c"), failed, notGranted);
      await auth.userAdd({ name: "ann", password: "ann" });
      await auth.userGrantRole({ user: "ann", role: "r" });
      await auth.roleAdd({ name: "another" });
      await auth.userGrantRole({ user: "ann", role: "another" });
      assert.deepEqual((await auth.userGet({ name: "ann" })).roles, ["another", "r"]);
      assert.deepEqual((await auth.userList({})).users, ["ann", "root"]);
      assert.deepEqual((await auth.roleList({})).roles, ["another", "r"]);
      await auth.roleDelete({ role: "r" });
      assert.deepEqual((await auth.userGet({ name: "ann" })).roles, ["another"]);
      await refuses(
        auth.userRevokeRole({ name: "ann", role: "r" }),
        failed,
        "etcdserver: role is not granted to the user",
      );
      await auth.userRevokeRole({ name: "ann", role: "another" });
      await auth.roleDelete({ role: "another" });
      await auth.userDelete({ name: "ann" });
      assert.equal(await revision(), 17);
      await refuses(
        auth.authenticate({ name: "root", password: "root" }),
        failed,
        "etcdserver: authentication is not enabled",
      );
      await refuses(
        auth.userAdd({ name: "long", password: "x".repeat(73) }),
        2,
        "bcrypt: password length exceeds 72 bytes",
      );
      // A token means nothing while it is off.
      await wire.kv.put({ key: b("x") }, { metadata: { token: "nonsense" } });
      const header = (await auth.roleAdd({ name: "own" })).header;
      assert.equal(header?.revision, (await wire.kv.range({ key: b("x") })).header?.revision);
    });

    test("it is switched on once, and who logs in gets a token that all members know", async () => {
      const { auth } = wire;
      await auth.userAdd({ name: "ann", password: "ann" });
      await auth.userAdd({ name: "eve", password: "eve" });
      await auth.userAdd({ name: "cert", password: "", options: { noPassword: true } });
      await auth.userAdd({ name: "blank", password: "" });
      await auth.userAdd({ name: "chief", password: "chief" });
      await auth.userGrantRole({ user: "chief", role: "root" });
      await grant("own", READWRITE, "own/", b("own0"));
      await auth.userGrantRole({ user: "ann", role: "own" });
      const before = await revision();
      await auth.authEnable({});
      assert.equal(await revision(), before, "switching on is no change");
      await refuses(auth.authEnable({}), ...userEmpty);
      for (const one of wires) assert.equal((await one.auth.authStatus({})).enabled, true);
      await refuses(auth.authenticate({ name: "root", password: "no" }), ...authFailed);
      await refuses(auth.authenticate({ name: "nobody", password: "x" }), ...authFailed);
      await refuses(auth.authenticate({ name: "", password: "" }), ...authFailed);
      await refuses(
        auth.authenticate({ name: "cert", password: "x" }),
        2,
        "auth: authentication failed, password was given for no password user",
      );
      await login("blank", "");
      const root = await login("root", "root", wires[1]!);
      assert.match(root.metadata!["token"]!, /^[a-zA-Z]{16}\.\d+$/);
      await login("ann");
      await login("eve");
      await login("chief");
      for (const one of wires) {
        assert.equal((await one.auth.userList({}, root)).users.length, 6);
        const bearer = { metadata: { authorization: `Bearer ${root.metadata!["token"]}` } };
        assert.equal((await one.auth.userList({}, bearer)).users.length, 6);
        const wrong = { metadata: { token: "x.1", authorization: root.metadata!["token"]! } };
        await refuses(one.auth.userList({}, wrong), ...badToken);
      }
      await auth.authEnable({}, root);
      assert.equal(await revision(), before);
    });

    test("without a user, or with a bad token, hardly anything goes", async () => {
      const { cluster: members, kv, lease, maintenance, lock, election } = wire;
      const nobody: CallOptions = {};
      const liar: CallOptions = { metadata: { token: "abcdefghijklmnop.3" } };
      const { token } = (await login("eve")).metadata!;
      const cut: CallOptions = { metadata: { token: token!.slice(0, -1) } };
      const key = b("own/x");
      const calls: Record<string, (options: CallOptions) => Promise<unknown>> = {
        range: (o) => kv.range({ key }, o),
        serializable: (o) => kv.range({ key, serializable: true }, o),
        put: (o) => kv.put({ key }, o),
        deleteRange: (o) => kv.deleteRange({ key }, o),
        readTxn: (o) => kv.txn({ success: [rangeOp("own/x")] }, o),
        writeTxn: (o) => kv.txn({ success: [putOp("own/x")] }, o),
        compact: (o) => kv.compact({ revision: 1 }, o),
        rangeStream: (o) => wire.rangeStream({ key }, o).next(),
        grant: (o) => lease.leaseGrant({ TTL: 60 }, o),
        revoke: (o) => lease.leaseRevoke({ ID: 77n }, o),
        timeToLive: (o) => lease.leaseTimeToLive({ ID: 77n }, o),
        leases: (o) => lease.leaseLeases({}, o),
        keepAlive: (o) => {
          const stream = wire.keepAlive(o);
          stream.send({ ID: 77n });
          return stream.next();
        },
        members: (o) => members.memberList({}, o),
        memberAdd: (o) => members.memberAdd({ peerURLs: ["http://127.0.0.1:1"] }, o),
        memberRemove: (o) => members.memberRemove({ ID: 5n }, o),
        memberUpdate: (o) => members.memberUpdate({ ID: 5n, peerURLs: ["http://127.0.0.1:1"] }, o),
        memberPromote: (o) => members.memberPromote({ ID: 5n }, o),
        status: (o) => maintenance.status({}, o),
        alarms: (o) => maintenance.alarm({}, o),
        alarm: (o) => maintenance.alarm({ action: 1, alarm: 1 }, o),
        defragment: (o) => maintenance.defragment({}, o),
        hash: (o) => maintenance.hash({}, o),
        hashKV: (o) => maintenance.hashKV({}, o),
        moveLeader: (o) => maintenance.moveLeader({ targetID: 5n }, o),
        downgrade: (o) => maintenance.downgrade({ action: 0, version: "3.6" }, o),
        snapshot: (o) => wire.snapshot(o).next(),
        userList: (o) => wire.auth.userList({}, o),
        roleList: (o) => wire.auth.roleList({}, o),
        userGet: (o) => wire.auth.userGet({ name: "ann" }, o),
        roleGet: (o) => wire.auth.roleGet({ role: "own" }, o),
        userAdd: (o) => wire.auth.userAdd({ name: "new", password: "x" }, o),
        userDelete: (o) => wire.auth.userDelete({ name: "ann" }, o),
        changePassword: (o) => wire.auth.userChangePassword({ name: "ann", password: "x" }, o),
        userGrantRole: (o) => wire.auth.userGrantRole({ user: "ann", role: "root" }, o),
        userRevokeRole: (o) => wire.auth.userRevokeRole({ name: "ann", role: "own" }, o),
        roleAdd: (o) => wire.auth.roleAdd({ name: "new" }, o),
        roleDelete: (o) => wire.auth.roleDelete({ role: "own" }, o),
        roleGrant: (o) => grant("own", READ, "z", b(""), o),
        roleRevoke: (o) => wire.auth.roleRevokePermission({ role: "own", key: b("own/") }, o),
        disable: (o) => wire.auth.authDisable({}, o),
        enable: (o) => wire.auth.authEnable({}, o),
      };
      for (const [name, call] of Object.entries(calls)) {
        const told = (error: unknown): string => `${name}: ${(error as Error).message}`;
        for (const [options, refusal] of [
          [nobody, userEmpty],
          [liar, badToken],
          [cut, badToken],
        ] as [CallOptions, Refusal][]) {
          await refuses(call(options), ...refusal).catch((error) => assert.fail(told(error)));
        }
      }
      // The services that are clients of themselves pass on the words alone.
      for (const call of [
        (o: CallOptions) => lock.lock({ name: b("own/l") }, o),
        (o: CallOptions) => lock.unlock({ key }, o),
        (o: CallOptions) => election.leader({ name: b("own/e") }, o),
        (o: CallOptions) => election.campaign({ name: b("own/e"), lease: 5n }, o),
      ]) {
        await refuses(call(nobody), 2, userEmpty[1]);
        await refuses(call(liar), 2, badToken[1]);
      }
      // Anybody with a name.
      const eve = as("eve");
      await members.memberList({}, eve);
      await maintenance.status({}, eve);
      await maintenance.alarm({}, eve);
      const { ID } = await lease.leaseGrant({ TTL: 60 }, eve);
      await lease.leaseTimeToLive({ ID, keys: true }, eve);
      await lease.leaseLeases({}, eve);
      await lease.leaseRevoke({ ID }, eve);
      for (const name of [
        "compact",
        "memberAdd",
        "memberRemove",
        "memberUpdate",
        "memberPromote",
        "alarm",
        "defragment",
        "hash",
        "hashKV",
        "moveLeader",
        "downgrade",
        "snapshot",
        "userList",
        "roleList",
        "userGet",
        "roleGet",
        "userAdd",
        "userDelete",
        "changePassword",
        "userGrantRole",
        "userRevokeRole",
        "roleAdd",
        "roleDelete",
        "roleGrant",
        "roleRevoke",
        "disable",
        "enable",
      ]) {
        await refuses(calls[name]!(eve), ...notPermitted).catch((error) =>
          assert.fail(`${name}: ${(error as Error).message}`),
        );
      }
      assert.deepEqual((await wire.auth.userGet({ name: "eve" }, eve)).roles, []);
      const ann = as("ann");
      assert.deepEqual((await wire.auth.userGet({ name: "ann" }, ann)).roles, ["own"]);
      assert.equal((await wire.auth.roleGet({ role: "own" }, ann)).perm.length, 1);
      await refuses(wire.auth.roleGet({ role: "root" }, ann), ...notPermitted);
      // The role makes an administrator, not the name.
      const chief = as("chief");
      assert.equal((await wire.auth.userList({}, chief)).users.length, 6);
      await wire.auth.roleAdd({ name: "root" }, chief);
      const { perm } = await wire.auth.roleGet({ role: "root" }, chief);
      assert.deepEqual(
        perm.map((one) => [one.permType, s(one.key), s(one.rangeEnd)]),
        [[READWRITE, "", "\0"]],
      );
      await maintenance.hashKV({}, chief);
      await maintenance.hash({}, chief);
      assert.ok((await wire.snapshot(chief).next()).blob.length > 0);
    });

    test("what root lives on cannot be taken away while it is on", async () => {
      const root = as("root");
      await refuses(wire.auth.userDelete({ name: "root" }, root), ...badManagement);
      await refuses(wire.auth.roleDelete({ role: "root" }, root), ...badManagement);
      await refuses(
        wire.auth.userRevokeRole({ name: "root", role: "root" }, root),
        ...badManagement,
      );
    });

    test("permissions of all roles are one union, exact at its edges", async () => {
      const root = as("root");
      const { auth, kv } = wire;
      await auth.roleAdd({ name: "u1" }, root);
      await auth.roleAdd({ name: "u2" }, root);
      await grant("u1", READ, "a", b("c"), root);
      await grant("u2", READ, "c", b("e"), root);
      await grant("u1", READ, "e", b(""), root);
      await grant("u2", READ, "e\0", b("f"), root);
      await grant("u2", WRITE, "d", b("e"), root);
      await grant("u1", READ, "x", open, root);
      await grant("u1", READ, "h", b("k"), root);
      await auth.userGrantRole({ user: "eve", role: "u1" }, root);
      await auth.userGrantRole({ user: "eve", role: "u2" }, root);
      const eve = as("eve");
      const allowed: [string, string][] = [
        ["a", ""],
        ["a", "f"],
        ["b", "d"],
        ["e", ""],
        ["e", "e\0"],
        ["x", "\0"],
        ["zz", "\0"],
        ["x", "\xff\xff"],
        ["h", "i"],
        ["i", "h"],
        ["i", "i"],
      ];
      const refused: [string, string][] = [
        ["a", "f\0"],
        ["Z", "b"],
        ["f", ""],
        ["g", ""],
        ["c", "h"],
        ["a", "\0"],
        ["w", "\0"],
        ["\0", "\0"],
        ["g", "a"],
        ["a", "i"],
      ];
      for (const [key, end] of allowed) {
        const request = { key: Buffer.from(key, "latin1"), rangeEnd: Buffer.from(end, "latin1") };
        await kv.range(request, eve).catch((error) => assert.fail(`${key}-${end}: ${error}`));
      }
      for (const [key, end] of refused) {
        const request = { key: Buffer.from(key, "latin1"), rangeEnd: Buffer.from(end, "latin1") };
        await refuses(kv.range(request, eve), ...notPermitted);
        await refuses(kv.range({ ...request, serializable: true }, eve), ...notPermitted);
      }
      await kv.put({ key: b("d"), prevKv: true }, eve);
      await refuses(kv.put({ key: b("c") }, eve), ...notPermitted);
      await kv.deleteRange({ key: b("d"), rangeEnd: b("e") }, eve);
      await refuses(kv.deleteRange({ key: b("d"), rangeEnd: b("f") }, eve), ...notPermitted);
      await auth.roleRevokePermission({ role: "u1", key: b("a"), rangeEnd: b("c") }, root);
      await refuses(kv.range({ key: b("a"), rangeEnd: b("d") }, eve), ...notPermitted);
      await kv.range({ key: b("c"), rangeEnd: b("d") }, eve);
    });

    test("every part of a transaction is asked for, in both branches and below", async () => {
      const root = as("root");
      const { auth, kv } = wire;
      await auth.roleAdd({ name: "w" }, root);
      await grant("w", WRITE, "w/", b("w0"), root);
      await auth.userGrantRole({ user: "ann", role: "w" }, root);
      const ann = as("ann");
      const own = "own/t";
      const never: Pick<Txn, "compare"> = {
        compare: [
          { target: 0, result: 0, key: b(own), targetUnion: { $case: "version", value: 99 } },
        ],
      };
      const good: Txn[] = [
        { success: [putOp(own), rangeOp(own), deleteOp("own/u")], failure: [putOp("w/1")] },
        { success: [txnOp({ success: [putOp("w/2")], failure: [rangeOp(own)] })] },
        { ...never, success: [putOp(own)], failure: [deleteOp("w/1")] },
        { success: [rangeOp("own/", "own0")] },
      ];
      for (const request of good) await kv.txn(request, ann);
      const bad: Txn[] = [
        { success: [putOp("other")] },
        { failure: [putOp("other")] },
        { success: [rangeOp("w/1")] },
        { success: [putOp(own), rangeOp("w/1")] },
        { success: [putOp("w/1", { prevKv: true })] },
        { success: [deleteOp("w/1", { prevKv: true })] },
        { success: [deleteOp("w/", { rangeEnd: b("w1") })] },
        { success: [txnOp({ failure: [txnOp({ success: [rangeOp("w/1")] })] })] },
        { success: [txnOp({ compare: [{ key: b("w/1") }], success: [] })] },
        { compare: [{ key: b("w/1") }], success: [putOp(own)] },
        { compare: [{ key: b("own/"), rangeEnd: b("own1") }], success: [putOp(own)] },
        { compare: [{ key: b("w/1") }] },
      ];
      const { revision: before } = (await kv.range({ key: b(own) }, ann)).header!;
      for (const request of bad) await refuses(kv.txn(request, ann), ...notPermitted);
      const { revision: now } = (await kv.range({ key: b(own) }, ann)).header!;
      assert.equal(now, before, "what was refused has changed nothing");
      await kv.put({ key: b("w/1") }, ann);
      await refuses(kv.put({ key: b("w/1"), prevKv: true }, ann), ...notPermitted);
      await refuses(kv.deleteRange({ key: b("w/1"), prevKv: true }, ann), ...notPermitted);
      await refuses(kv.range({ key: b("w/1") }, ann), ...notPermitted);
    });

    test("a lease belongs to whoever may write all its keys", async () => {
      const [root, ann, eve] = [as("root"), as("ann"), as("eve")];
      const { kv, lease } = wire;
      const { ID } = await lease.leaseGrant({ TTL: 600 }, eve);
      await kv.put({ key: b("own/leased"), lease: ID }, ann);
      await refuses(kv.put({ key: b("d"), lease: ID }, eve), ...notPermitted);
      await refuses(kv.txn({ success: [putOp("d", { lease: ID })] }, eve), ...notPermitted);
      await refuses(lease.leaseRevoke({ ID }, eve), ...notPermitted);
      for (const one of wires) {
        const keepAlive = one.keepAlive(eve);
        keepAlive.send({ ID });
        await refuses(keepAlive.next(), ...notPermitted);
        const allowed = one.keepAlive(ann);
        allowed.send({ ID });
        assert.equal((await allowed.next()).TTL, 600);
        allowed.cancel();
        assert.equal((await one.lease.leaseTimeToLive({ ID }, eve)).grantedTTL, 600);
        await refuses(one.lease.leaseTimeToLive({ ID, keys: true }, eve), ...notPermitted);
        const { keys } = await one.lease.leaseTimeToLive({ ID, keys: true }, ann);
        assert.deepEqual(keys.map(s), ["own/leased"]);
        await refuses(one.lease.leaseLeases({}, eve), ...notPermitted);
        assert.equal((await one.lease.leaseLeases({}, ann)).leases.length, 1);
      }
      await kv.put({ key: b("w/leased"), lease: ID }, ann);
      // He may write that one, not read it.
      await refuses(lease.leaseTimeToLive({ ID, keys: true }, ann), ...notPermitted);
      await lease.leaseRevoke({ ID }, ann);
      assert.equal((await kv.range({ key: b("own/leased") }, ann)).count, 0);
      const short = await lease.leaseGrant({ TTL: 2 }, ann);
      await kv.put({ key: b("own/short"), lease: short.ID }, ann);
      await refuses(lease.leaseRevoke({ ID: 12345n }, root), 5, /requested lease not found/);
      // Expiry asks nobody.
      const watch = wire.watch(ann);
      await createWatch(watch, { key: b("own/short") });
      assert.equal((await watch.next()).events[0]?.type, 1);
      watch.cancel();
    });

    test("a watch is judged by its exact interval when it begins", async () => {
      const reason = (code: string, text: string) => `rpc error: code = ${code} desc = ${text}`;
      const cases: [CallOptions, string, string, string][] = [
        [{}, "own/x", "", reason("InvalidArgument", userEmpty[1])],
        [{ metadata: { token: "x.1" } }, "own/x", "", reason("Unauthenticated", badToken[1])],
        [as("ann"), "own/", "own1", reason("PermissionDenied", notPermitted[1])],
        [as("ann"), "own/", "\0", reason("PermissionDenied", notPermitted[1])],
        [as("ann"), "", "", reason("PermissionDenied", notPermitted[1])],
        [as("ann"), "w/1", "", reason("PermissionDenied", notPermitted[1])],
        [as("eve"), "own/x", "", reason("PermissionDenied", notPermitted[1])],
      ];
      for (const [options, key, rangeEnd, cancelReason] of cases) {
        const stream = wire.watch(options);
        const value = { key: b(key), rangeEnd: b(rangeEnd) };
        stream.send({ requestUnion: { $case: "createRequest", value } });
        const { created, canceled, watchId, cancelReason: told } = await stream.next();
        assert.deepEqual([created, canceled, watchId, told], [true, true, -1, cancelReason]);
        stream.cancel();
      }
      const stream = wires[1]!.watch(as("ann"));
      await createWatch(stream, { key: b("own/"), rangeEnd: b("own0") });
      stream.send({
        requestUnion: { $case: "createRequest", value: { key: b("z"), startRevision: -1 } },
      });
      assert.match((await stream.next()).cancelReason, /compacted/);
      await wire.kv.put({ key: b("own/seen"), value: b("1") }, as("ann"));
      assert.equal(s((await stream.next()).events[0]?.kv?.key), "own/seen");
      stream.cancel();
    });

    test("Lock and Election act for their caller", async () => {
      const ann = as("ann");
      const { key } = await wire.lock.lock({ name: b("own/lock") }, ann);
      await wire.lock.unlock({ key }, ann);
      await refuses(wire.lock.lock({ name: b("other") }, ann), 2, notPermitted[1]);
      await refuses(wire.election.leader({ name: b("other") }, ann), 2, notPermitted[1]);
      const { leader } = await wire.election.campaign({ name: b("own/e"), value: b("1") }, ann);
      assert.equal((await wire.election.leader({ name: b("own/e") }, ann)).kv?.value.length, 1);
      await wire.election.resign({ leader: leader! }, ann);
    });

    test("a token ends with its user, his password, and authentication", async () => {
      const root = as("root");
      const { auth, kv } = wire;
      const key = b("own/x");
      const [first, second] = [await login("ann"), await login("ann")];
      await kv.range({ key }, first);
      await auth.userChangePassword({ name: "ann", password: "other" }, root);
      for (const one of wires) {
        for (const options of [first, second]) {
          await refuses(one.kv.range({ key }, options), ...badToken);
        }
      }
      await refuses(auth.authenticate({ name: "ann", password: "ann" }), ...authFailed);
      const third = await login("ann", "other");
      // Permissions change under a token, and it stays.
      await auth.userRevokeRole({ name: "ann", role: "own" }, root);
      await refuses(kv.range({ key }, third), ...notPermitted);
      await auth.userGrantRole({ user: "ann", role: "own" }, root);
      await kv.range({ key }, third);
      await auth.roleDelete({ role: "own" }, root);
      await refuses(kv.put({ key }, third), ...notPermitted);
      await auth.userDelete({ name: "ann" }, root);
      await refuses(kv.range({ key }, third), ...badToken);
      // A user without a password keeps none.
      await auth.userChangePassword({ name: "cert", password: "x" }, root);
      await refuses(auth.authenticate({ name: "cert", password: "x" }), 2, /no password user/);
      const before = await revision();
      await auth.authDisable({}, root);
      assert.equal(await revision(), before + 1);
      await auth.authDisable({}, root);
      assert.equal(await revision(), before + 1);
      await kv.put({ key });
      await auth.authEnable({});
      await refuses(kv.range({ key }, root), ...badToken);
      await login("root");
    });

    test("users, roles and whether it is on survive a restart", async () => {
      const root = as("root");
      const { users } = await wire.auth.userList({}, root);
      const before = await revision();
      const member = cluster.members[0]!;
      await member.kill("SIGKILL");
      await member.start();
      // Whether it still knows a token depends on how much of its log it applies again.
      const again = await login("root");
      assert.equal(await revision(), before);
      // Not Hash, which covers everything: a reference that applies its log from the start again may
      // name the voters in another order than its peers.
      const statuses = await Promise.all(wires.map((one) => one.auth.authStatus({}, again)));
      assert.equal(new Set(statuses.map((one) => one.authRevision)).size, 1);
      for (const one of wires) {
        assert.deepEqual((await one.auth.userList({}, again)).users, users);
      }
    });
  });

  describe("a token that lives two seconds", () => {
    let cluster: ContractCluster;
    let wire: Wire;
    before(async () => {
      const flags = ["--bcrypt-cost=4", "--auth-token-ttl=2"];
      cluster = await startContractCluster(runner, { size: 1, flags });
      wire = new Wire(cluster.endpoints()[0]!);
      await wire.auth.userAdd({ name: "root", password: "root" });
      await wire.auth.userGrantRole({ user: "root", role: "root" });
      await wire.auth.authEnable({});
    });
    after(async () => {
      wire.close();
      await cluster.stop();
    });

    test("use renews it, rest ends it", async () => {
      const { token } = await wire.auth.authenticate({ name: "root", password: "root" });
      const options = { metadata: { token } };
      const wait = (ms: number) => new Promise<void>((resolve) => cluster.clock.after(ms, resolve));
      const startMs = cluster.clock.monotonicMs();
      while (cluster.clock.monotonicMs() - startMs < 3000) {
        await wire.kv.range({ key: b("x") }, options);
        await wait(300);
      }
      await wait(4500);
      await refuses(wire.kv.range({ key: b("x") }, options), ...badToken);
    });
  });
}
