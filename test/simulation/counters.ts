// What happened over all seeds. A kind of fault or a transition that never happened means that the
// simulation proves less than it says, so a run ends by requiring each of them.

export const requiredCounters = [
  "message dropped",
  "message doubled",
  "message reordered",
  "message cut by a partition",
  "partition",
  "one-way partition",
  "new leader lost at once",
  "leader lost before its own entries",
  "joint configuration split",
  "leader crashed while its disk was slow",
  "pause",
  "clock jumped ahead",
  "crash",
  "crash that lost unsynced writes",
  "crash that kept part of its unsynced writes",
  "restart",
  "follower → pre-candidate",
  "pre-candidate → candidate",
  "pre-candidate → follower",
  "candidate → leader",
  "candidate → follower",
  "leader → follower",
  "entries replaced by a new leader's",
  "append refused",
  "snapshot sent",
  "snapshot installed",
  "snapshot doubled",
  "snapshot lost",
  "snapshot lost, and said to have arrived",
  "crash in the middle of an install",
  "state sent unasked",
  "log compacted",
  "proposal forwarded",
  "write acknowledged",
  "read answered by the leader",
  "read answered to a follower",
  "leadership transfer",
  "member told to take over",
  "leadership transfer to one that is down",
  "leadership transfer to one that lags",
  "leadership transfer to a learner",
  "member added",
  "member removed",
  "learner added",
  "learner promoted",
  "learner removed",
  "leader removed itself",
  "member added before it runs",
  "removal of one that cannot be reached",
  "removed member went on for a while",
  "removed member came back with its data",
  "message of one who is no member",
  "two changes at once",
  "change proposed by a follower",
  "change of membership refused by the state",
  "joint change entered",
  "joint change left",
] as const;

export type CounterName = (typeof requiredCounters)[number];

export class Counters {
  readonly counts = new Map<CounterName, number>(requiredCounters.map((name) => [name, 0]));

  add(name: CounterName): void {
    this.counts.set(name, this.counts.get(name)! + 1);
  }

  merge(other: Counters): void {
    for (const [name, count] of other.counts) this.counts.set(name, this.counts.get(name)! + count);
  }

  /** Those that never happened. */
  missing(): CounterName[] {
    return requiredCounters.filter((name) => this.counts.get(name) === 0);
  }
}
