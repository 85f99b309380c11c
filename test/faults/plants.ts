// Builds of the server with one bug each, which the fault runs must reject or prove nothing. The bug
// is put into the source while a member loads it (plant-hook.ts, preloaded by PLANT=name); the text
// it replaces must occur exactly once, so that a bug cannot silently stop being planted.
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** One bug. */
export interface Plant {
  /** What goes wrong. */
  readonly about: string;
  /** From the root of the project. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export const plants = {
  "stale-reads": {
    about: "a linearizable read is answered from what this member happens to have applied",
    file: "server/node/member.ts",
    find: "const done = this.reads.read();",
    replace: "const done = Promise.resolve();",
  },
  "lost-writes": {
    about: "now and then a put is answered and not carried out, on every member alike",
    file: "server/node/apply-turn.ts",
    find: "const result = ports.applier.apply(command, batch, answers, this.index);",
    replace: `const lost = command.kind === "put" && entry.index % 31 === 0;
        const result = lost
          ? { header: { clusterId: 0n, memberId: 0n, revision: ports.store.currentRevision + 1, raftTerm: 0 } }
          : ports.applier.apply(command, batch, answers, this.index);`,
  },
  "early-commit": {
    about: "a leader takes for committed what one member alone has",
    file: "server/raft/tracker.ts",
    find: "return jointIndex(this.voters, this);",
    replace: "return Math.max(...this.voters.incoming.map((id) => this.acknowledged(id)));",
  },
  "watch-drops": {
    about: "a watch misses an event now and then",
    file: "server/mvcc/watch-hub.ts",
    find: "if (main < watcher.next || !wantsKind(watcher, tombstone)) return;",
    replace:
      "if (main < watcher.next || !wantsKind(watcher, tombstone) || main % 31 === 0) return;",
  },
  "watch-doubles": {
    about: "a watch gets an event twice now and then",
    file: "server/mvcc/watch-hub.ts",
    find: "else watcher.session.pushLiveEvents(watcher, main);",
    replace: `else {
        const pending = [...watcher.pending];
        watcher.session.pushLiveEvents(watcher, main);
        if (main % 31 === 0) {
          watcher.pending = pending;
          watcher.session.pushLiveEvents(watcher, main);
        }
      }`,
  },
  "watch-splits": {
    about: "events of one revision come in two responses",
    file: "server/mvcc/watch-session.ts",
    find: "response.events = watcher.pending;",
    replace: `const later = watcher.pending.length > 1 ? [watcher.pending.pop()!] : [];
    response.events = watcher.pending;
    if (later.length > 0) {
      this.push(response, watcher.pendingBytes, watcher.fragment);
      watcher.pending = later;
      this.pushEvents(watcher, revision);
      return;
    }`,
  },
  "progress-early": {
    about: "progress is told to watches that still catch up",
    file: "server/mvcc/watch-session.ts",
    find: 'if (watcher.state !== "live" || watcher.startRevision > current) return;',
    replace: "",
  },
  "wall-clock": {
    about: "time is taken from the wall clock",
    file: "base/system-clock.ts",
    find: "monotonicMs: () => performance.now(),",
    replace: "monotonicMs: () => Date.now(),",
  },
  "forgetful-renewals": {
    about: "a lease is told that it is renewed, and is not",
    file: "server/lease/lessor.ts",
    find: 'this.#endAt(lease, nowMs + lease.ttlSeconds * 1000);\n    return { kind: "renewed"',
    replace: 'return { kind: "renewed"',
  },
  "two-holders": {
    about: "a comparison with a key that is not there holds now and then though it is",
    file: "server/apply/compare.ts",
    find: "const visited = store.every(compare, onValue, (pair) => matches(compare, pair));",
    replace: `const visited = store.every(
      compare,
      onValue,
      (pair) =>
        matches(compare, pair) ||
        (compare.target === Target.CREATE && store.currentRevision % 5 === 0),
    );`,
  },
} as const satisfies Record<string, Plant>;

export type PlantName = keyof typeof plants;

/** Environment of members that shall have the bug. */
export function plantEnvironment(name: PlantName): NodeJS.ProcessEnv {
  const hook = pathToFileURL(join(import.meta.dirname, "plant-hook.ts")).href;
  return { NODE_OPTIONS: `--import=${hook}`, PLANT: name };
}
