// The answers of the peer listener, as Go's HTTP library and etcd's handlers word them, and the small
// readings of requests that go with them. Without state.
import type { Buffer } from "node:buffer";
import type { IncomingMessage, ServerResponse } from "node:http";
import { InvariantError } from "#base/assert.ts";
import { errorText, OperatingError } from "#base/errors.ts";
import { isEtcdError } from "#proto/errors.ts";
import type { HashKVResponse } from "#proto/gen/maintenance.ts";
import { notPrimaryLessorCode } from "#server/peer/ports.ts";

/** One header of a request; undefined if absent. `name` in lower case. */
export function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === "string" ? value : undefined;
}

/** An error of Go's http.Error: its headers, and the text with one newline. */
export function plain(response: ServerResponse, status: number, text: string): void {
  response.setHeader("Content-Type", "text/plain; charset=utf-8");
  response.setHeader("X-Content-Type-Options", "nosniff");
  response.statusCode = status;
  response.end(`${text}\n`);
}

/** An answer in JSON; the text is written as it is. */
export function json(response: ServerResponse, status: number, text: string): void {
  response.setHeader("Content-Type", "application/json");
  response.statusCode = status;
  response.end(text);
}

/** An answer in protobuf, status 200. */
export function protobuf(response: ServerResponse, bytes: Uint8Array): void {
  response.setHeader("Content-Type", "application/protobuf");
  response.end(bytes);
}

/** True if the request has this method; otherwise answers 405. */
export function allow(request: IncomingMessage, response: ServerResponse, method: string): boolean {
  if (request.method === method) return true;
  response.setHeader("Allow", method);
  plain(response, 405, "Method Not Allowed");
  return false;
}

/** Answers a failed lease request; `otherStatus` is for what has no status of its own. */
export function leaseFailure(response: ServerResponse, error: unknown, otherStatus: number): void {
  if (error instanceof InvariantError) throw error;
  if (isEtcdError(error, "leaseNotFound")) {
    plain(response, 404, "lease not found");
  } else if (isEtcdError(error, "timeoutWaitAppliedIndex")) {
    plain(response, 408, "waiting for node to catch up its applied index has timed out");
  } else {
    const lost = error instanceof OperatingError && error.code === notPrimaryLessorCode;
    plain(response, otherStatus, lost ? "not a primary lessor" : errorText(error));
  }
}

/** major × 2^16 + minor of a semantic version, or undefined if it is none. */
export function parseVersion(text: string): number | undefined {
  const match = /^(\d{1,4})\.(\d{1,4})\.\d+(?:[-+].*)?$/.exec(text);
  return match === null ? undefined : Number(match[1]) * 65536 + Number(match[2]);
}

/** An ID in decimal, of at most 64 bits; undefined if it is none. */
export function parseDecimalId(text: string): bigint | undefined {
  if (!/^\d{1,20}$/.test(text)) return undefined;
  const id = BigInt(text);
  return id < 1n << 64n ? id : undefined;
}

/** What `decode` gives; undefined if it throws. */
export function decoded<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch {
    return undefined;
  }
}

/** The revision of a HashKV request in JSON; undefined if it is malformed. */
export function parseRevision(body: Buffer): number | undefined {
  const parsed: unknown = decoded(() => JSON.parse(body.toString()));
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) return undefined;
  const { revision = 0 } = parsed as { readonly revision?: unknown };
  return Number.isSafeInteger(revision) ? (revision as number) : undefined;
}

/** As Go writes it: members that are zero are left out. */
export function hashKvJson(answer: HashKVResponse): string {
  const { header: head } = answer;
  const fields = (rows: readonly (readonly [string, bigint | number | string])[]): string =>
    `{${rows
      .filter(([, value]) => typeof value === "string" || value !== 0)
      .filter(([, value]) => value !== 0n)
      .map(([name, value]) => `"${name}":${value}`)
      .join(",")}}`;
  return fields([
    [
      "header",
      fields([
        ["cluster_id", head?.clusterId ?? 0n],
        ["member_id", head?.memberId ?? 0n],
        ["revision", head?.revision ?? 0],
        ["raft_term", head?.raftTerm ?? 0],
      ]),
    ],
    ["hash", answer.hash],
    ["compact_revision", answer.compactRevision],
    ["hash_revision", answer.hashRevision],
  ]);
}
