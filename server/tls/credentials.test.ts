import assert from "node:assert/strict";
import { mkdtempSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type Log, silentLog } from "#base/log.ts";
import { systemClock } from "#base/system-clock.ts";
import type { PortTls } from "#server/config/tls.ts";
import { TestAuthority } from "#test/fakes/certificates.ts";
import { Credentials } from "./credentials.ts";

const authority = await TestAuthority.create("root");
const other = await TestAuthority.create("other root");
const first = await authority.issue("first");
const second = await authority.issue("second");

class Rig implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), "etcd-ts-credentials-"));
  readonly warnings: string[] = [];
  readonly log: Log = {
    ...silentLog,
    warn: (fields: object) => void this.warnings.push(String((fields as { error?: string }).error)),
  };

  put(name: string, content: string | Buffer): string {
    const path = join(this.folder, name);
    writeFileSync(path, content);
    return path;
  }

  tls(change: Partial<PortTls> = {}): PortTls {
    return {
      certFile: this.put("cert", first.cert),
      keyFile: this.put("key", first.key),
      clientCertFile: "",
      clientKeyFile: "",
      caFile: this.put("ca", authority.cert),
      crlFile: "",
      asksForCertificate: true,
      namesUsers: true,
      allowedNames: [],
      allowedHosts: [],
      checksAddress: false,
      isSelfMade: false,
      serverName: "",
      ...change,
    };
  }

  async open(tls: PortTls): Promise<Credentials> {
    return await Credentials.open("client", tls, { clock: systemClock, log: this.log });
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true });
  }
}

test("files that cannot be used are named at the start", async () => {
  using rig = new Rig();
  const rows: readonly (readonly [() => Partial<PortTls>, RegExp])[] = [
    [() => ({ certFile: "/none/cert" }), /^open \/none\/cert: no such file or directory$/],
    [() => ({ keyFile: "/none/key" }), /^open \/none\/key: no such file or directory$/],
    [() => ({ caFile: "/none/ca" }), /^open \/none\/ca: no such file or directory$/],
    [() => ({ caFile: rig.folder }), /^read .*: EISDIR/],
    [() => ({ certFile: rig.put("bad", "x") }), /bad holds no certificate in PEM/],
    [() => ({ keyFile: rig.put("bad", "x") }), /bad holds no private key in PEM/],
    [() => ({ keyFile: rig.put("k2", second.key) }), /key in .*k2 does not belong to .*cert$/],
    [() => ({ caFile: rig.put("bad", "x") }), /bad holds no certificate in PEM$/],
    [
      () => ({ caFile: rig.put("bad", authority.cert + other.cert.slice(0, 200)) }),
      /bad ends within a certificate$/,
    ],
    [() => ({ crlFile: rig.put("bad", "x") }), /bad holds no revocation list/],
    [
      () => ({ clientCertFile: rig.put("c", first.cert), clientKeyFile: rig.put("k", second.key) }),
      /does not belong/,
    ],
  ];
  for (const [change, want] of rows) {
    await assert.rejects(rig.open(rig.tls(change())), (error: Error) => {
      assert.match(error.message, want);
      return true;
    });
  }
});

test("what changes is taken over whole, or not at all and told once", async () => {
  using rig = new Rig();
  const tls = rig.tls({ crlFile: rig.put("crl", await authority.revoke(second)) });
  const credentials = await rig.open(tls);
  const taken: string[] = [];
  credentials.onChange(
    ({ pair }) => void taken.push(pair?.cert === first.cert ? "first" : "second"),
  );
  try {
    assert.deepEqual([...credentials.loaded.revoked!], ["3"]);
    await credentials.look();
    assert.equal(credentials.reloads, 0);

    rig.put("cert", second.cert);
    for (let i = 0; i < 3; i++) await credentials.look();
    assert.equal(credentials.loaded.pair?.cert, first.cert);
    assert.equal(rig.warnings.length, 1, rig.warnings.join());
    unlinkSync(tls.keyFile);
    for (let i = 0; i < 3; i++) await credentials.look();
    assert.match(rig.warnings[1]!, /no such file/);
    rig.put("key", second.key);
    await credentials.look();
    assert.deepEqual([taken, credentials.loaded.pair?.key], [["second"], second.key]);

    rig.put("crl", await authority.revoke());
    await credentials.look();
    assert.deepEqual([...credentials.loaded.revoked!], []);

    // A bundle that was joined without a line end.
    const before = credentials.loaded.fingerprints.ca;
    rig.put("ca", `${authority.cert.trim()}${other.cert.trim()}`);
    await credentials.look();
    assert.notEqual(credentials.loaded.fingerprints.ca, before);
    assert.equal(credentials.loaded.ca?.match(/^-----BEGIN/gm)?.length, 2);
    assert.deepEqual([credentials.reloads, credentials.failures], [3, 2]);
  } finally {
    credentials.close();
  }
});

test("a change that a listener cannot use is told once, and nothing is taken over", async () => {
  using rig = new Rig();
  const credentials = await rig.open(rig.tls());
  let fits = false;
  credentials.onChange(() => {
    if (!fits) throw new Error("does not fit");
  });
  try {
    rig.put("cert", second.cert);
    rig.put("key", second.key);
    for (let i = 0; i < 3; i++) await credentials.look();
    assert.deepEqual(rig.warnings, ["does not fit"]);
    assert.equal(credentials.loaded.pair?.cert, first.cert);
    fits = true;
    await credentials.look();
    assert.equal(credentials.loaded.pair?.cert, second.cert);
  } finally {
    credentials.close();
  }
});
