// One raft group of three, some members etcd's own raft and some ours, tormented by one seed: messages
// lost, doubled, delayed, a member cut off, leaders moved, members demoted and promoted, restarts,
// logs cut short. What is checked: one leader a term, equal entries at each index, no gap, no stale
// read, and that all have applied the same once the faults cease.
import { emptyBytes, utf8 } from "#base/bytes.ts";
import { type Random, seededRandom } from "#base/random.ts";
import { ConfChangeType, MessageType } from "#proto/gen/raft.ts";
import { GoHost, type Told } from "./go-host.ts";
import { type Outcome, OwnMember } from "./own-member.ts";

const all = [1, 2, 3];
/** Turns without faults at the end; enough for elections and for a snapshot. */
const calmTurns = 1500;

interface Flying {
  readonly from: number;
  readonly to: number;
  readonly type: number;
  readonly bytes: Uint8Array;
}

export interface GroupOptions {
  readonly seed: number;
  /** Turns with faults. */
  readonly turns: number;
  /** Which of 1, 2, 3 are ours. */
  readonly ours: readonly number[];
}

/** How often what happened; members that are ours and etcd's apart. */
export type Counts = Map<string, number>;

export class MixedGroup implements Outcome {
  readonly counts: Counts = new Map();
  private readonly options: GroupOptions;
  private readonly random: Random;
  private readonly go: GoHost;
  private readonly own = new Map<number, OwnMember>();
  private flying: Flying[] = [];
  private readonly applied = new Map<number, number>(all.map((id) => [id, 1]));
  private readonly history: string[] = [];
  private highest = 1;
  private readonly leaders = new Map<number, number>();
  private readonly voters = new Map<number, readonly number[]>();
  /** The index that was applied somewhere when a read was asked for. */
  private readonly floors = new Map<string, number>();
  /** Who answered the read that is being delivered. */
  private answerer = 0;
  private cut = 0;
  private calm = false;

  private constructor(options: GroupOptions, go: GoHost) {
    this.options = options;
    this.go = go;
    this.random = seededRandom(options.seed);
    for (const id of options.ours) this.own.set(id, new OwnMember(id, all, this.random, this));
  }

  /** Runs a seed to its end; throws what was violated. */
  static async run(options: GroupOptions): Promise<Counts> {
    const go = await GoHost.start(options.seed);
    try {
      const group = new MixedGroup(options, go);
      await group.run();
      return group.counts;
    } finally {
      go.stop();
    }
  }

  private async run(): Promise<void> {
    const { turns } = this.options;
    for (const id of all) if (!this.own.has(id)) await this.tell(`new ${id} ${all.join(",")}`);
    for (let turn = 0; turn < turns + calmTurns; turn++) {
      this.calm = turn >= turns;
      if (this.calm) this.cut = 0;
      if (turn % 3 === 0) await this.tick();
      if (!this.calm) await this.actOn(1 + this.random.below(3), turn);
      // The last word: what shows that all are alive.
      else if (turn === turns + calmTurns / 2) for (const id of all) await this.propose(id, turn);
      const due = this.flying;
      this.flying = [];
      for (const message of due) await this.carry(message);
    }
    const ends = all.map((id) => this.applied.get(id));
    if (new Set(ends).size !== 1 || this.highest !== ends[0]) {
      throw new Error(
        `after all faults ceased they have applied ${ends.join(", ")}:\n${await this.statuses()}`,
      );
    }
  }

  /** A line a member, for whoever looks for the reason of a failure. */
  private async statuses(): Promise<string> {
    const lines: string[] = [];
    for (const id of all) {
      const own = this.own.get(id);
      const who = `${id} ${this.kind(id)}, voters ${this.voters.get(id)?.join(",")}:`;
      if (own !== undefined) {
        lines.push(`${who} last ${own.log.lastIndex()} ${statusText(own.node.status())}`);
      } else {
        const told = await this.go.run(`status ${id}`);
        lines.push(`${who} ${told.find(([what]) => what === "status")?.[2] ?? "?"}`);
      }
    }
    return lines.join("\n");
  }

  // ── what members do ────────────────────────────────────────────────────────────────────────────

  send(from: number, to: number, type: number, bytes: Uint8Array): void {
    this.flying.push({ from, to, type, bytes });
  }

  apply(member: number, entry: { index: number; term: number; type: number; data: string }): void {
    const { index } = entry;
    const before = this.applied.get(member)!;
    if (index !== before + 1) throw new Error(`${member} applied ${index} after ${before}`);
    this.applied.set(member, index);
    const what = `term ${entry.term} type ${entry.type} ${entry.data}`;
    const known = this.history[index];
    if (known === undefined) this.history[index] = what;
    else if (known !== what) {
      throw new Error(`${member} applied at ${index}: ${what}; another did: ${known}`);
    }
    this.highest = Math.max(this.highest, index);
  }

  read(member: number, index: number, context: string): void {
    const floor = this.floors.get(context) ?? 0;
    if (index >= floor) {
      this.count(`reads of ${this.kind(member)}`);
      return;
    }
    // etcd's raft: a leader that was demoted while one voter was left takes itself for that one and
    // answers without asking. Its server never demotes.
    const { answerer } = this;
    const voters = this.voters.get(answerer) ?? [];
    if (!this.own.has(answerer) && voters.length === 1 && voters[0] !== answerer) {
      this.count("outdated reads of a demoted etcd leader");
      return;
    }
    throw new Error(
      `a read through ${member}, answered by ${answerer}, is at ${index}, not at ${floor}`,
    );
  }

  installed(member: number, index: number): void {
    this.applied.set(member, index);
    this.count(`snapshots installed by ${this.kind(member)}`);
  }

  now(member: number, state: { term: number; leads: boolean; voters: readonly number[] }): void {
    this.voters.set(member, state.voters);
    if (!state.leads) return;
    const leader = this.leaders.get(state.term);
    if (leader === undefined) {
      this.leaders.set(state.term, member);
      this.count(`terms led by ${this.kind(member)}`);
    } else if (leader !== member) {
      throw new Error(`${leader} and ${member} both lead term ${state.term}`);
    }
  }

  // ── what is done to members ────────────────────────────────────────────────────────────────────

  private async tick(): Promise<void> {
    for (const id of all) {
      if (this.calm || this.random.chance(0.9)) {
        await this.act(id, `tick ${id}`, (member) => member.node.tick());
      }
    }
  }

  private async actOn(id: number, turn: number): Promise<void> {
    const { random } = this;
    const dice = random.below(1000);
    if (dice < 200) await this.propose(id, turn);
    else if (dice < 260) await this.ask(id, turn);
    else if (dice < 270) {
      const to = 1 + random.below(3);
      await this.act(id, `transfer ${id} ${to}`, (member) =>
        member.node.transferLeader(BigInt(to) as never),
      );
    } else if (dice < 273) this.cut = random.below(4);
    else if (dice < 280) await this.act(id, `compact ${id}`, (member) => member.compact());
    else if (dice < 290) await this.reconfigure(id);
    else if (dice < 300) {
      this.count(`restarts of ${this.kind(id)}`);
      await this.act(id, `restart ${id}`, (member) => member.restart());
    }
  }

  private propose(id: number, turn: number): Promise<void> {
    return this.act(
      id,
      `propose ${id} p${turn}`,
      (member) => void member.node.propose(utf8(`p${turn}`)),
    );
  }

  private ask(id: number, turn: number): Promise<void> {
    const context = `r${turn}`;
    this.floors.set(context, this.highest);
    this.answerer = id;
    return this.act(
      id,
      `read ${id} ${context}`,
      (member) => void member.node.readIndex(utf8(context)),
    );
  }

  private async reconfigure(id: number): Promise<void> {
    const { ConfChangeAddLearnerNode, ConfChangeAddNode } = ConfChangeType;
    const type = this.random.chance(0.33) ? ConfChangeAddLearnerNode : ConfChangeAddNode;
    const node = 1 + this.random.below(3);
    const change = { id: 0n, type, nodeId: BigInt(node), context: emptyBytes };
    this.count(`changes proposed to ${this.kind(id)}`);
    await this.act(
      id,
      `conf ${id} ${type} ${node}`,
      (member) => void member.node.proposeConfChange(change),
    );
  }

  private async carry(message: Flying): Promise<void> {
    const { calm, random } = this;
    const { from, to, type } = message;
    const isSnapshot = type === MessageType.MsgSnap;
    if (!calm && (random.chance(0.03) || to === this.cut || from === this.cut)) {
      if (isSnapshot) await this.report(message, "snapfail");
      else if (random.chance(0.3)) await this.report(message, "unreachable");
      return;
    }
    if (!calm && random.chance(0.1)) {
      this.flying.push(message);
      return;
    }
    await this.deliver(message);
    if (isSnapshot) await this.report(message, "snapok");
    if (!calm && random.chance(0.02)) await this.deliver(message);
  }

  private async deliver({ from, to, type, bytes }: Flying): Promise<void> {
    this.count(`messages of ${this.kind(from)} to ${this.kind(to)}`);
    this.answerer = type === MessageType.MsgReadIndexResp ? from : to;
    const command = `step ${to} ${Buffer.from(bytes).toString("base64")}`;
    await this.act(to, command, (member) => member.step(bytes));
  }

  private report({ from, to }: Flying, what: "snapfail" | "snapok" | "unreachable"): Promise<void> {
    const peer = BigInt(to) as never;
    return this.act(from, `${what} ${from} ${to}`, ({ node }) => {
      if (what === "unreachable") node.reportUnreachable(peer);
      else node.reportSnapshot(peer, what === "snapok" ? "finish" : "failure");
    });
  }

  private async act(
    id: number,
    command: string,
    onOwn: (member: OwnMember) => void,
  ): Promise<void> {
    const member = this.own.get(id);
    if (member === undefined) {
      await this.tell(command);
      return;
    }
    onOwn(member);
    member.drain();
  }

  private async tell(command: string): Promise<void> {
    for (const told of await this.go.run(command)) this.heard(told);
  }

  private heard([what, member, ...rest]: Told): void {
    const id = Number(member);
    const [first, second, third, data] = rest;
    if (what === "msg") {
      this.send(id, Number(first), Number(second), Buffer.from(third ?? "", "base64"));
    } else if (what === "apply") {
      const entry = { index: Number(first), term: Number(second), type: Number(third) };
      this.apply(id, { ...entry, data: data ?? "" });
    } else if (what === "read") this.read(id, Number(first), second ?? "");
    else if (what === "snap") this.installed(id, Number(first));
    else {
      const voters = (third ?? "").split(",").map(Number);
      this.now(id, { term: Number(first), leads: second === "StateLeader", voters });
    }
  }

  private kind(member: number): "ours" | "etcd" {
    return this.own.has(member) ? "ours" : "etcd";
  }

  private count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }
}

function statusText(status: unknown): string {
  return JSON.stringify(status, (_, value) => {
    if (typeof value === "bigint") return Number(value);
    return value instanceof Map || value instanceof Set ? [...value] : value;
  });
}
