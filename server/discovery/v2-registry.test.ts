import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { systemClock } from "#base/system-clock.ts";
import { DiscoveryRefusal } from "#server/discovery/registry.ts";
import { openV2Registry } from "#server/discovery/v2-registry.ts";

interface Answer {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

/** A server that answers requests in turn and keeps what was asked. */
class Script implements AsyncDisposable {
  readonly asked: string[] = [];
  readonly answers: Answer[] = [];
  readonly server: Server;

  constructor() {
    this.server = createServer(async (incoming, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of incoming) chunks.push(chunk as Buffer);
      const body = Buffer.concat(chunks).toString();
      this.asked.push(`${incoming.method} ${incoming.url}${body === "" ? "" : ` ${body}`}`);
      const { status = 200, headers = {}, body: text = "" } = this.answers.shift() ?? {};
      response.writeHead(status, headers).end(text);
    });
  }

  async start(): Promise<string> {
    this.server.listen(0, "127.0.0.1");
    await once(this.server, "listening");
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
  }
}

const json = (value: unknown, more: Partial<Answer> = {}): Answer => ({
  body: `${JSON.stringify(value)}\n`,
  ...more,
});

test("the requests of the v2 protocol, and what answers mean", async () => {
  await using script = new Script();
  const url = `${await script.start()}/v2/keys/registry/t/`;
  const registry = openV2Registry({ kind: "v2", url, proxy: "" }, systemClock);
  const answer = <T>(with_: Answer, run: () => Promise<T>): Promise<T> => {
    script.answers.push(with_);
    return run();
  };
  assert.equal(await answer(json({ node: { value: "3" } }), () => registry.size()), "3");
  const missing = json({ errorCode: 100, message: "Key not found" }, { status: 404 });
  assert.equal(await answer(missing, () => registry.size()), undefined);
  const nodes = [
    { key: "/registry/t/b", value: "m=http://h:1", createdIndex: 9 },
    { key: "/registry/t/_config", dir: true, createdIndex: 2 },
  ];
  const listed = json({ node: { nodes } }, { headers: { "X-Etcd-Index": "41" } });
  assert.deepEqual(await answer(listed, () => registry.list()), {
    members: [{ id: "b", value: "m=http://h:1", order: 9 }],
    position: 41,
  });
  const made = json({ node: { createdIndex: 5 } }, { status: 201 });
  assert.equal(await answer(made, () => registry.register("a", "n=http://h:1")), "registered");
  const there = json({ errorCode: 105, message: "Key already exists" }, { status: 412 });
  assert.equal(await answer(there, () => registry.register("a", "x")), "exists");
  await answer({}, () => registry.changed(41));
  await answer(json({ errorCode: 401, message: "cleared" }, { status: 400 }), () =>
    registry.changed(1),
  );
  assert.deepEqual(script.asked, [
    "GET /v2/keys/registry/t/_config/size",
    "GET /v2/keys/registry/t/_config/size",
    "GET /v2/keys/registry/t?quorum=true",
    "PUT /v2/keys/registry/t/a?prevExist=false value=n%3Dhttp%3A%2F%2Fh%3A1",
    "PUT /v2/keys/registry/t/a?prevExist=false value=x",
    "GET /v2/keys/registry/t?wait=true&recursive=true&waitIndex=42",
    "GET /v2/keys/registry/t?wait=true&recursive=true&waitIndex=2",
  ]);

  const isRefusal = async (given: Answer, message: RegExp): Promise<void> => {
    await assert.rejects(
      answer(given, () => registry.size()),
      (error: Error) => {
        assert.ok(error instanceof DiscoveryRefusal, error.message);
        assert.match(error.message, message);
        return true;
      },
    );
  };
  await isRefusal({ body: "<html>" }, /discovery: bad discovery endpoint/);
  await isRefusal({ body: "404 page not found\n", status: 404 }, /bad discovery endpoint/);
  await isRefusal({ body: "{}" }, /bad discovery endpoint/);
  await isRefusal({ body: "3" }, /bad discovery endpoint/);
  const wrongTypes = [
    ...[{ node: null }, { node: 5 }, { node: { value: 3 } }, { node: { nodes: 5 } }],
    ...[{ node: { nodes: [{ key: 5 }] } }, { node: { nodes: [{ createdIndex: "1" }] } }],
    ...[{ node: { nodes: [null] } }, { errorCode: "100" }, { errorCode: 110, cause: {} }],
  ];
  for (const wrong of wrongTypes) await isRefusal(json(wrong), /bad discovery endpoint/);
  const long = json({ errorCode: 110, message: "x".repeat(100_000) }, { status: 401 });
  await isRefusal(long, /^.{100,2000}$/);
  await isRefusal(
    json({ errorCode: 110, message: "no auth", cause: "c" }, { status: 401 }),
    /110: no auth/,
  );
  // Passing: asked again by the caller.
  for (const passing of [{ status: 503 }, json({ errorCode: 300 }, { status: 400 })]) {
    await assert.rejects(
      answer(passing, () => registry.size()),
      { code: "V2_ANSWER" },
    );
  }
  registry.close();
  await assert.rejects(registry.size(), { code: "REGISTRY_CLOSED" });
});

test("redirects are followed, but not for ever", async () => {
  await using script = new Script();
  const origin = await script.start();
  const registry = openV2Registry({ kind: "v2", url: `${origin}/t`, proxy: "" }, systemClock);
  const elsewhere = { status: 307, headers: { location: `${origin}/other/_config/size` } };
  script.answers.push(elsewhere, json({ node: { value: "1" } }));
  assert.equal(await registry.size(), "1");
  assert.deepEqual(script.asked, ["GET /t/_config/size", "GET /other/_config/size"]);
  script.answers.push(...Array<Answer>(20).fill(elsewhere));
  await assert.rejects(registry.size(), { message: /redirects more than 10 times/ });
  for (const location of ["ftp://h/", "file:///etc/passwd", "http://["]) {
    script.answers.splice(0, Number.POSITIVE_INFINITY, { status: 302, headers: { location } });
    await assert.rejects(registry.size(), { code: "HTTP_FAILED", message: /redirects to "/ });
  }
  registry.close();
});

test("through a proxy: plain requests whole, TLS in a tunnel", async () => {
  await using script = new Script();
  const origin = await script.start();
  const seen: string[] = [];
  const proxy = createServer((incoming, response) => {
    seen.push(`${incoming.method} ${incoming.url} ${incoming.headers["proxy-authorization"]}`);
    incoming.pipe(
      request(incoming.url!, { method: incoming.method! }, (answer) => {
        response.writeHead(answer.statusCode!, answer.headers);
        answer.pipe(response);
      }),
    );
  });
  proxy.on("connect", (incoming, socket) => {
    seen.push(`CONNECT ${incoming.url}`);
    socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  const at = `127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  try {
    const plain = openV2Registry(
      { kind: "v2", url: `${origin}/t`, proxy: `http://u:p@${at}` },
      systemClock,
    );
    script.answers.push(json({ node: { value: "1" } }));
    assert.equal(await plain.size(), "1");
    plain.close();
    const config = { kind: "v2", url: "https://127.0.0.1:9/t", proxy: at } as const;
    const tunnelled = openV2Registry(config, systemClock);
    await assert.rejects(tunnelled.size(), { message: /answered 403 to CONNECT/ });
    tunnelled.close();
    assert.deepEqual(seen, [
      `GET ${origin}/t/_config/size Basic ${Buffer.from("u:p").toString("base64")}`,
      "CONNECT 127.0.0.1:9",
    ]);
  } finally {
    proxy.closeAllConnections();
    proxy.close();
  }
});

test("what is no URL is refused before anything is asked", () => {
  for (const [url, proxy] of [
    ["discovery.example", ""],
    ["ftp://h/t", ""],
    ["http://h/t", "http://"],
  ] as const) {
    assert.throws(() => openV2Registry({ kind: "v2", url, proxy }, systemClock), {
      code: "DISCOVERY_FAILED",
      message: /discovery: invalid URL/,
    });
  }
});

test("an answer that never comes ends with the request's time", async () => {
  const silent = createServer(() => {});
  silent.listen(0, "127.0.0.1");
  await once(silent, "listening");
  const { port } = silent.address() as AddressInfo;
  const clock = {
    ...systemClock,
    // As soon as the server has the request.
    after: (_delayMs: number, run: () => void) => {
      silent.once("request", run);
      return { cancel: () => silent.off("request", run) };
    },
  };
  const registry = openV2Registry(
    { kind: "v2", url: `http://127.0.0.1:${port}/t`, proxy: "" },
    clock,
  );
  await assert.rejects(registry.size(), { message: /did not answer within 5000 ms/ });
  registry.close();
  silent.closeAllConnections();
  silent.close();
});
