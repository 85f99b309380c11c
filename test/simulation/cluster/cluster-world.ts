// Three whole members in one process under virtual time, driven and tormented by one seed: clients
// that write, compare, read, watch and hold leases; a network that loses, delays and cuts; members
// that crash, pause and restart. At the end all faults cease; then all members must be alike, and all
// that clients were told must fit one history.
import type { MemberId } from "#base/ids.ts";
import { type Random, seededRandom } from "#base/random.ts";
import { EtcdError } from "#proto/errors.ts";
import {
  CompactionRequest,
  Compare,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  type TxnRequest,
} from "#proto/gen/kv.ts";
import type { Message } from "#proto/gen/raft.ts";
import { type Member as MemberRecord, parseMembers } from "#server/membership/member-json.ts";
import type { NodeApi } from "#server/node/api-member.ts";
import { Violation } from "../violation.ts";
import { LeaseTask } from "./lease-task.ts";
import { type ChangeSeen, Ledger, type Operation } from "./ledger.ts";
import { overTheWire, SimMember } from "./sim-member.ts";
import { StateDepot } from "./slow-disk.ts";
import { VirtualTime } from "./virtual-time.ts";
import { WatchTask } from "./watch-task.ts";

export interface ClusterOptions {
  readonly seed: number;
  /** How long faults last; then the cluster heals. */
  readonly stormMs: number;
}

const memberCount = 3;
const clientCount = 4;
const keyCount = 5;
const healMs = 30_000;
const everything = { from: "\0", to: "\xff" };

export class ClusterWorld {
  readonly counts = new Map<string, number>();
  private readonly random: Random;
  private readonly options: ClusterOptions;
  private readonly time = new VirtualTime();
  private readonly ledger = new Ledger();
  private readonly members: SimMember[] = [];
  private readonly watches: WatchTask[] = [];
  /** One for each member: it reports the member's history. */
  private readonly scribes = new Map<SimMember, WatchTask>();
  private readonly leases = new Map<string, LeaseTask>();
  private readonly cuts: { readonly side: ReadonlySet<MemberId>; readonly untilMs: number }[] = [];
  private failure: unknown;
  private healing = false;
  private loss = 0;
  private delayMs = 5;
  private serial = 0;

  constructor(options: ClusterOptions) {
    this.options = options;
    this.random = seededRandom(options.seed);
    const first: MemberRecord[] = Array.from({ length: memberCount }, (_, i) => ({
      id: BigInt(i + 1) as MemberId,
      peerUrls: [`http://peer-${i + 1}`],
      isLearner: false,
      name: `m${i + 1}`,
      clientUrls: [],
    }));
    const ports = {
      time: this.time,
      random: this.random,
      depot: new StateDepot(),
      first,
      count: (what: string) => this.count(what),
      send: (from: SimMember, messages: readonly Message[]) => this.send(from, messages),
      sendSnapshot: (from: SimMember, message: Message, body: AsyncIterable<Uint8Array>) =>
        this.sendSnapshot(from, message, body),
      reaches: (from: MemberId, to: MemberId) => this.reaches(from, to),
      leasePeers: (from: SimMember) => this.leasePeers(from),
      began: (member: SimMember) => this.began(member),
      failed: (member: SimMember, error: unknown) => {
        this.failure ??= error;
        void member;
      },
    };
    for (const { id } of first) this.members.push(new SimMember(id, ports));
  }

  /** Rejects with Violation, or with what a member could not go on with. */
  async run(): Promise<void> {
    for (const member of this.members) member.start();
    this.changeWeather();
    this.tormentLater();
    for (let client = 0; client < clientCount; client++) this.operateLater();
    this.watchLater();
    this.leaseLater();
    this.compactLater();
    await this.runUntil(this.options.stormMs);
    this.heal();
    await this.runUntil(this.options.stormMs + healMs);
    await this.checkHealed();
  }

  private async runUntil(untilMs: number): Promise<void> {
    while (this.time.nowMs < untilMs) {
      await this.time.runUntil(Math.min(untilMs, this.time.nowMs + 100));
      if (this.failure !== undefined) throw this.failure;
    }
  }

  private count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  private pick<T>(from: readonly T[]): T | undefined {
    return from.length === 0 ? undefined : from[this.random.below(from.length)];
  }

  private up(): SimMember[] {
    return this.members.filter((member) => member.running !== undefined && !member.life.isPaused);
  }

  private leader(): SimMember | undefined {
    return this.up().find((one) => one.running!.replica.member.leadership.isLeader);
  }

  // ── faults ───────────────────────────────────────────────────────────────────────────────────────

  private changeWeather(): void {
    if (this.healing) return;
    const { random } = this;
    const rough = random.chance(0.3);
    this.loss = rough ? random.below(20) / 100 : random.below(2) / 100;
    this.delayMs = rough ? 1 + random.below(120) : 1 + random.below(10);
    this.time.after(2000 + random.below(6000), () => this.changeWeather());
  }

  private tormentLater(): void {
    this.time.after(300 + this.random.below(3000), () => {
      if (this.healing) return;
      this.torment();
      this.tormentLater();
    });
  }

  private torment(): void {
    const { random } = this;
    const victim = random.chance(0.4) ? this.leader() : this.pick(this.up());
    const dice = random.below(100);
    if (dice < 15 && victim !== undefined) this.crash(victim);
    else if (dice < 30 && victim !== undefined) this.crashInSave(victim);
    else if (dice < 34) for (const member of this.members) this.crash(member);
    else if (dice < 42 && victim !== undefined) this.stop(victim);
    else if (dice < 70 && victim !== undefined) {
      this.count("pause");
      victim.life.pause(200 + random.below(random.chance(0.3) ? 12_000 : 3000));
    } else this.cut(victim);
  }

  private crash(member: SimMember): void {
    member.crash();
    this.restartLater(member);
  }

  /** Crashes it as soon as it has handed something to its log that is not synced yet. */
  private crashInSave(member: SimMember): void {
    const { life } = member;
    let tries = 0;
    const look = (): void => {
      if (life.isDead || this.healing) return;
      if (member.disk.wal.unsyncedCount > 0 || ++tries > 500) this.crash(member);
      else this.time.after(1, look);
    };
    this.time.after(1 + this.random.below(20), look);
  }

  private restartLater(member: SimMember): void {
    const longMs = this.random.chance(0.2) ? 15_000 : 3000;
    this.time.after(100 + this.random.below(longMs), () => {
      if (!member.isUp) member.start();
    });
  }

  private stop(member: SimMember): void {
    member.stop().then(
      () => this.restartLater(member),
      (error: unknown) => {
        this.failure ??= error;
      },
    );
  }

  private cut(alone: SimMember | undefined): void {
    if (alone === undefined) return;
    this.count("partition");
    const untilMs = this.time.nowMs + 500 + this.random.below(8000);
    this.cuts.push({ side: new Set([alone.id]), untilMs });
  }

  private reaches(from: MemberId, to: MemberId): boolean {
    const { nowMs } = this.time;
    const isUp = this.members.some((one) => one.id === to && one.isUp);
    return (
      isUp &&
      !this.cuts.some((one) => one.untilMs > nowMs && one.side.has(from) !== one.side.has(to))
    );
  }

  private heal(): void {
    this.healing = true;
    this.cuts.length = 0;
    this.loss = 0;
    this.delayMs = 5;
    for (const member of this.members) {
      member.life.wake();
      if (!member.isUp) member.start();
    }
  }

  // ── network ──────────────────────────────────────────────────────────────────────────────────────

  private memberOf(id: bigint): SimMember {
    return this.members[Number(id) - 1]!;
  }

  private send(from: SimMember, messages: readonly Message[]): void {
    const { random } = this;
    for (const message of messages) {
      const to = this.memberOf(message.to);
      const lost = random.chance(this.loss) || !this.reaches(from.id, to.id);
      if (lost) {
        this.count("message lost");
        const { life } = from;
        if (random.chance(0.5)) {
          life.after(random.below(20), () => from.running?.services.reportUnreachable(to.id));
        }
        continue;
      }
      const sent = overTheWire(message);
      const lateMs = random.chance(0.01) ? random.below(1500) : 0;
      this.carry(to, 1 + random.below(this.delayMs) + lateMs, ({ services }) =>
        services.step(sent),
      );
    }
  }

  private carry(to: SimMember, delayMs: number, run: Parameters<SimMember["enter"]>[0]): void {
    const { life } = to;
    this.time.after(delayMs, () => {
      if (to.life === life) to.enter(run);
    });
  }

  private async sendSnapshot(
    from: SimMember,
    message: Message,
    body: AsyncIterable<Uint8Array>,
  ): Promise<void> {
    const { random } = this;
    const { life } = from;
    const to = this.memberOf(message.to);
    const sent = overTheWire(message);
    await life.sleep(20 + random.below(300));
    const report = (ok: boolean): void => {
      this.time.after(random.below(50), () =>
        life.enter(() => from.running?.services.reportSnapshot(to.id, ok)),
      );
    };
    if (random.chance(this.loss) || !this.reaches(from.id, to.id)) return report(false);
    const receiver = to.life;
    to.enter(({ services }) => {
      services.receiveSnapshot(sent, body).then(
        () => {
          if (receiver.isDead) return report(false);
          this.count("state received");
          services.step(sent);
          report(true);
        },
        () => report(false),
      );
    });
    // The body is read by then; a receiver that died says nothing, and the send has failed.
    await life.sleep(1000);
    if (receiver.isDead) report(false);
  }

  private leasePeers(from: SimMember) {
    const ask = async <T>(url: string, run: (services: PeerAsked) => Promise<T>): Promise<T> => {
      const to = this.memberOf(BigInt(url.slice(url.lastIndexOf("-") + 1)));
      await from.life.sleep(1 + this.random.below(this.delayMs));
      if (to !== from && !this.reaches(from.id, to.id)) throw new Error("no connection");
      const answer = await new Promise<T>((resolve, reject) => {
        to.enter(({ services }) => void run(services).then(resolve, reject));
        from.life.after(5000, () => reject(new Error("no answer")));
      });
      await from.life.sleep(1 + this.random.below(this.delayMs));
      return answer;
    };
    return {
      renewLease: (url: string, lease: bigint) =>
        ask(url, (services) => services.leaseRenew(lease as never)),
      leaseTimeToLive: (url: string, request: { ID: bigint; keys: boolean }) =>
        ask(url, (services) => services.leaseTimeToLive(request)),
      promote: async (url: string, id: bigint) =>
        parseMembers(await ask(url, (services) => services.promote(id))),
    };
  }

  // ── clients ──────────────────────────────────────────────────────────────────────────────────────

  private operateLater(): void {
    const pauseMs = this.random.below(this.healing ? 500 : 80);
    this.time.after(pauseMs, () => {
      if (this.time.nowMs > this.options.stormMs + healMs / 3) return;
      const member = this.pick(this.up());
      let going = false;
      const goOn = (): void => {
        if (going) return;
        going = true;
        this.operateLater();
      };
      if (member === undefined) return goOn();
      // A client gives up on a member that does not answer.
      this.time.after(8000, goOn);
      this.operate(member).then(goOn, (error: unknown) => {
        if (!(error instanceof EtcdError)) this.failure ??= error;
        this.count("operation failed");
        goOn();
      });
    });
  }

  private async operate(member: SimMember): Promise<void> {
    const { random, ledger } = this;
    const key = `k${random.below(keyCount)}`;
    const { api } = member.running!;
    const kind = (["get", "get", "put", "put", "delete", "cas"] as const)[random.below(6)]!;
    const expect = kind === "cas" ? (random.chance(0.7) ? this.guess(key) : undefined) : undefined;
    const operation: Operation = {
      kind,
      member: member.id,
      key,
      value: `v${++this.serial}`,
      expect,
      found: undefined,
      changed: false,
      revision: 0,
      called: ledger.now(),
      returned: 0,
    };
    await carryOut[kind](api, operation);
    operation.returned = ledger.now();
    ledger.operations.push(operation);
    this.count(`${kind} answered`);
  }

  /** What the key probably holds: the last value that anybody saw. */
  private guess(key: string): string | undefined {
    const { history } = this.ledger;
    for (let revision = history.size + 1; revision > Math.max(1, history.size - 30); revision--) {
      const change = history.get(revision)?.find((one) => one.key === key);
      if (change !== undefined) return change.value;
    }
    return undefined;
  }

  private began(member: SimMember): void {
    const { store } = member.running!.replica.member.parts;
    const from = Math.max(2, store.compactRevision);
    let next = 0;
    const scribe = new WatchTask(everything, from, {
      pace: () => (this.random.chance(0.05) ? this.random.below(2000) : 0),
      compacted: () => {
        next = 0;
        this.count("watch overtaken by a compaction");
        this.time.after(0, () => scribe.open(member));
      },
      revision: (revision, changes) => {
        if (next !== 0 && revision !== next) {
          throw new Violation(
            "watch",
            `member ${member.id} skipped revision ${next}: ${revision} came`,
          );
        }
        next = revision + 1;
        this.ledger.report(member.id, revision, changes, this.time.nowMs);
        this.leaseKeysGone(changes, revision);
      },
    });
    this.scribes.set(member, scribe);
    scribe.open(member);
  }

  private readonly goneReported = new Set<number>();

  private leaseKeysGone(changes: readonly ChangeSeen[], revision: number): void {
    if (this.goneReported.has(revision)) return;
    this.goneReported.add(revision);
    for (const { key, value } of changes) {
      if (value === undefined) this.leases.get(key)?.ended();
    }
  }

  private watchLater(): void {
    this.time.after(200 + this.random.below(800), () => {
      const member = this.pick(this.up());
      for (const watch of this.watches)
        if (watch.isBroken && member !== undefined) watch.open(member);
      if (member !== undefined && this.watches.length < 8) {
        const { random } = this;
        const first = random.below(keyCount);
        const interval = { from: `k${first}`, to: `k${first + 1 + random.below(keyCount)}` };
        const current = member.running!.api.currentRevision();
        const next = random.chance(0.4) ? 0 : Math.max(1, current + 20 - random.below(60));
        const slow = random.chance(0.5);
        const pace = (): number => (slow && !this.healing ? random.below(3000) : 0);
        const watch = new WatchTask(interval, next, { pace });
        this.watches.push(watch);
        watch.open(member);
      }
      this.watchLater();
    });
  }

  private leaseLater(): void {
    this.time.after(500 + this.random.below(4000), () => {
      if (this.healing) return;
      const { random } = this;
      const member = this.pick(this.up());
      const lease = {
        id: ++this.serial,
        ttlSeconds: 2 + random.below(4),
        keepMs: random.below(15_000),
      };
      const task = new LeaseTask(lease, {
        time: this.time,
        pick: () => this.pick(this.up()),
        count: (what) => this.count(what),
      });
      this.leases.set(task.key, task);
      if (member !== undefined) task.run(member).catch(() => {});
      this.leaseLater();
    });
  }

  private compactLater(): void {
    this.time.after(1000 + this.random.below(5000), () => {
      if (this.healing) return;
      const api = this.pick(this.up())?.running?.api;
      if (api !== undefined) {
        const revision = api.currentRevision() - this.random.below(40);
        const request = CompactionRequest.fromPartial({ revision });
        api.propose("compaction", request).then(
          () => this.count("compaction"),
          () => {},
        );
      }
      this.compactLater();
    });
  }

  // ── the end ──────────────────────────────────────────────────────────────────────────────────────

  private async checkHealed(): Promise<void> {
    const { ledger } = this;
    const apis = this.members.map((member) => {
      if (member.running !== undefined) return member.running.api;
      throw new Violation("liveness", `member ${member.id} does not run after all faults ceased`);
    });
    if (this.leader() === undefined) throw new Violation("liveness", "nobody leads");
    const hashes: string[] = [];
    const existing = new Set<string>();
    for (const [i, api] of apis.entries()) {
      const hashing = api.hashKv(0);
      const reading = api.range(
        RangeRequest.fromPartial({ key: Buffer.from("\0"), rangeEnd: Buffer.from("\0") }),
      );
      await this.runUntil(this.time.nowMs + 500);
      const { hash, hashRevision, compactRevision } = await hashing;
      const { kvs } = await reading;
      for (const { key } of kvs) existing.add(Buffer.from(key).toString());
      const { applyTurn, parts } = this.members[i]!.running!.replica.member;
      hashes.push(
        `hash ${hash} at ${hashRevision}, compacted ${compactRevision}, applied ${applyTurn.appliedIndex}, ${kvs.length} keys, ${parts.lessor.count} leases, cluster version ${parts.members.clusterVersion}`,
      );
    }
    if (new Set(hashes).size !== 1) {
      throw new Violation("state machine safety", `members differ: ${hashes.join(" | ")}`);
    }
    ledger.check();
    const last = apis[0]!.currentRevision();
    for (const watch of [...this.watches, ...this.scribes.values()])
      watch.check(ledger.history, last);
    for (const lease of this.leases.values()) lease.checkEnded(existing);
    if (apis.some((api) => api.leaseList().leases.length > 0)) {
      throw new Violation("lease", "leases live on that nobody keeps alive");
    }
  }
}

type PeerAsked = NonNullable<SimMember["running"]>["services"];

const key = (operation: Operation): Uint8Array => Buffer.from(operation.key);

const carryOut: Record<Operation["kind"], (api: NodeApi, operation: Operation) => Promise<void>> = {
  async get(api, operation) {
    await api.linearize();
    const { header, kvs } = await api.range(RangeRequest.fromPartial({ key: key(operation) }));
    operation.found = kvs[0] && Buffer.from(kvs[0].value).toString();
    operation.revision = header!.revision;
  },
  async put(api, operation) {
    const request = { key: key(operation), value: Buffer.from(operation.value) };
    const { header } = await api.propose("put", PutRequest.fromPartial(request));
    operation.changed = true;
    operation.revision = header!.revision;
  },
  async delete(api, operation) {
    const request = DeleteRangeRequest.fromPartial({ key: key(operation) });
    const { header, deleted } = await api.propose("deleteRange", request);
    operation.changed = deleted === 1;
    operation.revision = header!.revision;
  },
  async cas(api, operation) {
    const { expect, value } = operation;
    const compare = Compare.fromPartial(
      expect === undefined
        ? { key: key(operation), target: 0, targetUnion: { $case: "version", value: 0 } }
        : {
            key: key(operation),
            target: 3,
            targetUnion: { $case: "value", value: Buffer.from(expect) },
          },
    );
    const put = PutRequest.fromPartial({ key: key(operation), value: Buffer.from(value) });
    const request: TxnRequest = {
      compare: [compare],
      success: [{ request: { $case: "requestPut", value: put } }],
      failure: [],
    };
    const { header, succeeded } = await api.propose("txn", request);
    operation.changed = succeeded;
    operation.revision = header!.revision;
  },
};
