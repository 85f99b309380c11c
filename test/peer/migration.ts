// A live migration from real etcd to ours and back, member by member, under load of every kind. At
// every step: nothing acknowledged is lost, all members hash the same history, the corruption checks
// of both sides find nothing, the cluster version is the one that the members allow, and at the end
// all watches have seen every event. From etcd 3.7, 3.6 and 3.5.
//
// The way back to 3.6 or 3.5 ends when the last old member is gone: from then on the cluster version
// is ours, and an older member may not join. So there the way back begins while one stays, and the
// migration is then made a second time, to its end.
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseArgs } from "node:util";
import type { MemberKind } from "#test/cluster/launchers.ts";
import { MigrationLoad } from "./migration-load.ts";
import { corruptionChecks, earlySnapshots, eventually, MixedCluster } from "./mixed-cluster.ts";

/** Release line and the cluster version that it forms. */
const clusterVersions: Readonly<Record<Exclude<MemberKind, "ours">, string>> = {
  reference: "3.7.0",
  "reference-3.6": "3.6.0",
  "reference-3.5": "3.5.0",
};

type Line = keyof typeof clusterVersions;

/** A cluster on its way, with the checks of each step. */
export class Migration {
  readonly group: MixedCluster;
  readonly load: MigrationLoad;
  private readonly say: (line: string) => void;
  private version: string;

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

  static async start(line: Line, size: number, say: (line: string) => void): Promise<Migration> {
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

  /** Replaces all members of one kind but the last `keep` by `count` of another. */
  async replace(from: MemberKind, to: MemberKind, count: number, keep = 0): Promise<void> {
    const { group, load } = this;
    const leaving = this.of(from);
    leaving.splice(leaving.length - keep);
    for (let i = 0; i < count; i++) {
      const at = await group.grow(to);
      load.watchFrom(at);
      await this.verify(`${to} joined`);
    }
    await group.lead(this.of(to)[0]!);
    await this.verify(`${to} leads`);
    await this.compact();
    for (const at of leaving) {
      await group.remove(at);
      await this.verify(`${from} removed`);
    }
  }

  /** From now on no older member holds the cluster version down. */
  async expectVersion(version: string): Promise<void> {
    this.version = version;
    await eventually(`cluster version ${version}`, () => this.verifyVersion());
    await this.verify(`cluster version ${version}`);
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

  private of(kind: MemberKind): number[] {
    return this.group.alive().filter((at) => this.group.kinds[at] === kind);
  }

  /** Everything that the watches have seen is compacted. */
  private async compact(): Promise<void> {
    const { group } = this;
    const revision = this.load.compactable();
    await eventually("a compaction", () =>
      group.wires[group.alive()[0]!]!.kv.compact({ revision, physical: true }),
    );
    await eventually("all have compacted alike", () => group.agree());
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
      throw new Error(`after: ${step}`, { cause: error });
    }
  }

  private async verifyVersion(): Promise<void> {
    for (const at of this.group.alive()) {
      const answer = await fetch(`${this.group.member(at).clientUrl}/version`);
      const { etcdcluster } = (await answer.json()) as { etcdcluster: string };
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

/** What a check for corruption says that has found something; and panics. */
const badNews =
  /found different|hash mismatch|hashes must match|less than or equal to leader's|failed compaction hash check|panic/i;

const { values } = parseArgs({ options: { line: { type: "string" } } });
const verbose = process.env["VERBOSE"] === "1";

const lines: readonly Line[] = ["reference-3.5", "reference-3.6", "reference"];
for (const line of lines) {
  if (values.line !== undefined && values.line !== line) continue;
  test(`from three members of ${line} to three of ours and back, under load`, async (t) => {
    const began = performance.now();
    const say = (text: string): void => {
      const seconds = ((performance.now() - began) / 1000).toFixed(1);
      if (verbose) console.log(`${seconds} s  ${text}`);
      else t.diagnostic(`${seconds} s  ${text}`);
    };
    const migration = await Migration.start(line, 3, say);
    try {
      if (line === "reference") {
        await migration.replace(line, "ours", 3);
        await migration.replace("ours", line, 3);
      } else {
        await migration.replace(line, "ours", 3, 1);
        await migration.replace("ours", line, 2);
        await migration.replace(line, "ours", 3);
        await migration.expectVersion("3.7.0");
      }
      await migration.finish();
    } finally {
      await migration.stop();
    }
  });
}
