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
    find: "    if (leads) ports.send(ready.messages);",
    replace: "    ports.send(ready.messages);",
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
