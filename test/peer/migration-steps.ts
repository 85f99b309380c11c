// The steps of a live migration from one kind of server to another, member by member, under load of
// every kind, and what must hold after each: nothing acknowledged is lost, all members hash the same
// history and list the same members, the corruption checks of both sides find nothing, and the
// cluster version is the one that the members allow. At the end all watches have seen every event.
import assert from "node:assert/strict";
import { DowngradeRequest_DowngradeAction as DowngradeAction } from "#proto/gen/maintenance.ts";
import type { ClusterMember } from "#test/cluster/cluster.ts";
import { eventually } from "#test/cluster/eventually.ts";
import { MigrationLoad } from "./migration-load.ts";
import { corruptionChecks, earlySnapshots, MixedCluster, type MixedKind } from "./mixed-cluster.ts";

/** Release line and the cluster version that it forms. */
const clusterVersions: Readonly<Record<Exclude<MixedKind, "ours">, string>> = {
  reference: "3.7.0",
  "reference-3.6": "3.6.0",
  "reference-3.5": "3.5.0",
};

export type Line = keyof typeof clusterVersions;

/** What a check for corruption says that has found something; and panics. */
const badNews =
  /found different|hash mismatch|hashes must match|less than or equal to leader's|failed compaction hash check|panic/i;

/** What the leader's checks say when they have compared and found all well; either kind says so. */
const peersCompared = /(?=.*finished peer corruption check)(?=.*"number-of-peers-checked":[1-9])/;
const compactionCompared = /successfully checked hash on whole cluster/;
/** The same of the check of a member that starts. */
const startCompared = /initial corruption checking passed/;

/** A cluster on its way, with the checks of each step. */
export class Migration {
  readonly group: MixedCluster;
  readonly load: MigrationLoad;
  private readonly say: (line: string) => void;
  private version: string;
  /** What the leader may raise it to at any moment. */
  private nextVersion: string | undefined;

  private constructor(
    group: MixedCluster,
    load: MigrationLoad,
    version: string,
    say: (line: string) => void,
  ) {
    this.group = group;
    this.load = load;
    this.version = version;
    this.say = say;
  }

  static async start(line: Line, size: number, tell: (line: string) => void): Promise<Migration> {
    const began = performance.now();
    const say = (text: string): void =>
      tell(`${((performance.now() - began) / 1000).toFixed(1)} s  ${text}`);
    const kinds = Array.from({ length: size }, () => line);
    const group = await MixedCluster.start(kinds, earlySnapshots, corruptionChecks);
    try {
      await group.fill("before", 200);
      const load = await MigrationLoad.start(group);
      const migration = new Migration(group, load, clusterVersions[line], say);
      await migration.verify(`${size} of ${line}`);
      return migration;
    } catch (error) {
      await group.stop();
      throw error;
    }
  }

  /**
   * Replaces all members of one kind but the last `keep` by `count` of another. With `restart`, one
   * of either kind is killed and comes back in between, and compares its state before it serves.
   * `raises`: with the last of them, nobody holds the cluster version below that.
   */
  async replace(
    from: MixedKind,
    to: MixedKind,
    {
      count = 3,
      keep = 0,
      restart = true,
      raises,
    }: { count?: number; keep?: number; restart?: boolean; raises?: string } = {},
  ): Promise<void> {
    const { group, load } = this;
    const leaving = this.of(from);
    leaving.splice(leaving.length - keep);
    for (let i = 0; i < count; i++) {
      const at = await group.grow(to);
      load.watchFrom(at);
      await this.verify(`${to} joined`);
    }
    const leader = this.of(to)[0]!;
    await group.lead(leader);
    await this.verify(`${to} leads`);
    await this.compact(group.member(leader));
    for (const at of restart ? [leaving[0]!, this.of(to)[1]!] : []) {
      this.verifyLog(at);
      await group.kill(at);
      await group.member(at).start();
      await group.member(at).waitForLog(startCompared);
      await this.verify(`${group.kinds[at]} started again`);
    }
    for (const at of leaving) {
      if (at === leaving.at(-1)) this.nextVersion = raises;
      await group.remove(at);
      await this.verify(`${from} removed`);
    }
    if (raises !== undefined) await this.expectVersion(raises);
  }

  private async expectVersion(version: string): Promise<void> {
    this.version = version;
    this.nextVersion = undefined;
    await eventually(`cluster version ${version}`, () => this.verifyVersion());
    await this.verify(`cluster version ${version}`);
  }

  /**
   * Lowers the cluster version by one minor, and lets one member of that release join. etcd refuses a
   * joiner while a downgrade is under way, and once it is cancelled, the leader raises the version
   * again; but never while it cannot ask a member, such as one that is added and has not started.
   */
  async downgrade(version: string, to: MixedKind): Promise<void> {
    const { group, load } = this;
    const ask = (action: DowngradeAction, done: RegExp): Promise<void> =>
      eventually("a downgrade", async () => {
        try {
          await group.wires[group.alive()[0]!]!.maintenance.downgrade({ action, version });
        } catch (error) {
          // A try of unknown outcome may have come through.
          if (!done.test(String(error))) throw error;
        }
      });
    await ask(DowngradeAction.ENABLE, /downgrade job in progress/);
    await this.expectVersion(version);
    const at = await group.grow(to, () => ask(DowngradeAction.CANCEL, /no inflight downgrade job/));
    load.watchFrom(at);
    await this.verify(`${to} joined`);
  }

  /** Ends the load and checks what it was promised. */
  async finish(): Promise<void> {
    const counts = await this.load.stop();
    await this.group.agree();
    this.say(
      Object.entries(counts)
        .map(([what, count]) => `${count} ${what}`)
        .join(", "),
    );
    for (const [what, count] of Object.entries(counts)) assert.ok(count > 0, `${what}: none`);
  }

  async stop(): Promise<void> {
    await this.load.close();
    await this.group.stop();
  }

  private of(kind: MixedKind): number[] {
    return this.group.alive().filter((at) => this.group.kinds[at] === kind);
  }

  /** Everything that the watches have seen is compacted, and the leader compares the outcome. */
  private async compact(leader: ClusterMember): Promise<void> {
    const { group } = this;
    const revision = this.load.compactable();
    const from = leader.logPosition();
    await eventually("a compaction", () =>
      group.wires[group.alive()[0]!]!.kv.compact({ revision, physical: true }),
    );
    await eventually("all have compacted alike", () => group.agree());
    await leader.waitForLog(compactionCompared, from);
    await leader.waitForLog(peersCompared, from);
  }

  private async verify(step: string): Promise<void> {
    const { group, load } = this;
    try {
      load.check();
      await group.agree();
      await this.verifyVersion();
      const lists = await Promise.all(
        group.alive().map(async (at) => {
          const wire = group.wires[at]!;
          const { alarms } = await wire.maintenance.alarm({});
          assert.deepEqual(alarms, [], "no alarm");
          const { members } = await wire.cluster.memberList({});
          return members.map(({ ID, name, clientURLs }) => `${ID} ${name} ${clientURLs}`).sort();
        }),
      );
      for (const list of lists) assert.deepEqual(list, lists[0], "all list the same members");
      assert.equal(lists[0]!.length, group.alive().length);
      for (const at of group.kinds.keys()) this.verifyLog(at);
      this.say(step);
    } catch (error) {
      throw new Error(`after: ${step}: ${error instanceof Error ? error.message : error}`, {
        cause: error,
      });
    }
  }

  private async verifyVersion(): Promise<void> {
    for (const at of this.group.alive()) {
      const answer = await fetch(`${this.group.member(at).clientUrl}/version`);
      const { etcdcluster } = (await answer.json()) as { etcdcluster: string };
      if (etcdcluster === this.nextVersion) continue;
      assert.equal(etcdcluster, this.version, `the cluster version by member ${at}`);
    }
  }

  private verifyLog(at: number): void {
    const bad = this.group
      .member(at)
      .log()
      .find((line) => badNews.test(line));
    assert.equal(bad, undefined, `member ${at}, a ${this.group.kinds[at]}`);
  }
}
