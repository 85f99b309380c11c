// A cluster of both kinds of servers with a load on it, and what must hold of it: nothing that was
// acknowledged is lost, every member answers alike, and all hash the same history.
import assert from "node:assert/strict";
import { type Cluster, type ClusterMember, startCluster } from "#test/cluster/cluster.ts";
import { eventually } from "#test/cluster/eventually.ts";
import type { MemberKind } from "#test/cluster/launchers.ts";
import { b, interval, revisionOf, s } from "#test/contract/setting.ts";
import { Wire } from "#test/contract/wire.ts";

/** How long one try may take of what must succeed once the members agree again. */
const TRY_LIMIT_MS = 2_000;

/** Elections in half a second. */
const quickElections = ["--heartbeat-interval=50", "--election-timeout=500"];

/** Kinds that are tried in one cluster with ours. 3.4 is there for its v2 API only. */
export type MixedKind = Exclude<MemberKind, "reference-3.4">;

type KindFlags = Readonly<Record<MixedKind, readonly string[]>>;

/** The same setting for each kind, as its release calls it. */
export function asEachCallsIt(now: readonly string[], in35: readonly string[]): KindFlags {
  return { ours: now, reference: now, "reference-3.6": now, "reference-3.5": in35 };
}

/** Snapshots after few entries. */
const early = ["--snapshot-count=50", "--snapshot-catchup-entries=10"];
export const earlySnapshots: KindFlags = {
  ...asEachCallsIt(early, ["--snapshot-count=50", "--experimental-snapshot-catchup-entries=10"]),
  ours: [...early, "--snapshot-log-hold=0s"],
};

/** All checks for corruption: at the start, every two seconds, and of compactions. */
export const corruptionChecks = asEachCallsIt(
  [
    "--feature-gates=InitialCorruptCheck=true,CompactHashCheck=true",
    "--corrupt-check-time=2s",
    "--compact-hash-check-time=2s",
  ],
  [
    "--experimental-initial-corrupt-check",
    "--experimental-corrupt-check-time=2s",
    "--experimental-compact-hash-check-enabled",
    "--experimental-compact-hash-check-time=2s",
  ],
);

export class MixedCluster {
  readonly kinds: MixedKind[];
  readonly wires: Wire[] = [];
  /** What was acknowledged: key to value. */
  readonly acknowledged = new Map<string, string>();
  private readonly cluster: Cluster;
  private readonly out = new Set<number>();
  private rounds = 0;

  private constructor(cluster: Cluster, kinds: readonly MixedKind[]) {
    this.cluster = cluster;
    this.kinds = [...kinds];
    for (const endpoint of cluster.endpoints()) this.wires.push(new Wire(endpoint));
  }

  static async start(
    kinds: readonly MixedKind[],
    ...flags: readonly KindFlags[]
  ): Promise<MixedCluster> {
    const kindFlags: Partial<Record<MixedKind, readonly string[]>> = {};
    for (const kind of Object.keys(earlySnapshots) as MixedKind[]) {
      kindFlags[kind] = flags.flatMap((some) => some[kind]);
    }
    const cluster = await startCluster({
      runner: kinds[0] === "ours" ? "ours" : "reference",
      runners: kinds,
      size: kinds.length,
      flags: quickElections,
      kindFlags,
    });
    return new MixedCluster(cluster, kinds);
  }

  async stop(): Promise<void> {
    for (const wire of this.wires) wire.close();
    await this.cluster.stop();
  }

  member(at: number): ClusterMember {
    return this.cluster.members[at]!;
  }

  /** Positions of the members that run and were not removed. */
  alive(): number[] {
    return [...this.wires.keys()].filter((at) => !this.out.has(at) && this.member(at).isRunning);
  }

  /** Writes until a member acknowledges it; a try of unknown outcome does no harm, being the same. */
  async put(key: string, value: string, via?: number): Promise<void> {
    let turn = via ?? this.rounds++;
    await eventually(`put ${key}`, async () => {
      const alive = via === undefined ? this.alive() : [via];
      const wire = this.wires[alive[turn++ % alive.length]!]!;
      await wire.kv.put({ key: b(key), value: b(value) }, { deadlineMs: TRY_LIMIT_MS });
    });
    this.acknowledged.set(key, value);
  }

  /** Writes `count` keys, many at once. */
  async fill(round: string, count: number): Promise<void> {
    for (let done = 0; done < count; done += 50) {
      const some = Array.from({ length: Math.min(50, count - done) }, (_, i) => done + i);
      await Promise.all(some.map((i) => this.put(`${round}/${i}`, `${round} ${i}`)));
    }
  }

  /**
   * Runs `meanwhile` while keys are written without end through whoever lives. A key is written with
   * one value only: an outdated try of unknown outcome may yet come through.
   */
  async underLoad(meanwhile: () => Promise<void>): Promise<void> {
    const round = `load-${this.rounds++}`;
    let stop = false;
    let written = 0;
    const load = (async () => {
      while (!stop) await this.put(`${round}/${written}`, `${written++}`);
    })();
    load.catch(() => {});
    try {
      await meanwhile();
    } finally {
      stop = true;
      await load;
    }
    assert.ok(written > 0, "the load wrote");
  }

  /** The position of the leader, once all that live name the same one and it lives. */
  leader(): Promise<number> {
    return eventually("one leader", async () => {
      const alive = this.alive();
      const statuses = await Promise.all(
        alive.map((at) => this.wires[at]!.maintenance.status({}, { deadlineMs: TRY_LIMIT_MS })),
      );
      assert.equal(new Set(statuses.map((status) => status.leader)).size, 1, "one leader is named");
      const at = statuses.findIndex((status) => status.header?.memberId === status.leader);
      assert.notEqual(at, -1, "the leader lives");
      return alive[at]!;
    });
  }

  async memberId(at: number): Promise<bigint> {
    const { header } = await this.wires[at]!.maintenance.status({});
    return header!.memberId;
  }

  /** Brings leadership to `at`. */
  async lead(at: number): Promise<void> {
    const targetID = await this.memberId(at);
    await eventually(`member ${at} leads`, async () => {
      const leader = await this.leader();
      if (leader === at) return;
      await this.wires[leader]!.maintenance.moveLeader({ targetID }, { deadlineMs: 5000 });
      assert.equal(await this.leader(), at);
    });
  }

  kill(at: number): Promise<unknown> {
    return this.member(at).kill("SIGKILL");
  }

  /**
   * Adds a learner of `kind`, starts it and promotes it once it has caught up; its position. Asks a
   * member of the other kind, so that each administers the other. `added` comes before the start.
   */
  async grow(kind: MixedKind, added: () => Promise<void> = async () => {}): Promise<number> {
    const present = this.alive().map((at) => this.member(at));
    const member = await this.cluster.newMember(kind, present);
    const by = this.wires[this.administrator(kind)]!;
    const { members } = await eventually("the learner is added", async () => {
      const listed = await by.cluster.memberList({});
      // A try of unknown outcome may have come through.
      if (listed.members.some((one) => one.peerURLs.includes(member.peerUrl))) return listed;
      return by.cluster.memberAdd({ peerURLs: [member.peerUrl], isLearner: true });
    });
    const { ID } = members.find((one) => one.peerURLs.includes(member.peerUrl))!;
    await added();
    await member.start();
    this.kinds.push(kind);
    this.wires.push(new Wire(member.endpoint));
    await eventually("the learner is promoted", async () => {
      const listed = await by.cluster.memberList({});
      if (listed.members.some((one) => one.ID === ID && !one.isLearner)) return;
      await by.cluster.memberPromote({ ID });
    });
    return this.wires.length - 1;
  }

  /** Removes a member, asking one of the other kind where there is one, and ends it. */
  async remove(at: number): Promise<void> {
    const ID = await this.memberId(at);
    this.out.add(at);
    const by = this.wires[this.administrator(this.kinds[at]!)]!;
    await eventually(`member ${at} is removed`, async () => {
      const { members } = await by.cluster.memberList({});
      if (members.some((one) => one.ID === ID)) await by.cluster.memberRemove({ ID });
    });
    if (this.member(at).isRunning) await this.kill(at);
  }

  /** A member of another kind than `kind`, if there is one. */
  private administrator(kind: MixedKind): number {
    const alive = this.alive();
    return alive.find((at) => this.kinds[at] !== kind) ?? alive[0]!;
  }

  /** Reads everything that was acknowledged through one member; the revision of that read. */
  async holdsEverything(at: number): Promise<number> {
    const written = [...this.acknowledged];
    const answer = await eventually(`member ${at} answers reads`, () =>
      this.wires[at]!.kv.range({ key: b("\0"), rangeEnd: b("\0") }, { deadlineMs: 5000 }),
    );
    const held = new Map(answer.kvs.map((kv) => [s(kv.key), s(kv.value)]));
    for (const [key, value] of written) {
      assert.equal(held.get(key), value, `${key} through member ${at}, a ${this.kinds[at]}`);
    }
    return revisionOf(answer);
  }

  /** Every living member holds everything and hashes the same history, also under load. */
  async agree(): Promise<void> {
    const alive = this.alive();
    let revision = 0;
    for (const at of alive) revision = await this.holdsEverything(at);
    const hashes = await Promise.all(
      alive.map((at) =>
        // One that lags has not come to that revision.
        eventually(`member ${at} hashes`, () => this.wires[at]!.maintenance.hashKV({ revision })),
      ),
    );
    const told = hashes.map((one, i) => {
      // 3.5 does not tell the revision.
      const at = this.kinds[alive[i]!] === "reference-3.5" ? revision : one.hashRevision;
      return `${one.hash} ${at} ${one.compactRevision}`;
    });
    assert.equal(
      new Set(told).size,
      1,
      `hash, revision and compaction: ${told.join(", ")} of ${alive.map((at) => this.kinds[at]).join(", ")}`,
    );
  }

  /** The values of a prefix as one member serves them. */
  async values(at: number, prefix: string): Promise<string[]> {
    const { kvs } = await this.wires[at]!.kv.range(interval(prefix));
    return kvs.map((kv) => s(kv.value));
  }
}
