// Plain HTTP to a cluster as etcd's v2 client has it: the endpoints in random order, the first that
// answers is kept, and what each said is told when none does. Limits: `timeoutMs` until the head of an
// answer (not for a watch), the signal for the whole command, 256 MiB for a body.
import {
  type Agent,
  Agent as HttpAgent,
  type IncomingMessage,
  request as requestHttp,
} from "node:http";
import { Agent as HttpsAgent, request as requestHttps } from "node:https";
import { errorText } from "#base/errors.ts";
import type { TlsOptions } from "#client/options.ts";
import { goQuote } from "#ctl/go-text.ts";
import type { Terminal } from "#ctl/terminal.ts";
import { canonicalPath, type Endpoint, endpointText, escapePath, parseEndpoint } from "./go-url.ts";

const maxBodyBytes = 256 * 1024 * 1024;
const maxRedirects = 10;

export interface V2Call {
  readonly method: string;
  /** Unescaped, from the slash on. */
  readonly path: string;
  /** Escaped. */
  readonly query?: string;
  readonly body?: string;
  readonly type?: string;
  /** No limit for the head of the answer. */
  readonly isWait?: boolean;
  /** Never sent twice. */
  readonly once?: boolean;
}

export interface V2Answer {
  readonly status: number;
  readonly body: string;
  /** X-Etcd-Index; "" if there is none. */
  readonly index: string;
}

/** The network, not the server, is what failed. */
export class ConnectionError extends Error {}

/** The time for the command is over. */
export class DeadlineError extends ConnectionError {
  constructor() {
    super("context deadline exceeded");
  }
}

/** No endpoint answered. */
export class ClusterError extends Error {
  readonly errors: readonly unknown[];

  constructor(errors: readonly unknown[]) {
    const each = errors.map((error, i) => `; error #${i}: ${errorText(error)}\n`).join("");
    super(`client: etcd cluster is unavailable or misconfigured${each}`);
    this.errors = errors;
  }

  get detail(): string {
    return this.errors.map((error, i) => `error #${i}: ${errorText(error)}\n`).join("");
  }
}

export class NoEndpointsError extends Error {
  constructor() {
    super("client: no endpoints available");
  }
}

export function isConnectionError(error: unknown): boolean {
  return error instanceof ClusterError
    ? error.errors.every(isConnectionError)
    : error instanceof ConnectionError;
}

export interface ClusterClientOptions {
  readonly endpoints: readonly string[];
  readonly tls: TlsOptions | undefined;
  readonly user: { readonly user: string; readonly password: string } | undefined;
  readonly timeoutMs: number;
  readonly terminal: Terminal;
  /** Shows each request as a command line of curl. */
  readonly debug: boolean;
}

export class ClusterClient {
  private endpointList: Endpoint[];
  private pinned = 0;
  private readonly options: ClusterClientOptions;
  private readonly agents: Readonly<Record<string, Agent>>;

  /** Throws Error for an endpoint that is no URL. */
  constructor(options: ClusterClientOptions) {
    this.options = options;
    this.endpointList = this.shuffled(options.endpoints.map(parseEndpoint));
    const { insecureSkipVerify, ...pem } = options.tls ?? { insecureSkipVerify: false };
    this.agents = {
      http: new HttpAgent({ keepAlive: true }),
      https: new HttpsAgent({
        keepAlive: true,
        ...pem,
        rejectUnauthorized: insecureSkipVerify !== true,
      } as ConstructorParameters<typeof HttpsAgent>[0]),
    };
  }

  get endpoints(): readonly string[] {
    return this.endpointList.map(endpointText);
  }

  /** Throws NoEndpointsError for none. */
  setEndpoints(endpoints: readonly string[]): void {
    if (endpoints.length === 0) throw new NoEndpointsError();
    const next = endpoints.map(parseEndpoint);
    const texts = (list: readonly Endpoint[]): string => list.map(endpointText).sort().join();
    if (texts(next) === texts(this.endpointList)) return;
    this.endpointList = this.shuffled(next);
    this.pinned = 0;
  }

  close(): void {
    for (const agent of Object.values(this.agents)) agent.destroy();
  }

  /** Asks one endpoint after the other. Rejects with ClusterError, DeadlineError, or what failed once. */
  async do(call: V2Call, signal: AbortSignal | undefined): Promise<V2Answer> {
    const count = this.endpointList.length;
    if (count === 0) throw new NoEndpointsError();
    const errors: unknown[] = [];
    const first = this.pinned;
    for (let i = first; i < first + count; i++) {
      const at = i % count;
      const endpoint = this.endpointList[at]!;
      let failure: unknown;
      try {
        const answer = await this.follow(endpoint, call, signal);
        if (answer.status < 500) {
          this.pinned = at;
          return answer;
        }
        failure = new Error(serverFailure(endpointText(endpoint), answer.status));
      } catch (thrown) {
        if (thrown instanceof DeadlineError) throw thrown;
        failure = thrown;
      }
      errors.push(failure);
      if (call.once === true) {
        this.pinned = (at + 1) % count;
        throw failure;
      }
    }
    throw new ClusterError(errors);
  }

  /** One answer of an absolute URL, by the same TLS and without credentials. */
  get(url: string, signal: AbortSignal | undefined): Promise<V2Answer> {
    const [head = "", query = ""] = url.split("?", 2);
    return this.roundTrip(parseEndpoint(head), { method: "GET", path: "", query }, signal, false);
  }

  private async follow(
    endpoint: Endpoint,
    call: V2Call,
    signal: AbortSignal | undefined,
  ): Promise<V2Answer> {
    const path = call.path.startsWith("/v2/keys")
      ? canonicalPath(endpoint.path + call.path)
      : canonicalPath(endpoint.path + call.path).replace(/\/$/, "");
    let at: Endpoint = { ...endpoint, path };
    let asked: V2Call = { ...call, path: "" };
    for (let redirects = 0; redirects <= maxRedirects; redirects++) {
      const answer = await this.roundTrip(at, asked, signal, true);
      if (answer.status < 300 || answer.status > 399) return answer;
      if (answer.location === "") throw new Error("location header not set");
      const [head = "", query = ""] = answer.location.split("?", 2);
      at = parseEndpoint(head);
      asked = { ...asked, query };
    }
    throw new Error("client: too many redirects");
  }

  private roundTrip(
    to: Endpoint,
    call: V2Call,
    signal: AbortSignal | undefined,
    isAuthed: boolean,
  ): Promise<V2Answer & { readonly location: string }> {
    const { timeoutMs, user, debug, terminal } = this.options;
    const query = (call.query ?? "") === "" ? "" : `?${call.query}`;
    const target = `${escapePath(to.path)}${query}`;
    if (debug) {
      const data = call.body === undefined ? "" : ` -d ${goQuote(call.body)}`;
      terminal.err(
        `cURL Command: curl -X ${call.method} ${endpointText({ ...to, path: "" })}${target}${data}\n`,
      );
    }
    if (to.scheme !== "http" && to.scheme !== "https") {
      return Promise.reject(new Error(`unsupported protocol scheme ${goQuote(to.scheme)}`));
    }
    const { hostname, port } = new URL(`${to.scheme}://${to.host}`);
    const headers: Record<string, string | number> = { "User-Agent": "Go-http-client/1.1" };
    if (call.type !== undefined) headers["Content-Type"] = call.type;
    if (call.body !== undefined) headers["Content-Length"] = Buffer.byteLength(call.body);
    if (isAuthed && user !== undefined) {
      const text = Buffer.from(`${user.user}:${user.password}`).toString("base64");
      headers["Authorization"] = `Basic ${text}`;
    }
    return new Promise((resolve, reject) => {
      const opened = (to.scheme === "http" ? requestHttp : requestHttps)({
        agent: this.agents[to.scheme]!,
        host: hostname.replace(/^\[|\]$/g, ""),
        port: port === "" ? (to.scheme === "http" ? 80 : 443) : port,
        method: call.method,
        path: target === "" || target.startsWith("?") ? `/${target}` : target,
        headers,
        ...(signal === undefined ? {} : { signal }),
      });
      const origin = endpointText({ ...to, path: "" });
      const late = new Error(`client: endpoint ${origin} exceeded header timeout`);
      const timer =
        call.isWait === true || timeoutMs <= 0
          ? undefined
          : terminal.clock.after(timeoutMs, () => opened.destroy(late));
      const fail = (error: unknown): void => {
        timer?.cancel();
        if (signal?.aborted === true) reject(new DeadlineError());
        else reject(error === late ? late : networkError(error));
      };
      opened.once("error", fail);
      opened.once("response", (response: IncomingMessage) => {
        timer?.cancel();
        readBody(response).then((body) => {
          const index = String(response.headers["x-etcd-index"] ?? "");
          const location = response.headers.location ?? "";
          resolve({ status: response.statusCode ?? 0, body, index, location });
        }, fail);
      });
      opened.end(call.body);
    });
  }

  private shuffled(endpoints: readonly Endpoint[]): Endpoint[] {
    const list = [...endpoints];
    for (let i = list.length - 1; i > 0; i--) {
      const j = this.options.terminal.random.below(i + 1);
      [list[i], list[j]] = [list[j]!, list[i]!];
    }
    return list;
  }
}

function serverFailure(endpoint: string, status: number): string {
  if (status === 500 || status === 503) return `client: etcd member ${endpoint} has no leader`;
  const text = { 501: "Not Implemented", 502: "Bad Gateway", 504: "Gateway Timeout" }[status] ?? "";
  return `client: etcd member ${endpoint} returns server error [${text}]`;
}

async function readBody(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > maxBodyBytes) {
      response.destroy();
      throw new Error(`client: an answer of more than ${maxBodyBytes} bytes`);
    }
    parts.push(part);
  }
  return Buffer.concat(parts, length).toString();
}

const errnoTexts: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset by peer",
  EHOSTUNREACH: "no route to host",
  ENETUNREACH: "network is unreachable",
  ETIMEDOUT: "i/o timeout",
  EPIPE: "broken pipe",
};

/** In Go's words, as far as it is of the network. */
function networkError(thrown: unknown): Error {
  const error = (
    thrown instanceof AggregateError ? (thrown.errors[0] ?? thrown) : thrown
  ) as NodeJS.ErrnoException & { address?: string; port?: number; hostname?: string };
  const text = errnoTexts[error.code ?? ""];
  if (error.syscall === "connect" && text !== undefined) {
    const host = error.address?.includes(":") === true ? `[${error.address}]` : error.address;
    return new ConnectionError(`dial tcp ${host}:${error.port}: connect: ${text}`);
  }
  if (error.syscall === "getaddrinfo") {
    return new ConnectionError(`dial tcp: lookup ${error.hostname}: no such host`);
  }
  if (error.code === "ECONNRESET") {
    return error.syscall === "read" ? new ConnectionError(`read: ${text}`) : new Error("EOF");
  }
  return error instanceof Error ? error : new Error(errorText(error));
}
