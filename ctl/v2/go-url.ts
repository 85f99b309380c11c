// URLs as Go writes and reads them: which characters are escaped, and what an endpoint without a scheme
// is taken for. Pure.
import { goQuote } from "#ctl/go-text.ts";

export interface Endpoint {
  readonly scheme: string;
  /** Host and port as written. */
  readonly host: string;
  readonly path: string;
}

/** Throws Error in Go's words. */
export function parseEndpoint(text: string): Endpoint {
  const named = /^([a-z][a-z0-9+.-]*):(.*)$/is.exec(text);
  if (named === null && /^[^/]*:/.test(text)) {
    throw new Error(`parse ${goQuote(text)}: first path segment in URL cannot contain colon`);
  }
  const scheme = (named?.[1] ?? "http").toLowerCase();
  const rest = named?.[2] ?? (text.startsWith("//") ? text : `//${text}`);
  const parts = /^\/\/([^/?#]*)([^?#]*)/.exec(rest);
  return parts === null
    ? { scheme, host: "", path: rest }
    : { scheme, host: parts[1] ?? "", path: parts[2] ?? "" };
}

export function endpointText({ scheme, host, path }: Endpoint): string {
  return host === "" ? `${scheme}:${path}` : `${scheme}://${host}${escapePath(path)}`;
}

const percent = (char: string): string =>
  [...Buffer.from(char)]
    .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`)
    .join("");

/** A path: letters, digits and `-_.~$&+,/:;=@` stay. */
export function escapePath(path: string): string {
  return path.replace(/[^A-Za-z0-9\-_.~$&+,/:;=@]/gu, percent);
}

function escapeQuery(text: string): string {
  return text.replace(/[^A-Za-z0-9\-_.~ ]/gu, percent).replaceAll(" ", "+");
}

/** Fields by name, as Go encodes a form; those without a value are left out. */
export function encodeForm(fields: Readonly<Record<string, string | undefined>>): string {
  return Object.entries(fields)
    .flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${escapeQuery(name)}=${escapeQuery(value)}`)
    .join("&");
}

/** A path without empty elements and dots; its last slash stays. */
export function canonicalPath(path: string): string {
  if (path === "") return "/";
  const elements: string[] = [];
  for (const element of path.split("/")) {
    if (element === "..") elements.pop();
    else if (element !== "" && element !== ".") elements.push(element);
  }
  const slash = path.endsWith("/") && elements.length > 0 ? "/" : "";
  return `/${elements.join("/")}${slash}`;
}
