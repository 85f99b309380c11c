// Servers that echo one gRPC message, for bench/echo.ts: our transport, grpc-js and node:http2. Run with a
// kind and a port; prints `ready`.
import { createServer } from "node:http2";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { silentLog } from "#base/log.ts";
import { systemClock } from "#base/system-clock.ts";
import { defaultLimits } from "#server/rpc/limits.ts";
import { startClientListeners } from "#server/rpc/listeners.ts";
import { ServiceRegistry } from "#server/rpc/service-registry.ts";

const path = "/bench.Echo/Unary";

const servers: Readonly<Record<string, (port: number) => Promise<void>>> = {
  async ours(port) {
    const registry = new ServiceRegistry();
    registry.add({
      path,
      requestStream: false,
      responseStream: false,
      handle: (request, responder) => responder.reply(Uint8Array.from(request)),
    });
    await startClientListeners({
      urls: [`http://127.0.0.1:${port}`],
      registry,
      limits: defaultLimits(1 << 21),
      clock: systemClock,
      log: silentLog,
      http: (_request, response) => void response.end(),
    });
  },

  async "grpc-js"(port) {
    const server = new Server();
    const bytes = (message: Buffer): Buffer => message;
    const codecs = {
      requestSerialize: bytes,
      requestDeserialize: bytes,
      responseSerialize: bytes,
      responseDeserialize: bytes,
    };
    server.addService(
      { unary: { path, requestStream: false, responseStream: false, ...codecs } },
      {
        unary: (call: { request: Buffer }, callback: (error: null, answer: Buffer) => void): void =>
          callback(null, call.request),
      },
    );
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error) =>
        error === null ? resolve() : reject(error),
      );
    });
  },

  async "node:http2"(port) {
    const server = createServer();
    server.on("stream", (stream) => {
      const parts: Buffer[] = [];
      stream.on("data", (part: Buffer) => void parts.push(part));
      stream.on("end", () => {
        stream.respond(
          { ":status": 200, "content-type": "application/grpc" },
          { waitForTrailers: true },
        );
        stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
        stream.end(Buffer.concat(parts));
      });
    });
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", () => resolve()));
  },
};

const [kind = "", port = ""] = process.argv.slice(2);
const start = servers[kind];
if (start === undefined) throw new Error(`no server called ${kind}`);
await start(Number(port));
process.stdout.write("ready\n");
