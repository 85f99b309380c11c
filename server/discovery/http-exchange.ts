// One HTTP request and its whole answer, straight or through an HTTP proxy, redirects followed: what
// the v2 discovery protocol needs of HTTP. Answers are bounded.
import {
  type ClientRequest,
  request as httpRequest,
  type IncomingMessage,
  type RequestOptions,
} from "node:http";
import { request as httpsRequest } from "node:https";
import type { Socket } from "node:net";
import { connect as tlsConnect } from "node:tls";
import type { Clock } from "#base/clock.ts";
import { OperatingError } from "#base/errors.ts";
import { GatheredBytes } from "#base/gathered-bytes.ts";

/** The largest answer that either kind of registry may give. */
export const answerLimitBytes = 4 * 1024 * 1024;
const maxRedirects = 10;

export interface Exchange {
  readonly method: "GET" | "PUT";
  readonly url: URL;
  /** A form, for PUT. */
  readonly body?: URLSearchParams;
  /** For all of it. */
  readonly timeoutMs: number;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

export interface ExchangePorts {
  readonly clock: Clock;
  readonly proxy: URL | undefined;
  /** Ends what is under way. */
  readonly signal: AbortSignal;
}

const fail = (message: string): OperatingError => new OperatingError("HTTP_FAILED", message);

/** Carries out `exchange`. Rejects if no whole answer came in time. */
export async function exchangeHttp(exchange: Exchange, ports: ExchangePorts): Promise<Answer> {
  let { url } = exchange;
  for (let redirects = 0; redirects <= maxRedirects; redirects++) {
    const answer = await once({ ...exchange, url }, ports);
    const { location } = answer.headers;
    if (answer.status < 300 || answer.status > 308 || location === undefined) return answer;
    const next = URL.canParse(location, url.href) ? new URL(location, url.href) : undefined;
    if (next?.protocol !== "http:" && next?.protocol !== "https:") {
      throw fail(`${url.href} redirects to ${JSON.stringify(location.slice(0, 200))}`);
    }
    url = next;
  }
  throw fail(`${exchange.url.href} redirects more than ${maxRedirects} times`);
}

async function once(exchange: Exchange, ports: ExchangePorts): Promise<Answer> {
  const timeout = new AbortController();
  const timer = ports.clock.after(exchange.timeoutMs, () =>
    timeout.abort(fail(`${exchange.url.href} did not answer within ${exchange.timeoutMs} ms`)),
  );
  const signal = AbortSignal.any([timeout.signal, ports.signal]);
  try {
    const request = await open(exchange, ports.proxy, signal);
    const answered = response(request);
    request.end(exchange.body?.toString());
    return await answered;
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    timer.cancel();
  }
}

async function open(
  exchange: Exchange,
  proxy: URL | undefined,
  signal: AbortSignal,
): Promise<ClientRequest> {
  const { method, url } = exchange;
  const headers: Record<string, string> = { host: url.host };
  if (exchange.body !== undefined) headers["content-type"] = "application/x-www-form-urlencoded";
  const options: RequestOptions = { method, headers, signal, agent: false };
  const isTls = url.protocol === "https:";
  if (proxy === undefined) return (isTls ? httpsRequest : httpRequest)(url, options);
  const viaProxy = proxy.protocol === "https:" ? httpsRequest : httpRequest;
  if (!isTls) {
    const path = `${url.origin}${url.pathname}${url.search}`;
    return viaProxy(proxy, { ...options, path, headers: { ...headers, ...login(proxy) } });
  }
  const socket = await tunnel(
    viaProxy(proxy, {
      method: "CONNECT",
      path: `${url.hostname}:${url.port || "443"}`,
      headers: { host: `${url.hostname}:${url.port || "443"}`, ...login(proxy) },
      signal,
      agent: false,
    }),
    proxy,
  );
  return httpsRequest(url, {
    ...options,
    createConnection: () => tlsConnect({ socket, servername: url.hostname }),
  });
}

function login(proxy: URL): Record<string, string> {
  if (proxy.username === "") return {};
  const pair = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  return { "proxy-authorization": `Basic ${Buffer.from(pair).toString("base64")}` };
}

function tunnel(request: ClientRequest, proxy: URL): Promise<Socket> {
  return new Promise((resolve, reject) => {
    request.once("connect", (answer, socket) => {
      if (answer.statusCode === 200) resolve(socket);
      else reject(fail(`the proxy ${proxy.host} answered ${answer.statusCode} to CONNECT`));
    });
    request.once("error", reject);
    request.end();
  });
}

function response(request: ClientRequest): Promise<Answer> {
  return new Promise((resolve, reject) => {
    request.once("error", reject);
    request.once("response", (incoming) => {
      const body = new GatheredBytes();
      incoming.on("data", (chunk: Buffer) => {
        if (body.length + chunk.length > answerLimitBytes) {
          request.destroy(fail(`an answer of more than ${answerLimitBytes} bytes`));
        } else {
          body.push(chunk);
        }
      });
      incoming.once("error", reject);
      incoming.once("end", () => {
        const { headers, statusCode = 0 } = incoming;
        resolve({ status: statusCode, headers, body: body.take().toString() });
      });
    });
  });
}
