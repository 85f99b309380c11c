// One member in this process: what server/assemble.ts wires, over a disk in memory and a network of
// calls. Its API stands on a real port, for the contract is about what comes out of one.
//
// SIGKILL ends the life at once: nothing of it happens any more, its connections are cut, and the
// disk forgets all that was not synced (a power cut, harder than what a kill does to a process).
// Any other signal is a clean stop, after which no timer may be left.
import { channel } from "node:diagnostics_channel";
import type { Socket } from "node:net";
import { crc32c } from "@node-rs/crc32";
import { assert } from "#base/assert.ts";
import { OperatingError } from "#base/errors.ts";
import type { ClusterId, MemberId } from "#base/ids.ts";
import { silentLog } from "#base/log.ts";
import { type Random, seededRandom } from "#base/random.ts";
import { httpEndpoints } from "#server/api/http-endpoints.ts";
import { Metrics } from "#server/api/metrics.ts";
import { registerV3Services } from "#server/api/v3-services.ts";
import type { ServerConfig } from "#server/config/server-config.ts";
import { tokenProvider } from "#server/credentials/token-provider.ts";
import { addMemberMetrics, type MeteredParts, silentMeters } from "#server/member-metrics.ts";
import { serverVersion } from "#server/membership/cluster-version.ts";
import type { Member as MemberRecord } from "#server/membership/member-json.ts";
import { NodeApi } from "#server/node/api-member.ts";
import { LeaseForwarding } from "#server/node/lease-forwarding.ts";
import { PeerServices } from "#server/node/peer-services.ts";
import { Publication } from "#server/node/publication.ts";
import { Reconfiguration } from "#server/node/reconfiguration.ts";
import { openReplica, type ReplicaSettings } from "#server/node/replica.ts";
import { defaultLimits } from "#server/rpc/limits.ts";
import { startClientListeners } from "#server/rpc/listeners.ts";
import { sha1 } from "#server/sha1.ts";
import type { ProcessExit } from "#test/cluster/member-process.ts";
import { fakeAuthPorts, promptPasswords } from "#test/fakes/auth.ts";
import { openLog } from "#test/simulation/cluster/open-log.ts";
import { DiskImage, SlowDisk, type StateDepot } from "#test/simulation/cluster/slow-disk.ts";
import type { VirtualTime } from "#test/simulation/cluster/virtual-time.ts";
import type { ContractMember } from "../cluster.ts";
import { Inlet, InletRegistry } from "./inlet.ts";
import type { Network, NetworkNode } from "./network.ts";
import { LifeTimers } from "./running-time.ts";

/** How long a clean stop lets calls finish, as in server/assemble.ts. */
const drainMs = 1000;

/** After this much of its time a start or a stop is taken for a hang. */
const hangMs = 60_000;

/** A disk that is always as quick as it can be. */
const steady: Random = { uint32: () => 0, below: () => 0, chance: () => false };

export interface MemberSettings {
  readonly clusterId: ClusterId;
  readonly record: MemberRecord;
  /** All members that the cluster begins with. */
  readonly first: readonly MemberRecord[];
  readonly config: ServerConfig & Pick<ReplicaSettings, "leaseCheckpointMs">;
  readonly clientPort: number;
  readonly time: VirtualTime;
  readonly depot: StateDepot;
  readonly network: Network;
  /** A member could not go on. */
  failed(error: unknown): void;
}

interface Running extends NetworkNode {
  readonly timers: LifeTimers;
  readonly sockets: Set<Socket>;
  services: PeerServices | undefined;
  /** Ends listening and all connections, after so many milliseconds at the latest. */
  close: (graceMs: number) => Promise<void>;
  /** Undoes what was begun, the last first. */
  readonly closers: (() => Promise<void> | void)[];
}

export class InProcessMember implements ContractMember {
  readonly name: string;
  readonly endpoint: string;
  readonly clientUrl: string;
  readonly peerUrl: string;
  private readonly settings: MemberSettings;
  private readonly disk: DiskImage;
  private running: Running | undefined;
  private lives = 0;

  constructor(settings: MemberSettings) {
    this.settings = settings;
    const { clusterId, record } = settings;
    this.name = record.name;
    this.endpoint = `127.0.0.1:${settings.clientPort}`;
    this.clientUrl = `http://${this.endpoint}`;
    this.peerUrl = record.peerUrls[0]!;
    this.disk = new DiskImage({ memberId: record.id, clusterId });
  }

  get isRunning(): boolean {
    return this.running !== undefined;
  }

  private get id(): MemberId {
    return this.settings.record.id;
  }

  async start(): Promise<void> {
    assert(!this.isRunning, `${this.name} is already running`);
    const { network, time } = this.settings;
    const timers = new LifeTimers(time);
    const running: Running = {
      id: this.id,
      peerUrl: this.peerUrl,
      sinceMs: timers.monotonicMs(),
      timers,
      inlet: new Inlet(timers.life),
      sockets: new Set(),
      services: undefined,
      close: async () => {},
      closers: [],
    };
    this.running = running;
    this.lives++;
    network.join(running);
    await this.withinLimit(running, "start", async () => {
      const { publication, api, metered } = await this.open(running);
      await publication.publish();
      await this.serve(running, api, metered);
    });
  }

  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<ProcessExit> {
    const { disk, running } = this;
    assert(running !== undefined, `${this.name} is not running`);
    if (signal === "SIGKILL") {
      this.end(running);
      for (const socket of running.sockets) socket.destroy();
      disk.wal = disk.wal.crash(0);
      disk.backend = disk.backend.crash(0);
      await running.close(0);
    } else {
      running.timers.life.wake();
      await this.withinLimit(running, "stop", async () => {
        for (const close of running.closers.reverse()) await close();
      });
      const left = running.timers.pending;
      this.end(running);
      assert(left.length === 0, `${this.name} has stopped and left timers: ${left.join(", ")}`);
      const sockets = [...running.sockets].filter((socket) => !socket.destroyed).length;
      assert(sockets === 0, `${this.name} has stopped and left ${sockets} sockets`);
      disk.wal = disk.wal.reopen();
      disk.backend = disk.backend.reopen();
    }
    return { code: null, signal };
  }

  pause(): void {
    this.running?.timers.life.pause(Number.POSITIVE_INFINITY);
  }

  resume(): void {
    this.running?.timers.life.wake();
  }

  private withinLimit(running: Running, what: string, work: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const limit = running.timers.after(hangMs, () => {
        reject(new OperatingError("MEMBER_HUNG", `${this.name} hangs: no ${what} in ${hangMs} ms`));
      });
      work()
        .finally(() => limit.cancel())
        .then(resolve, reject);
    });
  }

  private end(running: Running): void {
    running.timers.life.end();
    this.settings.network.leave(running);
    this.running = undefined;
  }

  private async open(running: Running) {
    const { clusterId, config, depot, first, network } = this.settings;
    const { closers, timers } = running;
    const { life } = timers;
    const disk = new SlowDisk(this.disk, life, steady, depot, () => {});
    const opened = await openLog(this.disk, disk, {
      first: this.settings.first,
      owner: this.name,
    });
    const meters = silentMeters();
    const peers = network.peersOf(running);
    const failed = (error: unknown): void => {
      if (!life.isDead) this.settings.failed(error);
    };
    const replica = await openReplica({
      ...opened,
      clusterId,
      memberId: this.id,
      settings: config,
      clock: timers,
      log: silentLog,
      random: seededRandom(Number(this.id & 0xffffffn) + this.lives),
      crc32c,
      state: disk,
      wal: disk,
      expected: first,
      files: disk,
      auth: {
        ...fakeAuthPorts(timers, this.lives, config.simpleTokenTtlMs),
        ...(config.authToken.kind === "simple"
          ? {}
          : { tokens: tokenProvider(config.authToken, config.simpleTokenTtlMs, timers) }),
      },
      peers,
      meters,
      markState: () => Promise.resolve(),
      schedule: (run) => {
        setImmediate(() => life.enter(run));
      },
      fatal: failed,
      onRemoved: () => failed(new Error(`${this.name} was removed`)),
    });
    closers.push(() => replica.stop());
    const { member, transfer } = replica;
    const asked = network.peersAskedBy(running);
    const reconfiguration = new Reconfiguration({
      member,
      peers: asked,
      sha1,
      isStrict: config.strictReconfigCheck,
    });
    const api = new NodeApi(
      member,
      new LeaseForwarding({
        peers: asked,
        clock: timers,
        requestTimeoutMs: config.requestTimeoutMs,
        leaderUrls: () => member.parts.members.get(member.leadership.leader)?.peerUrls ?? [],
      }),
      reconfiguration,
      disk,
      promptPasswords,
    );
    running.services = new PeerServices(member, api, {
      receive: (message, body) => transfer.receive(message, body),
    });
    const publication = new Publication({
      member,
      clock: timers,
      log: silentLog,
      name: this.name,
      clientUrls: [this.clientUrl],
      downgradeCheckMs: config.downgradeCheckMs,
      versionOf: async (one) => (network.has(one.id) ? serverVersion : undefined),
    });
    replica.start();
    const { hub } = member.parts;
    const progress = timers.every(config.watchProgressNotifyMs, () => hub.progressTick());
    closers.push(() => progress.cancel());
    publication.start();
    closers.push(() => publication.stop());
    const metered: MeteredParts = {
      member,
      meters,
      peers,
      transfer,
      slowReads: () => 0,
      rangeCount: () => 0,
      rangeTimes: api.rangeTimes,
    };
    return { publication, api, metered };
  }

  private async serve(running: Running, api: NodeApi, metered: MeteredParts): Promise<void> {
    const { clientPort, config } = this.settings;
    const { closers, inlet, sockets, timers } = running;
    const registry = new InletRegistry(inlet);
    const { gate } = registerV3Services(registry, api, timers, config);
    const metrics = new Metrics({ member: api, registry, gate, serverVersion });
    addMemberMetrics(metrics, metered);
    // Only this tells of the sockets that the listeners accept; a kill has to cut them.
    const accepted = channel("net.server.socket");
    const note = (message: unknown): void => {
      const { socket } = message as { readonly socket: Socket };
      if (socket.localPort !== clientPort) return;
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
    };
    accepted.subscribe(note);
    const listeners = await startClientListeners({
      urls: [this.clientUrl],
      registry,
      http: inlet.http(
        httpEndpoints({
          member: api,
          serverVersion,
          metrics,
          onHealth: (healthy) => metrics.countHealth(healthy),
        }),
      ),
      limits: {
        ...defaultLimits(config.maxRequestBytes),
        maxConcurrentStreams: config.maxConcurrentStreams,
        keepaliveMinMs: config.grpcKeepaliveMinTimeMs,
        keepaliveIntervalMs: config.grpcKeepaliveIntervalMs,
        keepaliveTimeoutMs: config.grpcKeepaliveTimeoutMs,
      },
      clock: timers,
      log: silentLog,
    });
    running.close = async (graceMs) => {
      await listeners.close(graceMs);
      accepted.unsubscribe(note);
    };
    if (timers.life.isDead) await running.close(0);
    else closers.push(() => running.close(drainMs));
  }
}
