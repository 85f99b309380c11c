// Bugs to plant in the member around Raft, each a change that review could miss. As in ../bugs.ts, the
// simulation must find every one, and the text that one replaces must occur exactly once.
import { readFileSync } from "node:fs";
import { registerHooks, stripTypeScriptTypes } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Bug, planted } from "../bugs.ts";

/** `file` is below server/. */
export const clusterBugs = {
  "acknowledged-before-synced": {
    about: "a follower tells the leader of entries that its disk does not hold yet",
    file: "node/ready-loop.ts",
    find: "    if (leads && !answersFirst) ports.send(ready.messages);",
    replace: "    if (!answersFirst) ports.send(ready.messages);",
  },
  "applied-before-synced": {
    about: "entries are applied that the own log may lose",
    file: "node/ready-loop.ts",
    find: "const synced = Math.min(ports.log.lastIndex(), firstNew - 1);",
    replace: "const synced = committed.at(-1)?.index ?? firstNew;",
  },
  "read-joins-older-round": {
    about: "a read takes the answer of a round that began before it",
    file: "node/read-rounds.ts",
    find: "      this.next.push({ resolve, reject });",
    replace: "      (this.current?.waiting ?? this.next).push({ resolve, reject });",
  },
  "read-before-applied": {
    about: "a read is answered before its index is applied",
    file: "node/read-rounds.ts",
    find: "if (round.index! > applied) return true;",
    replace: "if (round.index! > applied + 3) return true;",
  },
  "applied-index-forgotten": {
    about: "a batch does not carry its applied index, so that a restart applies it again",
    file: "node/apply-turn.ts",
    find: '    batch.put("meta", consistentIndexKey, uint64Bytes(this.index));',
    replace:
      '    if (this.index % 4 > 0) batch.put("meta", consistentIndexKey, uint64Bytes(this.index));',
  },
  "log-cut-behind-unsynced-state": {
    about: "the log is marked and cut though the state it leads to may be lost",
    file: "node/checkpoints.ts",
    find: "{ sync: true }",
    replace: "{ sync: false }",
  },
  "install-skips-watches": {
    about: "watches do not hear of what a received state brought",
    file: "node/replica.ts",
    find: "    hub.restore();\n",
    replace: "",
  },
  "never-demoted": {
    about: "a former leader goes on to renew leases by its own count",
    file: "node/member.ts",
    find: "if (led && !this.leadership.isLeader) lessor.demote();",
    replace: "",
  },
  "revoke-keeps-keys": {
    about: "an ended lease leaves its keys behind",
    file: "apply/applier.ts",
    find: "if (keys.length > 0) applyDeleteKeys(context, keys);",
    replace: "",
  },
  "sent-state-of-earlier": {
    about: "a sent state is said to end one entry later than it does",
    file: "node/snapshot-transfer.ts",
    find: 'index: number("consistent_index")',
    replace: 'index: number("consistent_index") + 1',
  },
  "compacted-watch-goes-on": {
    about: "a watch that a compaction has overtaken is not cancelled",
    file: "mvcc/watch-catch-up.ts",
    find: "      else if (watcher.next < state.compactRevision) {",
    replace: "      else if (watcher.next < 0) {",
  },
  "promoted-before-caught-up": {
    about: "a learner is promoted that has next to nothing",
    file: "node/reconfiguration.ts",
    find: "learner.match < own * readyShare",
    replace: "learner.match < 0",
  },
  "configuration-not-stored": {
    about: "the state that a leader sends does not name the members that were added last",
    file: "node/membership-changes.ts",
    find: 'batch.put("meta", confStateKey, encodeConfState(raft.applyConfChange(change)));',
    replace:
      'const next = raft.applyConfChange(change);\n    if (members.list().length < 4) batch.put("meta", confStateKey, encodeConfState(next));',
  },
  "refused-change-reaches-raft": {
    about: "raft carries out a change that the members have refused",
    file: "node/membership-changes.ts",
    find: "raft.applyConfChange({ ...change, nodeId: 0n });",
    replace: "raft.applyConfChange(change);",
  },
  "update-promotes": {
    about: "a learner that moves to another URL comes out as a voter",
    file: "membership/members.ts",
    find: "const updated = { ...known!, peerUrls: member!.peerUrls };",
    replace: "const updated = { ...known!, isLearner: false, peerUrls: member!.peerUrls };",
  },
  "removal-leaves-no-trace": {
    about: "a restart forgets who was removed, so that nobody tells them",
    file: "membership/members.ts",
    find: '        batch.put("members_removed", utf8(formatId(id)), utf8("removed"));\n',
    replace: "",
  },
  "promotion-not-stored": {
    about: "a restart makes a promoted member a learner again",
    file: "membership/members.ts",
    find: 'return { kind: "promoted", member: this.store({ ...known!, isLearner: false }, batch) };',
    replace:
      'const voter = { ...known!, isLearner: false };\n          this.stored.set(voter.id, voter);\n          this.sorted = undefined;\n          return { kind: "promoted", member: voter };',
  },
  "install-keeps-members": {
    about: "a received state is taken over without its members and leases",
    file: "node/replica.ts",
    find: "    await loadSmallBuckets(fresh, small);\n",
    replace: "",
  },
  "install-keeps-peers": {
    about: "the connections stay those from before a received state",
    file: "node/replica.ts",
    find: "      meetOthers(before);\n",
    replace: "",
  },
  "install-keeps-applied-index": {
    about: "a member does not take the applied index of the state that it has received",
    file: "node/replica.ts",
    find: "    member.applyTurn.reset(mark.index, mark.term);\n",
    replace: "",
  },
  "install-not-awaited": {
    about: "a member says that it has a state which it has only begun to install",
    file: "node/ready-loop.ts",
    find: "await ports.install(ready.snapshot);",
    replace: "void ports.install(ready.snapshot);",
  },
  "install-not-finished": {
    about: "a start does not finish a replacement that a crash cut short",
    file: "wal/start-up.ts",
    find: "  if (contents.snapshot.index < mark.index) {",
    replace: "  if (contents.snapshot.index < 0) {",
  },
  "received-before-kept": {
    about: "raft hears of a state that lies in no file yet",
    file: "node/snapshot-transfer.ts",
    find: "        await this.ports.files.receive(index, body, take, form);",
    replace: "        void this.ports.files.receive(index, body, take, form);",
  },
  "compaction-ignores-pins": {
    about: "a compaction deletes what a read under way is about to fetch",
    file: "mvcc/compaction.ts",
    find: "state.recent.written < revision || state.oldestPin() < revision",
    replace: "state.recent.written < revision",
  },
  "progress-before-events": {
    about: "a watch is told of progress that it has not made yet",
    file: "mvcc/watch-session.ts",
    find: '      if (watcher.state !== "live" || watcher.startRevision > current) return;',
    replace: "      if (watcher.startRevision > current) return;",
  },
  "live-one-event-early": {
    about: "a watch that has caught up misses what came in the last moment",
    file: "mvcc/watch-catch-up.ts",
    find: "        if (this.covered >= state.currentRevision) {",
    replace: "        if (this.covered >= state.currentRevision - 1) {",
  },
} as const satisfies Record<string, Bug>;

export type ClusterBugName = keyof typeof clusterBugs;

/** From now on the server is loaded with the bug in it. */
export function plantInServer(name: ClusterBugName): void {
  const bug = clusterBugs[name];
  const victim = join(import.meta.dirname, "..", "..", "..", "server", bug.file);
  registerHooks({
    load(url, context, next) {
      if (!url.startsWith("file:") || fileURLToPath(url) !== victim) return next(url, context);
      const source = stripTypeScriptTypes(planted(name, bug, readFileSync(victim, "utf8")));
      return { format: "module", source, shortCircuit: true };
    },
  });
}
