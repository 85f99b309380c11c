// The JSON gateway beside etcd's: the same requests get the same status, headers and body.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Cluster, startCluster } from "#test/cluster/cluster.ts";
import { referenceOrSkip } from "#test/reference/reference.ts";
import { ask, type GatewayAnswer, type GatewayCase, settled } from "./requests.ts";

const post = (path: string, body: unknown, headers?: Record<string, string>): GatewayCase => ({
  path,
  body: typeof body === "string" || Buffer.isBuffer(body) ? body : JSON.stringify(body),
  ...(headers === undefined ? {} : { headers }),
});
const foo = { key: "Zm9v" };
const range = (more: object): GatewayCase => post("/v3/kv/range", { ...foo, ...more });
const big = (bytes: number): string => Buffer.alloc(bytes, "x").toString("base64");
const nested = (depth: number): string =>
  `${'{"success":[{"requestTxn":'.repeat(depth)}{}${"}]}".repeat(depth)}`;

const cases: readonly GatewayCase[] = [
  // Values
  post("/v3/kv/put", { ...foo, value: "YmFy" }),
  post("/v3/kv/put", { ...foo, value: "YmFy", prev_kv: true }),
  post("/v3/kv/put", { ...foo, value: "eA==", prevKv: true }),
  range({}),
  range({ limit: 1, sort_order: "ASCEND", sortTarget: 1, nope: { a: [1, "]", { b: null }] } }),
  range({ sort_order: "DESCEND", sort_target: "MOD", range_end: "AA==" }),
  range({ sort_order: "X" }),
  range({ sort_order: 17 }),
  range({ limit: "1" }),
  post("/v3/kv/range", '{"key":"Zm9v","limit":1e2}'),
  post("/v3/kv/range", '{"key":"Zm9v","limit":10e-1}'),
  post("/v3/kv/range", '{"key":"Zm9v","limit":"1 2"}'),
  post("/v3/kv/range", '{"key":"Zm9v","limit":" 1"}'),
  post("/v3/kv/range", '{"key":"Zm9v","limit":""}'),
  post("/v3/kv/range", '{"key":"Zm9v","limit":-0}'),
  range({ limit: 1.5 }),
  range({ limit: "x" }),
  range({ limit: true }),
  range({ limit: null, serializable: null }),
  range({ serializable: "true" }),
  range({ serializable: 1 }),
  post("/v3/kv/range", { key: "_-8=" }),
  post("/v3/kv/range", { key: "_-8" }),
  post("/v3/kv/range", { key: "+/8" }),
  post("/v3/kv/range", { key: "+-8" }),
  post("/v3/kv/range", { key: "Zm9" }),
  post("/v3/kv/range", { key: "Zm9v\n" }),
  post("/v3/kv/range", { key: "a" }),
  post("/v3/kv/range", { key: "a===" }),
  post("/v3/kv/range", { key: 1 }),
  post("/v3/kv/range", { key: [] }),
  post("/v3/kv/range", '{"\\u006bey":"Zm9v"}'),
  post("/v3/kv/range", '{"key":"Zm9v","key":"Zm9v"}'),
  post("/v3/kv/range", '{"key":"Zm9v","sort_order":1,"sortOrder":1}'),
  // What is no JSON, or none of this shape
  post("/v3/kv/range", ""),
  post("/v3/kv/range", " \n"),
  post("/v3/kv/range", "{"),
  post("/v3/kv/range", '{"key'),
  post("/v3/kv/range", "{key:1}"),
  post("/v3/kv/range", '{"key" 1}'),
  post("/v3/kv/range", '{"key":}'),
  post("/v3/kv/range", '{"key":1 2}'),
  post("/v3/kv/range", '{"key":1,}'),
  post("/v3/kv/range", '{"key":[1 2]}'),
  post("/v3/kv/range", '{"key":[1,]}'),
  post("/v3/kv/range", '{"key":01}'),
  post("/v3/kv/range", '{"key":1.}'),
  post("/v3/kv/range", '{"key":1e}'),
  post("/v3/kv/range", '{"key":-}'),
  post("/v3/kv/range", '{"key":trye}'),
  post("/v3/kv/range", '{"key":"\\x"}'),
  post("/v3/kv/range", '{"key":"\\u00g0"}'),
  post("/v3/kv/range", '{"key":"a\nb"}'),
  post("/v3/kv/range", Buffer.from('{"nope":"\xff"}', "latin1")),
  post("/v3/kv/range", Buffer.from("{\xff", "latin1")),
  post("/v3/kv/range", "[]"),
  post("/v3/kv/range", "5"),
  post("/v3/kv/range", "5.5x"),
  post("/v3/kv/range", '"x"'),
  post("/v3/kv/range", "null"),
  post("/v3/kv/range", "true"),
  post("/v3/kv/range", "x=y"),
  post("/v3/kv/range", '{"key":"Zm9v"} trailing'),
  post("/v3/kv/range", '\n  {\n  "key" : 5}'),
  post("/v3/kv/range", '{"é":1,"key":5}'),
  post("/v3/kv/put", `${'{"a":'.repeat(10_001)}1${"}".repeat(10_001)}`),
  post("/v3/kv/put", { ...foo, value: big(1_600_000) }),
  post("/v3/kv/put", { ...foo, value: big(2_600_000) }),
  // Paths, methods, headers
  { path: "/v3/kv/range", method: "GET" },
  { path: "/v3/kv/range", method: "PUT", body: "{}" },
  { path: "/v3/kv/range", method: "OPTIONS" },
  post("/v3/kv/nope", {}),
  post("/v3/kv/range_stream", {}),
  post("/v3/kv/range/", {}),
  post("/v3/", {}),
  post("/v3", {}),
  post("/v3?a=b", {}),
  post("/v3//kv/range", {}),
  post("/v3/kv/../kv/range", {}),
  { path: "//health", method: "GET" },
  post("/v3beta/kv/range", foo),
  post("/v3alpha/kv/range", foo),
  post("/v3/kv/r%61nge", foo),
  post("/v3/kv/range?key=x", foo),
  post("/v3/kv/range", foo, { "Content-Type": "text/xml" }),
  post("/v3/kv/range", foo, { Authorization: "nope", Cookie: "a=b" }),
  post("/v3/kv/range", foo, { "Grpc-Timeout": "x" }),
  post("/v3/kv/range", foo, { "Grpc-Timeout": "10S" }),
  post("/v3/kv/range", foo, { "Grpc-Metadata-Hasleader": "true" }),
  post("/v3/kv/range", foo, { "Grpc-Metadata-X-Bin": "!!" }),
  // Transactions
  post("/v3/kv/txn", {
    compare: [{ key: "Zm9v", target: "VERSION", version: "3", result: "EQUAL" }],
    success: [
      { requestRange: foo },
      { request_put: { key: "Yg==", prev_kv: true } },
      { request_delete_range: { key: "Yw==" } },
    ],
    failure: [{ requestTxn: { success: [{ requestRange: foo }] } }],
  }),
  post("/v3/kv/txn", { compare: [{ key: "Zm9v", target: "LEASE", lease: "0" }] }),
  post("/v3/kv/txn", { compare: [{ key: "Zm9v", version: "1", value: "" }] }),
  post("/v3/kv/txn", { success: [{ requestPut: null }, {}] }),
  post("/v3/kv/txn", { success: [null] }),
  post("/v3/kv/txn", { success: {} }),
  post("/v3/kv/txn", nested(20)),
  post("/v3/kv/deleterange", { key: "Yg==", prev_kv: true }),
  post("/v3/kv/compaction", { revision: "100" }),
  post("/v3/kv/compaction", { revision: "2", physical: true }),
  range({ revision: 1 }),
  // Leases, with IDs that no float holds
  post("/v3/lease/grant", { ID: "9223372036854775807", TTL: "1000" }),
  post("/v3/lease/grant", '{"ID":1234567890123456789,"TTL":1000}'),
  post("/v3/lease/grant", '{"ID":1234567890123456789,"TTL":1000}'),
  post("/v3/kv/put", { key: "bA==", value: "YQ==", lease: "1234567890123456789" }),
  post("/v3/kv/range", { key: "bA==" }),
  post("/v3/lease/timetolive", { ID: "1234567890123456788", keys: true }),
  post("/v3/lease/timetolive", '{"ID":9223372036854775808}'),
  post("/v3/lease/timetolive", '{"ID":-9223372036854775809}'),
  post("/v3/kv/lease/timetolive", { ID: "-9223372036854775808" }),
  post("/v3/lease/leases", {}),
  post("/v3/kv/lease/leases", {}),
  post("/v3/lease/keepalive", ""),
  post("/v3/lease/keepalive", "{x"),
  post("/v3/lease/keepalive", '{"ID":"5"}{"ID":"1234567890123456789"} {"ID":"x"}'),
  post("/v3/lease/revoke", { ID: "1234567890123456789" }),
  post("/v3/kv/lease/revoke", { ID: "1234567890123456789" }),
  // The rest of the services
  post("/v3/cluster/member/add", { peerURLs: ["x"] }),
  post("/v3/cluster/member/remove", { ID: "1" }),
  post("/v3/cluster/member/update", { ID: "1", peerURLs: ["http://127.0.0.1:1"] }),
  post("/v3/cluster/member/promote", { ID: "1" }),
  post("/v3/maintenance/alarm", { action: "ACTIVATE", alarm: "NOSPACE", memberID: "7" }),
  post("/v3/maintenance/alarm", { action: 0, alarm: 7 }),
  post("/v3/kv/put", foo),
  post("/v3/maintenance/alarm", { action: "DEACTIVATE", alarm: "NOSPACE", memberID: "7" }),
  { path: "/health", method: "GET" },
  post("/v3/maintenance/alarm", { action: "ACTIVATE", alarm: "CORRUPT", memberID: "7" }),
  { path: "/health", method: "GET" },
  { path: "/health?exclude=CORRUPT", method: "GET" },
  { path: "/readyz/data_corruption", method: "GET" },
  post("/v3/maintenance/alarm", { action: "DEACTIVATE", alarm: "CORRUPT", memberID: "7" }),
  { path: "/readyz/non_learner?verbose", method: "GET" },
  post("/v3/maintenance/transfer-leadership", { targetID: "18446744073709551615" }),
  post("/v3/maintenance/downgrade", { action: "VALIDATE", version: "3.5" }),
  post("/v3/maintenance/defragment", {}),
  post("/v3/election/leader", { name: "Zm9v" }),
  post("/v3/election/observe", { name: 5 }),
  post("/v3/lock/unlock", {}),
  post("/v3/lock/lock", { lease: "77" }),
  // Streams that a deadline ends
  post("/v3/watch", "", { "Grpc-Timeout": "100m" }),
  post("/v3/watch", { create_request: foo }, { "Grpc-Timeout": "200m" }),
  post("/v3/watch", { create_request: foo }, { "Grpc-Timeout": "x" }),
];

/** Streams, read until so many lines came. */
const streams: readonly (readonly [number, GatewayCase])[] = [
  [2, post("/v3/watch", { create_request: { ...foo, start_revision: "3", prev_kv: true } })],
  [
    3,
    post(
      "/v3/watch",
      '{"create_request":{"key":"Zm9v","watch_id":"7"}}\n{"createRequest":{"key":"Yg==","watchId":8}}{"cancel_request":{"watch_id":"7"}}',
    ),
  ],
  [1, post("/v3/watch", { create_request: { ...foo, filters: ["NOPUT", 1] } })],
];

/** Authentication is switched on by these; TOKEN stands for what `auth/authenticate` answered. */
const withAuth: readonly GatewayCase[] = [
  post("/v3/auth/status", {}),
  post("/v3/auth/enable", {}),
  post("/v3/auth/authenticate", { name: "root", password: "pw" }),
  post("/v3/auth/user/add", { name: "" }),
  post("/v3/auth/user/add", { name: "root", password: "pw" }),
  post("/v3/auth/user/add", { name: "root", password: "pw" }),
  post("/v3/auth/user/add", { name: "guest", options: { no_password: true } }),
  post("/v3/auth/user/get", { name: "nobody" }),
  post("/v3/auth/role/add", { name: "root" }),
  post("/v3/auth/role/add", { name: "reader" }),
  post("/v3/auth/role/grant", {
    name: "reader",
    perm: { permType: "READ", key: "Zm9v", range_end: "Zm9w" },
  }),
  post("/v3/auth/role/grant", { name: "reader", perm: { perm_type: 2, key: "Yg==" } }),
  post("/v3/auth/role/get", { role: "reader" }),
  post("/v3/auth/role/list", {}),
  post("/v3/auth/user/grant", { user: "root", role: "root" }),
  post("/v3/auth/user/grant", { user: "guest", role: "reader" }),
  post("/v3/auth/user/get", { name: "guest" }),
  post("/v3/auth/user/list", {}),
  post("/v3/auth/enable", {}),
  post("/v3/auth/status", {}),
  range({}),
  range({ serializable: true }),
  post("/v3/watch", { create_request: foo }, { "Grpc-Timeout": "2S" }),
  post("/v3/auth/authenticate", { name: "root", password: "wrong" }),
  post("/v3/kv/range", foo, { Authorization: "nonsense" }),
  { path: "/health", method: "GET" },
  { path: "/readyz/linearizable_read?verbose", method: "GET" },
  post("/v3/auth/authenticate", { name: "root", password: "pw" }),
  post("/v3/kv/range", foo, { Authorization: "TOKEN" }),
  post("/v3/kv/range", foo, { "Grpc-Metadata-Token": "TOKEN" }),
  post("/v3/auth/user/revoke", { name: "guest", role: "reader" }, { Authorization: "TOKEN" }),
  post("/v3/auth/user/changepw", { name: "guest", password: "x" }, { Authorization: "TOKEN" }),
  post("/v3/auth/user/delete", { name: "guest" }, { Authorization: "TOKEN" }),
  post("/v3/auth/role/revoke", { role: "reader", key: "Yg==" }, { Authorization: "TOKEN" }),
  post("/v3/auth/role/delete", { role: "reader" }, { Authorization: "TOKEN" }),
  post("/v3/auth/disable", {}, { Authorization: "TOKEN" }),
  range({}),
];

/** The answer to one of those, and the token if it holds one. */
async function askWithAuth(
  base: string,
  one: GatewayCase,
  token: string,
): Promise<{ readonly answer: GatewayAnswer; readonly token: string }> {
  const headers = Object.fromEntries(
    Object.entries(one.headers ?? {}).map(([name, text]) => [name, text.replace("TOKEN", token)]),
  );
  const answer = settled(await ask(base, { ...one, headers }));
  const given = /"token":"([^"]*)"/.exec(answer.body)?.[1];
  const body = answer.body.replace(given ?? " ", "TOKEN").replace(/"authRevision":"\d+"/, "");
  return { answer: { ...answer, body }, token: given ?? token };
}

test("requests to the gateway are answered as by etcd", async (t) => {
  if ((await referenceOrSkip(t)) === undefined) return;
  const clusters: Cluster[] = [];
  t.after(() => Promise.all(clusters.map((cluster) => cluster.stop())));
  for (const runner of ["ours", "reference"] as const)
    clusters.push(await startCluster({ runner, size: 1 }));
  const [ours, theirs] = clusters.map((cluster) => cluster.members[0]!.clientUrl);
  const compare = async (one: GatewayCase, lines?: number): Promise<void> => {
    const [mine, other] = await Promise.all([ask(ours!, one, lines), ask(theirs!, one, lines)]);
    const what = `${one.method ?? "POST"} ${one.path} ${String(one.body).slice(0, 200)}`;
    assert.deepEqual(settled(mine), settled(other), what);
  };
  for (const one of cases) await compare(one);
  for (const [lines, one] of streams) await compare(one, lines);
  let tokens = ["", ""];
  for (const one of withAuth) {
    const both = await Promise.all(
      [ours!, theirs!].map((base, index) => askWithAuth(base, one, tokens[index]!)),
    );
    assert.deepEqual(both[0]!.answer, both[1]!.answer, `${one.path} ${String(one.body)}`);
    tokens = both.map(({ token }) => token);
  }
  assert.notEqual(tokens[0], "");
});
