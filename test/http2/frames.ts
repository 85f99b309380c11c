// Frames of HTTP/2 as a client would build them, right or wrong.
import { Buffer } from "node:buffer";
import { frameFlag, frameType } from "#server/rpc/http2/frame.ts";

/** `:method POST, :scheme http, :path /a, :authority b`, without a table. */
export const postBlock = Buffer.from("838604022f61010162", "hex");

export function frame(
  type: number,
  flags: number,
  streamId: number,
  payload: Uint8Array = new Uint8Array(0),
): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header[3] = type;
  header[4] = flags;
  header.writeUInt32BE(streamId, 5);
  return Buffer.concat([header, payload]);
}

export function uint32(value: number): Buffer {
  const out = Buffer.alloc(4);
  out.writeUInt32BE(value);
  return out;
}

export function settings(...pairs: readonly (readonly [number, number])[]): Buffer {
  const payload = Buffer.concat(
    pairs.map(([id, value]) => Buffer.concat([Buffer.from([0, id]), uint32(value)])),
  );
  return frame(frameType.settings, 0, 0, payload);
}

export function request(streamId: number, ends = true, block: Uint8Array = postBlock): Buffer {
  const flags = frameFlag.endHeaders | (ends ? frameFlag.endStream : 0);
  return frame(frameType.headers, flags, streamId, block);
}

/** A literal field that goes into no table (`adds`: into the table), short names and values only. */
export function literal(name: string, value: string, adds = false): Buffer {
  return Buffer.concat([
    Buffer.of(adds ? 0x40 : 0, name.length),
    Buffer.from(name, "latin1"),
    Buffer.of(value.length),
    Buffer.from(value, "latin1"),
  ]);
}
