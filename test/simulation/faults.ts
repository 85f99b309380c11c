// What befalls members: crashes, pauses, clocks that jump, and faults that aim at the moments in which
// something could be lost.
import { Message, MessageType } from "#proto/gen/raft.ts";
import type { Network } from "./network.ts";
import type { SimNode } from "./sim-node.ts";
import type { Stage } from "./stage.ts";

export class Faults {
  private readonly stage: Stage;
  private readonly network: Network;
  /** How likely a member that has just won an election is cut off or crashes at once. */
  private hunt = 0;
  private readonly slowCrashChance: number;

  constructor(stage: Stage, network: Network, slowCrashChance: number) {
    this.stage = stage;
    this.network = network;
    this.slowCrashChance = slowCrashChance;
  }

  changeWeather(): void {
    this.hunt = this.stage.random.chance(0.5) ? 0.8 : 0.05;
  }

  /** Now and then everybody at once: the power of the whole room. */
  crash(): void {
    const { random } = this.stage;
    const up = this.stage.up();
    const victims = random.chance(0.1) ? up : [this.stage.pick(up)];
    for (const node of victims) {
      if (node !== undefined) this.crashOne(node, 200 + random.below(5000));
    }
  }

  crashOne(node: SimNode, downMs: number): void {
    node.crash();
    this.stage.timeline.after(downMs, () => this.restart(node));
  }

  restart(node: SimNode): void {
    if (node.raw !== undefined || node.gone) return;
    node.start();
    this.stage.counters.add("restart");
  }

  pause(): void {
    const { counters, random, timeline } = this.stage;
    const node = this.stage.pick(this.stage.up());
    if (node === undefined) return;
    node.pausedUntilMs = timeline.nowMs + 200 + random.below(6000);
    counters.add("pause");
  }

  jumpClock(): void {
    const { counters, random } = this.stage;
    const node = this.stage.pick(this.stage.up());
    if (node === undefined) return;
    counters.add("clock jumped ahead");
    node.jump(2 + random.below(30));
  }

  /** Log compaction at a random moment. */
  checkpoint(): void {
    const node = this.stage.pick(this.stage.up());
    if (node !== undefined) node.wantsCheckpoint = true;
  }

  /** A leader may take a member for further behind than it is: its state comes in the log's way. */
  sendUnaskedState(): void {
    const leader = this.stage.leader();
    const { learners, voters } = leader?.app.confState ?? { learners: [], voters: [] };
    const to = this.stage.pick([...voters, ...learners]);
    if (leader !== undefined && to !== undefined && to !== leader.id) this.sendState(leader, to);
  }

  /** The state overtakes a change of membership that it holds already. */
  overtakeChange(node: SimNode): void {
    const { random } = this.stage;
    const leader = this.stage.leader();
    if (leader === undefined || leader === node || !random.chance(0.3)) return;
    this.soon(leader, random.below(100), () => this.sendState(leader, node.id));
  }

  private sendState(leader: SimNode, to: bigint): void {
    if (leader.raw === undefined) return;
    const { role, term } = leader.raw.status();
    if (role !== "leader") return;
    this.stage.counters.add("state sent unasked");
    const message = { type: MessageType.MsgSnap, from: leader.id, to, term };
    this.network.send(leader.id, leader.withState(Message.fromPartial(message)));
  }

  /**
   * A leader that disappears right after its election leaves entries behind that few have: figure 8
   * of the paper needs several in a row.
   */
  huntLeader(leader: SimNode): void {
    const { counters, random } = this.stage;
    if (!random.chance(this.hunt)) return;
    this.soon(leader, random.below(80), () => {
      counters.add("new leader lost at once");
      if (random.chance(0.3)) this.crashOne(leader, 100 + random.below(1000));
      else this.network.isolate(new Set([leader.id]), 500 + random.below(2500));
    });
  }

  /** Whoever has not yet got the leader's own entries may now elect one that has neither. */
  dropLeader(leader: SimNode): void {
    const { counters, random } = this.stage;
    if (this.stage.healing || !random.chance(this.hunt / 4)) return;
    counters.add("leader lost before its own entries");
    this.network.isolate(new Set([leader.id]), 500 + random.below(2500));
  }

  /**
   * The leader acts by a joint configuration that others have not applied: now its incoming half
   * alone can hear it, so that what it commits must wait for the outgoing one.
   */
  splitJoint(node: SimNode): void {
    const { counters, random } = this.stage;
    if (this.stage.healing || node.role !== "leader" || !random.chance(0.6)) return;
    const { voters } = node.app.confState;
    const side = new Set([node.id as bigint]);
    const rest = voters.filter((id) => id !== node.id);
    while (side.size < Math.floor(voters.length / 2) + 1 && rest.length > 0) {
      side.add(rest.splice(random.below(rest.length), 1)[0]!);
    }
    counters.add("joint configuration split");
    this.network.isolate(side, 1500 + random.below(6000));
  }

  /** A leader's disk takes long; what it told others by then must outlive what the disk loses. */
  crashBeforeSynced(node: SimNode, durationMs: number): void {
    const { counters, random } = this.stage;
    if (node.role !== "leader" || !random.chance(this.slowCrashChance)) return;
    this.soon(node, random.below(durationMs), () => {
      counters.add("leader crashed while its disk was slow");
      this.crashOne(node, 100 + random.below(2000));
    });
  }

  crashInInstall(node: SimNode, durationMs: number): void {
    const { counters, random } = this.stage;
    if (!random.chance(0.15)) return;
    this.soon(node, random.below(Math.max(1, durationMs)), () => {
      counters.add("crash in the middle of an install");
      this.crashOne(node, 100 + random.below(2000));
    });
  }

  /** Unless the member has ended by then, or the faults have. */
  private soon(node: SimNode, delayMs: number, run: () => void): void {
    const { life } = node;
    if (this.stage.healing) return;
    this.stage.timeline.after(delayMs, () => {
      if (!this.stage.healing && node.life === life) run();
    });
  }
}
