// The rules of what is sent twice, against a server that counts.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type handleBidiStreamingCall,
  type handleUnaryCall,
  Server,
  ServerCredentials,
  type ServiceDefinition,
} from "@grpc/grpc-js";
import { seededRandom } from "#base/random.ts";
import { systemClock } from "#base/system-clock.ts";
import { EtcdClient } from "#client/client.ts";
import { EtcdError } from "#proto/errors.ts";
import { PutResponse, RangeResponse } from "#proto/gen/kv.ts";
import { WatchRequest, WatchResponse } from "#proto/gen/watch.ts";

interface Reply {
  readonly code?: number;
  readonly details?: string;
}

const header = { clusterId: 1n, memberId: 2n, revision: 10, raftTerm: 1 };
const same = (bytes: Buffer): Buffer => bytes;

/** A server whose Range and Put answer `replies` in turn, then succeed; watch streams go to `onWatch`. */
async function startServer(
  replies: Reply[],
  onWatch: handleBidiStreamingCall<Buffer, Buffer> = (call) => call.end(),
): Promise<{ endpoint: string; calls: string[]; stop: () => void }> {
  const calls: string[] = [];
  const server = new Server();
  const unary =
    (name: string, answer: Buffer): handleUnaryCall<Buffer, Buffer> =>
    (_call, done) => {
      calls.push(name);
      const reply = replies.shift();
      if (reply?.code === undefined) done(null, answer);
      else done({ code: reply.code, details: reply.details ?? "" });
    };
  const method = (path: string, isStream: boolean): ServiceDefinition[string] => ({
    path,
    requestStream: isStream,
    responseStream: isStream,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  });
  server.addService(
    {
      Range: method("/etcdserverpb.KV/Range", false),
      Put: method("/etcdserverpb.KV/Put", false),
      Watch: method("/etcdserverpb.Watch/Watch", true),
    },
    {
      Range: unary("range", RangeResponse.encode(RangeResponse.create({ header })).finish()),
      Put: unary("put", PutResponse.encode(PutResponse.create({ header })).finish()),
      Watch: onWatch,
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return { endpoint: `127.0.0.1:${port}`, calls, stop: () => server.forceShutdown() };
}

const unavailable: Reply = { code: 14, details: "etcdserver: leader changed" };
const cases: {
  readonly name: string;
  readonly replies: Reply[];
  readonly call: "range" | "put";
  readonly calls: number;
  readonly fails?: number;
}[] = [
  {
    name: "a read is repeated while unavailable",
    replies: [unavailable, unavailable],
    call: "range",
    calls: 3,
  },
  { name: "a write is not", replies: [unavailable], call: "put", calls: 1, fails: 14 },
  {
    name: "a read is not repeated after another error",
    replies: [{ code: 11 }],
    call: "range",
    calls: 1,
    fails: 11,
  },
  {
    name: "a write that a learner refused is not, with one endpoint",
    replies: [{ code: 9, details: "etcdserver: rpc not supported for learner" }],
    call: "put",
    calls: 1,
    fails: 9,
  },
];

for (const { name, replies, call, calls, fails } of cases) {
  test(name, async (t) => {
    const server = await startServer([...replies]);
    t.after(server.stop);
    const client = new EtcdClient({
      endpoints: [server.endpoint],
      clock: systemClock,
      random: seededRandom(1),
      callTimeoutMs: 10_000,
    });
    t.after(() => client.close());
    const done = call === "put" ? client.kv.put("a", "b") : client.kv.range("a");
    if (fails === undefined) await done;
    else {
      await assert.rejects(done, (error) => error instanceof EtcdError && error.code === fails);
    }
    assert.equal(server.calls.length, calls);
  });
}

test("a write that a learner refused goes to the next endpoint", async (t) => {
  const learner = await startServer(
    Array.from({ length: 100 }, () => ({
      code: 9,
      details: "etcdserver: rpc not supported for learner",
    })),
  );
  const voter = await startServer([]);
  t.after(learner.stop);
  t.after(voter.stop);
  const client = new EtcdClient({
    endpoints: [learner.endpoint, voter.endpoint],
    clock: systemClock,
    random: seededRandom(1),
    callTimeoutMs: 10_000,
  });
  t.after(() => client.close());
  for (let i = 0; i < 4; i++) await client.kv.put("a", "b");
  assert.equal(voter.calls.length, 4);
});

test("a watch resumes behind what it delivered, and joins fragments", async (t) => {
  const starts: number[] = [];
  const answer = (parts: Parameters<typeof WatchResponse.create>[0]): Buffer =>
    WatchResponse.encode(WatchResponse.create({ header, ...parts })).finish();
  const event = (modRevision: number) => ({ type: 0 as const, kv: { modRevision } });
  const server = await startServer([], (call) => {
    call.on("error", () => {});
    call.on("data", (bytes: Buffer) => {
      const { requestUnion } = WatchRequest.decode(bytes);
      if (requestUnion?.$case !== "createRequest") return;
      starts.push(requestUnion.value.startRevision);
      call.write(answer({ created: true }));
      if (starts.length === 1) {
        call.write(answer({ fragment: true, events: [event(11)] }));
        call.write(answer({ events: [event(11), event(12)] }));
        // Half of revision 13, then the stream breaks: it must come again, whole.
        call.write(answer({ fragment: true, events: [event(13)] }));
        call.emit("error", Object.assign(new Error("gone"), { code: 14, details: "gone" }));
      } else {
        call.write(answer({ events: [event(13), event(13)] }));
      }
    });
  });
  t.after(server.stop);
  const client = new EtcdClient({
    endpoints: [server.endpoint],
    clock: systemClock,
    random: seededRandom(1),
  });
  t.after(() => client.close());
  const seen: number[][] = [];
  for await (const response of client.watch.watch("a", { fragment: true })) {
    seen.push(response.events.map(({ kv }) => kv?.modRevision ?? 0));
    if (seen.length === 2) break;
  }
  assert.deepEqual(seen, [
    [11, 11, 12],
    [13, 13],
  ]);
  assert.deepEqual(starts, [0, 13]);
});
