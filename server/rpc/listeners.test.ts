import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { OperatingError } from "#base/errors.ts";
import { silentLog } from "#base/log.ts";
import { systemClock } from "#base/system-clock.ts";
import { framed, RawClient } from "#test/fakes/raw-grpc.ts";
import { SteppedClock } from "#test/fakes/stepped-clock.ts";
import { boundBody, type ConnectionLimits, defaultLimits } from "./limits.ts";
import { parseListenUrl } from "./listen-url.ts";
import { type ClientListeners, type ListenerOptions, startClientListeners } from "./listeners.ts";
import { type Responder, ServiceRegistry } from "./service-registry.ts";
import { startThreadedListeners } from "./threads/threaded-listeners.ts";

const echo = "/test.Echo/Say";
const wait = "/test.Echo/Wait";

interface TestServer extends AsyncDisposable {
  readonly listeners: ClientListeners;
  readonly url: string;
  readonly registry: ServiceRegistry;
  /** The next call to Wait. */
  waiting(): Promise<Responder>;
}

type Start = (
  limits?: Partial<ConnectionLimits>,
  options?: Partial<ListenerOptions> & { readonly url?: string },
) => Promise<TestServer>;

/** Nothing here listens for TLS, which is all that the program's own thread reads of it. */
const plainUrls = { listenClientUrls: [], listenClientHttpUrls: [], listenMetricsUrls: [] };

const startOnThread: Start = (limits, options) =>
  startBy(limits, options, (all) =>
    startThreadedListeners({
      ...all,
      threads: 1,
      entry: new URL("../io-thread.ts", import.meta.url),
      data: plainUrls,
      crashed: assert.ifError,
    }),
  );
const startHere: Start = (limits, options) => startBy(limits, options, startClientListeners);

/** Whatever is said of listeners holds wherever their connections are served. */
function onBoth(name: string, run: (start: Start) => Promise<void>): void {
  test(name, () => run(startHere));
  test(`${name} (connections on a thread)`, () => run(startOnThread));
}

async function startBy(
  limits: Partial<ConnectionLimits> = {},
  options: Partial<ListenerOptions> & { readonly url?: string } = {},
  listen: (options: ListenerOptions) => Promise<ClientListeners>,
): Promise<TestServer> {
  const registry = new ServiceRegistry();
  const arrived: Responder[] = [];
  let wake: (() => void) | undefined;
  registry.add({
    path: echo,
    requestStream: false,
    responseStream: false,
    handle: (request, responder) => responder.reply(new Uint8Array(request)),
  });
  registry.add({
    path: wait,
    requestStream: false,
    responseStream: false,
    handle(_request, responder) {
      arrived.push(responder);
      wake?.();
    },
  });
  const listeners = await listen({
    urls: [options.url ?? "http://127.0.0.1:0"],
    registry,
    http: (_request, response) => void response.end("http"),
    limits: { ...defaultLimits(1000), ...limits },
    clock: systemClock,
    log: silentLog,
    ...options,
  });
  return {
    listeners,
    registry,
    url: `http://${listeners.addresses[0]}`,
    async waiting() {
      while (arrived.length === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return arrived.shift()!;
    },
    [Symbol.asyncDispose]: () => listeners.close(0),
  };
}

onBoth("with SO_REUSEPORT two listeners share a port, without it they do not", async (start) => {
  await using first = await start({}, { reusePort: true });
  await using second = await start({}, { reusePort: true, url: first.url });
  assert.equal(second.url, first.url);
  assert.equal(await (await fetch(first.url)).text(), "http");
  await assert.rejects(start({}, { url: first.url }), { code: "EADDRINUSE" });
});

onBoth("one port serves both HTTP versions", async (start) => {
  await using server = await start();
  using client = new RawClient(server.url);
  const body = framed(Buffer.from("hello"));
  const answer = await client.call({ path: echo, body });
  assert.deepEqual([answer.code, answer.body], [0, body]);
  assert.equal(await (await fetch(server.url)).text(), "http");
});

onBoth("compressed messages are inflated, and bombs are refused", async (start) => {
  await using server = await start();
  using client = new RawClient(server.url);
  const headers = { "grpc-encoding": "gzip" };
  const call = (plain: Buffer) =>
    client.call({ path: echo, body: framed(gzipSync(plain), 1), headers });
  assert.deepEqual((await call(Buffer.from("hi"))).body, framed(Buffer.from("hi")));
  const bomb = await call(Buffer.alloc(5_000_000));
  assert.equal(bomb.code, 8);
  assert.match(bomb.message, /larger than max/);
});

test("a port in use is named, and nothing stays open", async () => {
  await using server = await startHere();
  const port = server.url.split(":").at(-1);
  const options = {
    urls: ["http://127.0.0.1:0", `http://127.0.0.1:${port}`],
    registry: server.registry,
    http: () => {},
    limits: defaultLimits(1000),
    clock: systemClock,
    log: silentLog,
  };
  await assert.rejects(startClientListeners(options), (error: OperatingError) => {
    assert.ok(error instanceof OperatingError);
    assert.equal(error.code, "EADDRINUSE");
    assert.match(
      error.message,
      new RegExp(`cannot listen on http://127\\.0\\.0\\.1:${port}: address`),
    );
    return true;
  });
});

onBoth("held connections wait until the door opens, and are then served", async (start) => {
  await using server = await start({}, { held: true });
  using client = new RawClient(server.url);
  const body = framed(Buffer.from("hello"));
  let answered = false;
  const answer = client.call({ path: echo, body }).finally(() => {
    answered = true;
  });
  await assert.rejects(fetch(server.url, { signal: AbortSignal.timeout(200) }));
  assert.equal(answered, false);
  server.listeners.open();
  assert.deepEqual((await answer).body, body);
  assert.equal(await (await fetch(server.url)).text(), "http");
});

test("listen URLs", () => {
  const good: readonly (readonly [string, string, number, string | undefined])[] = [
    ["http://127.0.0.1:2379", "127.0.0.1", 2379, undefined],
    ["http://127.0.0.1:2379/", "127.0.0.1", 2379, undefined],
    ["https://[::1]:0", "::1", 0, undefined],
    ["http://:2379", "", 2379, undefined],
    ["unix://some.sock:10", "", 0, "some.sock:10"],
  ];
  for (const [url, host, port, path] of good) {
    const got = parseListenUrl(url);
    assert.deepEqual([got.host, got.port, got.path], [host, port, path], url);
    assert.equal(got.secure, url.startsWith("https"));
  }
  for (const url of ["", "ftp://a:1", "http://a", "http://a:1/b", "http://a:99999", "unix://"])
    assert.throws(() => parseListenUrl(url), OperatingError, url);
});

onBoth("closing lets a running call finish and refuses new connections", async (start) => {
  const server = await start();
  using client = new RawClient(server.url);
  const answer = client.call({ path: wait, body: framed(Buffer.from("x")) });
  const responder = await server.waiting();
  const closed = server.listeners.close(10_000);
  const socket = connect(Number(server.url.split(":").at(-1)), "127.0.0.1");
  const [error] = (await once(socket, "error")) as [NodeJS.ErrnoException];
  // A thread learns of it a moment later.
  assert.match(error.code ?? "", /^ECONN(REFUSED|RESET)$/);
  responder.reply(Buffer.from("done"));
  assert.deepEqual((await answer).body, framed(Buffer.from("done")));
  await closed;
});

onBoth("closing ends endless calls at once", async (start) => {
  const server = await start();
  const begun = Promise.withResolvers<void>();
  server.registry.add({
    path: "/test.Test/Endless",
    requestStream: false,
    responseStream: false,
    endless: true,
    handle: () => begun.resolve(),
  });
  using client = new RawClient(server.url);
  const ended = client.call({ path: "/test.Test/Endless", body: framed(Buffer.from("x")) });
  await begun.promise;
  await server.listeners.close(60_000);
  const { code, message } = await ended;
  assert.deepEqual([code, message], [14, "etcdserver: server stopped"]);
});

onBoth("closing lets requests of HTTP/1.1 finish", async (start) => {
  const asked = Promise.withResolvers<() => void>();
  const server = await start(
    {},
    { http: (_request, response) => asked.resolve(() => void response.end("done")) },
  );
  const page = fetch(server.url).then((answer) => answer.text());
  const answer = await asked.promise;
  const closed = server.listeners.close(60_000);
  const socket = connect(Number(server.url.split(":").at(-1)), "127.0.0.1");
  await once(socket, "error");
  answer();
  assert.equal(await page, "done");
  await closed;
});

onBoth(
  "closing ends calls that take too long, with a status that clients retry elsewhere",
  async (start) => {
    const server = await start();
    using client = new RawClient(server.url);
    const answer = client.call({ path: wait, body: framed(Buffer.from("x")) });
    const responder = await server.waiting();
    const ended = new Promise<void>((resolve) => responder.onEnded(resolve));
    await server.listeners.close(10);
    await ended;
    const { code, message } = await answer;
    assert.deepEqual([code, message], [14, "etcdserver: server stopped"]);
  },
);

onBoth("a client that goes away ends its call", async (start) => {
  await using server = await start();
  const client = new RawClient(server.url);
  const answer = client.call({ path: wait, body: framed(Buffer.from("x")) });
  const responder = await server.waiting();
  const ended = new Promise<void>((resolve) => responder.onEnded(resolve));
  client[Symbol.dispose]();
  await ended;
  await answer;
  assert.ok(responder.ended);
  responder.reply(Buffer.from("too late"));
  const [, waited] = [...server.registry.all()];
  assert.equal(waited!.counters.handled[1], 1, "counted as canceled, once");
});

onBoth("a client that pings too often is cut off", async (start) => {
  await using server = await start();
  const session = connectHttp2(server.url);
  session.on("error", () => {});
  const goaway = once(session, "goaway");
  await once(session, "connect");
  for (let i = 0; i < 5 && !session.destroyed; i++) session.ping(() => {});
  const [code, , debug] = (await goaway) as [number, number, Buffer];
  assert.deepEqual([code, Buffer.from(debug).toString()], [11, "too_many_pings"]);
  session.destroy();
});

onBoth("a connection that says nothing is closed after its patience", async (start) => {
  await using server = await start({ firstBytesMs: 50 });
  const socket = connect(Number(server.url.split(":").at(-1)), "127.0.0.1");
  socket.resume();
  socket.write("PRI");
  await once(socket, "close");
});

onBoth("a connection that ends before it said enough is closed", async (start) => {
  await using server = await start();
  const socket = connect(Number(server.url.split(":").at(-1)), "127.0.0.1");
  socket.resume();
  socket.end("PRI");
  await once(socket, "close");
});

onBoth("headers beyond the limit are refused on HTTP/1.1", async (start) => {
  await using server = await start({ maxHeaderBytes: 4096 });
  const answer = await fetch(server.url, { headers: { big: "x".repeat(8192) } });
  assert.equal(answer.status, 431);
});

onBoth("an answer over HTTP/2 ends behind its request, unless that is too long", async (start) => {
  await using server = await start();
  const session = connectHttp2(server.url);
  const ask = async (bytes: number) => {
    const stream = session.request({ ":method": "POST", ":path": "/" }, { endStream: false });
    const [data] = await once(stream.setEncoding("latin1"), "data");
    assert.equal(data, "http");
    stream.write(Buffer.alloc(bytes));
    return stream;
  };
  const short = await ask(10);
  await new Promise((resolve) => session.ping(resolve));
  assert.equal(short.closed, false, "the answer waits for the end of the request");
  short.end();
  await once(short, "close");
  const long = await ask(100_000);
  await once(long, "close");
  assert.deepEqual([short.rstCode, long.rstCode], [0, 0]);
  session.destroy();
});

onBoth(
  "a body that is not there after a minute is cut off, over both HTTP versions",
  async (start) => {
    const clock = new SteppedClock();
    let asked = Promise.withResolvers<void>();
    const given = { bodies: 0 };
    const over: Promise<unknown>[] = [];
    await using server = await start(
      {},
      {
        http: (request, response) => {
          boundBody(request, clock);
          over.push(once(request, "close"));
          request.resume().once("end", () => {
            given.bodies++;
            response.end("whole");
          });
          asked.resolve();
        },
      },
    );
    const session = connectHttp2(server.url);
    const slow = connect(Number(server.url.split(":").at(-1)), "127.0.0.1");
    slow.on("error", () => {}).resume();
    slow.write("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhalf");
    await asked.promise;
    asked = Promise.withResolvers();
    const stream = session.request({ ":method": "POST", ":path": "/" }, { endStream: false });
    stream.on("error", () => {});
    stream.write("half");
    await asked.promise;

    // Whoever sent all is answered, and nobody waits for him any more.
    const whole = await fetch(server.url, { method: "POST", body: "all" });
    assert.equal(await whole.text(), "whole");
    const quick = session.request({ ":method": "POST", ":path": "/" }, { endStream: false });
    quick.end("all").resume();
    await once(quick, "close");
    await Promise.all(over.slice(2));
    assert.deepEqual([quick.rstCode, given.bodies, clock.waiting], [0, 2, 2]);

    await clock.pass(59_999);
    assert.deepEqual([slow.destroyed, stream.closed], [false, false]);
    const cut = [once(slow, "close"), once(stream, "close")];
    await clock.pass(1);
    await Promise.all(cut);
    assert.deepEqual([stream.rstCode, given.bodies, clock.waiting], [8, 2, 0]);
    assert.equal(session.destroyed, false, "what else the connection carries goes on");
    session.destroy();
  },
);
