import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { request as ask, type IncomingMessage } from "node:http";
import { request as askSecured } from "node:https";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { silentLog } from "#base/log.ts";
import { systemClock } from "#base/system-clock.ts";
import { parseEndpoints } from "#server/config/urls.ts";
import { startPeerListeners } from "#server/peer-listeners.ts";
import { TlsSecurity } from "#server/rpc/tls.ts";
import { TestAuthority } from "#test/fakes/certificates.ts";
import { SteppedClock } from "#test/fakes/stepped-clock.ts";

const authority = await TestAuthority.create("members");
const pair = await authority.issue("member");

const security = () =>
  new TlsSecurity({
    material: { ...pair, clientCa: authority.cert },
    clientCertificates: "required",
    protocols: ["http/1.1"],
    minVersion: "TLSv1.2",
    handshakeMs: 10_000,
    maxHandshakes: 100,
    log: silentLog,
  });

/** What one request over this socket of the file system is answered, by scheme; the reason where it is not. */
async function answers(socketPath: string): Promise<Readonly<Record<string, string>>> {
  const trust = { ca: authority.cert, servername: "localhost" };
  const where = { socketPath, path: "/version", agent: false } as const;
  const bare = () => askSecured({ ...where, ...trust });
  const shown = () => askSecured({ ...where, ...trust, ...pair });
  const found: Record<string, string> = {};
  for (const [what, open] of Object.entries({ plain: () => ask(where), bare, shown })) {
    const call = open().end();
    try {
      const [answer] = (await once(call, "response")) as [IncomingMessage];
      found[what] = (await answer.toArray()).join("");
    } catch {
      found[what] = "refused";
    }
  }
  return found;
}

test("a place is served by the schemes that it is named by", async () => {
  const folder = mkdtempSync(join(tmpdir(), "etcd-ts-peers-"));
  const table: readonly (readonly [readonly string[], Readonly<Record<string, string>>])[] = [
    [["unix"], { plain: "served", bare: "refused", shown: "refused" }],
    [["unixs"], { plain: "refused", bare: "refused", shown: "served" }],
    [["unix", "unixs"], { plain: "served", bare: "refused", shown: "served" }],
    [["unixs", "unix"], { plain: "served", bare: "refused", shown: "served" }],
  ];
  try {
    for (const [at, [schemes, want]] of table.entries()) {
      const path = join(folder, `${at}.sock`);
      const urls = parseEndpoints(schemes.map((one) => `${one}://${path}`).join(","));
      assert(typeof urls !== "string");
      const handler = (_: unknown, response: { end(text: string): unknown }) =>
        void response.end("served");
      const listeners = await startPeerListeners(urls, handler, systemClock, false, security());
      assert.deepEqual(await answers(path), want, schemes.join());
      await listeners.close();
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("whoever says nothing where both are served is not waited for", async () => {
  const folder = mkdtempSync(join(tmpdir(), "etcd-ts-peers-"));
  const path = join(folder, "peers.sock");
  const clock = new SteppedClock();
  const urls = parseEndpoints(`unix://${path},unixs://${path}`);
  assert(typeof urls !== "string");
  const listeners = await startPeerListeners(urls, () => {}, clock, false, security());
  try {
    const silent = connect(path);
    await once(silent, "connect");
    const closed = once(silent, "close");
    while (clock.waiting === 0) await new Promise((resolve) => setImmediate(resolve));
    await clock.pass(10_000);
    await closed;
  } finally {
    await listeners.close();
    rmSync(folder, { recursive: true });
  }
});
