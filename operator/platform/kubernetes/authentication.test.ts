import assert from "node:assert/strict";
import { test } from "node:test";
import {
  Authentication,
  type AuthPort,
  type AuthTurn,
  keepAuthentication,
} from "#operator/platform/kubernetes/authentication.ts";
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
      userGet: call("userGet", (user: string) => {
        if (!this.passwords.has(user)) throw etcdError("userNotFound");
        return { roles: this.granted.has(`${user}/root`) ? ["root"] : [] };
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

test("the user of the certificate is made once TLS is switched on, wherever it is cut off; then nothing is written", async () => {
  for (const failAt of [0, 1, 2, 3, 4]) {
    const users = new Users();
    users.isOn = true;
    users.passwords.set("root", "p");
    users.roles.add("root");
    users.failAt = failAt;
    const authentication = new Authentication();
    const asked: string[] = [];
    const turn = (rootPassword: string, certificateUser?: string): AuthTurn => ({
      etcd: {
        asUser: async (urls: readonly string[]) => {
          asked.push(urls.join());
          return { auth: users.port };
        },
        knows: async (_: unknown, name: string, word: string) => users.passwords.get(name) === word,
        close: () => undefined,
      } as unknown as AuthTurn["etcd"],
      urls: ["http://a", "https://b"],
      enabled: true,
      rootSecret: "s",
      root: {
        metadata: { name: "s", resourceVersion: rootPassword },
        data: { password: Buffer.from(rootPassword).toString("base64") },
      },
      certificateUser,
      isListed: true,
    });
    assert.equal(await authentication.keep(turn("p")), failAt === 1 ? text : undefined);
    assert.equal(users.passwords.has("etcd-operator"), false);
    await authentication.keep(turn("p", "etcd-operator"));
    assert.equal(await authentication.keep(turn("p", "etcd-operator")), undefined);
    assert(users.granted.has("etcd-operator/root"));
    assert.equal(users.passwords.get("etcd-operator"), undefined, "it has a password");
    const { length } = users.calls;
    await authentication.keep(turn("p", "etcd-operator"));
    assert.deepEqual(users.calls.slice(length), ["status"]);
    // What the Secret says now is root's, by whoever shows a certificate.
    await authentication.keep(turn("q", "etcd-operator"));
    assert.equal(users.passwords.get("root"), "q");
    assert.deepEqual([asked[0], asked.at(-1)], ["http://a,https://b", "https://b"]);
  }
});

const text = "authentication cannot be switched on yet: cut off";

test("a wrong password is told where only the password says who asks", async () => {
  const told = async (urls: readonly string[], certificateUser?: string) =>
    new Authentication().keep({
      etcd: { knows: async () => false } as unknown as AuthTurn["etcd"],
      urls,
      enabled: true,
      rootSecret: "s",
      root: { metadata: { name: "s" }, data: { password: "cA==" } },
      certificateUser,
      isListed: false,
    });
  assert.match((await told(["http://a"])) ?? "", /not root's/);
  assert.match((await told(["http://a"], "etcd-operator")) ?? "", /not root's/);
  assert.match((await told(["https://a"])) ?? "", /not root's/);
  assert.equal(await told(["https://a"], "etcd-operator"), undefined);
});
