// What goes wrong, and when, from a seed. Hard faults come one after the other, each mended before
// the next begins, so that a cluster that cannot go on is the server's fault. Beside them mild ones
// go on, which a cluster must bear at any time.
import { OperatingError } from "#base/errors.ts";
import { type Random, seededRandom } from "#base/random.ts";
import { between, type Fault, type Ground, type Scene, wait } from "./ground.ts";
import { clockOfAll, clockOfLeader, clockOfOne, fullDisk, slowDisk } from "./machine-faults.ts";
import * as network from "./network-faults.ts";
import { compact, defragment, moveLeader, replaceMember } from "./operator-faults.ts";
import * as processes from "./process-faults.ts";

interface Kind {
  readonly inflict: Fault;
  /** Odds among those of its group. The leader is where mistakes show. */
  readonly share: number;
  readonly mild?: boolean;
  /** It needs a hostile machine. */
  readonly machine?: boolean;
}

const kinds = {
  "kill-leader": { inflict: processes.killLeader, share: 18 },
  "pause-leader": { inflict: processes.pauseLeader, share: 12 },
  "kill-one": { inflict: processes.killOne, share: 5 },
  "pause-one": { inflict: processes.pauseOne, share: 5 },
  "crash-twice": { inflict: processes.crashTwice, share: 5 },
  "two-down": { inflict: processes.twoDown, share: 8 },
  "power-cut": { inflict: processes.powerCut, share: 5 },
  "isolate-leader": { inflict: network.isolateLeader, share: 12 },
  "isolate-one": { inflict: network.isolateOne, share: 5 },
  "one-way": { inflict: network.oneWay, share: 8 },
  bridge: { inflict: network.bridge, share: 6 },
  scatter: { inflict: network.scatter, share: 3 },
  "full-disk": { inflict: fullDisk, share: 5, machine: true },
  "replace-member": { inflict: replaceMember, share: 6 },
  delay: { inflict: network.delay, share: 15, mild: true },
  loss: { inflict: network.loss, share: 10, mild: true },
  narrow: { inflict: network.narrow, share: 10, mild: true },
  "slow-disk": { inflict: slowDisk, share: 15, mild: true, machine: true },
  "clock-one": { inflict: clockOfOne, share: 8, mild: true, machine: true },
  "clock-leader": { inflict: clockOfLeader, share: 8, mild: true, machine: true },
  "clock-all": { inflict: clockOfAll, share: 6, mild: true, machine: true },
  "move-leader": { inflict: moveLeader, share: 10, mild: true },
  compact: { inflict: compact, share: 12, mild: true },
  defragment: { inflict: defragment, share: 6, mild: true },
} as const satisfies Record<string, Kind>;

export type FaultKind = keyof typeof kinds;
export const faultKinds = Object.keys(kinds) as readonly FaultKind[];
const table: Readonly<Record<FaultKind, Kind>> = kinds;

/** Of the faults to begin with, all together. */
const maxRetries = 20;

export interface FaultOptions extends Ground {
  readonly seed: number;
  /** Only these; all that can be had here if not given. */
  readonly only?: readonly FaultKind[] | undefined;
  /** Faults to begin with, before chance decides. */
  readonly opening?: readonly FaultKind[];
  /** Told of each fault. */
  report(kind: FaultKind, who: readonly string[]): void;
}

export class Faults {
  /** Faults that struck. */
  readonly counts = new Map<FaultKind, number>();
  private readonly options: FaultOptions;
  /** Those that may strike here. */
  readonly possible: readonly FaultKind[];

  constructor(options: FaultOptions) {
    this.options = options;
    const { only = faultKinds, machines } = options;
    this.possible = only.filter((kind) => table[kind].machine !== true || machines.length > 0);
  }

  /** Goes on until `stopped`; all members run when it resolves. Fails if one does not come back. */
  async run(stopped: AbortSignal): Promise<void> {
    const failed = new AbortController();
    const either = AbortSignal.any([stopped, failed.signal]);
    const loops = [false, true].map((mild) =>
      this.loop(mild, either).catch((error: unknown) => {
        failed.abort();
        throw error;
      }),
    );
    const results = await Promise.allSettled(loops);
    for (const result of results) if (result.status === "rejected") throw result.reason;
  }

  private async loop(mild: boolean, stopped: AbortSignal): Promise<void> {
    const mine = (list: readonly FaultKind[]): FaultKind[] =>
      list.filter((kind) => (table[kind].mild === true) === mild && this.possible.includes(kind));
    const possible = mine(this.possible);
    const opening = mine(this.options.opening ?? []);
    if (possible.length === 0) {
      await new Promise((resolve) => stopped.addEventListener("abort", resolve, { once: true }));
      return;
    }
    const random = seededRandom(mild ? this.options.seed + 1 : this.options.seed);
    let retries = 0;
    while (!stopped.aborted) {
      await wait(mild ? between(random, 0, 1500) : between(random, 600, 2200));
      if (!mild) this.allRun();
      if (stopped.aborted) return;
      const due = opening.shift();
      await this.inflict(due ?? choose(possible, random), random);
      // What found no place to strike then is tried again, behind the others.
      if (due !== undefined && !this.counts.has(due) && retries++ < maxRetries) opening.push(due);
    }
  }

  /** Throws if a member ended that nobody killed. */
  allRun(): void {
    for (const member of this.options.cluster.members) {
      if (member.isRunning) continue;
      throw new OperatingError(
        "MEMBER_ENDED",
        `${member.name} ended by itself; its last lines:\n${member.log().slice(-20).join("\n")}`,
      );
    }
  }

  private async inflict(kind: FaultKind, random: Random): Promise<void> {
    const { report } = this.options;
    const scene: Scene = {
      ...this.options,
      random,
      strike: (...who) => {
        this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
        report(kind, who);
      },
    };
    await table[kind].inflict(scene);
  }
}

function choose(possible: readonly FaultKind[], random: Random): FaultKind {
  let dice = random.below(possible.reduce((sum, kind) => sum + table[kind].share, 0));
  for (const kind of possible) {
    dice -= table[kind].share;
    if (dice < 0) return kind;
  }
  return possible[0]!;
}
