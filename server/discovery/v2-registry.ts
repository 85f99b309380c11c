// The v2 registry: a directory in an etcd that serves the v2 API, named by its whole URL (facts: v2
// API §7). The public discovery service speaks the same.
import { posix } from "node:path";
import type { Clock } from "#base/clock.ts";
import { OperatingError } from "#base/errors.ts";
import type { V2Discovery } from "#server/config/discovery.ts";
import { type Answer, exchangeHttp } from "#server/discovery/http-exchange.ts";
import {
  DiscoveryRefusal,
  type Registration,
  type Registry,
  type RegistryList,
  shown,
} from "#server/discovery/registry.ts";

const requestTimeoutMs = 5000;
/** A watch that hears nothing for so long is begun again: its connection may be dead. */
const watchTimeoutMs = 5 * 60_000;

/** The error codes of v2 that mean something here. */
const keyNotFound = 100;
const nodeExists = 105;
const raftInternal = 300;
const leaderElect = 301;
const indexCleared = 401;

const badEndpoint = (url: URL): DiscoveryRefusal =>
  new DiscoveryRefusal(
    "discovery: bad discovery endpoint",
    `${url.origin} does not answer as an etcd that serves the v2 API; check --discovery`,
  );

function parseUrl(text: string, flag: string): URL {
  // etcd takes a proxy without a scheme too.
  const full = flag === "discovery-proxy" && !/^https?:/.test(text) ? `http://${text}` : text;
  const url = URL.canParse(full) ? new URL(full) : undefined;
  if (url?.protocol === "http:" || url?.protocol === "https:") return url;
  throw new DiscoveryRefusal("discovery: invalid URL", `--${flag}=${text} is no http URL`);
}

/** Opens a registry; `close` it when done. */
export function openV2Registry(config: V2Discovery, clock: Clock): Registry {
  const url = parseUrl(config.url, "discovery");
  const proxy = config.proxy === "" ? undefined : parseUrl(config.proxy, "discovery-proxy");
  return new V2Registry(url, proxy, clock);
}

interface V2Node {
  readonly key: string;
  readonly value: string;
  readonly createdIndex: number;
  readonly nodes: readonly V2Node[];
}

interface V2Answer {
  readonly node: V2Node | undefined;
  readonly errorCode: number | undefined;
  readonly message: string;
  readonly cause: string;
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;

/** What is not there has Go's zero value; undefined if something is of another type. */
function readNode(value: unknown, depth = 0): V2Node | undefined {
  if (!isObject(value)) return undefined;
  const { key = "", value: text = "", createdIndex = 0, nodes = [] } = value;
  if (typeof key !== "string" || typeof text !== "string") return undefined;
  if (typeof createdIndex !== "number" || !Number.isSafeInteger(createdIndex)) return undefined;
  if (!Array.isArray(nodes)) return undefined;
  // Members lie in the directory itself: what lies deeper is not looked at.
  const read = depth === 0 ? nodes.map((one) => readNode(one, 1)) : [];
  const inner = read.filter((one) => one !== undefined);
  if (inner.length !== read.length) return undefined;
  return { key, value: text, createdIndex, nodes: inner };
}

function readAnswer(body: string): V2Answer | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return undefined;
  }
  if (!isObject(parsed)) return undefined;
  const { cause = "", errorCode, message = "" } = parsed;
  if (errorCode === undefined) {
    const node = readNode(parsed["node"]);
    return node && { node, errorCode, message: "", cause: "" };
  }
  if (typeof errorCode !== "number" || typeof message !== "string" || typeof cause !== "string") {
    return undefined;
  }
  return { node: undefined, errorCode, message: shown(message), cause: shown(cause) };
}

class V2Registry implements Registry {
  readonly replaces = false;
  readonly #url: URL;
  readonly #folder: string;
  readonly #proxy: URL | undefined;
  readonly #clock: Clock;
  readonly #closing = new AbortController();

  constructor(url: URL, proxy: URL | undefined, clock: Clock) {
    this.#url = url;
    this.#folder = posix.join("/", url.pathname).replace(/(.)\/$/, "$1");
    this.#proxy = proxy;
    this.#clock = clock;
  }

  async size(): Promise<string | undefined> {
    const answer = await this.#get("_config/size", {}, requestTimeoutMs);
    const { errorCode, node } = this.#parse(answer);
    return errorCode === keyNotFound ? undefined : (node?.value ?? "");
  }

  async list(): Promise<RegistryList> {
    // With quorum, so that an entry just made is seen on whichever member answers.
    const answer = await this.#get("", { quorum: "true" }, requestTimeoutMs);
    const { errorCode, node } = this.#parse(answer);
    if (errorCode === keyNotFound) throw new OperatingError("NO_TOKEN", `${this.#folder} is gone`);
    const members: Registration[] = [];
    for (const { createdIndex, key, value } of node?.nodes ?? []) {
      const id = posix.basename(key);
      if (id !== "_config") members.push({ id, value, order: createdIndex });
    }
    return { members, position: this.#index(answer) };
  }

  async register(id: string, value: string): Promise<"registered" | "exists"> {
    const url = this.#at(id, { prevExist: "false" });
    const body = new URLSearchParams({ value });
    const exchange = { method: "PUT", url, body, timeoutMs: requestTimeoutMs } as const;
    const { errorCode } = this.#parse(await exchangeHttp(exchange, this.#ports()));
    return errorCode === nodeExists ? "exists" : "registered";
  }

  async changed(position: number): Promise<void> {
    const query = { wait: "true", recursive: "true", waitIndex: String(position + 1) };
    const answer = await this.#get("", query, watchTimeoutMs);
    // A server that ends a watch by itself answers with nothing.
    if (answer.body.trim() !== "") this.#parse(answer);
  }

  close(): void {
    this.#closing.abort(new OperatingError("REGISTRY_CLOSED", "the registry is closed"));
  }

  #ports() {
    return { clock: this.#clock, proxy: this.#proxy, signal: this.#closing.signal };
  }

  #at(key: string, query: Readonly<Record<string, string>>): URL {
    const url = new URL(this.#url);
    url.pathname = posix.join(this.#folder, key);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    return url;
  }

  #get(key: string, query: Readonly<Record<string, string>>, timeoutMs: number): Promise<Answer> {
    return exchangeHttp({ method: "GET", url: this.#at(key, query), timeoutMs }, this.#ports());
  }

  /** The store's index of an answer; what is no number is taken for the first. */
  #index(answer: Answer): number {
    const index = Number(answer.headers["x-etcd-index"] ?? 0);
    return Number.isSafeInteger(index) && index >= 0 ? index : 0;
  }

  /** An answer of the v2 API: a node, or an error whose code the caller knows. */
  #parse(answer: Answer): V2Answer {
    const { body, status } = answer;
    if (status >= 500) {
      throw new OperatingError("V2_ANSWER", `${this.#url.origin} answered ${status}`);
    }
    const found = readAnswer(body);
    if (found === undefined) throw badEndpoint(this.#url);
    const { cause, errorCode, message } = found;
    if (errorCode === undefined) {
      if (status >= 300) throw badEndpoint(this.#url);
      return found;
    }
    if (errorCode === keyNotFound || errorCode === nodeExists || errorCode === indexCleared) {
      return found;
    }
    if (errorCode === raftInternal || errorCode === leaderElect) {
      throw new OperatingError("V2_ANSWER", `${this.#url.origin} answered ${errorCode} ${message}`);
    }
    throw new DiscoveryRefusal(`${errorCode}: ${message} (${cause})`, "check --discovery");
  }
}
