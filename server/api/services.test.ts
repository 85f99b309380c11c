// The services over real sockets, as a proper gRPC client sees them, with a member in memory.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { etcdError } from "#proto/errors.ts";
import { MemberListRequest, MemberListResponse } from "#proto/gen/cluster.ts";
import { HealthCheckRequest, HealthCheckResponse } from "#proto/gen/health.ts";
import { PutRequest, PutResponse, RangeRequest, RangeResponse } from "#proto/gen/kv.ts";
import { LeaseKeepAliveRequest, LeaseKeepAliveResponse } from "#proto/gen/lease.ts";
import {
  DefragmentRequest,
  DefragmentResponse,
  StatusRequest,
  StatusResponse,
} from "#proto/gen/maintenance.ts";
import { WatchRequest, WatchResponse } from "#proto/gen/watch.ts";
import type { BinaryWriter } from "#proto/wire.ts";
import { startApiServer } from "#test/fakes/api-server.ts";

interface Codec<T> {
  encode(message: T): BinaryWriter;
  decode(bytes: Uint8Array): T;
}

class TestClient extends Client implements Disposable {
  constructor(address: string) {
    super(address, credentials.createInsecure());
  }

  unary<Q, A>(
    path: string,
    codecs: readonly [Codec<Q>, Codec<A>],
    request: Q,
    options: { metadata?: Metadata; deadlineMs?: number } = {},
  ): Promise<A> {
    const deadline =
      options.deadlineMs === undefined ? {} : { deadline: Date.now() + options.deadlineMs };
    return new Promise((resolve, reject) => {
      this.makeUnaryRequest(
        path,
        (message: Q) => codecs[0].encode(message).finish(),
        (bytes: Buffer) => codecs[1].decode(bytes),
        request,
        options.metadata ?? new Metadata(),
        deadline,
        (error, answer) => (error === null ? resolve(answer!) : reject(error)),
      );
    });
  }

  bidi<Q, A>(path: string, codecs: readonly [Codec<Q>, Codec<A>], metadata = new Metadata()) {
    return this.makeBidiStreamRequest(
      path,
      (message: Q) => codecs[0].encode(message).finish(),
      (bytes: Buffer) => codecs[1].decode(bytes),
      metadata,
    );
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

const put = ["/etcdserverpb.KV/Put", [PutRequest, PutResponse]] as const;
const range = ["/etcdserverpb.KV/Range", [RangeRequest, RangeResponse]] as const;
const watch = ["/etcdserverpb.Watch/Watch", [WatchRequest, WatchResponse]] as const;

function putOf(key: string, value: Buffer): PutRequest {
  return { ...PutRequest.decode(Buffer.alloc(0)), key: Buffer.from(key), value };
}

function rangeOf(key: string, fields: Partial<RangeRequest> = {}): RangeRequest {
  return { ...RangeRequest.decode(Buffer.alloc(0)), key: Buffer.from(key), ...fields };
}

function watchOf(key: string): WatchRequest {
  const nothing = Buffer.alloc(0);
  const value = {
    key: Buffer.from(key),
    rangeEnd: nothing,
    startRevision: 0,
    progressNotify: false,
    filters: [],
    prevKv: false,
    watchId: 0,
    fragment: false,
  };
  return { requestUnion: { $case: "createRequest", value } };
}

async function failureOf(call: Promise<unknown>): Promise<ServiceError> {
  return call.then(
    () => assert.fail("the call succeeded"),
    (error: ServiceError) => error,
  );
}

/** Messages of a stream one by one; its failure rejects the next wait. */
function reader<A>(stream: {
  on(event: "data", run: (message: A) => void): unknown;
  on(event: "error", run: (error: Error) => void): unknown;
}): () => Promise<A> {
  const got: A[] = [];
  let failed: Error | undefined;
  let wake: () => void = () => {};
  stream.on("data", (message) => {
    got.push(message);
    wake();
  });
  stream.on("error", (error) => {
    failed = error;
    wake();
  });
  return async () => {
    while (got.length === 0) {
      if (failed !== undefined) throw failed;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    return got.shift()!;
  };
}

test("put and range carry the full header", async () => {
  await using server = await startApiServer();
  using client = new TestClient(server.address);
  const { header } = await client.unary(...put, putOf("a", Buffer.from("1")));
  const { clusterId, memberId } = server.member;
  assert.deepEqual(header, { clusterId, memberId, revision: 2, raftTerm: 2 });
  server.member.term = 7;
  const got = await client.unary(...range, rangeOf("a"));
  assert.deepEqual(got.header, { clusterId, memberId, revision: 2, raftTerm: 7 });
  assert.equal(Buffer.from(got.kvs[0]!.value).toString(), "1");
});

test("a member list has no revision in its header, status and health answer", async () => {
  await using server = await startApiServer();
  using client = new TestClient(server.address);
  const list = await client.unary(
    "/etcdserverpb.Cluster/MemberList",
    [MemberListRequest, MemberListResponse],
    { linearizable: true },
  );
  assert.equal(list.header?.revision, 0);
  assert.equal(list.members[0]?.ID, server.member.memberId);
  const got = await client.unary(
    "/etcdserverpb.Maintenance/Status",
    [StatusRequest, StatusResponse],
    {},
  );
  assert.equal(got.header?.revision, 1);
  assert.equal(got.version, "3.7.3");
  const health = await client.unary(
    "/grpc.health.v1.Health/Check",
    [HealthCheckRequest, HealthCheckResponse],
    { service: "" },
  );
  assert.equal(health.status, 1);
});

test("a value of the largest size passes both ways", async () => {
  await using server = await startApiServer();
  using client = new TestClient(server.address);
  const value = Buffer.alloc(1_572_000, "x");
  await client.unary(...put, putOf("big", value));
  const got = await client.unary(...range, rangeOf("big"));
  assert.ok(value.equals(got.kvs[0]!.value));
});

test("a message beyond the limit is refused and the connection goes on", async () => {
  await using server = await startApiServer();
  using client = new TestClient(server.address);
  for (let round = 0; round < 20; round++) {
    const refused = await failureOf(client.unary(...put, putOf("a", Buffer.alloc(3 << 20))));
    assert.equal(refused.code, status.RESOURCE_EXHAUSTED);
    assert.match(
      refused.details,
      /^grpc: received message larger than max \(3145736 vs\. 2097152\)$/,
    );
    await client.unary(...put, putOf("a", Buffer.alloc(1 << 20)));
  }
});

test("a deadline ends a waiting call with the text of the reference", async () => {
  await using server = await startApiServer();
  using client = new TestClient(server.address);
  server.member.holdProposals = new Promise(() => {});
  const error = await failureOf(
    client.unary(...put, putOf("a", Buffer.alloc(0)), { deadlineMs: 100 }),
  );
  assert.equal(error.code, status.DEADLINE_EXCEEDED);
});

test("failures of the member become statuses", async () => {
  await using server = await startApiServer();
  using client = new TestClient(server.address);
  server.member.linearizeError = etcdError("timeout");
  const unavailable = await failureOf(client.unary(...range, rangeOf("a")));
  assert.equal(unavailable.code, status.UNAVAILABLE);
  assert.equal(unavailable.details, "etcdserver: request timed out");
  server.member.linearizeError = new Error("ünforeseen 100%");
  const unknown = await failureOf(client.unary(...range, rangeOf("a")));
  assert.equal(unknown.code, status.UNKNOWN);
  assert.equal(unknown.details, "ünforeseen 100%");
  await client.unary(...range, rangeOf("a", { serializable: true }));
});

test("a learner serves serializable ranges and its status only", async () => {
  await using server = await startApiServer();
  using client = new TestClient(server.address);
  server.member.learner = true;
  const refused = await failureOf(client.unary(...range, rangeOf("a")));
  assert.equal(refused.code, status.FAILED_PRECONDITION);
  assert.equal(refused.details, "etcdserver: rpc not supported for learner");
  await client.unary(...range, rangeOf("a", { serializable: true }));
  const stream = client.bidi(...watch);
  const next = reader<WatchResponse>(stream);
  stream.write(watchOf("a"));
  await assert.rejects(next(), /rpc not supported for learner/);
});

test("a client that wants a leader is refused without one, and its stream ends when it is lost", async () => {
  await using server = await startApiServer();
  using client = new TestClient(server.address);
  const metadata = new Metadata();
  metadata.set("hasleader", "true");
  const stream = client.bidi(...watch, metadata);
  const next = reader<WatchResponse>(stream);
  stream.write(watchOf("a"));
  assert.equal((await next()).created, true);
  server.member.loseLeader();
  await assert.rejects(next(), /14 UNAVAILABLE: etcdserver: no leader/);
  const refused = await failureOf(client.unary(...range, rangeOf("a"), { metadata }));
  assert.equal(refused.details, "etcdserver: no leader");
  assert.equal(server.member.sessions.size, 0, "the watch session was closed");
});

test("a watch sees puts in order; cancelling the call closes its session", async () => {
  await using server = await startApiServer();
  using client = new TestClient(server.address);
  const stream = client.bidi(...watch);
  const next = reader<WatchResponse>(stream);
  stream.write(watchOf("a"));
  const created = await next();
  assert.deepEqual([created.created, created.header?.revision], [true, 1]);
  for (let i = 0; i < 3; i++) await client.unary(...put, putOf("a", Buffer.from(String(i))));
  for (let i = 0; i < 3; i++) {
    const got = await next();
    assert.equal(got.header?.revision, 2 + i);
    assert.equal(Buffer.from(got.events[0]!.kv!.value).toString(), String(i));
  }
  const [session] = server.member.sessions;
  const closed = new Promise<void>((resolve) => {
    const close = session!.close.bind(session);
    session!.close = () => {
      close();
      resolve();
    };
  });
  stream.cancel();
  await closed;
  assert.equal(server.member.sessions.size, 0);
});

test("a watcher that does not read leaves its events in the session, and gets them all later", async () => {
  await using server = await startApiServer();
  using client = new TestClient(server.address);
  using writer = new TestClient(server.address);
  const stream = client.bidi(...watch);
  stream.write(watchOf("a"));
  await new Promise((resolve) => stream.once("readable", resolve));
  const [session] = server.member.sessions;
  const value = Buffer.alloc(1_000_000, "v");
  let puts = 0;
  // Windows and socket buffers take the first ones; then the session keeps them.
  while (session!.queue.length < 3 && puts < 200) {
    await writer.unary(...put, putOf("a", value));
    puts++;
  }
  assert.ok(session!.queue.length >= 3, "back-pressure reached the session");
  const next = reader<WatchResponse>(stream);
  assert.equal((await next()).created, true);
  for (let i = 0; i < puts; i++) assert.equal((await next()).header?.revision, 2 + i);
  assert.equal(session!.queue.length, 0);
  stream.cancel();
});

test("keep-alives are answered in order and the stream ends with the client's side", async () => {
  await using server = await startApiServer();
  using client = new TestClient(server.address);
  const granted = await server.member.propose("leaseGrant", { ID: 7n, TTL: 60 });
  const stream = client.bidi("/etcdserverpb.Lease/LeaseKeepAlive", [
    LeaseKeepAliveRequest,
    LeaseKeepAliveResponse,
  ]);
  const next = reader<LeaseKeepAliveResponse>(stream);
  const ended = new Promise<{ code: number }>((resolve) => stream.on("status", resolve));
  for (let i = 0; i < 200; i++) stream.write({ ID: i % 2 === 0 ? granted.ID : 99n });
  stream.end();
  for (let i = 0; i < 200; i++) {
    const got = await next();
    assert.deepEqual([got.ID, got.TTL], i % 2 === 0 ? [7n, 60] : [99n, 0]);
  }
  assert.equal((await ended).code, status.OK);
});

test("an open watch ends with a status that clients resume elsewhere when the server closes", async () => {
  const server = await startApiServer();
  using client = new TestClient(server.address);
  const stream = client.bidi(...watch);
  const next = reader<WatchResponse>(stream);
  stream.write(watchOf("a"));
  assert.equal((await next()).created, true);
  const closed = server[Symbol.asyncDispose]();
  await assert.rejects(next(), /14 UNAVAILABLE: etcdserver: server stopped/);
  await closed;
  assert.equal(server.member.sessions.size, 0);
});

test("many calls at once on one connection are all answered", async () => {
  await using server = await startApiServer();
  using client = new TestClient(server.address);
  const calls = Array.from({ length: 2000 }, (_, i) =>
    client.unary(...put, putOf(`k${i}`, Buffer.alloc(100))),
  );
  const revisions = (await Promise.all(calls)).map((answer) => answer.header!.revision);
  assert.equal(new Set(revisions).size, 2000);
});

test("a member is defragmented when asked to", async () => {
  await using server = await startApiServer();
  using client = new TestClient(server.address);
  const codecs = [DefragmentRequest, DefragmentResponse] as const;
  const answer = await client.unary("/etcdserverpb.Maintenance/Defragment", codecs, {});
  assert.equal(answer.header, undefined);
  assert.equal(server.member.defragmented, 1);
});
