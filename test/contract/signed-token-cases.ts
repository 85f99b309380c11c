// Cases of signed tokens (JWT): those that the member signs, those that others sign with its key, what
// happens to both when users change, and how our own client comes to its next token (facts: apply rules
// §7). The algorithms and the claims are judged one by one in server/credentials.
import assert from "node:assert/strict";
import { createHmac, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { seededRandom } from "#base/random.ts";
import { systemClock } from "#base/system-clock.ts";
import { EtcdClient } from "#client/client.ts";
import { type ContractCluster, type ContractRunner, startContractCluster } from "./cluster.ts";
import { b, refuses, s } from "./setting.ts";
import { type CallOptions, Wire } from "./wire.ts";

const badToken = [16, "etcdserver: invalid auth token"] as const;
const oldRevision = [3, "etcdserver: revision of auth store is old"] as const;
const authFailed = "authFailed";

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

function signed(key: KeyObject, claims: object): string {
  const input = `${part({ alg: "ES256", typ: "JWT" })}.${part(claims)}`;
  const signature = sign("sha256", Buffer.from(input), { key, dsaEncoding: "ieee-p1363" });
  return `${input}.${signature.toString("base64url")}`;
}

const claimsOf = (token: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(token.split(".")[1]!, "base64url").toString()) as Record<string, unknown>;

export function signedTokenSuite(runner: ContractRunner): void {
  describe("signed tokens", () => {
    const folder = mkdtempSync(join(tmpdir(), "etcd-ts-tokens-"));
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const publicPem = publicKey.export({ type: "spki", format: "pem" });
    let cluster: ContractCluster;
    let wire: Wire;

    const by = (token: string): CallOptions => ({ metadata: { token } });
    const login = async (name: string, password = name): Promise<string> =>
      (await wire.auth.authenticate({ name, password })).token;
    const nowSeconds = (): number => Math.floor(cluster.clock.wallMs() / 1000);
    const revision = async (): Promise<number> => (await wire.auth.authStatus({})).authRevision;

    before(async () => {
      const [key, pub] = ["key", "pub"].map((name) => join(folder, name)) as [string, string];
      writeFileSync(key, privateKey.export({ type: "sec1", format: "pem" }), { mode: 0o600 });
      writeFileSync(pub, publicPem);
      const how = `jwt,sign-method=ES256,priv-key=${key},pub-key=${pub},ttl=10m`;
      const flags = ["--bcrypt-cost=4", `--auth-token=${how}`];
      cluster = await startContractCluster(runner, { size: 1, flags });
      wire = new Wire(cluster.endpoints()[0]!);
      const { auth } = wire;
      await auth.userAdd({ name: "root", password: "root" });
      await auth.userGrantRole({ user: "root", role: "root" });
      await auth.userAdd({ name: "ann", password: "ann" });
      await auth.roleAdd({ name: "own" });
      const perm = { permType: 2 as const, key: b("own/"), rangeEnd: b("own0") };
      await auth.roleGrantPermission({ name: "own", perm });
      await auth.userGrantRole({ user: "ann", role: "own" });
      await auth.authEnable({});
    });
    after(async () => {
      wire.close();
      await cluster.stop();
      rmSync(folder, { recursive: true });
    });

    test("a member signs user, revision and end", async () => {
      const token = await login("ann");
      const { exp, ...rest } = claimsOf(token);
      assert.deepEqual(rest, { username: "ann", revision: await revision() });
      const left = Number(exp) - nowSeconds();
      assert.ok(left > 300 && left <= 600, `${left} s left`);
      const [head] = token.split(".");
      const header: unknown = JSON.parse(Buffer.from(head!, "base64url").toString());
      assert.deepEqual(header, { alg: "ES256", typ: "JWT" });
      await wire.kv.put({ key: b("own/a"), value: b("1") }, by(token));
      await wire.kv.range({ key: b("own/a") }, { metadata: { authorization: `Bearer ${token}` } });
      await refuses(wire.kv.range({ key: b("a") }, by(token)), 7, "etcdserver: permission denied");
    });

    test("who has the key may sign; nobody else, nothing else and not for ever", async () => {
      const key = b("own/a");
      const ann = { username: "ann", revision: await revision() };
      const inAMinute = nowSeconds() + 60;
      const good = [
        signed(privateKey, { ...ann, exp: inAMinute }),
        signed(privateKey, ann),
        signed(privateKey, { ...ann, nbf: nowSeconds() - 60 }),
      ];
      for (const token of good) await wire.kv.range({ key }, by(token));
      // What is read must not have been judged by other permissions than those of now.
      const early = by(signed(privateKey, { ...ann, revision: ann.revision + 9 }));
      await wire.kv.put({ key }, early);
      await refuses(wire.kv.range({ key }, early), ...oldRevision);
      const stranger = generateKeyPairSync("ec", { namedCurve: "P-256" });
      const input = `${part({ alg: "HS256", typ: "JWT" })}.${part(ann)}`;
      const mac = createHmac("sha256", publicPem).update(input).digest("base64url");
      const [head, , signature] = good[1]!.split(".");
      const bad = {
        expired: signed(privateKey, { ...ann, exp: nowSeconds() - 60 }),
        "not yet": signed(privateKey, { ...ann, nbf: nowSeconds() + 600 }),
        "another key": signed(stranger.privateKey, ann),
        "the public key as a secret": `${input}.${mac}`,
        "no signature": `${part({ alg: "none", typ: "JWT" })}.${part(ann)}.`,
        "another user": `${head}.${part({ ...ann, username: "root" })}.${signature}`,
        "no revision": signed(privateKey, { username: "ann" }),
        "no user": signed(privateKey, { revision: ann.revision }),
        "not a token": "ann.1",
      };
      for (const [what, token] of Object.entries(bad)) {
        const told = (error: unknown) => assert.fail(`${what}: ${(error as Error).message}`);
        await refuses(wire.kv.range({ key }, by(token)), ...badToken).catch(told);
        await refuses(wire.kv.put({ key }, by(token)), ...badToken).catch(told);
      }
      const ghost = signed(privateKey, { ...ann, username: "ghost" });
      await refuses(wire.kv.range({ key }, by(ghost)), 7, "etcdserver: permission denied");
    });

    test("a token of before the last change of users is old, but for their administration", async () => {
      const { auth, kv } = wire;
      const [root, ann] = [by(await login("root")), by(await login("ann"))];
      await auth.roleAdd({ name: "more" }, root);
      const key = b("own/a");
      for (const old of [root, ann]) {
        await refuses(kv.range({ key }, old), ...oldRevision);
        await refuses(kv.range({ key, serializable: true }, old), ...oldRevision);
        await refuses(kv.put({ key }, old), ...oldRevision);
        await refuses(kv.deleteRange({ key }, old), ...oldRevision);
        const success = [{ request: { $case: "requestPut" as const, value: { key } } }];
        await refuses(kv.txn({ success }, old), ...oldRevision);
      }
      const stream = wire.watch(ann);
      stream.send({ requestUnion: { $case: "createRequest", value: { key } } });
      const { canceled, cancelReason } = await stream.next();
      const desc = oldRevision[1];
      assert.deepEqual(
        [canceled, cancelReason],
        [true, `rpc error: code = InvalidArgument desc = ${desc}`],
      );
      stream.cancel();
      await auth.roleDelete({ role: "more" }, root);
      await kv.range({ key }, by(await login("ann")));
    });

    test("our client takes its next token by itself", async () => {
      const options = { clock: systemClock, random: seededRandom(1), callTimeoutMs: 20_000 };
      const client = new EtcdClient({ endpoints: [cluster.members[0]!.clientUrl], ...options });
      try {
        await client.authenticate("ann", "ann");
        const transport = client["transport"];
        const root = by(await login("root"));
        const ann = { username: "ann", revision: await revision() };
        const expired = signed(privateKey, { ...ann, exp: nowSeconds() - 60 });
        const stale: readonly (readonly [string, () => Promise<unknown>])[] = [
          [
            "expired",
            async () => {
              transport.token = expired;
            },
          ],
          [
            "none",
            async () => {
              transport.token = undefined;
            },
          ],
          ["old", () => wire.auth.roleAdd({ name: "other" }, root)],
        ];
        for (const [what, spoil] of stale) {
          await spoil();
          const before = transport.token;
          await client.kv.put("own/b", what);
          assert.notEqual(transport.token, before, what);
          assert.equal(s((await client.kv.range("own/b")).kvs[0]?.value), what);
        }
        // A watch that begins with an old token has a new one in time.
        await wire.auth.roleDelete({ role: "other" }, root);
        const seen = Promise.withResolvers<string>();
        const from = (await client.kv.put("own/c", "before")).header!.revision;
        await wire.auth.roleAdd({ name: "other" }, root);
        const watcher = client.watch.watch("own/c", { startRevision: from + 1 });
        const watching = watcher.each(({ events }) => {
          for (const event of events) seen.resolve(s(event.kv?.value));
        });
        await client.kv.put("own/c", "seen");
        assert.equal(await seen.promise, "seen");
        watcher.cancel();
        await watching;

        // Without the right password there is no next one, and without any nobody asks.
        await wire.auth.userChangePassword({ name: "ann", password: "other" }, root);
        await assert.rejects(client.kv.put("own/b", "x"), { errorName: authFailed });
        const token = by(await login("ann", "other")).metadata!["token"]!;
        const bare = new EtcdClient({
          endpoints: [cluster.members[0]!.clientUrl],
          ...options,
          token,
        });
        try {
          await bare.kv.put("own/b", "y");
          await wire.auth.roleAdd({ name: "again" }, root);
          await assert.rejects(bare.kv.put("own/b", "z"), { errorName: "authOldRevision" });
        } finally {
          bare.close();
        }
      } finally {
        client.close();
      }
    });
  });
}
