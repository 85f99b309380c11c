// What goes wrong, and when: members are killed, paused and restarted at random, from a seed. Each
// fault is mended before the next begins, so that a cluster that cannot go on is the server's fault.
import { OperatingError } from "#base/errors.ts";
import type { Random } from "#base/random.ts";
import type { ClusterMember } from "#test/cluster/cluster.ts";

export const faultKinds = [
  "kill-leader",
  "pause-leader",
  "kill-one",
  "pause-one",
  "crash-twice",
  "two-down",
  "power-cut",
] as const;
export type FaultKind = (typeof faultKinds)[number];

/** How often each is chosen, in percent. The leader is where mistakes show. */
const shares: Readonly<Record<FaultKind, number>> = {
  "kill-leader": 34,
  "pause-leader": 20,
  "kill-one": 10,
  "pause-one": 10,
  "crash-twice": 6,
  "two-down": 12,
  "power-cut": 8,
};

export interface FaultOptions {
  readonly members: readonly ClusterMember[];
  readonly random: Random;
  /** Position of the leader, or -1. */
  leader(): number;
  /** Called while the member is down, before it starts again. */
  beforeStart(member: ClusterMember): void;
  /** Faults to begin with, before chance decides. */
  readonly opening?: readonly FaultKind[];
  /** Told of each fault. */
  report(kind: FaultKind, names: readonly string[]): void;
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export class Faults {
  readonly counts = new Map<FaultKind, number>();
  private readonly options: FaultOptions;

  constructor(options: FaultOptions) {
    this.options = options;
  }

  /** Goes on until `stopped`; all members run when it resolves. Fails if one does not come back. */
  async run(stopped: AbortSignal): Promise<void> {
    const opening = [...(this.options.opening ?? [])];
    while (!stopped.aborted) {
      await wait(this.between(600, 2200));
      this.allRun();
      if (stopped.aborted) return;
      await this.inflict(opening.shift() ?? this.choose());
    }
  }

  /** Throws if a member ended that nobody killed. */
  allRun(): void {
    for (const member of this.options.members) {
      if (member.isRunning) continue;
      throw new OperatingError(
        "MEMBER_ENDED",
        `${member.name} ended by itself; its last lines:\n${member.log().slice(-20).join("\n")}`,
      );
    }
  }

  private between(low: number, high: number): number {
    return low + this.options.random.below(high - low + 1);
  }

  private choose(): FaultKind {
    let dice = this.options.random.below(100);
    for (const kind of faultKinds) {
      dice -= shares[kind];
      if (dice < 0) return kind;
    }
    return "kill-one";
  }

  private async inflict(kind: FaultKind): Promise<void> {
    const { members, random, report } = this.options;
    const leader = this.options.leader();
    const any = random.below(members.length);
    const first = kind.endsWith("-leader") && leader >= 0 ? leader : any;
    const second = (first + 1 + random.below(members.length - 1)) % members.length;
    const victim = members[first]!;
    const other = members[second]!;
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
    switch (kind) {
      case "kill-leader":
      case "kill-one":
        report(kind, [victim.name]);
        await this.kill([victim], this.between(0, 2000));
        return;
      case "pause-leader":
      case "pause-one":
        report(kind, [victim.name]);
        await this.pause(victim, this.between(100, 4000));
        return;
      case "crash-twice":
        report(kind, [victim.name]);
        await this.crashTwice(victim);
        return;
      case "two-down":
        report(kind, [victim.name, other.name]);
        if (random.chance(0.5)) await this.kill([victim, other], this.between(500, 2500));
        else {
          // The one that is left is cut off by a pause on one side and an end on the other.
          const pause = this.pause(victim, this.between(500, 3000));
          await this.kill([other], this.between(500, 1500));
          await pause;
        }
        return;
      case "power-cut":
        report(kind, ["all"]);
        await this.kill(members, 0);
        return;
    }
  }

  private async kill(victims: readonly ClusterMember[], downMs: number): Promise<void> {
    await Promise.all(victims.map((member) => member.kill("SIGKILL")));
    await wait(downMs);
    await Promise.all(
      victims.map((member) => {
        this.options.beforeStart(member);
        return member.start();
      }),
    );
  }

  /** The second time as it starts, replays its log or installs a snapshot. */
  private async crashTwice(member: ClusterMember): Promise<void> {
    await member.kill("SIGKILL");
    await wait(this.between(500, 2000));
    this.options.beforeStart(member);
    const first = member.start().catch(() => {});
    await wait(this.between(200, 3000));
    await this.kill([member], 0);
    await first;
  }

  private async pause(member: ClusterMember, forMs: number): Promise<void> {
    member.pause();
    try {
      await wait(forMs);
    } finally {
      member.resume();
    }
  }
}
