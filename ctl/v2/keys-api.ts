// Requests to /v2/keys and what their answers are printed as (facts: v2 API §2, §6).
import { goJson } from "#base/go-json.ts";
import type { Terminal } from "#ctl/terminal.ts";
import type { ClusterClient, V2Answer, V2Call } from "./cluster-client.ts";
import { encodeForm } from "./go-url.ts";

export interface Node {
  readonly key: string;
  readonly dir: boolean;
  readonly value: string;
  readonly nodes: readonly Node[] | undefined;
  readonly createdIndex: number;
  readonly modifiedIndex: number;
  /** As the server writes it; "" for none. */
  readonly expiration: string;
  readonly ttl: number;
}

export interface Response {
  readonly action: string;
  readonly node: Node;
  readonly prevNode: Node | undefined;
  /** X-Etcd-Index of the answer. */
  readonly index: string;
}

/** An error in the v2 API's form. */
export class KeysError extends Error {}

const invalidJson =
  "client: response is invalid json. The endpoint is probably not valid etcd cluster endpoint";

type Json = Readonly<Record<string, unknown>>;

function objectIn(text: string): Json {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    parsed = undefined;
  }
  if (typeof parsed !== "object" || parsed === null) throw new Error(invalidJson);
  return parsed as Json;
}

const textIn = (value: unknown): string => (typeof value === "string" ? value : "");
const numberIn = (value: unknown): number => (typeof value === "number" ? value : 0);

function nodeIn(json: Json): Node {
  const nodes = json["nodes"];
  return {
    key: textIn(json["key"]),
    dir: json["dir"] === true,
    value: textIn(json["value"]),
    nodes: Array.isArray(nodes) ? nodes.map((each) => nodeIn(each as Json)) : undefined,
    createdIndex: numberIn(json["createdIndex"]),
    modifiedIndex: numberIn(json["modifiedIndex"]),
    expiration: textIn(json["expiration"]),
    ttl: numberIn(json["ttl"]),
  };
}

/** Reads an answer; throws KeysError for a refusal, undefined for an empty body of a watch. */
function responseIn(answer: V2Answer): Response | undefined {
  if (answer.status !== 200 && answer.status !== 201) {
    const { errorCode, message, cause, index } = objectIn(answer.body);
    throw new KeysError(
      `${numberIn(errorCode)}: ${textIn(message)} (${textIn(cause)}) [${numberIn(index)}]`,
    );
  }
  if (answer.body === "") return undefined;
  const { action, node, prevNode } = objectIn(answer.body);
  return {
    action: textIn(action),
    node: nodeIn((node ?? {}) as Json),
    prevNode: prevNode === undefined ? undefined : nodeIn(prevNode as Json),
    index: answer.index === "" ? "0" : answer.index,
  };
}

const form = "application/x-www-form-urlencoded";
const keyPath = (key: string): string =>
  `/v2/keys${key === "" || key.startsWith("/") ? "" : "/"}${key}`;
const positive = (value: number): string | undefined => (value > 0 ? String(value) : undefined);
/** As Go makes an unsigned number of 64 bits of it; undefined for 0. */
const unsigned = (value: number): string | undefined =>
  value === 0 ? undefined : String(BigInt.asUintN(64, BigInt(value)));
const present = (text: string): string | undefined => (text === "" ? undefined : text);

export interface SetOptions {
  readonly value: string;
  readonly ttl: number;
  readonly dir?: boolean;
  readonly prevExist?: boolean;
  readonly prevValue?: string;
  readonly prevIndex?: number;
}

export class KeysApi {
  private readonly client: ClusterClient;
  private readonly deadline: () => AbortSignal | undefined;

  constructor(client: ClusterClient, deadline: () => AbortSignal | undefined) {
    this.client = client;
    this.deadline = deadline;
  }

  get(
    key: string,
    how: { readonly recursive?: boolean; readonly sorted?: boolean; readonly quorum?: boolean },
  ): Promise<Response> {
    const query = encodeForm({
      recursive: String(how.recursive === true),
      sorted: String(how.sorted === true),
      quorum: String(how.quorum === true),
    });
    return this.ask({ method: "GET", path: keyPath(key), query });
  }

  set(key: string, options: SetOptions): Promise<Response> {
    const isDir = options.dir === true;
    const query = encodeForm({
      dir: isDir ? "true" : undefined,
      prevValue: isDir ? undefined : present(options.prevValue ?? ""),
      prevIndex: unsigned(options.prevIndex ?? 0),
      prevExist: options.prevExist === undefined ? undefined : String(options.prevExist),
    });
    const body = encodeForm({
      value: isDir ? undefined : options.value,
      ttl: positive(options.ttl),
    });
    const once = options.prevExist === false;
    return this.ask({ method: "PUT", path: keyPath(key), query, body, type: form, once });
  }

  createInOrder(dir: string, value: string, ttl: number): Promise<Response> {
    const body = encodeForm({ value, ttl: positive(ttl) });
    return this.ask({ method: "POST", path: keyPath(dir), body, type: form });
  }

  delete(
    key: string,
    how: {
      readonly dir?: boolean;
      readonly recursive?: boolean;
      readonly prevValue?: string;
      readonly prevIndex?: number;
    },
  ): Promise<Response> {
    const query = encodeForm({
      prevValue: present(how.prevValue ?? ""),
      prevIndex: unsigned(how.prevIndex ?? 0),
      dir: how.dir === true ? "true" : undefined,
      recursive: how.recursive === true ? "true" : undefined,
    });
    return this.ask({ method: "DELETE", path: keyPath(key), query, type: form, once: true });
  }

  /** Events one after the other, for ever; each is asked for by the index behind the one before. */
  async *watch(
    key: string,
    how: { readonly recursive: boolean; readonly afterIndex: number },
    signal: AbortSignal,
  ): AsyncGenerator<Response> {
    let since = how.afterIndex > 0 ? how.afterIndex + 1 : 0;
    for (;;) {
      const query = encodeForm({
        wait: "true",
        waitIndex: String(since),
        recursive: String(how.recursive),
      });
      const call: V2Call = { method: "GET", path: keyPath(key), query, isWait: true };
      const event = responseIn(await this.client.do(call, signal));
      // The server ended the watch without an event: it is asked again.
      if (event === undefined) continue;
      since = event.node.modifiedIndex + 1;
      yield event;
    }
  }

  private async ask(call: V2Call): Promise<Response> {
    const response = responseIn(await this.client.do(call, this.deadline()));
    if (response === undefined) throw new Error("client: response body is empty");
    return response;
  }
}

function nodeJson(node: Node): string {
  const nodes = node.nodes === undefined ? "null" : `[${node.nodes.map(nodeJson).join(",")}]`;
  const dir = node.dir ? `"dir":true,` : "";
  const expiration = node.expiration === "" ? "" : `,"expiration":${goJson(node.expiration)}`;
  const ttl = node.ttl === 0 ? "" : `,"ttl":${node.ttl}`;
  return `{"key":${goJson(node.key)},${dir}"value":${goJson(node.value)},"nodes":${nodes},"createdIndex":${node.createdIndex},"modifiedIndex":${node.modifiedIndex}${expiration}${ttl}}`;
}

/** Prints an answer in one of the formats. */
export function printResponse(terminal: Terminal, response: Response, format: string): void {
  const { action, node, prevNode, index } = response;
  switch (format) {
    case "simple":
      terminal.out(
        action === "delete" ? `PrevNode.Value: ${prevNode?.value ?? ""}\n` : `${node.value}\n`,
      );
      return;
    case "extended":
      terminal.out(
        [
          `Key: ${node.key}`,
          `Created-Index: ${node.createdIndex}`,
          `Modified-Index: ${node.modifiedIndex}`,
          ...(prevNode === undefined ? [] : [`PrevNode.Value: ${prevNode.value}`]),
          `TTL: ${node.ttl}`,
          `Index: ${index}`,
          ...(action === "delete" ? [] : ["", node.value]),
          "",
        ].join("\n"),
      );
      return;
    case "json": {
      const before = prevNode === undefined ? "null" : nodeJson(prevNode);
      terminal.out(`{"action":${goJson(action)},"node":${nodeJson(node)},"prevNode":${before}}\n`);
      return;
    }
    default:
      terminal.err(`Unsupported output format: ${format}\n`);
  }
}
