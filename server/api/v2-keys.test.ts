// What the v2 API does with connections: slow readers, clients that leave, bodies without end. The
// answers themselves are compared with etcd 3.4's in test/v2.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { etcdError } from "#proto/errors.ts";
import { serveV2 as serve } from "./v2-testing.ts";

/** A watch over a raw connection, paused behind its header. */
async function watch(port: number, target: string): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  socket.write(`GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`);
  await once(socket, "data");
  socket.pause();
  return socket;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Resolves once it is so; what never comes fails. */
async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!condition()) {
    assert.ok(Date.now() < deadline, "waited in vain");
    await turn();
  }
}

test("a client that leaves frees its watcher", async (t) => {
  const { member, port } = await serve(t);
  const sockets = await Promise.all(
    ["", "&stream=true", "&recursive=true"].map((more) =>
      watch(port, `/v2/keys/a?wait=true${more}`),
    ),
  );
  assert.equal(member.store.watcherCount, 3);
  for (const socket of sockets) socket.destroy();
  await until(() => member.store.watcherCount === 0);
});

test("a stream whose client does not read ends, and holds no more than its queue", async (t) => {
  const { member, port } = await serve(t);
  const socket = await watch(port, "/v2/keys/a?wait=true&stream=true");
  const value = "v".repeat(256 * 1024);
  let sets = 0;
  while (member.store.watcherCount > 0) {
    member.set("/a", value);
    sets++;
    await turn();
    assert.ok(sets < 2000, "nobody cut the watcher off");
  }
  let bytes = 0;
  socket.on("data", (chunk) => {
    bytes += chunk.length;
  });
  socket.resume();
  // Its hundred events come, then the end of the answer.
  let tail = "";
  socket.on("data", (chunk) => {
    tail = (tail + chunk.toString("latin1")).slice(-7);
  });
  await until(() => tail.endsWith("0\r\n\r\n"));
  assert.ok(bytes > 100 * value.length);
  socket.destroy();
});

test("a body is read up to a bound, and failures are told in etcd's form", async (t) => {
  const { member, url } = await serve(t);
  const put = async (body: string) => {
    const response = await fetch(`${url}/v2/keys/a`, {
      method: "PUT",
      body: new URLSearchParams(body),
    });
    return `${response.status} ${await response.text()}`;
  };
  assert.match(await put(`value=${"x".repeat(60_000)}`), /^201 /);
  assert.equal(
    await put(`value=${"x".repeat(80_000)}`),
    '500 {"errorCode":300,"message":"Raft Internal Error","cause":"etcdserver: request is too large","index":0}\n',
  );
  member.failure = etcdError("timeout");
  assert.equal(
    await put("value=1"),
    '500 {"errorCode":300,"message":"Raft Internal Error","cause":"etcdserver: request timed out","index":0}\n',
  );
  member.failure = new Error("odd");
  assert.match(await put("value=1"), /^500 .*"cause":"odd"/);
});

test("nothing lies below /v2/ unless it was asked for", async (t) => {
  const { url } = await serve(t, false);
  const response = await fetch(`${url}/v2/keys`);
  assert.deepEqual([response.status, await response.text()], [404, "404 page not found\n"]);
});

test("members are listed as etcd lists them", async (t) => {
  const { member, url } = await serve(t);
  member.members = () =>
    [
      { ID: 0x1fn, name: "a<", peerURLs: ["http://p"], clientURLs: ["http://c"], isLearner: false },
    ] as never;
  const json = '{"id":"1f","name":"a\\u003c","peerURLs":["http://p"],"clientURLs":["http://c"]}';
  const get = async (path: string, method = "GET") => {
    const response = await fetch(url + path, { method });
    return [response.status, await response.text()];
  };
  assert.deepEqual(await get("/v2/members"), [200, `{"members":[${json}]}\n`]);
  assert.deepEqual(await get("/v2/members/leader"), [503, '{"message":"During election"}']);
  member.leader = () => 0x1fn;
  assert.deepEqual(await get("/v2/members/leader"), [200, `${json}\n`]);
  assert.deepEqual(await get("/v2/members/1f"), [404, '{"message":"Not found"}']);
  assert.deepEqual(await get("/v2/members", "PATCH"), [405, "Method Not Allowed\n"]);
});
