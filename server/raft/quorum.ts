// Majorities, and the joint majorities of a configuration change under way (thesis §4.3): a decision
// needs a majority of both sets. An empty set decides nothing, so it agrees with everything.
import type { MemberId } from "#base/ids.ts";

/** The voters of a configuration; `outgoing` is empty unless it is joint. */
export interface Voters {
  readonly incoming: readonly MemberId[];
  readonly outgoing: readonly MemberId[];
}

/** Tells up to where a voter has acknowledged; 0 if it never has. */
export interface Acknowledgements {
  acknowledged(voter: MemberId): number;
}

export type VoteResult = "won" | "lost" | "pending";

/** The committed index of an empty set of voters: no limit. */
export const everyIndex: number = Number.MAX_SAFE_INTEGER;

/** The highest index that a majority of `voters` has acknowledged; everyIndex if there are none. */
export function majorityIndex(voters: readonly MemberId[], acks: Acknowledgements): number {
  const count = voters.length;
  if (count === 0) return everyIndex;
  if (count === 1) return acks.acknowledged(voters[0]!);
  const sorted = new Array<number>(count);
  for (let i = 0; i < count; i++) {
    // Insertion sort, ascending: a handful of voters, and no comparator to call.
    const value = acks.acknowledged(voters[i]!);
    let at = i;
    while (at > 0 && sorted[at - 1]! > value) {
      sorted[at] = sorted[at - 1]!;
      at--;
    }
    sorted[at] = value;
  }
  return sorted[count - (Math.floor(count / 2) + 1)]!;
}

/** The highest index that is committed by both majorities. */
export function jointIndex(voters: Voters, acks: Acknowledgements): number {
  const incoming = majorityIndex(voters.incoming, acks);
  if (voters.outgoing.length === 0) return incoming;
  return Math.min(incoming, majorityIndex(voters.outgoing, acks));
}

/** How an election among `voters` stands; who has not voted yet is absent from `votes`. */
export function majorityVote(
  voters: readonly MemberId[],
  votes: ReadonlyMap<MemberId, boolean>,
): VoteResult {
  if (voters.length === 0) return "won";
  let granted = 0;
  let missing = 0;
  for (const voter of voters) {
    const vote = votes.get(voter);
    if (vote === undefined) missing++;
    else if (vote) granted++;
  }
  const majority = Math.floor(voters.length / 2) + 1;
  if (granted >= majority) return "won";
  return granted + missing >= majority ? "pending" : "lost";
}

/** Won if both majorities are, lost if either is. */
export function jointVote(voters: Voters, votes: ReadonlyMap<MemberId, boolean>): VoteResult {
  const incoming = majorityVote(voters.incoming, votes);
  const outgoing = majorityVote(voters.outgoing, votes);
  if (incoming === outgoing) return incoming;
  return incoming === "lost" || outgoing === "lost" ? "lost" : "pending";
}
