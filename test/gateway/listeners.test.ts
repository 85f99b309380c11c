// Where what is served, to whom, and WebSockets: the same flags to etcd and to ours, the same requests
// to both, the same answers.
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { WebSocket } from "ws";
import { type Cluster, startCluster } from "#test/cluster/cluster.ts";
import { releasePorts, reservePorts } from "#test/cluster/ports.ts";
import { referenceOrSkip } from "#test/reference/reference.ts";
import { ask, type GatewayAnswer, type GatewayCase, settled } from "./requests.ts";

interface Urls {
  readonly client: string;
  readonly http: string;
  readonly metrics: string;
}

const origin = "http://page.example:8080";
const host = (name: string): { Host: string } => ({ Host: name });

const cases: readonly (readonly [keyof Urls, GatewayCase])[] = [
  ["client", { path: "/health", method: "GET" }],
  ["client", { path: "/v3/kv/range", body: '{"key":"Zm9v"}' }],
  ["http", { path: "/health", method: "GET", headers: host("evil.example") }],
  ["http", { path: "/v3/kv/range", headers: host("evil.example:2379") }],
  ["http", { path: "/health", method: "GET", headers: host("good.example:1") }],
  ["http", { path: "/health", method: "GET", headers: host("good.example") }],
  ["http", { path: "/health", method: "GET", headers: { Origin: origin } }],
  ["http", { path: "/health", method: "GET", headers: { Origin: "http://other.example" } }],
  ["http", { path: "/v3/kv/range", method: "OPTIONS", headers: { Origin: origin } }],
  ["http", { path: "/v3/kv/range", body: '{"key":"Zm9v"}' }],
  ["http", { path: "/debug/vars", method: "POST" }],
  ["http", { path: "/debug/pprof/nope", method: "GET" }],
  ["http", { path: "/config/local/log", method: "PUT", body: '{"Level":"DEBUG"}' }],
  ["metrics", { path: "/health", method: "GET", headers: { Origin: origin } }],
  ["metrics", { path: "/health?exclude=NOSPACE&serializable=true", method: "GET" }],
  ["metrics", { path: "/livez", method: "GET", headers: host("evil.example") }],
  ["metrics", { path: "/readyz/data_corruption?verbose", method: "GET" }],
  ["metrics", { path: "/readyz", method: "POST" }],
  ["metrics", { path: "/version", method: "GET" }],
  ["metrics", { path: "/debug/vars", method: "GET" }],
  ["metrics", { path: "/v3/kv/range" }],
  ["metrics", { path: "/health", method: "OPTIONS" }],
];

/** Compared by what they show, not by its values. */
async function keysOfVars(url: string): Promise<unknown> {
  const answer = await ask(url, { path: "/debug/vars", method: "GET" });
  const vars = JSON.parse(answer.body) as Record<string, Record<string, unknown>>;
  const raft = vars["raft.status"]!;
  return [Object.keys(vars), Object.keys(raft), raft["raftState"], raft["vote"] === raft["lead"]];
}

/** The answer, or that there was none. */
function askOr(base: string, one: GatewayCase): Promise<GatewayAnswer | "no answer"> {
  return ask(base, one).then(settled, () => "no answer" as const);
}

async function talk(url: string, protocols: string[]): Promise<unknown[]> {
  const socket = new WebSocket(`${url.replace("http", "ws")}/v3/watch`, protocols);
  const got: unknown[] = [];
  await once(socket, "open");
  const answers = async (count: number): Promise<void> => {
    while (got.length < count) await once(socket, "message");
  };
  socket.on("message", (data) => got.push(settledText(String(data))));
  // One message in two pieces, then one that is no text.
  socket.send('{"create_request":{"key":');
  socket.send('"Zm9v","watch_id":"3"}}');
  await answers(1);
  socket.send(Buffer.from('{"cancel_request":{"watch_id":3}}'));
  await answers(2);
  const { protocol } = socket;
  socket.close();
  return [protocol, ...got];
}

const settledText = (body: string): string => settled({ status: 0, headers: {}, body }).body;

test("URLs, origins, hosts and WebSockets are served as by etcd", async (t) => {
  if ((await referenceOrSkip(t)) === undefined) return;
  const clusters: Cluster[] = [];
  const ports = await reservePorts(4);
  t.after(async () => {
    await Promise.all(clusters.map((cluster) => cluster.stop()));
    releasePorts(ports);
  });
  const urls: Urls[] = [];
  for (const [index, runner] of (["ours", "reference"] as const).entries()) {
    const [http, metrics] = ports.slice(2 * index).map((port) => `http://127.0.0.1:${port}`);
    const flags = [
      `--listen-client-http-urls=${http}`,
      `--listen-metrics-urls=${metrics}`,
      `--cors=${origin}`,
      "--host-whitelist=127.0.0.1,good.example",
      "--enable-pprof",
    ];
    const cluster = await startCluster({ runner, size: 1, flags });
    clusters.push(cluster);
    urls.push({ client: cluster.members[0]!.clientUrl, http: http!, metrics: metrics! });
  }
  const both = <T>(run: (urls: Urls) => Promise<T>): Promise<T[]> => Promise.all(urls.map(run));
  for (const [which, one] of cases) {
    const [mine, theirs] = await both((at) => askOr(at[which], one));
    assert.deepEqual(mine, theirs, `${which}: ${one.method ?? "POST"} ${one.path}`);
  }
  const [vars, theirVars] = await both((at) => keysOfVars(at.http));
  assert.deepEqual(vars, theirVars);
  for (const protocols of [[], ["Bearer", "token"]]) {
    const [mine, theirs] = await both((at) => talk(at.http, protocols));
    assert.deepEqual(mine, theirs);
    assert.equal(mine!.length, 3);
  }

  await t.test("profiles are Node's", async () => {
    const get = async (path: string): Promise<Record<string, unknown>> =>
      (await fetch(`${urls[0]!.http}/debug/pprof/${path}`)).json() as never;
    assert.ok("nodes" in (await get("profile?seconds=0.2")));
    assert.ok("head" in (await get("heap?seconds=0.2")));
    const refused = await fetch(`${urls[0]!.http}/debug/pprof/profile?seconds=1e9`);
    assert.equal(refused.status, 400);
  });
});
