// What all parts of a simulated cluster of whole members share: its time, its dice, its members, what
// clients were told, and the first failure.
import type { MemberId } from "#base/ids.ts";
import type { Random } from "#base/random.ts";
import { Ledger } from "./ledger.ts";
import type { SimMember } from "./sim-member.ts";
import { VirtualTime } from "./virtual-time.ts";

export class ClusterStage {
  readonly counts = new Map<string, number>();
  readonly random: Random;
  readonly time = new VirtualTime();
  readonly ledger = new Ledger();
  /** Everyone that ever was, those that were removed included. */
  readonly members: SimMember[] = [];
  /** Faults have ceased. */
  healing = false;
  /** The first thing that no member may do or say. */
  failure: unknown;

  constructor(random: Random) {
    this.random = random;
  }

  async runUntil(untilMs: number): Promise<void> {
    while (this.time.nowMs < untilMs) {
      await this.time.runUntil(Math.min(untilMs, this.time.nowMs + 100));
      if (this.failure !== undefined) throw this.failure;
    }
  }

  fail(error: unknown): void {
    this.failure ??= error;
  }

  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  pick<T>(from: readonly T[]): T | undefined {
    return from.length === 0 ? undefined : from[this.random.below(from.length)];
  }

  /** Those that can be talked to. */
  up(): SimMember[] {
    return this.members.filter((member) => member.running !== undefined && !member.life.isPaused);
  }

  /** Of those that think so the one of the latest term. */
  leader(): SimMember | undefined {
    const term = (one: SimMember): number => one.running!.replica.member.raftTerm;
    return this.up()
      .filter((one) => one.running!.replica.member.leadership.isLeader)
      .reduce<SimMember | undefined>(
        (latest, one) => (latest === undefined || term(one) > term(latest) ? one : latest),
        undefined,
      );
  }

  member(id: bigint): SimMember | undefined {
    return this.members.find((one) => one.id === (id as MemberId));
  }

  /** Who listens at a peer URL. */
  at(url: string): SimMember | undefined {
    return this.members.find((one) => one.isUp && (one.url === url || one.newUrl === url));
  }
}
