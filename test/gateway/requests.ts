// Requests to the gateway, as curl sends them, asked of etcd and of ours one after the other. What they
// have in common to compare, once IDs and clocks are made equal, is status, type and body.
import { request as httpRequest } from "node:http";

export interface GatewayCase {
  readonly path: string;
  readonly body?: string | Buffer;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface GatewayAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
}

const compared = [
  "content-type",
  "location",
  "grpc-metadata-content-type",
  "www-authenticate",
  "access-control-allow-origin",
  "access-control-allow-methods",
  "access-control-allow-headers",
  "allow",
  "x-content-type-options",
];

/** After this a request is taken to hang. */
const askLimitMs = 20_000;

/** One whole answer. A stream is read until `lines` lines came, or to its end. */
export function ask(base: string, one: GatewayCase, lines = Infinity): Promise<GatewayAnswer> {
  const url = new URL(base);
  return new Promise((resolve, reject) => {
    const opened = httpRequest(
      {
        host: url.hostname,
        port: url.port,
        method: one.method ?? "POST",
        path: one.path,
        headers: { ...one.headers, "Content-Length": Buffer.byteLength(one.body ?? "") },
        agent: false,
        signal: AbortSignal.timeout(askLimitMs),
      },
      (response) => {
        let body = "";
        const finish = (): void => {
          const headers = Object.fromEntries(
            compared.map((name) => [name, response.headers[name] as string | undefined]),
          );
          resolve({ status: response.statusCode ?? 0, headers, body });
        };
        response.setEncoding("utf8");
        response.on("data", (text: string) => {
          body += text;
          if (body.split("\n").length <= lines) return;
          finish();
          opened.destroy();
        });
        response.once("end", finish);
        response.on("error", () => {});
      },
    );
    opened.on("error", (cause) => {
      const what = `${one.method ?? "POST"} ${base}${one.path} ${String(one.body).slice(0, 200)}`;
      reject(new Error(`${what} got no answer`, { cause }));
    });
    opened.end(one.body ?? "");
  });
}

const own =
  /"(cluster_id|member_id|raft_term|leader|raftTerm|raftIndex|raftAppliedIndex|dbSize|dbSizeInUse|memberID)":"\d+"/g;

/** The answer without what differs from cluster to cluster; Go marks some spaces as not to be relied on. */
export function settled(answer: GatewayAnswer): GatewayAnswer {
  const body = answer.body
    .replaceAll("\u00a0", " ")
    // etcd's gateway may hear of the end of a deadline from its server first.
    .replace("stream terminated by RST_STREAM with error code: CANCEL", "context deadline exceeded")
    .replace(own, '"$1":"?"');
  return { ...answer, body };
}
