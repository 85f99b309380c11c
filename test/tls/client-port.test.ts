// TLS on the client port, asked by clients that are not ours: the reference's etcdctl and curl.
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { seededRandom } from "#base/random.ts";
import { systemClock } from "#base/system-clock.ts";
import { EtcdClient } from "#client/client.ts";
import type { TlsOptions } from "#client/options.ts";
import { openV3Registry } from "#server/discovery/v3-registry.ts";
import { releasePorts, reservePorts } from "#test/cluster/ports.ts";
import { TestAuthority } from "#test/fakes/certificates.ts";
import { referenceOrSkip } from "#test/reference/reference.ts";
import { cleanEnvironment, Folder, outcomeOf, startMembers } from "./secured-member.ts";

const clientPorts = (seed: number) => ({
  clock: systemClock,
  random: seededRandom(seed),
  callTimeoutMs: 20_000,
});
const authority = await TestAuthority.create("clients and servers");
const stranger = await TestAuthority.create("nobody's root");

test("certificates of clients, both protocols, and one port for both schemes", async (t) => {
  const reference = await referenceOrSkip(t);
  if (reference === undefined) return;
  using folder = new Folder();
  // Between the root and some clients stand others, whose certificates those send along.
  const between = await authority.subordinate("between");
  const taken = await authority.subordinate("taken back");
  const unknown = await authority.subordinate("unknown");
  const ca = folder.put("ca.crt", [authority, between, taken].map(({ cert }) => cert).join("\n"));
  const server = folder.putPair("server", await authority.issue("server"));
  const alice = folder.putPair("alice", await authority.issue("alice", { hosts: ["alice.test"] }));
  const bob = folder.putPair("bob", await authority.issue("bob", { hosts: ["bob.test"] }));
  const gone = await authority.issue("gone", { hosts: ["alice.test"] });
  const revoked = folder.putPair("gone", gone);
  const foreign = folder.putPair("foreign", await stranger.issue("alice"));
  const chainOf = async (issuer: TestAuthority) => {
    const leaf = await issuer.issue("carol", { hosts: ["alice.test"] });
    return { key: leaf.key, cert: `${leaf.cert}\n${issuer.cert}` };
  };
  const chained = folder.putPair("chained", await chainOf(between));
  const cut = folder.putPair("cut", await chainOf(taken));
  const unlisted = folder.putPair("unlisted", await chainOf(unknown));
  // The root's serial number may be another certificate's: it is not looked up.
  const crl = folder.put("crl.der", await authority.revoke(gone, taken, authority));
  const [metricsPort] = await reservePorts(1);
  t.after(() => releasePorts([metricsPort!]));
  const metricsUrl = `https://127.0.0.1:${metricsPort}`;
  const socket = `${folder.path}/member.sock`;
  await using members = await startMembers(
    folder,
    ["ours"],
    (_, { client }) => [
      `--listen-client-urls=https://127.0.0.1:${client},http://127.0.0.1:${client},https://[::1]:${client},unixs://${socket}`,
      `--cert-file=${server.cert}`,
      `--key-file=${server.key}`,
      "--client-cert-auth",
      `--trusted-ca-file=${ca}`,
      `--client-crl-file=${crl}`,
      "--client-cert-allowed-hostname=alice.test",
      `--listen-metrics-urls=${metricsUrl}`,
    ],
    { client: "https", peer: "http" },
  );
  const { clientUrl, process: member } = members[0]!;
  const put = (pair: { cert: string; key: string } | undefined, url = clientUrl) =>
    outcomeOf(
      reference.etcdctl,
      [
        `--endpoints=${url}`,
        `--cacert=${ca}`,
        ...(pair === undefined ? [] : [`--cert=${pair.cert}`, `--key=${pair.key}`]),
        "--command-timeout=2s",
        "put",
        "k",
        "v",
      ],
      cleanEnvironment(),
    );
  assert.deepEqual(await put(alice), { code: 0, stdout: "OK\n", stderr: "" });
  const port = new URL(clientUrl).port;
  assert.equal((await put(alice, `https://localhost:${port}`)).stdout, "OK\n");

  const rows = [
    [undefined, "tls: client didn't provide a certificate"],
    [foreign, "tls: failed to verify certificate: UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
    [bob, "client certificate authentication failed"],
    [revoked, "transport: certificate serial"],
  ] as const;
  await Promise.all(
    rows.map(async ([pair, why]) => {
      const refused = await put(pair);
      assert.notEqual(refused.code, 0, why);
      assert.match(refused.stderr, /context deadline exceeded/);
    }),
  );
  // A client tries again and again; each reason is told once.
  const logged = member.log().filter((line) => line.includes("rejected connection on client"));
  for (const [, why] of rows) {
    assert.equal(logged.filter((line) => line.includes(why)).length, 1, logged.join("\n"));
  }

  const curl = (args: readonly string[]) =>
    outcomeOf("curl", ["-sS", "--cacert", ca, "--cert", alice.cert, "--key", alice.key, ...args]);
  for (const version of ["--http1.1", "--http2"]) {
    const page = await curl([version, "-w", "%{http_version}", `${clientUrl}/health`]);
    assert.equal(
      page.stdout,
      `{"health":"true","reason":""}${version === "--http2" ? "2" : "1.1"}`,
      page.stderr,
    );
  }
  const plain = await outcomeOf("curl", ["-sS", `http://127.0.0.1:${port}/version`]);
  assert.match(plain.stdout, /"etcdserver"/, plain.stderr);
  const local = await curl(["--unix-socket", socket, "https://localhost/version"]);
  assert.match(local.stdout, /"etcdserver"/, local.stderr);
  const by = ({ cert, key }: { cert: string; key: string }, url: string) =>
    outcomeOf("curl", ["-sS", "--cacert", ca, "--cert", cert, "--key", key, url]);
  assert.match((await by(chained, `${clientUrl}/version`)).stdout, /"etcdserver"/);
  assert.notEqual((await by(cut, `${clientUrl}/version`)).code, 0);
  const serial = new X509Certificate(taken.cert).serialNumber.toLowerCase();
  await member.waitForLine(new RegExp(`certificate serial ${serial} revoked`));
  assert.notEqual((await by(unlisted, `${clientUrl}/version`)).code, 0);
  await member.waitForLine(/an issuer of the certificate is not in the trusted CA file/);
  // Metrics have the locks of the client port.
  assert.match((await by(alice, `${metricsUrl}/health`)).stdout, /"health":"true"/);
  assert.match((await by(alice, `${metricsUrl}/metrics`)).stdout, /^etcd_server_has_leader 1$/m);
  for (const pair of [bob, revoked, cut, foreign]) {
    assert.notEqual((await by(pair, `${metricsUrl}/health`)).code, 0);
  }
  const unseen = ["-sS", "--cacert", ca, `${metricsUrl}/health`];
  assert.notEqual((await outcomeOf("curl", unseen)).code, 0);
  const inPlain = ["-sS", `http://127.0.0.1:${metricsPort}/health`];
  assert.notEqual((await outcomeOf("curl", inPlain)).stdout, '{"health":"true","reason":""}');
  // Our client, with each of its options; and as a registry for members, as discovery asks it.
  const bytesOf = ({ cert, key }: { cert: string; key: string }) => ({
    cert: readFileSync(cert),
    key: readFileSync(key),
  });
  const trust = { ca: readFileSync(ca) };
  const mine = { ...trust, ...bytesOf(alice) };
  const tried: readonly (readonly [TlsOptions, boolean])[] = [
    [mine, true],
    [{ ...trust, ...bytesOf(chained) }, true],
    [{ ...bytesOf(alice), insecureSkipVerify: true }, true],
    [{ ...mine, serverName: "localhost" }, true],
    [{ ...mine, serverName: "other.test" }, false],
    [bytesOf(alice), false],
    [{ ...mine, ca: Buffer.from(stranger.cert) }, false],
    [trust, false],
    [{ ...trust, ...bytesOf(cut) }, false],
  ];
  await Promise.all(
    tried.map(async ([tls, isGood], at) => {
      const client = new EtcdClient({ endpoints: [clientUrl], ...clientPorts(at), tls });
      const got = client.kv.range("k", {}, isGood ? {} : { timeoutMs: 500 }).then(
        () => true,
        () => false,
      );
      assert.equal(await got.finally(() => client.close()), isGood, `row ${at}`);
    }),
  );
  const registry = await openV3Registry(
    {
      kind: "v3",
      token: "t",
      endpoints: [clientUrl],
      dialTimeoutMs: 20_000,
      requestTimeoutMs: 20_000,
      keepaliveTimeMs: 2000,
      keepaliveTimeoutMs: 6000,
      insecureTransport: true,
      insecureSkipTlsVerify: false,
      certFile: alice.cert,
      keyFile: alice.key,
      caFile: ca,
      user: "",
      password: "",
    },
    clientPorts(0),
  );
  try {
    assert.equal(await registry.size(), undefined);
    await registry.register("1", "m=http://127.0.0.1:1");
    const { members: listed } = await registry.list();
    assert.deepEqual(
      listed.map(({ id, value }) => [id, value]),
      [["1", "m=http://127.0.0.1:1"]],
    );
  } finally {
    registry.close();
  }
  const metrics = await curl([`${clientUrl}/metrics`]);
  assert.match(metrics.stdout, /^etcd_server_tls_handshake_failures_total\{port="client"\} [1-9]/m);
  assert.match(
    metrics.stdout,
    /^etcd_server_tls_loaded\{port="client",leaf_sha256="[0-9a-f]{64}",ca_sha256="[0-9a-f]{64}"\} 1$/m,
  );
});
