// A group of raft nodes driven by the commands of a script: every input is a command, every output is
// text. Messages wait until they are delivered or dropped by name. Disks are memory logs, and each
// Ready is written, applied and advanced at once. Election timeouts are T + ID ticks.
import { assert } from "#base/assert.ts";
import { text, utf8 } from "#base/bytes.ts";
import { formatId, type MemberId } from "#base/ids.ts";
import type { ConfChangeSingle, ConfState, Entry, Message } from "#proto/gen/raft.ts";
import { ConfChange, ConfChangeType, ConfChangeV2, EntryType } from "#proto/gen/raft.ts";
import { etcdLimits, type RaftConfig } from "#server/raft/config.ts";
import { MemoryLog } from "#server/raft/memory-log.ts";
import { RawNode } from "#server/raft/raw-node.ts";
import {
  describeConfState,
  describeEntry,
  describeMessage,
  describeProgress,
  describeReady,
} from "#server/raft/testing/describe.ts";
import type { Command } from "#server/raft/testing/script.ts";

interface Host {
  readonly id: MemberId;
  readonly config: Omit<RaftConfig, "applied" | "hardState" | "confState">;
  readonly log: MemoryLog;
  node: RawNode;
  confState: ConfState;
  applied: number;
  /** The state machine: what was applied, one after the other. */
  state: string[];
}

const changeTypes: Record<string, ConfChangeSingle["type"]> = {
  v: ConfChangeType.ConfChangeAddNode,
  r: ConfChangeType.ConfChangeRemoveNode,
  u: ConfChangeType.ConfChangeUpdateNode,
  l: ConfChangeType.ConfChangeAddLearnerNode,
};

const transitions: Record<string, ConfChangeV2["transition"]> = {
  auto: 0,
  implicit: 1,
  explicit: 2,
};

export class ScriptGroup {
  readonly #hosts = new Map<MemberId, Host>();
  #network: Message[] = [];

  /** Runs one command; the answer is its output, without a line break at the end. */
  run(command: Command): string {
    const lines = this.#run(command);
    if (command.options.has("quiet")) return "ok";
    return lines.length === 0 ? "ok" : lines.join("\n");
  }

  #run({ name, words, options }: Command): string[] {
    const first = words[0] ?? "";
    switch (name) {
      case "add-node":
        return this.#addNode(BigInt(first), options);
      case "tick":
        for (let i = Number(words[1] ?? 1); i > 0; i--) this.#host(first).node.tick();
        return [];
      case "campaign":
        this.#host(first).node.campaign();
        return [];
      case "propose":
        return [this.#host(first).node.propose(utf8(words.slice(1).join(" ")))];
      case "propose-change":
        return [this.#proposeChange(first, words.slice(1), options)];
      case "read-index":
        return [this.#host(first).node.readIndex(utf8(words[1] ?? ""))];
      case "transfer-leader":
        this.#host(first).node.transferLeader(BigInt(words[1] ?? 0));
        return [];
      case "forget-leader":
        this.#host(first).node.forgetLeader();
        return [];
      case "report-unreachable":
        this.#host(first).node.reportUnreachable(BigInt(words[1] ?? 0));
        return [];
      case "report-snapshot": {
        const outcome = words[2] === "failure" ? "failure" : "finish";
        this.#host(first).node.reportSnapshot(BigInt(words[1] ?? 0), outcome);
        return [];
      }
      case "ready":
        return this.#processReady(this.#host(first));
      case "deliver":
        return this.#deliver(this.#ids(words));
      case "drop":
        return this.#drop(this.#ids(words), options);
      case "stabilize":
        return this.#stabilize(this.#ids(words));
      case "compact":
        this.#host(first).log.compact(Number(words[1]));
        return [];
      case "restart":
        this.#restart(this.#host(first));
        return [];
      case "status":
        return this.#status(this.#host(first));
      case "log":
        return this.#log(this.#host(first));
      case "state":
        return [`${this.#host(first).state.join(" ")}`];
      default:
        return [`unknown command ${name}`];
    }
  }

  #host(word: string): Host {
    const host = this.#hosts.get(BigInt(word));
    assert(host !== undefined, `script: no node ${word}`);
    return host;
  }

  #ids(words: readonly string[]): MemberId[] {
    return words.length === 0 ? [...this.#hosts.keys()] : words.map(BigInt);
  }

  #addNode(id: MemberId, options: Command["options"]): string[] {
    const list = (key: string): bigint[] =>
      (options.get(key) ?? "").split(",").filter(Boolean).map(BigInt);
    const number = (key: string, fallback: number): number => Number(options.get(key) ?? fallback);
    const confState: ConfState = {
      voters: list("voters"),
      learners: list("learners"),
      votersOutgoing: list("outgoing"),
      learnersNext: [],
      autoLeave: false,
    };
    const log = new MemoryLog();
    const index = number("index", 0);
    const state: string[] = options.has("index") ? ["start"] : [];
    if (index > 0) {
      log.applySnapshot({ data: utf8("start"), metadata: { confState, index, term: 1 } });
      log.setHardState({ term: 1, vote: 0n, commit: index });
    }
    const config = {
      id,
      electionTicks: number("election", 3),
      heartbeatTicks: number("heartbeat", 1),
      storage: log,
      ...etcdLimits,
      maxMessageBytes: number("max-message", etcdLimits.maxMessageBytes),
      maxInflightMessages: number("inflight", etcdLimits.maxInflightMessages),
      maxUncommittedBytes: number("max-uncommitted", 0),
      maxCommittedBytesPerReady: number("max-committed", etcdLimits.maxCommittedBytesPerReady),
      checkQuorum: options.has("check-quorum"),
      preVote: options.has("pre-vote"),
      random: {
        uint32: () => 0,
        below: (bound: number) => Number(id) % bound,
        chance: () => false,
      },
    };
    const { hardState } = log;
    const node = new RawNode({ ...config, applied: index, hardState, confState });
    this.#hosts.set(id, { id, config, log, node, confState, applied: index, state });
    return [];
  }

  #restart(host: Host): void {
    const { applied, confState, log } = host;
    const { hardState } = log;
    host.node = new RawNode({ ...host.config, applied, hardState, confState });
  }

  #proposeChange(word: string, changes: readonly string[], options: Command["options"]): string {
    const { node } = this.#host(word);
    const singles = changes.map((change) => ({
      type: changeTypes[change.charAt(0)] ?? ConfChangeType.ConfChangeUpdateNode,
      nodeId: BigInt(change.slice(1)),
    }));
    const context = new Uint8Array(0);
    const only = singles[0];
    if (!options.has("v2") && only !== undefined && singles.length === 1) {
      return node.proposeConfChange({ id: 0n, ...only, context });
    }
    const transition = transitions[options.get("transition") ?? "auto"] ?? 0;
    return node.proposeConfChangeV2({ transition, changes: singles, context });
  }

  #processReady(host: Host): string[] {
    if (!host.node.hasReady()) return ["nothing"];
    const ready = host.node.ready();
    const lines = describeReady(ready);
    const { log } = host;
    if (ready.hardState !== undefined) log.setHardState(ready.hardState);
    if (ready.snapshot !== undefined) {
      log.applySnapshot(ready.snapshot);
      const { index, confState } = ready.snapshot.metadata!;
      host.applied = index;
      host.confState = confState!;
      host.state = text(ready.snapshot.data).split(" ").filter(Boolean);
    }
    log.append(ready.entries);
    for (const entry of ready.committed) this.#apply(host, entry, lines);
    this.#network.push(...ready.messages);
    host.node.advance();
    return lines;
  }

  #apply(host: Host, entry: Entry, lines: string[]): void {
    assert(entry.index === host.applied + 1, `script: entry ${entry.index} applied out of order`);
    host.applied = entry.index;
    if (entry.type === EntryType.EntryNormal) {
      if (entry.data.length > 0) host.state.push(text(entry.data));
    } else {
      const change =
        entry.type === EntryType.EntryConfChange
          ? ConfChange.decode(entry.data)
          : ConfChangeV2.decode(entry.data);
      host.confState = host.node.applyConfChange(change);
      lines.push(`configuration ${describeConfState(host.confState)}`);
    }
    host.log.createSnapshot(entry.index, host.confState, utf8(host.state.join(" ")));
  }

  #deliver(ids: readonly MemberId[]): string[] {
    const lines: string[] = [];
    const due = this.#network.filter((message) => ids.includes(message.to));
    this.#network = this.#network.filter((message) => !ids.includes(message.to));
    for (const message of due) {
      const result = this.#hosts.get(message.to)?.node.step(message) ?? "no such node";
      lines.push(describeMessage(message) + (result === "ok" ? "" : ` (${result})`));
    }
    return lines;
  }

  #drop(ids: readonly MemberId[], options: Command["options"]): string[] {
    const from = options.get("from");
    const gone = (message: Message): boolean =>
      ids.includes(message.to) && (from === undefined || formatId(message.from) === from);
    const dropped = this.#network.filter(gone);
    this.#network = this.#network.filter((message) => !gone(message));
    return dropped.map((message) => `dropped ${describeMessage(message)}`);
  }

  #stabilize(ids: readonly MemberId[]): string[] {
    const lines: string[] = [];
    for (let round = 0; ; round++) {
      assert(round < 100, "script: the group does not come to rest");
      const before = lines.length;
      for (const id of ids) {
        const host = this.#host(String(id));
        while (host.node.hasReady()) {
          lines.push(`${formatId(id)} ready`);
          for (const line of this.#processReady(host)) lines.push(`  ${line}`);
        }
      }
      for (const id of ids) {
        const delivered = this.#deliver([id]);
        if (delivered.length > 0) lines.push(`${formatId(id)} receives`);
        for (const line of delivered) lines.push(`  ${line}`);
      }
      if (lines.length === before) return lines;
    }
  }

  #status(host: Host): string[] {
    const { term, vote, commit, applied, leader, role, leadTransferee, progress } =
      host.node.status();
    const transfer = leadTransferee === 0n ? "" : ` transferring-to=${formatId(leadTransferee)}`;
    return [
      `${role} term=${term} vote=${formatId(vote)} leader=${formatId(leader)} commit=${commit} applied=${applied}${transfer}`,
      ...[...progress].map(([id, member]) => `${formatId(id)}: ${describeProgress(member)}`),
    ];
  }

  #log({ log }: Host): string[] {
    const low = log.firstIndex();
    const lines = [`first=${low} last=${log.lastIndex()}`];
    if (log.lastIndex() < low) return lines;
    const entries = log.entries(low, log.lastIndex() + 1, Number.MAX_SAFE_INTEGER);
    return typeof entries === "string" ? [entries] : [...lines, ...entries.map(describeEntry)];
  }
}
