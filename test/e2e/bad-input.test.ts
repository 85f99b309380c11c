// Bytes that no proper client and no honest peer sends, to living processes: each gets an answer or
// loses its connection, and the member serves on. Random ones come from a seed that a failure names;
// FUZZ_SECONDS=30 makes them last longer.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { Agent, request as httpRequest } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { test } from "node:test";
import { ClusterDefinition } from "#proto/gen/cluster.ts";
import { HealthDefinition } from "#proto/gen/health.ts";
import { KVDefinition, PutRequest, RangeRequest, TxnRequest } from "#proto/gen/kv.ts";
import { LeaseDefinition } from "#proto/gen/lease.ts";
import { MaintenanceDefinition } from "#proto/gen/maintenance.ts";
import { Message, MessageType } from "#proto/gen/raft.ts";
import { WatchDefinition, WatchRequest } from "#proto/gen/watch.ts";
import { type Cluster, type ClusterMember, startCluster } from "#test/cluster/cluster.ts";
import { framed, RawClient } from "#test/fakes/raw-grpc.ts";
import { Mutations } from "./mutations.ts";

const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const fuzzMs = Number(process.env["FUZZ_SECONDS"] ?? 4) * 1000;
const replay = `replay: SEED=${seed} node_modules/.bin/node --test test/e2e/bad-input.test.ts`;

async function withCluster(size: number, run: (cluster: Cluster) => Promise<void>): Promise<void> {
  await using cluster = await startCluster({ runner: "ours", size });
  try {
    await run(cluster);
  } catch (error) {
    const logs = cluster.members.map((member) => member.log().slice(-5).join("\n"));
    throw new Error(`${replay}\n${logs.join("\n")}`, { cause: error });
  }
}

const key = Buffer.from("kept");

/** The member lives, serves reads and writes, and has reported nothing that it could not handle. */
async function serves(member: ClusterMember): Promise<void> {
  assert.ok(member.isRunning, `${member.name} has ended`);
  using client = new RawClient(member.clientUrl);
  const put = PutRequest.encode(PutRequest.fromPartial({ key, value: Buffer.from("v") })).finish();
  const call = { path: "/etcdserverpb.KV/Put", headers: { "grpc-timeout": "20S" } };
  const answer = await client.call({ ...call, body: framed(put) });
  assert.deepEqual([answer.code, answer.message], [0, ""]);
  const bad = member.log().find((line) => /"level":"(fatal|panic)"|^\s+at |unhandled/i.test(line));
  assert.equal(bad, undefined);
}

function memoryMiB(member: ClusterMember): number {
  const status = readFileSync(`/proc/${member.pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
}

const services = [
  KVDefinition,
  WatchDefinition,
  LeaseDefinition,
  ClusterDefinition,
  MaintenanceDefinition,
  HealthDefinition,
];
/** All but those that change the cluster itself. */
const paths = services
  .flatMap((service) =>
    Object.values(service.methods).map(({ name }) => `/${service.fullName}/${name}`),
  )
  .filter((path) => !/MoveLeader|Downgrade|MemberAdd|MemberRemove|MemberUpdate/.test(path));

const valid: readonly Uint8Array[] = [
  TxnRequest.encode(
    TxnRequest.fromPartial({
      compare: [{ key, target: 3, targetUnion: { $case: "value", value: Buffer.from("x") } }],
      success: [{ request: { $case: "requestPut", value: { key, value: key } } }],
      failure: [{ request: { $case: "requestRange", value: { key, limit: 3, revision: 2 } } }],
    }),
  ).finish(),
  WatchRequest.encode(
    WatchRequest.fromPartial({
      requestUnion: { $case: "createRequest", value: { key, startRevision: 1, filters: [0] } },
    }),
  ).finish(),
  RangeRequest.encode(
    RangeRequest.fromPartial({ key, rangeEnd: Buffer.of(0), limit: 5, sortOrder: 1 }),
  ).finish(),
  PutRequest.encode(PutRequest.fromPartial({ key: Buffer.from("a"), lease: 7n })).finish(),
];

test("every method takes any bytes", async () => {
  await withCluster(1, async ({ members: [member] }) => {
    const mutations = new Mutations(seed);
    const { random } = mutations;
    using client = new RawClient(member!.clientUrl);
    const codes = new Set<number>();
    const one = async (): Promise<void> => {
      const makers = [
        () => mutations.noise(random.below(60)),
        () => mutations.fields(4),
        () => mutations.bend(mutations.pick(valid)),
      ];
      const messages = Array.from({ length: random.chance(0.1) ? 3 : 1 }, () =>
        framed(mutations.pick(makers)()),
      );
      const wire = Buffer.concat(messages);
      const body = random.chance(0.1) ? mutations.bend(wire) : wire;
      const encoding = random.chance(0.05) ? { "grpc-encoding": "gzip" } : {};
      const headers = { "grpc-timeout": "300m", ...encoding };
      const { code } = await client.call({ path: mutations.pick(paths), body, headers });
      codes.add(code);
      assert.notEqual(code, -1, "a call ended without a status");
    };
    const end = Date.now() + fuzzMs;
    const lanes = Array.from({ length: 16 }, async () => {
      while (Date.now() < end) await one();
    });
    await Promise.all(lanes);
    // ok, EOF, invalid argument, too large, malformed: all were reached.
    for (const code of [0, 2, 3, 8, 13]) assert.ok(codes.has(code), `no call ended with ${code}`);
    await serves(member!);
  });
});

/** Sends bytes to a port and reads until it closes or falls silent for a moment. */
function say(url: string, bytes: Buffer): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname, () => socket.end(bytes));
    let text = "";
    socket.on("data", (data) => {
      text += data.toString("latin1");
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(text));
  });
}

const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const settings = Buffer.of(0, 0, 0, 4, 0, 0, 0, 0, 0);
const garbage: readonly (readonly [string, RegExp])[] = [
  // What is not HTTP at all gets no answer in HTTP from the client port.
  ["\0".repeat(100), /^(HTTP\/1.1 400 |$)/],
  ["GET\r\n\r\n", /^(HTTP\/1.1 400 |$)/],
  ["GET / HTTP/9.9\r\n\r\n", /^HTTP\/1.1 400 /],
  ["GET /health HTTP/1.1\r\n\r\n", /^HTTP\/1.1 400 /],
  ["GET /%zz%00?exclude=%zz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", /^HTTP\/1.1 404 /],
  [
    "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nzz",
    /^HTTP\/1.1 400 /,
  ],
  ["CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", /^$/],
  [`GET / HTTP/1.1\r\nHost: a\r\nBig: ${"x".repeat(100_000)}\r\n\r\n`, /^HTTP\/1.1 431 /],
  ["\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", /^(HTTP\/1.1 400 |$)/],
];

test("both ports take any bytes", async () => {
  await withCluster(1, async ({ members: [member] }) => {
    for (const [bytes, want] of garbage) {
      for (const url of [member!.clientUrl, member!.peerUrl]) {
        assert.match(await say(url, Buffer.from(bytes, "latin1")), want, JSON.stringify(bytes));
      }
    }
    const mutations = new Mutations(seed);
    for (let i = 0; i < 100; i++) {
      const noise = mutations.noise(mutations.random.below(400));
      const begun = Buffer.concat([Buffer.from(preface), settings, noise]);
      await say(member!.clientUrl, i % 2 === 0 ? noise : begun);
      await say(member!.peerUrl, noise);
    }
    await serves(member!);
  });
});

test("a client that asks on without waiting for answers is cut off, and memory stays", async () => {
  await withCluster(1, async ({ members: [member] }) => {
    await serves(member!);
    const before = memoryMiB(member!);
    for (const [url, path] of [
      [member!.clientUrl, "/metrics"],
      [member!.peerUrl, "/version"],
    ] as const) {
      const { hostname, port } = new URL(url);
      const socket = connect(Number(port), hostname);
      const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
      socket.on("error", () => {});
      // A paused socket would not see its end.
      socket.resume();
      socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`.repeat(20_000));
      await closed;
    }
    await serves(member!);
    const grown = memoryMiB(member!) - before;
    assert.ok(grown < 200, `grew by ${grown} MiB`);
  });
});

test("streams that are reset, and header fields without an end", async () => {
  await withCluster(1, async ({ members: [member] }) => {
    const session = connectHttp2(member!.clientUrl);
    session.on("error", () => {});
    for (let i = 0; i < 5000 && !session.destroyed; i++) {
      const stream = session.request({
        ":method": "POST",
        ":path": "/etcdserverpb.Watch/Watch",
        "content-type": "application/grpc",
      });
      stream.on("error", () => {});
      stream.close(8);
    }
    await serves(member!);
    session.destroy();
    const field = Buffer.alloc(9 + 16_000, 0x82);
    field.set([0, 0x3e, 0x80, 9, 0, 0, 0, 0, 1]);
    const headers = Buffer.of(0, 0, 1, 1, 0, 0, 0, 0, 1, 0x82);
    const flood = Buffer.concat([
      Buffer.from(preface),
      settings,
      headers,
      ...Array.from({ length: 500 }, () => field),
    ]);
    await say(member!.clientUrl, flood);
    await serves(member!);
  });
});

interface PeerAnswer {
  readonly status: number;
  readonly text: string;
  readonly clusterId: string;
}

/** A request to a peer URL; status 0 if the connection broke. */
function ask(
  url: string,
  options: { readonly method: string; readonly headers?: Record<string, string> },
  body: Buffer,
  agent: Agent,
): Promise<PeerAnswer> {
  return new Promise((resolve) => {
    const broken = (): void => resolve({ status: 0, text: "", clusterId: "" });
    const request = httpRequest(url, { ...options, agent }, (response) => {
      let text = "";
      response.on("error", broken);
      response.setEncoding("utf8").on("data", (part: string) => {
        text += part;
      });
      response.on("end", () => {
        const clusterId = String(response.headers["x-etcd-cluster-id"] ?? "");
        resolve({ status: response.statusCode ?? 0, text, clusterId });
      });
    });
    request.on("error", broken);
    request.end(body);
  });
}

test("members take any raft message from the wire", async () => {
  await withCluster(3, async (cluster) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 8 });
    const [first] = cluster.members;
    const none = Buffer.alloc(0);
    const about = await ask(`${first!.peerUrl}/members`, { method: "GET" }, none, agent);
    const known = [...about.text.matchAll(/"id":(\d+),"peerURLs":\["([^"]+)"/g)];
    const ids = known.map(([, id]) => BigInt(id!));
    const mutations = new Mutations(seed);
    const { random } = mutations;
    const most = Number.MAX_SAFE_INTEGER;
    const number = (): number =>
      mutations.pick([0, 1, 2, 3, 5, 10, 20, 1e6, most, random.below(40)]);
    const statuses = new Set<number>();
    const end = Date.now() + fuzzMs;
    while (Date.now() < end) {
      const [, id, url] = mutations.pick(known);
      const index = number();
      const term = random.chance(0.9) ? 1 + random.below(3) : number();
      const message = Message.fromPartial({
        type: random.below(24) as MessageType,
        to: BigInt(id!),
        from: mutations.pick([...ids, 0n, 5n]),
        term,
        logTerm: random.below(4),
        index,
        entries: Array.from({ length: random.below(4) }, (_, at) => ({
          type: random.below(4) as never,
          term: random.chance(0.8) ? term : number(),
          index: random.chance(0.8) ? index + 1 + at : number(),
          data: mutations.noise(random.below(30)),
        })),
        commit: random.below(6),
        reject: random.chance(0.3),
        rejectHint: number(),
        context: mutations.noise(random.chance(0.5) ? 8 : 0),
      });
      // Candidates and leaders of later terms are believed, as everyone on the peer wire is.
      if (message.type === MessageType.MsgTimeoutNow) continue;
      const bytes = Message.encode(message).finish();
      const headers = {
        "x-etcd-cluster-id": about.clusterId,
        "x-server-version": "3.7.3",
        "x-min-cluster-version": "3.0.0",
        "x-server-from": mutations.pick(ids).toString(16),
      };
      const path = random.chance(0.05) ? "/raft/snapshot" : "/raft";
      const body = random.chance(0.2) ? mutations.bend(bytes) : Buffer.from(bytes);
      const answer = await ask(`${url}${path}`, { method: "POST", headers }, body, agent);
      statuses.add(answer.status);
      for (const member of cluster.members) assert.ok(member.isRunning, `${member.name} ended`);
    }
    for (const status of [204, 400, 500]) assert.ok(statuses.has(status), `no answer ${status}`);
    agent.destroy();
  });
});

test("a member of another cluster is refused at the peer port", async () => {
  await withCluster(1, async ({ members: [member] }) => {
    const agent = new Agent();
    const headers = { "x-etcd-cluster-id": "1234", "x-server-version": "3.7.3" };
    const none = Buffer.alloc(0);
    const posted = await ask(`${member!.peerUrl}/raft`, { method: "POST", headers }, none, agent);
    assert.deepEqual([posted.status, posted.text], [412, "cluster ID mismatch\n"]);
    await serves(member!);
  });
});

test("a snapshot that is none is refused before it counts", async () => {
  await withCluster(1, async ({ members: [member] }) => {
    const agent = new Agent();
    const url = member!.peerUrl;
    const about = await ask(`${url}/members`, { method: "GET" }, Buffer.alloc(0), agent);
    const own = BigInt(/"id":(\d+)/.exec(about.text)![1]!);
    const confState = { voters: [own, 5n] };
    const message = Message.fromPartial({
      type: MessageType.MsgSnap,
      to: own,
      from: 5n,
      term: 9,
      snapshot: { metadata: { index: 1000, term: 9, confState } },
    });
    const bytes = Message.encode(message).finish();
    const head = Buffer.alloc(8);
    head.writeUInt32BE(bytes.length, 4);
    const headers = { "x-etcd-cluster-id": about.clusterId, "x-server-version": "3.7.3" };
    for (const database of [Buffer.alloc(0), Buffer.alloc(100_000, "no database")]) {
      const body = Buffer.concat([head, bytes, database]);
      const answer = await ask(`${url}/raft/snapshot`, { method: "POST", headers }, body, agent);
      assert.equal(answer.status, 500);
      assert.match(answer.text, /^failed to save KV snapshot \(.*is no sound snapshot/);
    }
    await serves(member!);
  });
});
