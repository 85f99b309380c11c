// Which metadata a call gets from the headers of its HTTP request: those of etcd's gateway.
import { Buffer } from "node:buffer";
import type { IncomingHttpHeaders } from "node:http";

/** A header that no call can be made with; the message is etcd's. */
export class BadHeader extends Error {
  readonly code = "BAD_HEADER";
}

/** Headers that are passed on as `grpcgateway-NAME`. */
const permanent = new Set([
  "accept",
  "accept-charset",
  "accept-language",
  "accept-ranges",
  "authorization",
  "cache-control",
  "content-type",
  "cookie",
  "date",
  "expect",
  "from",
  "host",
  "if-match",
  "if-modified-since",
  "if-none-match",
  "if-schedule-tag-match",
  "if-unmodified-since",
  "max-forwards",
  "origin",
  "pragma",
  "referer",
  "user-agent",
  "via",
  "warning",
]);

const prefix = "grpc-metadata-";

/**
 * Metadata by lower-case name: `Grpc-Metadata-X` as x, Authorization as itself, which carries a token.
 * A `-bin` value is base64. Throws BadHeader.
 */
export function metadataOf(headers: IncomingHttpHeaders): ReadonlyMap<string, string> {
  const metadata = new Map<string, string>();
  for (const [name, list] of Object.entries(headers)) {
    const value = Array.isArray(list) ? list[0] : list;
    if (value === undefined || !/^[\x20-\x7e]*$/.test(value)) continue;
    if (name === "authorization") metadata.set("authorization", value);
    if (permanent.has(name)) metadata.set(`grpcgateway-${name}`, value);
    else if (name.startsWith(prefix)) {
      if (name.endsWith("-bin")) checkBase64(name, value);
      metadata.set(name.slice(prefix.length), value);
    }
  }
  return metadata;
}

function checkBase64(name: string, value: string): void {
  if (/^[A-Za-z0-9+/]*={0,2}$/.test(value)) return;
  const at = /[^A-Za-z0-9+/]/.exec(value)?.index ?? 0;
  const canonical = name.replace(/(^|-)[a-z]/g, (start) => start.toUpperCase());
  const what = `illegal base64 data at input byte ${at}`;
  throw new BadHeader(`invalid binary header ${canonical}: ${what}`);
}

const unitMs: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

/** What `Grpc-Timeout` leaves, in ms; undefined without the header. Throws BadHeader. */
export function timeoutOf(headers: IncomingHttpHeaders): number | undefined {
  const text = headers["grpc-timeout"];
  if (typeof text !== "string" || text === "") return undefined;
  const match = /^([+-]?\d{1,18})([HMSmun])$/.exec(text);
  if (match === null) throw new BadHeader(`invalid grpc-timeout: ${text}`);
  const ms = Number(match[1]) * unitMs[match[2]!]!;
  return ms === 0 ? undefined : ms;
}

/** A header of the answer that carries metadata. */
export function answerHeader(name: string, value: string | Uint8Array): [string, string] {
  const text = typeof value === "string" ? value : Buffer.from(value).toString("base64");
  return [`Grpc-Metadata-${name}`, text];
}
