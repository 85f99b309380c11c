import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { type EventEmitter, once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect as connectHttp2 } from "node:http2";
import { get } from "node:https";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from "node:tls";
import { OperatingError } from "#base/errors.ts";
import { silentLog } from "#base/log.ts";
import { systemClock } from "#base/system-clock.ts";
import { type CertifiedKey, TestAuthority } from "#test/fakes/certificates.ts";
import { defaultLimits } from "./limits.ts";
import { startClientListeners } from "./listeners.ts";
import { ServiceRegistry } from "./service-registry.ts";
import { type TlsOptions, TlsSecurity } from "./tls.ts";

const authority = await TestAuthority.create("root");
const stranger = await TestAuthority.create("another root");
const serverKey = await authority.issue("server");

interface TestServer extends AsyncDisposable {
  readonly security: TlsSecurity;
  readonly port: number;
}

async function start(
  options: Partial<TlsOptions> = {},
  urls: readonly string[] = [],
): Promise<TestServer> {
  const security = new TlsSecurity({
    material: { ...serverKey, clientCa: authority.cert },
    clientCertificates: "off",
    minVersion: "TLSv1.2",
    handshakeMs: 10_000,
    maxHandshakes: 100,
    log: silentLog,
    ...options,
  });
  const listeners = await startClientListeners({
    urls: ["https://127.0.0.1:0", ...urls],
    registry: new ServiceRegistry(),
    http: (request, response) => void response.end(`served ${request.url}`),
    limits: defaultLimits(1000),
    clock: systemClock,
    log: silentLog,
    security,
  });
  return {
    security,
    port: Number(listeners.addresses[0]!.split(":").at(-1)),
    [Symbol.asyncDispose]: () => listeners.close(0),
  };
}

const trust = { ca: authority.cert, host: "127.0.0.1" };

/** Whether it ends by an error or not. */
function closed(emitter: EventEmitter): Promise<unknown> {
  emitter.on("error", () => {});
  return new Promise((resolve) => emitter.once("close", resolve));
}

/** Connects, asks for a page over HTTP/1.1 and gives what came before the connection ended. */
async function page(port: number, options: ConnectionOptions = {}): Promise<string> {
  const socket = connectTls({ ...trust, port, ...options });
  let text = "";
  socket.setEncoding("latin1").on("data", (chunk: string) => {
    text += chunk;
  });
  socket.write("GET /page HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
  await closed(socket);
  return text;
}

async function http2Page(port: number, options: ConnectionOptions = {}): Promise<string> {
  const session = connectHttp2(`https://127.0.0.1:${port}`, { ...trust, ...options });
  session.on("error", () => {});
  const stream = session.request({ ":path": "/page" });
  let text = "";
  stream.setEncoding("latin1").on("data", (chunk: string) => {
    text += chunk;
  });
  await closed(stream);
  session.close();
  return text;
}

/** The handshake's fault, or undefined if the connection stands. */
async function handshakeFault(port: number, options: ConnectionOptions): Promise<unknown> {
  const socket = connectTls({ ...trust, port, ...options });
  return await new Promise((resolve) => {
    socket.once("secureConnect", () => {
      socket.end();
      resolve(undefined);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code));
  });
}

test("ALPN decides, and without it the first bytes do", async () => {
  await using server = await start();
  assert.equal(await http2Page(server.port), "served /page");
  assert.match(await page(server.port, { ALPNProtocols: ["http/1.1"] }), /served \/page/);
  assert.match(await page(server.port), /served \/page/);
  // HTTP/2 by prior knowledge inside TLS, without ALPN.
  const bare = connectTls({ ...trust, port: server.port });
  await once(bare, "secureConnect");
  assert.equal(bare.alpnProtocol, false);
  const session = connectHttp2("http://127.0.0.1", { createConnection: () => bare });
  const stream = session.request({ ":path": "/bare" }).setEncoding("latin1");
  assert.deepEqual(await once(stream, "data"), ["served /bare"]);
  session.destroy();
  const other = await handshakeFault(server.port, { ALPNProtocols: ["spdy/3"] });
  assert.equal(other, "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL");
});

test("client certificates", async () => {
  const good = await authority.issue("client");
  const foreign = await stranger.issue("client");
  const expired = await authority.issue("client", { expired: true });
  const cases: readonly (readonly [
    TlsOptions["clientCertificates"],
    string,
    CertifiedKey | undefined,
    boolean,
  ])[] = [
    ["off", "none", undefined, true],
    ["off", "a foreign one", foreign, true],
    ["verified", "none", undefined, true],
    ["verified", "a good one", good, true],
    ["verified", "a foreign one", foreign, false],
    ["verified", "an expired one", expired, false],
    ["required", "none", undefined, false],
    ["required", "a good one", good, true],
    ["required", "a foreign one", foreign, false],
    ["required", "an expired one", expired, false],
  ];
  for (const [clientCertificates, what, shown, served] of cases) {
    for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
      await using server = await start({ clientCertificates, maxVersion });
      const text = await http2Page(server.port, shown);
      assert.equal(text, served ? "served /page" : "", `${clientCertificates}, ${what}`);
      assert.equal(server.security.failures, served ? 0 : 1);
      assert.equal(server.security.handshakes, 0);
    }
  }
});

test("versions below the least are refused", async () => {
  await using server = await start({ minVersion: "TLSv1.3" });
  const fault = await handshakeFault(server.port, { maxVersion: "TLSv1.2" });
  assert.equal(fault, "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION");
  assert.equal(await handshakeFault(server.port, {}), undefined);
});

test("certificates are replaced under running connections", async () => {
  await using server = await start({ clientCertificates: "required" });
  const mine = await authority.issue("client");
  const agentless = { ...trust, port: server.port, ...mine, ALPNProtocols: ["http/1.1"] };
  const old = connectTls(agentless);
  const [session] = (await once(old, "session")) as [Buffer];
  const serialOf = (socket: TLSSocket): string => socket.getPeerCertificate().serialNumber;
  const before = serialOf(old);

  server.security.replace({
    ...(await stranger.issue("server")),
    clientCa: `${authority.cert}\n${stranger.cert}`,
  });
  const fresh = connectTls({ ...agentless, ca: stranger.cert });
  await once(fresh, "secureConnect");
  assert.notEqual(serialOf(fresh), before);
  fresh.destroy();
  const resumed = connectTls({ ...agentless, ca: stranger.cert, session });
  await once(resumed, "secureConnect");
  assert.equal(resumed.isSessionReused(), false, "no way around the new certificates");
  resumed.destroy();

  // Only the new root's clients from now on; the connection of before is served all the same.
  server.security.replace({ ...(await stranger.issue("server")), clientCa: stranger.cert });
  assert.equal(await http2Page(server.port, { ...mine, ca: stranger.cert }), "");
  old.write("GET /still HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
  old.setEncoding("latin1");
  assert.match(String((await once(old, "data"))[0]), /200 OK/);
  old.destroy();
});

test("material that cannot serve is refused, and what was there goes on", async () => {
  await using server = await start();
  const other = await authority.issue("other");
  const bad: readonly (readonly [string, Parameters<TlsSecurity["replace"]>[0]])[] = [
    ["no PEM", { cert: "nothing", key: "nothing" }],
    ["another's key", { cert: serverKey.cert, key: other.key }],
    ["a CA that is none", { ...serverKey, clientCa: "nothing" }],
  ];
  for (const [what, material] of bad) {
    assert.throws(
      () => server.security.replace(material),
      (error: OperatingError) =>
        error instanceof OperatingError && error.code === "BAD_CERTIFICATE",
      what,
    );
  }
  await assert.rejects(
    start({ clientCertificates: "required", material: serverKey }),
    (error: OperatingError) => error.code === "NO_CLIENT_CA",
  );
  assert.equal(await http2Page(server.port), "served /page");
});

test("plain text on a secure port is refused, and others are served on", async () => {
  await using server = await start();
  for (const bytes of [
    "GET / HTTP/1.1\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "\0".repeat(99),
  ]) {
    const socket = connect(server.port, "127.0.0.1");
    socket.resume();
    socket.write(bytes);
    await closed(socket);
  }
  assert.deepEqual([server.security.failures, server.security.handshakes], [3, 0]);
  assert.equal(await http2Page(server.port), "served /page");
});

test("handshakes that do not end are cut off, and bounded in number", async () => {
  await using server = await start({ handshakeMs: 400, maxHandshakes: 2 });
  const silent = [1, 2].map(() => connect(server.port, "127.0.0.1"));
  const cutOff = silent.map((socket) => closed(socket.resume()));
  await Promise.all(silent.map((socket) => once(socket, "connect")));
  assert.notEqual(await handshakeFault(server.port, {}), undefined, "no room for a third");
  await Promise.all(cutOff);
  assert.equal(server.security.handshakes, 0);
  assert.equal(await http2Page(server.port), "served /page");
});

test("a client that leaves amid its handshake is forgotten", async () => {
  await using server = await start({ maxHandshakes: 1 });
  for (const last of ["", "\x16\x03\x01\x02\x00"]) {
    const socket = connect(server.port, "127.0.0.1");
    await once(socket, "connect");
    if (last !== "") socket.write(last);
    socket.end();
    await closed(socket.resume());
  }
  assert.equal(server.security.handshakes, 0);
  assert.equal(await http2Page(server.port), "served /page");
});

test("an HTTPS client of node with an agent", async () => {
  await using server = await start();
  const request = get({ ...trust, port: server.port, path: "/agent" });
  const [response] = await once(request, "response");
  assert.equal(response.statusCode, 200);
  response.resume();
  await once(response, "end");
});

test("sockets of the file system, plain and secure", async () => {
  const folder = mkdtempSync(join(tmpdir(), "etcd-ts-unix-"));
  try {
    const [plain, secret] = [join(folder, "plain.sock"), join(folder, "secret.sock")];
    {
      await using server = await start({}, [`unix://${plain}`, `unixs://${secret}`]);
      assert.ok(server.port > 0);
      const sockets = [connect(plain), connectTls({ path: secret, ca: authority.cert })];
      for (const [index, socket] of sockets.entries()) {
        const session = connectHttp2("http://localhost", { createConnection: () => socket });
        const stream = session.request({ ":path": `/${index}` }).setEncoding("latin1");
        assert.deepEqual(await once(stream, "data"), [`served /${index}`]);
        session.destroy();
      }
      const old = connect(plain).setEncoding("latin1");
      old.write("GET /old HTTP/1.1\r\nhost: a\r\n\r\n");
      assert.match(String((await once(old, "data"))[0]), /200 OK/);
      old.destroy();
    }
    assert.deepEqual(readdirSync(folder), [], "removed at the end");
    // What a killed process left is in nobody's way; what is served, or no socket, stays.
    const leave = `require("net").createServer().listen(${JSON.stringify(plain)}, () => process.kill(process.pid, "SIGKILL"))`;
    spawnSync(process.execPath, ["-e", leave]);
    assert.deepEqual(readdirSync(folder), ["plain.sock"]);
    await using _server = await start({}, [`unix://${plain}`]);
    await assert.rejects(start({}, [`unix://${plain}`]), { code: "EADDRINUSE" });
    writeFileSync(secret, "a file");
    await assert.rejects(start({}, [`unixs://${secret}`]), { code: "EADDRINUSE" });
    assert.equal(readFileSync(secret, "utf8"), "a file");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a check sees whose certificates stand above, as far as they are known", async () => {
  const between = await authority.subordinate("between");
  const leaf = await between.issue("leaf");
  const pairs = [
    await authority.issue("direct"),
    { cert: `${leaf.cert}\n${between.cert}`, key: leaf.key },
  ];
  const above = (cert: string) => new X509Certificate(cert).serialNumber;
  for (const [clientCa, whole] of [
    [
      authority.cert,
      [
        [1, true],
        [1, false],
      ],
    ],
    [
      `${authority.cert}\n${between.cert}`,
      [
        [1, true],
        [2, true],
      ],
    ],
  ] as const) {
    const seen: unknown[] = [];
    await using server = await start({
      material: { ...serverKey, clientCa },
      clientCertificates: "required",
      check: (_certificate, _address, { serials, isWhole }) => {
        seen.push([serials.length, isWhole]);
        if (serials.length === 2) assert.equal(serials[1], above(between.cert));
        return undefined;
      },
    });
    for (const pair of pairs) assert.match(await page(server.port, pair), /served/);
    assert.deepEqual(seen, whole);
  }
});
