// Bugs to plant in raft, each a change of a few characters that review could miss. The simulation
// must find every one, or it proves nothing. A bug is put into the source while it is loaded; the
// text it replaces must occur exactly once, so that a bug cannot silently stop being planted.
import { readFileSync } from "node:fs";
import { registerHooks, stripTypeScriptTypes } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface Bug {
  /** What goes wrong. */
  readonly about: string;
  /** Below server/raft. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export const bugs = {
  "minority-commits": {
    about: "an entry counts as committed with one acknowledgement too few",
    file: "quorum.ts",
    find: "sorted[count - (Math.floor(count / 2) + 1)]",
    replace: "sorted[count - Math.floor(count / 2)]",
  },
  "votes-twice": {
    about: "a member gives its vote again in a term",
    file: "election.ts",
    find: "    raft.vote === message.from ||\n",
    replace: "    raft.vote !== raft.id ||\n",
  },
  "stale-log-wins": {
    about: "a vote is given to a candidate whose log is behind",
    file: "election.ts",
    find: "if (free && raft.log.isUpToDate({ index: message.index, term: message.logTerm })) {",
    replace: "if (free) {",
  },
  "vote-not-synced": {
    about: "a vote is told before it is on the disk, and a crash forgets it",
    file: "raw-node.ts",
    find: "const mustSync = entries.length > 0 || snapshot !== undefined || votedOrNewTerm;",
    replace: "const mustSync = entries.length > 0 || snapshot !== undefined;",
  },
  "commit-beyond-match": {
    about: "a heartbeat tells a commit index that the follower's log may not match",
    file: "replication.ts",
    find: "message.commit = Math.min(member.match, raft.log.committed);",
    replace: "message.commit = raft.log.committed;",
  },
  "conflicting-suffix-kept": {
    about: "a follower keeps its own entries where the leader has others",
    file: "log.ts",
    find: "if (this.matches(entry.index, entry.term)) continue;",
    replace: "if (entry.index <= this.lastIndex()) continue;",
  },
  "previous-term-unchecked": {
    about: "a follower appends behind an entry that the leader does not have",
    file: "log.ts",
    find: "if (!this.matches(prevIndex, prevTerm)) return undefined;",
    replace: "if (prevIndex > this.lastIndex()) return undefined;",
  },
  "old-leader-reads": {
    about: "a leader answers reads without asking whether it still leads",
    file: "raft.ts",
    find: "if (this.tracker.isSingleton && this.tracker.isVoter(this.id)) {",
    replace: 'if (this.role === "leader") {',
  },
  "new-leader-reads-early": {
    about: "a new leader answers reads before it has committed in its term",
    file: "leader.ts",
    find: "if (raft.committedInTerm) return raft.beginRead",
    replace: "if (raft.term > 0) return raft.beginRead",
  },
  "two-changes-at-once": {
    about: "a change of membership is accepted while another is unapplied",
    file: "leader.ts",
    find: "if (anotherBefore || raft.pendingConfIndex > raft.log.applied) return false;",
    replace: "if (anotherBefore) return false;",
  },
  "snapshot-forgets-suffix": {
    about: "a snapshot throws away acknowledged entries behind it",
    file: "follower.ts",
    find: "if (raft.log.matches(index, term)) {",
    replace: "if (raft.log.matches(index, term) && term < 0) {",
  },
  "own-log-counted-early": {
    about: "a leader counts its own entries before its disk has them",
    file: "raft.ts",
    find: "    this.log.append(entries);\n",
    replace: "    this.log.append(entries);\n    this.tracker.get(this.id)?.acknowledge(index);\n",
  },
  "joint-asks-one-half": {
    about: "in a joint configuration the incoming voters alone commit",
    file: "quorum.ts",
    find: "return Math.min(incoming, majorityIndex(voters.outgoing, acks));",
    replace: "return incoming;",
  },
  "earlier-term-counted": {
    about: "entries of an earlier term count as committed once a majority has them (figure 8)",
    file: "log.ts",
    find: "if (index <= this.committed || !this.matches(index, term)) return false;",
    replace: "if (index <= this.committed || term < 0) return false;",
  },
  "learner-counts": {
    about: "learners are counted among the voters",
    file: "tracker.ts",
    find: "incoming: sortedIds(config.voters),",
    replace: "incoming: sortedIds(new Set([...config.voters, ...config.learners])),",
  },
  "newcomer-counts-at-once": {
    about: "a new member is taken to have all that its leader has",
    file: "tracker.ts",
    find: "        progress.recentActive = true;\n",
    replace: "        progress.recentActive = true;\n        progress.match = lastIndex - 1;\n",
  },
  "removed-leader-counts-itself": {
    about: "a leader that removes itself goes on by the configuration that it was in",
    file: "raft.ts",
    find: "    return this.switchTo(assertAccepted(applyChange(this.tracker.config, change)));",
    replace:
      '    const next = assertAccepted(applyChange(this.tracker.config, change));\n    if (this.role === "leader" && !next.voters.has(this.id)) return confStateOf(next);\n    return this.switchTo(next);',
  },
  "change-counts-at-append": {
    about: "a leader acts by a change of one member before it is committed",
    file: "leader.ts",
    find: "  if (changeAt >= 0) raft.pendingConfIndex = firstIndex + changeAt;",
    replace:
      "  if (changeAt >= 0) raft.pendingConfIndex = firstIndex + changeAt;\n  if (changeAt >= 0 && entries[changeAt]!.type === EntryType.EntryConfChange)\n    raft.applyConfChange(asV2(ConfChange.decode(entries[changeAt]!.data)));",
  },
  "earlier-change-forgotten": {
    about: "a new leader takes in a change though one of an earlier leader is unapplied",
    file: "raft.ts",
    find: "    this.pendingConfIndex = this.log.lastIndex();",
    replace: "    this.pendingConfIndex = 0;",
  },
  "joint-elects-by-one-half": {
    about: "in a joint configuration the incoming voters alone elect",
    file: "quorum.ts",
    find: "  if (incoming === outgoing) return incoming;",
    replace: '  if (incoming !== "pending") return incoming;',
  },
  "learner-leads": {
    about: "a learner campaigns",
    file: "raft.ts",
    find: "return own !== undefined && !own.isLearner && !this.log.hasPendingSnapshot;",
    replace: "return own !== undefined && !this.log.hasPendingSnapshot;",
  },
  "snapshot-configuration-ignored": {
    about: "a member goes on by its own configuration after it received a state",
    file: "follower.ts",
    find: "  raft.switchTo(assertAccepted(restoreConfiguration(confState)));\n",
    replace: "  assertAccepted(restoreConfiguration(confState));\n",
  },
  "change-laid-upon-snapshot": {
    about: "a change from before a received state is made to the configuration of that state",
    file: "raft.ts",
    find: "    if (this.configBeforeSnapshot !== undefined) {",
    replace: "    if (this.configBeforeSnapshot !== undefined && this.term < 0) {",
  },
  "said-arrival-counts": {
    about: "a state that was sent counts as acknowledged",
    file: "leader.ts",
    find: '  if (outcome === "failure") member.pendingSnapshot = 0;\n',
    replace:
      '  if (outcome === "failure") member.pendingSnapshot = 0;\n  else member.acknowledge(member.pendingSnapshot);\n',
  },
  "hand-over-to-laggard": {
    about: "leadership goes to a member that has not caught up",
    file: "leader.ts",
    find: "  if (member.match === raft.log.lastIndex()) sendTimeoutNow(raft, member);\n  else raft",
    replace: "  if (member.match > 0) sendTimeoutNow(raft, member);\n  else raft",
  },
} as const satisfies Record<string, Bug>;

export type BugName = keyof typeof bugs;

/** The source with the bug in it. Throws if its place is not there exactly once. */
export function planted(name: string, bug: Bug, source: string): string {
  const parts = source.split(bug.find);
  if (parts.length !== 2) {
    throw new Error(`bug ${name}: its place occurs ${parts.length - 1} times in ${bug.file}`);
  }
  return parts.join(bug.replace);
}

/** From now on modules of raft are loaded with the bug in them. */
export function plant(name: BugName): void {
  const bug = bugs[name];
  const victim = join(import.meta.dirname, "..", "..", "server", "raft", bug.file);
  registerHooks({
    load(url, context, next) {
      if (!url.startsWith("file:") || fileURLToPath(url) !== victim) return next(url, context);
      const source = stripTypeScriptTypes(planted(name, bug, readFileSync(victim, "utf8")));
      return { format: "module", source, shortCircuit: true };
    },
  });
}
