// Finds out, before anything is started, which ports are taken.
import { createServer } from "node:net";
import { OperatingError } from "#base/errors.ts";

function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") return resolve(false);
      if (error.code === "EACCES") {
        const text = `port ${port} needs more rights than this user has; choose one above 1023`;
        return reject(new OperatingError("PORT_FORBIDDEN", text));
      }
      const text = `cannot listen on ${host}:${port}: ${error.message}`;
      return reject(new OperatingError("CANNOT_LISTEN", text, { cause: error }));
    });
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

export interface Place {
  readonly name: string;
  readonly clientUrl: string;
  readonly peerUrl: string;
}

/** Throws PORTS_IN_USE naming every port of `places` that is taken. */
export async function requireFreePorts(host: string, places: readonly Place[]): Promise<void> {
  const taken: string[] = [];
  for (const { name, clientUrl, peerUrl } of places) {
    const busy: string[] = [];
    for (const [what, url] of [
      ["client", clientUrl],
      ["peer", peerUrl],
    ] as const) {
      const port = Number(new URL(url).port || 80);
      if (!(await isFree(host, port))) busy.push(`${what} ${port}`);
    }
    if (busy.length > 0) taken.push(`${name} (${busy.join(", ")})`);
  }
  if (taken.length === 0) return;
  throw new OperatingError(
    "PORTS_IN_USE",
    `ports in use on ${host}: ${taken.join("; ")}. Stop what uses them, or set spec.local.clientPort and peerPort in the manifest`,
  );
}
