// The members of the configuration in force, a leader's progress with each, and the votes of a
// candidate. Lists are kept sorted by ID, so that whatever walks them is deterministic.
import type { MemberId } from "#base/ids.ts";
import {
  type Configuration,
  emptyConfiguration,
  isJoint,
  sortedIds,
} from "#server/raft/conf-change.ts";
import { type InflightLimits, Progress } from "#server/raft/progress.ts";
import {
  type Acknowledgements,
  jointIndex,
  jointVote,
  type VoteResult,
  type Voters,
} from "#server/raft/quorum.ts";

export class Tracker implements Acknowledgements {
  readonly #limits: InflightLimits;
  readonly #progress = new Map<MemberId, Progress>();
  readonly #votes = new Map<MemberId, boolean>();
  config: Configuration = emptyConfiguration;
  voters: Voters = { incoming: [], outgoing: [] };
  /** Everyone, ascending by ID. */
  members: readonly Progress[] = [];

  constructor(limits: InflightLimits) {
    this.#limits = limits;
  }

  get(id: MemberId): Progress | undefined {
    return this.#progress.get(id);
  }

  /** Puts `config` in force. New members start with being probed at `lastIndex`. */
  switchTo(config: Configuration, lastIndex: number): void {
    this.config = config;
    this.voters = { incoming: sortedIds(config.voters), outgoing: sortedIds(config.outgoing) };
    const ids = new Set([...config.voters, ...config.outgoing, ...config.learners]);
    for (const id of this.#progress.keys()) if (!ids.has(id)) this.#progress.delete(id);
    const members: Progress[] = [];
    for (const id of sortedIds(ids)) {
      const isLearner = config.learners.has(id);
      let progress = this.#progress.get(id);
      if (progress === undefined) {
        progress = new Progress(id, Math.max(lastIndex, 1), isLearner, this.#limits);
        // Or a quorum check might depose the leader before the new member could say a word.
        progress.recentActive = true;
        this.#progress.set(id, progress);
      }
      progress.isLearner = isLearner;
      members.push(progress);
    }
    this.members = members;
  }

  isVoter(id: MemberId): boolean {
    return this.config.voters.has(id) || this.config.outgoing.has(id);
  }

  /** True if one voter alone decides. */
  get isSingleton(): boolean {
    return this.config.voters.size === 1 && !isJoint(this.config);
  }

  acknowledged(voter: MemberId): number {
    return this.#progress.get(voter)?.match ?? 0;
  }

  /** The highest index that a quorum has in its log. */
  committedIndex(): number {
    return jointIndex(this.voters, this);
  }

  /** True if a quorum was heard of since the last check. */
  quorumActive(): boolean {
    const active = new Map<MemberId, boolean>();
    for (const member of this.members) {
      if (!member.isLearner) active.set(member.id, member.recentActive);
    }
    return jointVote(this.voters, active) === "won";
  }

  resetVotes(): void {
    this.#votes.clear();
  }

  /** Only the first vote of a member counts. */
  recordVote(id: MemberId, granted: boolean): void {
    if (!this.#votes.has(id)) this.#votes.set(id, granted);
  }

  voteResult(): VoteResult {
    return jointVote(this.voters, this.#votes);
  }
}
