// Certificates and CAs that are replaced under a running member, as Kubernetes replaces a secret: by
// swapping a symbolic link. Nobody who is connected notices.
import assert from "node:assert/strict";
import { createHash, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { connect } from "node:tls";
import { seededRandom } from "#base/random.ts";
import { systemClock } from "#base/system-clock.ts";
import { EtcdClient } from "#client/client.ts";
import { pause } from "#test/cluster/eventually.ts";
import { type CertifiedKey, TestAuthority } from "#test/fakes/certificates.ts";
import { Folder, outcomeOf, startMembers } from "./secured-member.ts";

const old = await TestAuthority.create("the old root");
const next = await TestAuthority.create("the next root");

/** A secret as the kubelet mounts it: files link to `..data`, which links to a folder of a time. */
class Secret {
  readonly path: string;
  private versions = 0;

  constructor(folder: Folder) {
    this.path = join(folder.path, "secret");
    mkdirSync(this.path);
    for (const name of ["tls.crt", "tls.key", "ca.crt"]) {
      symlinkSync(join("..data", name), join(this.path, name));
    }
  }

  set(pair: CertifiedKey, ca: string): void {
    const version = `..version-${this.versions++}`;
    mkdirSync(join(this.path, version));
    const put = (name: string, text: string) => writeFileSync(join(this.path, version, name), text);
    put("tls.crt", pair.cert);
    put("tls.key", pair.key);
    put("ca.crt", ca);
    symlinkSync(version, join(this.path, "..data_tmp"));
    renameSync(join(this.path, "..data_tmp"), join(this.path, "..data"));
  }
}

test("leaf, then CA, then a pair that does not fit, while a client puts", async () => {
  using folder = new Folder();
  const secret = new Secret(folder);
  const file = (name: string) => join(secret.path, name);
  const first = await old.issue("server");
  secret.set(first, old.cert);
  await using members = await startMembers(
    folder,
    ["ours"],
    () => [
      `--cert-file=${file("tls.crt")}`,
      `--key-file=${file("tls.key")}`,
      "--client-cert-auth",
      `--trusted-ca-file=${file("ca.crt")}`,
    ],
    { client: "https", peer: "http" },
  );
  const { clientUrl, process: member } = members[0]!;
  const oldClient = await old.issue("client");
  const client = new EtcdClient({
    endpoints: [clientUrl],
    clock: systemClock,
    random: seededRandom(1),
    callTimeoutMs: 10_000,
    tls: {
      ca: Buffer.from(old.cert),
      cert: Buffer.from(oldClient.cert),
      key: Buffer.from(oldClient.key),
    },
  });
  let stopped = false;
  let puts = 0;
  const putting = (async () => {
    while (!stopped) {
      await client.kv.put(Buffer.from("k"), Buffer.from(String(puts)));
      puts++;
    }
  })();
  /** The certificate that a new connection is shown, or the error that it ends with. */
  const shown = async (by: CertifiedKey, ca: string): Promise<string> => {
    const { hostname: host, port } = new URL(clientUrl);
    const socket = connect({ host, port: Number(port), ca, ...by });
    try {
      await once(socket, "secureConnect");
      // Node gives an empty one to those who ask twice.
      const { serialNumber: serial, issuer } = socket.getPeerX509Certificate()!;
      // A refusal comes behind the handshake.
      socket.write("GET /version HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
      let text = "";
      for await (const part of socket) text += String(part);
      return text.includes("etcdserver") ? `${issuer} ${serial}` : "refused";
    } catch (error) {
      return (error as NodeJS.ErrnoException).code ?? String(error);
    } finally {
      socket.destroy();
    }
  };
  const serialOf = ({ cert }: CertifiedKey) => new X509Certificate(cert).serialNumber;
  const changed = async (swap: () => void, pattern = /loaded changed certificates/) => {
    const from = member.lineCount();
    const before = puts;
    swap();
    await member.waitForLine(pattern, from);
    // The same connection goes on.
    while (puts < before + 3) await pause();
  };
  try {
    assert.equal(await shown(oldClient, old.cert), `CN=the old root ${serialOf(first)}`);
    const second = await old.issue("server");
    await changed(() => secret.set(second, old.cert));
    assert.equal(await shown(oldClient, old.cert), `CN=the old root ${serialOf(second)}`);

    // Both CAs are trusted for a while, then only the next one.
    const nextClient = await next.issue("client");
    const both = old.cert + next.cert;
    await changed(() => secret.set(second, both));
    assert.match(await shown(nextClient, old.cert), /the old root/);
    assert.match(await shown(oldClient, old.cert), /the old root/);
    const third = await next.issue("server");
    await changed(() => secret.set(third, next.cert));
    assert.match(await shown(nextClient, next.cert), /the next root/);
    assert.match(await shown(oldClient, next.cert), /refused|ECONNRESET|EPIPE/);

    // A key of another certificate, and half a file: what was loaded stays.
    const fourth = await next.issue("server");
    const mixed = { cert: fourth.cert, key: third.key };
    const kept = /does not belong to the certificate.*cannot load changed/;
    await changed(() => secret.set(mixed, next.cert), kept);
    assert.equal(await shown(nextClient, next.cert), `CN=the next root ${serialOf(third)}`);
    await changed(
      () => secret.set(fourth, next.cert.slice(0, 300)),
      /ca\.crt.*cannot load changed/,
    );
    assert.equal(await shown(nextClient, next.cert), `CN=the next root ${serialOf(third)}`);
    await changed(() => secret.set(fourth, next.cert));
    assert.equal(await shown(nextClient, next.cert), `CN=the next root ${serialOf(fourth)}`);

    const by = folder.putPair("by", nextClient);
    const trust = folder.put("next.crt", next.cert);
    const metrics = await outcomeOf("curl", [
      ...["-sS", "--cacert", trust, "--cert", by.cert, "--key", by.key],
      `${clientUrl}/metrics`,
    ]);
    const leaf = new X509Certificate(fourth.cert).fingerprint256.replaceAll(":", "").toLowerCase();
    const ca = createHash("sha256").update(next.cert).digest("hex");
    assert.ok(
      metrics.stdout.includes(
        `etcd_server_tls_loaded{port="client",leaf_sha256="${leaf}",ca_sha256="${ca}"} 1`,
      ),
      metrics.stdout,
    );
    const count = (name: string) =>
      new RegExp(`^etcd_server_tls_${name}\\{port="client"\\} (\\d+)`, "m").exec(
        metrics.stdout,
      )?.[1];
    assert.deepEqual([count("reloads_total"), count("reload_failures_total")], ["4", "2"]);
  } finally {
    stopped = true;
    await putting;
    client.close();
  }
});
