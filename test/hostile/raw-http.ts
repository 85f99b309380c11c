// Bytes sent to a port as they are, and whatever comes back: no client library mends them on the way.
import { Buffer } from "node:buffer";
import { connect } from "node:net";
import type { Random } from "#base/random.ts";
import { bend, pick, someBytes } from "./generate.ts";

/** An answer may be a stream that goes on: it is looked at for so long. */
const patienceMs = 250;
/** No answer is as long; what is longer is cut off. */
const answerLimit = 1 << 20;

/** Sends `parts` one by one, says that nothing follows, and resolves with what came. */
export function exchange(url: string, parts: readonly Buffer[]): Promise<Buffer> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    const got: Buffer[] = [];
    let length = 0;
    const patience = setTimeout(() => socket.destroy(), patienceMs);
    socket.setNoDelay(true);
    socket.on("data", (bytes) => {
      got.push(bytes);
      length += bytes.length;
      if (length > answerLimit) socket.destroy();
    });
    // Whoever refuses the rest of what is sent resets the connection.
    socket.on("error", () => {});
    socket.on("end", () => socket.destroy());
    socket.once("close", () => {
      clearTimeout(patience);
      resolve(Buffer.concat(got));
    });
    for (const part of parts) socket.write(part);
    socket.end();
  });
}

const oddHeaders: readonly string[] = [
  ...["Transfer-Encoding: chunked", "Content-Length: -1", "Content-Length: 99999999999"],
  ...["Expect: 100-continue", "Upgrade: websocket", "Upgrade: h2c", "Connection: upgrade"],
  ...["Host: ", "Host: evil.example", "Origin: null", "Range: bytes=0-", "TE: trailers"],
  ...["Authorization: Bearer x", "Cookie: token=%", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="],
  ...["Sec-WebSocket-Version: 13", "Sec-WebSocket-Protocol: Bearer, x", "X: \u0000", "Accept: */*"],
  ...["Grpc-Timeout: 1n", "Grpc-Timeout: 9H", "Grpc-Metadata-token: x", "Content-Encoding: gzip"],
  ...["X-HTTP-Method-Override: GET", "Content-Type: application/x-www-form-urlencoded"],
];

/** One request; right mostly, with a header or two too many, or bent as a whole. */
export function someRequest(
  random: Random,
  { method, path, type, body, headers = [] }: RequestParts,
): readonly Buffer[] {
  const lines = [`${method} ${path} HTTP/1.${random.chance(0.97) ? 1 : 0}`, "Host: h"];
  if (random.chance(0.9)) lines.push("Connection: close");
  lines.push(...headers);
  if (type !== undefined) lines.push(`Content-Type: ${type}`);
  for (let odd = random.chance(0.3) ? 1 + random.below(3) : 0; odd > 0; odd--)
    lines.push(pick(random, oddHeaders));
  if (random.chance(0.02)) lines.push(`Long: ${"x".repeat(random.below(100_000))}`);
  const chunked = body.length > 0 && random.chance(0.3);
  if (chunked) lines.push("Transfer-Encoding: chunked");
  else if (body.length > 0) lines.push(`Content-Length: ${body.length}`);
  const head = Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
  const sent = chunked ? inChunks(body, random) : body;
  let whole = Buffer.concat([head, sent]);
  if (random.chance(0.1)) whole = Buffer.from(bend(whole, random));
  if (random.chance(0.02)) whole = Buffer.concat([someBytes(random), whole]);
  if (random.chance(0.8)) return [whole];
  const at = random.below(whole.length + 1);
  return [whole.subarray(0, at), whole.subarray(at)];
}

export interface RequestParts {
  readonly method: string;
  readonly path: string;
  readonly type?: string;
  readonly headers?: readonly string[];
  readonly body: Buffer;
}

function inChunks(body: Buffer, random: Random): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < body.length; ) {
    const end = Math.min(body.length, at + 1 + random.below(200));
    parts.push(Buffer.from(`${(end - at).toString(16)}\r\n`), body.subarray(at, end));
    parts.push(Buffer.from("\r\n"));
    at = end;
  }
  return Buffer.concat([...parts, Buffer.from("0\r\n\r\n")]);
}

/** The status of an answer, 0 if there is none. */
export function statusOf(answer: Buffer): number {
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(answer.toString("latin1", 0, 20))?.[1] ?? 0);
}
