// What only connections on threads can get wrong; all else is asked of them in ../listeners.test.ts.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { test } from "node:test";
import { silentLog } from "#base/log.ts";
import { systemClock } from "#base/system-clock.ts";
import { framed, RawClient } from "#test/fakes/raw-grpc.ts";
import { defaultLimits, type HttpHandler } from "../limits.ts";
import { type Responder, ServiceRegistry } from "../service-registry.ts";
import { startThreadedListeners } from "./threaded-listeners.ts";

const plainUrls = { listenClientUrls: [], listenClientHttpUrls: [], listenMetricsUrls: [] };

async function start(registry: ServiceRegistry, threads = 1, http?: HttpHandler) {
  const listeners = await startThreadedListeners({
    urls: ["http://127.0.0.1:0"],
    registry,
    http: http ?? ((_request, response) => void response.end("http")),
    limits: defaultLimits(8 << 20),
    clock: systemClock,
    log: silentLog,
    threads,
    entry: new URL("../../io-thread.ts", import.meta.url),
    data: plainUrls,
    crashed: assert.ifError,
  });
  return {
    url: `http://${listeners.addresses[0]}`,
    port: Number(listeners.addresses[0]!.split(":").at(-1)),
    [Symbol.asyncDispose]: () => listeners.close(0),
  };
}

/** Bytes that are not the same anywhere. */
function pattern(length: number): Buffer {
  const words = new Uint32Array(length / 4);
  for (let at = 0; at < words.length; at++) words[at] = Math.imul(at + 1, 0x9e3779b1);
  return Buffer.from(words.buffer);
}

test("a stream of answers that its client reads slowly waits here, and comes whole", async () => {
  const message = pattern(1 << 20);
  const count = 24;
  let written = 0;
  let held = 0;
  const registry = new ServiceRegistry();
  registry.add({
    path: "/test.Test/Many",
    requestStream: false,
    responseStream: true,
    handle(_request, responder) {
      const go = (): void => {
        while (written < count) {
          written++;
          if (!responder.write(Buffer.from(message))) {
            held++;
            return;
          }
        }
        responder.end();
      };
      responder.onDrain(go);
      go();
    },
  });
  await using server = await start(registry);
  const session = connectHttp2(server.url);
  const stream = session.request({
    ":method": "POST",
    ":path": "/test.Test/Many",
    "content-type": "application/grpc",
    te: "trailers",
  });
  stream.end(framed(Buffer.from("x")));
  await once(stream, "response");
  stream.pause();
  // What is on its way has a bound, so the writer stands still long before its end.
  await new Promise((resolve) => session.ping(resolve));
  assert.ok(written < count, `${written} messages were taken from a client that reads nothing`);
  let bytes = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    for (let at = 0; at < chunk.length; ) {
      const inMessage = (bytes % (message.length + 5)) - 5;
      if (inMessage < 0) {
        at++;
        bytes++;
        continue;
      }
      const length = Math.min(chunk.length - at, message.length - inMessage);
      assert.ok(
        chunk.subarray(at, at + length).equals(message.subarray(inMessage, inMessage + length)),
        `byte ${bytes} and those behind it`,
      );
      at += length;
      bytes += length;
    }
  }
  assert.equal(bytes, count * (message.length + 5));
  assert.ok(held > 0);
  session.destroy();
});

test("a request stream that is held stops its client, and comes whole once it goes on", async () => {
  const received: Buffer[] = [];
  const opened = Promise.withResolvers<Responder>();
  const ended = Promise.withResolvers<void>();
  const registry = new ServiceRegistry();
  registry.add({
    path: "/test.Test/Take",
    requestStream: true,
    responseStream: false,
    open(responder) {
      responder.holdRequests(true);
      opened.resolve(responder);
      return {
        message: (bytes) => void received.push(Buffer.from(bytes)),
        end() {
          responder.reply(Buffer.from("all"));
          ended.resolve();
        },
      };
    },
  });
  await using server = await start(registry);
  const session = connectHttp2(server.url);
  const stream = session.request(
    {
      ":method": "POST",
      ":path": "/test.Test/Take",
      "content-type": "application/grpc",
      te: "trailers",
    },
    { endStream: false },
  );
  stream.resume();
  const message = pattern(1 << 20);
  const count = 16;
  let taken = 0;
  for (let at = 0; at < count; at++) stream.write(framed(message), () => void taken++);
  stream.end();
  const responder = await opened.promise;
  // Until the client stands still: as long as twenty others are answered on the same thread.
  using other = new RawClient(server.url);
  for (let still = 0, before = -1; still < 20; still = taken === before ? still + 1 : 0) {
    before = taken;
    assert.equal((await other.call({ path: "/test.Test/None" })).code, 12);
  }
  assert.ok(taken < 4, `${taken} MiB were taken from a client, by a call that takes nothing`);
  assert.equal(received.length, 0);
  responder.holdRequests(false);
  await ended.promise;
  assert.deepEqual(
    received.map((one) => one.equals(message)),
    Array.from({ length: count }, () => true),
  );
  session.destroy();
});

test("several threads share a port, and each answers", async () => {
  const registry = new ServiceRegistry();
  registry.add({
    path: "/test.Test/Echo",
    requestStream: false,
    responseStream: false,
    handle: (request, responder) => responder.reply(new Uint8Array(request)),
  });
  await using server = await start(registry, 3);
  const clients = Array.from({ length: 24 }, () => new RawClient(server.url));
  const answers = await Promise.all(
    clients.map((client, at) =>
      client.call({ path: "/test.Test/Echo", body: framed(Buffer.from(`${at}`)) }),
    ),
  );
  assert.deepEqual(
    answers.map(({ code, body }) => [code, body.subarray(5).toString()]),
    clients.map((_, at) => [0, `${at}`]),
  );
  for (const client of clients) client[Symbol.dispose]();
});

test("several threads do not share a port that is taken", async () => {
  await using taken = await start(new ServiceRegistry(), 2);
  await assert.rejects(
    startThreadedListeners({
      urls: [taken.url],
      registry: new ServiceRegistry(),
      http: () => {},
      limits: defaultLimits(1000),
      clock: systemClock,
      log: silentLog,
      threads: 2,
      entry: new URL("../../io-thread.ts", import.meta.url),
      data: plainUrls,
      crashed: assert.ifError,
    }),
    { code: "EADDRINUSE" },
  );
});

test("HTTP/1.1: a large body both ways, who asks, and a connection that is closed behind its answer", async () => {
  const body = pattern(3 << 20);
  const registry = new ServiceRegistry();
  await using server = await start(registry, 1, (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      response.setHeader("x-address", request.socket?.remoteAddress ?? "");
      response.end(Buffer.concat(chunks));
    });
  });
  const answer = await fetch(server.url, { method: "POST", body });
  assert.equal(answer.headers.get("x-address"), "127.0.0.1");
  assert.ok(Buffer.from(await answer.arrayBuffer()).equals(body));
  const socket = connect(server.port, "127.0.0.1");
  socket.write("GET / HTTP/1.0\r\n\r\n");
  const chunks: Buffer[] = [];
  for await (const chunk of socket as AsyncIterable<Buffer>) chunks.push(chunk);
  assert.match(Buffer.concat(chunks).toString(), /^HTTP\/1\.1 200 OK\r\n/);
});
