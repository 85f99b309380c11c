import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { silentLog } from "#base/log.ts";
import { systemClock } from "#base/system-clock.ts";
import { selfSignedPair } from "./self-signed.ts";

test("a pair is made once, and again where half of it is missing", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "etcd-ts-self-signed-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const told: string[] = [];
  const log = {
    ...silentLog,
    info: (_: object, message: string) => void told.push(message),
    warn: (_: object, message: string) => void told.push(message),
  };
  const pairFor = async (hosts: readonly string[]) => {
    const files = await selfSignedPair(folder, hosts, 1, { clock: systemClock, log });
    return {
      ...files,
      cert: readFileSync(files.certFile, "utf8"),
      key: readFileSync(files.keyFile),
    };
  };
  const made = await pairFor(["127.0.0.1", "a.test", "a.test"]);
  const names = new X509Certificate(made.cert).subjectAltName;
  assert.equal(names, "IP Address:127.0.0.1, DNS:a.test");
  const whenMade = ["automatically generate certificates", "created key file", "created cert file"];
  assert.deepEqual(told, whenMade);
  // As etcd, it does not look for whom the kept one is.
  assert.deepEqual(await pairFor(["b.test"]), made);
  assert.deepEqual(told, whenMade);
  for (const half of ["certFile", "keyFile"] as const) {
    const before = await pairFor([]);
    unlinkSync(before[half]);
    const after = await pairFor(["b.test"]);
    assert.notEqual(after.cert, before.cert);
    assert.notDeepEqual(after.key, before.key);
    assert.equal(new X509Certificate(after.cert).subjectAltName, "DNS:b.test");
  }
});
