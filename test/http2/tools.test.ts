// curl, nghttp and h2load as they are installed: against a member, and against a secure port.
import assert from "node:assert/strict";
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { type TestContext, test } from "node:test";
import { silentLog } from "#base/log.ts";
import { TlsSecurity } from "#server/rpc/tls.ts";
import { startCluster } from "#test/cluster/cluster.ts";
import { TestAuthority } from "#test/fakes/certificates.ts";
import { runOutside, skipFor } from "./outside.ts";
import { startTestServer } from "./test-service.ts";

/** True if all are on PATH; else the test is marked as skipped, naming those that are not. */
function installed(test: Pick<TestContext, "skip">, tools: readonly string[]): boolean {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const missing = tools.filter(
    (tool) =>
      !folders.some((folder) => {
        try {
          accessSync(join(folder, tool), constants.X_OK);
          return true;
        } catch {
          return false;
        }
      }),
  );
  if (missing.length === 0) return true;
  skipFor(`${missing.join(", ")} not on PATH`, test);
  return false;
}

/** Runs a tool that must succeed. */
async function run(tool: string, ...args: readonly string[]): Promise<string> {
  const { code, text } = await runOutside(tool, args);
  assert.equal(code, 0, `${tool} ${args.join(" ")}: ${text}`);
  return text;
}

/** What curl ended with: the version of HTTP, the status, and the body before them. */
function curl(...args: readonly string[]): Promise<string> {
  return run("curl", "-sS", "--max-time", "20", "-w", "|%{http_version}|%{http_code}", ...args);
}

/** h2load's own counts. */
async function load(...args: readonly string[]): Promise<string> {
  const text = await run("h2load", ...args);
  return /requests: .*/.exec(text)?.[0] ?? text;
}

const allOf = (count: number): string =>
  `requests: ${count} total, ${count} started, ${count} done, ${count} succeeded, 0 failed, 0 errored, 0 timeout`;

test("a member's pages in every version of HTTP", async (t) => {
  if (!installed(t, ["curl", "nghttp", "h2load"])) return;
  await using cluster = await startCluster({ runner: "ours", size: 1 });
  const url = cluster.members[0]!.clientUrl;
  const health = '{"health":"true","reason":""}';
  const versions: readonly (readonly [flag: string, version: string])[] = [
    ["--http1.1", "1.1"],
    // Asks for an upgrade in HTTP/1.1, which servers may pass over.
    ["--http2", "1.1"],
    ["--http2-prior-knowledge", "2"],
  ];
  for (const [flag, version] of versions) {
    assert.equal(await curl(flag, `${url}/health`), `${health}|${version}|200`, flag);
    assert.match(await curl(flag, `${url}/version`), /"etcdserver":"3\.7\.\d+"/);
    assert.match(await curl(flag, "-I", `${url}/health`), new RegExp(`\\|${version}\\|405$`));
    assert.match(
      await curl(flag, "-d", "x=1", `${url}/health`),
      new RegExp(`\\|${version}\\|405$`),
    );
    assert.match(await curl(flag, `${url}/metrics`), /^# HELP /);
  }
  // One connection, with header blocks that are repeated, or go on in CONTINUATION frames.
  assert.equal(await run("nghttp", "-m", "3", `${url}/health`), health.repeat(3));
  const long = `cookie: ${"c".repeat(30_000)}`;
  assert.equal(await run("nghttp", "-m", "2", "-H", long, `${url}/health`), health.repeat(2));
  assert.equal(await load("-n", "2000", "-c", "10", "-m", "10", `${url}/health`), allOf(2000));
  assert.equal(await load("-n", "500", "-c", "5", "--h1", `${url}/health`), allOf(500));
});

test("a secure port in every version of HTTP", async (t) => {
  if (!installed(t, ["curl", "nghttp", "h2load"])) return;
  const authority = await TestAuthority.create("root");
  const folder = mkdtempSync(join(tmpdir(), "etcd-ts-tools-"));
  try {
    const file = (name: string, text: string): string => {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    };
    const client = await authority.issue("client");
    const ca = ["--cacert", file("ca.pem", authority.cert)];
    const own = ["--cert", file("client.pem", client.cert), "--key", file("key.pem", client.key)];
    await using server = await startTestServer(
      new TlsSecurity({
        material: { ...(await authority.issue("server")), clientCa: authority.cert },
        clientCertificates: "required",
        minVersion: "TLSv1.2",
        handshakeMs: 10_000,
        maxHandshakes: 100,
        log: silentLog,
      }),
    );
    const url = `https://127.0.0.1:${server.port}`;
    const versions: readonly (readonly [flag: string, version: string])[] = [
      ["--http1.1", "1.1"],
      ["--http2", "2"],
      ["--no-alpn", "1.1"],
    ];
    for (const [flag, version] of versions) {
      for (const tls of ["--tls-max 1.2", "--tlsv1.3"])
        assert.equal(
          await curl(...ca, ...own, flag, ...tls.split(" "), `${url}/x`),
          `a page|${version}|200`,
          `${flag} ${tls}`,
        );
    }
    const stranger = await runOutside("curl", ["-sS", ...ca, `${url}/x`]);
    assert.notEqual(stranger.code, 0, "no certificate of its own");
    assert.equal(await run("nghttp", "-y", ...own, `https://localhost:${server.port}/x`), "a page");
  } finally {
    rmSync(folder, { recursive: true });
  }
  await using open = await startTestServer(
    new TlsSecurity({
      material: await authority.issue("server"),
      clientCertificates: "off",
      minVersion: "TLSv1.2",
      handshakeMs: 10_000,
      maxHandshakes: 100,
      log: silentLog,
    }),
  );
  const url = `https://127.0.0.1:${open.port}/x`;
  assert.equal(await load("-n", "1000", "-c", "10", "-m", "10", url), allOf(1000));
});
