// One simulated member across its lives: the replica of the server (server/node/replica.ts) with its
// API, over a slow disk and a network that fails.
import { crc32c } from "@node-rs/crc32";
import type { ClusterId, MemberId } from "#base/ids.ts";
import { silentLog } from "#base/log.ts";
import { type Random, seededRandom } from "#base/random.ts";
import { Message } from "#proto/gen/raft.ts";
import { serverVersion } from "#server/membership/cluster-version.ts";
import type { Member as MemberRecord } from "#server/membership/member-json.ts";
import { NodeApi } from "#server/node/api-member.ts";
import { LeaseForwarding, type LeasePeers } from "#server/node/lease-forwarding.ts";
import { PeerServices } from "#server/node/peer-services.ts";
import { Publication } from "#server/node/publication.ts";
import { type PromotionPeers, Reconfiguration } from "#server/node/reconfiguration.ts";
import { openReplica, type Replica, type ReplicaSettings } from "#server/node/replica.ts";
import { sha1 } from "#server/sha1.ts";
import { openLog } from "./open-log.ts";
import { DiskImage, SlowDisk, type StateDepot } from "./slow-disk.ts";
import { Life, type VirtualTime } from "./virtual-time.ts";

export const clusterId = 0xc1n as ClusterId;
const requestTimeoutMs = 7000;

/** What a member needs of the world around it. */
export interface MemberPorts {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly depot: StateDepot;
  readonly first: readonly MemberRecord[];
  readonly count: (what: string) => void;
  send(from: SimMember, messages: readonly Message[]): void;
  /** Brings a whole state to its receiver; tells the sender's life the outcome. */
  sendSnapshot(from: SimMember, message: Message, body: AsyncIterable<Uint8Array>): Promise<void>;
  reaches(from: MemberId, to: MemberId): boolean;
  /** The questions that a member asks the one that listens on a URL. */
  readonly leasePeers: (from: SimMember) => LeasePeers & PromotionPeers;
  /** A life has begun and can be used. */
  began(member: SimMember): void;
  failed(member: SimMember, error: unknown): void;
}

/** A life that has begun. */
export interface Running {
  readonly replica: Replica;
  readonly api: NodeApi;
  readonly services: PeerServices;
}

export class SimMember {
  readonly id: MemberId;
  readonly disk: DiskImage;
  life: Life;
  /** Undefined while it is down or starting. */
  running: Running | undefined;
  isUp = false;
  private readonly ports: MemberPorts;
  private readonly settings: ReplicaSettings;

  constructor(id: MemberId, ports: MemberPorts) {
    this.id = id;
    this.ports = ports;
    this.disk = new DiskImage({ memberId: id, clusterId });
    this.life = new Life(ports.time);
    const { random } = ports;
    this.settings = {
      electionTicks: 10,
      heartbeatMs: 100,
      electionTimeoutMs: 1000,
      requestTimeoutMs,
      preVote: true,
      maxLearners: 1,
      maxRequestBytes: 1024 * 1024,
      quotaBytes: undefined,
      snapshotCount: 20 + random.below(100),
      snapshotCatchupEntries: random.below(30),
      compactionBatchLimit: 1 + random.below(10),
      compactionSleepMs: 5,
    };
  }

  start(): void {
    const life = new Life(this.ports.time);
    this.life = life;
    this.isUp = true;
    this.open(life).catch((error: unknown) => {
      if (!life.isDead) this.ports.failed(this, error);
    });
  }

  crash(): void {
    if (!this.isUp) return;
    this.isUp = false;
    this.running = undefined;
    this.life.end();
    this.ports.count("crash");
    if (this.disk.crash(this.ports.random).lost > 0) this.ports.count("crash that lost writes");
  }

  /** A clean stop, as by a signal. */
  async stop(): Promise<void> {
    const { life, running } = this;
    if (running === undefined) return;
    const { leadership } = running.replica.member;
    const led = leadership.isLeader;
    await running.replica.member.handOver();
    if (led && !leadership.isLeader) this.ports.count("leadership handed over");
    if (life.isDead) return;
    this.running = undefined;
    await running.replica.stop();
    if (life.isDead) return;
    this.isUp = false;
    life.end();
    this.disk.wal = this.disk.wal.reopen();
    this.disk.backend = this.disk.backend.reopen();
    this.ports.count("clean stop");
  }

  /** Runs what came for this life, unless it has ended. */
  enter(run: (running: Running) => void): void {
    this.life.enter(() => {
      if (this.running !== undefined) run(this.running);
    });
  }

  private async open(life: Life): Promise<void> {
    const { depot, first, random } = this.ports;
    const disk = new SlowDisk(this.disk, life, random, depot);
    const { memoryLog, markIndex } = await openLog(this.disk, disk, {
      first: this.ports.first,
      owner: `member ${this.id}`,
    });
    const replica = await openReplica({
      clusterId,
      memberId: this.id,
      settings: this.settings,
      clock: life,
      log: silentLog,
      random: seededRandom(random.uint32()),
      crc32c,
      memory: {
        cacheBytes: 200 + random.below(3000),
        recentBytes: random.below(2000),
        sessionQueueBytes: 200 + random.below(2000),
      },
      state: disk,
      wal: disk,
      memoryLog,
      markIndex,
      expected: first,
      files: disk,
      peers: {
        send: (messages) => this.ports.send(this, messages),
        sendSnapshot: (message, body) => this.ports.sendSnapshot(this, message, body),
        addPeer: () => {},
        updatePeer: () => {},
        removePeer: () => {},
        activeSince: (id) => (this.ports.reaches(this.id, id) ? 0 : undefined),
      },
      meters: { logSynced: () => {}, applied: () => {}, stateCopied: () => {} },
      markState: () => Promise.resolve(),
      schedule: (run) => life.schedule(run),
      fatal: (error) => {
        if (!life.isDead) this.ports.failed(this, error);
      },
      onRemoved: () => this.ports.failed(this, new Error("removed, though nobody removed it")),
    });
    if (life.isDead) return;
    this.use(life, replica, disk);
  }

  private use(life: Life, replica: Replica, disk: SlowDisk): void {
    const { member, transfer } = replica;
    const peers = this.ports.leasePeers(this);
    const reconfiguration = new Reconfiguration({ member, peers, sha1, isStrict: true });
    const api = new NodeApi(
      member,
      new LeaseForwarding({
        peers,
        clock: life,
        requestTimeoutMs,
        leaderUrls: () => member.parts.members.get(member.leadership.leader)?.peerUrls ?? [],
      }),
      reconfiguration,
      disk,
    );
    const services = new PeerServices(member, api, {
      receive: (message, body) => transfer.receive(message, body),
    });
    this.running = { replica, api, services };
    const publication = new Publication({
      member,
      clock: life,
      log: silentLog,
      name: `m${this.id}`,
      clientUrls: [`http://client-${this.id}`],
      versionOf: async (one) => (this.ports.reaches(this.id, one.id) ? serverVersion : undefined),
    });
    publication.start();
    replica.start();
    void publication.publish();
    this.ports.began(this);
  }
}

/** A message as the receiver decodes it. */
export function overTheWire(message: Message): Message {
  return Message.decode(Message.encode(message).finish());
}
