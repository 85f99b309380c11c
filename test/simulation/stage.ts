// What all parts of a simulated world share: its time, its dice, its members and those who watch.
import type { MemberId } from "#base/ids.ts";
import type { Random } from "#base/random.ts";
import { Checkers } from "./checkers.ts";
import { Counters } from "./counters.ts";
import { Timeline } from "./events.ts";
import type { SimNode } from "./sim-node.ts";

export class Stage {
  readonly counters = new Counters();
  readonly checkers = new Checkers();
  readonly timeline = new Timeline();
  /** The node with ID n at place n − 1, those that are no members any more included. */
  readonly nodes: SimNode[] = [];
  readonly random: Random;
  /** Faults have ceased. */
  healing = false;

  constructor(random: Random) {
    this.random = random;
  }

  node(id: bigint): SimNode | undefined {
    return this.nodes[Number(id) - 1];
  }

  up(): SimNode[] {
    return this.nodes.filter((node) => node.raw !== undefined);
  }

  pick<T>(from: readonly T[]): T | undefined {
    return from.length === 0 ? undefined : from[this.random.below(from.length)];
  }

  /** Of those that think so the one of the latest term. */
  leader(): SimNode | undefined {
    const leaders = this.up().filter((node) => node.role === "leader" && !node.isPaused);
    return leaders.reduce<SimNode | undefined>(
      (latest, node) => (latest === undefined || node.leadTerm > latest.leadTerm ? node : latest),
      undefined,
    );
  }

  ids(): MemberId[] {
    return this.nodes.map((node) => node.id);
  }
}
