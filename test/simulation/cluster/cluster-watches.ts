// Watches in a simulated cluster: one on each life of a member that reports its whole history, and
// those of clients, quick and slow, from the past, the present and the future, which move from member
// to member at the revision after the last that they saw.

import { Violation } from "../violation.ts";
import { keyCount } from "./clients.ts";
import type { ClusterStage } from "./cluster-stage.ts";
import type { ChangeSeen } from "./ledger.ts";
import type { SimMember } from "./sim-member.ts";
import { WatchTask } from "./watch-task.ts";

const everything = { from: "\0", to: "\xff" };
const maxWatches = 8;

export class ClusterWatches {
  private readonly stage: ClusterStage;
  /** Told of every change, once, in order of its revision on some member. */
  private readonly seen: (changes: readonly ChangeSeen[], revision: number) => void;
  private readonly watches: WatchTask[] = [];
  private readonly scribes = new Map<SimMember, WatchTask>();

  constructor(
    stage: ClusterStage,
    seen: (changes: readonly ChangeSeen[], revision: number) => void,
  ) {
    this.stage = stage;
    this.seen = seen;
  }

  /** A life has begun: its history is written down. */
  began(member: SimMember): void {
    const { ledger, random, time } = this.stage;
    const { store } = member.running!.replica.member.parts;
    const from = Math.max(2, store.compactRevision);
    let next = 0;
    const scribe = new WatchTask(everything, from, {
      pace: () => (random.chance(0.05) ? random.below(2000) : 0),
      count: (what) => this.stage.count(what),
      compacted: () => {
        next = 0;
        this.stage.count("watch overtaken by a compaction");
        time.after(0, () => scribe.open(member));
      },
      revision: (revision, changes) => {
        if (next !== 0 && revision !== next) {
          throw new Violation(
            "watch",
            `member ${member.id} skipped revision ${next}: ${revision} came`,
          );
        }
        next = revision + 1;
        ledger.report(member.id, revision, changes, time.nowMs);
        this.seen(changes, revision);
      },
    });
    this.scribes.set(member, scribe);
    scribe.open(member);
  }

  watchLater(): void {
    const { random, time } = this.stage;
    time.after(200 + random.below(800), () => {
      const member = this.stage.pick(this.stage.up());
      if (member !== undefined) this.act(member);
      this.watchLater();
    });
  }

  private act(member: SimMember): void {
    const { random } = this.stage;
    for (const watch of this.watches) {
      if (watch.isBroken) watch.open(member);
      else if (watch.member !== member && random.chance(0.05)) {
        this.stage.count("watch moved to another member");
        watch.close();
        watch.open(member);
      } else if (random.chance(0.1)) watch.askProgress();
    }
    if (this.watches.length < maxWatches) this.open(member);
  }

  private open(member: SimMember): void {
    const { random } = this.stage;
    const first = random.below(keyCount);
    const interval = { from: `k${first}`, to: `k${first + 1 + random.below(keyCount)}` };
    const current = member.running!.api.currentRevision();
    const next = random.chance(0.4) ? 0 : Math.max(1, current + 20 - random.below(60));
    const slow = random.chance(0.5);
    const watch = new WatchTask(interval, next, {
      pace: () => (slow && !this.stage.healing ? random.below(3000) : 0),
      count: (what) => this.stage.count(what),
    });
    this.watches.push(watch);
    watch.open(member);
  }

  /**
   * Compares all with the history: every event once, in order, on a member of the final cluster up to
   * `last`, which it has applied.
   */
  check(last: number, members: readonly SimMember[]): void {
    const { history } = this.stage.ledger;
    const upTo = (member: SimMember | undefined): number | undefined =>
      member !== undefined && members.includes(member) ? last : undefined;
    for (const watch of this.watches) watch.check(history, upTo(watch.member));
    for (const [member, scribe] of this.scribes) scribe.check(history, upTo(member));
  }
}
