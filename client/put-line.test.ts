// Lines of puts against a server of node:http2, which answers as it is told.
import assert from "node:assert/strict";
import { once } from "node:events";
import {
  createSecureServer,
  createServer,
  type Http2Server,
  type Http2Session,
  type ServerHttp2Stream,
} from "node:http2";
import { type AddressInfo, createServer as createPlainServer } from "node:net";
import { type TestContext, test } from "node:test";
import { seededRandom } from "#base/random.ts";
import { systemClock } from "#base/system-clock.ts";
import { EtcdClient } from "#client/client.ts";
import { parseEndpoint } from "#client/endpoint.ts";
import { LeanConnection } from "#client/lean-connection.ts";
import type { TlsOptions } from "#client/options.ts";
import type { PutLine } from "#client/put-line.ts";
import { EtcdError, grpcCode } from "#proto/errors.ts";
import { PutRequest, PutResponse } from "#proto/gen/kv.ts";
import { TestAuthority } from "#test/fakes/certificates.ts";
import { framed } from "#test/fakes/raw-grpc.ts";

/** How a put is answered; nothing for OK. */
interface Reply {
  readonly code?: number;
  /** As it goes over the wire. */
  readonly details?: string;
  /** Instead of an answer. */
  readonly act?: (stream: ServerHttp2Stream, session: Http2Session) => void;
}

interface Put {
  readonly value: number;
  readonly isLean: boolean;
  readonly token: string | undefined;
}

const okAnswer = framed(
  PutResponse.encode(
    PutResponse.create({ header: { clusterId: 1n, memberId: 2n, revision: 10, raftTerm: 1 } }),
  ).finish(),
);

/** See the head of the file; what was put comes in `puts`. */
function answering(replies: Reply[], puts: Put[]): (stream: ServerHttp2Stream) => void {
  return (stream) => {
    const body: Buffer[] = [];
    const { headers } = stream as ServerHttp2Stream & { headers: Record<string, string> };
    stream.on("error", () => {});
    stream.on("data", (chunk: Buffer) => body.push(chunk));
    stream.on("end", () => {
      const message = Buffer.concat(body).subarray(5);
      const isLean = !(headers["user-agent"] ?? "").includes("grpc-node");
      puts.push({
        value: PutRequest.decode(message).value.length,
        isLean,
        token: headers["token"],
      });
      const reply = replies.shift() ?? {};
      if (reply.act !== undefined) {
        reply.act(stream, stream.session!);
        return;
      }
      const { code = 0, details } = reply;
      const trailers = {
        "grpc-status": String(code),
        ...(details === undefined ? {} : { "grpc-message": details }),
      };
      const start = { ":status": 200, "content-type": "application/grpc" };
      if (code !== 0) {
        stream.respond({ ...start, ...trailers }, { endStream: true });
        return;
      }
      stream.respond(start, { waitForTrailers: true });
      stream.once("wantTrailers", () => stream.sendTrailers(trailers));
      stream.end(okAnswer);
    });
  };
}

interface Scene {
  readonly line: PutLine;
  readonly puts: Put[];
}

/** A line to such a server. */
async function scene(
  t: TestContext,
  replies: Reply[],
  {
    make = createServer(),
    tls,
    token,
  }: { make?: Http2Server; tls?: TlsOptions; token?: string } = {},
): Promise<Scene> {
  const puts: Put[] = [];
  const sessions = new Set<Http2Session>();
  const answer = answering(replies, puts);
  make.on("session", (session) => sessions.add(session));
  make.on("stream", (stream, headers) => answer(Object.assign(stream, { headers })));
  make.listen(0, "127.0.0.1");
  await once(make, "listening");
  const { port } = make.address() as AddressInfo;
  const client = new EtcdClient({
    endpoints: [`127.0.0.1:${port}`],
    clock: systemClock,
    random: seededRandom(1),
    ...(tls === undefined ? {} : { tls }),
    ...(token === undefined ? {} : { token }),
  });
  const line = await client.putLine(30_000);
  t.after(() => {
    line.close();
    client.close();
    for (const session of sessions) session.destroy();
    make.close();
  });
  return { line, puts };
}

function lean(put: Put): boolean {
  return put.isLean;
}

test("puts go one after the other over one connection, beyond the server's first windows", async (t) => {
  const { line, puts } = await scene(t, [], { token: "t.1" });
  const sizes = Array.from({ length: 40 }, (_, at) => at * 400);
  for (const size of sizes) await line.put("key", new Uint8Array(size));
  assert.deepEqual(
    puts,
    sizes.map((value) => ({ value, isLean: true, token: "t.1" })),
  );
});

test("over TLS, with the names and authorities of the client", async (t) => {
  const authority = await TestAuthority.create("root");
  const make = createSecureServer(await authority.issue("server"));
  const { line, puts } = await scene(t, [], { make, tls: { ca: Buffer.from(authority.cert) } });
  await line.put("key", "value");
  assert.deepEqual(puts.map(lean), [true]);
});

for (const [name, make, bytes] of [
  ["too large for a frame", createServer(), 20_000],
  [
    "too large for the server's window",
    createServer({ settings: { initialWindowSize: 100 } }),
    200,
  ],
] as const) {
  test(`a value ${name} goes the ordinary way`, async (t) => {
    const { line, puts } = await scene(t, [], { make });
    await line.put("key", new Uint8Array(bytes));
    await line.put("key", "value");
    assert.deepEqual(puts.map(lean), [false, true]);
  });
}

test("what is refused fails with etcd's error, and the next put goes on", async (t) => {
  const space = "etcdserver: mvcc: database space exceeded";
  const { line, puts } = await scene(t, [
    { code: grpcCode.resourceExhausted, details: space },
    { code: grpcCode.unknown, details: "100%25 broken %" },
    // Headers that do not fit into a frame.
    { code: grpcCode.unknown, details: "x".repeat(40_000) },
    { act: (stream) => stream.close(2) },
  ]);
  const refused = (code: number, message: string | RegExp) => async (): Promise<void> => {
    await assert.rejects(line.put("key", "value"), (error) => {
      assert.ok(error instanceof EtcdError);
      assert.equal(error.code, code);
      assert.match(error.message, message instanceof RegExp ? message : new RegExp(`^${message}$`));
      return true;
    });
  };
  await refused(grpcCode.resourceExhausted, space)();
  await refused(grpcCode.unknown, "100%25 broken %")();
  await refused(grpcCode.unknown, /^x{40000}$/)();
  await refused(grpcCode.internal, /RST_STREAM with error code: 2/)();
  await line.put("key", "value");
  assert.deepEqual(puts.map(lean), [true, true, true, true, true]);
});

test("a connection that breaks fails its put, and the next ones go the ordinary way", async (t) => {
  const { line, puts } = await scene(t, [{ act: (_, session) => session.destroy() }]);
  await assert.rejects(line.put("key", "value"), { code: grpcCode.unavailable });
  await line.put("key", "value");
  assert.deepEqual(puts.map(lean), [true, false]);
});

test("a server that goes away answers what is under way", async (t) => {
  const act = (stream: ServerHttp2Stream, session: Http2Session): void => {
    session.goaway();
    stream.respond({ ":status": 200, "grpc-status": "0" }, { endStream: true });
  };
  const { line, puts } = await scene(t, [{ act }]);
  await line.put("key", "value");
  await line.put("key", "value");
  assert.deepEqual(puts.map(lean), [true, false]);
});

test("a server that speaks no HTTP/2 is none", async (t) => {
  const server = createPlainServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
  server.listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const target = {
    endpoint: parseEndpoint(`127.0.0.1:${port}`, false),
    tls: undefined,
    path: "/etcdserverpb.KV/Put",
    metadata: {},
    connectMs: 30_000,
    keepAliveTimeMs: 10_000,
    keepAliveTimeoutMs: 10_000,
  };
  await assert.rejects(LeanConnection.open(target), { code: grpcCode.unavailable });
});

test("a put whose token is refused is sent again with the ordinary calls", async (t) => {
  const details = "etcdserver: invalid auth token";
  const { line, puts } = await scene(t, [{ code: grpcCode.unauthenticated, details }]);
  await line.put("key", "value");
  await line.put("key", "value");
  assert.deepEqual(puts.map(lean), [true, false, false]);
});

test("without a connection the ordinary calls wait for one", async (t) => {
  const { line, puts } = await scene(t, []);
  line.close();
  await line.put("key", "value");
  assert.deepEqual(puts.map(lean), [false]);
});
