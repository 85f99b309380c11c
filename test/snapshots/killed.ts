// Three members, of which one fell behind and is sent a state; sender or receiver is killed at a place
// of crash-points.ts. Afterwards all three hold the same and nothing is left behind.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { StateForm } from "#server/peer/ports.ts";
import { type Cluster, type ClusterMember, startCluster } from "#test/cluster/cluster.ts";
import { eventually } from "#test/cluster/eventually.ts";
import { b, interval } from "#test/contract/setting.ts";
import { Wire } from "#test/contract/wire.ts";
import { type CrashName, crashEnvironment, crashPoints } from "./crash-points.ts";

/** So many that the log does not reach back over them. */
const roundKeys = 60;
const value = "v".repeat(10_000);

export class KilledMembers {
  private readonly cluster: Cluster;
  private readonly folder: string;
  private readonly wires: Wire[];
  private rounds = 0;

  private constructor(cluster: Cluster, folder: string) {
    this.cluster = cluster;
    this.folder = folder;
    this.wires = cluster.endpoints().map((endpoint) => new Wire(endpoint));
  }

  /** Members that send states in this form. */
  static async start(form: StateForm): Promise<KilledMembers> {
    const folder = mkdtempSync(join(tmpdir(), "etcd-ts-killed-"));
    const cluster = await startCluster({
      runner: "ours",
      size: 3,
      flags: [
        ...["--snapshot-count=20", "--snapshot-catchup-entries=5", "--snapshot-log-hold=0s"],
        ...["--heartbeat-interval=50", "--election-timeout=500"],
      ],
      memberEnv: (name) => crashEnvironment(join(folder, name), form),
    });
    return new KilledMembers(cluster, folder);
  }

  async stop(): Promise<void> {
    for (const wire of this.wires) wire.close();
    await this.cluster.stop();
    rmSync(this.folder, { recursive: true });
  }

  /** One member falls behind, the state is sent, the process of that side is killed there. */
  async round(name: CrashName): Promise<void> {
    const leader = await this.leader();
    const lagging = (leader + 1) % 3;
    const at = crashPoints[name].side === "sender" ? leader : lagging;
    const [late, victim] = [this.member(lagging), this.member(at)];
    await late.kill();
    await this.fill(leader);
    const order = join(this.folder, victim.name);
    writeFileSync(order, name);
    // A receiver may die before it has said that it serves.
    const started = late.start().catch(() => {});
    await victim.ended();
    assert.equal(existsSync(order), false, `${victim.name} ended, and not there`);
    await started;
    if (!late.isRunning) await late.start();
    if (!victim.isRunning) await victim.start();
    await this.checkEqual(name);
    for (const member of this.cluster.members) checkFolder(member, name);
  }

  private member(at: number): ClusterMember {
    return this.cluster.members[at]!;
  }

  private leader(): Promise<number> {
    return eventually("a leader", async () => {
      const answers = await Promise.all(
        this.wires.map((wire) => wire.maintenance.status({}, { deadlineMs: 1000 })),
      );
      const leader = answers.findIndex(({ header, leader: id }) => id === header!.memberId);
      assert.notEqual(leader, -1);
      return leader;
    });
  }

  private async fill(leader: number): Promise<void> {
    const round = this.rounds++;
    const keys = Array.from({ length: roundKeys }, (_, i) => b(`${round}/${i}`));
    await Promise.all(keys.map((key) => this.wires[leader]!.kv.put({ key, value: b(value) })));
  }

  private async checkEqual(name: string): Promise<void> {
    const keys = this.rounds * roundKeys;
    const hashes = await eventually(`${name}: all hold all`, () =>
      Promise.all(
        this.wires.map(async (wire) => {
          const request = { ...interval(""), key: b("\0"), rangeEnd: b("\0"), countOnly: true };
          const { count } = await wire.kv.range(request, { deadlineMs: 1000 });
          assert.equal(count, keys);
          return (await wire.maintenance.hashKV({ revision: 0 })).hash;
        }),
      ),
    );
    assert.equal(new Set(hashes).size, 1, `${name}: hashes differ`);
  }
}

function checkFolder(member: ClusterMember, name: string): void {
  const folder = join(member.dataDir, "member");
  const names = readdirSync(folder).filter((one) => one.startsWith("state-"));
  assert.equal(names.length, 1, `${name}: ${member.name} holds ${names.join(", ")}`);
  assert.deepEqual(readdirSync(join(folder, "transfer")), [], `${name}: ${member.name}`);
}
