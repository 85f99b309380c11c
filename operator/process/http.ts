// The operator's own small HTTP server: /healthz says that the process turns, /readyz that it can ask the API
// server, /metrics what it has counted. Nothing here changes anything.
import { createServer, type Server } from "node:http";
import { errorText, OperatingError } from "#base/errors.ts";
import type { OperatorMetrics } from "#operator/process/metrics.ts";

export interface HttpOptions {
  readonly host: string;
  readonly port: number;
  readonly metrics: OperatorMetrics;
  /** Rejects with why this process is not ready. */
  ready(): Promise<void>;
}

/** Listens; rejects with OperatingError if it cannot. */
export async function serveHttp(options: HttpOptions): Promise<Server> {
  const { host, port, metrics, ready } = options;
  const server = createServer((request, response) => {
    const answer = (status: number, body: string, type = "text/plain; charset=utf-8") => {
      response.writeHead(status, { "content-type": type }).end(body);
    };
    const fail = (error: unknown) => answer(503, `${errorText(error)}\n`);
    if (request.method !== "GET" && request.method !== "HEAD") {
      answer(405, "only GET is served here\n");
      return;
    }
    switch (new URL(request.url ?? "/", "http://operator").pathname) {
      case "/healthz":
        answer(200, "ok\n");
        return;
      case "/readyz":
        ready().then(() => answer(200, "ok\n"), fail);
        return;
      case "/metrics":
        metrics.registry
          .metrics()
          .then((text) => answer(200, text, metrics.registry.contentType), fail);
        return;
      default:
        answer(404, "there is /healthz, /readyz and /metrics\n");
    }
  });
  server.headersTimeout = 5000;
  server.requestTimeout = 10_000;
  server.maxConnections = 64;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) =>
      reject(
        new OperatingError("LISTEN", `cannot listen on ${host}:${port}: ${cause.message}`, {
          cause,
        }),
      ),
    );
    server.listen(port, host, resolve);
  });
  return server;
}
