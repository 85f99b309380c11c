// Whether two URLs lead to one place: hosts are compared by their addresses, as etcd does where they
// are not written alike. "localhost" is taken for 127.0.0.1 and never asked for.
import type { Clock } from "#base/clock.ts";
import { errorText } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import { parseEndpoint } from "#server/config/urls.ts";
import type { Resolver } from "#server/discovery/resolver.ts";

/** What looking up hosts needs. */
export interface LookupPorts {
  readonly resolver: Resolver;
  readonly clock: Clock;
  readonly log: Log;
}

const retryMs = 1000;

/** A pause of the clock. */
export function pause(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => clock.after(delayMs, resolve));
}

/** host:port of every address of a host. */
export async function places(
  resolver: Resolver,
  host: string,
  port: number,
): Promise<readonly string[]> {
  if (host === "localhost") return [`127.0.0.1:${port}`];
  return (await resolver.addresses(host)).map((address) => `${address}:${port}`);
}

/**
 * Asks until everything that `missing` names can be resolved. Each round calls `attempt`, which
 * returns its result or what is missing; the last reason is returned once `limitMs` have passed.
 * An attempt that looks up many names stops when `isLate` says so: each may take seconds.
 */
export async function untilResolved<T extends object>(
  ports: LookupPorts,
  limitMs: number,
  attempt: (isLate: () => boolean) => Promise<T | string>,
): Promise<T | string> {
  const { clock, log } = ports;
  const deadlineMs = clock.monotonicMs() + limitMs;
  const isLate = (): boolean => clock.monotonicMs() > deadlineMs;
  for (;;) {
    const result = await attempt(isLate);
    if (typeof result !== "string" || clock.monotonicMs() + retryMs > deadlineMs) return result;
    log.warn({ missing: result, "retry-interval": "1s" }, "waiting for DNS to name every member");
    await pause(clock, retryMs);
  }
}

/**
 * A name for the place that each URL leads to: equal for two URLs exactly if they share scheme, port
 * and an address. Hosts that cannot be resolved within `limitMs` stand for themselves.
 */
export async function placesOfUrls(
  urls: readonly string[],
  limitMs: number,
  ports: LookupPorts,
): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, readonly string[]>();
  await untilResolved(ports, limitMs, async (isLate) => {
    const missing: string[] = [];
    for (const url of urls) {
      if (isLate()) return "no time is left";
      const endpoint = parseEndpoint(url);
      if (found.has(url) || typeof endpoint === "string") continue;
      if (endpoint.scheme === "unix" || endpoint.scheme === "unixs") continue;
      try {
        const { host, port, scheme } = endpoint;
        const all = await places(ports.resolver, host, port);
        found.set(
          url,
          all.map((place) => `${scheme}://${place}`),
        );
      } catch (error) {
        missing.push(`${endpoint.host} (${errorText(error)})`);
      }
    }
    return missing.length === 0 ? {} : missing.join(", ");
  });
  const names = new Map<string, string>();
  for (const url of urls) {
    const own = found.get(url) ?? [url];
    const same = [...names].find(([other]) => found.get(other)?.some((one) => own.includes(one)));
    names.set(url, same?.[1] ?? own[0] ?? url);
  }
  return names;
}
