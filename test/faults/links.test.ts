// Links between members do what the faults ask of them, in each direction by itself.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Socket, connect as tcpConnect } from "node:net";
import { type TestContext, test } from "node:test";
import { seededRandom } from "#base/random.ts";
import { type Link, Links } from "./links.ts";

const ids = [0xa1n, 0xb2n, 0xc3n] as const;

/** Member 2 echoes; members 0 and 1 dial it through its proxy. */
class Bench {
  readonly links = new Links(seededRandom(1));
  /** What member 2 heard, in order. */
  readonly heard: string[] = [];
  port = 0;
  private readonly sockets: Socket[] = [];
  private listeners: (() => void)[] = [];

  async open(context: TestContext): Promise<void> {
    const server = createServer((socket) => {
      this.sockets.push(socket);
      socket.on("error", () => {});
      socket.on("data", (bytes: Buffer) => {
        this.heard.push(
          ...bytes
            .toString()
            .match(/say \d+/g)!
            .map((word) => word),
        );
        for (const wake of this.listeners.splice(0)) wake();
        socket.write(bytes);
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    assert.ok(address !== null && typeof address === "object");
    // The ports of members 0 and 1 are never dialled.
    await this.links.front(1);
    await this.links.front(1);
    this.port = await this.links.front(address.port);
    for (const [position, id] of ids.entries()) this.links.know(id, position);
    context.after(() => {
      for (const socket of this.sockets) socket.destroy();
      this.links.close();
      server.close();
    });
  }

  /** A connection of a member, which says its name and a word with each request. */
  async dial(
    position: 0 | 1,
  ): Promise<{ say(word: number): void; socket: Socket; echo(): Promise<string> }> {
    const socket = tcpConnect(this.port, "127.0.0.1");
    this.sockets.push(socket);
    socket.on("error", () => {});
    await once(socket, "connect");
    return {
      socket,
      say: (word) => {
        socket.write(
          `POST /raft HTTP/1.1\r\nX-Server-From: ${ids[position].toString(16)}\r\n\r\nsay ${word}\n`,
        );
      },
      echo: async () => String((await once(socket, "data"))[0]),
    };
  }

  async hears(word: number): Promise<void> {
    while (!this.heard.includes(`say ${word}`)) {
      await new Promise<void>((resolve) => this.listeners.push(resolve));
    }
  }
}

async function bench(context: TestContext): Promise<Bench> {
  const one = new Bench();
  await one.open(context);
  return one;
}

test("a blocked link holds what is sent until it is mended; others go on", {
  timeout: 20_000,
}, async (context) => {
  const it = await bench(context);
  const first = await it.dial(0);
  const second = await it.dial(1);
  const cut: Link[] = [[0, 2]];
  it.links.set(cut, { blocked: true });
  first.say(1);
  second.say(2);
  await it.hears(2);
  second.say(3);
  await it.hears(3);
  assert.deepEqual(it.heard, ["say 2", "say 3"]);
  it.links.mend(cut, false);
  await it.hears(1);
});

test("one direction is blocked, the other is not", { timeout: 20_000 }, async (context) => {
  const it = await bench(context);
  const first = await it.dial(0);
  const back: Link[] = [[2, 0]];
  it.links.set(back, { blocked: true });
  const answer = first.echo();
  first.say(1);
  await it.hears(1);
  const second = await it.dial(1);
  const other = second.echo();
  second.say(2);
  assert.match(await other, /say 2/);
  it.links.mend(back, false);
  assert.match(await answer, /say 1/);
});

test("mended by a reset, a connection that was held ends on both sides", {
  timeout: 20_000,
}, async (context) => {
  const it = await bench(context);
  const first = await it.dial(0);
  const second = await it.dial(1);
  const cut: Link[] = [[0, 2]];
  it.links.set(cut, { blocked: true });
  first.say(1);
  second.say(2);
  await it.hears(2);
  const closed = new Promise((resolve) => first.socket.once("close", resolve));
  it.links.mend(cut, true);
  await closed;
  assert.ok(!it.heard.includes("say 1"));
  // The other one held nothing.
  second.say(3);
  await it.hears(3);
});

test("who does not say its name is cut off with the whole member only", {
  timeout: 20_000,
}, async (context) => {
  const it = await bench(context);
  const both: Link[] = [
    [0, 2],
    [1, 2],
  ];
  assert.equal(it.links.condition(undefined, 2).blocked, undefined);
  it.links.set(both.slice(0, 1), { blocked: true });
  assert.equal(it.links.condition(undefined, 2).blocked, undefined);
  it.links.set(both, { blocked: true });
  assert.equal(it.links.condition(undefined, 2).blocked, true);
  it.links.mend(both, false);
  assert.equal(it.links.condition(undefined, 2).blocked, undefined);
});

test("a slow link keeps order", { timeout: 20_000 }, async (context) => {
  const it = await bench(context);
  const first = await it.dial(0);
  it.links.set([[0, 2]], { delayMs: 5, jitterMs: 20, lossPercent: 10 });
  for (let word = 1; word <= 20; word++) {
    first.say(word);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await it.hears(20);
  assert.deepEqual(
    it.heard,
    Array.from({ length: 20 }, (_, i) => `say ${i + 1}`),
  );
});
