// What a request to /v2/keys asks for: its parameters in etcd's order of checks, with etcd's words for
// each that is wrong (facts: v2 API §1-§3).
import { V2Request } from "#proto/gen/extension.ts";
import type { Form } from "#server/api/form.ts";
import { V2Error } from "#server/v2store/errors.ts";

/** etcd knows no such bound. Trees are walked from element to element. */
const maxElements = 512;

export interface KeysRequest {
  readonly path: string;
  readonly recursive: boolean;
  readonly sorted: boolean;
  readonly quorum: boolean;
  /** Undefined for a plain read or a write. */
  readonly wait: { readonly stream: boolean; readonly since: number } | undefined;
  readonly noValueOnSuccess: boolean;
  /** For a method that writes. */
  readonly write: V2Request;
}

/** The path below /v2/keys as the tree knows it: no empty element, no `.` or `..`. */
export function cleanPath(path: string): string {
  const elements: string[] = [];
  for (const element of path.split("/")) {
    if (element === "..") elements.pop();
    else if (element !== "" && element !== ".") elements.push(element);
  }
  return `/${elements.join("/")}`;
}

const truths: ReadonlyMap<string, boolean> = new Map([
  ...["1", "t", "T", "TRUE", "true", "True"].map((text) => [text, true] as const),
  ...["0", "f", "F", "FALSE", "false", "False"].map((text) => [text, false] as const),
]);

/** Thrown within this file only. */
class Invalid extends Error {
  readonly error: V2Error;

  constructor(name: V2Error["name"], cause: string) {
    super(cause);
    this.error = new V2Error(name, cause, 0);
  }
}

/** Reads the parameters; `path` is clean, `nowMs` in Unix milliseconds. */
export function readKeysRequest(
  method: string,
  path: string,
  form: Form,
  nowMs: number,
): KeysRequest | V2Error {
  try {
    return read(method, path, form, nowMs);
  } catch (error) {
    if (error instanceof Invalid) return error.error;
    throw error;
  }
}

function read(method: string, path: string, form: Form, nowMs: number): KeysRequest {
  if (path.split("/").length > maxElements + 1) {
    throw new Invalid("invalidForm", `the path has more than ${maxElements} elements`);
  }
  const prevIndex = uint64(form, "prevIndex", "indexNaN") ?? 0n;
  const since = uint64(form, "waitIndex", "indexNaN") ?? 0n;
  const recursive = bool(form, "recursive");
  const sorted = bool(form, "sorted");
  const wait = bool(form, "wait");
  const dir = bool(form, "dir");
  const quorum = bool(form, "quorum");
  const stream = bool(form, "stream");
  if (wait && method !== "GET") {
    throw new Invalid("invalidField", `"wait" can only be used with GET requests`);
  }
  const prevValue = first(form, "prevValue");
  if (prevValue === "") throw new Invalid("prevValueRequired", `"prevValue" cannot be empty`);
  const noValueOnSuccess = bool(form, "noValueOnSuccess");
  const ttlText = first(form, "ttl") ?? "";
  const ttl = ttlText === "" ? undefined : uint64(form, "ttl", "ttlNaN");
  const prevExist = form.has("prevExist")
    ? bool(form, "prevExist", "invalid value for prevExist")
    : undefined;
  const refresh = bool(form, "refresh", "invalid value for refresh");
  const value = first(form, "value") ?? "";
  if (refresh && value !== "") {
    throw new Invalid("refreshValue", "A value was provided on a refresh");
  }
  if (refresh && ttl === undefined) throw new Invalid("refreshTtlRequired", "No TTL value set");
  return {
    path,
    recursive,
    sorted,
    quorum,
    wait: wait ? { stream, since: Number(since) } : undefined,
    noValueOnSuccess,
    write: V2Request.create({
      method,
      path,
      value,
      dir,
      prevValue: prevValue ?? "",
      prevIndex,
      prevExist,
      recursive,
      refresh,
      expireMs: ttl === undefined ? undefined : expiry(ttl, nowMs),
      timeMs: nowMs,
    }),
  };
}

/** As Go adds nanoseconds of 64 bits: what is far too long wraps around; 0 means none. */
function expiry(ttlSeconds: bigint, nowMs: number): number | undefined {
  const life = BigInt.asIntN(64, ttlSeconds * 1_000_000_000n);
  const end = BigInt.asIntN(64, BigInt(nowMs) * 1_000_000n + life);
  return end === 0n ? undefined : Number(end / 1_000_000n);
}

function first(form: Form, name: string): string | undefined {
  return form.get(name)?.[0];
}

function bool(form: Form, name: string, cause = `invalid value for "${name}"`): boolean {
  const text = first(form, name);
  if (text === undefined) return false;
  const value = truths.get(text);
  if (value === undefined) throw new Invalid("invalidField", cause);
  return value;
}

function uint64(form: Form, name: string, fault: V2Error["name"]): bigint | undefined {
  const text = first(form, name);
  if (text === undefined) return undefined;
  if (/^\d{1,1000}$/.test(text)) {
    const value = BigInt(text);
    if (value < 1n << 64n) return value;
  }
  throw new Invalid(fault, `invalid value for "${name}"`);
}
