// The members of a cluster from DNS, for proxies: SRV records `_etcd-client-ssl` (https) and
// `_etcd-client` (http) of a domain. Unless told otherwise only members are taken that prove by a
// certificate for that domain that they belong to it.
import type { SrvRecord } from "node:dns";
import { connect } from "node:tls";
import type { Clock } from "#base/clock.ts";
import { errorText, OperatingError } from "#base/errors.ts";
import type { Log } from "#base/log.ts";

export interface SrvSource {
  readonly domain: string;
  /** Behind the service with a dash; none if empty. */
  readonly serviceName: string;
  /** Take members without a look at their certificates. */
  readonly insecure: boolean;
  /** PEM; the machine's own authorities if undefined. */
  readonly ca: Buffer | undefined;
}

export interface SrvPorts {
  /** As node:dns; rejects if there are no such records. */
  readonly resolveSrv: (name: string) => Promise<readonly SrvRecord[]>;
  readonly clock: Clock;
  readonly log: Log;
}

export interface SrvEndpoint {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly priority: number;
  readonly weight: number;
}

const maxRecords = 1024;
const handshakeMs = 5_000;

/** Rejects with OperatingError if neither kind of record is there. */
export async function srvEndpoints(source: SrvSource, ports: SrvPorts): Promise<SrvEndpoint[]> {
  const { domain, serviceName, insecure } = source;
  const { log } = ports;
  const suffix = serviceName === "" ? "" : `-${serviceName}`;
  const found: SrvEndpoint[] = [];
  const failures: string[] = [];
  for (const [service, scheme] of [
    ["etcd-client-ssl", "https"],
    ["etcd-client", "http"],
  ] as const) {
    const name = `_${service}${suffix}._tcp.${domain}`;
    try {
      for (const record of await ports.resolveSrv(name)) {
        const { port, priority, weight } = record;
        const host = record.name.replace(/\.$/, "");
        found.push({ url: `${scheme}://${host}:${port}`, host, port, priority, weight });
      }
    } catch (error) {
      failures.push(`error querying DNS SRV records for ${name}: ${errorText(error)}`);
    }
  }
  if (failures.length === 2) throw new OperatingError("NO_SRV_RECORDS", failures.join(" and "));
  if (found.length > maxRecords) {
    throw new OperatingError("NO_SRV_RECORDS", `${domain} names more than ${maxRecords} members`);
  }
  const shown = { "srv-server": domain, endpoints: found.map(({ url }) => url) };
  log.info(shown, "discovered cluster from SRV");
  if (insecure) return found;
  const verdicts = await Promise.all(found.map((one) => refusal(one, source, ports)));
  const refusals = verdicts.filter((verdict) => verdict !== undefined);
  if (refusals.length > 0) {
    const error = refusals.join(", ");
    log.warn({ ...shown, error }, "failed to validate discovered endpoints");
  }
  return found.filter((_, at) => verdicts[at] === undefined);
}

/** Why a member is not taken, if it is not. */
function refusal(
  { url, host, port }: SrvEndpoint,
  { domain, ca }: SrvSource,
  { clock }: SrvPorts,
): Promise<string | undefined> {
  if (!url.startsWith("https:")) {
    return Promise.resolve(`${url} is insecure (--insecure-discovery would take it)`);
  }
  return new Promise((resolve) => {
    const socket = connect({ host, port, servername: domain, ...(ca === undefined ? {} : { ca }) });
    const late = clock.after(handshakeMs, () => socket.destroy(new Error("it does not answer")));
    const end = (fault: string | undefined): void => {
      late.cancel();
      socket.destroy();
      resolve(fault);
    };
    socket.once("secureConnect", () => end(undefined));
    socket.on("error", (error) => end(`${url}: ${errorText(error)}`));
    socket.once("close", () => end(`${url}: the connection was closed`));
  });
}
