// A port that answers wrongly: HTTP/1.1 or HTTP/2 as the seed of its round has it, and after so many
// wrong answers, if it is told so, rightly. What a client of ours makes of it is the caller's to judge.
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from "node:http";
import {
  createServer as createHttp2,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { type Random, seededRandom } from "#base/random.ts";
import { framed } from "#test/fakes/raw-grpc.ts";
import { bend, MessageGenerator, pick, someBytes, someText } from "./generate.ts";
import { readWireSchema } from "./wire-schema.ts";

const schema = readWireSchema();
const generator = new MessageGenerator(schema);
const responses = new Map(schema.rpcs.map((one) => [one.path, one]));
/** Between two pieces of what comes slowly or without end. */
const dripMs = 10;

export abstract class HostileService implements AsyncDisposable {
  random: Random = seededRandom(0);
  /** Wrong answers that are left; then right ones follow. */
  wrongLeft = Number.POSITIVE_INFINITY;
  asked = 0;
  private readonly port: Server;
  private readonly sockets = new Set<Socket>();
  private readonly timers = new Set<NodeJS.Timeout>();

  constructor() {
    this.port = createServer((socket) => {
      this.sockets.add(socket);
      socket.on("error", () => {}).once("close", () => this.sockets.delete(socket));
      if (this.random.chance(0.97) || !this.isWrong()) this.accept(socket);
      else if (this.random.chance(0.5)) socket.destroy();
      else socket.end(someBytes(this.random, 200));
    });
  }

  async listen(): Promise<string> {
    this.port.listen(0, "127.0.0.1");
    await once(this.port, "listening");
    return `http://127.0.0.1:${(this.port.address() as AddressInfo).port}`;
  }

  /** Cuts whatever is under way. */
  reset(): void {
    for (const timer of this.timers) clearInterval(timer);
    this.timers.clear();
    for (const socket of this.sockets) socket.destroy();
  }

  protected abstract accept(socket: Socket): void;

  protected isWrong(): boolean {
    this.asked++;
    return this.wrongLeft-- > 0;
  }

  /** Runs `step` again and again until `over` is told or the round ends. */
  protected drip(step: () => void, over: { once(event: "close", run: () => void): void }): void {
    const timer = setInterval(step, dripMs);
    this.timers.add(timer);
    over.once("close", () => {
      clearInterval(timer);
      this.timers.delete(timer);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.reset();
    this.port.close();
  }
}

/** gRPC: garbage, frames of wrong lengths, statuses that are none, streams without end. */
export class HostileGrpc extends HostileService {
  private readonly http2 = createHttp2();
  /** A right answer; undefined if the request is refused. */
  right: (path: string, request: Buffer) => Uint8Array | undefined = () => undefined;

  constructor() {
    super();
    this.http2.on("sessionError", () => {});
    this.http2.on("stream", (stream, headers) => {
      stream.on("error", () => {});
      this.answer(stream, headers);
    });
  }

  protected override accept(socket: Socket): void {
    this.http2.emit("connection", socket);
  }

  private answer(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const path = String(headers[":path"]);
    if (this.isWrong()) {
      stream.resume();
      this.wrong(stream, path);
      return;
    }
    const chunks: Buffer[] = [];
    let answered = false;
    stream.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      const request = Buffer.concat(chunks);
      if (answered || request.length < 5 + request.readUInt32BE(1)) return;
      answered = true;
      const message = this.right(path, request.subarray(5));
      if (message !== undefined) this.send(stream, [framed(message)], "0", "");
      else this.send(stream, [], "7", "etcdserver: permission denied");
    });
  }

  private wrong(stream: ServerHttp2Stream, path: string): void {
    const { random } = this;
    const rpc = responses.get(path);
    const message = (): Buffer => {
      const bytes = rpc === undefined ? someBytes(random) : generator.message(rpc.response, random);
      return random.chance(0.5) ? bytes : Buffer.from(bend(bytes, random));
    };
    switch (random.below(10)) {
      case 0: {
        const statuses = ["1", "5", "14", "16", "99", "-1", "x", "", "4294967296"];
        const texts = [someText(random).slice(0, 2000), "%", "%zz", "etcdserver: leader changed"];
        this.send(stream, [], pick(random, statuses), pick(random, texts));
        return;
      }
      case 1:
        // Without trailers.
        stream.respond({ ":status": 200, "content-type": "application/grpc" });
        stream.end(random.chance(0.5) ? framed(message()) : undefined);
        return;
      case 2: {
        const type = pick(random, ["text/html", "application/grpc+x", ""]);
        stream.respond({
          ":status": pick(random, [200, 204, 301, 404, 503]),
          "content-type": type,
        });
        stream.end(random.chance(0.5) ? "<html>" : undefined);
        return;
      }
      case 3:
        stream.close(random.below(14));
        return;
      case 4:
        if (random.chance(0.5)) stream.session?.goaway(random.below(14));
        else stream.session?.destroy();
        return;
      case 5: {
        // A frame that promises more than there is, or is compressed by nothing.
        const frame = framed(message(), random.below(3));
        frame.writeUInt32BE(pick(random, [frame.length, 2 ** 31, 2 ** 32 - 1, 1 << 22]), 1);
        this.send(stream, [frame], random.chance(0.5) ? "0" : undefined, "");
        return;
      }
      case 6:
        this.endless(stream, message());
        return;
      case 7:
        // Silence.
        if (random.chance(0.5))
          stream.respond({ ":status": 200, "content-type": "application/grpc" });
        return;
      default:
        this.send(
          stream,
          Array.from({ length: random.below(4) }, () => framed(message())),
          "0",
          "",
        );
    }
  }

  private endless(stream: ServerHttp2Stream, message: Buffer): void {
    const piece = this.random.chance(0.3) ? framed(Buffer.alloc(1 << 18, 1)) : framed(message);
    stream.respond({ ":status": 200, "content-type": "application/grpc" });
    this.drip(() => {
      if (!stream.destroyed && !stream.writableNeedDrain) stream.write(piece);
    }, stream);
  }

  private send(
    stream: ServerHttp2Stream,
    frames: readonly Buffer[],
    status: string | undefined,
    text: string,
  ): void {
    if (stream.destroyed) return;
    stream.respond(
      { ":status": 200, "content-type": "application/grpc" },
      { waitForTrailers: status !== undefined },
    );
    stream.on("wantTrailers", () => {
      const message = encodeURI(text.toWellFormed()).slice(0, 4000);
      stream.sendTrailers({ "grpc-status": status ?? "", "grpc-message": message });
    });
    for (const frame of frames) stream.write(frame);
    if (status !== undefined) stream.end();
  }
}

/** HTTP/1.1: answers that are no JSON or of wrong types, too long, too slow, or lead in circles. */
export class HostileHttp extends HostileService {
  private readonly http = createHttp((request, response) => {
    request.on("error", () => {});
    response.on("error", () => {});
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      if (this.isWrong()) this.wrong(request, response);
      else this.right(request, Buffer.concat(chunks).toString(), response);
    });
  });
  right: (request: IncomingMessage, body: string, response: ServerResponse) => void = () => {};
  /** Bodies that are wrong in their own way. */
  wrongBody: (random: Random) => string = () => "";

  protected override accept(socket: Socket): void {
    this.http.emit("connection", socket);
  }

  private wrong(request: IncomingMessage, response: ServerResponse): void {
    const { random } = this;
    const headers: Record<string, string> = {};
    if (random.chance(0.3))
      headers["X-Etcd-Index"] = pick(random, ["x", "-1", "1e99", "9".repeat(30)]);
    switch (random.below(9)) {
      case 0:
        response.destroy();
        return;
      case 1: {
        const to = [
          request.url!,
          "/",
          "//",
          "http://127.0.0.1:1/",
          "file:///etc/passwd",
          "ftp://h/",
        ];
        to.push("http://", "/x".repeat(3000), "http://[", "https://127.0.0.1:1/");
        const status = pick(random, [300, 301, 302, 307, 308]);
        response.writeHead(status, { location: pick(random, to) }).end();
        return;
      }
      case 2:
        // More than any answer is.
        response.writeHead(200, headers);
        response.end(Buffer.alloc(5 << 20, pick(random, ["x", "[", "1", " "])));
        return;
      case 3:
        response.writeHead(200, headers);
        this.drip(() => response.write(" "), response);
        return;
      case 4:
        // Silence, or less than was promised.
        if (random.chance(0.5)) response.writeHead(200, { "content-length": "100" }).write("{");
        return;
      default: {
        const status = random.chance(0.7) ? 200 : pick(random, [101, 201, 204, 400, 404, 412, 503]);
        response.writeHead(status, headers).end(this.wrongBody(random));
      }
    }
  }
}
