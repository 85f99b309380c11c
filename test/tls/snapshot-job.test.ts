// The program that Jobs take snapshots with, against a member with TLS and authentication: as a user by its
// certificate, as root by its password, and as nobody.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { seededRandom } from "#base/random.ts";
import { systemClock } from "#base/system-clock.ts";
import { EtcdClient } from "#client/client.ts";
import {
  parseResult,
  passwordVariable,
  type SnapshotTask,
  taskVariable,
} from "#operator/snapshot/task.ts";
import { TestAuthority } from "#test/fakes/certificates.ts";
import { cleanEnvironment, Folder, outcomeOf, startMembers } from "./secured-member.ts";

const program = join(import.meta.dirname, "..", "..", "bin", "etcd-snapshot");

test("a snapshot over TLS, by a certificate's user, by a password, and not by anybody", async () => {
  using folder = new Folder();
  const authority = await TestAuthority.create("root");
  const ca = folder.put("ca.crt", authority.cert);
  // As the operator's: for the name that is expected, and not for the address that is asked.
  const named = { hosts: ["db-client.ns.svc"] };
  const server = folder.putPair("server", await authority.issue("server", named));
  const operator = await authority.issue("etcd-operator");
  const files = {
    operator: folder.putPair("operator", operator),
    nobody: folder.putPair("nobody", await authority.issue("nobody")),
  };
  await using members = await startMembers(
    folder,
    ["ours"],
    () => [
      `--cert-file=${server.cert}`,
      `--key-file=${server.key}`,
      "--client-cert-auth",
      `--trusted-ca-file=${ca}`,
    ],
    { client: "https", peer: "http" },
  );
  const from = members[0]!.clientUrl;
  const serverName = "db-client.ns.svc";
  const etcd = new EtcdClient({
    endpoints: [from],
    clock: systemClock,
    random: seededRandom(1),
    callTimeoutMs: 60_000,
    tls: {
      ca: Buffer.from(authority.cert),
      cert: Buffer.from(operator.cert),
      key: Buffer.from(operator.key),
      serverName,
    },
  });
  let revision: number | undefined;
  try {
    const { auth } = etcd;
    await auth.roleAdd("root", {});
    for (const [user, password] of [
      ["root", "secret"],
      ["etcd-operator", undefined],
      ["nobody", undefined],
    ] as const) {
      await auth.userAdd(user, password, {});
      if (user !== "nobody") await auth.userGrantRole(user, "root", {});
    }
    await auth.enable({});
    revision = (await etcd.kv.put("a", "b")).header?.revision;
  } finally {
    etcd.close();
  }

  const take = async (as: keyof typeof files, password?: string) => {
    const path = join(folder.path, as, password ?? "", "snapshot.db");
    const task: SnapshotTask = {
      kind: "take",
      from,
      timeoutMs: 60_000,
      to: { kind: "file", path },
      location: "v/snapshot.db",
      tls: { ca, ...files[as], serverName },
      ...(password === undefined ? {} : { user: "root" }),
    };
    const env = {
      ...cleanEnvironment(),
      [taskVariable]: JSON.stringify(task),
      ...(password === undefined ? {} : { [passwordVariable]: password }),
    };
    const { code, stdout, stderr } = await outcomeOf(program, [], env);
    return { code, stderr, taken: parseResult(stdout), isThere: existsSync(path) };
  };
  const [refused, ...done] = await Promise.all([
    take("nobody"),
    take("operator"),
    take("nobody", "secret"),
  ]);
  assert.deepEqual([refused.code, refused.isThere], [1, false]);
  assert.match(refused.stderr, /^etcd-snapshot: .*permission denied/);
  for (const { code, stderr, taken, isThere } of done) {
    assert.equal(code, 0, stderr);
    assert.deepEqual([taken?.revision, isThere], [revision, true]);
  }
});
