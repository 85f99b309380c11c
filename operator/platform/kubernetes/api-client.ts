// Requests to the API server: JSON over HTTPS, with the credentials of a kubeconfig or of the pod. Every
// request has a deadline, every answer a bound, and every write is asked of a guard first, so that an
// operator that is not the leader any more writes nothing.
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest, type RequestOptions } from "node:https";
import { createInterface } from "node:readline";
import type { KubeConfig } from "@kubernetes/client-node";
import { collectionPath, type Kind, type KubeObject } from "#operator/platform/kubernetes/kinds.ts";

const requestTimeoutMs = 20_000;
/** A list of very many objects; beyond it something is wrong. */
const maxBodyBytes = 64 << 20;
const pageSize = 500;
/** How long one watch lasts; the server ends it, and the collection is listed anew. */
const watchSeconds = 240;

/** The server refused, or could not be asked (status 0). */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  /** As NotFound, AlreadyExists, Conflict. */
  readonly reason: string;
  /** What the server gives besides, as NamespaceTerminating. */
  readonly causes: readonly string[];

  constructor(status: number, reason: string, message: string, causes: readonly string[] = []) {
    super(message);
    this.status = status;
    this.reason = reason;
    this.causes = causes;
  }
}

export const isNotFound = (error: unknown): boolean =>
  error instanceof ApiError && error.status === 404;

/** Somebody else was faster, or the object is there already: look again. */
export const isConflict = (error: unknown): boolean =>
  error instanceof ApiError && error.status === 409;

/** Nothing can be created there, for the namespace is being deleted. */
export const isEndingNamespace = (error: unknown): boolean =>
  error instanceof ApiError &&
  error.status === 403 &&
  error.causes.includes("NamespaceTerminating");

/** Asked before each write; throws if this process may not write now. */
export type WriteGuard = () => void;

export interface Selector {
  readonly namespace?: string | undefined;
  /** As `a=b,c=d`. */
  readonly labels?: string;
}

export interface Listed<T> {
  readonly items: readonly T[];
  readonly resourceVersion: string;
}

interface Call {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly body?: unknown;
  readonly contentType?: string;
}

interface StatusBody {
  readonly reason?: string;
  readonly message?: string;
  readonly details?: { readonly causes?: readonly { readonly reason?: string }[] };
}

export class ApiClient {
  readonly #config: KubeConfig;
  readonly #server: URL;
  readonly #guard: WriteGuard;
  readonly #stop: AbortSignal;

  /** `stop` aborts what is under way and lets nothing begin. */
  constructor(config: KubeConfig, stop: AbortSignal, guard: WriteGuard = () => {}) {
    const cluster = config.getCurrentCluster();
    if (cluster === null) throw new Error("the kubeconfig names no current cluster");
    this.#config = config;
    this.#server = new URL(cluster.server);
    this.#guard = guard;
    this.#stop = stop;
  }

  /** The same server and credentials, with writes asked of `guard`. */
  guarded(guard: WriteGuard): ApiClient {
    return new ApiClient(this.#config, this.#stop, guard);
  }

  /** The same, ended by `stop` too. */
  stoppedBy(stop: AbortSignal): ApiClient {
    return new ApiClient(this.#config, AbortSignal.any([this.#stop, stop]), this.#guard);
  }

  get<T extends KubeObject>(kind: Kind<T>, namespace: string, name: string): Promise<T> {
    return this.#json({ method: "GET", path: `${collectionPath(kind, namespace)}/${name}` });
  }

  /** Undefined if there is none. */
  async find<T extends KubeObject>(
    kind: Kind<T>,
    namespace: string,
    name: string,
  ): Promise<T | undefined> {
    try {
      return await this.get(kind, namespace, name);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** All objects that the selector matches, page by page. */
  async list<T extends KubeObject>(kind: Kind<T>, selector: Selector): Promise<Listed<T>> {
    const items: T[] = [];
    let next: string | undefined;
    for (;;) {
      const page = await this.#json<{
        readonly items: readonly T[];
        readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
      }>({
        method: "GET",
        path: collectionPath(kind, selector.namespace),
        query: { labelSelector: selector.labels, limit: pageSize, continue: next },
      });
      items.push(...page.items);
      next = page.metadata.continue;
      if (!next) return { items, resourceVersion: page.metadata.resourceVersion };
    }
  }

  create<T extends KubeObject>(kind: Kind<T>, object: T): Promise<T> {
    const path = collectionPath(kind, object.metadata.namespace);
    return this.#json({ method: "POST", path, body: object });
  }

  /** Fails with a conflict if the object has changed since it was read. */
  replaceStatus<T extends KubeObject>(kind: Kind<T>, object: T): Promise<T> {
    const { namespace, name } = object.metadata;
    const path = `${collectionPath(kind, namespace)}/${name}/status`;
    return this.#json({ method: "PUT", path, body: object });
  }

  replace<T extends KubeObject>(kind: Kind<T>, object: T): Promise<T> {
    const { namespace, name } = object.metadata;
    return this.#json({
      method: "PUT",
      path: `${collectionPath(kind, namespace)}/${name}`,
      body: object,
    });
  }

  /** A JSON merge patch, of the object or of its status. */
  patch<T extends KubeObject>(
    kind: Kind<T>,
    namespace: string | undefined,
    name: string,
    body: unknown,
    part: "" | "/status" = "",
  ): Promise<T> {
    const path = `${collectionPath(kind, namespace)}/${name}${part}`;
    const contentType = "application/merge-patch+json";
    return this.#json({ method: "PATCH", path, body, contentType });
  }

  /** Deletes this very object, by its UID; one that is gone is no error. */
  async delete<T extends KubeObject>(kind: Kind<T>, object: T): Promise<void> {
    const { namespace, name, uid } = object.metadata;
    const body = {
      apiVersion: "v1",
      kind: "DeleteOptions",
      propagationPolicy: "Background",
      ...(uid === undefined ? {} : { preconditions: { uid } }),
    };
    try {
      const path = `${collectionPath(kind, namespace)}/${name}`;
      await this.#json({ method: "DELETE", path, body });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /** Whether the server answers. */
  async ready(): Promise<void> {
    await this.#answer({ method: "GET", path: "/readyz" }, requestTimeoutMs, (answer) =>
      textOf(answer),
    );
  }

  /**
   * Calls `onChange` for each change after `resourceVersion` until the server ends the watch, which it does
   * within minutes. Rejects if the watch cannot go on: the collection must then be listed again.
   */
  async watch<T extends KubeObject>(
    kind: Kind<T>,
    selector: Selector,
    resourceVersion: string,
    onChange: (object: T, isGone: boolean) => void,
  ): Promise<void> {
    const query = {
      watch: "1",
      allowWatchBookmarks: "true",
      labelSelector: selector.labels,
      resourceVersion,
      timeoutSeconds: watchSeconds,
    };
    const call: Call = { method: "GET", path: collectionPath(kind, selector.namespace), query };
    // A connection that died without a word ends with the deadline.
    await this.#answer(call, (watchSeconds + 30) * 1000, async (answer) => {
      for await (const line of createInterface(answer)) {
        const change = JSON.parse(line) as { readonly type: string; readonly object: unknown };
        if (change.type === "ERROR") {
          const { reason = "", message = "the watch ended" } = change.object as StatusBody;
          throw new ApiError(410, reason, message);
        }
        if (change.type === "BOOKMARK") continue;
        onChange(change.object as T, change.type === "DELETED");
      }
    });
  }

  async #json<T>(call: Call): Promise<T> {
    if (call.method !== "GET") this.#guard();
    const text = await this.#answer(call, requestTimeoutMs, textOf);
    return JSON.parse(text) as T;
  }

  async #answer<T>(
    call: Call,
    timeoutMs: number,
    read: (answer: IncomingMessage) => Promise<T>,
  ): Promise<T> {
    const signal = AbortSignal.any([this.#stop, AbortSignal.timeout(timeoutMs)]);
    const url = new URL(`${this.#server.pathname.replace(/\/$/, "")}${call.path}`, this.#server);
    for (const [name, value] of Object.entries(call.query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const options: RequestOptions = { method: call.method, signal, headers: {} };
    await this.#config.applyToHTTPSOptions(options);
    const body = call.body === undefined ? undefined : JSON.stringify(call.body);
    options.headers = {
      ...(options.headers as Readonly<Record<string, string>>),
      accept: "application/json",
      ...(body === undefined
        ? {}
        : {
            "content-type": call.contentType ?? "application/json",
            "content-length": String(Buffer.byteLength(body)),
          }),
    };
    // The credentials were fetched, which may have taken time: ask once more, as late as can be.
    if (call.method !== "GET") this.#guard();
    try {
      const answer = await send(url, options, body);
      const { statusCode = 0 } = answer;
      if (statusCode >= 200 && statusCode < 300) return await read(answer);
      throw refusal(call, statusCode, await textOf(answer));
    } catch (error) {
      if (error instanceof ApiError) throw error;
      const why = error instanceof Error ? error.message : String(error);
      throw new ApiError(0, "Unreachable", `${call.method} ${call.path}: ${why}`);
    }
  }
}

function send(
  url: URL,
  options: RequestOptions,
  body: string | undefined,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const begin = url.protocol === "http:" ? httpRequest : httpsRequest;
    const request = begin(url, options, resolve);
    request.on("error", reject);
    request.end(body);
  });
}

async function textOf(answer: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of answer as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > maxBodyBytes) {
      answer.destroy();
      throw new Error(`the answer is larger than ${maxBodyBytes} bytes`);
    }
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

function refusal(call: Call, status: number, body: string): ApiError {
  let parsed: StatusBody = {};
  try {
    parsed = JSON.parse(body) as StatusBody;
  } catch {
    // Not from the API server itself.
  }
  const message = parsed.message ?? body.slice(0, 200);
  const causes = (parsed.details?.causes ?? []).flatMap((one) => one.reason ?? []);
  const text = `${call.method} ${call.path}: ${message}`;
  return new ApiError(status, parsed.reason ?? "", text, causes);
}
