// Frames and header blocks at random against the pure connection: valid conversations, then bent. After
// each step windows and counts must add up, whatever came. `npm run fuzz:http2 -- --seconds 600`; a few
// rounds run with the tests. One round: `npm run fuzz:http2 -- --seed N`.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { parseArgs } from "node:util";
import { type Random, seededRandom } from "#base/random.ts";
import { Http2Connection } from "#server/rpc/http2/connection.ts";
import { errorCode, frameFlag, frameType, preface } from "#server/rpc/http2/frame.ts";
import { CompressionFault, HeaderDecoder } from "#server/rpc/http2/header-decoder.ts";
import type { HeaderList } from "#server/rpc/http2/header-encoder.ts";
import { BlockPool, QueuedBytes } from "#server/rpc/http2/output.ts";
import type { Http2Stream, StreamReceiver } from "#server/rpc/http2/stream.ts";
import { frame, literal, postBlock, settings, uint32 } from "./frames.ts";

/** What a round did; added up to show that the fuzzer reaches what it is for. */
export interface RoundCounts {
  frames: number;
  requests: number;
  answered: number;
  /** How connections ended, by the reason of their fault. */
  readonly ended: Map<string, number>;
}

const maxHeaderBytes = 4096;
const noPrefix = new Uint8Array(0);
const okList: HeaderList = { fields: [{ name: ":status", value: "200" }], recurs: true };
const lists: readonly HeaderList[] = [
  okList,
  { fields: [...okList.fields, { name: "content-type", value: "application/grpc" }], recurs: true },
  { fields: [...okList.fields, { name: "x", value: "y".repeat(300) }], recurs: false },
  { fields: [...okList.fields, { name: "x", value: "y".repeat(20_000) }], recurs: false },
];
const trailerLists: readonly (HeaderList | undefined)[] = [
  undefined,
  { fields: [{ name: "grpc-status", value: "0" }], recurs: true },
];

/** Counts its blocks, so that each comes back exactly once. */
class CountingPool extends BlockPool {
  readonly out = new Set<Buffer>();

  override take(small?: boolean): Buffer {
    const block = super.take(small);
    this.out.add(block);
    return block;
  }

  override give(block: Buffer): void {
    assert.ok(this.out.delete(block), "a block was given back twice");
    super.give(block);
  }
}

/** Plays one connection from `seed`; throws AssertionError if anything does not hold. */
export function fuzzRound(seed: number, counts: RoundCounts): void {
  const random = seededRandom(seed);
  new FuzzedConnection(random, counts).play();
  fuzzBlocks(random);
}

class FuzzedConnection {
  private readonly random: Random;
  private readonly counts: RoundCounts;
  private readonly pool = new CountingPool();
  private readonly total = new QueuedBytes(1 << 20);
  private readonly http2: Http2Connection;
  private readonly streams: Http2Stream[] = [];
  private readonly over = new Set<Http2Stream>();
  /** What the client would open next, and what it has opened and not ended. */
  private nextId = 1;
  private readonly open = new Set<number>();
  private nowMs = 0;
  private readonly bend: number;

  constructor(random: Random, counts: RoundCounts) {
    this.random = random;
    this.counts = counts;
    this.bend = random.chance(0.3) ? 0 : random.chance(0.5) ? 0.02 : 0.2;
    this.http2 = new Http2Connection(
      {
        maxConcurrentStreams: 1 + random.below(40),
        maxHeaderBytes,
        maxQueuedBytes: 1 << (10 + random.below(12)),
      },
      {
        request: (stream) => this.serve(stream),
        wantsFlush() {},
        pinged() {},
        ponged() {},
        refused() {},
      },
      this.pool,
      this.total,
      () => this.nowMs,
    );
  }

  play(): void {
    const { random, http2 } = this;
    let goesOn = this.send(Buffer.concat([preface, settings([4, random.below(200_000)])]));
    const steps = 20 + random.below(200);
    for (let step = 0; step < steps && goesOn; step++) {
      const frames = Array.from({ length: 1 + random.below(6) }, () => this.bent(this.frame()));
      if (random.chance(this.bend)) frames.push(frames[random.below(frames.length)]!);
      if (random.chance(this.bend)) frames.reverse();
      goesOn = this.send(Buffer.concat(frames));
      this.nowMs += random.below(20);
      if (goesOn) this.act();
      if (goesOn) http2.checkAccounts();
    }
    if (http2.fault !== undefined) {
      const { reason } = http2.fault;
      this.counts.ended.set(reason, (this.counts.ended.get(reason) ?? 0) + 1);
      assert.equal(http2.streams.size, 0);
      assert.ok(http2.output.bytes >= 17, "a GOAWAY is to be sent");
    }
    http2.abandon();
    http2.output.drop();
    for (const stream of this.streams) stream.hold(false);
    assert.equal(this.total.held, 0, "bytes are queued for ever");
    assert.equal(http2.queuedBytes, 0);
    assert.equal(this.pool.out.size, 0, "blocks were not given back");
    for (const stream of this.streams)
      assert.ok(stream.localEnded && stream.remoteEnded, `stream ${stream.id} is not over`);
  }

  private send(bytes: Buffer): boolean {
    const { random, http2 } = this;
    for (let at = 0; at < bytes.length; ) {
      const size = random.chance(0.5) ? bytes.length : 1 + random.below(64);
      // A copy, as the socket's chunks are, that is spoilt afterwards by nobody.
      if (!http2.receive(Buffer.from(bytes.subarray(at, at + size)))) return false;
      at += size;
    }
    return true;
  }

  private serve(stream: Http2Stream): StreamReceiver {
    const { random } = this;
    this.counts.requests++;
    this.streams.push(stream);
    if (random.chance(0.3)) stream.hold(true);
    if (random.chance(0.3)) this.answer(stream);
    const alive = (what: string): void =>
      assert.ok(!this.over.has(stream), `${what} behind the end of stream ${stream.id}`);
    return {
      onData: () => {
        alive("data");
        assert.ok(!stream.localEnded, "data behind the answer");
        if (random.chance(0.1)) stream.hold(true);
        if (random.chance(0.1)) this.answer(stream);
      },
      onEnd: () => {
        alive("an end");
        if (random.chance(0.7)) this.answer(stream);
      },
      onReset: () => {
        alive("a reset");
        this.over.add(stream);
      },
      onWritable: () => {
        alive("room");
        if (!stream.ends && random.chance(0.5)) stream.write(noPrefix, Buffer.alloc(1000));
      },
    };
  }

  private answer(stream: Http2Stream): void {
    const { random } = this;
    if (stream.ends || stream.localEnded) return;
    if (!stream.headersSent) stream.respond(pick(random, lists), random.chance(0.2));
    if (stream.localEnded) return;
    for (let writes = random.below(4); writes > 0 && !stream.localEnded; writes--)
      stream.write(random.chance(0.5) ? noPrefix : Buffer.alloc(5), Buffer.alloc(this.size()));
    if (random.chance(0.6)) {
      stream.finish(pick(random, trailerLists));
      this.counts.answered++;
    }
  }

  /** What the server's side does between reads. */
  private act(): void {
    const { random, http2 } = this;
    if (random.chance(0.7)) for (const block of http2.parcel().blocks) this.pool.give(block);
    if (random.chance(0.1)) http2.congested = !http2.congested;
    if (random.chance(0.5)) http2.resume();
    if (random.chance(0.01)) http2.goaway(errorCode.noError, "");
    if (random.chance(0.05)) http2.ping();
    for (let times = random.below(3); times > 0 && this.streams.length > 0; times--) {
      const stream = pick(random, this.streams.slice(-20));
      if (random.chance(0.3)) stream.hold(random.chance(0.3));
      else if (random.chance(0.8)) this.answer(stream);
      else if (!stream.localEnded || !stream.remoteEnded) {
        if (http2.streams.has(stream.id)) stream.reset(errorCode.cancel);
      }
    }
  }

  private size(): number {
    const { random } = this;
    return random.below(random.chance(0.7) ? 300 : random.chance(0.8) ? 20_000 : 150_000);
  }

  private streamId(): number {
    const { random } = this;
    if (random.chance(this.bend / 4)) return random.below(this.nextId + 10);
    return pick(random, [...this.open].slice(-20));
  }

  private frame(): Buffer {
    const { random } = this;
    this.counts.frames++;
    const kind = random.below(12);
    if (kind < 3 || this.open.size === 0) {
      const id = this.nextId;
      this.nextId += 2;
      return this.headers(id, random.chance(0.4), randomBlock(random));
    }
    switch (kind) {
      case 3:
      case 4:
      case 5:
        return this.data(this.streamId());
      case 6:
        return frame(frameType.windowUpdate, 0, this.streamId(), uint32(1 + this.size()));
      case 7:
        return frame(frameType.windowUpdate, 0, 0, uint32(1 + this.size()));
      case 8:
        return this.reset(this.streamId());
      case 9:
        return random.chance(0.5)
          ? settings([4, this.size()])
          : settings([3 + random.below(4), 16_384], [1, random.below(8192)]);
      case 10:
        return frame(frameType.ping, random.below(2), 0, Buffer.alloc(8));
      default:
        return random.chance(0.5)
          ? this.headers(this.streamId(), true, literal("a", "b", random.chance(0.5)))
          : frame(frameType.priority, 0, this.streamId(), Buffer.from("0000000003", "hex"));
    }
  }

  private reset(id: number): Buffer {
    this.open.delete(id);
    return frame(frameType.rstStream, 0, id, uint32(errorCode.cancel));
  }

  private data(id: number): Buffer {
    const { random } = this;
    const body = Buffer.alloc(Math.min(this.size(), 16_000));
    const ends = random.chance(0.3) ? frameFlag.endStream : 0;
    if (ends > 0) this.open.delete(id);
    if (random.chance(0.8)) return frame(frameType.data, ends, id, body);
    const pad = random.below(200);
    const padded = Buffer.concat([Buffer.of(pad), body, Buffer.alloc(pad)]);
    return frame(frameType.data, ends | frameFlag.padded, id, padded);
  }

  private headers(id: number, ends: boolean, block: Buffer): Buffer {
    const { random } = this;
    const end = ends ? frameFlag.endStream : 0;
    if (ends) this.open.delete(id);
    else this.open.add(id);
    if (random.chance(0.8)) return frame(frameType.headers, frameFlag.endHeaders | end, id, block);
    const cut = random.below(block.length);
    return Buffer.concat([
      frame(frameType.headers, end, id, block.subarray(0, cut)),
      frame(frameType.continuation, 0, id, Buffer.alloc(0)),
      frame(frameType.continuation, frameFlag.endHeaders, id, block.subarray(cut)),
    ]);
  }

  private bent(bytes: Buffer): Buffer {
    const { random } = this;
    if (!random.chance(this.bend)) return bytes;
    switch (random.below(6)) {
      case 0:
        bytes[random.below(bytes.length)]! ^= 1 << random.below(8);
        return bytes;
      case 1:
        bytes[3] = random.below(12);
        return bytes;
      case 2:
        bytes[4] = random.below(256);
        return bytes;
      case 3:
        bytes.writeUInt32BE(random.below(this.nextId + 8), 5);
        return bytes;
      case 4:
        return Buffer.concat([bytes, bytes]);
      default: {
        // Cut, with a length that agrees.
        const length = random.below(bytes.length - 8);
        bytes.writeUIntBE(length, 0, 3);
        return bytes.subarray(0, 9 + length);
      }
    }
  }
}

function pick<T>(random: Random, values: readonly T[]): T {
  return values[random.below(values.length)]!;
}

/** A request's fields, some of them kept in the table or asked from it. */
function randomBlock(random: Random): Buffer {
  const parts: Buffer[] = [postBlock];
  if (random.chance(0.1)) parts.unshift(Buffer.of(0x20 | random.below(31)));
  for (let fields = random.below(5); fields > 0; fields--) {
    const name = pick(random, ["a", "te", "content-length", "cookie", "x-y"]);
    const value = name === "te" ? "trailers" : String(random.below(2000));
    if (random.chance(0.7)) parts.push(literal(name, value, random.chance(0.5)));
    else parts.push(Buffer.of(0x80 | (15 + random.below(48))));
  }
  return Buffer.concat(parts);
}

/** Blocks that are bent or were never one, to a decoder of their own. */
function fuzzBlocks(random: Random): void {
  const decoder = new HeaderDecoder(maxHeaderBytes);
  for (let blocks = 0; blocks < 10; blocks++) {
    const block = random.chance(0.5)
      ? randomBlock(random)
      : Buffer.from(Array.from({ length: 1 + random.below(80) }, () => random.below(256)));
    for (let flips = random.below(4); flips > 0; flips--)
      block[random.below(block.length)]! ^= 1 << random.below(8);
    let bytes = 0;
    try {
      decoder.decode(block, 0, block.length, {
        field: (name, value) => {
          bytes += name.length + value.length + 32;
        },
      });
    } catch (error) {
      if (!(error instanceof CompressionFault)) throw error;
      return;
    } finally {
      assert.ok(bytes <= maxHeaderBytes, "more fields than the limit");
    }
  }
}

/** Plays rounds from `seed` on until `isOver`; errors name the seed. */
export function fuzz(seed: number, isOver: (rounds: number) => boolean): RoundCounts {
  const counts: RoundCounts = { frames: 0, requests: 0, answered: 0, ended: new Map() };
  for (let rounds = 0; !isOver(rounds); rounds++) {
    try {
      fuzzRound(seed + rounds, counts);
    } catch (error) {
      throw new Error(`replay: npm run fuzz:http2 -- --seed ${seed + rounds}`, { cause: error });
    }
  }
  return counts;
}

function main(): void {
  const { values } = parseArgs({
    options: { seconds: { type: "string" }, seed: { type: "string" } },
  });
  if (values.seed !== undefined) {
    fuzz(Number(values.seed), (rounds) => rounds > 0);
    return;
  }
  const endsMs = Date.now() + Number(values.seconds ?? 10) * 1000;
  const first = Math.floor(Math.random() * 2 ** 31);
  let rounds = 0;
  let nextMs = 0;
  const counts = fuzz(first, (done) => {
    rounds = done;
    if (done % 100 > 0) return false;
    const now = Date.now();
    if (now >= nextMs) {
      nextMs = now + 60_000;
      const { rss, heapUsed, external } = process.memoryUsage();
      const mib = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`;
      process.stdout.write(
        `${done} rounds; rss ${mib(rss)}, heap ${mib(heapUsed)}, external ${mib(external)}\n`,
      );
    }
    return now >= endsMs;
  });
  process.stdout.write(
    `${rounds} rounds from seed ${first}: ${JSON.stringify({ ...counts, ended: Object.fromEntries(counts.ended) })}\n`,
  );
}

if (import.meta.main) main();
