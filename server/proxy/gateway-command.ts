// `etcd gateway start`: from its flags to a gateway that runs.
import { errorText, OperatingError } from "#base/errors.ts";
import type { Random } from "#base/random.ts";
import { type Backend, Backends } from "./backends.ts";
import { type SrvEndpoint, type SrvPorts, srvEndpoints } from "./srv-endpoints.ts";
import { type Gateway, startTcpGateway } from "./tcp-gateway.ts";

export interface GatewaySettings {
  readonly endpoints: readonly string[];
  readonly listenAddr: string;
  readonly retryDelayMs: number;
  readonly srv: {
    readonly domain: string;
    readonly serviceName: string;
    readonly insecure: boolean;
    readonly ca: Buffer | undefined;
  };
}

export interface GatewayPorts extends SrvPorts {
  readonly random: Random;
  /** The addresses of a host. */
  readonly addresses: (host: string) => Promise<readonly string[]>;
}

const fail = (message: string): OperatingError => new OperatingError("BAD_GATEWAY", message);

/** Host and port of `host:port` or `[address]:port`; undefined if it is neither. */
export function hostAndPort(
  text: string,
): { readonly host: string; readonly port: number } | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(text);
  if (match === null || Number(match[3]) > 65_535) return undefined;
  return { host: match[1] ?? match[2] ?? "", port: Number(match[3]) };
}

function backendOf(endpoint: string): Backend {
  const found = hostAndPort(endpoint.replace(/^[a-z][a-z0-9+.-]*:\/\//i, "").replace(/\/.*$/, ""));
  if (found === undefined || found.host === "") {
    throw fail(`error parsing endpoint ${JSON.stringify(endpoint)}: write host:port`);
  }
  return { ...found, priority: 0, weight: 0 };
}

/** Starts a gateway; rejects with OperatingError that says which flag does not fit. */
export async function startGateway(
  settings: GatewaySettings,
  ports: GatewayPorts,
): Promise<Gateway> {
  const { srv, listenAddr } = settings;
  const found: readonly SrvEndpoint[] = srv.domain === "" ? [] : await srvEndpoints(srv, ports);
  // As etcd: without one good record, what --endpoints says.
  const backends: readonly Backend[] = found.length > 0 ? found : settings.endpoints.map(backendOf);
  if (backends.length === 0) throw fail("no endpoints found");
  const listen = hostAndPort(listenAddr);
  if (listen === undefined) throw fail(`failed to validate listen address: ${listenAddr}`);
  await refuseLoops(backends, listen, settings, ports);
  const { clock, log, random } = ports;
  return startTcpGateway({
    host: listen.host === "" ? "::" : listen.host,
    port: listen.port,
    backends: new Backends(backends, random),
    retryDelayMs: settings.retryDelayMs === 0 ? 300_000 : settings.retryDelayMs,
    clock,
    log,
  });
}

/** A gateway that is its own backend would connect to itself for ever. */
async function refuseLoops(
  backends: readonly Backend[],
  listen: { readonly host: string; readonly port: number },
  { listenAddr }: GatewaySettings,
  { addresses }: GatewayPorts,
): Promise<void> {
  const lookUp = async (what: string, host: string): Promise<readonly string[]> => {
    try {
      return await addresses(host);
    } catch (error) {
      throw fail(`failed to resolve ${what} host: ${host} (${errorText(error)})`);
    }
  };
  const own = new Set(listen.host === "" ? [] : await lookUp("listen", listen.host));
  for (const { host, port } of backends) {
    const found = await lookUp("endpoint", host);
    const loop = port === listen.port ? found.find((address) => own.has(address)) : undefined;
    if (loop === undefined) continue;
    throw fail(
      `SRV or endpoint (${host}:${port}->${loop}:${port}) should not resolve to the gateway listen addr (${listenAddr})`,
    );
  }
}
