import assert from "node:assert/strict";
import { test } from "node:test";
import { type AuthPort, keepAuthentication } from "#operator/platform/kubernetes/authentication.ts";
import { etcdError } from "#proto/errors.ts";

/** A cluster's users, with etcd's rules; fails at the call with this number. */
class Users {
  isOn = false;
  readonly passwords = new Map<string, string | undefined>();
  readonly granted = new Set<string>();
  readonly roles = new Set<string>();
  readonly calls: string[] = [];
  failAt = 0;

  get port(): AuthPort {
    const call =
      (name: string, run: (...args: readonly never[]) => unknown) =>
      async (...args: readonly unknown[]) => {
        this.calls.push(name);
        if (this.calls.length === this.failAt) throw new Error("cut off");
        return run(...(args as readonly never[]));
      };
    const of = {
      status: call("status", () => ({ enabled: this.isOn })),
      enable: call("enable", () => {
        assert(this.granted.has("root/root"), "root is not root");
        this.isOn = true;
      }),
      disable: call("disable", () => {
        this.isOn = false;
      }),
      roleAdd: call("roleAdd", (role: string) => {
        if (this.roles.has(role)) throw etcdError("roleAlreadyExists");
        this.roles.add(role);
      }),
      userAdd: call("userAdd", (user: string, password: string | undefined) => {
        if (this.passwords.has(user)) throw etcdError("userAlreadyExists");
        this.passwords.set(user, password);
      }),
      userChangePassword: call("userChangePassword", (user: string, password: string) => {
        this.passwords.set(user, password);
      }),
      userGrantRole: call("userGrantRole", (user: string, role: string) => {
        assert(this.passwords.has(user) && this.roles.has(role));
        this.granted.add(`${user}/${role}`);
      }),
    };
    return of as unknown as AuthPort;
  }
}

const wanted = { enabled: true, rootPassword: "p", certificateUser: "etcd-operator" };
const options = { timeoutMs: 1 };

test("authentication goes on last, wherever it is cut off before", async () => {
  const whole = new Users();
  assert.equal(await keepAuthentication(whole.port, wanted, options), true);
  assert.equal(whole.calls.at(-1), "enable");
  for (let failAt = 1; failAt <= whole.calls.length; failAt++) {
    const users = new Users();
    users.failAt = failAt;
    await assert.rejects(keepAuthentication(users.port, wanted, options), /cut off/);
    assert.equal(users.isOn, false);
    assert.equal(await keepAuthentication(users.port, wanted, options), true);
    assert.deepEqual(users.passwords, whole.passwords);
    assert.deepEqual(users.granted, whole.granted);
    assert(users.isOn);
  }
});

test("a user root that was there gets the password; without certificates it is the only one", async () => {
  const users = new Users();
  users.passwords.set("root", "old");
  await keepAuthentication(users.port, { ...wanted, certificateUser: undefined }, options);
  assert.deepEqual([...users.passwords], [["root", "p"]]);
});

test("what is as wanted is only looked at, and off means off", async () => {
  const users = new Users();
  const off = { ...wanted, enabled: false };
  assert.equal(await keepAuthentication(users.port, off, options), false);
  users.isOn = true;
  assert.equal(await keepAuthentication(users.port, wanted, options), false);
  assert.deepEqual(users.calls, ["status", "status"]);
  assert.equal(await keepAuthentication(users.port, off, options), true);
  assert.equal(users.isOn, false);
});
