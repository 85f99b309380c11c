// The URLs of members: scheme, host and port, nothing else, judged as etcd judges them. Pure.

export type EndpointScheme = "http" | "https" | "unix" | "unixs";

/** One URL of a member. For unix sockets `host` is the path and `port` is 0. */
export interface Endpoint {
  /** The URL as etcd prints and compares it. */
  readonly text: string;
  readonly scheme: EndpointScheme;
  /** Host name or address; IPv6 without brackets. May be empty ("http://:2379"). */
  readonly host: string;
  readonly port: number;
}

/** The most URLs that one list may hold; more is a mistake. */
const maxEndpoints = 1024;

/** One URL, or the reason why it is none. */
export function parseEndpoint(given: string): Endpoint | string {
  const input = given.trim();
  const found = /^([a-zA-Z][a-zA-Z0-9+.-]*):(?:\/\/)?(.*)$/s.exec(input);
  const scheme = found?.[1]?.toLowerCase();
  const rest = found?.[2] ?? "";
  if (scheme === "unix" || scheme === "unixs") {
    return { text: `${scheme}://${rest}`, scheme, host: rest, port: 0 };
  }
  if (scheme !== "http" && scheme !== "https") {
    return `URL scheme must be http, https, unix, or unixs: ${input}`;
  }
  const authority = /^[^/?#]*/.exec(rest)?.[0] ?? "";
  const bad = /[\s<>"^`{}|\\%]/.exec(authority)?.[0];
  if (bad !== undefined) {
    return `parse ${JSON.stringify(input)}: invalid character ${JSON.stringify(bad)} in host name`;
  }
  if (authority.startsWith("[") && !authority.includes("]")) {
    return `parse ${JSON.stringify(input)}: missing ']' in host`;
  }
  const parts = /^(?:\[([0-9a-fA-F:.]*)\]|([^:@[\]]*)):(.*)$/.exec(authority);
  if (parts === null) return `URL address does not have the form "host:port": ${input}`;
  const port = parts[3] ?? "";
  if (!/^\d*$/.test(port)) {
    return `parse ${JSON.stringify(input)}: invalid port ${JSON.stringify(`:${port}`)} after host`;
  }
  if (rest.length > authority.length) return `URL must not contain a path: ${input}`;
  if (port.length > 5 || Number(port) > 65535) {
    return `URL port must be between 0 and 65535: ${input}`;
  }
  return {
    text: `${scheme}://${rest}`,
    scheme,
    host: parts[1] ?? parts[2] ?? "",
    port: Number(port),
  };
}

/** A comma list of URLs, sorted and without doubles; or the reason of the first bad one. */
export function parseEndpoints(list: string): readonly Endpoint[] | string {
  const texts = list.split(",");
  if (texts.length > maxEndpoints) return `more than ${maxEndpoints} URLs`;
  const found = new Map<string, Endpoint>();
  for (const text of texts) {
    const endpoint = parseEndpoint(text);
    if (typeof endpoint === "string") return endpoint;
    found.set(endpoint.text, endpoint);
  }
  return [...found.values()].sort((a, b) => (a.text < b.text ? -1 : 1));
}

/** True for an IPv4 or IPv6 address in text form. */
export function isAddress(host: string): boolean {
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(host)) {
    return host
      .split(".")
      .every((part) => Number(part) <= 255 && (part === "0" || part[0] !== "0"));
  }
  return host.includes(":") && isAddress6(host);
}

/** True for an address that connections to other machines may come from: not loopback, not 0.0.0.0. */
export function isOwnAddress(host: string): boolean {
  if (!isAddress(host)) return false;
  if (!host.includes(":")) return !host.startsWith("127.") && host !== "0.0.0.0";
  return !/^[0:]*:0*1?$/.test(host);
}

function isAddress6(host: string): boolean {
  const halves = host.split("::");
  if (halves.length > 2) return false;
  const groups = halves.flatMap((half) => (half === "" ? [] : half.split(":")));
  let width = groups.length;
  const last = groups.at(-1) ?? "";
  if (last.includes(".")) {
    if (!isAddress(last)) return false;
    groups.pop();
    width++;
  }
  if (!groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return false;
  return halves.length === 2 ? width <= 7 : width === 8;
}

/** Why these cannot be listened on, or undefined. Names other than localhost are refused. */
export function bindFault(urls: readonly Endpoint[]): string | undefined {
  for (const url of urls) {
    if (url.scheme === "unix" || url.scheme === "unixs" || url.host === "localhost") continue;
    if (!isAddress(url.host)) return `expected IP in URL for binding (${url.text})`;
  }
  return undefined;
}

/** Why these cannot be told to others, or undefined. */
export function advertiseFault(urls: readonly Endpoint[]): string | undefined {
  const empty = urls.find((url) => url.scheme.startsWith("http") && url.host === "");
  return empty === undefined ? undefined : `unexpected empty host (${empty.text})`;
}
