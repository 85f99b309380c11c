// Bad requests: the same code and text as the reference. The table holds what the reference said;
// the second test asks it again.
import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { PutRequest, type RequestOp, TxnRequest } from "#proto/gen/kv.ts";
import { AlarmRequest, AlarmType } from "#proto/gen/maintenance.ts";
import { maxAlarms } from "#server/api/maintenance.ts";
import { type ApiServer, startApiServer } from "#test/fakes/api-server.ts";
import { framed, type RawCall, RawClient } from "#test/fakes/raw-grpc.ts";
import { referenceOrSkip, startReferenceCluster } from "#test/reference/reference.ts";

const kv = "/etcdserverpb.KV/";
const keyA = framed(Uint8Array.of(0x0a, 1, 0x61));
const empty = framed(new Uint8Array(0));

function putOp(key: string): RequestOp {
  const value = PutRequest.decode(Uint8Array.of());
  value.key = Buffer.from(key);
  return { request: { $case: "requestPut", value } };
}

function txn(success: RequestOp[]): Buffer {
  return framed(TxnRequest.encode({ compare: [], success, failure: [] }).finish());
}

const manyPuts = Array.from({ length: 129 }, (_, index) => putOp(`k${index}`));

/** [name, call, HTTP status, gRPC code, message] */
const cases: readonly (readonly [string, RawCall, number, number, string])[] = [
  ["a good range", { path: `${kv}Range`, body: keyA }, 200, 0, ""],
  [
    "unknown method",
    { path: `${kv}Nope`, body: empty },
    200,
    12,
    "unknown method Nope for service etcdserverpb.KV",
  ],
  ["unknown service", { path: "/foo.Bar/Baz", body: empty }, 200, 12, "unknown service foo.Bar"],
  ["no method", { path: "/foo", body: empty }, 200, 12, 'malformed method name: "/foo"'],
  [
    "malformed message",
    { path: `${kv}Range`, body: framed(Uint8Array.of(0xff, 0xff)) },
    200,
    13,
    "grpc: error unmarshalling request: proto: cannot parse invalid wire-format data",
  ],
  [
    "a field beyond the end",
    { path: `${kv}Put`, body: framed(Uint8Array.of(0x0a, 0x7f, 0)) },
    200,
    13,
    "grpc: error unmarshalling request: proto: cannot parse invalid wire-format data",
  ],
  [
    "malformed message on a stream",
    { path: "/etcdserverpb.Watch/Watch", body: framed(Uint8Array.of(0xff)) },
    200,
    13,
    "grpc: failed to unmarshal the received message: proto: cannot parse invalid wire-format data",
  ],
  ["no message", { path: `${kv}Range`, body: Buffer.alloc(0) }, 200, 2, "EOF"],
  ["half a prefix", { path: `${kv}Range`, body: Buffer.alloc(2) }, 200, 2, "EOF"],
  [
    "half a message",
    { path: `${kv}Range`, body: Buffer.of(0, 0, 0, 0, 9, 1) },
    200,
    2,
    "unexpected EOF",
  ],
  [
    "half a message on a stream",
    { path: "/etcdserverpb.Lease/LeaseKeepAlive", body: Buffer.of(0, 0, 0, 0, 9, 1) },
    200,
    13,
    "unexpected EOF",
  ],
  [
    "unknown flag",
    { path: `${kv}Range`, body: framed(new Uint8Array(0), 2) },
    200,
    13,
    "grpc: received unexpected payload format 2",
  ],
  [
    "compressed without saying how",
    { path: `${kv}Range`, body: framed(new Uint8Array(0), 1) },
    200,
    13,
    "grpc: compressed flag set with identity or empty encoding",
  ],
  [
    "compressed in an unknown way",
    { path: `${kv}Range`, body: keyA, headers: { "grpc-encoding": "foo" } },
    200,
    12,
    'grpc: Decompressor is not installed for grpc-encoding "foo"',
  ],
  [
    "compressed badly",
    {
      path: `${kv}Range`,
      body: framed(new Uint8Array(0), 1),
      headers: { "grpc-encoding": "gzip" },
    },
    200,
    13,
    "grpc: failed to decompress the message: EOF",
  ],
  [
    "not compressed at all",
    {
      path: `${kv}Range`,
      body: framed(Buffer.from("this is no gzip"), 1),
      headers: { "grpc-encoding": "gzip" },
    },
    200,
    13,
    "grpc: failed to decompress the message: gzip: invalid header",
  ],
  [
    "compressed and cut",
    {
      path: `${kv}Range`,
      body: framed(gzipSync(Buffer.alloc(500)).subarray(0, 15), 1),
      headers: { "grpc-encoding": "gzip" },
    },
    200,
    13,
    "grpc: failed to read decompressed data: unexpected EOF",
  ],
  [
    "compressed beyond the limit",
    {
      path: `${kv}Range`,
      body: framed(gzipSync(Buffer.alloc(5_000_000)), 1),
      headers: { "grpc-encoding": "gzip" },
    },
    200,
    8,
    "grpc: received message after decompression larger than max 2097152",
  ],
  [
    "a message beyond the limit",
    { path: `${kv}Put`, body: framed(new Uint8Array(3 * 1024 * 1024)) },
    200,
    8,
    "grpc: received message larger than max (3145728 vs. 2097152)",
  ],
  [
    "bad timeout",
    { path: `${kv}Range`, body: keyA, headers: { "grpc-timeout": "1x" } },
    400,
    13,
    'malformed grpc-timeout: transport: timeout unit is not recognized: "1x"',
  ],
  [
    "a deadline in the past",
    { path: `${kv}Range`, body: keyA, headers: { "grpc-timeout": "1n" } },
    200,
    4,
    "context deadline exceeded",
  ],
  [
    "not gRPC",
    { path: `${kv}Range`, body: keyA, headers: { "content-type": "text/plain" } },
    415,
    3,
    'invalid gRPC request content-type "text/plain"',
  ],
  [
    "GET",
    { path: `${kv}Range`, headers: { ":method": "GET" } },
    405,
    13,
    'Received a HEADERS frame with :method "GET" which should be POST',
  ],
  ["empty key", { path: `${kv}Range`, body: empty }, 200, 3, "etcdserver: key is not provided"],
  [
    "bad sort order",
    { path: `${kv}Range`, body: framed(Uint8Array.of(0x0a, 1, 0x61, 0x28, 9)) },
    200,
    3,
    "etcdserver: invalid sort option",
  ],
  [
    "too many operations",
    { path: `${kv}Txn`, body: txn(manyPuts) },
    200,
    3,
    "etcdserver: too many operations in txn request",
  ],
  [
    "the same key twice",
    { path: `${kv}Txn`, body: txn([putOp("a"), putOp("a")]) },
    200,
    3,
    "etcdserver: duplicate key given in txn request",
  ],
  [
    "a sorted range stream",
    { path: `${kv}RangeStream`, body: framed(Uint8Array.of(0x0a, 1, 0x61, 0x28, 2)) },
    200,
    12,
    "RangeStream does not support custom sort orders",
  ],
  [
    "a filtered range stream",
    { path: `${kv}RangeStream`, body: framed(Uint8Array.of(0x0a, 1, 0x61, 0x50, 1)) },
    200,
    12,
    "RangeStream does not support revision filters",
  ],
  [
    "unknown lease",
    { path: "/etcdserverpb.Lease/LeaseRevoke", body: framed(Uint8Array.of(8, 5)) },
    200,
    5,
    "etcdserver: requested lease not found",
  ],
  [
    "a TTL beyond the limit",
    {
      path: "/etcdserverpb.Lease/LeaseGrant",
      body: framed(Uint8Array.of(8, 0x81, 0xb4, 0xc4, 0xc3, 0x21)),
    },
    200,
    11,
    "etcdserver: too large lease TTL",
  ],
  [
    "compaction of the future",
    { path: `${kv}Compact`, body: framed(Uint8Array.of(8, 0x7f)) },
    200,
    11,
    "etcdserver: mvcc: required revision is a future revision",
  ],
  [
    "unknown health",
    { path: "/grpc.health.v1.Health/Check", body: keyA },
    200,
    5,
    "unknown service",
  ],
  [
    "a version that is no text",
    { path: `${kv}Range`, body: keyA, headers: { "client-api-version": "\xff" } },
    200,
    3,
    "etcdserver: invalid client api version",
  ],
];

async function check(url: string): Promise<void> {
  using client = new RawClient(url);
  for (const [name, call, httpStatus, code, message] of cases) {
    const answer = await client.call(call);
    assert.deepEqual(
      [name, answer.httpStatus, answer.code, decodeURIComponent(answer.message)],
      [name, httpStatus, code, message],
    );
  }
}

test("bad requests are refused with etcd's codes and texts", async () => {
  await using server: ApiServer = await startApiServer();
  await check(server.url);
});

test("alarms of members that nobody has are raised up to a bound only", async () => {
  await using server: ApiServer = await startApiServer();
  using client = new RawClient(server.url);
  const raise = AlarmRequest.encode({ action: 1, memberID: 5n, alarm: AlarmType.NOSPACE }).finish();
  const call = { path: "/etcdserverpb.Maintenance/Alarm", body: framed(raise) };
  assert.equal((await client.call(call)).code, 0);
  const raised = (_: unknown, id: number) => ({ memberID: BigInt(id), alarm: AlarmType.NOSPACE });
  server.member.activeAlarms = Array.from({ length: maxAlarms }, raised);
  const { code, message } = await client.call(call);
  assert.deepEqual([code, decodeURIComponent(message)], [2, "etcdserver: too many requests"]);
});

test("the reference refuses them with the same codes and texts", async (t) => {
  const reference = await referenceOrSkip(t);
  if (reference === undefined) return;
  const cluster = await startReferenceCluster(reference);
  try {
    await check(cluster.endpoints);
  } finally {
    await cluster.stop();
  }
});
