import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { test } from "node:test";
import { silentLog } from "#base/log.ts";
import { seededRandom } from "#base/random.ts";
import { systemClock } from "#base/system-clock.ts";
import { Backends } from "./backends.ts";
import { type Gateway, startTcpGateway } from "./tcp-gateway.ts";

interface Member {
  readonly port: number;
  readonly server: Server;
}

/** Answers with its letter and what it was sent, once the other side has ended. */
async function member(letter: string, port = 0): Promise<Member> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const parts: Buffer[] = [];
    socket.on("data", (part) => parts.push(part));
    socket.on("end", () => socket.end(`${letter}:${Buffer.concat(parts)}`));
    socket.on("error", () => {});
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return { port: (server.address() as AddressInfo).port, server };
}

async function gatewayTo(ports: readonly number[], retryDelayMs = 60_000): Promise<Gateway> {
  const backends = ports.map((port) => ({ host: "127.0.0.1", port, priority: 0, weight: 0 }));
  return startTcpGateway({
    host: "127.0.0.1",
    port: 0,
    backends: new Backends(backends, seededRandom(1)),
    retryDelayMs,
    clock: systemClock,
    log: silentLog,
  });
}

async function ask(gateway: Gateway, text: string): Promise<string> {
  const socket: Socket = connect({ port: gateway.port, host: "127.0.0.1", allowHalfOpen: true });
  socket.end(text);
  const parts: Buffer[] = [];
  for await (const part of socket) parts.push(part as Buffer);
  return Buffer.concat(parts).toString();
}

test("connections go to the members in turn, and a half that ends leaves the other open", async (t) => {
  const [a, b] = [await member("a"), await member("b")];
  const gateway = await gatewayTo([a.port, b.port]);
  t.after(async () => {
    await gateway.close();
    a.server.close();
    b.server.close();
  });
  const answers = [await ask(gateway, "1"), await ask(gateway, "2"), await ask(gateway, "3")];
  assert.deepEqual(answers, ["a:1", "b:2", "a:3"]);
  const large = "x".repeat(5_000_000);
  assert.equal(await ask(gateway, large), `b:${large}`);
});

test("a member that refuses is set aside, and tried again", async (t) => {
  const [a, b] = [await member("a"), await member("b")];
  a.server.close();
  await once(a.server, "close");
  const gateway = await gatewayTo([a.port, b.port], 50);
  t.after(async () => {
    await gateway.close();
    b.server.close();
  });
  assert.deepEqual([await ask(gateway, "1"), await ask(gateway, "2")], ["b:1", "b:2"]);
  const again = await member("a", a.port);
  t.after(() => again.server.close());
  let answer = "";
  while (!answer.startsWith("a")) answer = await ask(gateway, "3");
  assert.equal(answer, "a:3");
});

test("with no member alive a connection is closed", async (t) => {
  const a = await member("a");
  a.server.close();
  await once(a.server, "close");
  const gateway = await gatewayTo([a.port]);
  t.after(() => gateway.close());
  assert.equal(await ask(gateway, "1").catch(() => ""), "");
});
