// Endpoints from DNS: SRV records `_etcd-client-ssl` (TLS) and `_etcd-client` of a domain.
import { resolveSrv } from "node:dns/promises";
import { errorText } from "#base/errors.ts";
import { Exit, exitCode } from "#ctl/exit.ts";

export interface SrvQuery {
  readonly domain: string;
  /** Appended to the service with a dash; none if empty. */
  readonly serviceName: string;
  /** Also take endpoints without TLS. */
  readonly insecure: boolean;
}

/** The endpoints of a domain; `onIgnored` hears of those that are left out as insecure. */
export async function discoverEndpoints(
  query: SrvQuery,
  onIgnored: (endpoint: string) => void,
): Promise<string[]> {
  const found: string[] = [];
  const failures: string[] = [];
  const suffix = query.serviceName === "" ? "" : `-${query.serviceName}`;
  for (const [service, scheme] of [
    ["etcd-client-ssl", "https"],
    ["etcd-client", "http"],
  ] as const) {
    try {
      for (const { name, port } of await resolveSrv(`_${service}${suffix}._tcp.${query.domain}`)) {
        // etcdctl shows the name as DNS writes it, with the dot at its end.
        if (scheme === "http" && !query.insecure) onIgnored(`${scheme}://${name}.:${port}`);
        else found.push(`${scheme}://${name}:${port}`);
      }
    } catch (thrown) {
      failures.push(errorText(thrown));
    }
  }
  if (failures.length === 2) {
    throw new Exit(exitCode.error, `dns lookup errors: ${failures.join(" and ")}`);
  }
  return found;
}
