// Finds out, before anything is started, which ports are taken and, if it is known, by whom.
import { createServer } from "node:net";
import { OperatingError } from "#base/errors.ts";
import type { LocalLayout } from "#operator/platform/local/layout.ts";

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

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Throws PORTS_IN_USE naming every port that is taken; `pids` are those of an earlier start. */
export async function requireFreePorts(
  layout: LocalLayout,
  pids: Readonly<Record<string, number>>,
): Promise<void> {
  const taken: string[] = [];
  for (const member of layout.members) {
    const busy: string[] = [];
    if (!(await isFree(layout.host, member.clientPort))) busy.push(`client ${member.clientPort}`);
    if (!(await isFree(layout.host, member.peerPort))) busy.push(`peer ${member.peerPort}`);
    if (busy.length === 0) continue;
    const pid = pids[member.name];
    const whose =
      pid !== undefined && isAlive(pid)
        ? `, by process ${pid} of an earlier start: kill ${pid}`
        : "";
    taken.push(`${member.name} (${busy.join(", ")}${whose})`);
  }
  if (taken.length === 0) return;
  throw new OperatingError(
    "PORTS_IN_USE",
    `ports in use on ${layout.host}: ${taken.join("; ")}. Stop what uses them, or set spec.local.clientPort and peerPort in the manifest`,
  );
}
