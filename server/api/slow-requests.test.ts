import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8 as b } from "#base/bytes.ts";
import { silentLog } from "#base/log.ts";
import {
  DeleteRangeResponse,
  PutRequest,
  PutResponse,
  RangeRequest,
  RangeResponse,
  TxnRequest,
  TxnResponse,
} from "#proto/gen/kv.ts";
import { SlowRequests } from "#server/api/slow-requests.ts";
import { SteppedClock } from "#test/fakes/stepped-clock.ts";

const kv = "/etcdserverpb.KV/";

async function told(
  tookMs: number,
  ended: Partial<Parameters<SlowRequests["tell"]>[1]>,
  all = false,
): Promise<{ readonly lines: Record<string, unknown>[]; readonly slowReads: number }> {
  const clock = new SteppedClock();
  const lines: Record<string, unknown>[] = [];
  const line = (level: string) => (fields: object, message: string) =>
    void lines.push({ level, message, ...fields });
  const log = { ...silentLog, warn: line("warn"), debug: line("debug") };
  const slow = new SlowRequests({
    clock,
    log,
    warningUnaryRequestMs: 300,
    warningApplyMs: 100,
    all,
  });
  const startMs = slow.nowMs();
  await clock.pass(tookMs);
  if (slow.isSlow(startMs)) {
    slow.tell(startMs, {
      path: `${kv}Put`,
      peer: "127.0.0.1:7",
      request: {},
      requestBytes: 5,
      answer: undefined,
      error: undefined,
      ...ended,
    });
  }
  return { lines, slowReads: slow.slowReads };
}

test("a put: told beyond --warning-unary-request-duration, without its value", async () => {
  const put = {
    path: `${kv}Put`,
    request: PutRequest.fromPartial({ key: b("a"), value: b("secret") }),
    answer: PutResponse.encode(PutResponse.fromPartial({})).finish(),
  };
  assert.deepEqual((await told(300, put)).lines, []);
  const { lines, slowReads } = await told(301, put);
  assert.deepEqual(lines, [
    {
      level: "warn",
      message: "request stats",
      "start time": "2023-11-14T22:13:20.000Z",
      "time spent": "301ms",
      remote: "127.0.0.1:7",
      "response type": "/etcdserverpb.KV/Put",
      "request count": 1,
      "request size": 5,
      "response count": 0,
      "response size": 0,
      "request content": 'key:"a" value_size:6',
    },
  ]);
  assert.equal(slowReads, 0);
});

test("a read: told as a slow apply beyond --warning-apply-duration, too", async () => {
  const range = {
    path: `${kv}Range`,
    request: RangeRequest.fromPartial({ key: b("a"), limit: 3 }),
    answer: RangeResponse.encode(
      RangeResponse.fromPartial({ header: { revision: 7 }, kvs: [{ key: b("a") }], count: 300 }),
    ).finish(),
  };
  assert.deepEqual((await told(100, range)).lines, []);
  const { lines, slowReads } = await told(101, range);
  assert.equal(slowReads, 1);
  assert.deepEqual(lines, [
    {
      level: "warn",
      message: "apply request took too long",
      took: "101ms",
      "expected-duration": "100ms",
      prefix: "read-only range ",
      request: 'key:"a" limit:3',
      response: `range_response_count:300 size:${range.answer.length}`,
    },
  ]);
  const both = (await told(301, range)).lines;
  assert.deepEqual(
    both.map(({ message }) => message),
    ["apply request took too long", "request stats"],
  );
  assert.equal(both[1]!["response count"], 300);
});

test("transactions: only those that read alone count as reads; the branch taken is counted", async () => {
  const read = { request: { $case: "requestRange" as const, value: { key: b("a") } } };
  const write = { request: { $case: "requestPut" as const, value: { key: b("a") } } };
  const rows = [
    [
      { success: [read, read], failure: [] },
      true,
      ["apply request took too long", "request stats"],
      2,
    ],
    [{ success: [read, read], failure: [write] }, false, ["request stats"], 1],
  ] as const;
  for (const [request, succeeded, messages, count] of rows) {
    const { lines } = await told(301, {
      path: `${kv}Txn`,
      request: TxnRequest.fromPartial(request as never),
      answer: TxnResponse.encode(TxnResponse.fromPartial({ succeeded })).finish(),
    });
    assert.deepEqual(
      lines.map(({ message }) => message),
      messages,
    );
    assert.equal(lines.at(-1)!["request count"], count);
  }
});

test("deletions tell their count; other methods tell their time alone; failures their error", async () => {
  const answer = DeleteRangeResponse.encode(
    DeleteRangeResponse.fromPartial({ deleted: 12 }),
  ).finish();
  const gone = await told(301, { path: `${kv}DeleteRange`, answer });
  assert.equal(gone.lines[0]!["response count"], 12);
  const other = await told(301, { path: "/etcdserverpb.Maintenance/Status", answer: b("x") });
  assert.equal(other.lines[0]!["response size"], -1);
  const failed = await told(101, { path: `${kv}Range`, error: "etcdserver: no leader" });
  assert.equal(failed.lines[0]!["error"], "etcdserver: no leader");
  assert.equal(failed.lines[0]!["response"], "");
});

test("at level debug every request is told", async () => {
  const { lines } = await told(0, {}, true);
  assert.deepEqual(
    lines.map(({ level, message }) => [level, message]),
    [["debug", "request stats"]],
  );
});
