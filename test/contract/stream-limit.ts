// --max-concurrent-streams, seen from a client that asks for more than it is told it may: no client
// library does, so the frames are made by hand.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { connect } from "node:net";
import { errorCode, frameType, preface, setting } from "#server/rpc/http2/frame.ts";
import { frame, literal, request, settings, uint32 } from "#test/http2/frames.ts";

interface Frame {
  readonly type: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

/** One connection that opens calls of `path` and never says anything on them. */
class RawConnection implements Disposable {
  readonly #socket;
  readonly #block: Buffer;
  #unread = Buffer.alloc(0);

  constructor(endpoint: string, path: string) {
    const [host, port] = endpoint.split(":");
    this.#socket = connect(Number(port), host);
    this.#socket.on("error", () => {});
    this.#block = Buffer.concat([
      Buffer.of(0x83, 0x86, 0x04, path.length),
      Buffer.from(path),
      literal(":authority", endpoint),
      literal("content-type", "application/grpc"),
      literal("te", "trailers"),
    ]);
    this.#socket.write(Buffer.concat([Buffer.from(preface), settings()]));
  }

  open(...streamIds: readonly number[]): void {
    this.#socket.write(Buffer.concat(streamIds.map((id) => request(id, false, this.#block))));
  }

  cancel(streamId: number): void {
    this.#socket.write(frame(frameType.rstStream, 0, streamId, uint32(errorCode.cancel)));
  }

  /** An answer to it comes behind all that the frames before it cause at once. */
  ping(): void {
    this.#socket.write(frame(frameType.ping, 0, 0, Buffer.alloc(8)));
  }

  /** All frames that came, up to the first of this type. */
  async until(type: number): Promise<Frame[]> {
    const frames: Frame[] = [];
    for (;;) {
      const bytes = this.#unread;
      const end = bytes.length < 9 ? Number.POSITIVE_INFINITY : 9 + bytes.readUIntBE(0, 3);
      if (bytes.length < end) {
        const [chunk] = (await once(this.#socket, "data")) as [Buffer];
        this.#unread = Buffer.concat([bytes, chunk]);
        continue;
      }
      this.#unread = bytes.subarray(end);
      const streamId = bytes.readUInt32BE(5);
      frames.push({ type: bytes[3]!, streamId, payload: bytes.subarray(9, end) });
      if (bytes[3] === type) return frames;
    }
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}

/** Tells the limit at once, refuses what is beyond it, and takes another stream for one that ended. */
export async function limitsStreams(endpoint: string, limit: number): Promise<void> {
  using connection = new RawConnection(endpoint, "/etcdserverpb.Watch/Watch");
  const told = (await connection.until(frameType.settings)).at(-1)!.payload;
  const pairs = new Map<number, number>();
  for (let at = 0; at < told.length; at += 6)
    pairs.set(told.readUInt16BE(at), told.readUInt32BE(at + 2));
  assert.equal(pairs.get(setting.maxConcurrentStreams), limit);

  const refusals = async (): Promise<(readonly [number, number])[]> => {
    connection.ping();
    return (await connection.until(frameType.ping))
      .filter(({ type }) => type === frameType.rstStream)
      .map(({ streamId, payload }) => [streamId, payload.readUInt32BE()]);
  };
  const next = 2 * limit + 1;
  connection.open(...Array.from({ length: limit + 1 }, (_, at) => 2 * at + 1));
  assert.deepEqual(await refusals(), [[next, errorCode.refusedStream]]);
  connection.cancel(1);
  connection.open(next + 2, next + 4);
  assert.deepEqual(await refusals(), [[next + 4, errorCode.refusedStream]]);
}
