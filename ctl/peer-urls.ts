// Peer URLs given as an argument: checked here, before the cluster is asked, with the reference's messages.
import { Exit, exitCode } from "#ctl/exit.ts";
import { goQuote } from "#ctl/go-text.ts";

const schemes = new Set(["http", "https", "unix", "unixs"]);

/** The URLs of a list by commas, in order; throws Exit for the first that cannot be one. */
export function peerUrlsOf(text: string): string[] {
  const urls = text.split(",").map((each) => each.trim());
  for (const url of urls) {
    const refuse = (reason: string): Exit => new Exit(exitCode.error, `${reason}${url}`);
    const parts = /^([a-z][a-z0-9+.-]*):\/\/([^/]*)(.*)$/i.exec(url);
    if (parts === null || !schemes.has(parts[1]?.toLowerCase() ?? "")) {
      const hasScheme = /^[a-z][a-z0-9+.-]*:/i.test(url);
      if (hasScheme || !/^[^/]*:/.test(url)) {
        throw refuse("URL scheme must be http, https, unix, or unixs: ");
      }
      throw new Exit(
        exitCode.error,
        `parse ${goQuote(url)}: first path segment in URL cannot contain colon`,
      );
    }
    const [, scheme = "", host = "", path = ""] = parts;
    if (scheme.startsWith("unix")) continue;
    if (!/^(\[[^\]]*\]|[^:]*):[^:]*$/.test(host)) {
      throw refuse('URL address does not have the form "host:port": ');
    }
    if (path !== "") throw refuse("URL must not contain a path: ");
  }
  return urls;
}
