// /v2/keys: reads, writes and watches of the v2 key space over HTTP (facts: v2 API §1-§4). A watch
// whose client reads slowly waits for its connection; its queue is bounded where events are put in.
import { Buffer } from "node:buffer";
import { errorText } from "#base/errors.ts";
import { GatheredBytes } from "#base/gathered-bytes.ts";
import type { UnfinishedBytes } from "#base/unfinished-bytes.ts";
import { EtcdError } from "#proto/errors.ts";
import { type Form, parseForm } from "#server/api/form.ts";
import type { Request, Response } from "#server/api/http-endpoints.ts";
import type { V2Auth } from "#server/api/v2-auth.ts";
import type { V2Member } from "#server/api/v2-member.ts";
import { cleanPath, type KeysRequest, readKeysRequest } from "#server/api/v2-request.ts";
import { V2Error } from "#server/v2store/errors.ts";
import { eventJson, readJson } from "#server/v2store/event-json.ts";
import { isReserved } from "#server/v2store/reserved.ts";
import type { Watcher } from "#server/v2store/watchers.ts";

export interface V2Limits {
  /** `--max-request-bytes`. */
  readonly maxRequestBytes: number;
  /** Bodies under way, of all connections together. */
  readonly unfinished: UnfinishedBytes;
}

export interface V2Keys {
  readonly member: V2Member;
  readonly limits: V2Limits;
  /** Who may read and write which keys. */
  readonly auth: Pick<V2Auth, "mayAccess">;
}

const methods = ["HEAD", "GET", "PUT", "POST", "DELETE"];
/** Go reads no longer form. */
const goFormBytes = 10 * 1024 * 1024;
/** What the names of a form may take beside its values, each byte of which may be escaped in three. */
const formOverheadBytes = 64 * 1024;

/** Answers one request; never throws. `path` is decoded. */
export function serveV2Keys(
  keys: V2Keys,
  path: string,
  query: string,
  request: Request,
  response: Response,
): void {
  serve(keys, path, query, request, response).catch((error: unknown) => {
    if (response.headersSent) response.destroy();
    else sendError(new V2Error("raftInternal", errorText(error), 0), request, response);
  });
}

async function serve(
  keys: V2Keys,
  path: string,
  query: string,
  request: Request,
  response: Response,
): Promise<void> {
  const method = request.method ?? "GET";
  if (!methods.includes(method)) {
    response.setHeader("Allow", methods.join(","));
    response.setHeader("X-Content-Type-Options", "nosniff");
    return send(request, response, 405, "text/plain; charset=utf-8", "Method Not Allowed\n");
  }
  const form = await readForm(keys, query, request);
  if (form instanceof V2Error) return sendError(form, request, response);
  const { member } = keys;
  const asked = readKeysRequest(
    method,
    cleanPath(path.slice("/v2/keys".length)),
    form,
    member.wallMs(),
  );
  if (asked instanceof V2Error) return sendError(asked, request, response);
  if (!(await keys.auth.mayAccess(request, path.slice("/v2/keys".length), asked.recursive))) {
    const refused = new V2Error("unauthorized", "Insufficient credentials", 0);
    return sendError(refused, request, response);
  }
  if (isReserved(asked.path)) {
    return sendError(new V2Error("keyNotFound", asked.path, member.store.index), request, response);
  }
  if (asked.wait !== undefined) return watch(member, asked, asked.wait, request, response);
  if (method === "GET" || method === "HEAD") return read(member, asked, request, response);
  return write(member, asked, request, response);
}

async function read(
  member: V2Member,
  asked: KeysRequest,
  request: Request,
  response: Response,
): Promise<void> {
  if (asked.quorum && request.method === "GET") await member.linearize();
  const node = member.store.get(asked.path, asked, member.wallMs());
  if (node instanceof V2Error) return sendError(node, request, response);
  writeIndexes(member, member.store.index, response);
  send(request, response, 200, "application/json", readJson(node));
}

async function write(
  member: V2Member,
  asked: KeysRequest,
  request: Request,
  response: Response,
): Promise<void> {
  let written: Awaited<ReturnType<V2Member["write"]>>;
  try {
    written = await member.write(asked.write);
  } catch (error) {
    if (!(error instanceof EtcdError)) throw error;
    written = new V2Error("raftInternal", error.message, 0);
  }
  if (written instanceof V2Error) return sendError(written, request, response);
  const { event, index, created } = written;
  writeIndexes(member, index, response);
  const brief = asked.noValueOnSuccess && briefActions.has(event.action);
  const isNew = event.action === "create" || (event.action === "set" && created);
  send(request, response, isNew ? 201 : 200, "application/json", eventJson(event, brief));
}

const briefActions = new Set(["set", "create", "update", "compareAndSwap"]);

function watch(
  member: V2Member,
  asked: KeysRequest,
  wait: NonNullable<KeysRequest["wait"]>,
  request: Request,
  response: Response,
): void {
  let scheduled = false;
  let watcher: Watcher | undefined;
  // Called while commands are applied: the writing waits for the end of that turn.
  const wake = (): void => {
    if (scheduled) return;
    scheduled = true;
    queueMicrotask(() => {
      scheduled = false;
      if (watcher !== undefined) pump(watcher, response);
    });
  };
  const { path, recursive } = asked;
  const opened = member.store.watch({ key: path, recursive, ...wait }, wake);
  if (opened instanceof V2Error) {
    sendError(opened, request, response);
    return;
  }
  watcher = opened;
  response.once("close", () => opened.close());
  response.on("drain", wake);
  writeIndexes(member, opened.startIndex, response);
  response.statusCode = 200;
  response.setHeader("Content-Type", "application/json");
  if ("flushHeaders" in response) response.flushHeaders();
  wake();
}

/** Writes what the connection takes, and ends the answer behind the last event. */
function pump(watcher: Watcher, response: Response): void {
  if (response.writableEnded || response.destroyed) return;
  while (!response.writableNeedDrain) {
    const event = watcher.next();
    if (event === undefined) {
      if (watcher.isEnded) response.end();
      return;
    }
    writeTo(response, eventJson(event));
    if (!watcher.options.stream) {
      watcher.close();
      response.end();
      return;
    }
  }
}

function writeTo(response: Response, text: string): void {
  (response as { write(text: string): boolean }).write(text);
}

async function readForm(keys: V2Keys, query: string, request: Request): Promise<Form | V2Error> {
  const method = request.method ?? "";
  const type = (request.headers["content-type"] ?? "").split(";", 1)[0]!.trim().toLowerCase();
  let body = "";
  if ((method === "PUT" || method === "POST") && type === "application/x-www-form-urlencoded") {
    const { maxRequestBytes, unfinished } = keys.limits;
    const limit = 3 * maxRequestBytes + formOverheadBytes;
    const bytes = await readBody(request, Math.min(limit, goFormBytes), unfinished);
    if (bytes === undefined) {
      return limit < goFormBytes
        ? new V2Error("raftInternal", "etcdserver: request is too large", 0)
        : new V2Error("invalidForm", "http: POST too large", 0);
    }
    body = bytes.toString("latin1");
  }
  const parsed = parseForm(query, body);
  return parsed.ok ? parsed.form : new V2Error("invalidForm", parsed.reason, 0);
}

/** The whole body, or undefined if it is longer than `limit`: then the rest is read and dropped. */
async function readBody(
  request: Request,
  limit: number,
  unfinished: UnfinishedBytes,
): Promise<Buffer | undefined> {
  const body = new GatheredBytes(unfinished);
  let length = 0;
  try {
    for await (const part of request as AsyncIterable<Buffer>) {
      length += part.length;
      if (length <= limit) body.push(part);
      else if (length > goFormBytes) return undefined;
    }
    return length <= limit ? body.take() : undefined;
  } finally {
    body.drop();
  }
}

function writeIndexes(member: V2Member, index: number, response: Response): void {
  response.setHeader("X-Etcd-Index", String(index));
  response.setHeader("X-Raft-Index", String(member.raftIndex()));
  response.setHeader("X-Raft-Term", String(member.raftTerm()));
}

function sendError(error: V2Error, request: Request, response: Response): void {
  response.setHeader("X-Etcd-Index", String(error.index));
  send(request, response, error.status, "application/json", error.json());
}

function send(
  request: Request,
  response: Response,
  status: number,
  type: string,
  body: string,
): void {
  response.statusCode = status;
  response.setHeader("Content-Type", type);
  response.setHeader("Content-Length", Buffer.byteLength(body));
  response.end(request.method === "HEAD" ? "" : body);
}
