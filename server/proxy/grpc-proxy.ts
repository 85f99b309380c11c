// `etcd grpc-proxy start`, put together: the services towards clients, the connections to the cluster,
// and what is shared between them. It keeps nothing: whoever is served by it could as well be served
// by another, and when it ends its clients go elsewhere as if a member had ended.
import type { Clock } from "#base/clock.ts";
import { errorText } from "#base/errors.ts";
import type { Log } from "#base/log.ts";
import type { Random } from "#base/random.ts";
import { EtcdClient } from "#client/client.ts";
import type { ClientOptions } from "#client/options.ts";
import { rpc, Transport } from "#client/transport.ts";
import { AuthDefinition } from "#proto/gen/auth.ts";
import { MemberListRequest, MemberListResponse } from "#proto/gen/cluster.ts";
import { ElectionDefinition } from "#proto/gen/election.ts";
import { HealthDefinition } from "#proto/gen/health.ts";
import { RangeRequest, RangeResponse } from "#proto/gen/kv.ts";
import { LeaseDefinition } from "#proto/gen/lease.ts";
import { LockDefinition } from "#proto/gen/lock.ts";
import { MaintenanceDefinition } from "#proto/gen/maintenance.ts";
import { WatchDefinition } from "#proto/gen/watch.ts";
import { type ConnectionLimits, defaultLimits, type HttpResponse } from "#server/rpc/limits.ts";
import {
  type ClientListeners,
  type ConnectionSecurity,
  startClientListeners,
} from "#server/rpc/listeners.ts";
import { type Method, type Responder, ServiceRegistry } from "#server/rpc/service-registry.ts";
import { clusterMethods } from "./cluster.ts";
import { forwarded, rpcAt } from "./forwarding.ts";
import { KeepAlivePool, leaseMethods } from "./keep-alive.ts";
import { kvMethods } from "./kv.ts";
import { Namespace } from "./namespace.ts";
import { proxyHttp, proxyMetricsText } from "./proxy-http.ts";
import { intervalOf, RangeCache } from "./range-cache.ts";
import { Registration } from "./registration.ts";
import { Upstream } from "./upstream.ts";
import { WatchPool } from "./watch-pool.ts";
import { watchMethod } from "./watch-stream.ts";

export interface GrpcProxySettings {
  /** URL to listen on, and one more for metrics alone or "". */
  readonly listenUrl: string;
  readonly metricsUrl: string;
  /** How to reach the cluster: endpoints, TLS, pings and sizes. */
  readonly cluster: Omit<ClientOptions, "clock" | "random">;
  readonly maxSendBytes: number;
  /** How often to ask the cluster for its members; 0 for never. */
  readonly syncIntervalMs: number;
  readonly advertised: string;
  readonly resolverPrefix: string;
  readonly resolverTtlSeconds: number;
  readonly namespace: string;
  readonly serializableOrdering: boolean;
  readonly logsCalls: boolean;
  readonly limits: Partial<ConnectionLimits>;
}

export interface GrpcProxyPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly random: Random;
  readonly hostName: string;
  /** For https. */
  readonly security: ConnectionSecurity | undefined;
  readonly profiles?:
    | ((path: string, query: URLSearchParams, response: HttpResponse) => Promise<void>)
    | undefined;
}

export interface GrpcProxy {
  /** host:port of the listener. */
  readonly address: string;
  close(): Promise<void>;
}

/** gRPC's own limit for what a server takes. */
const maxReceiveBytes = 4 * 1024 * 1024;
const graceMs = 5000;
const watchHealthMs = 3000;
const noBytes = new Uint8Array(0);

const watchRpc = rpc(WatchDefinition, WatchDefinition.methods.watch, { repeatable: false });
const keepAliveRpc = rpc(LeaseDefinition, LeaseDefinition.methods.leaseKeepAlive, {
  repeatable: false,
});

/** Listens; rejects with OperatingError that names the URL. Does not wait for the cluster. */
export async function startGrpcProxy(
  settings: GrpcProxySettings,
  ports: GrpcProxyPorts,
): Promise<GrpcProxy> {
  const { clock, log, random, hostName } = ports;
  const clientOptions: ClientOptions = { ...settings.cluster, clock, random };
  const upstream = new Upstream(
    settings.cluster.endpoints,
    settings.maxSendBytes,
    (endpoints) => new Transport({ ...clientOptions, endpoints }),
  );
  const namespace = new Namespace(settings.namespace);
  const cache = new RangeCache();
  const watches = new WatchPool({
    clock,
    open: (token, signal) =>
      upstream.duplex(watchRpc, { ...tokenMetadata(token), hasleader: "true" }, signal),
    revision: async (token, { key }) => {
      const request = RangeRequest.fromPartial({ key, keysOnly: true, limit: 1 });
      const caller = { metadata: tokenMetadata(token), timeoutMs: undefined, signal: undefined };
      const bytes = RangeRequest.encode(request).finish();
      const { header } = RangeResponse.decode(
        await upstream.unary(rpcAt("/etcdserverpb.KV/Range"), bytes, caller),
      );
      return header ?? { clusterId: 0n, memberId: 0n, revision: 0, raftTerm: 0 };
    },
    changed: (event) => {
      if (event.kv !== undefined) cache.invalidate(intervalOf(event.kv.key, noBytes));
      namespace.event(event);
    },
  });
  const keepAlives = new KeepAlivePool({
    clock,
    open: (token, signal) =>
      upstream.duplex(keepAliveRpc, { ...tokenMetadata(token), hasleader: "true" }, signal),
  });
  const registered = registration(settings, clientOptions, ports);
  const rewritings = namespace.rewritings();
  const registry = new ServiceRegistry();
  const leases = leaseMethods(upstream, keepAlives);
  const methods: readonly Method[] = [
    ...kvMethods({ upstream, cache, clock, rewritings, ordered: settings.serializableOrdering }),
    watchMethod(watches, namespace),
    ...leases,
    ...forwarded(upstream, LeaseDefinition, {
      without: new Set(leases.map(({ path }) => path)),
      rewritings,
    }),
    ...clusterMethods({
      upstream,
      advertised: settings.advertised,
      hostName,
      proxies: () => registered?.registration.proxies ?? [],
    }),
    ...[MaintenanceDefinition, AuthDefinition, LockDefinition, ElectionDefinition].flatMap(
      (service) => forwarded(upstream, service),
    ),
    ...forwarded(upstream, HealthDefinition),
  ];
  for (const method of methods) registry.add(settings.logsCalls ? logged(method, ports) : method);

  const http = proxyHttp({
    upstream,
    tls: settings.cluster.tls,
    random,
    profiles: ports.profiles,
    metrics: () =>
      proxyMetricsText({
        cache,
        registry,
        watchersCoalescing: () => watches.coalescedWatchers,
        eventsCoalescing: () => watches.coalescedEvents,
        keepAlivesCoalescing: () => keepAlives.coalesced,
      }),
    watches: () => watches.works(watchHealthMs),
  });
  const shared = {
    limits: { ...defaultLimits(0), maxReceiveBytes, ...settings.limits },
    clock,
    log,
    http,
    ...(ports.security === undefined ? {} : { security: ports.security }),
  };
  const listeners: ClientListeners[] = [];
  const close = async (): Promise<void> => {
    sync?.cancel();
    await Promise.all(listeners.map((one) => one.close(graceMs)));
    await registered?.registration.close();
    registered?.client.close();
    watches.close();
    keepAlives.close();
    upstream.close();
  };
  const sync =
    settings.syncIntervalMs === 0
      ? undefined
      : clock.every(settings.syncIntervalMs, () => void syncEndpoints(upstream, log));
  try {
    listeners.push(await startClientListeners({ ...shared, urls: [settings.listenUrl], registry }));
    if (settings.metricsUrl !== "") {
      const urls = [settings.metricsUrl];
      const empty = new ServiceRegistry();
      listeners.push(
        await startClientListeners({ ...shared, urls, registry: empty, serves: "http" }),
      );
      log.info({ address: settings.metricsUrl }, "gRPC proxy listening for metrics");
    }
  } catch (error) {
    await close();
    throw error;
  }
  const [address = ""] = listeners[0]!.addresses;
  log.info({ address }, "listening for gRPC proxy client requests");
  log.info({ address }, "started gRPC proxy");
  return { address, close };
}

function tokenMetadata(token: string): Readonly<Record<string, string>> {
  return token === "" ? {} : { token };
}

function registration(
  settings: GrpcProxySettings,
  options: ClientOptions,
  { clock, log, hostName }: GrpcProxyPorts,
): { readonly client: EtcdClient; readonly registration: Registration } | undefined {
  const { resolverPrefix, advertised, namespace, resolverTtlSeconds } = settings;
  if (resolverPrefix === "") return undefined;
  const client = new EtcdClient(options);
  return {
    client,
    registration: new Registration({
      client,
      prefix: `${namespace}${resolverPrefix}`,
      address: advertised,
      ttlSeconds: resolverTtlSeconds,
      hostName,
      clock,
      log,
    }),
  };
}

/** Goes over to the members that the cluster names, if they are others than before. */
async function syncEndpoints(upstream: Upstream, log: Log): Promise<void> {
  const caller = { metadata: {}, timeoutMs: 5000, signal: undefined };
  const request = MemberListRequest.encode(MemberListRequest.fromPartial({})).finish();
  try {
    const answer = await upstream.unary(rpcAt("/etcdserverpb.Cluster/MemberList"), request, caller);
    const { members } = MemberListResponse.decode(answer);
    const found = members.filter((one) => !one.isLearner).flatMap((one) => one.clientURLs);
    const known = new Set(upstream.endpoints);
    if (found.length === 0 || (found.length === known.size && found.every((url) => known.has(url))))
      return;
    log.info({ endpoints: found }, "the cluster's endpoints have changed");
    upstream.replace(found);
  } catch (error) {
    log.warn({ error: errorText(error) }, "Auto sync endpoints failed.");
  }
}

/** Every call with its end and its time. */
function logged(method: Method, { clock, log }: GrpcProxyPorts): Method {
  const look = (responder: Responder): void => {
    const startMs = clock.monotonicMs();
    const fields = { "grpc.path": method.path, "peer.address": responder.peer };
    responder.onEnded(() => {
      const tookMs = clock.monotonicMs() - startMs;
      log.info({ ...fields, "grpc.time_ms": Math.round(tookMs * 1000) / 1000 }, "finished call");
    });
  };
  if (method.requestStream) {
    return {
      ...method,
      open(responder) {
        look(responder);
        return method.open(responder);
      },
    };
  }
  return {
    ...method,
    handle(request, responder) {
      look(responder);
      method.handle(request, responder);
    },
  };
}
