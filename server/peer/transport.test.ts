import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { createServer, request as httpRequest } from "node:http";
import { type AddressInfo, createConnection } from "node:net";
import { type TestContext, test } from "node:test";
import { formatId, type MemberId } from "#base/ids.ts";
import { LeaseKeepAliveRequest, LeaseKeepAliveResponse } from "#proto/gen/lease.ts";
import { EntryType, Message, MessageType } from "#proto/gen/raft.ts";
import { BinaryWriter } from "#proto/wire.ts";
import { clusterId, FakeMember } from "#server/peer/fake-member.ts";
import { writeMessageFrame } from "#server/peer/framing.ts";

async function members(t: TestContext, ...ids: MemberId[]): Promise<FakeMember[]> {
  const all = ids.map((id) => new FakeMember(id));
  for (const one of all) await one.listen();
  t.after(() => Promise.all(all.map((one) => one.stop())));
  return all;
}

/** Resolves once both streams have been dialled everywhere, lest messages take different ways. */
async function connect(all: readonly FakeMember[]): Promise<void> {
  for (const one of all) for (const other of all) one.transport.addPeer(other.id, [other.url]);
  for (const one of all) one.transport.start();
  for (const one of all) await one.until(() => one.dialled.length >= 2 * (all.length - 1));
}

const heartbeat = (from: FakeMember, to: FakeMember, term: number): Message =>
  Message.create({ type: MessageType.MsgHeartbeat, from: from.id, to: to.id, term });

/** Sends with rising terms until one of them has arrived; returns its term. */
async function untilConnected(from: FakeMember, to: FakeMember): Promise<void> {
  const before = to.received.length;
  for (let term = 1; to.received.length === before; term++) {
    from.transport.send([heartbeat(from, to, term)]);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test("two transports stream messages and appends to each other, in order", async (t) => {
  const [a, b] = (await members(t, 1n, 2n)) as [FakeMember, FakeMember];
  await connect([a, b]);
  await untilConnected(a, b);
  await untilConnected(b, a);
  assert.notEqual(a.transport.activeSince(2n), undefined);
  const first = b.received.length;
  const count = 300;
  const messages = Array.from({ length: count }, (_, i) =>
    Message.create({
      type: MessageType.MsgApp,
      from: 1n,
      to: 2n,
      term: 4,
      logTerm: 4,
      index: i,
      entries: [{ type: 0, term: 4, index: i + 1, data: Buffer.alloc(i * 40, i) }],
      commit: i,
    }),
  );
  a.transport.send(messages.slice(0, 100));
  for (const message of messages.slice(100)) a.transport.send([message]);
  await b.until(() => b.received.length >= first + count);
  const appends = b.received.slice(first);
  for (const [i, message] of messages.entries()) {
    assert.equal(hex(appends[i]!), hex(message), `message ${i}`);
  }
});

const hex = (message: Message): string =>
  Buffer.from(Message.encode(message).finish()).toString("hex");

test("a peer that comes back is dialled again, and is reported unreachable in between", async (t) => {
  const [a, b] = (await members(t, 1n, 2n)) as [FakeMember, FakeMember];
  await connect([a, b]);
  await untilConnected(a, b);
  const port = (b.server.address() as AddressInfo).port;
  await b.stop();
  while (a.unreachable.length === 0) {
    a.transport.send([heartbeat(a, b, 9)]);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.equal(a.transport.activeSince(2n), undefined);

  const again = new FakeMember(2n);
  again.server.listen(port, "127.0.0.1");
  await once(again.server, "listening");
  again.url = `http://127.0.0.1:${port}`;
  t.after(() => again.stop());
  again.transport.addPeer(1n, [a.url]);
  again.transport.start();
  await untilConnected(a, again);
  await untilConnected(again, a);
});

test("a URL that does not answer gives way to the next", async (t) => {
  const [a, b] = (await members(t, 1n, 2n)) as [FakeMember, FakeMember];
  a.transport.addPeer(2n, ["http://127.0.0.1:1", b.url]);
  b.transport.addPeer(1n, ["http://127.0.0.1:1", a.url]);
  a.transport.start();
  b.transport.start();
  // Nothing is sent, so that only the streams look for the URL.
  while (a.transport.activeSince(2n) === undefined || b.transport.activeSince(1n) === undefined) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await untilConnected(a, b);
  await untilConnected(b, a);
});

test("a stream that is silent for longer than --raft-read-timeout is dialled again", async (t) => {
  let dials = 0;
  const silent = createServer((_, response) => {
    dials++;
    response.writeHead(200).flushHeaders();
  });
  silent.listen(0, "127.0.0.1");
  await once(silent, "listening");
  const member = new FakeMember(1n, undefined, { readTimeoutMs: 50 });
  await member.listen();
  t.after(async () => {
    await member.stop();
    silent.closeAllConnections();
    silent.close();
  });
  const port = (silent.address() as AddressInfo).port;
  member.transport.addPeer(2n, [`http://127.0.0.1:${port}`]);
  member.transport.start();
  // With the usual five seconds there would be two for all that time.
  const deadline = Date.now() + 4000;
  while (dials <= 4 && Date.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 10));
  assert.ok(dials > 4, `${dials} dials`);
});

test("a stream that takes nothing for --raft-write-timeout is given up", async (t) => {
  const member = new FakeMember(1n, undefined, { readTimeoutMs: 60, writeTimeoutMs: 50 });
  await member.listen();
  member.transport.addPeer(2n, ["http://127.0.0.1:1"]);
  const stuck = createConnection(Number(new URL(member.url).port), "127.0.0.1");
  t.after(async () => {
    stuck.destroy();
    await member.stop();
  });
  stuck.on("error", () => {});
  const head = [
    "GET /raft/stream/message/2 HTTP/1.1",
    "Host: member",
    "X-Server-From: 2",
    "X-Server-Version: 3.7.3",
    "X-Min-Cluster-Version: 3.0.0",
    `X-Etcd-Cluster-ID: ${formatId(clusterId)}`,
    "X-Raft-To: 1",
  ];
  stuck.write(`${head.join("\r\n")}\r\n\r\n`);
  await once(stuck, "readable");
  // From now on it reads nothing; more comes than the buffers between them hold.
  const big = {
    type: EntryType.EntryNormal,
    term: 1,
    index: 1,
    data: Buffer.alloc(32 * 1024 * 1024),
  };
  const entries = [big];
  for (let index = 0; index < 2; index++) {
    const fields = { type: MessageType.MsgVoteResp, from: 1n, to: 2n, term: 1, index, entries };
    member.transport.send([Message.create(fields)]);
  }
  await member.until(() => member.unreachable.length > 0);
});

test("acknowledgements of one batch leave as the last of them", async (t) => {
  const [a, b] = (await members(t, 1n, 2n)) as [FakeMember, FakeMember];
  await connect([a, b]);
  await untilConnected(a, b);
  const ack = (index: number, reject = false): Message =>
    Message.create({ type: MessageType.MsgAppResp, from: 1n, to: 2n, term: 3, index, reject });
  const first = b.received.length;
  a.transport.send([ack(1), ack(2, true), ack(3), ack(4), heartbeat(a, b, 99)]);
  await b.until(() => b.received.at(-1)?.term === 99);
  assert.deepEqual(
    b.received.slice(first).map((message) => message.index),
    [2, 4, 0],
  );
});

test("a sender that is no member is answered through a pipeline", async (t) => {
  const [a, b] = (await members(t, 1n, 2n)) as [FakeMember, FakeMember];
  a.transport.addPeer(2n, [b.url]);
  a.transport.start();
  a.transport.send([heartbeat(a, b, 1)]);
  await b.until(() => b.received.length > 0);
  assert.equal(b.transport.hasPeer(1n), false);
  b.transport.send([heartbeat(b, a, 7)]);
  await a.until(() => a.received.length > 0);
  assert.equal(a.received[0]!.term, 7);
});

test("a send that fails before it has begun is told like any other", async () => {
  const a = new FakeMember(1n as MemberId, undefined, {
    onSnapshot: () => {
      throw new Error("no such meter");
    },
  });
  const message = Message.create({ type: MessageType.MsgSnap, from: 1n, to: 2n, term: 3 });
  await a.transport.sendSnapshot(message, (async function* () {})());
  assert.deepEqual(a.snapshots, [[2n, false]]);
});

test("a snapshot arrives with its database, and both ends learn how it went", async (t) => {
  const [a, b] = (await members(t, 1n, 2n)) as [FakeMember, FakeMember];
  await connect([a, b]);
  const message = Message.create({ type: MessageType.MsgSnap, from: 1n, to: 2n, term: 3 });
  const database = Buffer.alloc(3_000_000, "etcd");
  const body = async function* (): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < database.length; at += 65536) yield database.subarray(at, at + 65536);
  };
  await a.transport.sendSnapshot(message, body());
  assert.deepEqual(a.snapshots, [[2n, true]]);
  assert.deepEqual(b.saved, [database]);
  assert.ok(b.received.some((one) => one.type === MessageType.MsgSnap));

  b.failSave = true;
  await a.transport.sendSnapshot(message, body());
  const broken = async function* (): AsyncGenerator<Uint8Array> {
    yield database.subarray(0, 100);
    throw new Error("the source failed");
  };
  b.failSave = false;
  await a.transport.sendSnapshot(message, broken());
  await a.transport.sendSnapshot(Message.create({ ...message, to: 3n }), body());
  assert.deepEqual(a.snapshots, [
    [2n, true],
    [2n, false],
    [2n, false],
    [3n, false],
  ]);
  assert.deepEqual(a.unreachable, [2n, 2n]);
  assert.equal(b.saved.length, 1);
});

test("a member that was removed is told so", async (t) => {
  const [a, b] = (await members(t, 1n, 2n)) as [FakeMember, FakeMember];
  b.removed.add(1n);
  await connect([a, b]);
  await a.until(() => a.wasRemoved);
  assert.deepEqual(b.received, []);
});

test("a member of another cluster is told, and says so once", async (t) => {
  const [b] = (await members(t, 2n)) as [FakeMember];
  const a = new FakeMember(1n, 0xbadn);
  await a.listen();
  t.after(() => a.stop());
  await connect([a, b]);
  const text = "a peer refuses this member: it belongs to another cluster, or to another version";
  await a.until(() => a.warnings.includes(text));
  const again = b.dialled.length + 4;
  await b.until(() => b.dialled.length >= again);
  // One for each kind of stream.
  assert.equal(a.warnings.filter((one) => one === text).length, 2);
});

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: Buffer;
}

function ask(
  url: string,
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body: Uint8Array = Buffer.alloc(0),
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const length = { "Content-Length": String(body.length) };
    const options = { method, headers: { ...length, ...headers }, agent: false } as const;
    const request = httpRequest(`${url}${path}`, options, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("error", reject);
      response.on("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(parts),
        }),
      );
    });
    request.on("error", reject);
    request.end(body);
  });
}

const raft = {
  "X-Etcd-Cluster-ID": "cdf818194e3a8c32",
  "X-Server-From": "9",
  "X-Server-Version": "3.6.0",
  "X-Min-Cluster-Version": "3.0.0",
};
const prober = Message.encode(
  Message.create({ type: MessageType.MsgHeartbeat, from: 2n, to: 1n, term: 1 }),
).finish();
const envelope = (message: Message): Buffer => {
  const writer = new BinaryWriter();
  writeMessageFrame(writer, message);
  return writer.finish();
};
const lease = (id: bigint): Buffer => LeaseKeepAliveRequest.encode({ ID: id }).finish();

type Row = readonly [
  method: string,
  path: string,
  headers: Record<string, string>,
  body: Uint8Array | string,
  status: number,
  text: string | Uint8Array,
];

const rows: readonly Row[] = [
  ["GET", "/nothing", {}, "", 404, "404 page not found\n"],
  ["GET", "/members/", {}, "", 404, "404 page not found\n"],
  ["GET", "/members", {}, "", 200, '[{"id":1}]\n'],
  ["POST", "/members", {}, "", 405, "Method Not Allowed\n"],
  ["GET", "/version", {}, "", 200, '{"etcdserver":"3.7.3"}'],
  ["GET", "/downgrade/enabled", {}, "", 200, "false"],
  ["GET", "/raft", {}, "", 405, "Method Not Allowed\n"],
  ["POST", "/raft", {}, "", 412, "incompatible version\n"],
  [
    "POST",
    "/raft",
    { ...raft, "X-Min-Cluster-Version": "3.8.0" },
    "",
    412,
    "incompatible version\n",
  ],
  ["POST", "/raft", { ...raft, "X-Etcd-Cluster-ID": "1" }, "", 412, "cluster ID mismatch\n"],
  ["POST", "/raft", raft, "\x08", 400, "error unmarshalling raft message\n"],
  ["POST", "/raft", raft, "\x10\x02", 500, "error processing raft message\n"],
  ["POST", "/raft", raft, prober, 204, ""],
  [
    "POST",
    "/raft/snapshot",
    raft,
    prober.subarray(0, 3),
    400,
    "failed to decode raft message (unexpected EOF)\n",
  ],
  [
    "POST",
    "/raft/snapshot",
    raft,
    Buffer.from("0000000004000001", "hex"),
    400,
    "failed to decode raft message (rafthttp: error limit exceeded)\n",
  ],
  [
    "POST",
    "/raft/snapshot",
    raft,
    envelope(Message.create({ type: MessageType.MsgVote, to: 1n })),
    400,
    "wrong raft message type\n",
  ],
  ["GET", "/raft/stream/else/9", raft, "", 404, "invalid path\n"],
  ["GET", "/raft/stream/msgapp/xyz", raft, "", 404, "invalid from\n"],
  ["GET", "/raft/stream/msgapp/9", raft, "", 404, "error sender not found\n"],
  ["GET", "/raft/stream/msgapp/dead", raft, "", 410, "removed member\n"],
  ["GET", "/raft/stream/msgapp/2", { ...raft, "X-Raft-To": "5" }, "", 412, "to field mismatch\n"],
  ["POST", "/members/promote/7", {}, "", 200, "[]\n"],
  ["POST", "/members/promote/8", {}, "", 404, "membership: ID not found\n"],
  ["POST", "/members/promote/x7", {}, "", 404, "member x7 not found in cluster\n"],
  [
    "GET",
    "/members/hashkv",
    {},
    '{"revision":0}',
    200,
    '{"header":{"revision":9},"hash":17,"compact_revision":-1,"hash_revision":9}',
  ],
  [
    "GET",
    "/members/hashkv",
    {},
    '{"revision":10}',
    400,
    "mvcc: required revision is a future revision\n",
  ],
  ["GET", "/members/hashkv", {}, "[", 400, "error unmarshalling request\n"],
  ["GET", "/members/hashkv", { "X-Etcd-Cluster-ID": "5" }, "{}", 412, "cluster ID mismatch\n"],
  [
    "POST",
    "/leases",
    {},
    lease(5n),
    200,
    LeaseKeepAliveResponse.encode(LeaseKeepAliveResponse.create({ ID: 5n, TTL: 60 })).finish(),
  ],
  ["POST", "/leases", {}, lease(6n), 404, "lease not found\n"],
  ["POST", "/leases", {}, "\x08", 400, "error unmarshalling request\n"],
  ["POST", "/leases", {}, Buffer.alloc(70_000), 413, "request body too large\n"],
  ["GET", "/leases", {}, "", 405, "Method Not Allowed\n"],
];

test("every path answers as etcd's peer URL does", async (t) => {
  const [a] = (await members(t, 1n)) as [FakeMember];
  a.removed.add(0xdeadn);
  a.transport.addPeer(2n, ["http://127.0.0.1:1"]);
  for (const [method, path, headers, body, status, text] of rows) {
    const answer = await ask(a.url, method, path, headers, Buffer.from(body as string, "latin1"));
    const name = `${method} ${path}`;
    assert.equal(answer.status, status, `${name}: ${answer.body}`);
    assert.deepEqual(answer.body, Buffer.from(text as string), name);
    if (status === 405) {
      const allowed = path === "/leases" ? undefined : method === "GET" ? "POST" : "GET";
      assert.equal(answer.headers["allow"], allowed, name);
    }
    if (status >= 400) assert.equal(answer.headers["x-content-type-options"], "nosniff", name);
  }
  const probe = await ask(a.url, "GET", "/raft/probing");
  assert.match(probe.body.toString(), /^\{"OK":true,"Now":"\d{4}-[^"]+Z"\}\n$/);
});
