// A network that loses, doubles, delays, reorders and cuts. A whole state travels more slowly, and its
// sender is told whether it arrived, not always truly.
import { assert } from "#base/assert.ts";
import type { MemberId } from "#base/ids.ts";
import { type Message, MessageType } from "#proto/gen/raft.ts";
import type { RawNode } from "#server/raft/raw-node.ts";
import { isMember } from "./applied-state.ts";
import type { SimNode } from "./sim-node.ts";
import type { Stage } from "./stage.ts";

interface Cut {
  readonly from: ReadonlySet<bigint>;
  readonly to: ReadonlySet<bigint>;
  readonly oneWay: boolean;
  readonly untilMs: number;
}

/** What a copy of a message is: only the first one's fate is reported. */
interface Sent {
  readonly from: MemberId;
  readonly message: Message;
  readonly reported: boolean;
}

export class Network {
  private readonly stage: Stage;
  private cuts: Cut[] = [];
  private loss = 0;
  private doubling = 0;
  private delayMs = 5;
  private reordering = 0.02;

  constructor(stage: Stage) {
    this.stage = stage;
  }

  changeWeather(): void {
    const { random } = this.stage;
    const rough = random.chance(0.4);
    this.loss = rough ? random.below(25) / 100 : random.below(3) / 100;
    this.doubling = rough ? random.below(15) / 100 : 0.01;
    this.delayMs = rough ? 1 + random.below(150) : 1 + random.below(10);
    this.reordering = rough ? 0.1 : 0.02;
  }

  heal(): void {
    this.cuts = [];
    this.loss = 0;
    this.doubling = 0;
    this.delayMs = 5;
    this.reordering = 0;
  }

  /** Parts the members at random, often so that the leader is alone: there old leaders come from. */
  cut(): void {
    const { counters, random, timeline } = this.stage;
    const ids = this.stage.ids();
    const leader = this.stage.leader();
    let side: ReadonlySet<bigint> = new Set(ids.filter(() => random.chance(0.4)));
    if (leader !== undefined && random.chance(0.5)) side = new Set([leader.id]);
    const others = new Set<bigint>(ids.filter((id) => !side.has(id)));
    const oneWay = random.chance(0.3);
    counters.add(oneWay ? "one-way partition" : "partition");
    const untilMs = timeline.nowMs + 500 + random.below(8000);
    this.cuts.push(
      random.chance(0.5)
        ? { from: side, to: others, oneWay, untilMs }
        : { from: others, to: side, oneWay, untilMs },
    );
  }

  /** Nobody outside hears of `side` for so long, nor the other way round. */
  isolate(side: ReadonlySet<bigint>, durationMs: number): void {
    const others = new Set<bigint>(this.stage.ids().filter((id) => !side.has(id)));
    const untilMs = this.stage.timeline.nowMs + durationMs;
    this.cuts.push({ from: side, to: others, oneWay: false, untilMs });
  }

  isCut(from: bigint, to: bigint): boolean {
    const { nowMs } = this.stage.timeline;
    while (this.cuts.length > 0 && this.cuts[0]!.untilMs <= nowMs) this.cuts.shift();
    return this.cuts.some(
      (cut) =>
        cut.untilMs > nowMs &&
        ((cut.from.has(from) && cut.to.has(to)) ||
          (!cut.oneWay && cut.from.has(to) && cut.to.has(from))),
    );
  }

  send(from: MemberId, message: Message): void {
    const { counters, random } = this.stage;
    this.setOff({ from, message, reported: message.type === MessageType.MsgSnap });
    if (!random.chance(this.doubling)) return;
    counters.add(message.type === MessageType.MsgSnap ? "snapshot doubled" : "message doubled");
    this.setOff({ from, message, reported: false });
  }

  private setOff(sent: Sent): void {
    const { counters, random } = this.stage;
    const { from, message } = sent;
    const isSnapshot = message.type === MessageType.MsgSnap;
    const to = this.stage.node(message.to);
    const cut = this.isCut(from, message.to);
    const dropped = !cut && random.chance(this.loss);
    if (cut) counters.add("message cut by a partition");
    if (dropped) counters.add(isSnapshot ? "snapshot lost" : "message dropped");
    if (cut || dropped || to?.raw === undefined) this.report(sent, false);
    else this.carry(sent, to);
  }

  private carry(sent: Sent, to: SimNode): void {
    const { counters, random, timeline } = this.stage;
    const { from, message } = sent;
    const isSnapshot = message.type === MessageType.MsgSnap;
    let delayMs = 1 + random.below(this.delayMs) + (isSnapshot ? 20 + random.below(400) : 0);
    if (random.chance(this.reordering)) {
      delayMs += random.below(random.chance(0.5) ? 100 : 1500);
      counters.add("message reordered");
    }
    const { life } = to;
    timeline.after(delayMs, () => {
      // A partition takes what is under way too.
      const arrives = to.life === life && to.raw !== undefined && !this.isCut(from, message.to);
      this.report(sent, arrives);
      if (!arrives) return;
      const { confState } = to.app;
      if (confState.voters.length > 0 && !isMember(confState, from)) {
        counters.add("message of one who is no member");
      }
      to.input((raw) => stepHonest(raw, { ...message }));
    });
  }

  private report(sent: Sent, arrived: boolean): void {
    if (!sent.reported) return;
    const { counters, random, timeline } = this.stage;
    const sender = this.stage.node(sent.from)!;
    const { life } = sender;
    // Delivered, but to a process that ended before it had made anything of it.
    const believed = arrived || random.chance(0.2);
    if (believed && !arrived) counters.add("snapshot lost, and said to have arrived");
    timeline.after(1 + random.below(300), () => {
      if (sender.life !== life) return;
      const outcome = believed ? "finish" : "failure";
      sender.input((raw) => raw.reportSnapshot(sent.message.to as MemberId, outcome));
    });
  }
}

/** Nobody lies here: a leader that counts on what a log does not hold has broken it. */
function stepHonest(raw: RawNode, message: Message): void {
  const result = raw.step(message);
  assert(
    result !== "contradicts-log" && result !== "ignored-second-leader",
    `${message.type} of term ${message.term}: ${result}`,
  );
}
