// A whole cluster in one process under virtual time, driven and tormented by one seed: clients that
// write, read and change the membership, a network that loses, doubles, delays and cuts, members
// that stop, sleep and lose what they had not synced. At the end all faults cease, and every member
// must have applied the same.

import { assert } from "#base/assert.ts";
import { uint64Bytes } from "#base/bytes.ts";
import type { MemberId } from "#base/ids.ts";
import { type Random, seededRandom } from "#base/random.ts";
import {
  ConfChangeTransition,
  ConfChangeType,
  type ConfState,
  Message,
  MessageType,
} from "#proto/gen/raft.ts";
import type { RawNode } from "#server/raft/raw-node.ts";
import { Checkers, Violation } from "./checkers.ts";
import { Counters } from "./counters.ts";
import { Timeline } from "./events.ts";
import { type NodeHabits, type NodePorts, noConfState, proposalData, SimNode } from "./sim-node.ts";

export interface WorldOptions {
  readonly seed: number;
  /** Voters of the first configuration: 1, 3 or 5. One voter has two learners. */
  readonly members: number;
  /** How long faults last; then the cluster heals. */
  readonly stormMs: number;
}

interface Cut {
  readonly from: ReadonlySet<bigint>;
  readonly to: ReadonlySet<bigint>;
  readonly oneWay: boolean;
  readonly untilMs: number;
}

const healMs = 20_000;
const spareMembers = 4;

export class World {
  readonly counters = new Counters();
  readonly checkers = new Checkers();
  readonly timeline = new Timeline();
  readonly nodes: SimNode[] = [];
  private readonly random: Random;
  private readonly options: WorldOptions;
  private readonly cuts: Cut[] = [];
  private readonly proposals = new Map<string, { node: SimNode; life: number }>();
  private readonly reads = new Map<bigint, { node: SimNode; life: number; wanted: number }>();
  private nextId = 1;
  private healing = false;
  private appliedLastWrite = false;
  private loss = 0;
  private doubling = 0;
  private delayMs = 5;
  private reordering = 0.02;
  /** How likely a member that has just won an election is cut off or crashes at once. */
  private hunt = 0;
  private readonly slowCrashChance: number;

  constructor(options: WorldOptions) {
    this.options = options;
    this.random = seededRandom(options.seed);
    const voters = Array.from({ length: options.members }, (_, i) => BigInt(i + 1));
    const learners = options.members === 1 ? [2n, 3n] : [];
    const began = voters.length + learners.length;
    const first: ConfState = { ...noConfState, voters, learners };
    const ports: NodePorts = {
      timeline: this.timeline,
      random: this.random,
      checkers: this.checkers,
      counters: this.counters,
      send: (from, message) => this.send(from, message),
      applied: (node, data) => this.applied(node, data),
      readAnswered: (node, context, index) => this.readAnswered(node, context, index),
      elected: (node) => this.huntLeader(node),
      appliedEarlier: (node) => this.dropLeader(node),
      enteredJoint: (node) => this.splitJoint(node),
      slowSync: (node, durationMs) => this.crashBeforeSynced(node, durationMs),
    };
    const slowDisks = this.random.chance(0.5);
    this.slowCrashChance = slowDisks ? 0.1 : 0.3;
    const habits: NodeHabits = {
      // Some groups send entries one by one: a log that is replicated in part is then common.
      maxMessageBytes: [0, 0, 64, 256][this.random.below(4)]!,
      slowSyncChance: slowDisks ? 0.3 : 0.02,
      slowSyncMs: slowDisks ? 300 : 1500,
    };
    for (let i = 1; i <= began + spareMembers; i++) {
      const initial =
        i <= began
          ? { index: 1, term: 1, digest: 0, confState: first }
          : { index: 0, term: 0, digest: 0, confState: noConfState };
      this.nodes.push(new SimNode(BigInt(i) as MemberId, initial, habits, ports));
    }
    for (const node of this.nodes) if (node.id <= BigInt(began)) node.start();
  }

  /** Runs storm and healing. Throws Violation, or what raft itself asserts. */
  run(): void {
    this.changeWeather();
    this.actLater();
    this.timeline.runUntil(this.options.stormMs);
    this.heal();
    this.timeline.runUntil(this.options.stormMs + healMs);
    this.checkHealed();
  }

  private up(): SimNode[] {
    return this.nodes.filter((node) => node.raw !== undefined);
  }

  private pick<T>(from: readonly T[]): T | undefined {
    return from.length === 0 ? undefined : from[this.random.below(from.length)];
  }

  private leader(): SimNode | undefined {
    return this.up().find((node) => node.role === "leader" && !node.isPaused);
  }

  private changeWeather(): void {
    if (this.healing) return;
    const { random } = this;
    const rough = random.chance(0.4);
    this.loss = rough ? random.below(25) / 100 : random.below(3) / 100;
    this.doubling = rough ? random.below(15) / 100 : 0.01;
    this.delayMs = rough ? 1 + random.below(150) : 1 + random.below(10);
    this.reordering = rough ? 0.1 : 0.02;
    this.hunt = random.chance(0.5) ? 0.8 : 0.05;
    this.timeline.after(2000 + random.below(6000), () => this.changeWeather());
  }

  private actLater(): void {
    this.timeline.after(2 + this.random.below(40), () => {
      if (this.healing) return;
      this.act();
      this.actLater();
    });
  }

  private act(): void {
    const { random } = this;
    const dice = random.below(10_000);
    if (dice < 5000) this.write();
    else if (dice < 6500) this.read();
    else if (dice < 6540) this.crash();
    else if (dice < 6580) this.pause();
    else if (dice < 6620) this.cut();
    else if (dice < 6650) this.transfer();
    else if (dice < 6750) this.reconfigure();
    else if (dice < 6760) this.pick(this.up())?.input((raw) => raw.campaign());
    else if (dice < 6860) this.sendUnaskedState();
  }

  private write(): void {
    const node = this.pick(this.up());
    const id = this.nextId++;
    const data = proposalData(id);
    node?.input((raw) => {
      if (raw.propose(data) !== "ok") return;
      this.proposals.set(keyOf(data), { node, life: node.life });
    });
  }

  private applied(node: SimNode, data: Uint8Array): void {
    const key = keyOf(data);
    if (key === lastWrite) this.appliedLastWrite = true;
    const proposal = this.proposals.get(key);
    if (proposal === undefined || proposal.node !== node) return;
    this.proposals.delete(key);
    if (proposal.life === node.life) this.counters.add("write acknowledged");
  }

  private read(): void {
    const node = this.pick(this.up());
    const id = BigInt(this.nextId++);
    node?.input((raw) => {
      // Asked for now: whatever is committed by now must be seen.
      const wanted = this.checkers.highestCommitted;
      if (raw.readIndex(uint64Bytes(id)) !== "ok") return;
      this.reads.set(id, { node, life: node.life, wanted });
    });
  }

  private readAnswered(node: SimNode, context: Uint8Array, index: number): void {
    const id = new DataView(context.buffer, context.byteOffset, 8).getBigUint64(0);
    const read = this.reads.get(id);
    if (read === undefined || read.node !== node || read.life !== node.life) return;
    this.reads.delete(id);
    this.checkers.read(node.id, index, read.wanted);
    this.counters.add(
      node.role === "leader" ? "read answered by the leader" : "read answered to a follower",
    );
  }

  private crash(): void {
    const { random } = this;
    // Now and then everybody at once: the power of the whole room.
    const victims = random.chance(0.1) ? this.up() : [this.pick(this.up())];
    for (const node of victims) {
      if (node === undefined) continue;
      this.crashOne(node, 200 + random.below(5000));
    }
  }

  private crashOne(node: SimNode, downMs: number): void {
    node.crash();
    this.timeline.after(downMs, () => this.restart(node));
  }

  private restart(node: SimNode): void {
    if (node.raw !== undefined || node.removed) return;
    node.start();
    this.counters.add("restart");
  }

  private pause(): void {
    const node = this.pick(this.up());
    if (node === undefined) return;
    node.pausedUntilMs = this.timeline.nowMs + 200 + this.random.below(6000);
    this.counters.add("pause");
  }

  private cut(): void {
    const { random } = this;
    const side = new Set(
      this.nodes.filter(() => random.chance(0.4)).map((node) => node.id as bigint),
    );
    // Often it is the leader that is alone: that is where old leaders come from.
    const leader = this.leader();
    if (leader !== undefined && random.chance(0.5)) {
      side.clear();
      side.add(leader.id);
    }
    const others = new Set(
      this.nodes.map((node) => node.id as bigint).filter((id) => !side.has(id)),
    );
    const oneWay = random.chance(0.3);
    this.counters.add(oneWay ? "one-way partition" : "partition");
    const untilMs = this.timeline.nowMs + 500 + random.below(8000);
    this.cuts.push(
      random.chance(0.5)
        ? { from: side, to: others, oneWay, untilMs }
        : { from: others, to: side, oneWay, untilMs },
    );
  }

  /**
   * A leader that disappears right after its election leaves entries behind that few have: figure 8
   * of the paper needs several in a row.
   */
  private huntLeader(leader: SimNode): void {
    const { random, timeline } = this;
    if (this.healing || !random.chance(this.hunt)) return;
    const { life } = leader;
    timeline.after(random.below(80), () => {
      if (this.healing || leader.life !== life) return;
      this.counters.add("new leader lost at once");
      if (random.chance(0.3)) {
        this.crashOne(leader, 100 + random.below(1000));
      } else {
        this.isolate(new Set([leader.id]), 500 + random.below(2500));
      }
    });
  }

  /** Whoever has not yet got the leader's own entries may now elect one that has neither. */
  private dropLeader(leader: SimNode): void {
    const { random } = this;
    if (this.healing || !random.chance(this.hunt / 4)) return;
    this.counters.add("leader lost before its own entries");
    this.isolate(new Set([leader.id]), 500 + random.below(2500));
  }

  /**
   * The leader acts by a joint configuration that others have not applied: now its incoming half
   * alone can hear it, so that what it commits must wait for the outgoing one.
   */
  private splitJoint(node: SimNode): void {
    const { random } = this;
    if (this.healing || node.role !== "leader" || !random.chance(0.6)) return;
    const { voters } = node.app.confState;
    const side = new Set([node.id as bigint]);
    const rest = voters.filter((id) => id !== node.id);
    while (side.size < Math.floor(voters.length / 2) + 1 && rest.length > 0) {
      side.add(rest.splice(random.below(rest.length), 1)[0]!);
    }
    this.counters.add("joint configuration split");
    this.isolate(side, 1500 + random.below(6000));
  }

  /** A leader's disk takes long; what it told others by then must outlive what the disk loses. */
  private crashBeforeSynced(node: SimNode, durationMs: number): void {
    const { random, timeline } = this;
    if (this.healing || node.role !== "leader" || !random.chance(this.slowCrashChance)) return;
    const { life } = node;
    timeline.after(random.below(durationMs), () => {
      if (this.healing || node.life !== life) return;
      this.counters.add("leader crashed while its disk was slow");
      this.crashOne(node, 100 + random.below(2000));
    });
  }

  private isolate(side: ReadonlySet<bigint>, durationMs: number): void {
    const ids = this.nodes.map((node) => node.id as bigint);
    const others = new Set(ids.filter((id) => !side.has(id)));
    const untilMs = this.timeline.nowMs + durationMs;
    this.cuts.push({ from: side, to: others, oneWay: false, untilMs });
  }

  private isCut(from: bigint, to: bigint): boolean {
    const { nowMs } = this.timeline;
    while (this.cuts.length > 0 && this.cuts[0]!.untilMs <= nowMs) this.cuts.shift();
    return this.cuts.some(
      (cut) =>
        cut.untilMs > nowMs &&
        ((cut.from.has(from) && cut.to.has(to)) ||
          (!cut.oneWay && cut.from.has(to) && cut.to.has(from))),
    );
  }

  private transfer(): void {
    const leader = this.leader();
    const target = this.pick(leader?.app.confState.voters ?? []);
    if (leader === undefined || target === undefined) return;
    this.counters.add("leadership transfer");
    leader.input((raw) => raw.transferLeader(target as MemberId));
  }

  /** A leader may take a member for further behind than it is: its state comes in the log's way. */
  private sendUnaskedState(): void {
    const leader = this.leader();
    const to = this.pick(leader?.app.confState.voters ?? []);
    if (leader?.raw === undefined || to === undefined || to === leader.id) return;
    const { role, term } = leader.raw.status();
    if (role !== "leader") return;
    this.counters.add("state sent unasked");
    const message = { type: MessageType.MsgSnap, from: leader.id, to, term };
    this.send(leader.id, leader.withState(Message.fromPartial(message)));
  }

  private reconfigure(): void {
    const leader = this.leader();
    if (leader === undefined) return;
    const { voters, learners } = leader.app.confState;
    const { random } = this;
    const fresh = this.nodes.find(
      (node) => node.life === 0 && !voters.includes(node.id) && !learners.includes(node.id),
    );
    const dice = random.below(10);
    // One voter and its learners for a while: nobody else holds what it acknowledged to itself.
    if (this.options.members === 1 && this.timeline.nowMs < this.options.stormMs / 2) return;
    const change = (type: ConfChangeType, nodeId: bigint): void =>
      leader.input(
        (raw) => void raw.proposeConfChange({ id: 0n, type, nodeId, context: new Uint8Array(0) }),
      );
    if (dice < 4 && fresh !== undefined && voters.length < 7) {
      if (fresh.raw === undefined) fresh.start();
      const learner = random.chance(0.5);
      const type = learner
        ? ConfChangeType.ConfChangeAddLearnerNode
        : ConfChangeType.ConfChangeAddNode;
      change(type, fresh.id);
    } else if (dice < 6 && learners.length > 0) {
      change(ConfChangeType.ConfChangeAddNode, learners[0]!);
    } else if (dice < 7 && voters.length > 3) {
      change(ConfChangeType.ConfChangeRemoveNode, this.pick(voters)!);
    } else if (voters.length > 2) {
      this.changeJointly(leader, fresh);
    }
  }

  private changeJointly(leader: SimNode, fresh: SimNode | undefined): void {
    const { voters, learners } = leader.app.confState;
    const leave = ConfChangeType.ConfChangeRemoveNode;
    const changes = [{ type: leave, nodeId: this.pick(voters)! }];
    const second = this.pick(voters)!;
    if (voters.length > 4 && second !== changes[0]!.nodeId) {
      // Old and new majorities that need not meet.
      changes.push({ type: leave, nodeId: second });
    }
    const [learner] = learners;
    if (learner !== undefined) {
      changes.push({ type: ConfChangeType.ConfChangeAddNode as never, nodeId: learner });
    } else if (fresh !== undefined) {
      if (fresh.raw === undefined) fresh.start();
      changes.push({ type: ConfChangeType.ConfChangeAddNode as never, nodeId: fresh.id });
    }
    leader.input(
      (raw: RawNode) =>
        void raw.proposeConfChangeV2({
          transition: ConfChangeTransition.ConfChangeTransitionJointImplicit,
          changes,
          context: new Uint8Array(0),
        }),
    );
  }

  private send(from: MemberId, message: Message): void {
    const { counters, random } = this;
    const isSnapshot = message.type === MessageType.MsgSnap;
    const fate = (): void => {
      const to = this.nodes[Number(message.to) - 1];
      const cut = this.isCut(from, message.to);
      const dropped = !cut && random.chance(this.loss);
      if (cut) counters.add("message cut by a partition");
      if (dropped) counters.add("message dropped");
      if (cut || dropped || to?.raw === undefined) {
        this.snapshotFate(isSnapshot, from, message, false);
      } else {
        this.deliver(from, to, message, isSnapshot);
      }
    };
    fate();
    if (!isSnapshot && random.chance(this.doubling)) {
      counters.add("message doubled");
      fate();
    }
  }

  private snapshotFate(isSnapshot: boolean, from: MemberId, message: Message, ok: boolean): void {
    if (!isSnapshot) return;
    const sender = this.nodes[Number(from) - 1]!;
    const { life } = sender;
    this.timeline.after(1 + this.random.below(300), () => {
      if (sender.life !== life) return;
      sender.input((raw) => raw.reportSnapshot(message.to as MemberId, ok ? "finish" : "failure"));
    });
  }

  private deliver(from: MemberId, to: SimNode, message: Message, isSnapshot: boolean): void {
    const { random, timeline } = this;
    let delayMs = 1 + random.below(this.delayMs) + (isSnapshot ? 20 + random.below(400) : 0);
    if (random.chance(this.reordering)) {
      delayMs += random.below(random.chance(0.5) ? 100 : 1500);
      this.counters.add("message reordered");
    }
    const { life } = to;
    timeline.after(delayMs, () => {
      // A partition takes what is under way too.
      const arrives = to.life === life && to.raw !== undefined && !this.isCut(from, message.to);
      this.snapshotFate(isSnapshot, from, message, arrives);
      if (arrives) to.input((raw) => stepHonest(raw, { ...message }));
    });
  }

  private heal(): void {
    this.healing = true;
    this.cuts.length = 0;
    this.loss = 0;
    this.doubling = 0;
    this.delayMs = 5;
    this.reordering = 0;
    for (const node of this.nodes) {
      node.pausedUntilMs = 0;
      if (node.life > 0) this.restart(node);
    }
    // One write that must go through: without it nothing shows that the cluster lives.
    this.timeline.after(healMs / 2, () =>
      this.leader()?.input((raw) => void raw.propose(proposalData(lastWriteId))),
    );
  }

  private checkHealed(): void {
    const leader = this.leader();
    if (leader === undefined) throw new Violation("liveness", "no leader after all faults ceased");
    if (!this.appliedLastWrite) {
      throw new Violation("liveness", "a write after all faults ceased was not applied");
    }
    const { voters, learners } = leader.app.confState;
    for (const id of [...voters, ...learners]) {
      const node = this.nodes[Number(id) - 1]!;
      if (node.app.index !== leader.app.index || node.app.digest !== leader.app.digest) {
        throw new Violation(
          "liveness",
          `${id} applied ${node.app.index}, the leader ${leader.app.index}, after all faults ceased`,
        );
      }
    }
    if (leader.app.index < this.checkers.highestCommitted) {
      throw new Violation(
        "state machine safety",
        "a committed entry is gone after all faults ceased",
      );
    }
  }
}

const lastWriteId = 0;
const lastWrite = keyOf(proposalData(lastWriteId));

function keyOf(data: Uint8Array): string {
  return Buffer.from(data).toString("latin1");
}

/** Nobody lies here: a leader that counts on what a log does not hold has broken it. */
function stepHonest(raw: RawNode, message: Message): void {
  const result = raw.step(message);
  assert(
    result !== "contradicts-log" && result !== "ignored-second-leader",
    `${message.type} of term ${message.term}: ${result}`,
  );
}
