// Configuration safety (thesis §4.1): every member has the same configuration after the same entry,
// quorums of one configuration and of the next have a member in common, and a leader decides by a
// quorum of the configuration that it has applied: no learner and nobody removed counts.
import type { ConfState } from "#proto/gen/raft.ts";
import { Violation } from "./violation.ts";

/** True if `has` holds for a majority of the voters, of both halves if the configuration is joint. */
export function isQuorum(confState: ConfState, has: (id: bigint) => boolean): boolean {
  const majority = (voters: readonly bigint[]): boolean =>
    voters.length === 0 || voters.filter(has).length * 2 > voters.length;
  return majority(confState.voters) && majority(confState.votersOutgoing);
}

/** True if no quorum of the one can decide behind the back of a quorum of the other. */
export function quorumsOverlap(one: ConfState, other: ConfState): boolean {
  const all = [...one.voters, ...one.votersOutgoing, ...other.voters, ...other.votersOutgoing];
  const ids = [...new Set(all)];
  for (let side = 0; side < 2 ** ids.length; side++) {
    const inside = (id: bigint): boolean => ((side >> ids.indexOf(id)) & 1) === 1;
    if (isQuorum(one, inside) && isQuorum(other, (id) => !inside(id))) return false;
  }
  return true;
}

export class Configurations {
  /** By the index of the entry that made it, ascending. */
  private readonly known: { readonly index: number; readonly confState: ConfState }[] = [];
  private readonly texts = new Map<number, string>();

  /** `member` has this configuration after the entry at `index`. */
  applied(member: bigint, index: number, confState: ConfState): void {
    const text = show(confState);
    const other = this.texts.get(index);
    if (other === text) return;
    if (other !== undefined) {
      throw new Violation(
        "one configuration",
        `after ${index} ${member} has ${text}, not ${other}`,
      );
    }
    this.texts.set(index, text);
    const last = this.known.at(-1);
    this.known.push({ index, confState });
    if (last === undefined) return;
    // Whoever is first to apply an entry has applied all before it, or has it from one who did.
    if (index < last.index) {
      throw new Violation("one configuration", `${member} changed at ${index}, nobody else did`);
    }
    if (!quorumsOverlap(last.confState, confState)) {
      throw new Violation(
        "configuration safety",
        `quorums of ${show(last.confState)} and ${text} (entry ${index}) need not overlap`,
      );
    }
  }

  /** `member` began with a state that ends at `index`, its own or one that it received. */
  found(member: bigint, index: number, confState: ConfState): void {
    const last = this.known.findLast((one) => one.index <= index);
    if (last === undefined || show(last.confState) === show(confState)) return;
    throw new Violation(
      "one configuration",
      `at ${index} ${member} has ${show(confState)}, not ${show(last.confState)}`,
    );
  }

  /** A leader took a change into its log at `index` while one at `earlier` was unapplied. */
  pending(leader: bigint, index: number, earlier: number): void {
    throw new Violation(
      "one change at a time",
      `${leader} took in a change at ${index} with that at ${earlier} unapplied`,
    );
  }

  /** A leader has committed up to `index`; `holds`: the voter's disk has that entry. */
  committed(
    leader: bigint,
    index: number,
    confState: ConfState,
    holds: (id: bigint) => boolean,
  ): void {
    if (isQuorum(confState, holds)) return;
    throw new Violation(
      "committed by a quorum",
      `${leader} committed ${index}, which no quorum of ${show(confState)} holds`,
    );
  }

  elected(
    leader: bigint,
    term: number,
    confState: ConfState,
    votedFor: (id: bigint) => boolean,
  ): void {
    const mayLead = [...confState.voters, ...confState.votersOutgoing].includes(leader);
    if (mayLead && isQuorum(confState, votedFor)) return;
    throw new Violation(
      "elected by a quorum",
      `${leader} leads term ${term}, not a voter or without a quorum of ${show(confState)}`,
    );
  }
}

function show({ autoLeave, learners, learnersNext, voters, votersOutgoing }: ConfState): string {
  const more = [
    votersOutgoing.length > 0 ? ` from ${votersOutgoing}` : "",
    learners.length > 0 ? ` learners ${learners}` : "",
    learnersNext.length > 0 ? ` staged ${learnersNext}` : "",
    autoLeave ? " leaving" : "",
  ];
  return `[${voters}${more.join("")}]`;
}
