// The properties of Raft (paper, figure 3), watched while a simulated cluster runs. Each is checked
// inductively where it could first break, so that a check costs a look-up.
import type { Entry } from "#proto/gen/raft.ts";
import { Configurations } from "./configurations.ts";
import { Violation } from "./violation.ts";

/** FNV-1a over bytes, continuing from `seed`. */
export function digestOf(data: Uint8Array, seed = 0x811c9dc5): number {
  let hash = seed;
  for (const byte of data) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

interface Known {
  readonly digest: number;
  readonly previousTerm: number;
}

interface Committed {
  readonly term: number;
  readonly digest: number;
}

export class Checkers {
  readonly configurations = new Configurations();
  private readonly leaders = new Map<number, bigint>();
  private readonly entries = new Map<number, Map<number, Known>>();
  private readonly votes = new Map<string, bigint>();
  readonly committed: (Committed | undefined)[] = [];
  /** The highest index that any member applied. */
  highestCommitted = 0;

  /** Election safety: one leader a term. */
  elected(term: number, member: bigint): void {
    const other = this.leaders.get(term) ?? member;
    if (other !== member) {
      throw new Violation("election safety", `${other} and ${member} both lead term ${term}`);
    }
    this.leaders.set(term, member);
  }

  /** A member votes once a term, across its crashes (§5.2). */
  voted(member: bigint, term: number, candidate: bigint): void {
    const key = `${member} ${term}`;
    const other = this.votes.get(key) ?? candidate;
    if (other !== candidate) {
      throw new Violation(
        "one vote a term",
        `${member} voted for ${other} and ${candidate} in ${term}`,
      );
    }
    this.votes.set(key, candidate);
  }

  /** True if `member` told that it votes for `candidate` in `term`. */
  hasVoted(member: bigint, term: number, candidate: bigint): boolean {
    return this.votes.get(`${member} ${term}`) === candidate;
  }

  /**
   * Log matching: entries of one index and term are equal, and so are all before them. Called for
   * every entry that a member writes, with the term of the entry before it in that member's log.
   */
  appended(member: bigint, entry: Entry, previousTerm: number): void {
    const digest = digestOf(entry.data, entry.type + 1);
    let terms = this.entries.get(entry.index);
    if (terms === undefined) {
      terms = new Map();
      this.entries.set(entry.index, terms);
    }
    const known = terms.get(entry.term);
    if (known === undefined) {
      terms.set(entry.term, { digest, previousTerm });
    } else if (known.digest !== digest || known.previousTerm !== previousTerm) {
      throw new Violation(
        "log matching",
        `${member} wrote another entry ${entry.index} of term ${entry.term}`,
      );
    }
  }

  /** State machine safety: nobody ever applies another entry at an index. */
  applied(member: bigint, entry: Entry): void {
    const digest = digestOf(entry.data, entry.type + 1);
    const known = this.committed[entry.index];
    if (known === undefined) {
      this.committed[entry.index] = { term: entry.term, digest };
      this.highestCommitted = Math.max(this.highestCommitted, entry.index);
    } else if (known.term !== entry.term || known.digest !== digest) {
      throw new Violation(
        "state machine safety",
        `${member} applied entry ${entry.index} of term ${entry.term}, another member one of term ${known.term}`,
      );
    }
  }

  /** Leader completeness: a new leader's log holds every entry committed before its term. */
  leads(member: bigint, term: number, termAt: (index: number) => number | undefined): void {
    const last = this.highestCommitted;
    const known = this.committed[last];
    if (known === undefined || known.term >= term) return;
    const held = termAt(last);
    if (held !== undefined && held !== known.term) {
      throw new Violation(
        "leader completeness",
        `${member} leads term ${term} without entry ${last} of term ${known.term}`,
      );
    }
  }

  /** A member acknowledges only what its disk holds synced. */
  acknowledged(member: bigint, index: number, durableLast: number): void {
    if (index > durableLast) {
      throw new Violation(
        "durable before acknowledged",
        `${member} acknowledged ${index}, its disk holds ${durableLast}`,
      );
    }
  }

  /** Leadership is handed to one that has all that the leader has (thesis §3.10). */
  handedOver(leader: bigint, to: bigint, caughtUp: boolean): void {
    if (caughtUp) return;
    throw new Violation("hand-over", `${leader} hands over to ${to}, which has not caught up`);
  }

  /** A read sees everything that was committed before it was asked for. */
  read(member: bigint, index: number, wanted: number): void {
    if (index < wanted) {
      throw new Violation(
        "linearizable reads",
        `${member} may read at ${index}, asked for after ${wanted} was committed`,
      );
    }
  }
}
