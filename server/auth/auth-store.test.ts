import assert from "node:assert/strict";
import { test } from "node:test";
import { text, utf8 } from "#base/bytes.ts";
import type { Bucket, StateBatch } from "#base/state-batch.ts";
import { EtcdError } from "#proto/errors.ts";
import { fakeAuthPorts } from "#test/fakes/auth.ts";
import { AuthStore } from "./auth-store.ts";

/** A state of the auth buckets alone. */
class Records implements StateBatch {
  readonly kept = new Map<string, Uint8Array>();
  writes = 0;

  put(bucket: Bucket, key: Uint8Array, value: Uint8Array): void {
    this.kept.set(`${bucket}/${text(key)}`, value);
    this.writes++;
  }

  delete(bucket: Bucket, key: Uint8Array): void {
    this.kept.delete(`${bucket}/${text(key)}`);
    this.writes++;
  }

  of(bucket: Bucket): [Uint8Array, Uint8Array][] {
    return [...this.kept]
      .filter(([key]) => key.startsWith(`${bucket}/`))
      .map(([key, value]) => [utf8(key.slice(bucket.length + 1)), value]);
  }

  hex(bucket: Bucket, key: string): string | undefined {
    const value = this.kept.get(`${bucket}/${key}`);
    return value === undefined ? undefined : Buffer.from(value).toString("hex");
  }
}

function reload(records: Records): AuthStore {
  const auth = new AuthStore(fakeAuthPorts());
  auth.load({
    auth: records.of("auth"),
    users: records.of("authUsers"),
    roles: records.of("authRoles"),
  });
  return auth;
}

const none = new Uint8Array(0);
const hashed = Buffer.from("hash").toString("base64");
const user = (name: string) => ({ name, password: "", options: undefined, hashedPassword: hashed });
const nameOf = (error: unknown): string | undefined =>
  error instanceof EtcdError ? (error.errorName ?? error.message) : undefined;

function rig() {
  const records = new Records();
  const auth = new AuthStore(fakeAuthPorts());
  const grant = (name: string, permType: 0 | 1 | 2, key: string, rangeEnd = "") =>
    auth.grantPermission(
      { name, perm: { permType, key: utf8(key), rangeEnd: utf8(rangeEnd) } },
      records,
    );
  return { auth, grant, records };
}

/** On, with root and ann, who may read b to d. */
function on() {
  const all = rig();
  const { auth, grant, records } = all;
  for (const name of ["root", "ann"]) auth.addUser(user(name), records);
  auth.grantRole("root", "root", records);
  auth.addRole("r", records);
  grant("r", 0, "b", "d");
  auth.grantRole("ann", "r", records);
  assert.equal(auth.enable(records), undefined);
  return all;
}

test("records are etcd's own, byte for byte", () => {
  const { auth, grant, records } = rig();
  auth.addUser(user("u"), records);
  // Name, password, and options that are there though they say nothing.
  assert.equal(records.hex("authUsers", "u"), "0a0175120468617368" + "2200");
  auth.addUser({ ...user("n"), options: { noPassword: true } }, records);
  assert.equal(records.hex("authUsers", "n"), "0a016e" + "22020801");
  auth.addRole("r", records);
  assert.equal(records.hex("authRoles", "r"), "0a0172");
  grant("r", 2, "k", "\0");
  assert.equal(records.hex("authRoles", "r"), "0a0172" + "120808021201" + "6b" + "1a0100");
  auth.grantRole("u", "r", records);
  assert.equal(records.hex("authUsers", "u"), "0a0175120468617368" + "1a0172" + "2200");
  assert.equal(records.hex("auth", "authRevision"), "0000000000000006");
  assert.equal(records.hex("auth", "authEnabled"), undefined);
});

test("what was written loads to the same decisions", () => {
  const { auth, records } = on();
  const again = reload(records);
  assert.deepEqual([again.isEnabled, again.revision], [true, auth.revision]);
  assert.deepEqual([again.userNames(), again.roleNames()], [["ann", "root"], ["r"]]);
  const ann = { username: "ann", revision: auth.revision };
  for (const one of [auth, again]) {
    assert.equal(one.refusal(ann, "read", utf8("b"), utf8("d")), undefined);
    assert.equal(nameOf(one.refusal(ann, "write", utf8("b"))), "permissionDenied");
  }
  records.kept.clear();
  auth.load({ auth: [], users: [], roles: [] });
  assert.deepEqual([auth.isEnabled, auth.revision, auth.userNames()], [false, 1, []]);
});

test("who is refused, and with which words", () => {
  const { auth } = on();
  const now = auth.revision;
  const cases: [string, number, string | undefined, string | undefined][] = [
    ["", 0, "userEmpty", "userEmpty"],
    ["", now, "permissionDenied", "userEmpty"],
    ["ann", now, undefined, "permissionDenied"],
    ["ann", now + 1, undefined, "permissionDenied"],
    ["ann", now - 1, "authOldRevision", "permissionDenied"],
    ["root", now - 1, "authOldRevision", undefined],
    ["root", now, undefined, undefined],
    ["ghost", now, "permissionDenied", "userNotFound"],
  ];
  for (const [username, revision, read, admin] of cases) {
    const who = { username, revision };
    assert.equal(nameOf(auth.refusal(who, "read", utf8("c"), none)), read, username);
    assert.equal(nameOf(auth.adminRefusal(who)), admin, username);
  }
});

test("what is refused writes nothing, and no refusal moves the revision", () => {
  const { auth, grant, records } = on();
  const { revision } = auth;
  records.writes = 0;
  const refusals = [
    auth.addUser(user(""), records),
    auth.addUser(user("ann"), records),
    auth.addUser({ ...user("x"), hashedPassword: "%" }, records),
    auth.addUser({ ...user("x"), hashedPassword: "YQ=" }, records),
    auth.deleteUser("root", records),
    auth.deleteUser("ghost", records),
    auth.changePassword({ name: "ghost", password: "", hashedPassword: hashed }, records),
    auth.changePassword({ name: "ann", password: "", hashedPassword: "%" }, records),
    auth.grantRole("ghost", "r", records),
    auth.grantRole("ann", "ghost", records),
    auth.revokeRole("root", "root", records),
    auth.revokeRole("ann", "ghost", records),
    auth.addRole("", records),
    auth.addRole("r", records),
    auth.deleteRole("root", records),
    auth.deleteRole("ghost", records),
    grant("ghost", 0, "k"),
    grant("r", 0, "b", "a"),
    auth.grantPermission({ name: "r", perm: undefined }, records),
    auth.revokePermission({ role: "r", key: utf8("b"), rangeEnd: none }, records),
    auth.revokePermission({ role: "ghost", key: utf8("b"), rangeEnd: none }, records),
  ];
  for (const [at, refused] of refusals.entries()) assert.ok(refused instanceof EtcdError, `${at}`);
  // These succeed without a change.
  auth.grantRole("ann", "r", records);
  assert.equal(auth.enable(records), undefined);
  assert.deepEqual([records.writes, auth.revision], [0, revision]);
});

test("permissions follow every change at once", () => {
  const { auth, grant, records } = on();
  const mayRead = (key: string): boolean =>
    auth.refusal({ username: "ann", revision: auth.revision }, "read", utf8(key)) === undefined;
  assert.deepEqual([mayRead("b"), mayRead("d")], [true, false]);
  grant("r", 0, "d");
  assert.ok(mayRead("d"));
  auth.revokePermission({ role: "r", key: utf8("b"), rangeEnd: utf8("d") }, records);
  assert.ok(!mayRead("b"));
  grant("r", 1, "d");
  assert.ok(!mayRead("d"), "another type replaces the one before");
  auth.revokeRole("ann", "r", records);
  auth.grantRole("ann", "root", records);
  assert.ok(mayRead("x"));
  auth.revokeRole("ann", "root", records);
  assert.ok(!mayRead("x"));
});

test("as etcd, a second permission of the same key is looked at only if it is the first", () => {
  const { auth, grant, records } = rig();
  auth.addRole("r", records);
  for (const [type, end] of [
    [0, "b"],
    [0, "c"],
    [1, "c"],
    [2, "b"],
  ] as const) {
    grant("r", type, "a", end);
  }
  const permissions = auth.rolePermissions("r");
  assert.ok(!(permissions instanceof EtcdError));
  assert.deepEqual(
    permissions.map((one) => [one.permType, text(one.rangeEnd)]),
    [
      [2, "b"],
      [0, "c"],
      [1, "c"],
    ],
  );
  auth.revokePermission({ role: "r", key: utf8("a"), rangeEnd: utf8("c") }, records);
  assert.equal((auth.rolePermissions("r") as unknown[]).length, 1);
});

test("a password that an old member proposed as it is gets hashed when it is applied", () => {
  const { auth, records } = on();
  auth.addUser({ ...user("old"), password: "secret", hashedPassword: "" }, records);
  const stored = auth.passwordOf("old");
  assert.ok(!(stored instanceof EtcdError));
  assert.match(stored.hash, /^\$2a\$04\$/);
  assert.equal(nameOf(auth.passwordOf("ghost")), "authFailed");
});
