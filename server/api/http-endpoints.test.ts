// Plain HTTP on the same port: statuses, bodies and headers as the reference gives them.
import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { AlarmType } from "#proto/gen/maintenance.ts";
import { startApiServer } from "#test/fakes/api-server.ts";
import { framed, RawClient } from "#test/fakes/raw-grpc.ts";
import { referenceOrSkip, startReferenceCluster } from "#test/reference/reference.ts";

const text = "text/plain; charset=utf-8";
const ready =
  "[+]data_corruption ok\n[+]serializable_read ok\n[+]linearizable_read ok\n[+]non_learner ok\nok\n";

/** [method, path, status, content type, body] */
const cases: readonly (readonly [string, string, number, string | null, string])[] = [
  ["GET", "/health", 200, text, '{"health":"true","reason":""}'],
  ["GET", "/health?serializable=true", 200, text, '{"health":"true","reason":""}'],
  ["POST", "/health", 405, text, "Method Not Allowed\n"],
  ["GET", "/livez", 200, text, "ok\n"],
  ["GET", "/livez?verbose", 200, text, "[+]serializable_read ok\nok\n"],
  ["GET", "/livez/serializable_read", 200, text, "ok\n"],
  ["GET", "/livez/non_learner", 404, text, "404 page not found\n"],
  ["GET", "/readyz?verbose", 200, text, ready],
  [
    "GET",
    "/readyz?verbose&exclude=data_corruption&exclude=serializable_read&exclude=linearizable_read",
    200,
    text,
    "[+]non_learner ok\nok\n",
  ],
  ["GET", "/readyz/nope", 404, text, "404 page not found\n"],
  ["POST", "/livez", 405, text, "Method Not Allowed\n"],
  [
    "GET",
    "/version",
    200,
    "application/json",
    '{"etcdserver":"3.7.3","etcdcluster":"3.7.0","storage":"3.7.0"}',
  ],
  ["GET", "/nope", 404, text, "404 page not found\n"],
  ["GET", "/", 404, text, "404 page not found\n"],
  ["OPTIONS", "/nope", 200, null, ""],
];

async function check(url: string): Promise<void> {
  for (const [method, path, status, type, body] of cases) {
    const answer = await fetch(url + path, { method });
    const got = await answer.text();
    const sorted = path.includes("verbose") ? (lines: string) => lines.split("\n").sort() : String;
    assert.deepEqual(
      [method, path, answer.status, answer.headers.get("content-type"), sorted(got)],
      [method, path, status, type, sorted(body)],
    );
    assert.equal(answer.headers.get("access-control-allow-origin"), "*");
    assert.equal(
      answer.headers.get("access-control-allow-methods"),
      "POST, GET, OPTIONS, PUT, DELETE",
    );
    if (status === 405) assert.equal(answer.headers.get("allow"), "GET");
  }
}

test("HTTP answers", async () => {
  await using server = await startApiServer();
  await check(server.url);
});

test("the reference gives the same HTTP answers", async (t) => {
  const reference = await referenceOrSkip(t);
  if (reference === undefined) return;
  const cluster = await startReferenceCluster(reference);
  try {
    await check(cluster.endpoints);
  } finally {
    await cluster.stop();
  }
});

test("health and readiness name what is wrong", async () => {
  await using server = await startApiServer();
  const { member, url } = server;
  const get = async (path: string): Promise<[number, string]> => {
    const answer = await fetch(url + path);
    return [answer.status, await answer.text()];
  };
  member.activeAlarms = [{ memberID: 1n, alarm: AlarmType.NOSPACE }];
  assert.deepEqual(await get("/health"), [503, '{"health":"false","reason":"ALARM NOSPACE"}\n']);
  assert.equal((await get("/health?exclude=NOSPACE"))[0], 200);
  member.activeAlarms = [{ memberID: 1n, alarm: AlarmType.CORRUPT }];
  assert.deepEqual(await get("/readyz?exclude=linearizable_read"), [
    503,
    "[-]data_corruption failed: alarm activated: CORRUPT\n[+]serializable_read ok\n[+]non_learner ok\n\n",
  ]);
  member.activeAlarms = [];
  member.leaderId = 0n;
  assert.deepEqual(await get("/health"), [503, '{"health":"false","reason":"RAFT NO LEADER"}\n']);
  assert.equal((await get("/health?serializable=true"))[0], 200);
  member.leaderId = member.memberId;
  member.linearizeError = new Error("etcdserver: request timed out");
  assert.deepEqual(await get("/health"), [
    503,
    '{"health":"false","reason":"RANGE ERROR:etcdserver: request timed out"}\n',
  ]);
  member.learner = true;
  assert.deepEqual(await get("/readyz/non_learner"), [
    503,
    "[-]non_learner failed: not supported for learner\n\n",
  ]);
});

test("metrics count calls, bytes and health checks", async () => {
  await using server = await startApiServer();
  using client = new RawClient(server.url);
  await client.call({ path: "/etcdserverpb.KV/Range", body: framed(Uint8Array.of(0x0a, 1, 0x61)) });
  await client.call({ path: "/etcdserverpb.KV/Range", body: framed(Uint8Array.of()) });
  await (await fetch(`${server.url}/health`)).text();
  const answer = await fetch(`${server.url}/metrics`);
  assert.match(answer.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
  const lines = new Set((await answer.text()).split("\n"));
  const labels = 'grpc_type="unary",grpc_service="etcdserverpb.KV",grpc_method="Range"';
  for (const line of [
    "etcd_server_has_leader 1",
    "etcd_server_health_success 1",
    "etcd_network_client_grpc_received_bytes_total 3",
    "etcd_debugging_mvcc_current_revision 1",
    'etcd_cluster_version{cluster_version="3.7"} 1',
    'etcd_server_client_requests_total{type="unary",client_api_version="unknown"} 2',
    `grpc_server_started_total{${labels}} 2`,
    `grpc_server_handled_total{${labels},grpc_code="OK"} 1`,
    `grpc_server_handled_total{${labels},grpc_code="InvalidArgument"} 1`,
  ])
    assert.ok(lines.has(line), line);
});

test("first bytes that come one by one are still told apart", async () => {
  await using server = await startApiServer();
  const port = Number(server.address.split(":")[1]);
  const socket = connect(port, "127.0.0.1");
  const answer = new Promise<string>((resolve) => {
    let got = "";
    socket.on("data", (chunk) => {
      got += chunk.toString();
    });
    socket.on("close", () => resolve(got));
  });
  // "PUT" shares its first letter with the preface of HTTP/2.
  for (const byte of "PUT /nope HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 0\r\n\r\n") {
    await new Promise<void>((resolve) => socket.write(byte, () => setImmediate(resolve)));
  }
  assert.match(await answer, /^HTTP\/1\.1 404 Not Found\r\n/);
});
