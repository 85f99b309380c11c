// Waits until SRV records name so many members, and says every few seconds what they name so far: run before
// a member that begins by --discovery-srv where the records come and go with the members themselves, as those
// of a headless Service in Kubernetes do. A member that looked earlier would begin a cluster with the few that
// are there. Usage: node await-records.ts NAME COUNT, as _etcd-server._tcp.example.org 3
import type { Clock } from "#base/clock.ts";
import { errorText } from "#base/errors.ts";
import { systemClock } from "#base/system-clock.ts";
import { type Resolver, systemResolver } from "#server/discovery/resolver.ts";
import { pause } from "#server/discovery/same-hosts.ts";

const retryMs = 500;
/** Of the same answer. */
const repeatMs = 10_000;

/** Resolves once `name` has exactly `count` records whose hosts have addresses. Never gives up. */
export async function awaitRecords(
  name: string,
  count: number,
  ports: { readonly resolver: Resolver; readonly clock: Clock; say(line: string): void },
): Promise<void> {
  const { resolver, clock, say } = ports;
  let said = "";
  let saidMs = 0;
  for (;;) {
    const found = await look(name, resolver);
    if (typeof found !== "string" && found.length === count) {
      say(`${name} names ${count} members: ${found.join(", ")}`);
      return;
    }
    const line = `waiting for ${count} members in ${name}: ${typeof found === "string" ? found : `there are ${found.length}${found.length === 0 ? "" : `, ${found.join(", ")}`}`}`;
    if (line !== said || clock.monotonicMs() - saidMs >= repeatMs) {
      say(line);
      said = line;
      saidMs = clock.monotonicMs();
    }
    await pause(clock, retryMs);
  }
}

/** host:port of each record, or why that is not known. */
async function look(name: string, resolver: Resolver): Promise<readonly string[] | string> {
  try {
    const targets = await resolver.srv(name);
    await Promise.all(targets.map(({ host }) => resolver.addresses(host)));
    return [...new Set(targets.map(({ host, port }) => `${host}:${port}`))].sort();
  } catch (error) {
    return errorText(error);
  }
}

if (import.meta.main) {
  const [name = "", count = ""] = process.argv.slice(2);
  if (name === "" || !/^[1-9][0-9]{0,2}$/.test(count)) {
    process.stderr.write("usage: node await-records.ts NAME COUNT\n");
    process.exit(2);
  }
  process.on("SIGTERM", () => process.exit(143));
  await awaitRecords(name, Number(count), {
    resolver: systemResolver,
    clock: systemClock,
    say: (line) => process.stdout.write(`${line}\n`),
  });
}
