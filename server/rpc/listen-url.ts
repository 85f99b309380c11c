// URLs to listen on: http, https, unix and unixs, with the port written out.
import { OperatingError } from "#base/errors.ts";

export interface ListenAddress {
  readonly url: string;
  readonly secure: boolean;
  /** Empty for every address of the machine. */
  readonly host: string;
  readonly port: number;
  /** Of a Unix socket; host and port mean nothing then. */
  readonly path?: string;
}

/** Reads one URL; throws OperatingError BAD_URL saying what is wrong with it. */
export function parseListenUrl(url: string): ListenAddress {
  const match = /^(https?|unixs?):\/\/([^?#]*)$/.exec(url);
  if (match === null) throw badUrl(url, "it must begin with http, https, unix or unixs");
  const [, scheme, rest] = match;
  const secure = scheme!.endsWith("s");
  if (scheme!.startsWith("unix")) {
    if (rest === "") throw badUrl(url, "it names no socket");
    return { url, secure, host: "", port: 0, path: rest! };
  }
  const address = /^(\[[0-9a-fA-F:.%\w]+\]|[^:/]*):(\d{1,5})\/?$/.exec(rest!);
  if (address === null) throw badUrl(url, "it must be host:port without a path");
  const port = Number(address[2]);
  if (port > 65535) throw badUrl(url, "its port is above 65535");
  const host = address[1]!.replace(/^\[|\]$/g, "");
  return { url, secure, host, port };
}

function badUrl(url: string, why: string): OperatingError {
  return new OperatingError("BAD_URL", `cannot listen on ${JSON.stringify(url)}: ${why}`);
}
