// h2spec, the conformance suite of HTTP/2 and HPACK, whole and strict, on a plain and a secure port.
import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLog } from "#base/log.ts";
import { TlsSecurity } from "#server/rpc/tls.ts";
import { TestAuthority } from "#test/fakes/certificates.ts";
import { outsideOrSkip, runOutside } from "./outside.ts";
import { startTestServer } from "./test-service.ts";

/** Fewer would mean that cases were left out. */
const caseCount = 146;

for (const secure of [false, true]) {
  test(`h2spec, strict, ${secure ? "over TLS" : "in plain"}`, async (t) => {
    const outside = await outsideOrSkip(t);
    if (outside === undefined) return;
    const authority = await TestAuthority.create("root");
    const security = new TlsSecurity({
      material: await authority.issue("server"),
      clientCertificates: "off",
      minVersion: "TLSv1.2",
      handshakeMs: 10_000,
      maxHandshakes: 100,
      log: silentLog,
    });
    await using server = await startTestServer(secure ? security : undefined);
    const flags = ["-S", "-h", "127.0.0.1", "-p", String(server.port)];
    const { code, text } = await runOutside(
      outside.h2spec,
      secure ? [...flags, "-t", "-k"] : flags,
    );
    const summary = /(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed/.exec(text);
    const failures = text.slice(text.indexOf("Failures:"));
    assert.deepEqual(
      [code, summary?.slice(1).map(Number)],
      [0, [caseCount, caseCount, 0, 0]],
      failures,
    );
  });
}
