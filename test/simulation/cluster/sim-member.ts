// One simulated member across its lives: the replica of the server (server/node/replica.ts) with its
// API, over a slow disk and a network that fails.
import { crc32c } from "@node-rs/crc32";
import type { ClusterId, MemberId } from "#base/ids.ts";
import { silentLog } from "#base/log.ts";
import { seededRandom } from "#base/random.ts";
import { Message } from "#proto/gen/raft.ts";
import { serverVersion } from "#server/membership/cluster-version.ts";
import { adoptMembers } from "#server/membership/joining.ts";
import type { Member as MemberRecord } from "#server/membership/member-json.ts";
import { NodeApi } from "#server/node/api-member.ts";
import { isUntouched } from "#server/node/boot-log.ts";
import { LeaseForwarding, type LeasePeers } from "#server/node/lease-forwarding.ts";
import { PeerServices } from "#server/node/peer-services.ts";
import { Publication } from "#server/node/publication.ts";
import { type PromotionPeers, Reconfiguration } from "#server/node/reconfiguration.ts";
import { openReplica, type Replica, type ReplicaSettings } from "#server/node/replica.ts";
import { sha1 } from "#server/sha1.ts";
import { fakeAuthPorts, promptPasswords } from "#test/fakes/auth.ts";
import type { ClusterNetwork } from "./cluster-network.ts";
import type { ClusterStage } from "./cluster-stage.ts";
import { openLog } from "./open-log.ts";
import { DiskImage, SlowDisk, type StateDepot } from "./slow-disk.ts";
import { Life } from "./virtual-time.ts";

export const clusterId = 0xc1n as ClusterId;
const requestTimeoutMs = 7000;
export const maxLearners = 2;
/** --watch-progress-notify-interval */
const progressMs = 2000;

/** The questions that a member asks the one that listens on a URL. */
export interface PeerQuestions extends LeasePeers, PromotionPeers {
  members(url: string): Promise<readonly MemberRecord[]>;
}

/** What a member needs of the world around it. */
export interface MemberPorts {
  readonly stage: ClusterStage;
  readonly network: ClusterNetwork;
  readonly depot: StateDepot;
  /** --strict-reconfig-check */
  readonly isStrict: boolean;
  /** Those that begin the cluster. */
  readonly first: readonly MemberRecord[];
  /** A life has begun and can be used. */
  began(member: SimMember): void;
  /** The member has begun to replace its log and state by what it received. */
  replacing(member: SimMember): void;
  /** True if the removal of this member was answered. */
  isRemoved(id: MemberId): boolean;
  /** The member has stopped because it was told that it is none any more. */
  left(member: SimMember): void;
}

/** A life that has begun. */
export interface Running {
  readonly replica: Replica;
  readonly api: NodeApi;
  readonly services: PeerServices;
}

/** Who a member is. */
export interface Identity {
  readonly id: MemberId;
  readonly name: string;
  /** Where its peers reach it. */
  readonly url: string;
  /** The members that it is told of when it joins; undefined for one that begins the cluster. */
  readonly initial: readonly MemberRecord[] | undefined;
}

export class SimMember {
  readonly id: MemberId;
  readonly name: string;
  /** The address that it tells others. */
  url: string;
  /** Where it listens, too, while it is in doubt whether it has moved. */
  newUrl: string | undefined;
  readonly disk: DiskImage;
  life: Life;
  /** Undefined while it is down or starting. */
  running: Running | undefined;
  isUp = false;
  /** It stopped because it was told that it is no member any more. */
  hasLeft = false;
  /** Its disk is gone for good. */
  isLost = false;
  /** Its transport's peers in this life, and where it takes them to be. */
  peers = new Map<MemberId, readonly string[]>();
  /** Who made itself known, and may be answered until it is a peer. */
  private remotes = new Map<MemberId, string>();
  /** Since when a peer answers without a failure, monotonic ms. */
  contacts = new Map<MemberId, number>();
  /** How far its wall clock is off. */
  wallOffsetMs = 0;
  private initial: readonly MemberRecord[] | undefined;
  private readonly ports: MemberPorts;
  private readonly settings: ReplicaSettings;

  constructor(identity: Identity, ports: MemberPorts) {
    const { id, initial, name, url } = identity;
    this.id = id;
    this.name = name;
    this.url = url;
    this.initial = initial;
    this.ports = ports;
    this.disk = new DiskImage({ memberId: id, clusterId });
    this.life = new Life(ports.stage.time);
    const { random } = ports.stage;
    this.settings = {
      electionTicks: 10,
      heartbeatMs: 100,
      electionTimeoutMs: 1000,
      requestTimeoutMs,
      preVote: true,
      initialElectionTickAdvance: true,
      maxLearners,
      maxRequestBytes: 1024 * 1024,
      quotaBytes: undefined,
      snapshotCount: 20 + random.below(100),
      snapshotCatchupEntries: random.below(30),
      snapshotLogHoldMs: random.below(1000),
      compactionBatchLimit: 1 + random.below(10),
      compactionSleepMs: 5,
    };
  }

  /** The last entry that it has applied in this life; 0 while it is down. */
  get appliedIndex(): number {
    return this.running?.replica.member.applyTurn.appliedIndex ?? 0;
  }

  /** The last entry in its log. */
  get lastIndex(): number {
    const { entries, snapshot } = this.disk.wal.contents();
    return snapshot.index + entries.length;
  }

  /** It has become a member once and has something in its log. */
  get hasJoined(): boolean {
    return !this.isLost && this.lastIndex > 0;
  }

  start(): void {
    const { network, stage } = this.ports;
    const life = new Life(stage.time, () => this.wallOffsetMs);
    this.life = life;
    this.isUp = true;
    this.peers = new Map();
    this.remotes = new Map();
    this.contacts = new Map();
    network.contactLater(this);
    this.open(life).catch((error: unknown) => {
      if (!life.isDead) stage.fail(error);
    });
  }

  crash(): void {
    if (!this.isUp) return;
    const { stage } = this.ports;
    this.end();
    stage.count("crash");
    if (this.disk.crash(stage.random).lost > 0) stage.count("crash that lost writes");
  }

  private end(): void {
    this.isUp = false;
    this.running = undefined;
    this.life.end();
  }

  /** It has heard that it is no member any more: the process ends. */
  private leave(): void {
    this.end();
    this.disk.crash(this.ports.stage.random);
    this.hasLeft = true;
    this.ports.stage.count("removed member stopped");
    this.ports.left(this);
  }

  /** Where this member takes another one to be; undefined if it knows of none. */
  urlsOf(id: MemberId): readonly string[] | undefined {
    const remote = this.remotes.get(id);
    return this.peers.get(id) ?? (remote === undefined ? undefined : [remote]);
  }

  /** A peer has made itself known by its connection. */
  meet(id: MemberId, url: string): void {
    this.remotes.set(id, url);
  }

  /** A clean stop, as by a signal. */
  async stop(): Promise<void> {
    const { life, running } = this;
    if (running === undefined) return;
    const { leadership } = running.replica.member;
    const led = leadership.isLeader;
    await running.replica.member.handOver();
    if (led && !leadership.isLeader) this.ports.stage.count("leadership handed over");
    if (life.isDead) return;
    this.running = undefined;
    await running.replica.stop();
    if (life.isDead) return;
    this.isUp = false;
    life.end();
    this.disk.wal = this.disk.wal.reopen();
    this.disk.backend = this.disk.backend.reopen();
    this.ports.stage.count("clean stop");
  }

  /** Runs what came for this life, unless it has ended. */
  enter(run: (running: Running) => void): void {
    this.life.enter(() => {
      if (this.running !== undefined) run(this.running);
    });
  }

  private async open(life: Life): Promise<void> {
    const { depot, first, network, stage } = this.ports;
    const { random } = stage;
    const disk = new SlowDisk(this.disk, life, random, depot, () => this.ports.replacing(this));
    const isNew = isUntouched(this.disk.wal.contents());
    const expected = isNew && this.initial !== undefined ? await this.join(life) : first;
    const { memoryLog, markIndex } = await openLog(this.disk, disk, {
      first: this.initial === undefined ? first : undefined,
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
      // Shorter than in truth, for states to be wanted often.
      memory: {
        cacheBytes: 200 + random.below(3000),
        recentBytes: random.below(2000),
        sessionQueueBytes: 200 + random.below(2000),
      },
      state: disk,
      wal: disk,
      memoryLog,
      markIndex,
      expected: isNew ? expected : [],
      files: disk,
      auth: fakeAuthPorts(life),
      peers: {
        send: (messages) => network.send(this, messages),
        sendSnapshot: (message, body, form) => network.sendSnapshot(this, message, body, form),
        addPeer: (id, urls) => {
          if (!this.peers.has(id)) this.peers.set(id, urls);
        },
        updatePeer: (id, urls) => {
          this.peers.set(id, urls);
        },
        removePeer: (id) => {
          this.peers.delete(id);
          this.contacts.delete(id);
        },
        activeSince: (id) => this.contacts.get(id),
      },
      meters: { logSynced: () => {}, applied: () => {}, stateCopied: () => {} },
      markState: () => Promise.resolve(),
      schedule: (run) => life.schedule(run),
      fatal: (error) => {
        if (!life.isDead) stage.fail(error);
      },
      onRemoved: () => {
        if (!life.isDead) this.leave();
      },
    });
    if (life.isDead) return;
    this.use(life, replica, disk);
  }

  /** As server/first-start.ts: asks those it was told of, and wants to find itself among them. */
  private async join(life: Life): Promise<readonly MemberRecord[]> {
    const { network, stage } = this.ports;
    const questions = network.questions(this);
    for (;;) {
      for (const url of this.initial!.flatMap((one) => one.peerUrls)) {
        if (url === this.url) continue;
        const existing = await questions.members(url).catch(() => undefined);
        if (existing === undefined) continue;
        const urls = new Map(this.initial!.map((one) => [`m-${one.id}`, one.peerUrls]));
        const adopted = adoptMembers(urls, existing);
        if (adopted.ok && adopted.members.some((one) => one.id === this.id)) return adopted.members;
        // The process would end; whoever runs it starts it again with what is true now.
        stage.count("join refused");
        if (this.ports.isRemoved(this.id) && !existing.some((one) => one.id === this.id)) {
          this.leave();
        }
        this.initial = [...existing.filter((one) => one.id !== this.id), this.ownRecord(existing)];
      }
      await life.sleep(300);
    }
  }

  /** As its flags would have it, which follow it to where it was moved. */
  private ownRecord(existing: readonly MemberRecord[]): MemberRecord {
    const own = this.initial!.find((one) => one.id === this.id)!;
    const listed = existing.find((one) => one.id === this.id)?.peerUrls ?? [];
    const isHere = listed.some((url) => url === this.url || url === this.newUrl);
    return { ...own, peerUrls: isHere ? listed : [this.url] };
  }

  private use(life: Life, replica: Replica, disk: SlowDisk): void {
    const { network } = this.ports;
    const { member, transfer } = replica;
    const peers = network.questions(this);
    const reconfiguration = new Reconfiguration({
      member,
      peers,
      sha1,
      isStrict: this.ports.isStrict,
    });
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
      promptPasswords,
    );
    const services = new PeerServices(member, api, {
      receive: (message, body) => transfer.receive(message, body),
    });
    this.running = { replica, api, services };
    const publication = new Publication({
      member,
      clock: life,
      log: silentLog,
      name: this.name,
      clientUrls: [`http://client-${this.name}`],
      versionOf: async (one) => (network.reaches(this.id, one.id) ? serverVersion : undefined),
    });
    publication.start();
    replica.start();
    life.every(progressMs, () => member.parts.hub.progressTick());
    void publication.publish();
    this.ports.began(this);
  }
}

/** A message as the receiver decodes it. */
export function overTheWire(message: Message): Message {
  return Message.decode(Message.encode(message).finish());
}
