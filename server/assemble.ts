// Wires one member from its parts: folders, log, state, raft, peers, API. Beside main.ts the only
// file that knows adapters. Whatever was opened is closed again if a later step fails.
import { crc32c } from "@node-rs/crc32";
import type { Clock } from "#base/clock.ts";
import { errorText, OperatingError } from "#base/errors.ts";
import { formatId, type MemberId } from "#base/ids.ts";
import type { Log } from "#base/log.ts";
import type { Random } from "#base/random.ts";
import { UnfinishedBytes } from "#base/unfinished-bytes.ts";
import type { Message } from "#proto/gen/raft.ts";
import { HandlingTimes } from "#server/api/call-observer.ts";
import { ServingStatus } from "#server/api/health.ts";
import { Metrics } from "#server/api/metrics.ts";
import { SlowRequests } from "#server/api/slow-requests.ts";
import { v2Endpoints } from "#server/api/v2-endpoints.ts";
import { registerV3Services } from "#server/api/v3-services.ts";
import { TransferFiles } from "#server/backend/transfer-files.ts";
import { listenForClients } from "#server/client-listeners.ts";
import { gateStage } from "#server/config/feature-gates.ts";
import type { ServerConfig } from "#server/config/server-config.ts";
import { hashPassword } from "#server/credentials/bcrypt.ts";
import { PasswordWorker } from "#server/credentials/password-worker.ts";
import { tokenProvider } from "#server/credentials/token-provider.ts";
import { dataChecks } from "#server/data-checks.ts";
import type { Resolver } from "#server/discovery/resolver.ts";
import { addMemberMetrics, silentMeters } from "#server/member-metrics.ts";
import { serverVersion } from "#server/membership/cluster-version.ts";
import { NodeApi } from "#server/node/api-member.ts";
import { LeaseForwarding } from "#server/node/lease-forwarding.ts";
import { PeerServices } from "#server/node/peer-services.ts";
import { Publication } from "#server/node/publication.ts";
import { Reconfiguration } from "#server/node/reconfiguration.ts";
import { openReplica, type Replica } from "#server/node/replica.ts";
import { NodeV2 } from "#server/node/v2-member.ts";
import { V2Stats } from "#server/node/v2-stats.ts";
import { PeerClient } from "#server/peer/peer-client.ts";
import { peerRequestHandler } from "#server/peer/peer-server.ts";
import type { PeerHandler } from "#server/peer/ports.ts";
import { PeerTransport } from "#server/peer/transport.ts";
import { startPeerListeners } from "#server/peer-listeners.ts";
import { raftVars } from "#server/raft-vars.ts";
import { unfinishedLimitBytes } from "#server/rpc/limits.ts";
import { ServiceRegistry } from "#server/rpc/service-registry.ts";
import { sha1 } from "#server/sha1.ts";
import { markState, openStorage } from "#server/storage.ts";
import { openTls, systemHostLookup } from "#server/tls/open.ts";

/** How long answers of a member that was removed may take to leave: what it could know it has answered before. */
const removedGraceMs = 500;

/** What the process lends to a member. */
export interface Surroundings {
  readonly clock: Clock;
  readonly log: Log;
  readonly random: Random;
  readonly resolver: Resolver;
  /** This process, as another one that wants its folder is told. */
  readonly processName: string;
  /** Runs in a later turn of the event loop. */
  schedule(run: () => void): void;
  /** The process cannot go on. */
  fatal(error: unknown): void;
  /** The cluster removed this member. */
  removed(): void;
}

/** A started member. */
export interface RunningMember {
  /** Resolves once it serves clients, or was stopped before. */
  readonly ready: Promise<void>;
  /** Stops serving, ends the loop, closes log and state. */
  stop(): Promise<void>;
}

type Closers = (() => Promise<unknown>)[];

const peerQuestionMs = 5000;

/**
 * Starts a member with its peer listeners; clients are served once it has joined its cluster.
 * Rejects with OperatingError for what the person who runs it can mend.
 */
export async function startMember(
  config: ServerConfig,
  around: Surroundings,
): Promise<RunningMember> {
  const closers: Closers = [];
  try {
    return await start(config, around, closers);
  } catch (error) {
    await closeAll(closers);
    throw error;
  }
}

async function closeAll(closers: Closers): Promise<void> {
  for (const close of closers.splice(0).reverse()) await close();
}

async function start(
  config: ServerConfig,
  around: Surroundings,
  closers: Closers,
): Promise<RunningMember> {
  const { clock, log } = around;
  let stopping = false;
  let isRemoved = false;
  const fatal = (error: unknown): void => {
    // What fails because it is being closed must not make a clean stop a failed one.
    if (stopping) log.warn({ error: errorText(error) }, "gave up work when stopping");
    else around.fatal(error);
  };
  const tls = await openTls(config, { clock, log, lookup: systemHostLookup });
  closers.push(async () => tls.close());
  const peerTls = tls.dial === undefined ? {} : { tls: tls.dial };
  const peerClient = new PeerClient({
    clock,
    localAddress: config.peerLocalAddress,
    ...peerTls,
  });
  const meters = silentMeters();
  const storage = await openStorage(config, {
    clock,
    log,
    random: around.random,
    resolver: around.resolver,
    processName: around.processName,
    peerClient,
    stateWritten: (durationMs) => meters.stateWritten?.(durationMs),
    onClose: (close) => closers.push(close),
  });
  const { clusterId, folder, memberId } = storage;
  let replica: Replica | undefined;
  /** Undefined until the member takes part in its cluster. */
  let taking: PeerServices | undefined;
  const identity = {
    memberId,
    clusterId,
    serverVersion,
    peerUrls: config.advertisePeerUrls,
  };
  const v2Stats = config.enableV2 ? new V2Stats(clock) : undefined;
  const handler: PeerHandler = {
    step: (message) => {
      v2Stats?.onReceived(message);
      taking?.step(message);
    },
    reportUnreachable: (id) => taking?.reportUnreachable(id),
    reportSnapshot: (id, ok) => taking?.reportSnapshot(id, ok),
    isRemoved: (id) => replica?.member.parts.members.isRemoved(id) ?? false,
    removedFromCluster: () => around.removed(),
    get admission() {
      return replica?.member.parts.capabilities;
    },
    receiveSnapshot: async (message, body, form) => {
      if (taking === undefined) throw new OperatingError("NOT_STARTED", "this member only starts");
      const ended = meters.snapshot("receive", message.from as MemberId);
      let ok = false;
      try {
        await taking.receiveSnapshot(message, body, form);
        ok = true;
      } finally {
        ended(ok);
      }
    },
  };
  const transport = new PeerTransport({
    clock,
    log,
    identity,
    handler,
    dialTimeoutMs: 1000 + config.electionTimeoutMs,
    readTimeoutMs: config.raftReadTimeoutMs,
    writeTimeoutMs: config.raftWriteTimeoutMs,
    localAddress: config.peerLocalAddress,
    onRoundTrip: (id, seconds) => {
      meters.roundTrip(id, seconds);
      v2Stats?.onRoundTrip(id, seconds);
    },
    onSnapshot: (to) => meters.snapshot("send", to),
    ...peerTls,
  });
  closers.push(async () => transport.stop());

  const files = new TransferFiles(config.dataDir, {
    received: (times) => meters.stateReceived(times),
  });
  await files.clean();
  replica = await openReplica({
    ...storage,
    settings: config,
    clock,
    log,
    random: around.random,
    crc32c,
    state: folder,
    files,
    auth: {
      tokens: tokenProvider(config.authToken, config.simpleTokenTtlMs, clock),
      hashPassword: (password) => hashPassword(password, config.bcryptCost),
    },
    peers: v2Stats === undefined ? transport : countedPeers(transport, v2Stats),
    meters,
    markState: (backend) => markState(backend, storage),
    schedule: around.schedule,
    fatal,
    onRemoved: () => {
      isRemoved = true;
      around.removed();
    },
  });
  const { member, start: startReplica, stop: stopReplica, transfer } = replica;
  const { hub, members } = member.parts;
  closers.push(stopReplica);

  const passwords = new PasswordWorker(config.bcryptCost);
  closers.push(() => passwords.close());
  const reconfiguration = new Reconfiguration({
    member,
    peers: peerClient,
    sha1,
    isStrict: config.strictReconfigCheck,
  });
  const api = new NodeApi(
    member,
    new LeaseForwarding({
      peers: peerClient,
      clock,
      requestTimeoutMs: config.requestTimeoutMs,
      leaderUrls: () => members.get(member.leadership.leader)?.peerUrls ?? [],
    }),
    reconfiguration,
    files,
    passwords,
  );
  v2Stats?.begin({
    clock,
    memberId,
    name: config.name,
    leader: () => member.leadership.leader,
    isLeader: () => member.leadership.isLeader,
    peers: () => members.list().flatMap(({ id }) => (id === memberId ? [] : [id])),
    failures: (id) => transport.counters(id)?.sentFailures ?? 0,
  });
  const services = new PeerServices(member, api, {
    receive: (message, body, form) => transfer.receive(message, body, form),
  });
  const peerListeners = await startPeerListeners(
    config.listenPeerUrls,
    peerRequestHandler({ identity, handler, api: services, transport, clock, log }),
    clock,
    config.socketReusePort,
    tls.peer?.security,
  );
  closers.push(() => peerListeners.close());
  const checks = dataChecks({ config, member, peerClient, clusterId, clock, log, fatal });
  closers.push(async () => checks.initial?.stop());
  await checks.initial?.run();
  taking = services;
  transport.start();
  log.info(
    { "local-member-id": formatId(memberId), "cluster-id": formatId(clusterId), name: config.name },
    "starting etcd-ts member",
  );
  startReplica();
  closers.push(() => member.handOver());
  checks.leading.start();
  closers.push(async () => checks.leading.stop());
  const progress = clock.every(config.watchProgressNotifyMs, () => hub.progressTick());
  closers.push(async () => progress.cancel());
  const publication = new Publication({
    member,
    clock,
    log,
    name: config.name,
    clientUrls: config.advertiseClientUrls,
    downgradeCheckMs: config.downgradeCheckMs,
    versionOf: (one) => askVersion(peerClient, one.peerUrls),
  });
  publication.start();
  closers.push(async () => publication.stop());

  const registry = new ServiceRegistry();
  const slow = new SlowRequests({ ...config, clock, log, all: config.log.level === "debug" });
  const stopsOnDefrag = config.featureGates.get("StopGRPCServiceOnDefrag") === true;
  const serving = new ServingStatus(stopsOnDefrag, (status, reason) =>
    log.warn({ service: "", status, reason }, "grpc service status changed"),
  );
  const handling = config.extensiveMetrics ? new HandlingTimes(clock) : undefined;
  const observers = handling === undefined ? [] : [handling.observe];
  if (config.tracing !== undefined) {
    const { openTracing } = await import("#server/tracing.ts");
    const tracing = await openTracing(config.tracing, config.listenClientUrls[0]!);
    observers.push(tracing.observe);
    closers.push(() => tracing.stop());
  }
  const { gate } = registerV3Services(
    registry,
    api,
    clock,
    { ...config, observers },
    { slow, serving },
  );
  const features = [...config.featureGates].map(([name, isOn]) => {
    return { name, stage: gateStage(name), isOn };
  });
  const metrics = new Metrics({
    member: api,
    registry,
    gate,
    serverVersion,
    features,
    ...(handling === undefined ? {} : { handling }),
  });
  addMemberMetrics(metrics, {
    member,
    meters,
    peers: transport,
    transfer,
    slowReads: () => slow.slowReads,
    rangeCount: () => api.rangeCount,
    rangeTimes: api.rangeTimes,
  });
  // Bound now, so that a port in use is told at once, and served once the member is part of its cluster.
  const unfinished = new UnfinishedBytes(unfinishedLimitBytes);
  const listening = await listenForClients({
    config,
    unfinished,
    security: tls.client?.security,
    registry,
    // As an exception on this thread would: nothing could be served any more.
    crashed: (error) => {
      throw error;
    },
    clock,
    log,
    endpoints: {
      member: api,
      serverVersion,
      metrics,
      onHealth: (healthy) => metrics.countHealth(healthy),
      onCheck: (type, name, ok) => metrics.countCheck(type, name, ok),
      debugVars: () => ({
        cmdline: process.argv,
        memstats: process.memoryUsage(),
        file_descriptor_limit: metrics.fileDescriptorLimit(),
        "raft.status": raftVars(member.parts.raft.status()),
      }),
      ...(v2Stats === undefined
        ? {}
        : {
            v2: v2Endpoints(
              new NodeV2(member, {
                reconfiguration,
                passwords,
                namesUsers: config.tls.client.namesUsers,
                stats: v2Stats,
              }),
              { maxRequestBytes: config.maxRequestBytes, unfinished },
            ),
          }),
    },
  });
  if (tls.samples().length > 0)
    metrics.addTls(() =>
      tls.samples().map((sample) =>
        sample.port === "peer"
          ? sample
          : {
              ...sample,
              handshakeFailures: sample.handshakeFailures + listening.handshakeFailures(),
            },
      ),
    );
  // Who asks a member that was removed would wait in vain for a cluster that answers it no more.
  closers.push(() => listening.close(isRemoved ? removedGraceMs : config.requestTimeoutMs));
  const serve = async (): Promise<void> => {
    await publication.publish();
    if (stopping) return;
    await checks.initial?.run();
    if (stopping) return;
    void checks.initial?.runOn();
    listening.open();
    log.info({}, "ready to serve client requests");
  };
  const stop = (): Promise<void> => {
    stopping = true;
    return closeAll(closers);
  };
  return { ready: serve(), stop };
}

/** The transport, with what is sent counted. */
function countedPeers(transport: PeerTransport, stats: V2Stats): PeerTransport {
  return Object.create(transport, {
    send: {
      value: (messages: readonly Message[]) => {
        stats.onSent(messages);
        transport.send(messages);
      },
    },
  }) as PeerTransport;
}

async function askVersion(
  client: PeerClient,
  urls: readonly string[],
): Promise<string | undefined> {
  for (const url of urls) {
    try {
      return (await client.versions(url, peerQuestionMs)).server;
    } catch {
      // The next URL may answer; a member that answers on none counts as silent.
    }
  }
  return undefined;
}
