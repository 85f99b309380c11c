// On real sockets: what is used of node's handles is no promise of node's, so this tells when it changes.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { SocketHandle } from "./socket-handle.ts";

interface Pair extends Disposable {
  readonly client: Socket;
  readonly server: Socket;
  readonly handle: SocketHandle;
  readonly received: Buffer[];
  /** Resolves once so many bytes were received in all. */
  has(bytes: number): Promise<void>;
  /** Resolves when what waited was taken. */
  taken(): Promise<void>;
}

async function pair(): Promise<Pair> {
  const listener = createServer({ pauseOnConnect: true });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address() as { port: number };
  const accepted = once(listener, "connection") as Promise<[Socket]>;
  const client = connect(port, "127.0.0.1");
  const [server] = await accepted;
  listener.close();
  const received: Buffer[] = [];
  let wake = (): void => {};
  let wakeTaken = (): void => {};
  const handle = SocketHandle.of(
    server,
    (bytes) => {
      received.push(bytes);
      wake();
    },
    () => wakeTaken(),
  );
  assert.ok(handle, "this Node's sockets have other handles");
  server.on("error", () => {});
  server.resume();
  return {
    client,
    server,
    handle,
    received,
    async has(bytes) {
      while (Buffer.concat(received).length < bytes)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    },
    taken: () =>
      new Promise((resolve) => {
        wakeTaken = resolve;
      }),
    [Symbol.dispose]() {
      client.destroy();
      server.destroy();
    },
  };
}

test("bytes come in order, in buffers that the next read leaves alone", async () => {
  using one = await pair();
  using other = await pair();
  for (let round = 1; round <= 20; round++) {
    one.client.write(Buffer.alloc(100, round));
    other.client.write(Buffer.alloc(100, 100 + round));
    await Promise.all([one.has(100 * round), other.has(100 * round)]);
  }
  const expected = (from: number): Buffer =>
    Buffer.concat(Array.from({ length: 20 }, (_, at) => Buffer.alloc(100, from + at)));
  assert.deepEqual(Buffer.concat(one.received), expected(1));
  assert.deepEqual(Buffer.concat(other.received), expected(101));
});

test("an end comes to the socket", async () => {
  using ended = await pair();
  ended.server.on("data", () => assert.fail("bytes went to the stream"));
  const end = once(ended.server, "end");
  ended.client.end("last");
  await end;
  assert.equal(Buffer.concat(ended.received).toString(), "last");
});

test("what the kernel does not take waits, and is said to be taken once the client reads", async () => {
  using slow = await pair();
  assert.equal(slow.handle.write([Buffer.from("a"), Buffer.from("b")], 2), "taken");
  assert.equal(slow.handle.write([Buffer.from("c")], 1), "taken");
  const large = Buffer.alloc(32 << 20, 7);
  const taken = slow.taken();
  assert.equal(slow.handle.write([large], large.length), "waits");
  assert.equal(slow.handle.waiting, large.length);
  // What the socket is given meanwhile comes behind.
  slow.server.write("end");
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of slow.client as AsyncIterable<Buffer>) {
    parts.push(part);
    bytes += part.length;
    if (bytes === large.length + 6) break;
  }
  await taken;
  assert.equal(slow.handle.waiting, 0);
  const whole = Buffer.concat(parts);
  assert.equal(whole.toString("latin1", 0, 3), "abc");
  assert.equal(whole.toString("latin1", whole.length - 3), "end");
});

test("what waits is kept, though nobody else has it any more", async () => {
  using slow = await pair();
  const collect = collector();
  const size = 32 << 20;
  const gone = writeUnheld(slow.handle, size);
  // Whoever lets go of the bytes sees them collected, and their memory used again.
  for (let round = 0; round < 5; round++) {
    await new Promise((resolve) => setImmediate(resolve));
    collect();
    for (let at = 0; at < 4; at++) Buffer.alloc(size, 1);
  }
  let bytes = 0;
  for await (const part of slow.client as AsyncIterable<Buffer>) {
    assert.ok(part.equals(Buffer.alloc(part.length, 7)), `bytes behind ${bytes}`);
    bytes += part.length;
    if (bytes === size) break;
  }
  while (gone.deref() !== undefined) {
    await new Promise((resolve) => setImmediate(resolve));
    collect();
  }
});

function collector(): () => void {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as () => void;
}

/** Apart, so that no variable of the test holds the bytes. */
function writeUnheld(handle: SocketHandle, size: number): WeakRef<Buffer> {
  const large = Buffer.alloc(size, 7);
  assert.equal(handle.write([large], size), "waits");
  return new WeakRef(large);
}

test("a reset comes to the socket as its error", async () => {
  using gone = await pair();
  const failed = once(gone.server, "error") as Promise<[NodeJS.ErrnoException]>;
  gone.client.resetAndDestroy();
  const [error] = await failed;
  assert.equal(error.code, "ECONNRESET");
});

test("pause stops the reading until resume", async () => {
  using paused = await pair();
  paused.handle.pause();
  paused.client.write("x");
  // A way to the client and back takes longer than the read would.
  paused.handle.write([Buffer.from("y")], 1);
  await once(paused.client, "data");
  assert.equal(paused.received.length, 0);
  paused.handle.resume();
  await paused.has(1);
});

test("other streams have none", () => {
  const stream = new Duplex();
  assert.equal(
    SocketHandle.of(
      stream,
      () => {},
      () => {},
    ),
    undefined,
  );
});
