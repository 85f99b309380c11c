// A whole cluster in one process under virtual time, driven and tormented by one seed: clients that
// write and read (traffic.ts), members that come and go (reconfiguration.ts), a network that loses,
// doubles, delays and cuts (network.ts), members that stop, sleep and lose what they had not synced
// (faults.ts). At the end all faults cease, and every member must have applied the same.
import type { MemberId } from "#base/ids.ts";
import { seededRandom } from "#base/random.ts";
import type { ConfState } from "#proto/gen/raft.ts";
import { type AppState, emptyState, noConfState } from "./applied-state.ts";
import { Faults } from "./faults.ts";
import { Network } from "./network.ts";
import { Reconfiguration } from "./reconfiguration.ts";
import { type NodeHabits, type NodePorts, SimNode } from "./sim-node.ts";
import { Stage } from "./stage.ts";
import { Traffic } from "./traffic.ts";
import { Violation } from "./violation.ts";

export interface WorldOptions {
  readonly seed: number;
  /** Voters of the first configuration: 1, 3 or 5. One voter has two learners. */
  readonly members: number;
  /** How long faults last; then the cluster heals. */
  readonly stormMs: number;
}

const healMs = 20_000;

export class World {
  readonly stage: Stage;
  private readonly options: WorldOptions;
  private readonly network: Network;
  private readonly faults: Faults;
  private readonly traffic: Traffic;
  private readonly reconfiguration: Reconfiguration;
  private readonly ports: NodePorts;
  private readonly habits: NodeHabits;

  constructor(options: WorldOptions) {
    this.options = options;
    const random = seededRandom(options.seed);
    const stage = new Stage(random);
    this.stage = stage;
    const slowDisks = random.chance(0.5);
    this.network = new Network(stage);
    this.faults = new Faults(stage, this.network, slowDisks ? 0.1 : 0.3);
    this.traffic = new Traffic(stage);
    const { faults, network, traffic } = this;
    this.reconfiguration = new Reconfiguration({
      stage,
      network,
      faults,
      newcomer: () => this.add(emptyState),
    });
    const { checkers, counters, timeline } = stage;
    this.ports = {
      timeline,
      random,
      checkers,
      counters,
      send: (from, message) => network.send(from, message),
      applied: (node, data) => traffic.applied(node, data),
      readAnswered: (node, context, index) => traffic.readAnswered(node, context, index),
      elected: (node) => faults.huntLeader(node),
      appliedEarlier: (node) => faults.dropLeader(node),
      enteredJoint: (node) => faults.splitJoint(node),
      slowSync: (node, durationMs) => faults.crashBeforeSynced(node, durationMs),
      installing: (node, durationMs) => faults.crashInInstall(node, durationMs),
      changeWaits: (node) => faults.overtakeChange(node),
      holds: (id, index, term) => stage.node(id)?.disk.durable.holds(index, term) === true,
      termOf: (id) => stage.node(id)?.disk.durable.hardState.term ?? 0,
      lingerMs: () => this.reconfiguration.lingerMs(),
    };
    this.habits = {
      // Some groups send entries one by one: a log that is replicated in part is then common.
      maxMessageBytes: [0, 0, 64, 256][random.below(4)]!,
      slowSyncChance: slowDisks ? 0.3 : 0.02,
      slowSyncMs: slowDisks ? 300 : 1500,
    };
    this.begin();
  }

  private begin(): void {
    const voters = Array.from({ length: this.options.members }, (_, i) => BigInt(i + 1));
    const learners = voters.length === 1 ? [2n, 3n] : [];
    const confState: ConfState = { ...noConfState, voters, learners };
    this.stage.checkers.configurations.applied(0n, 1, confState);
    const initial = { ...emptyState, index: 1, term: 1, confState };
    for (const _ of [...voters, ...learners]) this.add(initial);
    for (const node of this.stage.nodes) node.start();
  }

  private add(initial: AppState): SimNode {
    const { nodes } = this.stage;
    const node = new SimNode(
      BigInt(nodes.length + 1) as MemberId,
      initial,
      this.habits,
      this.ports,
    );
    nodes.push(node);
    return node;
  }

  /** Runs storm and healing. Throws Violation, or what raft itself asserts. */
  run(): void {
    const { timeline } = this.stage;
    this.changeWeather();
    this.actLater();
    timeline.runUntil(this.options.stormMs);
    this.heal();
    timeline.runUntil(this.options.stormMs + healMs);
    this.checkHealed();
  }

  private changeWeather(): void {
    if (this.stage.healing) return;
    this.network.changeWeather();
    this.faults.changeWeather();
    const nextMs = 2000 + this.stage.random.below(6000);
    this.stage.timeline.after(nextMs, () => this.changeWeather());
  }

  private actLater(): void {
    const { random, timeline } = this.stage;
    timeline.after(2 + random.below(40), () => {
      if (this.stage.healing) return;
      this.act();
      this.actLater();
    });
  }

  private act(): void {
    const { faults, network, reconfiguration, stage, traffic } = this;
    const dice = stage.random.below(10_000);
    if (dice < 5000) traffic.write();
    else if (dice < 6500) traffic.read();
    else if (dice < 6540) faults.crash();
    else if (dice < 6580) faults.pause();
    else if (dice < 6620) network.cut();
    else if (dice < 6660) reconfiguration.transfer();
    else if (dice < 6760) this.reconfigure();
    else if (dice < 6770) stage.pick(stage.up())?.input((raw) => raw.campaign());
    else if (dice < 6870) faults.sendUnaskedState();
    else if (dice < 6890) faults.jumpClock();
    else if (dice < 6940) faults.checkpoint();
    else if (dice < 6960) reconfiguration.bringBack();
  }

  private reconfigure(): void {
    // One voter and its learners for a while: nobody else holds what it acknowledged to itself.
    const { nowMs } = this.stage.timeline;
    if (this.options.members === 1 && nowMs < this.options.stormMs / 2) return;
    this.reconfiguration.change();
  }

  private heal(): void {
    const { stage } = this;
    stage.healing = true;
    this.network.heal();
    this.reconfiguration.heal();
    for (const node of stage.nodes) {
      node.pausedUntilMs = 0;
      this.faults.restart(node);
    }
    stage.timeline.after(healMs / 2, () => this.traffic.writeLast());
  }

  private checkHealed(): void {
    const { stage } = this;
    const leader = stage.leader();
    if (leader === undefined) throw new Violation("liveness", "no leader after all faults ceased");
    if (!this.traffic.appliedLastWrite) {
      throw new Violation("liveness", "a write after all faults ceased was not applied");
    }
    const { voters, learners } = leader.app.confState;
    for (const id of [...voters, ...learners]) {
      const { app } = stage.node(id)!;
      if (app.index !== leader.app.index || app.digest !== leader.app.digest) {
        throw new Violation(
          "liveness",
          `${id} applied ${app.index}, the leader ${leader.app.index}, after all faults ceased`,
        );
      }
    }
    if (leader.app.index < stage.checkers.highestCommitted) {
      throw new Violation(
        "state machine safety",
        "a committed entry is gone after all faults ceased",
      );
    }
  }
}
