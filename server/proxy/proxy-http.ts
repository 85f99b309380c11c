// What a grpc-proxy serves besides gRPC: health of the cluster and of the proxy, metrics of a member
// and of the proxy.
import { get as httpGet, type IncomingMessage, type RequestOptions } from "node:http";
import { get as httpsGet } from "node:https";
import type { Random } from "#base/random.ts";
import { errorLine } from "#client/errors.ts";
import type { TlsOptions } from "#client/options.ts";
import { grpcCode, isEtcdError } from "#proto/errors.ts";
import { RangeRequest } from "#proto/gen/kv.ts";
import type { HttpHandler, HttpResponse } from "#server/rpc/limits.ts";
import type { ServiceRegistry } from "#server/rpc/service-registry.ts";
import { rpcAt } from "./forwarding.ts";
import type { RangeCache } from "./range-cache.ts";
import type { Upstream } from "./upstream.ts";

export interface ProxyHttpSetup {
  readonly upstream: Upstream;
  readonly tls: TlsOptions | undefined;
  readonly random: Random;
  readonly metrics: () => string;
  /** With --enable-pprof: serves what lies under /debug/pprof/. */
  readonly profiles?:
    | ((path: string, query: URLSearchParams, response: HttpResponse) => Promise<void>)
    | undefined;
  /** True once a watch through this proxy would have been created. */
  readonly watches: () => Promise<boolean>;
}

const healthMs = 1000;
const metricsMs = 10_000;
const maxMetricsBytes = 64 * 1024 * 1024;

interface Page {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

const plain = "text/plain; charset=utf-8";

/** The handler of all that is not gRPC. */
export function proxyHttp(setup: ProxyHttpSetup): HttpHandler {
  return (request, response) => {
    const target = request.url ?? "/";
    const mark = target.indexOf("?");
    const path = mark < 0 ? target : target.slice(0, mark);
    const { profiles } = setup;
    if (profiles !== undefined && path.startsWith("/debug/pprof/")) {
      const query = new URLSearchParams(mark < 0 ? "" : target.slice(mark));
      profiles(path, query, response).catch(() => response.destroy());
      return;
    }
    void page(setup, path, request.method ?? "GET").then(({ status, type, body }) => {
      response.statusCode = status;
      response.setHeader("Content-Type", type);
      response.setHeader("Content-Length", Buffer.byteLength(body));
      response.end(request.method === "HEAD" ? undefined : body);
    });
  };
}

async function page(setup: ProxyHttpSetup, path: string, method: string): Promise<Page> {
  switch (path) {
    case "/health":
    case "/proxy/health":
      if (method !== "GET") return { status: 405, type: plain, body: "Method Not Allowed\n" };
      return healthPage(await faultOf(setup, path === "/proxy/health"));
    case "/metrics":
      return memberMetrics(setup);
    case "/proxy/metrics":
      return {
        status: 200,
        type: "text/plain; version=0.0.4; charset=utf-8",
        body: setup.metrics(),
      };
    default:
      return { status: 404, type: plain, body: "404 page not found\n" };
  }
}

function healthPage(reason: string): Page {
  const health = JSON.stringify({ health: reason === "" ? "true" : "false", reason });
  return reason === ""
    ? { status: 200, type: plain, body: health }
    : { status: 503, type: plain, body: `${health}\n` };
}

/** Why the cluster, or the way through this proxy to it, is not well; "" if it is. */
async function faultOf(setup: ProxyHttpSetup, watchesToo: boolean): Promise<string> {
  const request = RangeRequest.encode(RangeRequest.fromPartial({ key: Buffer.from("a") })).finish();
  const caller = { metadata: {}, timeoutMs: healthMs, signal: undefined };
  try {
    await setup.upstream.unary(rpcAt("/etcdserverpb.KV/Range"), request, caller);
  } catch (error) {
    // It answers, and knows who may read.
    const isAnswer =
      isEtcdError(error, "userEmpty") ||
      (error as { readonly code?: unknown }).code === grpcCode.permissionDenied;
    if (!isAnswer) return `GET ERROR:${errorLine(error)}`;
  }
  return !watchesToo || (await setup.watches()) ? "" : "WATCH TIMEOUT";
}

/** /metrics of one of the members. */
async function memberMetrics({ upstream, tls, random }: ProxyHttpSetup): Promise<Page> {
  const { endpoints } = upstream;
  const endpoint = endpoints[random.below(endpoints.length)]!;
  const bare = tls === undefined ? "http" : "https";
  const base = endpoint.includes("://") ? endpoint : `${bare}://${endpoint}`;
  try {
    const body = await fetchText(new URL("/metrics", base), tls);
    return { status: 200, type: "text/plain; version=0.0.4", body };
  } catch {
    return { status: 500, type: plain, body: "Internal server error\n" };
  }
}

function fetchText(url: URL, tls: TlsOptions | undefined): Promise<string> {
  return new Promise((resolve, reject) => {
    const options: RequestOptions = { timeout: metricsMs };
    const take = (response: IncomingMessage): void => {
      const parts: Buffer[] = [];
      let bytes = 0;
      response.on("data", (part: Buffer) => {
        bytes += part.length;
        if (bytes > maxMetricsBytes) response.destroy(new Error("too many metrics"));
        else parts.push(part);
      });
      response.on("end", () => resolve(Buffer.concat(parts).toString()));
      response.on("error", reject);
    };
    const secure = {
      ...options,
      ...(tls?.ca === undefined ? {} : { ca: tls.ca }),
      ...(tls?.cert === undefined ? {} : { cert: tls.cert }),
      ...(tls?.key === undefined ? {} : { key: tls.key }),
      rejectUnauthorized: tls?.insecureSkipVerify !== true,
    };
    const request =
      url.protocol === "https:" ? httpsGet(url, secure, take) : httpGet(url, options, take);
    request.on("timeout", () => request.destroy(new Error("no answer")));
    request.on("error", reject);
  });
}

export interface ProxyCounts {
  readonly cache: RangeCache;
  readonly registry: ServiceRegistry;
  readonly watchersCoalescing: () => number;
  readonly eventsCoalescing: () => number;
  readonly keepAlivesCoalescing: () => number;
}

/** The text of /proxy/metrics. */
export function proxyMetricsText(counts: ProxyCounts): string {
  const { cache, registry } = counts;
  const lines: string[] = [];
  const add = (name: string, kind: "counter" | "gauge", help: string, value: number): void => {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${kind}`, `${name} ${value}`);
  };
  const own = "etcd_grpc_proxy";
  add(`${own}_cache_hits_total`, "gauge", "Ranges answered from memory.", cache.hits);
  add(`${own}_cache_keys_total`, "gauge", "Ranges in memory.", cache.size);
  add(`${own}_cache_misses_total`, "gauge", "Serializable ranges not in memory.", cache.misses);
  const events = counts.eventsCoalescing();
  add(`${own}_events_coalescing_total`, "counter", "Responses saved the cluster.", events);
  const watchers = counts.watchersCoalescing();
  add(`${own}_watchers_coalescing_total`, "gauge", "Watches saved the cluster now.", watchers);
  const renewals = counts.keepAlivesCoalescing();
  add(`${own}_keepalives_coalescing_total`, "counter", "Renewals saved the cluster.", renewals);
  for (const [name, help, value] of [
    ["started", "Calls begun.", "started"],
    ["msg_received", "Messages received.", "received"],
    ["msg_sent", "Messages sent.", "sent"],
  ] as const) {
    lines.push(`# HELP grpc_server_${name}_total ${help}`);
    lines.push(`# TYPE grpc_server_${name}_total counter`);
    for (const { method, service, name: methodName, counters } of registry.all()) {
      const type = typeOf(method);
      const labels = `grpc_method="${methodName}",grpc_service="${service}",grpc_type="${type}"`;
      lines.push(`grpc_server_${name}_total{${labels}} ${counters[value]}`);
    }
  }
  return `${lines.join("\n")}\n`;
}

function typeOf(method: { readonly requestStream: boolean; readonly responseStream: boolean }) {
  if (method.requestStream) return "bidi_stream";
  return method.responseStream ? "server_stream" : "unary";
}
