// What a user writes as an endpoint, and what a channel needs of it. `http://` is always plain,
// `https://` always TLS, a bare host:port is TLS exactly when the client was given TLS options.
import { OperatingError } from "#base/errors.ts";

/** One endpoint, ready to be dialled. */
export interface Endpoint {
  /** As it was written; what messages and tables show. */
  readonly text: string;
  /** host:port, IPv6 addresses in brackets; or `unix:PATH`. */
  readonly address: string;
  readonly secure: boolean;
}

/** Reads an endpoint; throws OperatingError `BAD_ENDPOINT` if it names no host. */
export function parseEndpoint(text: string, tlsConfigured: boolean): Endpoint {
  const trimmed = text.trim();
  const unix = /^(unixs?):(?:\/\/)?(.+)$/.exec(trimmed);
  if (unix !== null) {
    return {
      text,
      address: `unix:${unix[2]}`,
      secure: unix[1] === "unixs" || tlsConfigured,
    };
  }
  const url = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)/i.exec(trimmed);
  const scheme = url?.[1]?.toLowerCase();
  const host = url === null ? trimmed : (url[2] ?? "");
  if (host === "") {
    throw new OperatingError("BAD_ENDPOINT", `endpoint ${JSON.stringify(text)} names no host`);
  }
  const secure = scheme === "https" || (scheme !== "http" && tlsConfigured);
  return { text, address: host, secure };
}
