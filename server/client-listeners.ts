// All that a member listens on for clients: gRPC and HTTP together or apart, and metrics, and what is
// said when it is served.
import type { Clock } from "#base/clock.ts";
import type { Log } from "#base/log.ts";
import type { UnfinishedBytes } from "#base/unfinished-bytes.ts";
import { refusedHost, refusesCertificate } from "#server/api/access-control.ts";
import { ProfileEndpoints } from "#server/api/debug-endpoints.ts";
import { Gateway } from "#server/api/gateway/gateway.ts";
import { GatewayWebSockets } from "#server/api/gateway/websocket.ts";
import {
  gatewayPath,
  type HttpEndpoints,
  httpEndpoints,
  metricsEndpoints,
} from "#server/api/http-endpoints.ts";
import type { ServerConfig } from "#server/config/server-config.ts";
import {
  type ConnectionLimits,
  defaultLimits,
  mostConcurrentStreams,
  type UpgradeHandler,
} from "#server/rpc/limits.ts";
import {
  type ClientListeners,
  type ConnectionSecurity,
  type ListenerOptions,
  startClientListeners,
} from "#server/rpc/listeners.ts";
import { ServiceRegistry } from "#server/rpc/service-registry.ts";
import {
  startThreadedListeners,
  type ThreadedListeners,
} from "#server/rpc/threads/threaded-listeners.ts";

export interface ServedClients {
  readonly config: ServerConfig;
  readonly registry: ServiceRegistry;
  /** For https and unixs URLs. */
  readonly security: ConnectionSecurity | undefined;
  /** What HTTP shows; gateway, profiles and access come from the configuration. */
  readonly endpoints: HttpEndpoints;
  /** Messages and bodies under way, of all client connections together. */
  readonly unfinished: UnfinishedBytes;
  /** A thread of connections has ended by itself. */
  readonly crashed: (error: unknown) => void;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Listening {
  /** Failed TLS handshakes that `security` does not know of, for another thread had them. */
  handshakeFailures(): number;
  /** Serves the clients that were held until now, and tells so. */
  open(): void;
  close(graceMs: number): Promise<void>;
}

/** Listens on every URL or on none; metrics are served at once, clients are held until `open`. */
export async function listenForClients(served: ServedClients): Promise<Listening> {
  const { config, registry, clock, log } = served;
  const limits = {
    ...defaultLimits(config.maxRequestBytes),
    unfinished: served.unfinished,
    maxConcurrentStreams: Math.min(config.maxConcurrentStreams, mostConcurrentStreams),
    keepaliveMinMs: config.grpcKeepaliveMinTimeMs,
    keepaliveIntervalMs: config.grpcKeepaliveIntervalMs,
    keepaliveTimeoutMs: config.grpcKeepaliveTimeoutMs,
  };
  const { auth } = served.endpoints.member;
  const access = {
    allowedOrigins: config.allowedOrigins,
    allowedHosts: config.allowedHosts,
    certificatesName: () =>
      config.enableGrpcGateway && config.tls.client.namesUsers && auth.isEnabled,
  };
  const { maxReceiveBytes, unfinished } = limits;
  const gateway = config.enableGrpcGateway
    ? new Gateway({ registry, clock, maxReceiveBytes, unfinished })
    : undefined;
  const endpoints: HttpEndpoints = {
    ...served.endpoints,
    access,
    clock,
    log,
    ...(gateway === undefined ? {} : { gateway }),
    ...(config.enablePprof ? { profiles: new ProfileEndpoints() } : {}),
  };
  const upgrade = gateway === undefined ? {} : { upgrade: webSockets(gateway, endpoints, limits) };
  const secured = served.security === undefined ? {} : { security: served.security };
  const shared = { limits, clock, log, reusePort: config.socketReusePort, ...secured };
  const client = { ...shared, ...upgrade, registry, http: httpEndpoints(endpoints), held: true };
  const apart = config.listenClientHttpUrls.length > 0;
  const groups: ListenerOptions[] = [
    {
      ...client,
      urls: config.listenClientUrls.map(({ text }) => text),
      ...(apart ? { serves: "grpc" } : {}),
    },
    {
      ...client,
      registry: new ServiceRegistry(),
      urls: config.listenClientHttpUrls.map(({ text }) => text),
      serves: "http",
    },
    {
      ...shared,
      registry: new ServiceRegistry(),
      http: metricsEndpoints(endpoints),
      urls: config.listenMetricsUrls.map(({ text }) => text),
      serves: "http",
    },
  ];
  const started: ClientListeners[] = [];
  let threaded: ThreadedListeners | undefined;
  const close = async (graceMs: number): Promise<void> => {
    gateway?.stop();
    await Promise.all(started.map((one) => one.close(graceMs)));
  };
  try {
    const [first, ...others] = groups as [ListenerOptions, ...ListenerOptions[]];
    if (config.ioThreads > 0) {
      threaded = await startThreadedListeners({
        ...first,
        threads: config.ioThreads,
        entry: new URL("./io-thread.ts", import.meta.url),
        data: config,
        crashed: served.crashed,
      });
    }
    started.push(threaded ?? (await startClientListeners(first)));
    for (const group of others) started.push(await startClientListeners(group));
  } catch (error) {
    await close(0);
    throw error;
  }
  for (const { text } of config.listenMetricsUrls) log.info({ address: text }, "serving metrics");
  return {
    close,
    handshakeFailures: () => threaded?.handshakeFailures() ?? 0,
    open() {
      const [grpc, http] = started;
      for (const [listeners, traffic] of [
        [grpc, apart ? "grpc" : "grpc+http"],
        [http, "http"],
      ] as const) {
        listeners?.open();
        for (const { address, secure } of listeners?.places ?? []) {
          if (secure !== "no") log.info({ traffic, address }, "serving client traffic securely");
          if (secure === "yes") continue;
          const message = "serving client traffic insecurely; this is strongly discouraged!";
          log.warn({ traffic, address }, message);
        }
      }
    },
  };
}

/** WebSockets to the gateway; what else asks for an upgrade is served as plain HTTP. */
function webSockets(
  gateway: Gateway,
  { access }: HttpEndpoints,
  { maxReceiveBytes, unfinished }: ConnectionLimits,
): UpgradeHandler {
  const maxMessageBytes = 4 * maxReceiveBytes;
  const sockets = new GatewayWebSockets({ gateway, maxMessageBytes, unfinished });
  return {
    wants: (request) =>
      request.headers.upgrade?.toLowerCase() === "websocket" &&
      gatewayPath(request.url ?? "/") !== undefined &&
      (access === undefined ||
        (refusedHost(access, request) === undefined && !refusesCertificate(access, request))),
    serve: (request, socket, head) =>
      sockets.serve(gatewayPath(request.url ?? "/")!, request, socket, head),
  };
}
