// TLS between members: ours beside etcd's, with certificates of a CA and with those that members make.
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { cpSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { connect } from "node:tls";
import { TestAuthority } from "#test/fakes/certificates.ts";
import { referenceOrSkip } from "#test/reference/reference.ts";
import { cleanEnvironment, Folder, outcomeOf, startMembers } from "./secured-member.ts";

const authority = await TestAuthority.create("members");

test("a cluster of ours and etcd's, whose members show certificates", async (t) => {
  const reference = await referenceOrSkip(t);
  if (reference === undefined) return;
  using folder = new Folder();
  const ca = folder.put("ca.crt", authority.cert);
  const member = folder.putPair("member", await authority.issue("member"));
  const other = folder.putPair("other", await authority.issue("not a member"));
  const elsewhere = folder.putPair(
    "elsewhere",
    await authority.issue("member", { hosts: ["192.0.2.1"] }),
  );
  await using members = await startMembers(
    folder,
    ["ours", "reference", "ours"],
    () => [
      `--peer-cert-file=${member.cert}`,
      `--peer-key-file=${member.key}`,
      "--peer-client-cert-auth",
      `--peer-trusted-ca-file=${ca}`,
      "--peer-cert-allowed-cn=member",
    ],
    { client: "http", peer: "https" },
  );
  const ctl = (at: number, ...args: string[]) =>
    outcomeOf(
      reference.etcdctl,
      [`--endpoints=${members[at]!.clientUrl}`, ...args],
      cleanEnvironment(),
    );
  for (let at = 0; at < 3; at++) {
    assert.equal((await ctl(at, "put", `k${at}`, "v")).stdout, "OK\n");
    // Renewed by the leader, wherever that is.
    const granted = await ctl(at, "lease", "grant", "60");
    const id = /lease ([0-9a-f]+) granted/.exec(granted.stdout)?.[1] ?? granted.stderr;
    assert.match((await ctl(at, "lease", "keep-alive", "--once", id)).stdout, /keepalived/);
  }
  const hashes = await ctl(0, "endpoint", "hashkv", "--cluster", "-w", "json");
  const found = JSON.parse(hashes.stdout) as { HashKV: { hash: number } }[];
  assert.equal(new Set(found.map((one) => one.HashKV.hash)).size, 1, hashes.stdout);

  const ask = (pair: { cert: string; key: string } | undefined, at = 0) =>
    outcomeOf("curl", [
      "-sS",
      "--cacert",
      ca,
      ...(pair === undefined ? [] : ["--cert", pair.cert, "--key", pair.key]),
      `${members[at]!.peerUrl}/version`,
    ]);
  assert.match((await ask(member)).stdout, /"etcdserver"/);
  for (const [pair, why] of [
    [undefined, "didn't provide a certificate"],
    [other, "client certificate authentication failed"],
    [elsewhere, "x509: certificate is valid for"],
  ] as const) {
    for (const at of [0, 1]) assert.notEqual((await ask(pair, at)).code, 0, why);
    const log = members[0]!.process;
    await log.waitForLine(new RegExp(`${why}.*rejected connection on peer endpoint`));
  }
});

test("members and clients with certificates that members made for themselves", async (t) => {
  const reference = await referenceOrSkip(t);
  if (reference === undefined) return;
  using folder = new Folder();
  const flags = ["--auto-tls", "--peer-auto-tls", "--self-signed-cert-validity=2"];
  const start = () => startMembers(folder, ["ours", "reference"], () => flags);
  let made: string;
  {
    await using members = await start();
    const put = await outcomeOf(
      reference.etcdctl,
      [
        `--endpoints=${members.map((one) => one.clientUrl).join(",")}`,
        "--insecure-transport=false",
        "--insecure-skip-tls-verify",
        "put",
        "k",
        "v",
      ],
      cleanEnvironment(),
    );
    assert.equal(put.stdout, "OK\n", put.stderr);
    for (const kind of ["client", "peer"]) {
      for (const at of [0, 1]) {
        const place = join(folder.path, `data-${at}`, "fixtures", kind);
        const one = new X509Certificate(readFileSync(join(place, "cert.pem")));
        assert.equal(one.subject, "O=etcd");
        assert.equal(one.subjectAltName, "IP Address:127.0.0.1");
        const days = (Date.parse(one.validTo) - Date.parse(one.validFrom)) / 86_400_000;
        assert.equal(days, 730);
        const key = join(place, "key.pem");
        assert.match(readFileSync(key, "utf8"), /^-----BEGIN EC PRIVATE KEY-----/);
        assert.equal(statSync(key).mode & 0o777, 0o600);
      }
    }
    made = readFileSync(join(folder.path, "data-0", "fixtures", "peer", "cert.pem"), "utf8");
  }
  assert.match(made, /BEGIN CERTIFICATE/);

  // A start on a kept pair shows it again, be it its own or that of etcd's member.
  const kept = join(folder.path, "kept");
  cpSync(join(folder.path, "data-1", "fixtures"), join(kept, "fixtures"), { recursive: true });
  const files = ["client", "peer"].map((kind) => join(kept, "fixtures", kind, "cert.pem"));
  const before = files.map((file) => readFileSync(file, "utf8"));
  await using again = await startMembers(folder, ["ours"], () => [...flags, `--data-dir=${kept}`]);
  const { clientUrl, peerUrl } = again[0]!;
  for (const [at, url] of [clientUrl, peerUrl].entries()) {
    const { hostname: host, port } = new URL(url);
    const socket = connect({ host, port: Number(port), rejectUnauthorized: false });
    await once(socket, "secureConnect");
    const shown = socket.getPeerX509Certificate()!;
    socket.destroy();
    assert.equal(shown.fingerprint256, new X509Certificate(before[at]!).fingerprint256);
    assert.equal(readFileSync(files[at]!, "utf8"), before[at]);
  }
});
